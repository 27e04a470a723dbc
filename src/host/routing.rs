//! Routing as a function of the destination.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::HostFacts;
use crate::packet::{AddressRange, AddressSet, Family, Prefix};

/// What a route does with a packet (ip-route(8), TYPE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    /// Sends it on.
    Unicast,
    /// Delivers it to the host.
    Local,
    /// An IPv4 broadcast address of the host's links.
    Broadcast,
    /// An anycast address of the host.
    Anycast,
    /// Multicast.
    Multicast,
    /// Throws it away (`unreachable`, `blackhole`, `prohibit`).
    Refuse,
    /// Ends the search in this table.
    Throw,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it does.
    pub kind: RouteKind,
    /// Which destinations it is for.
    pub destination: Prefix,
    /// Table it stands in (`main`, `local`, a number).
    pub table: String,
    /// Interfaces that packets leave by; several for a multipath route.
    pub interfaces: Vec<String>,
    /// Next router.
    pub gateway: Option<IpAddr>,
    /// Preference among equal destinations: lower wins.
    pub metric: u32,
}

/// More routes than this are not partitioned: the way out counts as unknown.
const MAX_ROUTES: usize = 20_000;

/// Where packets for a set of destinations leave the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WayOut {
    /// By one of these interfaces.
    By(Vec<String>),
    /// Nowhere: no route, or one that refuses.
    Nowhere,
}

impl HostFacts {
    /// Destinations by the way out of the main table, longest prefix first; `None` where the evidence does not decide
    /// (no routes, policy routing, too many routes).
    pub fn ways_out(&self) -> Option<Vec<(WayOut, AddressSet)>> {
        let routes = self.routes.as_ref().filter(|r| r.len() <= MAX_ROUTES)?;
        if self.policy_routing == Some(true) {
            return None;
        }
        let mut main: Vec<&Route> = routes
            .iter()
            .filter(|r| r.table == "main" || r.table == "default")
            .filter(|r| matches!(r.kind, RouteKind::Unicast | RouteKind::Refuse))
            .collect();
        // the table named "default" is asked after "main"; then shorter prefixes and worse metrics come first, so
        // that better routes paint over them
        main.sort_by_key(|r| (r.table == "main", r.destination.length(), std::cmp::Reverse(r.metric)));
        let mut painted: BTreeMap<(Family, u128), (u128, WayOut)> = Family::BOTH
            .into_iter()
            .map(|family| ((family, 0), (family.highest(), WayOut::Nowhere)))
            .collect();
        for route in main {
            let way = match route.kind {
                RouteKind::Refuse => WayOut::Nowhere,
                _ => WayOut::By(route.interfaces.clone()),
            };
            paint(&mut painted, route.destination.into(), way);
        }
        let mut ways: BTreeMap<WayOut, Vec<AddressRange>> = BTreeMap::new();
        for ((family, first), (last, way)) in painted {
            ways.entry(way).or_default().push(AddressRange { family, first, last });
        }
        Some(ways.into_iter().map(|(way, ranges)| (way, ranges.into_iter().collect())).collect())
    }
}

/// Overwrites what `range` covers.
fn paint(painted: &mut BTreeMap<(Family, u128), (u128, WayOut)>, range: AddressRange, way: WayOut) {
    let family = range.family;
    let covered: Vec<(u128, u128, WayOut)> = painted
        .range(..=(family, range.last))
        .rev()
        .take_while(|((f, _), (last, _))| *f == family && *last >= range.first)
        .map(|((_, first), (last, way))| (*first, *last, way.clone()))
        .collect();
    for (first, last, old) in covered {
        painted.remove(&(family, first));
        if first < range.first {
            painted.insert((family, first), (range.first - 1, old.clone()));
        }
        if last > range.last {
            painted.insert((family, range.last + 1), (last, old));
        }
    }
    painted.insert((family, range.first), (range.last, way));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: &str, dev: &str, metric: u32) -> Route {
        Route {
            kind: RouteKind::Unicast,
            destination: to.parse().unwrap(),
            table: "main".into(),
            interfaces: vec![dev.into()],
            gateway: None,
            metric,
        }
    }

    #[test]
    fn longest_prefix_wins_then_the_metric() {
        let refuse = Route { kind: RouteKind::Refuse, ..route("10.9.0.0/16", "", 0) };
        let facts = HostFacts {
            routes: Some(vec![
                route("10.1.0.0/16", "eth2", 100),
                route("0.0.0.0/0", "eth0", 0),
                route("10.0.0.0/8", "eth1", 0),
                route("10.1.0.0/16", "eth3", 50),
                refuse,
            ]),
            ..HostFacts::default()
        };
        let ways = facts.ways_out().unwrap();
        let to = |a: &str| {
            let a = a.parse().unwrap();
            ways.iter().filter(|(_, set)| set.contains(a)).map(|(way, _)| way.clone()).collect::<Vec<_>>()
        };
        let by = |dev: &str| vec![WayOut::By(vec![dev.into()])];
        assert_eq!(to("10.1.2.3"), by("eth3"));
        assert_eq!(to("10.2.2.3"), by("eth1"));
        assert_eq!(to("9.255.255.255"), by("eth0"));
        assert_eq!(to("255.255.255.255"), by("eth0"));
        assert_eq!(to("10.9.0.1"), [WayOut::Nowhere]);
        assert_eq!(to("2001:db8::1"), [WayOut::Nowhere]);
    }

    #[test]
    fn policy_routing_is_not_decided() {
        let routes = Some(vec![route("0.0.0.0/0", "eth0", 0)]);
        let facts = HostFacts { routes, policy_routing: Some(true), ..HostFacts::default() };
        assert_eq!(facts.ways_out(), None);
    }
}
