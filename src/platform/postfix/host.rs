//! What the host itself adds: its addresses, and the names that stand for them.
//!
//! The seam to [`crate::host`]: everything here needs no more than the prefixes of the interfaces.

use std::net::IpAddr;

use serde::Deserialize;

use super::config::Config;
use crate::packet::address::{AddressSet, Family, Prefix};

/// An interface address with the length of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) address: IpAddr,
    pub(super) length: u8,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    addr_info: Vec<Info>,
}

#[derive(Deserialize)]
struct Info {
    local: Option<IpAddr>,
    prefixlen: Option<u8>,
}

/// The addresses of `ip -j addr`; `None` when the evidence does not hold them.
pub(super) fn interfaces(config: &Config<'_>) -> Option<Vec<Interface>> {
    let text = config.evidence.text("ip-addr.json")?;
    let links: Vec<Link> = serde_json::from_str(&text).ok()?;
    let infos = links.into_iter().flat_map(|link| link.addr_info);
    Some(infos.filter_map(|i| Some(Interface { address: i.local?, length: i.prefixlen? })).collect())
}

/// The addresses alone.
pub(super) fn addresses(interfaces: &[Interface]) -> AddressSet {
    interfaces.iter().map(|i| Prefix::host(i.address)).collect()
}

/// `mynetworks` computed from the interfaces (postconf(5), `mynetworks_style`).
pub(super) fn networks(interfaces: &[Interface], style: &str) -> Option<Vec<Prefix>> {
    let one = |i: &Interface| {
        let host = Family::of(i.address).bits();
        let length = match (style, i.address) {
            ("host", _) => host,
            ("subnet", _) | ("class", IpAddr::V6(_)) => i.length,
            ("class", IpAddr::V4(v4)) => match v4.octets() {
                [0..=127, ..] => 8,
                [128..=191, ..] => 16,
                [192..=223, ..] => 24,
                _ => 28,
            },
            _ => return None,
        };
        Prefix::new(i.address, length)
    };
    interfaces.iter().map(one).collect()
}

/// The addresses of a name in `/etc/hosts`, or of `localhost`.
pub(super) fn named(config: &Config<'_>, name: &str) -> Option<Vec<IpAddr>> {
    if let Some(hosts) = config.file("/etc/hosts") {
        let found: Vec<IpAddr> = hosts
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let address = words.next()?.parse().ok()?;
                words.any(|w| w.eq_ignore_ascii_case(name)).then_some(address)
            })
            .collect();
        if !found.is_empty() {
            return Some(found);
        }
    }
    let loopback = || vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    name.eq_ignore_ascii_case("localhost").then(loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(style: &str) -> Option<Vec<String>> {
        let interfaces = [("127.0.0.1", 8), ("192.0.2.25", 26), ("::1", 128), ("2001:db8::25", 64)]
            .map(|(address, length)| Interface { address: address.parse().unwrap(), length });
        networks(&interfaces, style).map(|all| all.iter().map(Prefix::to_string).collect())
    }

    #[test]
    fn styles() {
        assert_eq!(texts("host").unwrap(), ["127.0.0.1", "192.0.2.25", "::1", "2001:db8::25"]);
        assert_eq!(texts("subnet").unwrap(), ["127.0.0.0/8", "192.0.2.0/26", "::1", "2001:db8::/64"]);
        assert_eq!(texts("class").unwrap(), ["127.0.0.0/8", "192.0.2.0/24", "::1", "2001:db8::/64"]);
        assert_eq!(texts("nonsense"), None);
    }
}
