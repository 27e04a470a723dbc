//! Match modules of iptables-extensions(8), by what their answer depends on.

use crate::firewall::Limit;
use crate::packet::Family;

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

/// Options as iptables-save(8) prints them, whoever wrote them: units by their short names, defaults as they are saved.
pub(super) fn as_saved(module: &str, options: &mut Vec<String>, family: Family) {
    match module {
        "limit" => {
            options.retain(|option| option != "--limit-burst 5");
            for option in options.iter_mut().filter(|o| o.starts_with("--limit ")) {
                let Some((rate, unit)) = option.split_once('/') else { continue };
                let short = ["sec", "min", "hour", "day"].into_iter().find(|s| unit.get(..1) == s.get(..1));
                *option = format!("{rate}/{}", short.unwrap_or(unit));
            }
        }
        "recent" => {
            let mask = if family == Family::Ipv4 {
                "255.255.255.255"
            } else {
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
            };
            let given = |options: &[String], names: &[&str]| {
                options.iter().any(|o| names.contains(&o.split(' ').next().unwrap_or_default()))
            };
            let sides = ["--rsource", "--rdest"];
            let side = options.iter().position(|o| sides.contains(&o.as_str())).map(|at| options.remove(at));
            if !given(options, &["--name"]) {
                options.push("--name DEFAULT".to_owned());
            }
            if !given(options, &["--mask"]) {
                options.push(format!("--mask {mask}"));
            }
            options.push(side.unwrap_or_else(|| "--rsource".to_owned()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes_and_what_is_saved_are_the_same() {
        let same = |module: &str, written: &[&str], saved: &[&str]| {
            let [mut written, mut saved] =
                [written, saved].map(|o| o.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>());
            as_saved(module, &mut written, Family::Ipv4);
            as_saved(module, &mut saved, Family::Ipv4);
            assert_eq!(written, saved);
        };
        same("limit", &["--limit 3/minute"], &["--limit 3/min", "--limit-burst 5"]);
        same("recent", &["--set"], &["--set", "--name DEFAULT", "--mask 255.255.255.255", "--rsource"]);
        let written = &["--update", "--seconds 30", "--hitcount 6", "--name ssh"];
        let saved = &["--update", "--seconds 30", "--hitcount 6", "--name ssh", "--mask 255.255.255.255"];
        same("recent", written, saved);
    }
}
