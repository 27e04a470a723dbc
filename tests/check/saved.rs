//! What runs against what is loaded at boot.

use super::{Files, check};

fn rules(ports: &str) -> String {
    format!(
        "flush ruleset\ntable inet filter {{\n chain input {{\n  type filter hook input priority 0; policy drop;\n  \
         tcp dport {{ {ports} }} accept\n }}\n}}\n"
    )
}

/// Rules of findings where these ports are open in what runs and in what is saved, before and after.
fn found(before: [&str; 2], after: [&str; 2]) -> Vec<String> {
    let of = |[running, saved]: [&str; 2]| (rules(running).replace("flush ruleset\n", ""), rules(saved));
    let (old, new) = (of(before), of(after));
    let files = |state: &(String, String)| {
        [("nft.txt", state.0.clone()), ("files/etc/nftables.conf", state.1.clone())]
    };
    let (old, new) = (files(&old), files(&new));
    let borrowed = |files: &[(&'static str, String); 2]| -> Vec<(&'static str, &'static str)> {
        files.iter().map(|(n, t)| (*n, &*Box::leak(t.clone().into_boxed_str()))).collect()
    };
    let answer = check(&borrowed(&old), &borrowed(&new));
    let findings = answer.result["findings"].as_array().unwrap().clone();
    findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_restart_would_open_is_told_where_both_were_the_same() {
    // closed by hand, not saved
    assert_eq!(found(["25,3389", "25,3389"], ["25", "25,3389"]), ["reboot-would-open"]);
    // closed in both
    assert!(found(["25,3389", "25,3389"], ["25", "25"]).is_empty());
    // opened by hand, not saved: a restart closes it
    let opened = found(["25", "25"], ["25,3389", "25"]);
    assert!(opened.contains(&"running-not-saved".to_owned()) && opened.contains(&"port-exposed".to_owned()));
    // a host whose rules never were those of the file
    assert!(found(["25,3389", "22,25,3389"], ["25", "22,25,3389"]).is_empty());
}

#[test]
fn a_boot_file_that_was_emptied_filters_nothing_after_a_restart() {
    let (running, saved) = (rules("25").replace("flush ruleset\n", ""), rules("25"));
    let rules_of = |before: Files<'_>, after: Files<'_>| -> Vec<String> {
        let answer = check(before, after);
        let findings = answer.result["findings"].as_array().unwrap().clone();
        findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
    };
    let both = [("nft.txt", running.as_str()), ("files/etc/nftables.conf", saved.as_str())];
    let (emptied, gone) = ([both[0], ("files/etc/nftables.conf", "")], [both[0]]);
    for after in [emptied.as_slice(), gone.as_slice()] {
        let found = rules_of(&both, after);
        assert!(!found.is_empty() && found.iter().all(|rule| rule == "reboot-would-open"), "{found:?}");
        // nothing was saved before either
        assert!(rules_of(after, after).is_empty());
    }
    assert!(rules_of(&gone, &both).is_empty());
}
