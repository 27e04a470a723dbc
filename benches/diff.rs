//! `diff` and `exposure` of lists of 1,000, 10,000 and 100,000 rules, iptables and nftables, each as a whole process on
//! one core, from files to JSON. Beside them, in the same run, `diff -u` of the two texts, and aerleon's `aclcheck` asked
//! about one packet on the same list.
//!
//!   cargo bench --bench diff            (aerleon comes from PyPI into a folder that goes away)
//!
//! The lists are made here, shaped like real ones: servers in subnets, sites and hosts that may reach them, single ports and ranges, four
//! fifths permits;
//! twenty rules differ. The nftables form is what a capture holds: JSON and text. Aims: `diff` of 10,000 rules under 0.5 s
//! and 200 MB, of 100,000 under 10 s and 2 GB; `exposure` under 2 s and 20 s; time that grows no faster than n log n.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a bench prints figures, and says what went wrong by panicking"
)]

mod common;
#[path = "diff/lists.rs"]
mod lists;
#[path = "diff/peers.rs"]
mod peers;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{Cost, SEKISHO, measure, mib};
use lists::{Form, List};
use peers::Aerleon;

/// What is aimed at: seconds and MB of `diff`, seconds of `exposure`.
type Aims = (f64, f64, f64);

/// Numbers of rules, and what is aimed at for them.
const AIMS: [(usize, Option<Aims>); 3] =
    [(1_000, None), (10_000, Some((0.5, 200.0, 2.0))), (100_000, Some((10.0, 2_000.0, 20.0)))];
const LIMIT: Duration = Duration::from_secs(300);

fn main() {
    let aerleon = Aerleon::install();
    if let Err(why) = &aerleon {
        println!("diff: aerleon is left out: {why}");
    }
    let mut before: Vec<Vec<f64>> = Vec::new();
    for (rules, aims) in AIMS {
        let work = tempfile::tempdir().unwrap();
        let [list, changed] = List::pair(rules);
        let packet = aerleon.as_ref().ok().map(|aerleon| aerleon.one_packet(&list, work.path(), LIMIT));
        let mut times = Vec::new();
        for form in Form::BOTH {
            let folder = work.path().join(form.platform());
            form.lay(&list, &folder.join("before"));
            form.lay(&changed, &folder.join("after"));
            times.extend(both(form, rules, &folder, aims, packet.as_ref()));
        }
        if let Some(earlier) = before.last() {
            growth(rules, earlier, &times);
        }
        before.push(times);
    }
}

/// `diff` and `exposure` of one pair, with what stands beside them; their seconds.
fn both(form: Form, rules: usize, folder: &Path, aims: Option<Aims>, packet: Option<&Cost>) -> [f64; 2] {
    let path = |name: &str| folder.join(name).display().to_string();
    let (before, after, answer) = (path("before"), path("after"), path("answer.json"));
    let output = format!("json={answer}");
    let options = ["--platform", form.platform(), "--quiet", "--output", &output];
    let run = |words: &[&str]| {
        let cost = measure(&[&["taskset", "-c", "0", SEKISHO], words, &options].concat(), LIMIT);
        assert!(matches!(cost.code, Some(0 | 3)), "{words:?}: {:?}", cost.code);
        let answer: serde_json::Value = serde_json::from_slice(&fs::read(&answer).unwrap()).unwrap();
        (cost, answer["devices"][0].clone())
    };
    let (diff, device) = run(&["diff", &before, &after]);
    let (opened, closed) = (count(&device["flows"]["opened"]), count(&device["flows"]["closed"]));
    assert!(opened > 0 && device["text"][0]["added"] != 0, "no difference");
    let text = |state: &str| format!("{}/{}", path(state), form.text());
    let unit = measure(&["taskset", "-c", "0", "diff", "-u", &text("before"), &text("after")], LIMIT);
    let name = form.platform();
    println!("{rules} rules, {name}: diff {}; {opened} opened, {closed} closed", figures(&diff));
    met(aims.map(|(seconds, mb, _)| (seconds, Some(mb))), &diff);
    beside(&diff, &unit, packet);
    let (whole, device) = run(&["exposure", &after]);
    println!(
        "{rules} rules, {name}: exposure {}; {} boxes",
        figures(&whole),
        count(&device["flows"]["open"])
    );
    met(aims.map(|(.., seconds)| (seconds, None)), &whole);
    beside(&whole, &unit, packet);
    [seconds(&diff), seconds(&whole)]
}

/// Boxes in a list; none may be a guess.
fn count(list: &serde_json::Value) -> usize {
    let boxes = list.as_array().unwrap();
    assert!(boxes.iter().all(|flow| flow["certainty"] == "certain"), "not exact");
    boxes.len()
}

fn seconds(cost: &Cost) -> f64 {
    cost.wall.as_secs_f64()
}

fn figures(cost: &Cost) -> String {
    let processor = cost.cpu.as_secs_f64();
    format!("{:.2} s ({processor:.2} s of processor time), {:.0} MiB", seconds(cost), mib(cost.memory))
}

fn met(aim: Option<(f64, Option<f64>)>, cost: &Cost) {
    let Some((most, mb)) = aim else { return };
    let memory = mb.is_none_or(|mb| cost.memory as f64 <= mb * 1e6);
    let word = if seconds(cost) <= most && memory { "met" } else { "MISSED" };
    let room = mb.map_or(String::new(), |mb| format!(" and {mb} MB"));
    println!("    aim {most} s{room}: {word}");
}

fn beside(cost: &Cost, unit: &Cost, packet: Option<&Cost>) {
    let ratio = |other: &Cost| seconds(cost) / seconds(other);
    println!("    {:.1} times diff -u of the texts ({:.2} s)", ratio(unit), seconds(unit));
    match packet {
        Some(packet) if packet.code == Some(0) => {
            println!("    {:.2} times aclcheck on one packet ({:.2} s)", ratio(packet), seconds(packet));
        }
        Some(packet) => println!("    aclcheck gave no answer within {:.0} s", seconds(packet)),
        None => {}
    }
}

/// How much longer ten times as many rules take, for each form and command.
fn growth(rules: usize, earlier: &[f64], now: &[f64]) {
    let fewer = rules as f64 / 10.0;
    let n_log_n = 10.0 * (rules as f64).ln() / fewer.ln();
    let names = Form::BOTH.iter().flat_map(|f| ["diff", "exposure"].map(|c| format!("{c} {}", f.platform())));
    for ((name, before), after) in names.zip(earlier).zip(now) {
        let times = after / before;
        let word = if times <= n_log_n { "no faster" } else { "FASTER" };
        println!(
            "    {name}: {fewer} to {rules} rules take {times:.1} times as long; n log n {n_log_n:.1}: {word}"
        );
    }
}
