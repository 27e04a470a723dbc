//! Match modules of iptables-extensions(8), by what their answer depends on.

use crate::firewall::Limit;

/// What `limit` and `hashlimit` say, by the texts of their options; `None` for other modules, and for rates in bytes. Without
/// an option the burst is 5.
pub(super) fn limit(module: &str, options: &[String]) -> Option<Limit> {
    let prefix = match module {
        "limit" => "--limit",
        "hashlimit" => "--hashlimit",
        _ => return None,
    };
    let (mut rate, mut over, mut burst, mut of) = (None, false, 5, vec![module]);
    for option in options {
        let (name, value) = option.split_once(' ').unwrap_or((option, ""));
        match name.strip_prefix(prefix) {
            Some("" | "-upto") => rate = Some(value),
            Some("-above") => (rate, over) = (Some(value), true),
            Some("-burst") => burst = value.parse().ok()?,
            _ => of.push(option),
        }
    }
    let (count, unit) = rate?.split_once('/')?;
    Some(Limit { of: of.join(" "), over, a_day: Limit::a_day(count.parse().ok()?, unit)?, burst })
}

/// Modules whose options are read one by one.
pub(super) const UNDERSTOOD: &[&str] = &[
    "tcp",
    "udp",
    "udplite",
    "sctp",
    "dccp",
    "icmp",
    "icmp6",
    "icmpv6",
    "ipv6-icmp",
    "multiport",
    "mport",
    "iprange",
    "state",
    "conntrack",
    "mark",
    "connmark",
    "addrtype",
    "pkttype",
    "set",
    "comment",
];

/// Modules that depend on the packet alone, on parts that are not modelled.
pub(super) const PURE: &[&str] = &[
    "mac",
    "physdev",
    "string",
    "u32",
    "bpf",
    "ttl",
    "hl",
    "tos",
    "dscp",
    "length",
    "ah",
    "esp",
    "policy",
    "rpfilter",
    "socket",
    "owner",
    "realm",
    "ecn",
    "devgroup",
    "cgroup",
    "geoip",
    "tcpmss",
    "eui64",
    "ipv6header",
    "mh",
    "ipv4options",
    "osf",
    "layer7",
    "ipvs",
];

/// Modules about a header or an option that plain packets lack: without it they do not match, negated or not.
pub(super) const RARE: &[&str] = &["rt", "frag", "dst", "hbh"];

/// Modules whose answer changes while the device runs.
pub(super) const RUN_TIME: &[&str] = &[
    "limit",
    "hashlimit",
    "recent",
    "quota",
    "quota2",
    "statistic",
    "connlimit",
    "connbytes",
    "time",
    "rateest",
    "nfacct",
    "condition",
    "cpu",
    "cluster",
    "connlabel",
    "helper",
    "random",
    "nth",
    "psd",
    "iplimit",
    "dstlimit",
    "lscan",
];
