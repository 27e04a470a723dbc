//! Plain folders and revisions: nothing in them is passed over, and what is under review does not declare what is
//! allowed.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const CLOSED: &str = "table inet t {\n chain c {\n  type filter hook input priority 0; policy drop;\n }\n}\n";

fn open() -> String {
    CLOSED.replace("policy drop;\n", "policy drop;\n  tcp dport 3389 accept\n")
}

fn write(at: &Path, file: &str, text: &str) {
    let path = at.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Exit code and result of a check in this folder.
fn check(at: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    let output =
        command.current_dir(at).args(["check", "--output", "json=-"]).args(arguments).output().unwrap();
    let result = serde_json::from_slice(&output.stdout);
    let result = result.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), result)
}

const PAIR: [&str; 4] = ["--before", "before", "--after", "after"];

/// The codes of the reasons that are given, each once.
fn reasons(result: &Value) -> Vec<&str> {
    let findings = result["findings"].as_array().unwrap().iter();
    let all = findings.filter_map(|f| f["reasons"].as_array()).flatten();
    let mut codes: Vec<&str> = all.map(|reason| reason["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[cfg(unix)]
#[test]
fn what_is_behind_a_link_is_not_passed_over() {
    let link = |to: &str, from: &Path| std::os::unix::fs::symlink(to, from).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (state, rules) in [("before", CLOSED.to_owned()), ("after", open())] {
        write(at, &format!("{state}/fw/nft.txt"), CLOSED);
        write(at, &format!("elsewhere/{state}/nft.txt"), &rules);
        link(&format!("../elsewhere/{state}"), &at.join(state).join("fw2"));
    }
    let (exit, result) = check(at, &PAIR);
    assert_eq!((exit, reasons(&result)), (3, vec!["not-followed", "platform-unknown"]), "{result}");
    for state in ["before", "after"] {
        fs::remove_file(at.join(state).join("fw2")).unwrap();
        fs::create_dir(at.join(state).join("fw2")).unwrap();
        link(&format!("../../elsewhere/{state}/nft.txt"), &at.join(state).join("fw2/nft.txt"));
    }
    assert_eq!(check(at, &PAIR).0, 3);
    // a link beside the devices that are declared is nobody's device
    write(at, "site.toml", "[site]\nname = \"s\"\n[[device]]\nname = \"fw\"\nplatforms = [\"nftables\"]\n");
    assert_eq!(check(at, &PAIR).0, 0);
}

#[test]
fn a_device_in_a_hidden_folder_is_a_device() {
    let folder = tempfile::tempdir().unwrap();
    for (state, rules) in [("before", CLOSED.to_owned()), ("after", open())] {
        write(folder.path(), &format!("{state}/fw/nft.txt"), CLOSED);
        write(folder.path(), &format!("{state}/.github/settings.yml"), &rules);
    }
    assert_eq!(check(folder.path(), &PAIR).0, 0);
    for (state, rules) in [("before", CLOSED.to_owned()), ("after", open())] {
        write(folder.path(), &format!("{state}/.fw2/nft.txt"), &rules);
    }
    assert_eq!(check(folder.path(), &PAIR).0, 1);
}

#[test]
fn an_artifact_that_no_platform_of_the_device_reads_is_told_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let put = |file: &str, before: &str, after: &str| {
        write(at, &format!("before/fw/{file}"), before);
        write(at, &format!("after/fw/{file}"), after);
    };
    put("nft.txt", CLOSED, CLOSED);
    // a file that no configuration leads to
    put("files/etc/motd", "a\n", "b\n");
    put("running-config.txt", "deny ip any any\n", "deny ip any any\n");
    assert_eq!(check(at, &PAIR).0, 0);
    put("running-config.txt", "deny ip any any\n", "permit ip any any\n");
    let (exit, result) = check(at, &PAIR);
    assert_eq!((exit, reasons(&result)), (3, vec!["read-by-none"]), "{result}");
    put("running-config.txt", "", "");
    put("files/etc/mail/access", "", "Connect:203 RELAY\n");
    assert_eq!(check(at, &PAIR).0, 3);
    put("files/etc/mail/access", "", "");
    // what is declared is not all there is
    put("nft.txt", CLOSED, &open());
    put("files/etc/postfix/main.cf", "", "");
    write(at, "site.toml", "[site]\nname = \"s\"\n[[device]]\nname = \"fw\"\nplatforms = [\"postfix\"]\n");
    let (exit, result) = check(at, &PAIR);
    assert_eq!(exit, 3);
    assert!(reasons(&result).contains(&"read-by-none"), "{result}");
}

const PLAN: &str = r#"[change]
id = "CHG-1"
title = "t"
start = 2026-01-01T00:00:00Z
end = 2026-01-01T01:00:00Z
[scope]
devices = ["fw"]
[[expect.open]]
device = "fw"
flows = ["any any -> any"]
"#;
const SITE: &str = "[site]\nname = \"s\"\n[[device]]\nname = \"fw\"\nplatforms = [\"nftables\"]\n";

#[test]
fn the_state_after_does_not_bring_its_own_plan() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (state, rules) in [("before", CLOSED.to_owned()), ("after", open())] {
        write(at, &format!("{state}/fw/nft.txt"), &rules);
    }
    write(at, "after/site.toml", SITE);
    write(at, "after/change.toml", PLAN);
    assert_eq!(check(at, &PAIR).0, 1);
    // beside the state before they were approved
    write(at, "before/site.toml", SITE);
    write(at, "before/change.toml", PLAN);
    let (exit, result) = check(at, &PAIR);
    assert_eq!(exit, 0, "{result}");
}

#[test]
fn a_revision_under_review_does_not_bring_its_own_rules() {
    if !crate::common::needs::met("a_revision_under_review_does_not_bring_its_own_rules", &["git"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"];
        let output = Command::new("git").current_dir(at).args(who).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "-q"]);
    let site = format!("{SITE}[rules]\npacks = [\"default\", \"rules/more.toml\"]\n");
    let rule = |severity: &str| {
        let shipped = include_str!("../../rules/default.toml");
        let from = shipped.find("[[rule]]\nid = \"port-exposed\"").unwrap();
        let rest = &shipped[from..];
        let one = rest[8..].find("[[rule]]").map_or(rest, |to| &rest[..to + 8]);
        one.replace("severity = \"high\"", &format!("severity = \"{severity}\""))
            .replace("severity = \"critical\"", &format!("severity = \"{severity}\""))
    };
    write(at, "site.toml", &site);
    write(at, "rules/more.toml", &rule("critical"));
    write(at, "fw/nft.txt", CLOSED);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "base"]);
    write(at, "fw/nft.txt", &open());
    write(at, "rules/more.toml", "# no rule\n");
    write(at, "site.toml", &format!("{SITE}[rules]\npacks = [\"rules/more.toml\"]\n"));
    write(at, "change.toml", PLAN);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "opens a port, and takes the rules away"]);
    let revisions = ["--before", "git:HEAD~1", "--after", "git:HEAD"];
    let (exit, result) = check(at, &revisions);
    assert_eq!(exit, 1, "{result}");
    assert_eq!(result["site"], "git:HEAD~1:site.toml", "{result}");
    // also from a folder within the repository
    fs::create_dir(at.join("fw/deeper")).unwrap();
    assert_eq!(check(&at.join("fw/deeper"), &revisions).0, 1);
    // whoever names them takes them
    assert_ne!(check(at, &[&revisions[..], &["--site", "site.toml"]].concat()).0, 1);
}
