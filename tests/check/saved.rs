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

const OWN: &str = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT\n";

const DOCKER: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n\
    -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n\
    -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE\n\
    -A DOCKER -i docker0 -j RETURN\n-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n";

const DOCKER_CHAINS: &str = ":DOCKER - [0:0]\n:DOCKER-ISOLATION-STAGE-1 - [0:0]\n:DOCKER-ISOLATION-STAGE-2 - [0:0]\n:DOCKER-USER - [0:0]\n\
    -A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-ISOLATION-STAGE-1\n\
    -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -o docker0 -j DOCKER\n\
    -A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n-A FORWARD -i docker0 -o docker0 -j ACCEPT\n\
    -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT\n\
    -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2\n-A DOCKER-ISOLATION-STAGE-1 -j RETURN\n\
    -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP\n-A DOCKER-ISOLATION-STAGE-2 -j RETURN\n-A DOCKER-USER -j RETURN\n";

const FAIL2BAN: &str = ":f2b-sshd - [0:0]\n-I INPUT 1 -p tcp -m multiport --dports 25 -j f2b-sshd\n\
    -A f2b-sshd -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable\n-A f2b-sshd -j RETURN\n";

const KUBERNETES: &str = ":KUBE-FIREWALL - [0:0]\n:KUBE-NODEPORTS - [0:0]\n\
    -A INPUT -m comment --comment \"kubernetes health check service ports\" -j KUBE-NODEPORTS\n-A INPUT -j KUBE-FIREWALL\n\
    -A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j ACCEPT\n\
    -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP\n";

/// Rules of findings where what runs after the work has more in it than what is saved.
fn gains(forward: &str, tables: &str, more: &str) -> Vec<String> {
    let save = |forward: &str, tables: &str, more: &str| {
        format!(
            "{tables}*filter\n:INPUT DROP [0:0]\n:FORWARD {forward} [0:0]\n:OUTPUT ACCEPT [0:0]\n{OWN}{more}COMMIT\n"
        )
    };
    let plain = save("ACCEPT", "", "");
    let state = |running: &str| {
        let files = [
            ("iptables-save.txt", running),
            ("ip6tables-save.txt", plain.as_str()),
            ("files/etc/iptables/rules.v4", &plain),
            ("files/etc/iptables/rules.v6", &plain),
        ];
        files.map(|(name, text)| (name, &*Box::leak(text.to_owned().into_boxed_str())))
    };
    let answer = check(&state(&plain), &state(&save(forward, tables, more)));
    let findings = answer.result["findings"].as_array().unwrap().clone();
    findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_other_programs_make_at_run_time_is_not_unsaved() {
    let unsaved = |found: &[String]| {
        found.iter().any(|rule| rule == "running-not-saved" || rule == "reboot-would-open")
    };
    for (name, forward, tables, more) in [
        ("docker", "DROP", DOCKER, DOCKER_CHAINS),
        ("fail2ban", "ACCEPT", "", FAIL2BAN),
        ("kube-proxy", "ACCEPT", "", KUBERNETES),
    ] {
        let found = gains(forward, tables, more);
        assert!(!unsaved(&found), "{name}: {found:?}");
        let by_hand = format!("{more}-A INPUT -p tcp -m tcp --dport 3389 -j ACCEPT\n");
        let found = gains(forward, tables, &by_hand);
        assert!(unsaved(&found), "{name}: a rule made by hand is still told: {found:?}");
    }
    assert!(unsaved(&gains("DROP", "", "")), "without docker the default is the administrator's");
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
