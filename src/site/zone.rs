//! Zones: where a packet comes from, and how far that place is trusted.
//!
//! A zone is known by interfaces (declared at each device) and by networks. The longest prefix decides which zone an
//! address belongs to; the untrusted zone without networks is what no other zone claims. Special ranges are those of
//! RFC 1918 (private), RFC 4193 (unique local), RFC 3927 and RFC 4291 section 2.5.6 (link-local), RFC 1122 section
//! 3.2.1.3 and RFC 4291 section 2.5.3 (loopback).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::packet::{AddressSet, Family, Prefix};

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
        let mut all: Vec<(Prefix, &Name)> =
            zones.values().flat_map(|zone| zone.networks.iter().map(move |p| (*p, &zone.name))).collect();
        all.sort_by_key(|(prefix, name)| (std::cmp::Reverse(prefix.length()), *prefix, *name));
        let mut taken = AddressSet::none();
        let mut claims: BTreeMap<Name, AddressSet> = BTreeMap::new();
        for (prefix, name) in all {
            let network = AddressSet::from(prefix);
            let claim = claims.entry(name.clone()).or_default();
            *claim = claim.union(&network.difference(&taken));
            taken = taken.union(&network);
        }
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
    /// The address can say more than the interface (a partner behind the internet line), but never lifts an
    /// interface to `trusted`, and a source of a zone that has an interface of its own here is forged: such packets
    /// belong to the zone of the interface.
    pub fn zone_of(&self, bound: &Interfaces, interface: Option<&str>, source: IpAddr) -> Option<&Zone> {
        let by_interface = self.bound_zone(bound, interface);
        let by_address = self
            .claims
            .iter()
            .find(|(_, set)| set.contains(source))
            .and_then(|(name, _)| self.zones.get(name));
        match (by_interface, by_address) {
            (Some(here), Some(claimed)) => Some(decide(bound, here, claimed).0),
            (None, Some(claimed)) => Some(claimed),
            (Some(here), None) => (!unclaimable(here).contains(source)).then_some(here),
            (None, None) => self.rest().filter(|rest| !unclaimable(rest).contains(source)),
        }
    }

    /// The sources of every zone on one interface: what [`Zones::zone_of`] says, as disjoint sets.
    pub fn sources(&self, bound: &Interfaces, interface: Option<&str>) -> BTreeMap<&Name, AddressSet> {
        let mut out: BTreeMap<&Name, AddressSet> = BTreeMap::new();
        let mut add = |zone: &Zone, set: &AddressSet| {
            if let Some((name, _)) = self.zones.get_key_value(&zone.name) {
                let sources = out.entry(name).or_default();
                *sources = sources.union(set);
            }
        };
        let here = self.bound_zone(bound, interface);
        for (claimed, claim) in self.claimants() {
            add(here.map_or(claimed, |here| decide(bound, here, claimed).0), claim);
        }
        if let Some(zone) = here.or_else(|| self.rest()) {
            add(zone, &self.claimed().union(&unclaimable(zone)).complement());
        }
        out.retain(|_, set| !set.is_empty());
        out
    }

    /// The sources that can only be forged on one interface: those of a zone that lies elsewhere.
    pub fn forged(&self, bound: &Interfaces, interface: Option<&str>) -> AddressSet {
        let Some(here) = self.bound_zone(bound, interface) else { return AddressSet::none() };
        let forged = self.claimants().filter(|(claimed, _)| decide(bound, here, claimed).1);
        forged.fold(AddressSet::none(), |all, (_, claim)| all.union(claim))
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
        let mut left = host.union(&forged).complement();
        for (name, sources) in self.sources(bound, interface) {
            let Some(zone) = self.zones.get(name) else { continue };
            let sources = sources.intersection(&left);
            left = left.difference(&sources);
            let part = sets.part(zone.trust);
            *part = part.union(&sources);
        }
        for trust in [Trust::Untrusted, Trust::Partner, Trust::Trusted] {
            let rest = default.get(trust).intersection(&left);
            let part = sets.part(trust);
            *part = part.union(&rest);
        }
        sets
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
        self.claims.values().fold(AddressSet::none(), |all, claim| all.union(claim))
    }

    /// The untrusted rest; the first by name where several lines lead there.
    fn rest(&self) -> Option<&Zone> {
        self.zones.values().find(|zone| zone.is_rest())
    }
}

/// What interface and address say together, and whether such a source is forged.
fn decide<'z>(bound: &Interfaces, here: &'z Zone, claimed: &'z Zone) -> (&'z Zone, bool) {
    let attached = || bound.values().any(|name| *name == claimed.name);
    let lifts = claimed.trust == Trust::Trusted && here.trust != Trust::Trusted;
    if claimed.trust < here.trust {
        (claimed, false)
    } else if claimed.name == here.name {
        (here, false)
    } else if lifts || attached() {
        (here, true)
    } else {
        (claimed, false)
    }
}

/// Addresses that do not belong to a zone unless it declares them: loopback, and, for an untrusted zone, every range
/// that the internet does not carry (who uses those there is a neighbour at the provider).
fn unclaimable(zone: &Zone) -> AddressSet {
    if zone.trust == Trust::Untrusted { special() } else { loopback() }
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
