//! The gate over folders: pairs of small states, and what the binary answers.

mod bounds;
mod exposure;
mod folders;
mod front;
mod near_misses;
mod new_server;
mod planned_relay;
mod proof;
mod safeguards;
mod saved;
mod saved_firewalld;
mod saved_ufw;
mod stored;
mod unread;
mod window;
mod zones;

use std::fs;
use std::path::Path;
use std::process::Command;

/// Files of one device: artifact and content.
type Files<'a> = &'a [(&'a str, &'a str)];

/// What `check` answers for a device called `host` in two states.
fn check(before: Files<'_>, after: Files<'_>) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let write = |state: &str, files: Files<'_>| {
        for (name, content) in files {
            let path = folder.path().join(state).join("host").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    };
    write("before", before);
    write("after", after);
    run(folder.path())
}

fn run(folder: &Path) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command
        .current_dir(folder)
        .args(["check", "--before", "before", "--after", "after", "--output", "json=-"]);
    let done = command.output().unwrap();
    let result = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&done.stderr)));
    Answer { code: done.status.code().unwrap(), result }
}

/// Exit code and result.
struct Answer {
    code: i32,
    result: serde_json::Value,
}
