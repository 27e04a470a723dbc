//! Everything that a device lets in, whatever was there before.

use std::fs;
use std::process::{Command, Output};

/// What `exposure` answers of a folder with a device.
fn exposure(ruleset: &str, options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("nft.txt"), ruleset).unwrap();
    let state = folder.path().display().to_string();
    Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["exposure", &state, "--platform", "nftables"])
        .args(options)
        .output()
        .unwrap()
}

const RULESET: &str = "table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        ip saddr 10.0.0.0/8 tcp dport 22 accept
        tcp dport { 25, 587 } accept
    }
    chain forward { type filter hook forward priority 0; policy drop; }
}
";

#[test]
fn all_that_is_open_is_listed_with_its_line() {
    let done = exposure(RULESET, &["--output", "json=-"]);
    assert_eq!(done.status.code(), Some(0));
    let answer: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let open = answer["devices"][0]["flows"]["open"].as_array().unwrap();
    let text = |flow: &serde_json::Value| format!("{} {} {}", flow["family"], flow["src"], flow["dport"]);
    let mut lines: Vec<String> = open.iter().map(text).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            r#""ipv4" ["10.0.0.0/8"] ["22","25","587"]"#,
            r#""ipv4" null ["25","587"]"#,
            r#""ipv6" null ["25","587"]"#
        ]
    );
    assert!(open.iter().all(|flow| flow["certainty"] == "certain" && flow["hook"] == "input"));
    assert!(open.iter().all(|flow| flow["line"].as_str().unwrap().contains("accept")));
}

#[test]
fn people_read_it_in_their_language_and_an_unknown_rule_widens_it() {
    let done = exposure(RULESET, &["--lang", "ja"]);
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(out.contains("許可している通信 3") && out.contains("tcp 10.0.0.0/8 -> any:22,25,587"), "{out}");
    let unknown = RULESET.replace("tcp dport { 25, 587 } accept", "frobnicate accept");
    let out = String::from_utf8(exposure(&unknown, &["--lang", "en"]).stdout).unwrap();
    assert!(out.contains("possibly: udp any -> any"), "{out}");
}
