//! The left side of a match: which part of a packet it looks at (nft(8), EXPRESSIONS).

use super::ast::{BinOp, Expr};
use crate::firewall::Test;
use crate::packet::{Family, Field, proto};

/// A part of a packet, and what must hold for it to be there at all: without it neither `==` nor `!=` matches.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub guards: Vec<Test>,
    pub leaf: Leaf,
    /// It is about the original direction of the connection.
    pub original: bool,
    /// `th`: the bytes are read whatever the transport protocol is; where that has no ports, they mean nothing here.
    pub any_transport: bool,
}

/// What kind of part.
#[derive(Debug, Clone)]
pub(super) enum Leaf {
    /// A number, perhaps masked.
    Number { field: Field, mask: Option<u128>, names: Names },
    /// An address, perhaps masked.
    Address { field: Field, family: Family, mask: Option<u128> },
    /// Connection state.
    State,
    /// Connection status bits.
    Status,
    /// Direction of the packet within its connection.
    Direction,
    /// Interface name.
    Interface(Field),
    /// `fib ... type`.
    Kind(Field),
    /// `fib saddr [. iif] oif`: whether there is a route back; true with `iif`.
    RouteBack(bool),
    /// `meta nfproto`.
    FamilyNumber,
    /// `meta protocol`, `ether type`.
    EtherType,
    /// `ip version`, `ip6 version`: the number that it always is.
    Version(u8),
    /// `meta iifgroup`, `meta oifgroup`.
    Group(Field),
    /// `meta pkttype`.
    Frame,
    /// A part that plain packets lack: an extension header, an IP option.
    Rare,
    /// Several parts at once.
    Concat(Vec<Key>),
    /// A part of the packet that is not modelled.
    NotModelled,
    /// Something that changes by itself.
    RunTime,
}

/// How values of a number are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Port,
    Protocol,
    IcmpType(Family),
    IcmpCode(Family),
    Flags,
    None,
}

fn plain(leaf: Leaf) -> Key {
    guarded(Vec::new(), leaf)
}

fn guarded(guards: Vec<Test>, leaf: Leaf) -> Key {
    Key { guards, leaf, original: false, any_transport: false }
}

const fn number(field: Field, names: Names) -> Leaf {
    Leaf::Number { field, mask: None, names }
}

impl Key {
    /// Everything that must hold for all its parts to be there.
    pub(super) fn all_guards(&self) -> Vec<Test> {
        let mut guards = self.guards.clone();
        if let Leaf::Concat(keys) = &self.leaf {
            guards.extend(keys.iter().flat_map(Self::all_guards));
        }
        guards
    }
}

/// The part that an expression names; anything else is a part that is not modelled.
pub(super) fn key(expr: &Expr) -> Key {
    match expr {
        Expr::Meta(name) => meta(name),
        Expr::Payload { protocol, field } => payload(protocol, field),
        Expr::Ct { key, dir } => ct(key, dir.as_deref()),
        Expr::Fib { result, flags } => fib(result, flags),
        Expr::Concat(parts) => plain(Leaf::Concat(parts.iter().map(key).collect())),
        Expr::Binary(BinOp::And, inner, mask) => {
            masked(key(inner), mask).unwrap_or_else(|| plain(Leaf::NotModelled))
        }
        Expr::Other(text) if is_run_time(text) => plain(Leaf::RunTime),
        Expr::Other(text) if is_rare(text) => plain(Leaf::Rare),
        _ => plain(Leaf::NotModelled),
    }
}

fn is_run_time(text: &str) -> bool {
    ["numgen", "meta time", "meta hour", "meta day", "ct bytes", "ct packets", "ct avgpkt", "ct expiration"]
        .iter()
        .any(|t| text.starts_with(t) || text.contains("\"numgen\""))
}

/// Extension headers and IP options, as text and as JSON (nft(8), EXTENSION HEADER EXPRESSIONS).
fn is_rare(text: &str) -> bool {
    let mut words = text.split(' ');
    match words.next() {
        Some("exthdr" | "hbh" | "rt0" | "rt2" | "srh" | "frag" | "dst") => true,
        Some("rt") => matches!(words.next(), Some("type" | "nexthdr" | "hdrlength" | "seg-left")),
        Some("ip") => words.next() == Some("option"),
        _ => text.starts_with("{\"exthdr\":") || text.starts_with("{\"ip option\":"),
    }
}

fn meta(name: &str) -> Key {
    plain(match name {
        "iif" | "iifname" => Leaf::Interface(Field::In),
        "oif" | "oifname" => Leaf::Interface(Field::Out),
        "l4proto" => number(Field::Proto, Names::Protocol),
        "mark" => number(Field::Mark, Names::None),
        "iifgroup" => Leaf::Group(Field::In),
        "oifgroup" => Leaf::Group(Field::Out),
        "nfproto" => Leaf::FamilyNumber,
        "protocol" => Leaf::EtherType,
        "pkttype" => Leaf::Frame,
        "time" | "hour" | "day" | "cpu" | "random" => Leaf::RunTime,
        _ => Leaf::NotModelled,
    })
}

fn payload(protocol: &str, name: &str) -> Key {
    let v4 = || Test::Family(Family::Ipv4);
    let v6 = || Test::Family(Family::Ipv6);
    let address = |field, family| Leaf::Address { field, family, mask: None };
    let header = match protocol {
        "tcp" => Some(proto::TCP),
        "udp" => Some(proto::UDP),
        "udplite" => Some(proto::UDPLITE),
        "sctp" => Some(proto::SCTP),
        "dccp" => Some(proto::DCCP),
        _ => None,
    };
    match (protocol, name) {
        ("ip", "saddr") => guarded(vec![v4()], address(Field::Src, Family::Ipv4)),
        ("ip", "daddr") => guarded(vec![v4()], address(Field::Dst, Family::Ipv4)),
        ("ip", "protocol") => guarded(vec![v4()], number(Field::Proto, Names::Protocol)),
        ("ip6", "saddr") => guarded(vec![v6()], address(Field::Src, Family::Ipv6)),
        ("ip6", "daddr") => guarded(vec![v6()], address(Field::Dst, Family::Ipv6)),
        ("ip6", "nexthdr") => guarded(vec![v6()], number(Field::Proto, Names::Protocol)),
        ("ip", "version") => guarded(vec![v4()], Leaf::Version(4)),
        ("ip6", "version") => guarded(vec![v6()], Leaf::Version(6)),
        ("ether", "type") => plain(Leaf::EtherType),
        ("tcp", "flags") => guarded(vec![Test::header(proto::TCP)], number(Field::Flags, Names::Flags)),
        ("icmp", "type") => icmp(v4(), proto::ICMP, Field::IcmpType, Names::IcmpType(Family::Ipv4)),
        ("icmp", "code") => icmp(v4(), proto::ICMP, Field::IcmpCode, Names::IcmpCode(Family::Ipv4)),
        ("icmpv6", "type") => icmp(v6(), proto::ICMPV6, Field::IcmpType, Names::IcmpType(Family::Ipv6)),
        ("icmpv6", "code") => icmp(v6(), proto::ICMPV6, Field::IcmpCode, Names::IcmpCode(Family::Ipv6)),
        ("th", "sport") => {
            Key { any_transport: true, ..guarded(vec![Test::has_ports()], number(Field::Sport, Names::Port)) }
        }
        ("th", "dport") => {
            Key { any_transport: true, ..guarded(vec![Test::has_ports()], number(Field::Dport, Names::Port)) }
        }
        (_, "sport") if header.is_some() => {
            guarded(header.map(Test::header).into_iter().collect(), number(Field::Sport, Names::Port))
        }
        (_, "dport") if header.is_some() => {
            guarded(header.map(Test::header).into_iter().collect(), number(Field::Dport, Names::Port))
        }
        _ => plain(Leaf::NotModelled),
    }
}

fn icmp(family: Test, protocol: u8, field: Field, names: Names) -> Key {
    guarded(vec![family, Test::header(protocol)], number(field, names))
}

fn ct(name: &str, dir: Option<&str>) -> Key {
    let tuple = |leaf| Key { original: true, ..plain(leaf) };
    match (name, dir) {
        ("state", None) => plain(Leaf::State),
        ("status", None) => plain(Leaf::Status),
        ("direction", None) => plain(Leaf::Direction),
        ("mark", None) => plain(number(Field::CtMark, Names::None)),
        ("ip saddr", Some("original")) => Key { original: true, ..payload("ip", "saddr") },
        ("ip daddr", Some("original")) => Key { original: true, ..payload("ip", "daddr") },
        ("ip6 saddr", Some("original")) => Key { original: true, ..payload("ip6", "saddr") },
        ("ip6 daddr", Some("original")) => Key { original: true, ..payload("ip6", "daddr") },
        ("proto-src", Some("original")) => tuple(number(Field::Sport, Names::Port)),
        ("proto-dst", Some("original")) => tuple(number(Field::Dport, Names::Port)),
        ("protocol", Some("original")) => tuple(number(Field::Proto, Names::Protocol)),
        ("bytes" | "packets" | "avgpkt" | "expiration" | "label" | "count", _) => plain(Leaf::RunTime),
        _ => plain(Leaf::NotModelled),
    }
}

fn fib(result: &str, flags: &[String]) -> Key {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    match (result, flags.as_slice()) {
        ("type", ["daddr"]) => plain(Leaf::Kind(Field::Dst)),
        ("type", ["saddr"]) => plain(Leaf::Kind(Field::Src)),
        // the mark only chooses a table of policy routing, which counts as unknown anyway
        ("oif", flags) if flags.contains(&"saddr") && !flags.contains(&"oif") => {
            plain(Leaf::RouteBack(flags.contains(&"iif")))
        }
        _ => plain(Leaf::NotModelled),
    }
}

fn masked(inner: Key, mask: &Expr) -> Option<Key> {
    let leaf = match inner.leaf {
        Leaf::Number { field, mask: None, names } => {
            Leaf::Number { field, mask: Some(super::value::bits(mask, names)?), names }
        }
        Leaf::Address { field, family, mask: None } => {
            let mask = super::value::address(mask, family).filter(|(first, last)| first == last)?.0;
            Leaf::Address { field, family, mask: Some(mask) }
        }
        _ => return None,
    };
    Some(Key { leaf, ..inner })
}
