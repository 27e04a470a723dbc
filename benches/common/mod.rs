//! What the benches share: a command's time, processor time and memory, and lines of figures.

#![allow(dead_code, reason = "each bench uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a command took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// From start to end.
    pub(crate) wall: Duration,
    /// Processor time, user and system, of it and of all that it started.
    pub(crate) cpu: Duration,
    /// Highest sum of the proportional memory (PSS) of it and of all that it started, in bytes.
    pub(crate) memory: u64,
    /// How it ended.
    pub(crate) code: Option<i32>,
}

/// Runs a command with its output into the bin, and measures it. No longer than `limit`.
pub(crate) fn measure(words: &[&str], limit: Duration) -> Cost {
    let times = tempfile::NamedTempFile::new().unwrap();
    let script = r#"TIMEFORMAT='%U %S'; { time timeout "$0" "${@:2}" >/dev/null 2>/dev/null 3>&-; } 2>"$1""#;
    let mut command = Command::new("bash");
    command.args(["-c", script, &limit.as_secs().max(1).to_string()]).arg(times.path()).args(words);
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut memory = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        memory = memory.max(tree_memory(child.id()));
        std::thread::sleep(Duration::from_millis(20));
    };
    let wall = start.elapsed();
    let text = fs::read_to_string(times.path()).unwrap();
    let seconds: f64 = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok()).sum();
    Cost { wall, cpu: Duration::from_secs_f64(seconds), memory, code: status.code() }
}

/// The PSS of everything below a process, itself and the programs that only wait (bash, timeout, xargs) left out.
fn tree_memory(root: u32) -> u64 {
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        parents.extend(parent.map(|parent| (id, parent)));
    }
    let mut inside = BTreeSet::from([root]);
    loop {
        let more: Vec<u32> = parents
            .iter()
            .filter(|(id, parent)| inside.contains(parent) && !inside.contains(id))
            .map(|(id, _)| *id)
            .collect();
        if more.is_empty() {
            break;
        }
        inside.extend(more);
    }
    let pss = |id: &u32| {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        if *id == root || ["bash", "timeout", "xargs"].contains(&name.trim()) {
            return None;
        }
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    inside.iter().filter_map(pss).sum::<u64>() * 1024
}

/// A number of bytes as mebibytes.
#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// Runs a preparation that must succeed.
pub(crate) fn must(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(
        done.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Where the program under measurement is.
pub(crate) const SEKISHO: &str = env!("CARGO_BIN_EXE_sekisho");
