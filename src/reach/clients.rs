//! Which clients reach a mail listener, as far as packet filters on the way and the zones of the site say.
//!
//! The question is asked twice: for what certainly gets through and for what possibly does.

use super::ways::{Station, Way, Ways};
use crate::firewall::meaning::TooComplex;
use crate::host::HostFacts;
use crate::packet::{AddressSet, Family, Field};
use crate::relay::{Everybody, Listener, Policy, Reached, Reaching, Translated, Trust};
use crate::site::Site;
use crate::site::zone::TrustSets;

/// How sure it is that clients get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sureness {
    /// They do.
    Certain,
    /// The evidence does not exclude it.
    Possible,
}

/// Who reaches the listeners of one host.
#[derive(PartialEq, Eq)]
pub struct Clients {
    by_listener: Vec<(String, Option<u16>, Reached)>,
}

impl Clients {
    /// Works out who reaches every listener of a policy. `ways` is `None` for a host with no packet filter, neither its
    /// own nor one in front of it, in the evidence: then everybody gets through.
    ///
    /// # Errors
    /// [`TooComplex`]
    pub fn of(
        policy: &Policy,
        host: Station<'_>,
        site: &Site,
        ways: Option<&mut Ways<'_>>,
        sureness: Sureness,
    ) -> Result<Self, TooComplex> {
        let everybody = Everybody::new(policy);
        let facts = &host.model.host;
        let trust = (!site.zones.is_empty()).then(|| trust(site, host.name, facts));
        let mut ways = ways;
        let mut by_listener = Vec::new();
        for listener in &policy.listeners {
            let mut reached = everybody.reached(listener);
            let mut found = match ways.as_mut() {
                Some(ways) => ways.to(listener, sureness)?,
                None => Vec::new(),
            };
            if let Some(trust) = trust.as_ref().filter(|_| found.iter().all(|way| way.trust.is_none())) {
                reached = by_zone(&reached, trust);
            }
            if let Some(ways) = ways.as_mut() {
                reached = through(&reached, ways, &mut found, sureness);
            }
            by_listener.push((listener.name.to_string(), listener.port, reached));
        }
        Ok(Self { by_listener })
    }

    /// The same clients, each of whom the server may see under any address: nobody knows what lies between.
    #[must_use]
    pub fn under_any_address(mut self) -> Self {
        for (_, _, reached) in &mut self.by_listener {
            for trust in [Trust::Untrusted, Trust::Partner] {
                let real = reached.of(trust).clone();
                reached.translated.push(Translated { trust, real, seen: AddressSet::all() });
            }
        }
        self
    }
}

/// Those who have a way, of those whom there are.
fn through(all: &Reached, ways: &mut Ways<'_>, found: &mut [Way], sureness: Sureness) -> Reached {
    let loopback = crate::host::loopback();
    let anybody = all.untrusted.union(&all.partner).union(&all.trusted);
    let mut reached = Reached::default();
    for way in found.iter() {
        let unknown = if sureness == Sureness::Certain { AddressSet::none() } else { AddressSet::all() };
        let real = ways.space.addresses_in(way.packets, Field::Src).unwrap_or(unknown);
        let Some(trust) = way.trust else {
            let here = |set: &AddressSet| set.intersection(&real);
            let trusted = all.trusted.intersection(&real.union(&loopback));
            return Reached {
                untrusted: here(&all.untrusted),
                partner: here(&all.partner),
                trusted,
                translated: Vec::new(),
            };
        };
        let real = real.intersection(&anybody);
        match (&way.seen, trust) {
            (Some(seen), _) => {
                reached.translated.push(Translated { trust, real, seen: seen.clone() });
            }
            (None, Trust::Untrusted) => reached.untrusted = reached.untrusted.union(&real),
            (None, Trust::Partner) => reached.partner = reached.partner.union(&real),
            (None, Trust::Trusted) => reached.trusted = reached.trusted.union(&real),
        }
    }
    reached.translated.retain(|t| !t.real.is_empty());
    reached.partner = reached.partner.difference(&reached.untrusted);
    let others = reached.untrusted.union(&reached.partner);
    reached.trusted = reached.trusted.difference(&others).union(&all.trusted.intersection(&loopback));
    reached
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
    Reached { untrusted, partner, trusted, translated: Vec::new() }
}

/// Addresses that count as anybody: more than a /8 of IPv4, or more than a /12 of IPv6.
pub fn is_anybody(clients: &AddressSet) -> bool {
    clients.count(Family::Ipv4) > 1 << 24 || clients.count(Family::Ipv6) > 1 << 116
}

/// The first addresses of a set, for words.
pub fn networks(clients: &AddressSet) -> Vec<String> {
    clients.ranges().iter().take(4).map(ToString::to_string).collect()
}
