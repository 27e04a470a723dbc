//! `guard` around work on a real host, with no file prepared.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::Done;
use super::running::Running;
use crate::common::lab::{ADDRESS, Filter, Lab, OUTSIDE};

const OPEN: &str = "nft add rule inet filter input tcp dport 3389 accept";

/// Arguments of a guard around a shell command.
fn around<'a>(more: &[&'a str], shell: &'a str) -> Vec<&'a str> {
    let mut all = vec!["guard", "root@10.1.0.1"];
    all.extend(more);
    all.extend(["--", "sh", "-c", shell]);
    all
}

fn guard(lab: &Lab, more: &[&str], shell: &str) -> Done {
    Done::of(&mut lab.unprepared(&around(more, shell)))
}

/// Phases in the store of the only change.
fn phases(lab: &Lab) -> String {
    lab.run("cd ../bare/.sekisho/guard-*; ls | sed 's/-.*//' | uniq | tr '\n' ' '")
}

#[test]
fn the_verdict_is_ours_and_the_output_is_the_commands() {
    let Some(lab) = Lab::start("the_verdict_is_ours_and_the_output_is_the_commands", Filter::Nftables) else {
        return;
    };
    let done =
        guard(&lab, &[], &format!(r"printf 'one\n\033[1mtwo\001'; echo three >&2; {OPEN}; sleep 2; exit 7"));
    assert_eq!(done.out, "one\n\x1b[1mtwo\x01", "standard output is the command's alone");
    for words in [
        "before: captured; the work may begin\n",
        "\nthree\n",
        "the command ended after ",
        ": exit code 7\n",
        "DENY  host-10.1.0.1 lets anyone on the internet reach the device itself on tcp/3389",
    ] {
        assert!(done.err.contains(words), "{words}: {}", done.err);
    }
    assert!(!done.err.contains("UNDECIDED"), "{}", done.err);
    done.exits(1);
    assert_eq!(phases(&lab), "after before during ");
}

#[test]
fn a_failing_command_that_opens_nothing_is_allowed() {
    let Some(lab) = Lab::start("a_failing_command_that_opens_nothing_is_allowed", Filter::Iptables) else {
        return;
    };
    let done = guard(&lab, &[], "exit 3");
    assert!(done.err.contains(": exit code 3\n") && done.err.contains("\nALLOW  "), "{}", done.err);
    done.exits(0);
    let done = Done::of(&mut lab.unprepared(&["guard", "root@10.1.0.1", "--", "no-such-program"])).exits(2);
    assert!(done.err.contains("cannot run no-such-program: "), "{}", done.err);
}

#[test]
fn an_opening_that_is_expected_is_allowed_and_no_other() {
    let Some(lab) = Lab::start("an_opening_that_is_expected_is_allowed_and_no_other", Filter::Nftables)
    else {
        return;
    };
    let flow = format!("tcp any -> {OUTSIDE}:3389");
    let open =
        |port: u16| format!("nft add rule inet filter input ip daddr {OUTSIDE} tcp dport {port} accept");
    let done = guard(&lab, &["--expect", &flow], &open(3389));
    assert!(done.err.contains("opened 1 of 1 planned"), "{}", done.err);
    done.exits(0);
    let done = guard(&lab, &["--expect", &flow, "--id", "second"], &open(5900)).exits(1);
    assert!(done.err.contains("tcp/5900") && !done.err.contains("tcp/3389"), "{}", done.err);
    let done = guard(&lab, &["--expect", "tcp all to nowhere", "--id", "third"], "echo ran").exits(2);
    assert_eq!(done.out, "", "a plan that cannot be read is told before anything is run");
}

#[test]
fn an_open_relay_needs_no_preparation_either() {
    let Some(lab) = Lab::start("an_open_relay_needs_no_preparation_either", Filter::Iptables) else { return };
    let done = guard(&lab, &[], "postconf -e mynetworks=0.0.0.0/0; postfix reload").exits(1);
    assert!(
        done.err.contains("DENY  host-10.1.0.1 is an open mail relay: anyone on the internet"),
        "{}",
        done.err
    );
}

#[test]
fn signals_reach_the_command() {
    let Some(lab) = Lab::start("signals_reach_the_command", Filter::Nftables) else { return };
    let work = "for s in INT TERM HUP; do trap \"echo got $s; exit 5\" $s; done; echo up; \
        while :; do sleep 0.1; done";
    for signal in ["INT", "TERM", "HUP"] {
        let running = Running::start(&mut lab.unprepared(&around(&["--id", signal], work)));
        running.wait_for("up\n");
        running.signal(signal);
        let done = running.end().exits(0);
        assert_eq!(done.out, format!("up\ngot {signal}\n"));
        assert!(done.err.contains(": exit code 5\n") && done.err.contains("\nALLOW  "), "{}", done.err);
    }
}

#[test]
fn the_command_outlives_us() {
    let Some(lab) = Lab::start("the_command_outlives_us", Filter::Nftables) else { return };
    let work =
        "set -e; echo up; sleep 1; echo still here; echo whole > survived.tmp; mv survived.tmp survived";
    let running = Running::start(&mut lab.unprepared(&around(&[], work)));
    running.wait_for("up\n");
    running.signal("KILL");
    let done = running.end().exits(-1);
    assert_eq!(done.out, "up\nstill here\n");
    let start = Instant::now();
    while !lab.path("bare/survived").exists() {
        assert!(start.elapsed() < Duration::from_secs(10), "the command died with us");
        std::thread::sleep(Duration::from_millis(20));
    }
    // what stands in the store is whole all the same, and the next run goes on
    guard(&lab, &["--id", "next"], "true").exits(0);
    let change = lab.run("cd ../bare/.sekisho; ls -d guard-*");
    let before = format!("{}:before", change.trim());
    Done::of(&mut lab.unprepared(&["diff", &before, "next:after"])).exits(0);
}

#[test]
fn a_host_that_cannot_be_captured_does_not_stop_the_work() {
    let Some(lab) = Lab::start("a_host_that_cannot_be_captured_does_not_stop_the_work", Filter::Nftables)
    else {
        return;
    };
    let at = format!("root@{ADDRESS}:2222");
    let done = Done::of(&mut lab.unprepared(&["guard", &at, "--", "sh", "-c", "echo ran; exit 4"])).exits(3);
    assert_eq!(done.out, "ran\n");
    for words in ["The work goes on", "exit code 4", "UNDECIDED  "] {
        assert!(done.err.contains(words), "{words}: {}", done.err);
    }
    assert!(!done.err.contains("ALLOW"), "{}", done.err);
}

#[test]
fn a_host_that_says_nothing_delays_the_work_by_seconds() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = format!("root@{}", mute.local_addr().unwrap());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null());
    command.args(["guard", &at, "--lang", "en", "--", "echo", "ran"]);
    let start = Instant::now();
    let running = Running::start(&mut command);
    running.wait_for("ran\n");
    assert!(start.elapsed() < Duration::from_secs(21), "{:?}", start.elapsed());
    assert!(running.end().exits(3).err.contains("UNDECIDED  "));
}

#[test]
fn evidence_that_cannot_be_kept_leaves_the_work_unjudged() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("store"), "a file, no folder").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.current_dir(at).env("HOME", at).stdin(Stdio::null());
    command.args(["guard", "root@127.0.0.1:9", "--store", "store", "--lang", "en", "--", "echo", "ran"]);
    let done = Done::of(&mut command).exits(3);
    assert_eq!(done.out, "ran\n");
    assert!(done.err.contains("UNDECIDED  the work is done and could not be judged: "), "{}", done.err);
}

#[test]
fn what_would_keep_the_answer_away_is_said_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let guard = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null());
        let (host, work) = (["guard", "root@127.0.0.1:9", "--lang", "en"], ["--", "echo", "ran"]);
        command.args([&host[..], more, &work[..]].concat());
        let done = Done::of(&mut command).exits(2);
        assert_eq!(done.out, "", "{more:?}");
        done.err
    };
    assert!(guard(&["--id", "../x"]).contains("../x"));
    assert!(guard(&["--output", "json=/nowhere/at/all.json"]).contains("/nowhere/at/all.json"));
    let said = guard(&["--expect", "tcp any => 203.0.113.10:25"]);
    assert!(said.starts_with("--expect:1:"), "{said}");
    assert!(said.contains("| tcp any => 203.0.113.10:25\n"), "{said}");
}

#[test]
fn a_result_on_standard_output_is_alone_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null());
    command.args(["guard", "root@127.0.0.1:9", "--output", "json=-", "--", "echo", "ran"]);
    let done = Done::of(&mut command).exits(3);
    assert_eq!(done.json()["verdict"], "UNDECIDED");
    assert!(done.err.contains("ran\n"), "{}", done.err);
}

#[test]
fn without_a_command_enter_ends_the_work() {
    let Some(lab) = Lab::start("without_a_command_enter_ends_the_work", Filter::Nftables) else { return };
    let mut command = lab.unprepared(&["guard", "root@10.1.0.1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    lab.run(OPEN);
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"\n").unwrap();
    let done = Done::read(child.wait_with_output().unwrap()).exits(1);
    assert!(
        done.err.contains("Press Enter when it is done") && done.err.contains("tcp/3389"),
        "{}",
        done.err
    );
}
