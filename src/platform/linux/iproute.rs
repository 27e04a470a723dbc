//! JSON of iproute2 (`ip -j ...`): addresses, routes, rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;

use crate::host::{InterfaceAddress, Route, RouteKind};
use crate::packet::{Family, Prefix};

/// All JSON documents of a text, one after the other: several `ip` commands may have written into it.
pub(super) fn documents(text: &str) -> Result<Vec<Vec<serde_json::Value>>, String> {
    serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().map_err(|e| e.to_string())
}

fn entries<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>, String> {
    let all = documents(text)?.into_iter().flatten();
    // iproute2 prints empty objects for entries that a filter left out
    all.filter(|entry| entry.as_object().is_none_or(|o| !o.is_empty()))
        .map(|entry| serde_json::from_value(entry).map_err(|e| e.to_string()))
        .collect()
}

#[derive(Deserialize)]
struct Link {
    ifname: String,
    /// The bridge, bond or VRF that it belongs to.
    #[serde(default)]
    master: Option<String>,
    /// `default`, a name of `/etc/iproute2/group`, or a number.
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    addr_info: Vec<AddressInfo>,
}

#[derive(Deserialize)]
struct AddressInfo {
    local: Option<IpAddr>,
    prefixlen: Option<u8>,
}

/// Addresses of all interfaces, in the order in which the kernel has them.
pub(super) fn addresses(text: &str) -> Result<Vec<InterfaceAddress>, String> {
    let links: Vec<Link> = entries(text)?;
    Ok(links
        .into_iter()
        .flat_map(|link| {
            let name = link.ifname;
            link.addr_info.into_iter().filter_map(move |info| {
                let address = info.local?;
                let prefix = info.prefixlen.unwrap_or(Family::of(address).bits());
                Some(InterfaceAddress { interface: name.clone(), address, prefix })
            })
        })
        .collect())
}

/// Interfaces that others belong to.
pub(super) fn masters(text: &str) -> Result<Vec<String>, String> {
    let links: Vec<Link> = entries(text)?;
    let masters: BTreeSet<String> = links.into_iter().filter_map(|link| link.master).collect();
    Ok(masters.into_iter().collect())
}

/// The group of each interface: `None` where one is not printed (iproute2 always does), or has a name of its own.
pub(super) fn groups(text: &str) -> Result<Option<BTreeMap<String, u32>>, String> {
    let links: Vec<Link> = entries(text)?;
    let group = |link: Link| match link.group?.as_str() {
        "default" => Some((link.ifname, 0)),
        number => Some((link.ifname, number.parse().ok()?)),
    };
    Ok(links.into_iter().map(group).collect())
}

#[derive(Deserialize)]
struct RouteEntry {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    dst: String,
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    dev: Option<String>,
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default)]
    table: Option<serde_json::Value>,
    #[serde(default)]
    metric: Option<u32>,
    /// Router preference: only IPv6 routes have one.
    #[serde(default)]
    pref: Option<String>,
    #[serde(default)]
    nexthops: Vec<NextHop>,
}

#[derive(Deserialize)]
struct NextHop {
    #[serde(default)]
    dev: Option<String>,
}

/// Routes of all tables.
pub(super) fn routes(text: &str) -> Result<Vec<Route>, String> {
    entries::<RouteEntry>(text)?.into_iter().map(route).collect()
}

fn route(entry: RouteEntry) -> Result<Route, String> {
    let gateway: Option<IpAddr> = entry.gateway.as_deref().and_then(|g| g.parse().ok());
    let v6 = entry.family.as_deref() == Some("inet6")
        || entry.pref.is_some()
        || entry.dst.contains(':')
        || gateway.is_some_and(|g| g.is_ipv6());
    let destination = if entry.dst == "default" {
        Prefix::all(if v6 { Family::Ipv6 } else { Family::Ipv4 })
    } else {
        entry.dst.parse().map_err(|e| format!("route to {:?}: {e}", entry.dst))?
    };
    let kind = match entry.kind.as_deref().unwrap_or("unicast") {
        "unicast" => RouteKind::Unicast,
        "local" => RouteKind::Local,
        "broadcast" => RouteKind::Broadcast,
        "anycast" => RouteKind::Anycast,
        "multicast" => RouteKind::Multicast,
        "unreachable" | "blackhole" | "prohibit" => RouteKind::Refuse,
        "throw" => RouteKind::Throw,
        other => return Err(format!("route type {other:?}")),
    };
    let table = match entry.table {
        Some(serde_json::Value::String(name)) => name,
        Some(other) => other.to_string(),
        None => "main".to_owned(),
    };
    let interfaces =
        entry.dev.into_iter().chain(entry.nexthops.into_iter().filter_map(|hop| hop.dev)).collect();
    Ok(Route { kind, destination, table, interfaces, gateway, metric: entry.metric.unwrap_or(0) })
}

#[derive(Deserialize)]
struct RuleEntry {
    #[serde(default)]
    src: Option<String>,
    #[serde(default)]
    table: Option<String>,
    #[serde(flatten)]
    more: std::collections::BTreeMap<String, serde_json::Value>,
}

/// Whether rules beyond "from all: local, main, default" exist.
pub(super) fn has_policy(text: &str) -> Result<bool, String> {
    let rules: Vec<RuleEntry> = entries(text)?;
    Ok(rules.iter().any(|rule| {
        let plain_keys = rule.more.keys().all(|k| matches!(k.as_str(), "priority" | "protocol"));
        let usual = matches!(rule.table.as_deref(), Some("local" | "main" | "default"));
        !(plain_keys && usual && rule.src.as_deref().is_none_or(|s| s == "all"))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_both_families() {
        let text = r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]},
            {"type":"local","dst":"127.0.0.0/8","dev":"lo","table":"local"},
            {"dst":"default","dev":"tun0","metric":1024,"flags":[],"pref":"medium"},
            {"dst":"10.0.0.0/8","nexthops":[{"dev":"a"},{"dev":"b"}]},{"type":"unreachable","dst":"10.9.0.0/16"}]"#;
        let routes = routes(text).unwrap();
        assert_eq!(routes[0].destination, Prefix::all(Family::Ipv4));
        assert_eq!(routes[1].kind, RouteKind::Local);
        assert_eq!((routes[2].destination, routes[2].metric), (Prefix::all(Family::Ipv6), 1024));
        assert_eq!(routes[3].interfaces, ["a", "b"]);
        assert_eq!(routes[4].kind, RouteKind::Refuse);
        assert!(super::routes(r#"[{"dst":"10.0.0.1/8"}]"#).is_err());
    }

    #[test]
    fn rules_beyond_the_usual_three_are_policy() {
        let usual = r#"[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"}]
                       [{"priority":0,"src":"all","table":"local"}]"#;
        assert_eq!(has_policy(usual), Ok(false));
        assert_eq!(has_policy(r#"[{"priority":100,"src":"all","fwmark":"0x1","table":"100"}]"#), Ok(true));
        assert_eq!(has_policy(r#"[{"priority":100,"src":"10.0.0.0","srclen":8,"table":"main"}]"#), Ok(true));
        assert!(has_policy("[{").is_err());
    }
}
