//! Sets as `ipset save` prints them (ipset(8)).

use std::collections::{BTreeMap, BTreeSet};

use super::matches::{interface, ports, prefix_length, sorted};
use crate::firewall::Test;
use crate::packet::{AddressRange, AddressSet, Field, Prefix};
use crate::platform::netfilter::digest;
use crate::platform::netfilter::effects::Effects;
use crate::platform::{icmp, services};

/// All sets by name.
#[derive(Debug, Default)]
pub(in crate::platform) struct Sets {
    sets: BTreeMap<String, IpSet>,
    /// Lines of no known form, with their numbers.
    pub unread: Vec<(u32, String)>,
}

#[derive(Debug, Default)]
struct IpSet {
    /// `hash`, `bitmap`, `list`.
    method: String,
    /// `hash:ip,port` and so on, behind the colon.
    parts: Vec<String>,
    /// Length of the prefix that each address stands for (`netmask`, `bitmask`).
    mask: Option<u8>,
    entries: Vec<Entry>,
    /// An entry, an option or the type itself could not be read.
    unread: bool,
}

#[derive(Debug)]
struct Entry {
    parts: Vec<String>,
    /// Excluded from what a wider entry includes.
    nomatch: bool,
}

/// Reads every line; other lines are listed, and what they are about is not known.
pub(in crate::platform) fn read(text: &str) -> Sets {
    let mut sets = Sets::default();
    for (line, number) in text.lines().zip(1u32..) {
        let words = words(line);
        if !words.is_empty() && sets.line(&words).is_none() {
            let known = |set: &str| words.contains(&set);
            let one = sets.sets.keys().any(|name| known(name));
            // a line that names no set may be about all of them (`flush`)
            sets.sets
                .iter_mut()
                .filter(|(name, _)| !one || known(name))
                .for_each(|(_, set)| set.unread = true);
            sets.unread.push((number, line.to_owned()));
        }
    }
    sets
}

/// The words of a line, without those that only say what is no error; a quoted text is one word.
fn words(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for (place, part) in line.split('"').enumerate() {
        if place % 2 == 1 {
            out.push(part);
        } else {
            out.extend(part.split_whitespace().filter(|w| !matches!(*w, "-exist" | "-!" | "-quiet" | "-q")));
        }
    }
    out
}

/// Most nested sets of sets.
const MAX_NESTING: usize = 4;

impl Sets {
    /// Takes a command in; `None` for one of no known form.
    fn line(&mut self, words: &[&str]) -> Option<()> {
        match words {
            ["create" | "-N" | "--create" | "n", name, kind, options @ ..] => {
                let (method, parts) = kind.split_once(':')?;
                let parts: Vec<String> = parts.split(',').map(str::to_owned).collect();
                let mut set = IpSet { method: method.to_owned(), parts, ..IpSet::default() };
                set.unread = set.options(options).is_none();
                self.sets.insert((*name).to_owned(), set);
            }
            ["add" | "-A" | "--add" | "a", name, entry, options @ ..] => {
                let set = self.sets.get_mut(*name)?;
                let mut entry =
                    Entry { parts: entry.split(',').map(str::to_owned).collect(), nomatch: false };
                set.unread |= entry.options(options).is_none();
                set.entries.push(entry);
            }
            _ => return None,
        }
        Some(())
    }

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
        let tests = set.entries.iter().map(|entry| entry_test(set, entry, &flags));
        Some(Test::Any(tests.collect::<Option<_>>()?))
    }

    /// The rules that add to a set while packets pass; empty where there are none.
    pub(super) fn added(&self, name: &str, effects: &Effects) -> String {
        self.changed("+", name, effects)
    }

    /// The rules that take out of a set while packets pass; empty where there are none.
    pub(super) fn removed(&self, name: &str, effects: &Effects) -> String {
        self.changed("-", name, effects)
    }

    /// What a rule does to a set of sets it does to a member, and what it does to a member is done to the set of sets.
    fn changed(&self, sign: &str, name: &str, effects: &Effects) -> String {
        let mut related = BTreeSet::from([name]);
        for _ in 0..MAX_NESTING {
            let lists = self.sets.iter().filter(|(_, set)| set.parts == ["set"]);
            for (list, set) in lists {
                let members = set.entries.iter().filter_map(|e| e.parts.first()).map(String::as_str);
                let members: Vec<&str> = members.collect();
                if related.contains(list.as_str()) || members.iter().any(|member| related.contains(member)) {
                    related.insert(list);
                    related.extend(members);
                }
            }
        }
        let keys: Vec<String> = related.into_iter().map(|name| format!("ipset {sign} {name}")).collect();
        effects.of(keys.iter().map(String::as_str))
    }

    /// Names what was read about a set that is not understood: the same in another state only if nothing of it changed.
    pub(super) fn unclear(&self, name: &str) -> String {
        let about = |(_, line): &&(u32, String)| {
            let words = words(line);
            words.contains(&name) || !words.iter().any(|word| self.sets.contains_key(*word))
        };
        let lines: Vec<&String> = self.unread.iter().filter(about).map(|(_, line)| line).collect();
        match (self.sets.get(name).filter(|set| set.unread), lines.as_slice()) {
            (None, []) => String::new(),
            (set, lines) => format!(" {}", digest((set, lines))),
        }
    }
}

impl IpSet {
    /// Options of `create` (ipset(8), SET TYPES); `None` for one that is not known.
    fn options(&mut self, words: &[&str]) -> Option<()> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "timeout" | "hashsize" | "maxelem" | "bucketsize" | "initval" | "family" | "range"
                | "size" | "markmask" => {
                    words.next()?;
                }
                "counters" | "comment" | "skbinfo" | "forceadd" => {}
                "netmask" => self.mask = Some(words.next()?.parse().ok()?),
                "bitmask" => self.mask = Some(prefix_length(words.next()?)?),
                _ => return None,
            }
        }
        // of a pair of networks both would be masked
        let masked = self.parts.iter().filter(|part| *part == "ip").count();
        (self.mask.is_none() || masked == 1 && self.parts.iter().all(|part| part != "net")).then_some(())
    }
}

impl Entry {
    /// Options of `add` (ipset(8), GENERIC CREATE AND ADD OPTIONS); `None` for one that is not known.
    fn options(&mut self, words: &[&str]) -> Option<()> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "timeout" | "packets" | "bytes" | "comment" | "skbmark" | "skbprio" | "skbqueue"
                | "before" | "after" => {
                    words.next()?;
                }
                "nomatch" => self.nomatch = true,
                _ => return None,
            }
        }
        Some(())
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
            let addresses = addresses(text, set.mask)?;
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

/// An address (or the network that it stands for), a prefix (host bits allowed) or a range.
fn addresses(text: &str, mask: Option<u8>) -> Option<AddressSet> {
    if let Some((first, last)) = text.split_once('-') {
        if mask.is_some() {
            return None;
        }
        return Some([AddressRange::new(first.parse().ok()?, last.parse().ok()?)?].into_iter().collect());
    }
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address = address.parse().ok()?;
    let prefix = match length {
        None => match mask {
            None => Prefix::host(address),
            Some(length) => Prefix::new(address, length)?,
        },
        Some(length) => Prefix::new(address, length.parse().ok()?)?,
    };
    Some(prefix.into())
}

fn entry_test(set: &IpSet, entry: &Entry, flags: &[&str]) -> Option<Test> {
    let kinds = &set.parts;
    if kinds.len() != entry.parts.len() {
        return None;
    }
    let tests = kinds.iter().zip(&entry.parts).enumerate().map(|(i, (kind, part))| {
        let flag = flags.get(i).copied().unwrap_or("src");
        match kind.as_str() {
            "ip" | "net" => {
                addresses(part, set.mask.filter(|_| kind == "ip")).map(|a| Test::Address(side(flag), a))
            }
            // its ports are those of TCP and of UDP alike
            "port" if set.method == "bitmap" => {
                let both = ["tcp", "udp"].map(|protocol| port(&format!("{protocol}:{part}"), flag));
                Some(Test::Any(both.into_iter().collect::<Option<_>>()?))
            }
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
