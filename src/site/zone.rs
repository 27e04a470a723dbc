//! Zones: where a packet comes from, and how far that place is trusted.
//!
//! A zone is known by interfaces (declared at each device) and by networks. The longest prefix decides which zone an
//! address belongs to; the untrusted zone without networks is what no other zone claims. Special ranges are those of
//! RFC 1918 (private), RFC 4193 (unique local), RFC 3927 and RFC 4291 section 2.5.6 (link-local), RFC 1122 section
//! 3.2.1.3 and RFC 4291 section 2.5.3 (loopback).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::packet::{AddressRange, AddressSet, Family, Prefix};

/// How far a zone is trusted. Ordered: `Untrusted < Partner < Trusted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Anybody may be there.
    Untrusted,
    /// Known people outside: a vendor's line, another organisation, a VPN.
    Partner,
    /// One's own.
    Trusted,
}

/// A declared zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Name.
    pub name: Name,
    /// How far it is trusted.
    pub trust: Trust,
    /// The networks as declared; empty where the zone is known by interfaces only, or is the untrusted rest.
    pub networks: Vec<Prefix>,
}

/// All declared zones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zones {
    zones: BTreeMap<Name, Zone>,
    /// What each zone with networks claims once longer prefixes of others are taken out: disjoint.
    claims: BTreeMap<Name, AddressSet>,
}

/// The zones bound to the interfaces of one device.
pub type Interfaces = BTreeMap<String, Name>;

/// Sources by trust; the four are disjoint and together everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustSets {
    /// Sources that anybody may use.
    pub untrusted: AddressSet,
    /// Sources of partners.
    pub partner: AddressSet,
    /// One's own.
    pub trusted: AddressSet,
    /// Sources of a zone that lies elsewhere: whoever sends them here forges them. Answers go to the true owner, so
    /// no TCP connection comes about (and no mail); a single datagram does its work.
    pub forged: AddressSet,
}

/// What an interface is to its host, for hosts whose zones are not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceRole {
    /// The loopback interface: only the host itself is there.
    Loopback,
    /// The interface of a default route: private sources there are a provider's or another organisation's.
    DefaultRoute,
    /// Any other interface, or one whose role is not known.
    Other,
}

/// What a source address says of itself.
#[derive(Debug, Clone, Copy)]
enum Origin<'z> {
    /// The networks of a zone hold it.
    Claimed(&'z Zone),
    /// No zone claims it, and it is private, unique-local or link-local.
    Private,
    /// No zone claims it, and the internet may carry it.
    Global,
}

impl Zone {
    /// Whether the zone is the untrusted rest: what no other zone claims.
    pub fn is_rest(&self) -> bool {
        self.trust == Trust::Untrusted && self.networks.is_empty()
    }
}

impl Zones {
    /// Puts zones together. Of two zones that claim the very same network, the one that comes first by name gets it
    /// (the reader of `site.toml` refuses such files).
    pub fn new(zones: impl IntoIterator<Item = Zone>) -> Self {
        let zones: BTreeMap<Name, Zone> = zones.into_iter().map(|zone| (zone.name.clone(), zone)).collect();
        let claims = claims(&zones);
        Self { zones, claims }
    }

    /// The zone of this name.
    pub fn get(&self, name: &str) -> Option<&Zone> {
        self.zones.get(name)
    }

    /// All zones, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.zones.values()
    }

    /// Whether none is declared.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// The addresses of a zone, whatever the interface: what its networks claim, or, for the untrusted rest, every
    /// address that no zone claims and that the internet carries (special ranges never come from there by address,
    /// only by interface). `None` for a zone known by interfaces only, and for no zone at all.
    pub fn addresses(&self, name: &str) -> Option<AddressSet> {
        let zone = self.zones.get(name)?;
        match self.claims.get(name) {
            Some(claim) => Some(claim.clone()),
            None if zone.is_rest() => Some(self.claimed().union(&special()).complement()),
            None => None,
        }
    }

    /// The addresses of every zone that has any, by name. Disjoint, save that several rests are the same rest.
    pub fn networks(&self) -> BTreeMap<&Name, AddressSet> {
        self.zones.keys().filter_map(|name| Some((name, self.addresses(name.as_str())?))).collect()
    }

    /// The zone that a packet from `source` belongs to which arrives on `interface`; `None` when no declared zone
    /// fits, and [`default_trust`] is all that can be said.
    ///
    /// The source address says who it is; the interface says whether that can be true. A zone that has an interface of
    /// its own on this device sends nothing through another one, and nobody outside is `trusted` for what he calls
    /// himself: such sources are forged and belong to the zone of the interface. What is not attached here may
    /// well arrive through a neighbour: the internet reaches a mail server through its trusted DMZ.
    pub fn zone_of(&self, bound: &Interfaces, interface: Option<&str>, source: IpAddr) -> Option<&Zone> {
        let claimed = self.claimants().find(|(_, set)| set.contains(source)).map(|(zone, _)| zone);
        let origin = match claimed {
            Some(zone) => Origin::Claimed(zone),
            None if loopback().contains(source) => return None,
            None if private().contains(source) => Origin::Private,
            None => Origin::Global,
        };
        self.place(bound, self.bound_zone(bound, interface), origin).0
    }

    /// The sources of every zone on one interface: what [`Zones::zone_of`] says, as disjoint sets.
    pub fn sources(&self, bound: &Interfaces, interface: Option<&str>) -> BTreeMap<&Name, AddressSet> {
        let mut ranges: BTreeMap<&Name, Vec<AddressRange>> = BTreeMap::new();
        for (zone, _, sources) in self.placed(bound, interface) {
            ranges.entry(&zone.name).or_default().extend(sources.ranges());
        }
        let sets = ranges.into_iter().map(|(name, ranges)| (name, ranges.into_iter().collect()));
        sets.filter(|(_, set): &(_, AddressSet)| !set.is_empty()).collect()
    }

    /// The sources that can only be forged on one interface: those of a zone that lies elsewhere.
    pub fn forged(&self, bound: &Interfaces, interface: Option<&str>) -> AddressSet {
        let placed = self.placed(bound, interface);
        placed
            .iter()
            .filter(|(_, forged, _)| *forged)
            .flat_map(|(_, _, set)| set.ranges().iter().copied())
            .collect()
    }

    /// The sources on one interface by trust: declared zones first, then [`default_trust`] for what no zone claims
    /// (an interface bound to an untrusted zone counts as one of a default route). The host's own addresses and
    /// loopback are always trusted: hosts drop them when they come from outside.
    pub fn trust(
        &self,
        bound: &Interfaces,
        interface: Option<&str>,
        own: &AddressSet,
        role: InterfaceRole,
    ) -> TrustSets {
        if role == InterfaceRole::Loopback {
            return default_trust(own, role);
        }
        let outside = self.bound_zone(bound, interface).is_some_and(|here| here.trust == Trust::Untrusted);
        let default = default_trust(own, if outside { InterfaceRole::DefaultRoute } else { role });
        let host = own.union(&loopback());
        let forged = self.forged(bound, interface).difference(&host);
        let mut sets = TrustSets { trusted: host.clone(), forged: forged.clone(), ..TrustSets::default() };
        let left = host.union(&forged).complement();
        let sources = self.sources(bound, interface);
        let of_zones: AddressSet = sources.values().flat_map(|set| set.ranges().iter().copied()).collect();
        for trust in [Trust::Untrusted, Trust::Partner, Trust::Trusted] {
            let zones =
                sources.iter().filter(|(name, _)| self.zones.get(**name).is_some_and(|z| z.trust == trust));
            let declared: AddressSet = zones.flat_map(|(_, set)| set.ranges().iter().copied()).collect();
            let all = declared.union(&default.get(trust).difference(&of_zones)).intersection(&left);
            let part = sets.part(trust);
            *part = part.union(&all);
        }
        sets
    }

    /// Every class of sources on one interface with the zone it belongs to, where there is one, and whether it is
    /// forged.
    fn placed(&self, bound: &Interfaces, interface: Option<&str>) -> Vec<(&Zone, bool, AddressSet)> {
        let here = self.bound_zone(bound, interface);
        let claimed = self.claimed();
        let private = private().difference(&claimed);
        let global = claimed.union(&special()).complement();
        let classes = self.claimants().map(|(zone, set)| (Origin::Claimed(zone), set.clone()));
        let classes = classes.chain([(Origin::Private, private), (Origin::Global, global)]);
        let placed = classes.filter_map(|(origin, set)| match self.place(bound, here, origin) {
            (Some(zone), forged) => Some((zone, forged, set)),
            (None, _) => None,
        });
        placed.collect()
    }

    /// What interface and address say together, and whether such a source is forged.
    fn place<'z>(
        &'z self,
        bound: &Interfaces,
        here: Option<&'z Zone>,
        origin: Origin<'z>,
    ) -> (Option<&'z Zone>, bool) {
        let Some(here) = here else {
            return match origin {
                Origin::Claimed(zone) => (Some(zone), false),
                Origin::Private => (None, false),
                Origin::Global => (self.rest(), false),
            };
        };
        let attached =
            |fits: &dyn Fn(&Zone) -> bool| bound.values().filter_map(|n| self.zones.get(n)).any(fits);
        match origin {
            Origin::Claimed(zone) if zone.name == here.name => (Some(here), false),
            Origin::Claimed(zone) => {
                let lifts = zone.trust == Trust::Trusted && here.trust != Trust::Trusted;
                let forged = lifts || attached(&|other| other.name == zone.name);
                (Some(if forged { here } else { zone }), forged)
            }
            // The internet has a line of its own: what comes through here is the zone's, if that names no networks.
            Origin::Global if attached(&Zone::is_rest) => (Some(here), !here.networks.is_empty()),
            Origin::Global => (self.rest(), false),
            // On a line to the internet, a neighbour at the provider; inside, no declared network: the defaults.
            Origin::Private if here.trust == Trust::Untrusted => (None, false),
            Origin::Private if here.trust == Trust::Trusted && !here.networks.is_empty() => (None, false),
            Origin::Private => (Some(here), false),
        }
    }

    fn bound_zone(&self, bound: &Interfaces, interface: Option<&str>) -> Option<&Zone> {
        self.zones.get(bound.get(interface?)?)
    }

    /// Zones with networks, and what each claims.
    fn claimants(&self) -> impl Iterator<Item = (&Zone, &AddressSet)> {
        self.claims.iter().filter_map(|(name, claim)| Some((self.zones.get(name)?, claim)))
    }

    /// Everything that some zone claims by network.
    fn claimed(&self) -> AddressSet {
        self.claims.values().flat_map(|claim| claim.ranges().iter().copied()).collect()
    }

    /// The untrusted rest; the first by name where several lines lead there.
    fn rest(&self) -> Option<&Zone> {
        self.zones.values().find(|zone| zone.is_rest())
    }
}

/// What each zone claims: of nested networks, the innermost has the address.
///
/// One sweep over the networks by their first addresses, wider ones first. `open` holds the networks around the point
/// that is reached, each with the first address that is still to be given out; prefixes nest or lie apart.
fn claims(zones: &BTreeMap<Name, Zone>) -> BTreeMap<Name, AddressSet> {
    let mut networks: Vec<(AddressRange, &Name)> =
        zones.values().flat_map(|z| z.networks.iter().map(|p| (AddressRange::from(*p), &z.name))).collect();
    // Of equal networks the one that comes last here lies innermost.
    networks.sort_by_key(|(range, name)| (range.family, range.first, Reverse(range.last), Reverse(*name)));
    let mut pieces: BTreeMap<Name, Vec<AddressRange>> = BTreeMap::new();
    let mut open: Vec<(AddressRange, &Name, Option<u128>)> = Vec::new();
    let mut give = |name: &Name, range: AddressRange| {
        if range.first <= range.last {
            pieces.entry(name.clone()).or_default().push(range);
        }
    };
    for (network, name) in networks {
        let outside = |(around, ..): &mut (AddressRange, _, _)| {
            around.family != network.family || around.last < network.first
        };
        while let Some((around, owner, rest)) = open.pop_if(outside) {
            rest.into_iter().for_each(|first| give(owner, AddressRange { first, ..around }));
        }
        if let Some((around, owner, rest)) = open.last_mut() {
            if let (Some(first), Some(last)) = (*rest, network.first.checked_sub(1)) {
                give(owner, AddressRange { first, last, ..*around });
            }
            *rest = network.last.checked_add(1);
        }
        open.push((network, name, Some(network.first)));
    }
    while let Some((around, owner, rest)) = open.pop() {
        rest.into_iter().for_each(|first| give(owner, AddressRange { first, ..around }));
    }
    pieces.into_iter().map(|(name, ranges)| (name, ranges.into_iter().collect())).collect()
}

impl TrustSets {
    /// The sources of one level.
    pub fn get(&self, trust: Trust) -> &AddressSet {
        match trust {
            Trust::Untrusted => &self.untrusted,
            Trust::Partner => &self.partner,
            Trust::Trusted => &self.trusted,
        }
    }

    fn part(&mut self, trust: Trust) -> &mut AddressSet {
        match trust {
            Trust::Untrusted => &mut self.untrusted,
            Trust::Partner => &mut self.partner,
            Trust::Trusted => &mut self.trusted,
        }
    }
}

/// Sources by trust where no zones are declared: untrusted is what lies outside loopback, private, unique-local and
/// link-local ranges and the host's own addresses (shared address space of RFC 6598 and neighbours in public
/// networks included); private, unique-local and link-local sources on the interface of a default route are
/// partners. On the loopback interface everything is the host itself.
pub fn default_trust(own: &AddressSet, role: InterfaceRole) -> TrustSets {
    if role == InterfaceRole::Loopback {
        return TrustSets { trusted: AddressSet::all(), ..TrustSets::default() };
    }
    let host = own.union(&loopback());
    let private = private().difference(&host);
    let untrusted = host.union(&private).complement();
    match role {
        InterfaceRole::DefaultRoute => {
            TrustSets { untrusted, partner: private, trusted: host, ..TrustSets::default() }
        }
        InterfaceRole::Loopback | InterfaceRole::Other => {
            TrustSets { untrusted, trusted: host.union(&private), ..TrustSets::default() }
        }
    }
}

/// Loopback addresses: 127.0.0.0/8 and ::1.
pub fn loopback() -> AddressSet {
    prefixes(&[(0x7f00_0000, 8)], &[(1, 128)])
}

/// Private, unique-local and link-local addresses.
pub fn private() -> AddressSet {
    prefixes(
        &[(0x0a00_0000, 8), (0xac10_0000, 12), (0xc0a8_0000, 16), (0xa9fe_0000, 16)],
        &[(0xfc00 << 112, 7), (0xfe80 << 112, 10)],
    )
}

/// Addresses that the internet does not carry.
fn special() -> AddressSet {
    loopback().union(&private())
}

fn prefixes(v4: &[(u128, u8)], v6: &[(u128, u8)]) -> AddressSet {
    let family = |family: Family, list: &[(u128, u8)]| -> AddressSet {
        list.iter().filter_map(|&(bits, len)| Prefix::new(family.address(bits), len)).collect()
    };
    family(Family::Ipv4, v4).union(&family(Family::Ipv6, v6))
}

#[cfg(test)]
#[path = "zone_tests.rs"]
mod tests;
