//! `check` of a pair of snapshots with 1,000 devices, beside `sha256sum` over the same files. Aim: under 5 s and 500 MB.
//!
//!   cargo bench --bench pair
//!
//! The devices are those of the incidents in `fixtures/`, each as often as it takes, with addresses and ports of its own;
//! one in ten has changed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints figures, and says what went wrong by panicking"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEVICES: usize = 1_000;

fn main() {
    let work = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/incidents");
    let sources = devices(&fixtures);
    for number in 0..DEVICES {
        let (before, after) = &sources[number % sources.len()];
        let name = format!("device-{number:04}");
        lay(before, &work.path().join("before").join(&name), number);
        let changed = (number / sources.len()).is_multiple_of(10);
        lay(if changed { after } else { before }, &work.path().join("after").join(&name), number);
    }
    let path = |state: &str| work.path().join(state).display().to_string();
    let (before, after) = (path("before"), path("after"));
    let check = [common::SEKISHO, "check", "-q", "--before", &before, "--after", &after];
    let limit = Duration::from_secs(300);
    let ours = common::measure(&check, limit);
    let sums = format!("find {before} {after} -type f -exec sha256sum {{}} +");
    let unit = common::measure(&["sh", "-c", &sums], limit);
    println!(
        "check of a pair with {DEVICES} devices: {:.2} s, {:.2} s of processor time, {:.0} MiB, exit {:?}",
        ours.wall.as_secs_f64(),
        ours.cpu.as_secs_f64(),
        common::mib(ours.memory),
        ours.code
    );
    println!(
        "sha256sum over the same files: {:.2} s; check takes {:.1} times as long",
        unit.wall.as_secs_f64(),
        ours.wall.as_secs_f64() / unit.wall.as_secs_f64()
    );
}

/// Every device of every incident: its folder before and after.
fn devices(fixtures: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut out = Vec::new();
    for story in folders(fixtures) {
        for before in folders(&story.join("before")) {
            let after = story.join("after").join(before.file_name().unwrap());
            out.push((before, after));
        }
    }
    assert!(!out.is_empty());
    out
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    all.sort();
    all
}

/// Copies a device's folder; every network of documentation gets bytes of the device's own.
fn lay(from: &Path, to: &Path, number: usize) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            lay(&entry.path(), &target, number);
        } else {
            let text = fs::read(entry.path()).unwrap();
            let text = String::from_utf8_lossy(&text).replace("10.1.", &format!("10.{}.", 1 + number % 200));
            fs::write(target, text).unwrap();
        }
    }
}
