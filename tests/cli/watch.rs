//! `watch` over a real host: what opens and closes between before and after.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::running::Running;
use crate::common::lab::{Filter, Lab};

fn moment(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}

#[test]
fn an_opening_of_two_seconds_is_told_at_once_and_denied_at_the_end() {
    let test = "an_opening_of_two_seconds_is_told_at_once_and_denied_at_the_end";
    let Some(lab) = Lab::start(test, Filter::Nftables) else { return };
    let mut command = lab.program(&[
        "watch",
        "--id",
        "W",
        "--interval",
        "1s",
        "--for",
        "8s",
        "--output",
        "json=result.json",
    ]);
    let running = Running::start(&mut command);
    running.wait_for("watching 1 device every 1 s");
    std::thread::sleep(Duration::from_secs(2));
    lab.run("nft add rule inet filter input tcp dport 3389 accept");
    let opened = OffsetDateTime::now_utc();
    std::thread::sleep(Duration::from_secs(2));
    let closing = OffsetDateTime::now_utc();
    lab.run("nft -f - <<X\nflush ruleset\n$(cat ../nft.conf)\nX");
    running.wait_for(" OPENED gate lets anyone on the internet reach the device itself on tcp/3389");
    running.wait_for(" CLOSED gate lets anyone on the internet reach the device itself on tcp/3389");
    let done = running.end().exits(1);
    assert!(done.out.contains("\nDENY  "), "{}", done.out);

    let result: Value = serde_json::from_slice(&fs::read(lab.path("work/result.json")).unwrap()).unwrap();
    let findings = result["findings"].as_array().unwrap();
    let of = |rule: &str| findings.iter().find(|f| f["rule"] == rule);
    let transient = of("transient-opening").unwrap_or_else(|| panic!("{result}"));
    assert_eq!(of("port-exposed").unwrap()["status"], "passed");
    assert_eq!(
        (transient["severity"].as_str(), transient["confidence"].as_str()),
        (Some("critical"), Some("certain"))
    );
    let args = &transient["args"];
    let (from, to) = (moment(&args["span"]["from"]), moment(&args["span"]["to"]));
    assert!(from <= opened && closing <= to, "{from} {opened} {closing} {to}");
    let seconds = |name: &str| args[name]["seconds"].as_i64().unwrap();
    let truth = (closing - opened).whole_seconds();
    assert!(seconds("least") <= truth && truth <= seconds("most") && seconds("most") <= 6, "{args}");
    assert!(result["watched"]["longest_gap"].as_i64().is_some_and(|gap| gap <= 3), "{result}");
}

#[test]
fn a_window_in_which_nothing_happens_is_allowed() {
    let Some(lab) = Lab::start("a_window_in_which_nothing_happens_is_allowed", Filter::Iptables) else {
        return;
    };
    let running =
        Running::start(&mut lab.program(&["watch", "--id", "W", "--interval", "1s", "--for", "3s"]));
    let done = running.end().exits(0);
    assert!(done.out.contains("\nALLOW  ") && done.out.contains("; watched "), "{}", done.out);
    assert!(!done.out.contains("OPENED") && !done.out.contains("CLOSED"), "{}", done.out);
}

#[test]
fn an_interrupt_ends_the_watch_and_judges_what_stands() {
    let Some(lab) = Lab::start("an_interrupt_ends_the_watch_and_judges_what_stands", Filter::Nftables) else {
        return;
    };
    let running = Running::start(&mut lab.program(&["watch", "--id", "W", "--interval", "1s"]));
    running.wait_for("Ctrl-C ends the watch and judges");
    lab.run("nft add rule inet filter input tcp dport 3389 accept");
    running.wait_for(" OPENED gate");
    running.signal("INT");
    let done = running.end().exits(1);
    assert!(done.out.contains("\nDENY  gate lets anyone on the internet"), "{}", done.out);
    assert!(!done.out.contains("CLOSED"), "{}", done.out);
}
