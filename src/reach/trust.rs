//! Packets by the trust of their source: zones of the site, or the default ones, on each interface of a host.

use crate::host::HostFacts;
use crate::packet::{Field, PacketSet, Space};
use crate::site::Site;
use crate::site::zone::{InterfaceRole, Trust, TrustSets};

/// Packets by where they come from. Disjoint; packets made on the host and forged ones are in none.
#[derive(Debug, Clone, Copy)]
pub struct Trusts {
    /// From anybody.
    pub untrusted: PacketSet,
    /// From partners.
    pub partner: PacketSet,
    /// From one's own.
    pub trusted: PacketSet,
}

impl Trusts {
    /// For one device.
    pub fn of(space: &mut Space, site: &Site, device: &str, host: &HostFacts) -> Self {
        let own = host.own().unwrap_or_default();
        let bound = site.interfaces(device);
        // interfaces with the same sources are one set
        let mut alike: Vec<(TrustSets, Vec<(u128, u128)>)> = Vec::new();
        for number in 1..=space.interfaces().last() {
            let Some(name) = space.interfaces().name(number) else { continue };
            let sets = site.zones.trust(&bound, Some(&name), &own, role(&name, host));
            match alike.iter_mut().find(|(other, _)| *other == sets) {
                Some((_, numbers)) => numbers.push((number, number)),
                None => alike.push((sets, vec![(number, number)])),
            }
        }
        let mut packets = |trust: Trust| {
            alike.iter().fold(PacketSet::FALSE, |all, (sets, numbers)| {
                let sources = space.addresses(Field::Src, sets.get(trust));
                let interfaces = space.ranges(Field::In, numbers);
                let both = space.and(sources, interfaces);
                space.or(all, both)
            })
        };
        let untrusted = packets(Trust::Untrusted);
        let (partner, trusted) = (packets(Trust::Partner), packets(Trust::Trusted));
        // answers to a forged source go to its true owner, so no TCP connection comes about; a datagram does its work
        let tcp = space.number(Field::Proto, crate::packet::proto::TCP.into());
        let forged = alike.iter().filter(|(sets, _)| !sets.untrusted.is_empty());
        let forged: Vec<PacketSet> = forged
            .map(|(sets, numbers)| {
                let sources = space.addresses(Field::Src, &sets.forged);
                let interfaces = space.ranges(Field::In, numbers);
                let both = space.and(sources, interfaces);
                space.diff(both, tcp)
            })
            .collect();
        let forged = space.any(forged);
        Self { untrusted: space.or(untrusted, forged), partner, trusted }
    }
}
/// What an interface is to its host.
pub fn role(name: &str, host: &HostFacts) -> InterfaceRole {
    let default = |r: &&crate::host::Route| r.destination.length() == 0 && r.table == "main";
    if name == "lo" {
        InterfaceRole::Loopback
    } else if host.routes.iter().flatten().filter(default).any(|r| r.interfaces.iter().any(|i| i == name)) {
        InterfaceRole::DefaultRoute
    } else {
        InterfaceRole::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{InterfaceAddress, Route, RouteKind};
    use crate::packet::{Family, Interfaces, Limits, NamePattern, Packet, Prefix, proto};

    #[test]
    fn sources_by_interface() {
        let address = |interface: &str, address: &str| InterfaceAddress {
            interface: interface.into(),
            address: address.parse().unwrap(),
            prefix: 24,
        };
        let default = Route {
            kind: RouteKind::Unicast,
            destination: Prefix::all(Family::Ipv4),
            table: "main".into(),
            interfaces: vec!["wan".into()],
            gateway: None,
            metric: 0,
        };
        let host = HostFacts {
            addresses: Some(vec![address("wan", "203.0.113.1"), address("lan", "192.168.1.1")]),
            routes: Some(vec![default]),
            ..HostFacts::default()
        };
        let names = ["lo", "wan", "lan"].map(|n| NamePattern::Exact(n.to_owned()));
        let mut space = Space::new(Limits::default(), Interfaces::new(names).unwrap());
        let trusts = Trusts::of(&mut space, &Site::default(), "fw", &host);
        let packet = |iif: &str, src: &str| {
            let dst = "203.0.113.1".parse().unwrap();
            let number = space.interfaces().number(iif);
            Packet::new(src.parse().unwrap(), dst, proto::TCP).unwrap().with(Field::In, number)
        };
        let of =
            |p: Packet| [trusts.untrusted, trusts.partner, trusts.trusted].map(|set| space.contains(set, &p));
        assert_eq!(of(packet("wan", "198.51.100.7")), [true, false, false]);
        assert_eq!(of(packet("wan", "10.0.0.7")), [false, true, false]);
        assert_eq!(of(packet("lan", "10.0.0.7")), [false, false, true]);
        assert_eq!(of(packet("lan", "198.51.100.7")), [true, false, false]);
        assert_eq!(of(packet("lo", "198.51.100.7")), [false, false, true]);
        assert_eq!(of(packet("wan", "203.0.113.1")), [false, false, true]);
        assert_eq!(of(packet("ppp0", "100.64.0.1")), [true, false, false]);
    }
}
