//! Zones: longest prefix, the rest, forged sources, and that sets and single addresses agree.

use proptest::prelude::*;

use super::*;

fn zone(name: &str, trust: Trust, networks: &[&str]) -> Zone {
    let networks = networks.iter().map(|n| n.parse().unwrap()).collect();
    Zone { name: Name::new(name).unwrap(), trust, networks }
}

fn bound(pairs: &[(&str, &str)]) -> Interfaces {
    pairs.iter().map(|(i, z)| ((*i).to_owned(), Name::new(z).unwrap())).collect()
}

fn city() -> Zones {
    Zones::new([
        zone("internet", Trust::Untrusted, &[]),
        zone("vendor", Trust::Partner, &["198.51.100.0/28"]),
        zone("dmz", Trust::Trusted, &["203.0.113.0/28", "2001:db8:d::/64"]),
        zone("lan", Trust::Trusted, &["10.0.0.0/8"]),
        zone("lgwan", Trust::Trusted, &["10.9.0.0/16"]),
    ])
}

fn at<'z>(zones: &'z Zones, bound: &Interfaces, interface: Option<&str>, address: &str) -> Option<&'z str> {
    zones.zone_of(bound, interface, address.parse().unwrap()).map(|z| z.name.as_str())
}

#[test]
fn the_longest_prefix_and_the_rest() {
    let (zones, none) = (city(), Interfaces::new());
    assert_eq!(at(&zones, &none, None, "10.9.1.1"), Some("lgwan"));
    assert_eq!(at(&zones, &none, None, "10.8.1.1"), Some("lan"));
    assert_eq!(at(&zones, &none, None, "203.0.113.16"), Some("internet"));
    assert_eq!(at(&zones, &none, None, "2001:db8:d::25"), Some("dmz"));
    assert_eq!(at(&zones, &none, None, "192.168.1.1"), None, "no private address comes from the internet");
    assert_eq!(zones.addresses("lan").unwrap().count(Family::Ipv4), (1 << 24) - (1 << 16));
    assert!(!zones.addresses("internet").unwrap().contains("10.0.0.1".parse().unwrap()));
}

#[test]
fn the_last_addresses_of_both_families_are_claimed_once() {
    let zones = Zones::new([
        zone("all", Trust::Untrusted, &["::/0", "0.0.0.0/0"]),
        zone("end", Trust::Trusted, &["ffff::/16", "255.0.0.0/8"]),
    ]);
    let none = Interfaces::new();
    for (address, name) in [
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "end"),
        ("fffe:ffff::", "all"),
        ("255.255.255.255", "end"),
        ("0.0.0.0", "all"),
    ] {
        assert_eq!(at(&zones, &none, None, address), Some(name));
        let sources = zones.sources(&none, None);
        assert_eq!(
            sources.values().filter(|set| set.contains(address.parse().unwrap())).count(),
            1,
            "{address}"
        );
    }
}

#[test]
fn an_interface_says_where_unclaimed_sources_come_from() {
    let zones = city();
    let edge = bound(&[("wan0", "internet"), ("dmz0", "dmz")]);
    assert_eq!(at(&zones, &edge, Some("wan0"), "8.8.8.8"), Some("internet"));
    assert_eq!(at(&zones, &edge, Some("wan0"), "192.168.1.1"), None, "a neighbour at the provider");
    assert_eq!(at(&zones, &edge, Some("dmz0"), "203.0.113.3"), Some("dmz"));
    assert_eq!(at(&zones, &edge, Some("dmz0"), "192.168.1.1"), None, "in no declared network");
    assert_eq!(at(&zones, &edge, Some("dmz0"), "127.0.0.1"), None);
    assert_eq!(
        at(&zones, &edge, Some("vpn0"), "198.51.100.3"),
        Some("vendor"),
        "not bound: the address decides"
    );
}

#[test]
fn the_internet_reaches_a_server_through_its_trusted_zone() {
    let zones = city();
    let server = bound(&[("eth0", "dmz")]);
    assert_eq!(at(&zones, &server, Some("eth0"), "198.51.100.77"), Some("internet"));
    assert_eq!(at(&zones, &server, Some("eth0"), "198.51.100.3"), Some("vendor"));
    assert_eq!(at(&zones, &server, Some("eth0"), "10.1.1.1"), Some("lan"));
    let sets = zones.trust(&server, Some("eth0"), &AddressSet::none(), InterfaceRole::DefaultRoute);
    assert!(sets.untrusted.contains("198.51.100.77".parse().unwrap()) && sets.forged.is_empty());
    let without_rest = Zones::new([zone("dmz", Trust::Trusted, &["203.0.113.0/28"])]);
    let sets = without_rest.trust(&server, Some("eth0"), &AddressSet::none(), InterfaceRole::DefaultRoute);
    assert!(sets.untrusted.contains("198.51.100.77".parse().unwrap()), "no zone fits: the defaults");
    let by_interface =
        Zones::new([zone("internet", Trust::Untrusted, &[]), zone("dmz", Trust::Trusted, &[])]);
    assert_eq!(at(&by_interface, &server, Some("eth0"), "198.51.100.77"), Some("internet"));
}

#[test]
fn a_zone_without_networks_has_what_comes_through_its_line() {
    let zones = Zones::new([zone("internet", Trust::Untrusted, &[]), zone("line", Trust::Partner, &[])]);
    let edge = bound(&[("wan0", "internet"), ("ppp0", "line")]);
    assert_eq!(at(&zones, &edge, Some("ppp0"), "8.8.8.8"), Some("line"));
    assert_eq!(at(&zones, &edge, Some("ppp0"), "192.168.1.1"), Some("line"));
    assert!(zones.forged(&edge, Some("ppp0")).is_empty());
}

#[test]
fn a_forged_source_never_lifts_an_interface() {
    let zones = city();
    let edge = bound(&[("wan0", "internet"), ("dmz0", "dmz")]);
    assert_eq!(
        at(&zones, &edge, Some("wan0"), "203.0.113.3"),
        Some("internet"),
        "the dmz is attached elsewhere"
    );
    assert_eq!(
        at(&zones, &edge, Some("wan0"), "10.1.1.1"),
        Some("internet"),
        "trusted behind the internet: forged"
    );
    assert_eq!(
        at(&zones, &edge, Some("wan0"), "198.51.100.3"),
        Some("vendor"),
        "a partner may come that way"
    );
    assert_eq!(at(&zones, &edge, Some("dmz0"), "8.8.8.8"), Some("dmz"), "the internet has its own line");
    assert!(zones.forged(&edge, Some("dmz0")).contains("8.8.8.8".parse().unwrap()));
    let with_line = bound(&[("wan0", "internet"), ("vpn0", "vendor")]);
    assert_eq!(
        at(&zones, &with_line, Some("wan0"), "198.51.100.3"),
        Some("internet"),
        "not past its own line"
    );
    let inside = bound(&[("lan0", "lan"), ("lgwan0", "lgwan")]);
    assert_eq!(at(&zones, &inside, Some("lan0"), "10.9.0.1"), Some("lan"), "lgwan has its own interface");
    assert_eq!(
        at(&zones, &inside, Some("lan0"), "198.51.100.3"),
        Some("vendor"),
        "and the vendor has none here"
    );
}

#[test]
fn defaults_without_declared_zones() {
    let own: AddressSet = ["203.0.113.10", "10.0.0.5"].iter().map(|a| a.parse::<Prefix>().unwrap()).collect();
    let inside = |set: &AddressSet, address: &str| set.contains(address.parse().unwrap());
    let wan = default_trust(&own, InterfaceRole::DefaultRoute);
    for address in
        ["203.0.113.11", "8.8.8.8", "100.64.0.1", "2001:db8::1", "::2", "0.0.0.0", "255.255.255.255"]
    {
        assert!(inside(&wan.untrusted, address), "{address}");
    }
    for address in ["10.0.0.6", "172.31.0.1", "192.168.0.1", "169.254.1.1", "fd00::1", "fe80::1"] {
        assert!(inside(&wan.partner, address), "{address}");
    }
    for address in ["203.0.113.10", "10.0.0.5", "127.9.9.9", "::1"] {
        assert!(inside(&wan.trusted, address), "{address}");
    }
    let lan = default_trust(&own, InterfaceRole::Other);
    assert!(lan.partner.is_empty() && inside(&lan.trusted, "10.0.0.6") && inside(&lan.untrusted, "8.8.8.8"));
    assert_eq!(default_trust(&own, InterfaceRole::Loopback).trusted, AddressSet::all());
    assert_eq!(
        Zones::default().trust(&Interfaces::new(), Some("eth0"), &own, InterfaceRole::DefaultRoute),
        wan
    );
}

#[test]
fn the_edges_of_private_ranges() {
    let private = private();
    for (inside, outside) in [
        ("172.16.0.0", "172.15.255.255"),
        ("172.31.255.255", "172.32.0.0"),
        ("10.255.255.255", "11.0.0.0"),
        ("192.168.0.0", "192.167.255.255"),
        ("fdff::1", "fe00::1"),
        ("febf::1", "fec0::1"),
    ] {
        assert!(private.contains(inside.parse().unwrap()), "{inside}");
        assert!(!private.contains(outside.parse().unwrap()), "{outside}");
    }
}

#[test]
fn declared_zones_by_trust() {
    let zones = city();
    let bound = bound(&[("wan0", "internet"), ("dmz0", "dmz")]);
    let own = AddressSet::from("203.0.113.1".parse::<Prefix>().unwrap());
    let sets = zones.trust(&bound, Some("wan0"), &own, InterfaceRole::DefaultRoute);
    let inside = |set: &AddressSet, address: &str| set.contains(address.parse().unwrap());
    assert!(inside(&sets.untrusted, "8.8.8.8") && inside(&sets.partner, "198.51.100.1"));
    assert!(inside(&sets.trusted, "203.0.113.1") && inside(&sets.trusted, "127.0.0.1"));
    assert!(inside(&sets.forged, "203.0.113.2") && inside(&sets.forged, "10.1.1.1"));
    assert!(inside(&sets.partner, "192.168.1.1"), "unclaimed and private on the internet line: a neighbour");
    let second_line = zones.trust(&bound, Some("wan0"), &own, InterfaceRole::Other);
    assert_eq!(second_line, sets, "declared untrusted counts, whether or not the default route leads there");
    let unbound = zones.trust(&Interfaces::new(), Some("eth9"), &own, InterfaceRole::Other);
    assert!(inside(&unbound.trusted, "192.168.1.1"), "unclaimed and private: the default");
}

fn trust() -> impl Strategy<Value = Trust> {
    prop_oneof![Just(Trust::Untrusted), Just(Trust::Partner), Just(Trust::Trusted)]
}

/// Zones over a corner of the address space, so that they nest and collide.
fn small_zones() -> impl Strategy<Value = Zones> {
    let network = (0u32..64, 26u8..=32)
        .prop_map(|(n, len)| Prefix::new(IpAddr::V4((0xc000_0200 + n).into()), len).unwrap());
    prop::collection::vec((trust(), prop::collection::vec(network, 0..3)), 0..5).prop_map(|parts| {
        Zones::new(parts.into_iter().enumerate().map(|(i, (trust, networks))| Zone {
            name: Name::new(&format!("z{i}")).unwrap(),
            trust,
            networks,
        }))
    })
}

proptest! {
    #[test]
    fn the_longest_prefix_has_the_address(zones in small_zones(), bits in 0xc000_01f0u32..0xc000_0250) {
        let address = IpAddr::V4(bits.into());
        let longest = zones
            .iter()
            .flat_map(|z| z.networks.iter().map(move |p| (p, z)))
            .filter(|(p, _)| p.contains(address))
            .min_by_key(|(p, z)| (Reverse(p.length()), z.name.clone()));
        let claiming: Vec<&Name> = zones.claims.iter().filter(|(_, c)| c.contains(address)).map(|(n, _)| n).collect();
        prop_assert_eq!(claiming, longest.map(|(_, z)| &z.name).into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn sets_agree_with_single_addresses(
        zones in small_zones(),
        first in prop::option::of(0usize..5),
        second in prop::option::of(0usize..5),
        bits in prop_oneof![0xc000_0200u32..0xc000_0240, any::<u32>()],
    ) {
        let named = |i: usize| Name::new(&format!("z{i}")).unwrap();
        let mut bound = Interfaces::new();
        bound.extend(first.map(|i| ("eth0".to_owned(), named(i))));
        bound.extend(second.map(|i| ("eth1".to_owned(), named(i))));
        let source = IpAddr::V4(bits.into());
        let one = zones.zone_of(&bound, Some("eth0"), source).map(|z| z.name.clone());
        let sources = zones.sources(&bound, Some("eth0"));
        let many: Vec<&Name> = sources.iter().filter(|(_, set)| set.contains(source)).map(|(n, _)| *n).collect();
        prop_assert_eq!(one.iter().collect::<Vec<_>>(), many);

        let own = AddressSet::none();
        let sets = zones.trust(&bound, Some("eth0"), &own, InterfaceRole::Other);
        let levels = [&sets.untrusted, &sets.partner, &sets.trusted, &sets.forged];
        prop_assert_eq!(levels.iter().filter(|set| set.contains(source)).count(), 1);
        let all = levels.iter().fold(AddressSet::none(), |all, set| all.union(set));
        prop_assert_eq!(all, AddressSet::all());
    }
}
