//! Start-up: `sekisho --version` beside `true`. Aim: under 10 ms.
//!
//!   cargo bench --bench start

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints figures, and says what went wrong by panicking"
)]

mod common;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 100;

fn main() {
    let [ours, least] = [&[common::SEKISHO, "--version"][..], &["true"]].map(median);
    println!(
        "start-up, median of {RUNS}: sekisho --version {:.2} ms, true {:.2} ms; {:.1} times",
        ours.as_secs_f64() * 1e3,
        least.as_secs_f64() * 1e3,
        ours.as_secs_f64() / least.as_secs_f64()
    );
}

fn median(words: &[&str]) -> Duration {
    let once = || {
        let start = Instant::now();
        let status = Command::new(words[0]).args(&words[1..]).stdout(Stdio::null()).status().unwrap();
        assert!(status.success());
        start.elapsed()
    };
    once();
    let mut all: Vec<Duration> = (0..RUNS).map(|_| once()).collect();
    all.sort();
    all[RUNS / 2]
}
