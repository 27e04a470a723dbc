//! What the device itself answers.

use super::{answer, drift, same};

const TEXT: &str = "hostname r1\ninterface G0\n ip address 198.51.100.2 255.255.255.0\n!\nno ip http server\nno ip http secure-server\n\
    access-list 23 permit 192.0.2.0 0.0.0.255\nsnmp-server community {{secret:00:00}} RO 23\n\
    line con 0\nline vty 0 4\n access-class 23 in\n transport input ssh\nline vty 5 15\n access-class 23 in\n transport input ssh\nend\n";

fn to(text: &str, port: u16, from: &str) -> String {
    let proto = if matches!(port, 161 | 69) { "udp" } else { "tcp" };
    answer(text, &format!("input {proto} {from} 198.51.100.2 dport={port} iif=G0"))
}

#[test]
fn who_may_reach_the_terminal_lines_and_the_services() {
    let at = |port| [to(TEXT, port, "192.0.2.7"), to(TEXT, port, "203.0.113.7")];
    assert_eq!(at(22), ["accept", "drop"]);
    assert_eq!(at(23), ["reject", "reject"]);
    assert_eq!(at(80), ["reject", "reject"]);
    assert_eq!(at(161), ["accept", "drop"]);
    assert_eq!(at(69), ["drop", "drop"]);
    let web =
        TEXT.replace("no ip http server", "ip http server\nip http access-class ipv4 23\nip http port 8080");
    assert_eq!([to(&web, 8080, "192.0.2.7"), to(&web, 8080, "203.0.113.7")], ["accept", "drop"]);
    assert_eq!(to(&format!("{TEXT}tftp-server flash:image.bin 23\n"), 69, "192.0.2.7"), "accept");
}

#[test]
fn what_opens_the_device() {
    let opens = |after: &str, expected: &[&str]| {
        let (opened, closed) = drift(TEXT, after);
        assert_eq!(opened, expected, "{after}");
        assert!(closed.is_empty(), "{closed:?}");
    };
    let others = "0.0.0.0-192.0.1.255,192.0.3.0-255.255.255.255";
    let own = "198.51.100.2,198.51.100.255";
    let _ = own;
    let all = TEXT.replace(" access-class 23 in\n", "");
    let (opened, _) = drift(TEXT, &all);
    assert!(opened.iter().all(|line| line.starts_with("input tcp") && line.ends_with(" 22")), "{opened:?}");
    assert!(
        opened.iter().any(|line| line.contains(others) || line.contains("any ->") || line.contains("/")),
        "{opened:?}"
    );
    opens(
        &TEXT.replace(
            "access-list 23 permit 192.0.2.0 0.0.0.255",
            "access-list 23 permit 192.0.2.0 0.0.0.255\n!",
        ),
        &[],
    );
    let (web, _) = drift(TEXT, &TEXT.replace("no ip http server", "ip http server"));
    assert!(
        !web.is_empty() && web.iter().all(|line| line.ends_with(" 80") && !line.starts_with("possible")),
        "{web:?}"
    );
    let (telnet, _) = drift(TEXT, &TEXT.replace("input ssh", "input all"));
    assert!(!telnet.is_empty() && telnet.iter().all(|line| line.ends_with(" 23")), "{telnet:?}");
    let (snmp, _) = drift(TEXT, &TEXT.replace(" RO 23", " RW"));
    assert!(
        !snmp.is_empty() && snmp.iter().all(|line| line.contains("udp") && line.ends_with(" 161")),
        "{snmp:?}"
    );
}

#[test]
fn lines_that_take_over_when_the_first_are_busy() {
    // the second block lost its list: reached as soon as the first lines are taken
    let after = TEXT.replace("line vty 5 15\n access-class 23 in\n", "line vty 5 15\n");
    assert_eq!(to(&after, 22, "203.0.113.7"), "undecided");
    let (opened, _) = drift(TEXT, &after);
    assert!(!opened.is_empty() && opened.iter().all(|line| line.ends_with(" 22")), "{opened:?}");
}

#[test]
fn what_does_not_concern_packets() {
    same(TEXT, &TEXT.replace("line con 0", "ip http authentication local\nline con 0\n exec-timeout 5 0"));
    same(TEXT, &TEXT.replace(" transport input ssh\nend", " exec-timeout 5 0\n transport input ssh\nend"));
    same(
        TEXT,
        &TEXT
            .replace("access-list 23", "access-list 24")
            .replace("RO 23", "RO 24")
            .replace("class 23", "class 24"),
    );
}

#[test]
fn lists_of_one_family_do_not_speak_for_the_other() {
    let text = TEXT.replace("255.255.255.0\n!", "255.255.255.0\n ipv6 address 2001:db8::2/64\n!");
    assert_eq!(answer(&text, "input tcp 2001:db8:9::1 2001:db8::2 dport=22 iif=G0"), "accept");
}
