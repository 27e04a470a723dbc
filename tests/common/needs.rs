//! Tests that need more than a compiler say here what they need, and are skipped loudly where it is absent.

use std::env;
use std::process::Command;

/// Whether `test` can run: as root, with all of `programs` on the path. Says on standard error what is missing.
pub(crate) fn root_and(test: &str, programs: &[&str]) -> bool {
    let mut missing: Vec<String> = programs.iter().filter(|p| !on_path(p)).map(|p| (*p).to_owned()).collect();
    if output("id", &["-u"]).as_deref().map(str::trim) != Some("0") {
        missing.insert(0, "root".to_owned());
    }
    if !missing.is_empty() {
        eprintln!("SKIPPED {test}: needs {}", missing.join(", "));
    }
    missing.is_empty()
}

/// What a program prints when it ends with status 0.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}
