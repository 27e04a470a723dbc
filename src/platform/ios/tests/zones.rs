//! The zone-based firewall.

use super::{answer, drift, same};

const TEXT: &str = "hostname r1\nip access-list extended WEB\n permit tcp any host 10.2.0.80\n!\n\
    class-map type inspect match-all WEB-CLASS\n match access-group name WEB\n match protocol http\n\
    class-map type inspect match-any ANY-OF\n match protocol icmp\n match protocol ssh\n\
    policy-map type inspect IN-POLICY\n class type inspect WEB-CLASS\n  inspect\n class type inspect ANY-OF\n  drop log\n class class-default\n  drop\n\
    policy-map type inspect OUT-POLICY\n class type inspect ANY-OF\n  pass\n class class-default\n  inspect\n\
    zone security inside\nzone security outside\n\
    zone-pair security a source outside destination inside\n service-policy type inspect IN-POLICY\n\
    zone-pair security b source inside destination outside\n service-policy type inspect OUT-POLICY\n\
    interface E0\n ip address 203.0.113.1 255.255.255.0\n zone-member security outside\n\
    interface E1\n ip address 10.1.0.1 255.255.255.0\n zone-member security inside\n\
    interface E2\n ip address 10.2.0.1 255.255.255.0\n zone-member security inside\n\
    interface E3\n ip address 10.3.0.1 255.255.255.0\ninterface E4\n ip address 10.4.0.1 255.255.255.0\nend\n";

fn pass(text: &str, from: &str, to: &str, port: u16) -> String {
    answer(text, &format!("forward tcp 198.51.100.7 10.2.0.80 dport={port} iif={from} oif={to}"))
}

#[test]
fn between_zones_only_what_a_policy_lets_through() {
    assert_eq!(pass(TEXT, "E0", "E2", 80), "accept");
    assert_eq!(pass(TEXT, "E0", "E2", 81), "drop");
    assert_eq!(pass(TEXT, "E0", "E2", 22), "drop");
    assert_eq!(pass(TEXT, "E1", "E0", 81), "accept");
    assert_eq!(pass(TEXT, "E1", "E2", 81), "accept", "within a zone");
    assert_eq!(pass(TEXT, "E0", "E3", 80), "drop", "a zone and none");
    assert_eq!(pass(TEXT, "E3", "E0", 80), "drop");
    assert_eq!(pass(TEXT, "E3", "E4", 80), "accept", "no zone at all");
    let unpaired = TEXT.replace(" service-policy type inspect IN-POLICY\n", "");
    assert_eq!(pass(&unpaired, "E0", "E2", 80), "drop");
    // the device itself is not guarded unless a pair says so
    let own = |text: &str| answer(text, "input udp 198.51.100.7 203.0.113.1 dport=500 iif=E0");
    assert_eq!(own(TEXT), "accept");
    let guarded = TEXT.replace("interface E0", "zone-pair security c source outside destination self\n service-policy type inspect IN-POLICY\ninterface E0");
    assert_eq!(own(&guarded), "drop");
}

#[test]
fn names_of_zones_classes_and_policies_mean_nothing() {
    same(
        TEXT,
        &TEXT
            .replace("inside", "zone-1")
            .replace("outside", "zone-2")
            .replace("WEB", "W")
            .replace("POLICY", "P")
            .replace("ANY-OF", "SOME"),
    );
    let (opened, closed) = drift(TEXT, &TEXT.replace(" match protocol http\n", ""));
    assert!(closed.is_empty(), "{closed:?}");
    assert!(
        !opened.is_empty() && opened.iter().all(|l| l.starts_with("forward tcp") && l.contains("10.2.0.80")),
        "{opened:?}"
    );
}

#[test]
fn an_interface_that_moves_to_the_inner_zone_opens() {
    let (opened, _) = drift(
        TEXT,
        &TEXT.replace(
            "255.255.255.0\ninterface E4",
            "255.255.255.0\n zone-member security inside\ninterface E4",
        ),
    );
    assert!(!opened.is_empty());
}
