//! Who reaches a listener, by how far the owner trusts them.
//!
//! The firewall half of the program knows better; without it everything reaches every listener that is not bound to
//! loopback, and trust follows from the address alone, as docs/declarations.md says for hosts without a site.toml.

use super::policy::{Bind, Listener, Policy};
use crate::packet::address::{AddressSet, Family, Prefix};

/// How far the owner trusts a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Anybody.
    Untrusted,
    /// Another organisation that may reach the host.
    Partner,
    /// The owner's own.
    Trusted,
}

/// The clients that reach one listener.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reached {
    /// Anybody, under their own addresses.
    pub untrusted: AddressSet,
    /// Other organisations, under their own addresses.
    pub partner: AddressSet,
    /// The owner's own, under their own addresses.
    pub trusted: AddressSet,
    /// Those whom the server sees under another address.
    pub translated: Vec<Translated>,
}

/// Clients whose address is replaced on the way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// How far they are trusted.
    pub trust: Trust,
    /// Their own addresses.
    pub real: AddressSet,
    /// The addresses that the server sees.
    pub seen: AddressSet,
}

impl Reached {
    /// The clients of one kind.
    pub fn of(&self, trust: Trust) -> &AddressSet {
        match trust {
            Trust::Untrusted => &self.untrusted,
            Trust::Partner => &self.partner,
            Trust::Trusted => &self.trusted,
        }
    }

    /// The own addresses of translated clients of one kind whom the server sees under one of `seen`.
    pub fn behind(&self, trust: Trust, seen: &AddressSet) -> AddressSet {
        let met = self.translated.iter().filter(|t| t.trust == trust);
        met.filter(|t| !t.seen.intersection(seen).is_empty())
            .fold(AddressSet::none(), |all, t| all.union(&t.real))
    }

    /// Every client of one kind by its own address, whatever the server sees.
    pub fn all_of(&self, trust: Trust) -> AddressSet {
        self.of(trust).union(&self.behind(trust, &AddressSet::all()))
    }

    /// Every address that the server may see.
    pub fn seen(&self) -> AddressSet {
        let own = self.untrusted.union(&self.partner).union(&self.trusted);
        self.translated.iter().fold(own, |all, t| all.union(&t.seen))
    }
}

/// Says who reaches a listener.
pub trait Reaching {
    /// The clients that reach it.
    fn reached(&self, listener: &Listener) -> Reached;
}

/// Everybody reaches everything that is not bound to loopback.
#[derive(Debug, Clone)]
pub struct Everybody {
    trusted: AddressSet,
    untrusted: AddressSet,
}

/// Private, unique-local, link-local and loopback addresses (RFC 1918, RFC 4193, RFC 3927, RFC 4291).
const PRIVATE: [&str; 8] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// Addresses that nobody connects from: unspecified, multicast, reserved, IPv4-mapped (RFC 6890).
const IMPOSSIBLE: [&str; 6] =
    ["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8", "::ffff:0.0.0.0/96"];

impl Everybody {
    /// With the host's own addresses trusted, as far as they are known.
    pub fn new(policy: &Policy) -> Self {
        let set = |texts: &[&str]| -> AddressSet {
            texts.iter().filter_map(|t| t.parse::<Prefix>().ok()).collect()
        };
        let trusted = policy.own_addresses.iter().fold(set(&PRIVATE), |all, own| all.union(own));
        let untrusted = trusted.union(&set(&IMPOSSIBLE)).complement();
        Self { trusted, untrusted }
    }
}

impl Reaching for Everybody {
    fn reached(&self, listener: &Listener) -> Reached {
        let loopback: AddressSet =
            ["127.0.0.0/8", "::1/128"].iter().filter_map(|t| t.parse::<Prefix>().ok()).collect();
        let families: Vec<Family> = match &listener.bind {
            Bind::Any { ipv4, ipv6 } => [(Family::Ipv4, *ipv4), (Family::Ipv6, *ipv6)]
                .iter()
                .filter(|(_, on)| *on)
                .map(|(f, _)| *f)
                .collect(),
            Bind::Addresses(set) | Bind::Among(set, _) => {
                let outer = set.difference(&loopback);
                Family::BOTH.into_iter().filter(|f| outer.count(*f) > 0).collect()
            }
        };
        let only =
            |set: &AddressSet| families.iter().fold(AddressSet::none(), |all, f| all.union(&set.only(*f)));
        Reached {
            untrusted: only(&self.untrusted),
            partner: AddressSet::none(),
            trusted: only(&self.trusted).union(&loopback),
            translated: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_without_a_site() {
        let policy = Policy {
            own_addresses: Some(AddressSet::from("192.0.2.25".parse::<Prefix>().unwrap())),
            ..Policy::default()
        };
        let everybody = Everybody::new(&policy);
        let is = |set: &AddressSet, a: &str| set.contains(a.parse().unwrap());
        for trusted in ["10.1.1.1", "192.0.2.25", "fe80::1", "127.0.0.1"] {
            assert!(is(&everybody.trusted, trusted) && !is(&everybody.untrusted, trusted), "{trusted}");
        }
        for untrusted in ["192.0.2.200", "100.64.0.1", "2001:db8::1"] {
            assert!(is(&everybody.untrusted, untrusted), "{untrusted}");
        }
        assert!(!is(&everybody.untrusted, "224.0.0.1"));
    }
}
