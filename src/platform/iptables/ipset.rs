//! Sets as `ipset save` prints them (ipset(8)).

use std::collections::BTreeMap;

use super::matches::{interface, ports, sorted};
use crate::firewall::Test;
use crate::packet::{AddressRange, AddressSet, Field, Prefix};
use crate::platform::{icmp, services};

/// All sets by name.
#[derive(Debug, Default)]
pub(super) struct Sets {
    sets: BTreeMap<String, IpSet>,
    /// Lines of no known form.
    pub unread: Vec<(u32, String)>,
}

#[derive(Debug, Default)]
struct IpSet {
    /// `hash:ip,port` and so on, behind the colon.
    parts: Vec<String>,
    entries: Vec<Entry>,
    /// An entry or the type itself could not be read.
    unread: bool,
}

#[derive(Debug)]
struct Entry {
    parts: Vec<String>,
    /// Excluded from what a wider entry includes.
    nomatch: bool,
}

/// Reads every line; other lines are listed.
pub(super) fn read(text: &str) -> Sets {
    let mut sets = Sets::default();
    for (line, number) in text.lines().zip(1u32..) {
        let mut words = line.split_whitespace();
        let read = match (words.next(), words.next(), words.next()) {
            (None, ..) => true,
            (Some("create"), Some(name), Some(kind)) => {
                let parts = kind.split_once(':').map_or("", |(_, parts)| parts);
                let parts = parts.split(',').map(str::to_owned).collect();
                sets.sets.insert(name.to_owned(), IpSet { parts, ..IpSet::default() });
                true
            }
            (Some("add"), Some(name), Some(entry)) => {
                let nomatch = words.any(|w| w == "nomatch");
                let entry = Entry { parts: entry.split(',').map(str::to_owned).collect(), nomatch };
                sets.sets.get_mut(name).map(|set| set.entries.push(entry)).is_some()
            }
            _ => false,
        };
        if !read {
            sets.unread.push((number, line.to_owned()));
        }
    }
    sets
}

/// Most nested sets of sets.
const MAX_NESTING: usize = 4;

impl Sets {
    /// What `--match-set NAME FLAGS` asks; `None` where the set is not there or not understood.
    pub(super) fn test(&self, name: &str, flags: &str) -> Option<Test> {
        self.test_in(name, flags, 0)
    }

    fn test_in(&self, name: &str, flags: &str, depth: usize) -> Option<Test> {
        let set = self.sets.get(name).filter(|s| !s.unread && depth < MAX_NESTING)?;
        let flags: Vec<&str> = flags.split(',').collect();
        if set.parts == ["set"] {
            let members = set.entries.iter().filter_map(|e| e.parts.first());
            let tests = members.map(|member| self.test_in(member, &flags.join(","), depth + 1));
            return Some(Test::Any(tests.collect::<Option<_>>()?));
        }
        if let ([part], [flag, ..]) = (set.parts.as_slice(), flags.as_slice())
            && matches!(part.as_str(), "ip" | "net")
        {
            return addresses_of(set).map(|addresses| Test::Address(side(flag), addresses));
        }
        if set.entries.iter().any(|e| e.nomatch) {
            return None;
        }
        let tests = set.entries.iter().map(|entry| entry_test(&set.parts, entry, &flags));
        Some(Test::Any(tests.collect::<Option<_>>()?))
    }
}

fn side(flag: &str) -> Field {
    if flag == "src" { Field::Src } else { Field::Dst }
}

/// A set of plain addresses or networks, `nomatch` applied by longest prefix.
fn addresses_of(set: &IpSet) -> Option<AddressSet> {
    let mut entries: Vec<(AddressSet, u128, bool)> = set
        .entries
        .iter()
        .map(|entry| {
            let [text] = entry.parts.as_slice() else { return None };
            let addresses = addresses(text)?;
            let size = addresses.ranges().iter().map(|r| r.last - r.first).sum();
            Some((addresses, size, entry.nomatch))
        })
        .collect::<Option<_>>()?;
    if entries.iter().all(|(_, _, nomatch)| !nomatch) {
        return Some(entries.iter().flat_map(|(a, _, _)| a.ranges().iter().copied()).collect());
    }
    // wide ones first, so that narrower ones overrule them
    entries.sort_by_key(|(_, size, _)| std::cmp::Reverse(*size));
    Some(entries.into_iter().fold(AddressSet::none(), |all, (addresses, _, nomatch)| {
        if nomatch { all.difference(&addresses) } else { all.union(&addresses) }
    }))
}

/// An address, a prefix (host bits allowed) or a range.
fn addresses(text: &str) -> Option<AddressSet> {
    if let Some((first, last)) = text.split_once('-') {
        return Some([AddressRange::new(first.parse().ok()?, last.parse().ok()?)?].into_iter().collect());
    }
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address = address.parse().ok()?;
    let prefix = match length {
        None => Prefix::host(address),
        Some(length) => Prefix::new(address, length.parse().ok()?)?,
    };
    Some(prefix.into())
}

fn entry_test(kinds: &[String], entry: &Entry, flags: &[&str]) -> Option<Test> {
    if kinds.len() != entry.parts.len() {
        return None;
    }
    let tests = kinds.iter().zip(&entry.parts).enumerate().map(|(i, (kind, part))| {
        let flag = flags.get(i).copied().unwrap_or("src");
        match kind.as_str() {
            "ip" | "net" => addresses(part).map(|a| Test::Address(side(flag), a)),
            "port" => port(part, flag),
            "iface" => {
                let field = if flag == "src" { Field::In } else { Field::Out };
                let name = part.strip_prefix("physdev:").map_or(Some(part.as_str()), |_| None)?;
                Some(Test::Interface(field, interface(name)))
            }
            _ => None,
        }
    });
    Some(Test::All(tests.collect::<Option<_>>()?))
}

/// `tcp:80`, `udp:53-55`, `icmp:echo-request`, `icmp:8/0`, `gre:0`.
fn port(text: &str, flag: &str) -> Option<Test> {
    let (name, rest) = text.split_once(':').unwrap_or(("tcp", text));
    let number = services::protocol(name)?;
    let family = match name {
        "icmp" => Some(crate::packet::Family::Ipv4),
        "icmpv6" | "ipv6-icmp" => Some(crate::packet::Family::Ipv6),
        _ => None,
    };
    if let Some(family) = family {
        let (kind, code) = match rest.split_once('/') {
            Some((kind, code)) => (kind.parse().ok()?, Some(code.parse().ok()?)),
            None => icmp::named(rest, family)?,
        };
        let code = code.unwrap_or(0);
        return Some(Test::All(vec![
            Test::header(number),
            Test::Ranges(Field::IcmpType, vec![(u128::from(kind), u128::from(kind))]),
            Test::Ranges(Field::IcmpCode, vec![(u128::from(code), u128::from(code))]),
        ]));
    }
    let field = if flag == "src" { Field::Sport } else { Field::Dport };
    let ranges = sorted(ports(rest, '-').ok()?);
    let has_ports = crate::packet::proto::WITH_PORTS.contains(&number);
    let ports = if has_ports { Test::Ranges(field, ranges) } else { Test::Always };
    Some(Test::All(vec![Test::header(number), ports]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nomatch_overrules_the_wider_entry() {
        let sets = read(
            "create a hash:net family inet\nadd a 10.0.0.0/8\nadd a 10.1.0.0/16 nomatch\nadd a 10.1.2.0/24\n",
        );
        let Some(Test::Address(Field::Src, set)) = sets.test("a", "src") else { panic!() };
        assert_eq!(set.to_string(), "10.0.0.0/16 10.1.2.0/24 10.2.0.0-10.255.255.255");
    }

    #[test]
    fn what_is_not_there_or_not_understood_is_none() {
        let sets = read("create m hash:mac\nadd m 00:11:22:33:44:55\ncreate l list:set\nadd l m\nbroken\n");
        assert!(sets.test("gone", "src").is_none());
        assert!(sets.test("m", "src").is_none());
        assert!(sets.test("l", "src").is_none());
        assert_eq!(sets.unread, [(5, "broken".to_owned())]);
        let sets = read("create p hash:ip,port\nadd p 192.0.2.1,tcp:25\nadd p 192.0.2.1,udp:53-55\n");
        assert!(matches!(sets.test("p", "dst,dst"), Some(Test::Any(tests)) if tests.len() == 2));
    }
}
