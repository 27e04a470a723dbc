//! What lists let through.

use super::{answer, device, drift, edge};
use crate::firewall::trace::{Direction, Verdict, trace_plain};
use crate::packet::{Field, Interfaces, Packet};

/// The answers of a list to packets from outside.
fn list(text: &str, packets: &[(&str, &str)]) {
    let text = edge(text);
    for (packet, verdict) in packets {
        let packet = format!("forward {packet} iif=GigabitEthernet0/0 oif=GigabitEthernet0/1");
        assert_eq!(answer(&text, &packet), *verdict, "{packet}\n{text}");
    }
}

#[test]
fn the_first_entry_that_matches_decides_and_the_rest_is_denied() {
    list(
        "ip access-list extended OUTSIDE_IN\n remark mail\n 20 deny tcp any any eq smtp log\n \
         10 permit tcp host 203.0.113.5 host 192.168.1.25 eq smtp 587\n permit tcp any gt 1023 192.168.1.0 0.0.0.255 range 8000 8010\n \
         permit udp any neq 53 any eq domain\n permit tcp any any established\n",
        &[
            ("tcp 203.0.113.5 192.168.1.25 dport=25", "accept"),
            ("tcp 203.0.113.5 192.168.1.25 dport=587", "accept"),
            ("tcp 203.0.113.6 192.168.1.25 dport=25", "drop"),
            ("tcp 203.0.113.6 192.168.1.25 dport=8010", "accept"),
            ("tcp 203.0.113.6 192.168.2.25 dport=8010", "drop"),
            ("tcp 203.0.113.6 192.168.1.25 dport=8010 sport=1023", "drop"),
            ("udp 203.0.113.6 192.168.1.25 dport=53", "accept"),
            ("udp 203.0.113.6 192.168.1.25 dport=53 sport=53", "drop"),
            ("tcp 203.0.113.6 192.168.1.25 dport=22", "drop"),
            ("tcp 203.0.113.6 192.168.1.25 dport=22 tcp_flags=A", "accept"),
            ("tcp 203.0.113.6 192.168.1.25 dport=22 tcp_flags=R", "accept"),
            ("47 203.0.113.6 192.168.1.25", "drop"),
        ],
    );
}

#[test]
fn masks_with_holes_and_icmp_and_protocols() {
    list(
        "ip access-list extended OUTSIDE_IN\n deny ip 10.0.5.0 0.255.0.255 any\n permit ip 10.0.0.1 0.255.255.254 any\n \
         permit icmp any any echo-reply\n permit icmp any any unreachable\n permit icmp any any 11 0\n permit gre any any\n permit 50 any any\n",
        &[
            ("tcp 10.9.5.7 192.168.1.1", "drop"),
            ("tcp 10.9.6.7 192.168.1.1", "accept"),
            ("tcp 10.9.6.8 192.168.1.1", "drop"),
            ("icmp 1.1.1.1 192.168.1.1 icmp_type=0", "accept"),
            ("icmp 1.1.1.1 192.168.1.1 icmp_type=8", "drop"),
            ("icmp 1.1.1.1 192.168.1.1 icmp_type=3 icmp_code=13", "accept"),
            ("icmp 1.1.1.1 192.168.1.1 icmp_type=11 icmp_code=1", "drop"),
            ("47 1.1.1.1 192.168.1.1", "accept"),
            ("50 1.1.1.1 192.168.1.1", "accept"),
        ],
    );
}

#[test]
fn object_groups_hold_each_other() {
    list(
        "object-group network MAINT\n host 203.0.113.9\n group-object MORE\n!\nobject-group network MORE\n 198.51.100.128 255.255.255.128\n \
         range 203.0.113.20 203.0.113.29\n!\nobject-group service ADM\n tcp eq 22\n tcp-udp eq domain\n icmp echo\n tcp source eq 20 gt 1023\n!\n\
         ip access-list extended OUTSIDE_IN\n permit object-group ADM object-group MAINT any\n permit tcp any object-group NOWHERE eq 80\n",
        &[
            ("tcp 203.0.113.9 192.168.1.1 dport=22", "accept"),
            ("tcp 198.51.100.200 192.168.1.1 dport=22", "accept"),
            ("tcp 203.0.113.25 192.168.1.1 dport=53", "accept"),
            ("udp 203.0.113.25 192.168.1.1 dport=53", "accept"),
            ("udp 203.0.113.25 192.168.1.1 dport=22", "drop"),
            ("icmp 203.0.113.25 192.168.1.1 icmp_type=8", "accept"),
            ("icmp 203.0.113.25 192.168.1.1 icmp_type=0", "drop"),
            ("tcp 203.0.113.25 192.168.1.1 dport=2000 sport=20", "accept"),
            ("tcp 203.0.113.30 192.168.1.1 dport=22", "drop"),
            // a group that is not there: nobody knows
            ("tcp 203.0.113.30 192.168.1.1 dport=80", "undecided"),
            ("tcp 203.0.113.30 192.168.1.1 dport=81", "drop"),
            ("udp 203.0.113.30 192.168.1.1 dport=81", "drop"),
        ],
    );
}

#[test]
fn a_group_that_holds_itself_is_not_followed() {
    list(
        "object-group network A\n group-object B\nobject-group network B\n group-object A\n host 1.1.1.1\n!\n\
         ip access-list extended OUTSIDE_IN\n permit ip object-group A any\n",
        &[("tcp 203.0.113.9 192.168.1.1", "undecided")],
    );
}

#[test]
fn what_is_not_read_widens_what_is_possible() {
    list(
        "time-range NIGHT\n periodic daily 1:00 to 5:00\n!\nip access-list extended OUTSIDE_IN\n permit tcp any any eq 22 time-range NIGHT\n \
         deny tcp any any eq 23 dscp ef\n permit tcp any any eq 80 zzz\n frobnicate\n evaluate ANSWERS\n permit tcp any any eq 25\n",
        &[
            ("tcp 203.0.113.9 192.168.1.1 dport=22", "undecided"),
            ("tcp 203.0.113.9 192.168.1.1 dport=80", "undecided"),
            ("tcp 203.0.113.9 192.168.1.1 dport=443", "undecided"),
        ],
    );
    let known = "ip access-list extended OUTSIDE_IN\n permit tcp any any eq 22 time-range NIGHT\n evaluate ANSWERS\n permit tcp any any eq 25 zzz\n permit udp any any option any-options\n";
    list(
        known,
        &[
            ("tcp 203.0.113.9 192.168.1.1 dport=22", "undecided"),
            ("tcp 203.0.113.9 192.168.1.1 dport=443", "drop"),
            ("udp 203.0.113.9 192.168.1.1 dport=443", "drop"),
        ],
    );
    list(
        "ip access-list extended OUTSIDE_IN\n evaluate ANSWERS\n permit tcp any any eq 25 zzz\n",
        &[
            ("tcp 203.0.113.9 192.168.1.1 dport=443", "drop"),
            ("tcp 203.0.113.9 192.168.1.1 dport=443 ct=established", "undecided"),
            ("tcp 203.0.113.9 192.168.1.1 dport=25", "undecided"),
        ],
    );
    assert_eq!(device(&edge(known)).gaps.len(), 2, "the time range that is not there, and zzz");
}

#[test]
fn a_list_that_is_not_there_permits_everything_and_one_without_entries_too() {
    list("", &[("tcp 203.0.113.9 192.168.1.1 dport=3389", "accept")]);
    list(
        "ip access-list extended OUTSIDE_IN\n remark nothing yet\n",
        &[("tcp 203.0.113.9 192.168.1.1 dport=3389", "accept")],
    );
}

#[test]
fn numbered_lists_and_lists_that_are_taken_away() {
    let text = edge("").replace("OUTSIDE_IN", "101");
    let numbered = format!(
        "{text}access-list 101 deny   tcp any any eq 22\naccess-list 101 permit ip any any\naccess-list 10 permit 10.1.1.1\naccess-list 10 permit 10.2.0.0 0.0.255.255\n"
    );
    let packet =
        |port: u16| format!("forward tcp 203.0.113.9 192.168.1.1 iif=GigabitEthernet0/0 dport={port}");
    assert_eq!([answer(&numbered, &packet(22)), answer(&numbered, &packet(80))], ["drop", "accept"]);
    let alone = |src: &str| answer(&numbered, &format!("forward tcp {src} 192.168.1.1 filter=10"));
    assert_eq!([alone("10.1.1.1"), alone("10.1.1.2"), alone("10.2.9.9")], ["accept", "drop", "accept"]);
    let gone = format!("{numbered}no access-list 101\n");
    assert_eq!(answer(&gone, &packet(80)), "undecided", "a listing has no such line");
}

#[test]
fn later_fragments_have_no_ports() {
    let fate = |list: &str, fragment: u128, port: u16| {
        let model = device(&edge(list));
        let firewall = model.firewall.unwrap();
        let interfaces = Interfaces::new(firewall.interface_patterns()).unwrap();
        let packet = Packet::new("203.0.113.9".parse().unwrap(), "192.168.1.1".parse().unwrap(), 6).unwrap();
        let packet =
            packet.with(Field::In, interfaces.number("GigabitEthernet0/0")).with(Field::Fragment, fragment);
        let packet = if fragment == 0 { packet.with(Field::Dport, port.into()) } else { packet };
        let fates = trace_plain(&firewall, &model.host, &interfaces, &packet, Direction::Forward).unwrap();
        assert!(fates.iter().all(|f| f.verdict == fates[0].verdict));
        fates[0].verdict
    };
    let list = "ip access-list extended OUTSIDE_IN\n deny tcp any any eq 22\n permit tcp any any eq 80\n";
    assert_eq!(fate(list, 0, 22), Verdict::Drop);
    assert_eq!(fate(list, 0, 80), Verdict::Accept);
    assert_eq!(fate(list, 1, 0), Verdict::Accept, "the entry that permits passes it by addresses alone");
    let list = "ip access-list extended OUTSIDE_IN\n deny ip any any fragments\n permit tcp any any eq 80\n";
    assert_eq!([fate(list, 0, 80), fate(list, 1, 0)], [Verdict::Accept, Verdict::Drop]);
}

#[test]
fn ipv6_lists_let_neighbours_be_found() {
    let text = "hostname r1\nipv6 unicast-routing\ninterface G0\n ipv6 address 2001:db8::1/64\n ipv6 traffic-filter V6 in\n!\n\
        ipv6 access-list V6\n sequence 20 permit tcp any host 2001:db8:1::25 eq smtp\n sequence 10 deny tcp 2001:db8:bad::/48 any\n permit icmp any any echo-request\nend\n";
    let is = |packet: &str| answer(text, &format!("{packet} iif=G0"));
    assert_eq!(is("forward tcp 2001:db8:2::1 2001:db8:1::25 dport=25"), "accept");
    assert_eq!(is("forward tcp 2001:db8:bad::1 2001:db8:1::25 dport=25"), "drop");
    assert_eq!(is("input icmp fe80::1 2001:db8::1 icmp_type=135"), "accept");
    assert_eq!(is("input icmp fe80::1 2001:db8::1 icmp_type=134"), "drop");
    assert_eq!(is("input icmp fe80::1 2001:db8::1 icmp_type=128"), "accept");
    assert_eq!(
        answer(
            &text.replace("ipv6 unicast-routing\n", ""),
            "forward tcp 2001:db8:2::1 2001:db8:1::25 dport=25 iif=G0"
        ),
        "drop"
    );
}

#[test]
fn what_goes_out_is_filtered_except_what_the_device_sends() {
    let text = edge("ip access-list standard NOT_HERE\n deny 203.0.113.0 0.0.0.255\n permit any\n")
        .replace("192.168.1.1 255.255.255.0", "192.168.1.1 255.255.255.0\n ip access-group NOT_HERE out");
    let to = |oif: &str| {
        answer(&text, &format!("forward tcp 203.0.113.9 192.168.1.9 iif=GigabitEthernet0/0 oif={oif}"))
    };
    assert_eq!(to("GigabitEthernet0/1"), "drop");
    assert_eq!(to("GigabitEthernet0/0"), "accept");
    assert_eq!(answer(&text, "output tcp 203.0.113.1 192.168.1.9 oif=GigabitEthernet0/1"), "accept");
    let down = text.replace("ip access-group NOT_HERE out", "shutdown");
    assert_eq!(
        answer(&down, "forward tcp 203.0.113.9 192.168.1.9 iif=GigabitEthernet0/0 oif=GigabitEthernet0/1"),
        "drop"
    );
}

#[test]
fn a_new_entry_opens_exactly_what_it_permits() {
    let before = edge(
        "ip access-list extended OUTSIDE_IN\n 10 permit tcp any host 192.168.1.25 eq 25\n 30 deny ip any any\n",
    );
    let after = before.replace(" 30 deny", " 20 permit tcp any host 192.168.1.20 eq 3389\n 30 deny");
    let (opened, closed) = drift(&before, &after);
    assert_eq!((opened, closed), (vec!["forward tcp any -> 192.168.1.20 3389".to_owned()], Vec::new()));
}
