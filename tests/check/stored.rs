//! The gate over snapshots: where their samples come from, the way back that it names, and what it says of damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sekisho::evidence::{Artifact, DeviceEvidence, Phase, Proof, Source, Store};
use sekisho::platform::{by_id, with_hosts};
use time::{Duration, OffsetDateTime};

/// A store with one snapshot a minute of a device that lets these ports in; gives the snapshots' folders.
fn store(at: &Path, looks: &[(Phase, &[&str])]) -> Vec<PathBuf> {
    let store = Store::open(at);
    let taken = (0..).zip(looks).map(|(minute, (phase, ports))| {
        let started = OffsetDateTime::UNIX_EPOCH + Duration::minutes(minute);
        let rule = |port: &str| {
            format!(
                r#", {{"rule": {{"family": "inet", "table": "t", "chain": "c", "handle": {port}, "expr": [
                {{"match": {{"op": "==", "left": {{"payload": {{"protocol": "tcp", "field": "dport"}}}}, "right": {port}}}}},
                {{"accept": null}}]}}}}"#
            )
        };
        let rules = format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "1.0.6", "json_schema_version": 1}}}},
            {{"table": {{"family": "inet", "name": "t", "handle": 1}}}},
            {{"chain": {{"family": "inet", "table": "t", "name": "c", "handle": 1, "type": "filter", "hook": "input",
            "prio": 0, "policy": "drop"}}}}{}]}}"#,
            ports.iter().map(|port| rule(port)).collect::<String>()
        );
        let mut device = DeviceEvidence::new("fw", vec!["nftables".to_owned()], Source::Snapshot);
        let mut put = |name: &str, text: &str, proof: Proof| {
            device.artifacts.insert(name.to_owned(), Artifact { bytes: text.as_bytes().into(), proof });
        };
        for platform in with_hosts(by_id("nftables")) {
            platform.ask().iter().for_each(|ask| put(&ask.artifact, "", Proof::Absent));
        }
        put("ip-addr.json", "[]\n", Proof::Complete);
        put("ip-route.json", "[]\n", Proof::Complete);
        put("ip-rule.json", "[]\n", Proof::Complete);
        put("sysctl.txt", "net.ipv4.ip_forward = 0\nnet.ipv6.conf.all.forwarding = 0\n", Proof::Complete);
        put("ss.txt", "", Proof::Complete);
        put("nft.json", &rules, Proof::Complete);
        let writer = store.begin("C-1", *phase, started).unwrap();
        writer.add(&device).unwrap();
        writer.finish(started + Duration::seconds(1)).unwrap().folder
    });
    taken.collect()
}

fn sekisho(at: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.current_dir(at).args(arguments).output().unwrap()
}

fn check(at: &Path, before: &Path, after: &Path, more: &[&str]) -> (i32, String, String) {
    let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
    let states = ["check", "--before", before, "--after", after];
    told(sekisho(at, &[&states[..], more].concat()))
}

fn told(done: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

const PASSED: [(Phase, &[&str]); 3] =
    [(Phase::Before, &["25"]), (Phase::During, &["22", "25"]), (Phase::After, &["25"])];

#[test]
fn samples_come_from_where_the_snapshots_lie() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let snapshots = store(&kept, &PASSED);
    // a store of the same change where the command is run has nothing to do with them
    fs::create_dir_all(folder.path().join(".sekisho/C-1")).unwrap();
    let (code, out, _) = check(folder.path(), &snapshots[0], &snapshots[2], &[]);
    assert_eq!((code, out.contains("was open during the work")), (1, true), "{out}");
    // what is closed already needs no way back
    assert!(!out.contains("sekisho rollback"), "{out}");
    // a sample that was taken away is missed
    fs::remove_dir_all(&snapshots[1]).unwrap();
    assert_eq!(check(folder.path(), &snapshots[0], &snapshots[2], &[]).0, 4);
}

#[test]
fn the_way_back_works_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".sekisho", "kept here"] {
        let at = folder.path().join(name);
        let snapshots = store(&at, &[(Phase::Before, &["25"]), (Phase::After, &["22", "25"])]);
        let relative = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_path_buf();
        let (before, after) = (relative(&snapshots[0]), relative(&snapshots[1]));
        let (code, out, _) = check(folder.path(), &before, &after, &[]);
        assert_eq!(code, 1, "{out}");
        let line = out.lines().find(|line| line.contains("sekisho rollback")).unwrap();
        assert_eq!(line.contains("--store"), name != ".sekisho", "{line}");
        let command = line.split_once("sekisho ").unwrap().1.split_once("   ").unwrap().0;
        let run = format!("{} {command}", env!("CARGO_BIN_EXE_sekisho"));
        let done = Command::new("sh").args(["-c", &run]).current_dir(folder.path()).output().unwrap();
        let (code, out, error) = told(done);
        assert_eq!((code, out.contains("# fw\n")), (0, true), "{command}: {error}");
    }
}

#[test]
fn a_state_before_needs_one_after() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, error) = told(sekisho(folder.path(), &["check", "--before", ".", "--lang", "en"]));
    assert_eq!((code, error.contains("--after")), (2, true), "{error}");
}

#[test]
fn errors_are_said_in_the_language_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let snapshots = store(&at.join(".sekisho"), &PASSED);
    fs::write(snapshots[2].join("fw/nft.txt"), "").unwrap();
    let states = ["check", "--before", "C-1:before", "--after"];
    let cases: [(&[&str], i32, [&str; 2]); 6] = [
        (&[&states[..], &["C-1:after"]].concat(), 4, ["was tampered with", "改ざん"]),
        (&[&states[..], &["none"]].concat(), 2, ["is no folder", "フォルダーはありません"]),
        (&[&states[..], &["git:nothing"]].concat(), 2, ["git", "git"]),
        (&["rollback", "C-9"], 2, ["there is no change", "記録がありません"]),
        (
            &["trace", "--platform", "nftables", "--input", "kept", "--queries", "none"],
            2,
            ["cannot read", "読み取れません"],
        ),
        (
            &["guard", "a@192.0.2.1", "--known-hosts", "none", "--", "true"],
            2,
            ["known hosts file", "known_hosts ファイル"],
        ),
    ];
    for (arguments, code, words) in cases {
        for (lang, words) in ["en", "ja"].into_iter().zip(words) {
            let (ended, _, error) = told(sekisho(at, &[&["--lang", lang], arguments].concat()));
            assert_eq!((ended, error.contains(words)), (code, true), "{arguments:?} {lang}: {error}");
        }
    }
}
