//! The flow grammar: what reads, what does not and where the caret goes, and that what is shown reads back.

use proptest::prelude::*;

use super::*;

fn flow(text: &str) -> FlowSpec {
    text.parse().unwrap_or_else(|e: FlowError| panic!("{text}: {e:?}"))
}

/// The fault, the text under the caret, and the proposal.
fn fault(text: &str) -> (FlowFault, &str, Option<String>) {
    let error = text.parse::<FlowSpec>().expect_err(text);
    let Problem::BadFlow { fault, near, .. } = error.problem else { panic!("{error:?}") };
    (fault, text.get(error.span).unwrap(), near)
}

#[test]
fn forms_that_read() {
    for (text, shown) in [
        ("tcp internet -> 203.0.113.10:25,587", "tcp internet -> 203.0.113.10:25,587"),
        ("  TCP   internet->dmz : 8000-8099 , 25 ", "tcp internet -> dmz:25,8000-8099"),
        ("udp [2001:db8::/32] -> [2001:db8:d::/64]:53", "udp [2001:db8::/32] -> [2001:db8:d::/64]:53"),
        ("udp 2001:db8::/32 -> 2001:db8::25", "udp [2001:db8::/32] -> [2001:db8::25]"),
        ("any any -> any", "any any -> any"),
        ("icmpv6 any -> mx1", "icmpv6 any -> mx1"),
        ("6 10.0.0.0/8 -> mx1:25", "tcp 10.0.0.0/8 -> mx1:25"),
        ("47 any -> fw-edge", "47 any -> fw-edge"),
        ("132 any -> fw-edge:2905", "132 any -> fw-edge:2905"),
    ] {
        assert_eq!(flow(text).to_string(), shown);
    }
}

#[test]
fn names_of_protocols_are_numbers() {
    assert_eq!(flow("58 any -> any"), flow("icmpv6 any -> any"));
    assert_eq!(flow("1 any -> any"), flow("icmp any -> any"));
    assert_eq!(flow("17 any -> any:53"), flow("udp any -> any:53"));
}

#[test]
fn faults_point_at_the_part_that_is_wrong() {
    use FlowFault::{
        Endpoint, Family, PortOrder, Ports, PortsWithoutProtocol, Prefix, Protocol, Shape, SourcePorts,
    };
    let some = |s: &str| Some(s.to_owned());
    for (text, expected) in [
        ("tcp internet 203.0.113.10:25", (Shape, "tcp internet 203.0.113.10:25", None)),
        ("internet -> dmz", (Shape, "internet -> dmz", None)),
        ("tcp -> dmz:25", (Shape, "tcp -> dmz:25", None)),
        ("tcp internet ->", (Shape, "tcp internet ->", None)),
        ("", (Shape, "", None)),
        ("tpc internet -> dmz:25", (Protocol, "tpc", some("tcp"))),
        ("icmp6 any -> dmz", (Protocol, "icmp6", some("icmpv6"))),
        ("256 any -> dmz", (Protocol, "256", None)),
        ("tcp internet:25 -> dmz:25", (SourcePorts, "internet:25", some("internet"))),
        ("tcp internet -> dmz:smtp", (Ports, "smtp", None)),
        ("tcp internet -> dmz:25,", (Ports, "", None)),
        ("tcp internet -> dmz:", (Ports, "", None)),
        ("tcp internet -> dmz:25,99-80", (PortOrder, "99-80", None)),
        ("icmp internet -> dmz:25", (PortsWithoutProtocol, "25", None)),
        ("any internet -> dmz:53", (PortsWithoutProtocol, "53", None)),
        ("tcp 203.0.113.9/28 -> dmz:25", (Prefix, "203.0.113.9/28", some("203.0.113.0/28"))),
        ("tcp 203.0.113.0/33 -> dmz:25", (Prefix, "203.0.113.0/33", None)),
        ("tcp any -> [2001:db8::1/32]:25", (Prefix, "[2001:db8::1/32]", some("[2001:db8::/32]"))),
        ("tcp any -> 2001:db8::/32:25", (Endpoint, "2001:db8::/32:25", some("[2001:db8::/32]:25"))),
        ("tcp any -> [192.0.2.1]:25", (Endpoint, "[192.0.2.1]", some("192.0.2.1"))),
        ("tcp any -> [2001:db8::1", (Endpoint, "[2001:db8::1", None)),
        ("tcp any -> a b:25", (Endpoint, "a b", None)),
        ("tcp 192.0.2.1 -> [2001:db8::1]:25", (Family, "tcp 192.0.2.1 -> [2001:db8::1]:25", None)),
        (
            "icmp any -> [2001:db8::1]",
            (Family, "icmp any -> [2001:db8::1]", some("icmpv6 any -> [2001:db8::1]")),
        ),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    prop_oneof![
        Just(Endpoint::Any),
        "[a-z][a-z0-9.-]{0,6}[a-z0-9]".prop_filter_map("a name", |t| Name::new(&t).ok().map(Endpoint::Named)),
        (any::<u32>(), 0u8..=32).prop_map(|(bits, len)| {
            Endpoint::Network(crate::packet::Prefix::new(IpAddr::V4(bits.into()), len).unwrap())
        }),
        (any::<u128>(), 0u8..=128).prop_map(|(bits, len)| {
            Endpoint::Network(crate::packet::Prefix::new(IpAddr::V6(bits.into()), len).unwrap())
        }),
    ]
}

fn ports() -> impl Strategy<Value = Option<PortSet>> {
    prop::option::of(prop::collection::vec((any::<u16>(), 0u16..100), 1..4).prop_map(|parts| {
        let text: Vec<_> = parts.iter().map(|(a, n)| format!("{a}-{}", a.saturating_add(*n))).collect();
        PortSet::new(&text.join(",")).unwrap()
    }))
}

fn flows() -> impl Strategy<Value = FlowSpec> {
    let protocol = prop_oneof![Just(Protocol::Any), any::<u8>().prop_map(Protocol::Number)];
    (protocol, endpoint(), endpoint(), ports())
        .prop_map(|(protocol, source, destination, ports)| {
            let ports = ports.filter(|_| protocol.has_ports());
            FlowSpec { protocol, source, destination, ports }
        })
        .prop_filter("one family", |flow| {
            let families = [flow.protocol.family(), flow.source.family(), flow.destination.family()];
            !(families.contains(&Some(Family::Ipv4)) && families.contains(&Some(Family::Ipv6)))
        })
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(flow in flows()) {
        prop_assert_eq!(flow.to_string().parse::<FlowSpec>(), Ok(flow));
    }

    #[test]
    fn no_text_panics_and_every_fault_has_a_place(
        text in prop_oneof!["\\PC{0,40}", "[a-z0-9:/. \\[\\]>,-]{0,40}", "(tcp|udp|any) [0-9a-f:/.\\[\\]]{0,12} -> [0-9a-f:/.\\[\\],-]{0,20}"],
    ) {
        match text.parse::<FlowSpec>() {
            Ok(flow) => prop_assert_eq!(flow.to_string().parse::<FlowSpec>(), Ok(flow)),
            Err(error) => prop_assert!(text.get(error.span).is_some()),
        }
    }
}
