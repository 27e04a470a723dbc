//! Where a service listens: `inet_interfaces`, `inet_protocols`, and the first field of master.cf (master(5)).

use std::net::IpAddr;

use super::config::Scope;
use super::host::{self, Interface};
use super::mastercf::Service;
use crate::packet::address::{AddressSet, Family, Prefix};
use crate::reason::Reason;
use crate::relay::Bind;

/// Port numbers of the service names that mail uses (services(5); `known_tcp_ports`).
const PORTS: &[(&str, u16)] = &[
    ("lmtp", 24),
    ("smtp", 25),
    ("qmqp", 628),
    ("smtps", 465),
    ("ssmtp", 465),
    ("submission", 587),
    ("submissions", 465),
    ("urd", 465),
];

/// Whether a family is in use.
pub(super) fn family_on(scope: &Scope<'_, '_>, family: Family) -> bool {
    let name = if family == Family::Ipv4 { "ipv4" } else { "ipv6" };
    scope.words("inet_protocols").iter().any(|w| w.text == "all" || w.text == name)
}

/// Host part and port of a service's name.
pub(super) fn name_parts(name: &str) -> (Option<&str>, &str) {
    if let Some((host, port)) = name.strip_prefix('[').and_then(|n| n.split_once("]:")) {
        return (Some(host), port);
    }
    match name.rsplit_once(':') {
        Some((host, port)) => (Some(host).filter(|h| !h.is_empty() && *h != "*"), port),
        None => (None, name),
    }
}

/// The port of a service; `None` for a name that is not known here.
pub(super) fn port(name: &str) -> Option<u16> {
    let (_, port) = name_parts(name);
    port.parse().ok().or_else(|| PORTS.iter().find(|(n, _)| *n == port).map(|(_, p)| *p))
}

/// Where an `inet` service listens.
pub(super) fn bind(scope: &Scope<'_, '_>, service: &Service, own: Option<&[Interface]>) -> Bind {
    let global = scope.config.global();
    let on = |family| family_on(&global, family);
    match name_parts(&service.name).0 {
        Some(host) => of_hosts(&global, &[host.to_owned()], own, &on),
        None => {
            let words: Vec<String> = global.words("inet_interfaces").into_iter().map(|w| w.text).collect();
            match words.as_slice() {
                [] => any(&on),
                [all] if all.eq_ignore_ascii_case("all") => any(&on),
                _ => of_hosts(&global, &words, own, &on),
            }
        }
    }
}

/// The addresses that count as the host's own for address literals and `mynetworks`: `inet_interfaces`, resolved.
pub(super) fn own_interfaces(scope: &Scope<'_, '_>, all: &[Interface]) -> Vec<Interface> {
    let on = |family| family_on(scope, family);
    let words: Vec<String> = scope.words("inet_interfaces").into_iter().map(|w| w.text).collect();
    let bound = match words.as_slice() {
        [] => any(&on),
        [word] if word.eq_ignore_ascii_case("all") => any(&on),
        _ => of_hosts(scope, &words, Some(all), &on),
    };
    let keep = |i: &&Interface| match &bound {
        Bind::Any { .. } => on(Family::of(i.address)),
        Bind::Addresses(set) | Bind::Among(set, _) => set.contains(i.address),
    };
    all.iter().filter(keep).copied().collect()
}

fn any(on: &dyn Fn(Family) -> bool) -> Bind {
    Bind::Any { ipv4: on(Family::Ipv4), ipv6: on(Family::Ipv6) }
}

fn of_hosts(
    scope: &Scope<'_, '_>,
    hosts: &[String],
    own: Option<&[Interface]>,
    on: &dyn Fn(Family) -> bool,
) -> Bind {
    let (mut addresses, mut unknown) = (Vec::new(), None);
    for host in hosts {
        let host = host.trim_matches(['[', ']']);
        if host.eq_ignore_ascii_case("loopback-only") {
            addresses.extend(host::named(scope.config, "localhost").unwrap_or_default());
            addresses.extend(own.into_iter().flatten().map(|i| i.address).filter(IpAddr::is_loopback));
        } else if let Ok(address) = host.parse::<IpAddr>() {
            addresses.push(address);
        } else if let Some(found) = host::named(scope.config, host) {
            addresses.extend(found);
        } else if let Some(only) = only_outer(own, on) {
            // a listening name must be one of the host's own addresses, or the server does not start
            addresses.extend(only);
        } else {
            unknown = Some(Reason::Dns { name: host.to_owned() });
        }
    }
    let set: AddressSet = addresses.into_iter().filter(|a| on(Family::of(*a))).map(Prefix::host).collect();
    match unknown {
        Some(reason) => Bind::Among(own.map_or_else(AddressSet::all, host::addresses).union(&set), reason),
        None => Bind::Addresses(set),
    }
}

/// The host's addresses beyond loopback, when there is one of each family at most.
fn only_outer(own: Option<&[Interface]>, on: &dyn Fn(Family) -> bool) -> Option<Vec<IpAddr>> {
    let link_local = |a: &IpAddr| matches!(a, IpAddr::V6(v6) if v6.segments().first().is_some_and(|s| s & 0xffc0 == 0xfe80));
    let outer: Vec<IpAddr> = own?
        .iter()
        .map(|i| i.address)
        .filter(|a| !a.is_loopback() && !link_local(a) && on(Family::of(*a)))
        .collect();
    let one = |v6: bool| outer.iter().filter(|a| a.is_ipv6() == v6).count() <= 1;
    (!outer.is_empty() && one(false) && one(true)).then_some(outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names() {
        assert_eq!(name_parts("smtp"), (None, "smtp"));
        assert_eq!(name_parts("127.0.0.1:10025"), (Some("127.0.0.1"), "10025"));
        assert_eq!(name_parts("[::1]:2525"), (Some("::1"), "2525"));
        assert_eq!(name_parts("*:25"), (None, "25"));
        assert_eq!(port("submissions"), Some(465));
        assert_eq!(port("localhost:smtp"), Some(25));
        assert_eq!(port("strange"), None);
    }
}
