//! Limits that became stricter or looser.

use super::{Opened, by_iptables, by_nft, save};

fn nft(rule: &str) -> String {
    format!(
        "table inet t {{\n chain i {{\n  type filter hook input priority filter; policy drop;\n  tcp dport 25 accept\n  \
         {rule}\n  tcp dport 443 accept\n }}\n}}\n"
    )
}

#[test]
fn a_stricter_limit_opens_nothing() {
    let between = |before: &str, after: &str| by_nft(&nft(before), &nft(after));
    let rate = |rate: &str| format!("tcp dport 80 limit rate {rate} accept");
    assert_eq!(between(&rate("10/second"), &rate("5/second")), Opened::No);
    assert_eq!(between(&rate("10/second"), &rate("300/minute")), Opened::No);
    assert_eq!(between(&rate("5/second"), &rate("10/second")), Opened::Maybe);
    assert_eq!(between(&rate("10/second burst 5 packets"), &rate("5/second burst 9 packets")), Opened::Maybe);
    assert_eq!(between(&rate("10 kbytes/second"), &rate("5/second")), Opened::Maybe);
    assert_eq!(between(&rate("10/second"), &rate("over 5/second")), Opened::Maybe);
    let over = |rate: &str| format!("tcp dport 443 limit rate over {rate} drop");
    assert_eq!(between(&over("10/second"), &over("5/second")), Opened::No);
    assert_eq!(between(&over("5/second"), &over("10/second")), Opened::Maybe);
    // another rule
    assert_eq!(between(&rate("10/second"), "tcp dport 81 limit rate 5/second accept"), Opened::Maybe);
}

#[test]
fn limits_of_iptables_alike() {
    let between = |before: &str, after: &str| {
        let rules = |limit: &str| save(&[&format!("INPUT -p tcp -m tcp --dport 80 {limit} -j ACCEPT")], &[]);
        by_iptables((&rules(before), ""), (&rules(after), ""))
    };
    assert_eq!(between("-m limit --limit 10/sec", "-m limit --limit 5/sec"), Opened::No);
    assert_eq!(between("-m limit --limit 5/sec", "-m limit --limit 10/sec"), Opened::Maybe);
    assert_eq!(
        between("-m limit --limit 10/sec --limit-burst 5", "-m limit --limit 5/sec --limit-burst 50"),
        Opened::Maybe
    );
    let hash = |rate: &str| {
        format!(
            "-m hashlimit --hashlimit-upto {rate} --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name h"
        )
    };
    assert_eq!(between(&hash("10/min"), &hash("5/min")), Opened::No);
    assert_eq!(between(&hash("5/min"), &hash("10/min")), Opened::Maybe);
    assert_eq!(between(&hash("10/min"), &hash("5/min").replace("srcip", "srcport")), Opened::Maybe);
}

#[test]
fn a_limit_by_name_is_what_its_object_says() {
    let table = |rate: &str| {
        format!(
            "table inet t {{\n limit l {{\n  rate {rate}\n }}\n chain i {{\n  type filter hook input priority filter; policy drop;\n  \
             tcp dport 80 limit name \"l\" accept\n }}\n}}\n"
        )
    };
    assert_eq!(by_nft(&table("1/hour"), &table("99/second")), Opened::Maybe);
    assert_eq!(by_nft(&table("1/hour"), &table("1/hour")), Opened::No);
}
