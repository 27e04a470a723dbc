//! The right side of a match: values, ranges, sets (nft(8), DATA TYPES).

use std::net::IpAddr;

use super::ast::{Element, Expr, Op, Set};
use super::key::{Key, Leaf, Names};
use crate::firewall::{AddressKind, Test};
use crate::packet::{AddressRange, AddressSet, Family, Field, NamePattern, Prefix, State, flag};
use crate::platform::netfilter::frame_kind;
use crate::platform::{icmp, services};

/// Ranges of numbers.
pub(super) type Ranges = Vec<(u128, u128)>;

/// What resolving a set by name gives.
pub(super) enum Found<'a> {
    /// Its elements are all it holds.
    Closed(&'a Set),
    /// It may hold more.
    Open(&'a Set),
    /// There is no such set in the evidence.
    Missing,
}

/// Looks sets up, and makes atoms for what they do not say.
pub(super) trait Sets {
    /// A named set of this table.
    fn find(&self, name: &str) -> Found<'_>;
    /// An atom for what else a set may hold.
    fn more(&mut self, name: &str) -> Test;
}

/// Whether the key's value is in what the right side lists; `None` when it is not understood.
pub(super) fn relation(key: &Key, op: Op, right: &Expr, sets: &mut dyn Sets) -> Option<Test> {
    let test = match (op, &key.leaf) {
        (Op::Implicit, Leaf::Number { names: Names::Flags, .. } | Leaf::State | Leaf::Status) => {
            any_bit(&key.leaf, right).or_else(|| member(&key.leaf, right, sets))?
        }
        (Op::Not, leaf) => any_bit(leaf, right)?.negate(),
        // a state is a single bit: it never equals several
        (Op::Eq, Leaf::State) if is_several(right) => Test::Never,
        (Op::Ne, Leaf::State) if is_several(right) => Test::Always,
        (Op::Implicit | Op::Eq, leaf) => member(leaf, right, sets)?,
        (Op::Ne, Leaf::Status) => return None,
        (Op::Ne, leaf) => member(leaf, right, sets)?.negate(),
        (op, Leaf::Number { field, mask: None, names }) => compare(*field, *names, op, right)?,
        _ => return None,
    };
    Some(test)
}

fn is_several(right: &Expr) -> bool {
    matches!(right, Expr::Binary(..)) || matches!(right, Expr::List(list) if list.len() > 1)
}

fn compare(field: Field, names: Names, op: Op, right: &Expr) -> Option<Test> {
    let value = number(right, names)?;
    let max = (1u128 << field.bits()) - 1;
    let range = match op {
        Op::Lt => (0, value.checked_sub(1)?),
        Op::Le => (0, value),
        Op::Gt => (value.checked_add(1)?, max),
        _ => (value, max),
    };
    Some(if range.0 > range.1 { Test::Never } else { Test::Ranges(field, vec![range]) })
}

/// "Any of these bits": bit fields without an operator.
fn any_bit(leaf: &Leaf, right: &Expr) -> Option<Test> {
    let words = match right {
        Expr::List(list) => list.iter().collect(),
        one @ (Expr::Word(_) | Expr::Number(_)) => vec![one],
        Expr::Binary(super::ast::BinOp::Or, a, b) => {
            return Some(Test::Any(vec![any_bit(leaf, a)?, any_bit(leaf, b)?]));
        }
        _ => return None,
    };
    let tests = words.into_iter().map(|word| match leaf {
        Leaf::Number { field, names, .. } => {
            let bits = bits(word, *names)?;
            Some(Test::Bits(*field, bits, 0).negate())
        }
        Leaf::State => state(word).map(|s| Test::State(vec![s])),
        Leaf::Status => status(word),
        _ => None,
    });
    Some(Test::Any(tests.collect::<Option<_>>()?))
}

/// Whether the leaf's value is one of those listed.
pub(super) fn member(leaf: &Leaf, right: &Expr, sets: &mut dyn Sets) -> Option<Test> {
    match right {
        Expr::Set(elements) => elements_test(leaf, elements),
        Expr::SetRef(name) => {
            let (listed, open) = match sets.find(name) {
                Found::Missing => (None, true),
                Found::Closed(set) => (Some(elements_test(leaf, &set.elements)?), false),
                Found::Open(set) => (elements_test(leaf, &set.elements), true),
            };
            let more = open.then(|| sets.more(name));
            Some(Test::Any(listed.into_iter().chain(more).collect()))
        }
        one => single(leaf, one),
    }
}

fn elements_test(leaf: &Leaf, elements: &[Element]) -> Option<Test> {
    let keys = || elements.iter().map(|e| &e.key);
    match leaf {
        Leaf::Number { field, mask: None, names } => {
            let ranges: Ranges = keys().map(|k| range(k, *field, *names)).collect::<Option<_>>()?;
            Some(Test::Ranges(*field, sorted(ranges)))
        }
        Leaf::Address { field, family, mask: None } => {
            let ranges = keys().map(|k| {
                address(k, *family).map(|(first, last)| AddressRange { family: *family, first, last })
            });
            Some(Test::Address(*field, ranges.collect::<Option<AddressSet>>()?))
        }
        leaf => Some(Test::Any(keys().map(|k| single(leaf, k)).collect::<Option<_>>()?)),
    }
}

fn sorted(mut ranges: Ranges) -> Ranges {
    ranges.sort_unstable();
    let mut out: Ranges = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.0 <= last.1.saturating_add(1) => last.1 = last.1.max(range.1),
            _ => out.push(range),
        }
    }
    out
}

/// Whether the leaf's value is this one value (or in this range).
pub(super) fn single(leaf: &Leaf, value: &Expr) -> Option<Test> {
    if matches!(value, Expr::Word(word) if word == "*") {
        return Some(Test::Always);
    }
    match leaf {
        Leaf::Number { field, mask: Some(mask), names } => {
            Some(Test::Bits(*field, *mask, bits(value, *names)?))
        }
        // `tcp flags syn / syn,ack` and exact comparison look at the whole byte
        Leaf::Number { field, mask: None, names: Names::Flags } => {
            Some(Test::Bits(*field, 0xff, bits(value, Names::Flags)?))
        }
        Leaf::Number { field, mask: None, names } => {
            Some(Test::Ranges(*field, vec![range(value, *field, *names)?]))
        }
        Leaf::Address { field, family, mask } => {
            let (first, last) = address(value, *family)?;
            match mask {
                Some(mask) if first == last => Some(Test::Bits(*field, *mask, first)),
                Some(_) => None,
                None => {
                    let range = AddressRange { family: *family, first, last };
                    Some(Test::Address(*field, [range].into_iter().collect()))
                }
            }
        }
        Leaf::State => state(value).map(|s| Test::State(vec![s])),
        Leaf::Interface(field) => interface(value).map(|pattern| Test::Interface(*field, pattern)),
        Leaf::Kind(field) => kind(value).map(|kind| Test::Kind(*field, kind)),
        Leaf::FamilyNumber => family(value).map(Test::Family),
        Leaf::EtherType => ether_type(value),
        Leaf::Frame => match value {
            Expr::Word(word) => frame_kind(word),
            _ => None,
        },
        Leaf::Version(version) => {
            let same = number(value, Names::None)? == u128::from(*version);
            Some(if same { Test::Always } else { Test::Never })
        }
        Leaf::Concat(keys) => concat(keys, value),
        Leaf::Direction => direction(value),
        Leaf::Status
        | Leaf::RouteBack(_)
        | Leaf::Group(_)
        | Leaf::Rare
        | Leaf::NotModelled
        | Leaf::RunTime => None,
    }
}

fn concat(keys: &[Key], value: &Expr) -> Option<Test> {
    let Expr::Concat(values) = value else { return None };
    if values.len() != keys.len() {
        return None;
    }
    Some(Test::All(
        keys.iter().zip(values).map(|(key, value)| single(&key.leaf, value)).collect::<Option<_>>()?,
    ))
}

/// New packets go in the original direction; of others it is not known.
fn direction(value: &Expr) -> Option<Test> {
    let Expr::Word(word) = value else { return None };
    let fresh = Test::State(vec![State::New, State::Related]);
    let older = super::super::netfilter::not_modelled("ct direction original");
    let original = Test::Any(vec![fresh, older]);
    match word.as_str() {
        "original" => Some(original),
        "reply" => Some(original.negate()),
        _ => None,
    }
}

fn range(value: &Expr, field: Field, names: Names) -> Option<(u128, u128)> {
    match value {
        Expr::Range(first, last) => {
            let range = (number(first, names)?, number(last, names)?);
            (range.0 <= range.1).then_some(range)
        }
        Expr::Word(word) if word == "*" => Some((0, (1 << field.bits()) - 1)),
        one => number(one, names).map(|n| (n, n)),
    }
}

/// A number or a name for one.
pub(super) fn number(value: &Expr, names: Names) -> Option<u128> {
    match value {
        Expr::Number(n) => Some(*n),
        Expr::Word(word) => {
            let parsed = match word.strip_prefix("0x") {
                Some(hex) => u128::from_str_radix(hex, 16).ok(),
                None => word.parse().ok(),
            };
            parsed.or_else(|| named(word, names))
        }
        _ => None,
    }
}

fn named(word: &str, names: Names) -> Option<u128> {
    match names {
        Names::Port => services::port(word).map(u128::from),
        Names::Protocol => services::protocol(word).map(u128::from),
        Names::IcmpType(family) => {
            icmp::named(word, family).filter(|(_, c)| c.is_none()).map(|(t, _)| t.into())
        }
        Names::IcmpCode(family) => icmp_code(word, family),
        Names::Flags => Some(u128::from(match word {
            "fin" => flag::FIN,
            "syn" => flag::SYN,
            "rst" => flag::RST,
            "psh" => flag::PSH,
            "ack" => flag::ACK,
            "urg" => flag::URG,
            "ecn" => 64,
            "cwr" => 128,
            _ => return None,
        })),
        Names::None => None,
    }
}

/// Names of codes of destination-unreachable (`nft describe icmp code`, `nft describe icmpv6 code`).
fn icmp_code(word: &str, family: Family) -> Option<u128> {
    let code = match (family, word) {
        (Family::Ipv4, "net-unreachable") | (Family::Ipv6, "no-route") => 0,
        (Family::Ipv4, "host-unreachable") | (Family::Ipv6, "admin-prohibited") => 1,
        (Family::Ipv4, "prot-unreachable") => 2,
        (Family::Ipv4, "port-unreachable") | (Family::Ipv6, "addr-unreachable") => 3,
        (Family::Ipv4, "frag-needed") | (Family::Ipv6, "port-unreachable") => 4,
        (Family::Ipv6, "policy-fail") => 5,
        (Family::Ipv6, "reject-route") => 6,
        (Family::Ipv4, "net-prohibited") => 9,
        (Family::Ipv4, "host-prohibited") => 10,
        (Family::Ipv4, "admin-prohibited") => 13,
        _ => return None,
    };
    Some(code)
}

/// Bits: a number, a name, a list or alternation of names.
pub(super) fn bits(value: &Expr, names: Names) -> Option<u128> {
    match value {
        Expr::List(list) => list.iter().try_fold(0, |all, one| Some(all | bits(one, names)?)),
        Expr::Binary(super::ast::BinOp::Or, a, b) => Some(bits(a, names)? | bits(b, names)?),
        one => number(one, names),
    }
}

/// First and last address of an address, prefix or range.
pub(super) fn address(value: &Expr, family: Family) -> Option<(u128, u128)> {
    let of = |e: &Expr| match e {
        Expr::Word(word) => word.parse::<IpAddr>().ok().filter(|a| Family::of(*a) == family),
        _ => None,
    };
    match value {
        Expr::Prefix(base, length) => {
            Prefix::new(of(base)?, u8::try_from(*length).ok()?).map(|prefix| prefix.bounds())
        }
        Expr::Range(first, last) => AddressRange::new(of(first)?, of(last)?).map(|r| (r.first, r.last)),
        Expr::Word(word) if word == "*" => Some((0, family.highest())),
        one => of(one).map(|a| Prefix::host(a).bounds()),
    }
}

fn state(value: &Expr) -> Option<State> {
    let Expr::Word(word) = value else { return None };
    Some(match word.as_str() {
        "new" => State::New,
        "established" => State::Established,
        "related" => State::Related,
        "invalid" => State::Invalid,
        "untracked" => State::Untracked,
        _ => return None,
    })
}

fn status(value: &Expr) -> Option<Test> {
    match value {
        Expr::Word(word) if word == "dnat" => Some(Test::Bits(Field::Status, 2, 2)),
        Expr::Word(word) if word == "snat" => Some(Test::Bits(Field::Status, 1, 1)),
        _ => None,
    }
}

/// A trailing `*` is a pattern, `\*` a star.
fn interface(value: &Expr) -> Option<NamePattern> {
    let Expr::Word(word) = value else { return None };
    Some(match word.strip_suffix('*') {
        Some(start) => match start.strip_suffix('\\') {
            Some(name) => NamePattern::Exact(format!("{name}*")),
            None => NamePattern::Starts(start.to_owned()),
        },
        None => NamePattern::Exact(word.clone()),
    })
}

fn kind(value: &Expr) -> Option<AddressKind> {
    let Expr::Word(word) = value else { return None };
    Some(match word.as_str() {
        "local" => AddressKind::Local,
        "broadcast" => AddressKind::Broadcast,
        "multicast" => AddressKind::Multicast,
        "anycast" => AddressKind::Anycast,
        "unicast" => AddressKind::Unicast,
        _ => return None,
    })
}

/// `NFPROTO_IPV4` is 2, `NFPROTO_IPV6` 10.
fn family(value: &Expr) -> Option<Family> {
    match value {
        Expr::Word(word) if word == "ipv4" || word == "ip" => Some(Family::Ipv4),
        Expr::Word(word) if word == "ipv6" || word == "ip6" => Some(Family::Ipv6),
        Expr::Number(2) => Some(Family::Ipv4),
        Expr::Number(10) => Some(Family::Ipv6),
        _ => None,
    }
}

/// Packets on the IP path are IPv4 or IPv6: every other EtherType is none of them.
fn ether_type(value: &Expr) -> Option<Test> {
    match value {
        Expr::Word(word) => match word.as_str() {
            "ip" | "0x0800" | "0x800" => Some(Test::Family(Family::Ipv4)),
            "ip6" | "0x86dd" => Some(Test::Family(Family::Ipv6)),
            "arp" | "vlan" | "8021q" | "8021ad" => Some(Test::Never),
            _ => None,
        },
        Expr::Number(0x0800) => Some(Test::Family(Family::Ipv4)),
        Expr::Number(0x86dd) => Some(Test::Family(Family::Ipv6)),
        Expr::Number(_) => Some(Test::Never),
        _ => None,
    }
}
