//! Vendor-neutral host facts: addresses, routes, forwarding, listening sockets.
//!
//! Every fact may be absent: `None` means that the evidence does not say, never "there is none".

mod listening;
pub mod routing;
pub mod settings;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::packet::{AddressSet, Family, Prefix};

pub use listening::Target;
pub use routing::{Route, RouteKind};
pub use settings::Setting;

/// What is known of the host itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Addresses of its interfaces.
    pub addresses: Option<Vec<InterfaceAddress>>,
    /// Interfaces that others are ports of: bridges, and whatever else has ports.
    pub bridges: Option<Vec<String>>,
    /// The group of each interface (ip-link(8), `group`); 0 is `default`.
    pub interface_groups: Option<BTreeMap<String, u32>>,
    /// Routes of all tables.
    pub routes: Option<Vec<Route>>,
    /// Whether routing depends on more than the destination (rules beyond local, main, default).
    pub policy_routing: Option<bool>,
    /// IPv4 packets are forwarded between interfaces (`net.ipv4.ip_forward`).
    pub forwarding_v4: Option<bool>,
    /// IPv6 packets are forwarded between interfaces (`net.ipv6.conf.all.forwarding`).
    pub forwarding_v6: Option<bool>,
    /// Whether IPv4 packets that arrive by an interface are forwarded (`net.ipv4.conf.NAME.forwarding`); it outdoes
    /// `ip_forward`, which sets all of them when it is written.
    pub forwarding_each: BTreeMap<String, bool>,
    /// Whether a source must be routed back: 0 not at all, 1 by the same interface, 2 by any (`rp_filter`).
    pub reverse_path: Setting,
    /// 127.0.0.0/8 is an address like others (`route_localnet`).
    pub route_localnet: Setting,
    /// The host's own addresses are taken for sources of others (`accept_local`).
    pub accept_local: Setting,
    /// A lone ACK may start a connection (`net.netfilter.nf_conntrack_tcp_loose`, kernel default on).
    pub tcp_loose: Option<bool>,
    /// Sockets that wait for somebody.
    pub sockets: Option<Vec<Socket>>,
}

/// One address of one interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// Interface name.
    pub interface: String,
    /// The host's address.
    pub address: IpAddr,
    /// Length of the prefix that is on link.
    pub prefix: u8,
}

/// A listening socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// Address it is bound to; `None` for any address of both families it serves.
    pub address: Option<IpAddr>,
    /// The family it serves when bound to any address; `None` for both.
    pub family: Option<Family>,
    /// Port.
    pub port: u16,
    /// Name of the process, where the evidence has it.
    pub process: Option<String>,
}

impl HostFacts {
    /// The facts that decide what happens to packets: all but the sockets, of which only those count that
    /// [`HostFacts::may_decrypt`] looks at.
    #[must_use]
    pub fn without_sockets(&self) -> Self {
        let key_exchange = self.may_decrypt().then(Vec::new);
        Self { sockets: key_exchange, ..self.clone() }
    }

    /// A host that forwards everything and of which nothing else is known: one list is judged alone on it.
    #[must_use]
    pub fn forwarding_only() -> Self {
        Self { forwarding_v4: Some(true), forwarding_v6: Some(true), ..Self::default() }
    }

    /// Whether packets of a family are forwarded.
    pub const fn forwarding(&self, family: Family) -> Option<bool> {
        match family {
            Family::Ipv4 => self.forwarding_v4,
            Family::Ipv6 => self.forwarding_v6,
        }
    }

    /// Whether something here exchanges keys for IPsec (RFC 7296, 2: UDP 500 and 4500), so that packets may come out of
    /// a tunnel.
    pub fn may_decrypt(&self) -> bool {
        self.sockets.iter().flatten().any(|s| s.protocol == "udp" && matches!(s.port, 500 | 4500))
    }

    /// The host's own addresses (`fib type local`): those of its interfaces, local routes, loopback.
    pub fn own(&self) -> Option<AddressSet> {
        let addresses = self.addresses.as_ref()?;
        let own: AddressSet = addresses.iter().map(|a| Prefix::host(a.address)).collect();
        let routes = self.routes.iter().flatten().filter(|r| r.kind == RouteKind::Local);
        let routed: AddressSet = routes.map(|r| r.destination).collect();
        Some(own.union(&routed).union(&loopback()))
    }

    /// IPv4 broadcast addresses: those of broadcast routes, of the on-link prefixes, and 255.255.255.255.
    pub fn broadcast(&self) -> Option<AddressSet> {
        let addresses = self.addresses.as_ref()?;
        let of_link = addresses.iter().filter(|a| a.prefix < 31).filter_map(|a| {
            let prefix = Prefix::new(a.address, a.prefix).filter(|p| p.family() == Family::Ipv4)?;
            Some(Prefix::host(Family::Ipv4.address(prefix.bounds().1)))
        });
        let limited = Prefix::host(Family::Ipv4.address(Family::Ipv4.highest()));
        let links: AddressSet = of_link.chain([limited]).collect();
        let routes = self.routes.iter().flatten().filter(|r| r.kind == RouteKind::Broadcast);
        Some(links.union(&routes.map(|r| r.destination).collect()))
    }

    /// Anycast addresses that the host answers to: those of anycast routes, and on a host that forwards IPv6 the
    /// subnet-router address of its prefixes (RFC 4291, 2.6.1).
    pub fn anycast(&self) -> Option<AddressSet> {
        self.addresses.as_ref()?;
        let anycast = self.routes.iter().flatten().filter(|r| r.kind == RouteKind::Anycast);
        let anycast: AddressSet = anycast.map(|r| r.destination).collect();
        let subnet_routers: AddressSet = self
            .addresses
            .iter()
            .flatten()
            .filter(|a| a.address.is_ipv6() && a.prefix < 127 && self.forwarding_v6 != Some(false))
            .filter_map(|a| Some(Prefix::host(Prefix::new(a.address, a.prefix)?.first())))
            .collect();
        Some(anycast.union(&subnet_routers))
    }

    /// Everything that is delivered to the host itself: own, broadcast, multicast and anycast addresses, and 0.0.0.0, to
    /// which only a host without an address sends.
    pub fn delivered(&self) -> Option<AddressSet> {
        let all = self.own()?.union(&self.broadcast()?).union(&prefixes(&["0.0.0.0/32"]));
        Some(all.union(&multicast()).union(&self.anycast()?))
    }
}

/// Multicast addresses of both families.
pub fn multicast() -> AddressSet {
    prefixes(&["224.0.0.0/4", "ff00::/8"])
}

/// Loopback addresses of both families.
pub fn loopback() -> AddressSet {
    prefixes(&["127.0.0.0/8", "::1/128"])
}

/// Addresses that never come from the internet: loopback, RFC 1918, RFC 3927 and RFC 4291 link-local, RFC 4193.
pub fn private() -> AddressSet {
    loopback().union(&prefixes(&[
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    ]))
}

fn prefixes(texts: &[&str]) -> AddressSet {
    texts.iter().filter_map(|text| text.parse::<Prefix>().ok()).collect()
}
