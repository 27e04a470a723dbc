//! Capture of 200 devices, beside asyncssh and OpenSSH's `ssh` under `xargs -P`, in one run.
//!
//!   cargo bench --bench fleet            (root on Linux; asyncssh comes from PyPI into a folder that goes away)
//!
//! The devices are 200 addresses of one sshd in a network namespace of its own, with a real ruleset, MaxStartups raised and
//! a plain shell without start-up files. Each tool opens one connection a device and gets the answers to the same
//! questions: all that sekisho asks an nftables host. sekisho does all of its own work besides: framing, proof, redaction,
//! hashing, the store. A capture is short when not every byte of the reference came. Aims, against asyncssh: 1.5 times the rate, a quarter of
//! the processor time, 30 MiB, no short capture.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints figures, and says what went wrong by panicking"
)]

mod common;
#[path = "fleet/lab.rs"]
mod lab;
#[path = "fleet/peers.rs"]
mod peers;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Cost, mib};
use lab::Lab;
use peers::Peers;

const DEVICES: usize = 200;
const AT_ONCE: [usize; 3] = [1, 16, 64];
const LIMIT: Duration = Duration::from_secs(300);

fn main() {
    if let Some(why) = lab::missing() {
        println!("fleet: not run: {why}");
        return;
    }
    let lab = Lab::start(DEVICES);
    let peers = Peers::prepare(&lab);
    if let Some(why) = &peers.no_asyncssh {
        println!("fleet: asyncssh is left out: {why}");
    }
    println!("tool         P   wall s captures/s  ms CPU each  peak MiB  short");
    for at_once in AT_ONCE {
        let ours = sekisho(&lab, at_once);
        row("sekisho", at_once, &ours);
        for (name, theirs) in peers.run(&lab, at_once) {
            row(name, at_once, &theirs);
            let cpu = ours.cost.cpu.as_secs_f64() / theirs.cost.cpu.as_secs_f64();
            println!(
                "          sekisho: {:.2} times its rate, {cpu:.2} of its CPU",
                rate(&ours) / rate(&theirs)
            );
        }
    }
}

/// What one tool did.
pub struct Result {
    cost: Cost,
    short: usize,
}

#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(result: &Result) -> f64 {
    (DEVICES - result.short) as f64 / result.cost.wall.as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
fn row(tool: &str, at_once: usize, result: &Result) {
    let cost = &result.cost;
    let each = cost.cpu.as_secs_f64() * 1e3 / DEVICES as f64;
    println!(
        "{tool:<9} {at_once:>4} {:>8.2} {:>10.1} {each:>12.1} {:>9.1} {:>6}",
        cost.wall.as_secs_f64(),
        rate(result),
        mib(cost.memory),
        result.short
    );
}

/// `sekisho capture` of every device into a store of its own; a device without all of its artifacts is short.
fn sekisho(lab: &Lab, at_once: usize) -> Result {
    let store = tempfile::tempdir().unwrap();
    let (site, hosts, key) = (lab.path("site.toml"), lab.path("known_hosts"), lab.path("client"));
    let (folder, at_once) = (store.path().display().to_string(), at_once.to_string());
    let words = [
        "ip",
        "netns",
        "exec",
        lab.namespace(),
        common::SEKISHO,
        "capture",
        "-q",
        "--phase",
        "before",
        "--id",
        "BENCH",
        "--site",
        &site,
        "--known-hosts",
        &hosts,
        "-i",
        &key,
        "--store",
        &folder,
        "--concurrency",
        &at_once,
    ];
    let cost = common::measure(&words, LIMIT);
    Result { cost, short: DEVICES - whole(store.path()) }
}

/// Devices of the only snapshot in a store that the manifest has no failure of.
fn whole(store: &Path) -> usize {
    let find = Command::new("find").arg(store).args(["-name", "manifest.json"]).output().unwrap();
    let path = String::from_utf8(find.stdout).unwrap();
    let Ok(text) = std::fs::read_to_string(path.trim()) else { return 0 };
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let devices = manifest["devices"].as_array().cloned().unwrap_or_default();
    devices.iter().filter(|d| d["failures"].as_array().is_none_or(Vec::is_empty)).count()
}
