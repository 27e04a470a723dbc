use super::*;
use crate::evidence::{Artifact, Proof, Source};

/// A zone as firewall-cmd prints it, with some lines of its own.
fn zone(head: &str, lines: &[(&str, &str)]) -> String {
    let keys = [
        ("target", "default"),
        ("icmp-block-inversion", "no"),
        ("interfaces", "eth0"),
        ("sources", ""),
        ("services", "ssh"),
        ("ports", ""),
        ("protocols", ""),
        ("forward", "yes"),
        ("masquerade", "no"),
        ("forward-ports", ""),
        ("source-ports", ""),
        ("icmp-blocks", ""),
        ("rich rules", ""),
    ];
    let mut text = format!("{head}\n");
    for (key, usual) in keys {
        let value = lines.iter().find(|(k, _)| *k == key).map_or(usual, |(_, value)| value);
        text += &format!("  {key}: {value}\n");
    }
    text + "\n"
}

fn evidence(lists: &[(&str, &str)]) -> DeviceEvidence {
    let mut device = DeviceEvidence::new("fw", vec!["nftables".to_owned()], Source::Snapshot);
    for (name, text) in lists {
        let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
        device.artifacts.insert(format!("firewalld-{name}.txt"), artifact);
    }
    device
}

/// What is told of a zone that runs and is saved with these lines of its own.
fn told(running: &[(&str, &str)], saved: &[(&str, &str)]) -> Vec<(String, bool, bool)> {
    let (runs, saved) = (zone("public (active)", running), zone("public", saved));
    assert!(is_whole(&runs) && is_whole(&saved));
    let all = unsaved(&evidence(&[("zones", &runs), ("zones-permanent", &saved)])).unwrap();
    all.into_iter().map(|u| (u.part.replace("zone public, ", ""), u.saved, u.opens)).collect()
}

fn one(running: (&str, &str), saved: (&str, &str)) -> Vec<(String, bool, bool)> {
    told(&[running], &[saved])
}

#[test]
fn what_a_reload_brings_or_takes_may_open() {
    let part = |text: &str, saved: bool, opens: bool| (text.to_owned(), saved, opens);
    assert_eq!(one(("services", "ssh"), ("services", "https ssh")), [part("services: https", true, true)]);
    assert_eq!(one(("ports", "8080/tcp"), ("ports", "")), [part("ports: 8080/tcp", false, false)]);
    let ban = "\n\trule family=\"ipv4\" source address=\"198.51.100.0/24\" drop";
    assert_eq!(
        one(("rich rules", ban), ("rich rules", "")),
        [part(&format!("rich rules: {}", ban.trim()), false, true)]
    );
    assert_eq!(
        one(("target", "DROP"), ("target", "ACCEPT")),
        [part("target: ACCEPT", true, true), part("target: DROP", false, false)]
    );
    assert_eq!(
        one(("icmp-blocks", "echo-request"), ("icmp-blocks", "")),
        [part("icmp-blocks: echo-request", false, true)]
    );
    assert_eq!(
        one(("sources", ""), ("sources", "192.0.2.0/24")),
        [part("sources: 192.0.2.0/24", true, true)]
    );
}

#[test]
fn what_others_keep_at_run_time_is_not_told() {
    let ban =
        "\n\trule family=\"ipv4\" source address=\"198.51.100.7\" port port=\"22\" protocol=\"tcp\" reject";
    assert!(one(("rich rules", ban), ("rich rules", "")).is_empty());
    assert!(one(("interfaces", "eth0 docker0"), ("interfaces", "")).is_empty());
}

#[test]
fn a_zone_that_nothing_comes_through_opens_nothing_yet() {
    let (runs, saved) = (zone("public (active)", &[]), zone("public", &[]));
    let extra = |services| zone("work", &[("services", services)]);
    let (runs, saved) = (runs + &extra("ssh"), saved + &extra("ssh telnet"));
    let all = unsaved(&evidence(&[("zones", &runs), ("zones-permanent", &saved)])).unwrap();
    assert_eq!(all.iter().map(|u| (u.saved, u.opens)).collect::<Vec<_>>(), [(true, false)]);
}

#[test]
fn a_service_whose_definition_changed_opens_where_a_zone_names_it() {
    let zones = zone("public (active)", &[("services", "app ssh")]);
    let service = |name: &str, ports: &str| format!("{name}\n  ports: {ports}\n  protocols: \n  modules: \n");
    let lists = |name: &str| {
        let (runs, saved) = (service(name, "99/tcp"), service(name, "99/tcp 100-200/tcp"));
        let lists = [
            ("zones", zones.as_str()),
            ("zones-permanent", &zones),
            ("services", &runs),
            ("services-permanent", &saved),
        ];
        let all = unsaved(&evidence(&lists)).unwrap();
        all.into_iter().map(|u| (u.part, u.saved, u.opens)).collect::<Vec<_>>()
    };
    assert_eq!(lists("app"), [("service app, ports: 100-200/tcp".to_owned(), true, true)]);
    assert_eq!(lists("other"), [("service other, ports: 100-200/tcp".to_owned(), true, false)]);
}

#[test]
fn direct_rules_are_compared_by_line() {
    let accept = "ipv4 filter INPUT 0 -p tcp --dport 23 -j ACCEPT\n";
    let banned = "ipv4 filter INPUT 0 -p tcp -m set --match-set f2b-sshd src -j REJECT\n";
    let zones = zone("public (active)", &[]);
    let lists = [
        ("zones", zones.as_str()),
        ("zones-permanent", &zones),
        ("direct", banned),
        ("direct-permanent", accept),
    ];
    let all = unsaved(&evidence(&lists)).unwrap();
    assert_eq!(all.iter().map(|u| (u.saved, u.opens)).collect::<Vec<_>>(), [(true, true)]);
}

#[test]
fn a_host_without_firewalld_has_nothing_unsaved() {
    assert!(unsaved(&evidence(&[])).is_none());
    assert!(!is_whole("public (active)\n  target: default\n  services: ssh"));
}
