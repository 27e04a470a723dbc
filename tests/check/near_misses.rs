//! Changes that look like openings and are none: nothing is found, and where both states mean the same, nothing differs.

use super::{Answer, check};

fn nft(before: &str, after: &str) -> Answer {
    check(&[("nft.txt", before)], &[("nft.txt", after)])
}

fn iptables(before: &str, after: &str) -> Answer {
    let save = |rules: &str| {
        format!("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}COMMIT\n")
    };
    let files = |rules: &str| [("iptables-save.txt", save(rules)), ("ip6tables-save.txt", save(""))];
    let (before, after) = (files(before), files(after));
    let borrowed = |files: &[(&'static str, String); 2]| {
        files.clone().map(|(name, text)| (name, &*Box::leak(text.into_boxed_str())))
    };
    check(&borrowed(&before), &borrowed(&after))
}

/// An input chain of a host that drops by default.
fn input(rules: &str) -> String {
    format!(
        "table inet filter {{\n chain input {{\n  type filter hook input priority filter; policy drop;\n{rules}\n }}\n}}\n"
    )
}

/// Whether nothing is found, and the numbers of flows that opened and closed.
fn judged(name: &str, answer: &Answer) -> (usize, usize) {
    let findings = answer.result["findings"].as_array().unwrap();
    assert!(findings.is_empty(), "{name}: {findings:#?}");
    assert_eq!(answer.code, 0, "{name}");
    let flows = &answer.result["devices"][0]["flows"];
    let count = |key: &str| flows[key].as_array().unwrap().len();
    (count("opened") + count("redirected"), count("closed"))
}

/// Name, rules of the input chain before, and after: the same meaning.
const SAME: &[(&str, &str, &str)] = &[
    (
        "rules of different services change places",
        "tcp dport 22 accept\nudp dport 53 drop",
        "udp dport 53 drop\ntcp dport 22 accept",
    ),
    (
        "rules with one verdict change places",
        "tcp dport 1-100 accept\ntcp dport 22 accept",
        "tcp dport 22 accept\ntcp dport 1-100 accept",
    ),
    (
        "a denial that never matched goes",
        "tcp dport 22 accept\nip saddr 192.0.2.7 tcp dport 22 drop",
        "tcp dport 22 accept",
    ),
    (
        "a rule below a denial of the same",
        "tcp dport 3389 drop",
        "tcp dport 3389 drop\ntcp dport 3389 accept",
    ),
    (
        "anything below a denial of everything",
        "tcp dport 22 accept\ndrop",
        "tcp dport 22 accept\ndrop\naccept",
    ),
    (
        "a port that was open by another rule",
        "tcp dport 20-30 accept",
        "tcp dport 20-30 accept\ntcp dport 22 accept",
    ),
    ("one rule as several", "tcp dport { 22, 25 } accept", "tcp dport 22 accept\ntcp dport 25 accept"),
    (
        "a network as its halves",
        "ip saddr 192.0.2.0/24 accept",
        "ip saddr { 192.0.2.0/25, 192.0.2.128/25 } accept",
    ),
    (
        "a network as mask, and as range",
        "ip saddr & 255.255.255.0 == 192.0.2.0 accept",
        "ip saddr 192.0.2.0-192.0.2.255 accept",
    ),
    ("ports as range, and as set", "tcp dport 80-82 accept", "tcp dport { 80, 81, 82 } accept"),
    ("a service by name, and by number", "tcp dport ssh accept", "tcp dport 22 accept"),
    (
        "both families at once, and one by one",
        "tcp dport 22 accept",
        "meta nfproto ipv4 tcp dport 22 accept\nmeta nfproto ipv6 tcp dport 22 accept",
    ),
    (
        "a comment, a counter, a handle",
        "tcp dport 22 accept",
        "tcp dport 22 counter packets 7 bytes 420 accept comment \"accept all\" # handle 9",
    ),
    (
        "state as set, and as map",
        "ct state established,related accept\ntcp dport 22 accept",
        "ct state vmap { established : accept, related : accept }\ntcp dport 22 accept",
    ),
];

#[test]
fn the_same_meaning_in_other_words_is_no_difference() {
    for (name, before, after) in SAME {
        assert_eq!(judged(name, &nft(&input(before), &input(after))), (0, 0), "{name}");
    }
}

#[test]
fn what_nothing_refers_to_opens_nothing() {
    let host = input("tcp dport 22 accept");
    let with = |more: &str| host.replacen("{\n", &format!("{{\n {more}\n"), 1);
    let cases = [
        ("a chain that nothing jumps to", with("chain open {\n  accept\n }")),
        ("a chain with a port", with("chain later {\n  tcp dport 3389 accept\n }")),
        (
            "a set that no rule asks",
            with("set all {\n  type ipv4_addr; flags interval\n  elements = { 0.0.0.0/0 }\n }"),
        ),
        (
            "a table that sleeps",
            format!(
                "{host}table inet asleep {{\n flags dormant\n chain c {{\n  type filter hook input priority -5; policy accept;\n }}\n}}\n"
            ),
        ),
        (
            "a base chain that lets all go on",
            format!(
                "{host}table inet more {{\n chain c {{\n  type filter hook input priority -5; policy accept;\n  accept\n }}\n}}\n"
            ),
        ),
    ];
    for (name, after) in &cases {
        assert_eq!(judged(name, &nft(&host, after)), (0, 0), "{name}");
    }
}

#[test]
fn renamed_things_are_the_same_things() {
    let named = |set: &str, chain: &str, rules: &str| {
        format!(
            "table inet filter {{\n set {set} {{\n  type ipv4_addr; flags interval\n  elements = {{ 192.0.2.0/24, 198.51.100.7 }}\n }}\n \
             chain {chain} {{\n  ip saddr @{set} tcp dport 22 accept\n }}\n \
             chain input {{\n  type filter hook input priority filter; policy drop;\n{rules}\n  jump {chain}\n }}\n}}\n"
        )
    };
    let before = named("office", "office_in", "");
    assert_eq!(judged("renamed", &nft(&before, &named("admins", "from_admins", ""))), (0, 0));
    let elsewhere = before.replace("inet filter", "inet firewall");
    assert_eq!(judged("a table of another name", &nft(&before, &elsewhere)), (0, 0));
    let reordered = before.replace("192.0.2.0/24, 198.51.100.7", "198.51.100.7, 192.0.2.0/24");
    assert_eq!(judged("elements in another order", &nft(&before, &reordered)), (0, 0));
    let inline = input("ip saddr { 198.51.100.7, 192.0.2.0/24 } tcp dport 22 accept");
    assert_eq!(judged("the set written out", &nft(&before, &inline)), (0, 0));
}

#[test]
fn a_default_that_decides_nothing_may_change() {
    let drop = input("tcp dport 22 accept\ndrop");
    let accept = drop.replace("policy drop", "policy accept");
    assert_eq!(judged("a last rule drops", &nft(&drop, &accept)), (0, 0));
    let output = |policy: &str| {
        format!(
            "{}table inet out {{\n chain c {{\n  type filter hook output priority 0; policy {policy};\n }}\n}}\n",
            input("")
        )
    };
    let (opened, _) = judged("what the host sends", &nft(&output("drop"), &output("accept")));
    assert!(opened > 0, "it is shown, and no finding");
}

#[test]
fn iptables_in_other_words_is_no_difference() {
    let cases = [
        (
            "mask, and prefix",
            "-A INPUT -s 192.0.2.0/255.255.255.0 -j ACCEPT\n",
            "-A INPUT -s 192.0.2.0/24 -j ACCEPT\n",
        ),
        (
            "ports in one rule",
            "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT\n",
            "-A INPUT -p tcp -m multiport --dports 25,22 -j ACCEPT\n",
        ),
        (
            "state, and conntrack",
            "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n",
            "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n",
        ),
        (
            "a chain of its own",
            "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n",
            ":ssh - [7:420]\n-A INPUT -j ssh\n-A ssh -p tcp -m tcp --dport 22 -j ACCEPT\n",
        ),
        ("a chain that nothing jumps to", "", ":open - [0:0]\n-A open -j ACCEPT\n"),
        (
            "comments and the time of the listing",
            "",
            "# Generated by iptables-save v1.8.9 on Sun Nov 22 01:00:00 2026\n",
        ),
    ];
    for (name, before, after) in cases {
        assert_eq!(judged(name, &iptables(before, after)), (0, 0), "{name}");
    }
}

#[test]
fn a_translation_that_the_filter_still_drops_opens_nothing() {
    let forward = "table inet filter {\n chain forward {\n  type filter hook forward priority filter; policy drop;\n }\n}\n";
    let translated = format!(
        "{forward}table ip nat {{\n chain prerouting {{\n  type nat hook prerouting priority dstnat; policy accept;\n  \
         tcp dport 13389 dnat to 10.1.1.20:3389\n }}\n}}\n"
    );
    let host = |ruleset: &str| format!("{ruleset}{}", input(""));
    assert_eq!(judged("dropped behind the translation", &nft(&host(forward), &host(&translated))), (0, 0));
}
