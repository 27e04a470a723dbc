//! Which clients reach a mail listener, as far as the host's own packet filter and the zones of the site say.
//!
//! The question is asked twice: for what certainly gets through and for what possibly does.

use crate::drift::{FlowDrift, Group, Moment};
use crate::firewall::{Change, Hook, Value};
use crate::host::HostFacts;
use crate::packet::{AddressSet, Family, Field, PacketSet, Space, proto};
use crate::relay::{Bind, Everybody, Listener, Policy, Reached, Reaching};
use crate::site::Site;
use crate::site::zone::TrustSets;

/// Everything that the host's packet filter lets in, with the space it lives in.
pub struct Inward {
    space: Space,
    accepted: Vec<Group>,
}

impl Inward {
    /// What a filter lets through to the host; `None` when it is too complex, and then nothing is known.
    pub fn of(moment: Moment<'_>) -> Option<Self> {
        let mut space = crate::drift::flows::space_for(&[moment]).ok()?;
        let mut accepted = FlowDrift::accepted(&mut space, moment).ok()?;
        accepted.retain(|group| group.hook == Hook::Input);
        Some(Self { space, accepted })
    }

    /// Sources that get through to a listener: certainly, and possibly.
    fn sources(&mut self, listener: &Listener) -> (AddressSet, AddressSet) {
        let space = &mut self.space;
        let tcp = space.number(Field::Proto, proto::TCP.into());
        let bound = match &listener.bind {
            Bind::Any { ipv4, ipv6 } => {
                let v4 = space.family(Family::Ipv4);
                match (ipv4, ipv6) {
                    (true, true) => PacketSet::TRUE,
                    (true, false) => v4,
                    (false, true) => !v4,
                    (false, false) => PacketSet::FALSE,
                }
            }
            Bind::Addresses(set) | Bind::Among(set, _) => space.addresses(Field::Dst, set),
        };
        let (mut certain, mut possible) = (PacketSet::FALSE, PacketSet::FALSE);
        for group in self.accepted.iter().filter(|g| !g.odd_flags) {
            let port = port_set(space, &group.target, listener.port);
            let bound = if group.target.has(Field::Dst) { PacketSet::TRUE } else { bound };
            let wanted = space.all([tcp, port, bound]);
            // a rate limit lets clients in now and then, which is all that a relay needs
            let sure = space.and(group.at_times, wanted);
            certain = space.or(certain, sure);
            let perhaps = space.and(group.possible, wanted);
            possible = space.or(possible, perhaps);
        }
        possible = space.or(possible, certain);
        let everywhere = AddressSet::all();
        let certain = space.addresses_in(certain, Field::Src).unwrap_or_default();
        let possible = space.addresses_in(possible, Field::Src).unwrap_or(everywhere);
        (certain, possible)
    }
}

fn port_set(space: &mut Space, target: &Change, port: Option<u16>) -> PacketSet {
    let Some(port) = port.map(u128::from) else { return PacketSet::TRUE };
    match target.get(Field::Dport) {
        None => space.number(Field::Dport, port),
        Some(Value::Bits { value, .. }) if *value == port => PacketSet::TRUE,
        Some(Value::Bits { .. }) => PacketSet::FALSE,
        Some(Value::Among { ranges, .. }) if ranges.iter().any(|r| r.0 <= port && port <= r.1) => {
            PacketSet::TRUE
        }
        Some(Value::Among { .. }) => PacketSet::FALSE,
    }
}

/// How sure it is that clients get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sureness {
    /// They do.
    Certain,
    /// The evidence does not exclude it.
    Possible,
}

/// Who reaches the listeners of one host.
pub struct Clients {
    by_listener: Vec<(String, Option<u16>, Reached)>,
}

impl Clients {
    /// Works out who reaches every listener of a policy. `inward` is `None` for a host without a packet filter of its
    /// own in the evidence: then everybody gets through.
    pub fn of(
        policy: &Policy,
        host: &HostFacts,
        site: &Site,
        device: &str,
        inward: Option<&mut Inward>,
        sureness: Sureness,
    ) -> Self {
        let everybody = Everybody::new(policy);
        let trust = (!site.zones.is_empty()).then(|| trust(site, device, host));
        let mut inward = inward;
        let mut by_listener = Vec::new();
        for listener in &policy.listeners {
            let mut reached = everybody.reached(listener);
            if let Some(trust) = &trust {
                reached = by_zone(&reached, trust);
            }
            if let Some(inward) = inward.as_mut() {
                let (certain, possible) = inward.sources(listener);
                let through = if sureness == Sureness::Certain { certain } else { possible };
                reached = Reached {
                    untrusted: reached.untrusted.intersection(&through),
                    partner: reached.partner.intersection(&through),
                    trusted: reached.trusted.intersection(&through.union(&crate::host::loopback())),
                };
            }
            by_listener.push((listener.name.to_string(), listener.port, reached));
        }
        Self { by_listener }
    }
}

impl Reaching for Clients {
    fn reached(&self, listener: &Listener) -> Reached {
        let found = self
            .by_listener
            .iter()
            .find(|(name, port, _)| **name == *listener.name && *port == listener.port);
        found.map(|(_, _, reached)| reached.clone()).unwrap_or_default()
    }
}

/// Sources by trust on any interface of a host.
fn trust(site: &Site, device: &str, host: &HostFacts) -> TrustSets {
    let own = host.own().unwrap_or_default();
    let mut names: Vec<Option<&str>> = host
        .addresses
        .iter()
        .flatten()
        .map(|a| Some(a.interface.as_str()))
        .filter(|n| *n != Some("lo"))
        .collect();
    names.dedup();
    if names.is_empty() {
        names.push(None);
    }
    let mut all = TrustSets::default();
    for name in names {
        let role = super::trust::role(name.unwrap_or_default(), host);
        let sets = site.trust(device, name, &own, role);
        all.untrusted = all.untrusted.union(&sets.untrusted);
        all.partner = all.partner.union(&sets.partner);
        all.trusted = all.trusted.union(&sets.trusted);
    }
    all
}

/// The clients of a listener parted by declared zones. An address that one interface trusts and another does not counts
/// as untrusted.
fn by_zone(reached: &Reached, trust: &TrustSets) -> Reached {
    let all = reached.untrusted.union(&reached.partner).union(&reached.trusted);
    let untrusted = all.intersection(&trust.untrusted);
    let partner = all.intersection(&trust.partner).difference(&untrusted);
    let trusted = all.difference(&untrusted).difference(&partner);
    Reached { untrusted, partner, trusted }
}

/// Addresses that count as anybody: more than a /8 of IPv4, or more than a /12 of IPv6.
pub fn is_anybody(clients: &AddressSet) -> bool {
    clients.count(Family::Ipv4) > 1 << 24 || clients.count(Family::Ipv6) > 1 << 116
}

/// The first addresses of a set, for words.
pub fn networks(clients: &AddressSet) -> Vec<String> {
    clients.ranges().iter().take(4).map(ToString::to_string).collect()
}
