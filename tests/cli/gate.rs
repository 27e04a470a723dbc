//! Capture, a real change, capture, check: the gate over a real host. What the gate says is held against what somebody
//! outside meets.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Done;
use crate::common::lab::{Filter, Lab, OUTSIDE};

fn sekisho(lab: &Lab, arguments: &[&str]) -> Done {
    Done::of(&mut lab.program(arguments))
}

fn capture(lab: &Lab, phase: &str) {
    let done = sekisho(lab, &["capture", "--id", "CHG-1", "--phase", phase]).exits(0);
    assert!(done.out.contains("1 of 1 devices complete"), "{}", done.out);
}

fn check(lab: &Lab, more: &[&str]) -> Done {
    let states = ["check", "--before", "CHG-1:before", "--after", "CHG-1:after"];
    sekisho(lab, &[&states[..], more].concat())
}

/// The folder of the device in the last snapshot of a phase.
fn device_folder(lab: &Lab, phase: &str) -> PathBuf {
    let found = fs::read_dir(lab.path("work/.sekisho/CHG-1")).unwrap().map(|e| e.unwrap().path());
    let of_phase = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(phase);
    found.filter(of_phase).max().unwrap().join("gate")
}

/// What `trace` says of one query in the state of a phase.
fn trace(lab: &Lab, phase: &str, platform: &str, query: &Value) -> String {
    fs::write(lab.path("work/query.jsonl"), format!("{query}\n")).unwrap();
    let folder = device_folder(lab, phase);
    let input = folder.to_str().unwrap();
    let done = sekisho(lab, &["trace", "--platform", platform, "--input", input, "--queries", "query.jsonl"]);
    let answer = done.exits(0).json();
    assert_eq!((&answer["id"], &answer["confidence"]), (&json!("q"), &json!("certain")), "{answer}");
    answer["verdict"].as_str().unwrap().to_owned()
}

/// The findings that block, with their rule.
fn rules(result: &Value) -> Vec<&str> {
    let findings = result["findings"].as_array().unwrap().iter();
    let blocking = findings.filter(|f| f["severity"] == "critical" || f["severity"] == "high");
    blocking.map(|f| f["rule"].as_str().unwrap()).collect()
}

/// Runs what `rollback` prints, as somebody would who has read it.
fn roll_back(lab: &Lab) -> String {
    let commands = sekisho(lab, &["rollback", "CHG-1"]).exits(0).out;
    assert!(commands.contains("# gate\n"), "{commands}");
    lab.run(&commands);
    commands
}

#[test]
fn nothing_changes_and_the_gate_allows() {
    for filter in [Filter::Nftables, Filter::Iptables, Filter::Both] {
        let Some(lab) = Lab::start("nothing_changes_and_the_gate_allows", filter) else { return };
        capture(&lab, "before");
        capture(&lab, "after");
        let done = check(&lab, &[]).exits(0);
        assert!(done.out.starts_with("ALLOW  nothing new is reachable, no new mail relay"), "{}", done.out);
        assert!(done.out.contains("opened 0, closed 0, 1/1 complete, 0 unread"), "{}", done.out);
        let result = check(&lab, &["--output", "json=-"]).exits(0).json();
        assert_eq!((&result["verdict"], rules(&result)), (&json!("ALLOW"), vec![]), "{result}");
        let done = sekisho(&lab, &["diff", "CHG-1:before", "CHG-1:after", "--exit-code"]).exits(0);
        assert!(
            done.out.starts_with("gate: 0 flows opened, 0 closed, 0 redirected; relay: 0 opened, 0 closed")
        );
        assert!(done.out.ends_with("0 artifacts differ in text\n"), "{}", done.out);
    }
}

/// A port is opened by `change`; the gate and whoever knocks agree before, after and when it is undone.
fn opened_port(test: &str, filter: Filter, change: &str, platform: &str) {
    let Some(lab) = Lab::start(test, filter) else { return };
    assert!(lab.answers_outside(25) && !lab.answers_outside(3389));
    capture(&lab, "before");
    lab.run(change);
    assert!(lab.answers_outside(3389));
    capture(&lab, "after");

    let done = check(&lab, &[]).exits(1);
    let first = "DENY  gate lets anyone on the internet reach the device itself on tcp/3389   port-exposed, CHG-1, exit 1\n";
    assert!(done.out.starts_with(first), "{}", done.out);
    for words in ["before dropped -> after accepted", "sekisho rollback CHG-1 --device gate", "(wan0) -> "] {
        assert!(done.out.contains(words), "{words}: {}", done.out);
    }
    let result = check(&lab, &["--output", "json=-"]).exits(1).json();
    assert_eq!((&result["verdict"], rules(&result)), (&json!("DENY"), vec!["port-exposed"]), "{result}");
    let finding = &result["findings"][0];
    assert_eq!(
        (&finding["confidence"], &finding["device"]),
        (&json!("certain"), &json!("gate")),
        "{finding}"
    );

    let diff = sekisho(&lab, &["diff", "CHG-1:before", "CHG-1:after", "--output", "json=-"]).exits(0).json();
    let flows = &diff["devices"][0]["flows"];
    assert_eq!(flows["closed"], json!([]));
    let opened = flows["opened"].as_array().unwrap();
    assert!(opened.iter().all(|f| f["dport"] == json!(["3389"]) && f["certainty"] == "certain"), "{flows}");
    sekisho(&lab, &["diff", "CHG-1:before", "CHG-1:after", "--exit-code"]).exits(1);
    let packet = json!({ "id": "q", "dir": "input", "iif": "wan0", "src": "203.0.113.1", "dst": OUTSIDE,
        "proto": "tcp", "sport": 40000, "dport": 3389 });
    assert_eq!(trace(&lab, "before", platform, &packet), "drop");
    assert_eq!(trace(&lab, "after", platform, &packet), "accept");

    roll_back(&lab);
    assert!(lab.answers_outside(25) && !lab.answers_outside(3389));
    capture(&lab, "after");
    check(&lab, &[]).exits(0);
}

#[test]
fn a_port_opened_by_nft_is_exposed_until_it_is_rolled_back() {
    let test = "a_port_opened_by_nft_is_exposed_until_it_is_rolled_back";
    opened_port(test, Filter::Nftables, "nft add rule inet filter input tcp dport 3389 accept", "nftables");
}

#[test]
fn a_port_opened_by_iptables_is_exposed_until_it_is_rolled_back() {
    let test = "a_port_opened_by_iptables_is_exposed_until_it_is_rolled_back";
    opened_port(test, Filter::Iptables, "iptables -I INPUT -p tcp --dport 3389 -j ACCEPT", "iptables");
}

#[test]
fn two_filters_of_which_one_lets_a_packet_through_let_nothing_through() {
    let test = "two_filters_of_which_one_lets_a_packet_through_let_nothing_through";
    let Some(lab) = Lab::start(test, Filter::Both) else { return };
    capture(&lab, "before");
    lab.run("iptables -I INPUT -p tcp --dport 3389 -j ACCEPT");
    capture(&lab, "after");
    check(&lab, &[]).exits(0);
    assert!(!lab.answers_outside(3389));
    lab.run("nft insert rule inet filter input tcp dport 3389 accept");
    capture(&lab, "after");
    assert!(lab.answers_outside(3389));
    assert!(check(&lab, &[]).exits(1).out.contains("tcp/3389"));
    // no program loads both kinds back in one step: it says so instead of undoing half
    let commands = sekisho(&lab, &["rollback", "CHG-1"]).exits(0).out;
    assert!(commands.contains("# differs and is not restored by a command: nft.txt\n"), "{commands}");
}

/// A relay is opened by `change`; the gate and whoever offers mail agree before, after and when it is undone.
fn opened_relay(test: &str, change: &str) {
    let Some(lab) = Lab::start(test, Filter::Nftables) else { return };
    assert_eq!(lab.relays_outside(), "554");
    capture(&lab, "before");
    lab.run(&format!("{change}; postfix reload"));
    assert_eq!(lab.relays_outside(), "250");
    capture(&lab, "after");

    let done = check(&lab, &[]).exits(1);
    let first = "DENY  gate is an open mail relay: anyone on the internet can send anywhere, no password   open-relay, CHG-1, exit 1\n";
    assert!(done.out.starts_with(first), "{}", done.out);
    assert!(done.out.contains("before 554 refused -> after 250 accepted"), "{}", done.out);
    let result = check(&lab, &["--output", "json=-"]).exits(1).json();
    assert_eq!((&result["verdict"], rules(&result)), (&json!("DENY"), vec!["open-relay"]), "{result}");
    let diff = sekisho(&lab, &["diff", "CHG-1:before", "CHG-1:after", "--output", "json=-"]).exits(0).json();
    assert!(!diff["devices"][0]["relay"]["opened"].as_array().unwrap().is_empty(), "{diff}");
    let attempt = json!({ "id": "q", "client": "203.0.113.1", "client_name": null, "client_name_verified": false,
        "server": OUTSIDE, "port": 25, "helo": "outside.example", "tls": false, "auth": false,
        "mail_from": "a@outside.example", "rcpt_to": "x@far.example" });
    assert_eq!(trace(&lab, "before", "postfix", &attempt), "reject");
    assert_eq!(trace(&lab, "after", "postfix", &attempt), "permit");

    let commands = roll_back(&lab);
    assert!(commands.contains("postfix reload"), "{commands}");
    assert_eq!(lab.relays_outside(), "554");
    capture(&lab, "after");
    check(&lab, &[]).exits(0);
}

#[test]
fn a_relay_opened_by_its_networks_is_found_until_it_is_rolled_back() {
    let test = "a_relay_opened_by_its_networks_is_found_until_it_is_rolled_back";
    opened_relay(test, "postconf -e mynetworks=0.0.0.0/0");
}

#[test]
fn a_relay_opened_by_a_table_is_found_until_it_is_rolled_back() {
    let test = "a_relay_opened_by_a_table_is_found_until_it_is_rolled_back";
    let change = "echo '0.0.0.0/0 OK' > /etc/postfix/clients; postconf -e \
        'smtpd_relay_restrictions=permit_mynetworks,check_client_access cidr:/etc/postfix/clients,reject_unauth_destination'";
    opened_relay(test, change);
}

#[test]
fn a_mail_service_that_does_not_start_is_no_open_relay() {
    let test = "a_mail_service_that_does_not_start_is_no_open_relay";
    let Some(lab) = Lab::start(test, Filter::Nftables) else { return };
    capture(&lab, "before");
    // smtpd(8) refuses to serve where nothing that it reaches keeps it from being an open relay
    lab.run("postconf -e smtpd_relay_restrictions=permit_mynetworks,permit,reject_unauth_destination; postfix reload");
    capture(&lab, "after");
    let result = check(&lab, &["--output", "json=-"]).exits(1).json();
    assert_eq!(rules(&result), ["mail-service-refuses"], "{result}");
    assert_eq!(lab.relays_outside(), "");
}
