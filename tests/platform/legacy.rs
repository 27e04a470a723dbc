//! Legacy tables beside an nf_tables `iptables-save`: what cannot be listed is a failure, never "there is none".

use std::os::unix::fs::symlink;
use std::process::Command;

use sekisho::platform::{self, How};

use crate::common::needs;

/// What `capture` runs for an artifact of iptables.
fn question(artifact: &str) -> String {
    let asks = platform::by_id("iptables").unwrap().ask();
    match asks.into_iter().find(|ask| ask.artifact == artifact).unwrap().how {
        How::Command(command) => command,
        How::File(path) => panic!("{path} is no command"),
    }
}

/// Exit status of the question in a network namespace prepared by `first`, where `tools` are all the tools there are.
fn status(first: &str, tools: &[(&str, &str)]) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    for (name, target) in [("sh", "/bin/sh"), ("grep", "/bin/grep")].iter().chain(tools) {
        symlink(target, folder.path().join(name)).unwrap();
    }
    let inside = format!("{first}; PATH={} exec sh -c \"$1\"", folder.path().display());
    let mut command = Command::new("timeout");
    command.args([
        "20",
        "unshare",
        "--net",
        "sh",
        "-c",
        &inside,
        "sh",
        &question("iptables-legacy-save.txt"),
    ]);
    command.output().unwrap().status.code()
}

#[test]
fn legacy_tables_that_no_tool_lists_are_a_failure() {
    let name = "legacy_tables_that_no_tool_lists_are_a_failure";
    if !needs::met(name, &[needs::ROOT, "iptables", "iptables-legacy", "unshare", "timeout"]) {
        return;
    }
    let rule = "PATH=$PATH:/usr/sbin iptables-legacy -A INPUT -p tcp --dport 22 -j DROP";
    let (nft, legacy) = ("/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi");
    let (save, own) = ("iptables-save", "iptables-legacy-save");
    assert_eq!(status(rule, &[(save, nft)]), Some(1), "only the nf_tables variant is installed");
    assert_eq!(status(rule, &[]), Some(1), "nothing is installed");
    assert_eq!(status(rule, &[(save, nft), (own, legacy)]), Some(0));
    let absent = i32::try_from(platform::ABSENT_STATUS).ok();
    assert_eq!(status(rule, &[(save, legacy)]), absent, "iptables-save.txt holds them");
    assert_eq!(status("true", &[(save, nft)]), absent, "there are no legacy tables");
}
