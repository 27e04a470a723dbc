use super::*;
use crate::packet::{Interfaces, Limits, NamePattern, proto};
use proptest::prelude::*;

fn space() -> Space {
    let names = ["wan", "lan"].map(|n| NamePattern::Exact(n.to_owned()));
    Space::new(Limits::default(), Interfaces::new(names).unwrap())
}

/// The set that boxes describe.
fn union(space: &mut Space, boxes: &[FlowBox]) -> PacketSet {
    let mut all = PacketSet::FALSE;
    for one in boxes {
        assert!(one.exact);
        let set = space.box_set(one);
        all = space.or(all, set);
    }
    all
}

#[test]
fn overlapping_lines_read_better_than_disjoint_ones() {
    let mut s = space();
    let net = |t: &str| AddressSet::from(t.parse::<Prefix>().unwrap());
    let v4 = s.family(Family::Ipv4);
    let a = s.addresses(Field::Src, &net("192.0.2.0/24"));
    let b = s.addresses(Field::Dst, &net("203.0.113.10/32"));
    let either = s.or(a, b);
    let tcp = s.number(Field::Proto, proto::TCP.into());
    let smtp = s.ranges(Field::Dport, &[(25, 25), (587, 587)]);
    let set = s.all([v4, either, tcp, smtp]);
    let boxes = s.cover(set, CoverLimits::default());
    assert_eq!(union(&mut s, &boxes), set);
    assert_eq!(boxes.len(), 2, "{boxes:?}");
    assert!(boxes.iter().all(|b| b.get(Field::Dport) == Some(&[(25, 25), (587, 587)])));
    assert!(boxes.iter().any(|b| b.get(Field::Src).is_none() && b.get(Field::Dst).is_some()));
    assert!(boxes.iter().any(|b| b.get(Field::Dst).is_none() && b.get(Field::Src).is_some()));
}

#[test]
fn what_is_so_everywhere_is_not_said_again_for_one_interface() {
    let mut s = space();
    let v4 = s.family(Family::Ipv4);
    let mut to = |address: &str, port| {
        let dst = s.addresses(Field::Dst, &address.parse::<Prefix>().unwrap().into());
        let port = s.number(Field::Dport, port);
        s.and(dst, port)
    };
    let (web, mail) = (to("203.0.113.12", 443), to("203.0.113.10", 587));
    let wan = s.interface(Field::In, &NamePattern::Exact("wan".into()));
    let mail = s.and(wan, mail);
    let either = s.or(web, mail);
    let set = s.and(v4, either);
    let boxes = s.cover(set, CoverLimits::default());
    assert_eq!(union(&mut s, &boxes), set);
    let ports: Vec<_> =
        boxes.iter().map(|b| (b.get(Field::In).is_some(), b.get(Field::Dport).unwrap())).collect();
    assert_eq!(ports, [(false, &[(443, 443)][..]), (true, &[(587, 587)][..])]);
}

#[test]
fn a_ragged_set_is_written_coarsely_never_dropped() {
    let mut s = space();
    let odd = s.bits(Field::Dport, 1, 1);
    let boxes = s.cover(odd, CoverLimits { boxes: 10, ranges: 100 });
    assert!(boxes.iter().all(|b| !b.exact && b.get(Field::Dport).is_none()));
    assert_eq!(boxes.len(), 2);
}

fn part() -> impl Strategy<Value = (bool, u8, u8, u8, bool, u16)> {
    (any::<bool>(), 0u8..4, 0u8..4, 0u8..3, any::<bool>(), 20u16..24)
}

proptest! {
    #[test]
    fn a_cover_is_exact(parts in prop::collection::vec(part(), 0..6), minus in prop::collection::vec(part(), 0..3)) {
        let mut s = space();
        let mut build = |(v6, src, dst, kind, wan, port): (bool, u8, u8, u8, bool, u16)| {
            let family = s.family(if v6 { Family::Ipv6 } else { Family::Ipv4 });
            let net = |n: u8| -> AddressSet {
                let text = if v6 { format!("2001:db8:{n}::/48") } else { format!("10.{n}.0.0/16") };
                text.parse::<Prefix>().unwrap().into()
            };
            let src = if src == 0 { PacketSet::TRUE } else { s.addresses(Field::Src, &net(src)) };
            let dst = if dst == 0 { PacketSet::TRUE } else { s.addresses(Field::Dst, &net(dst)) };
            let proto = if kind == 0 { PacketSet::TRUE } else { s.number(Field::Proto, u128::from(kind)) };
            let port = if kind == 2 { s.ranges(Field::Dport, &[(port.into(), 23)]) } else { PacketSet::TRUE };
            let wan = if wan { s.interface(Field::In, &NamePattern::Exact("wan".into())) } else { PacketSet::TRUE };
            s.all([family, src, dst, proto, port, wan])
        };
        let plus: Vec<_> = parts.into_iter().map(&mut build).collect();
        let minus: Vec<_> = minus.into_iter().map(&mut build).collect();
        let (plus, minus) = (s.any(plus), s.any(minus));
        let set = s.diff(plus, minus);
        let boxes = s.cover(set, CoverLimits::default());
        let legal = s.legal();
        let arriving = s.number(Field::In, 0);
        let care = s.diff(legal, arriving);
        let (got, want) = (union(&mut s, &boxes), s.and(set, care));
        let got = s.and(got, care);
        prop_assert_eq!(got, want);
    }
}

#[test]
fn what_a_network_may_is_not_said_again_of_its_hosts() {
    let mut s = space();
    let v4 = s.family(Family::Ipv4);
    let mut to = |network: &str, port| {
        let dst = s.addresses(Field::Dst, &network.parse::<Prefix>().unwrap().into());
        let port = s.number(Field::Dport, port);
        s.and(dst, port)
    };
    let hosts: Vec<PacketSet> = (1..=100u128).map(|n| to(&format!("203.0.113.{n}"), 1_000 + n)).collect();
    let (network, everywhere) = (to("203.0.113.0/24", 443), to("0.0.0.0/0", 25));
    let all = s.any(hosts.into_iter().chain([network, everywhere]).collect::<Vec<_>>());
    let set = s.and(v4, all);
    let boxes = s.cover(set, CoverLimits::default());
    assert_eq!(union(&mut s, &boxes), set);
    assert_eq!(boxes.len(), 102, "{boxes:?}");
}
