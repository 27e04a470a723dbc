//! The lines of address translation (IOS IP Addressing Command Reference, `ip nat inside source`, `ip nat outside
//! source`, `ip nat inside destination`).

use std::net::Ipv4Addr;

use crate::packet::proto;
use crate::platform::cisco::{NotRead, Words, names};

#[derive(Debug, Clone)]
pub(super) enum Kind<'a> {
    /// One local to one global address or network, perhaps of one port.
    Static(Fixed<'a>),
    /// `ip nat outside source static GLOBAL LOCAL`.
    Outside(Ipv4Addr, Ipv4Addr),
    /// Sources that a list permits become one of several addresses.
    Sources { list: Option<&'a str>, to: To<'a>, overload: bool, conditional: bool },
    /// `ip nat outside source list`: sources outside become one of a pool; without a list, under a condition.
    OutsideSources { list: Option<&'a str>, pool: &'a str },
    /// Destinations that a list permits become one of a pool.
    Destinations { list: &'a str, pool: &'a str },
}

#[derive(Debug, Clone)]
pub(super) struct Fixed<'a> {
    pub local: Ipv4Addr,
    pub global: To<'a>,
    pub mask: u32,
    /// Protocol, local and global port.
    pub port: Option<(u8, u16, u16)>,
    /// It holds only under a condition that is not read.
    pub conditional: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum To<'a> {
    Address(Ipv4Addr),
    Interface(&'a str),
    Pool(&'a str),
}

/// A translation, behind `ip nat inside` or `ip nat outside`, and its rank: what is looked for first has the lowest.
///
/// # Errors
/// A form that is not known.
pub(super) fn rule<'a>(words: &mut Words<'a>, inside: bool) -> Result<(u8, Kind<'a>), NotRead> {
    match (words.next(), words.next()) {
        (Some("source"), Some("static")) if inside => {
            let fixed = fixed(words)?;
            let rank = if fixed.port.is_some() { 0 } else { 1 + u8::from(fixed.mask != u32::MAX) };
            Ok((rank, Kind::Static(fixed)))
        }
        (Some("source"), Some("static")) => {
            let (Some(global), Some(local)) = (words.parse(), words.parse()) else { return Err(NotRead) };
            if options(words)? { Err(NotRead) } else { Ok((1, Kind::Outside(global, local))) }
        }
        (Some("source"), Some(by @ ("list" | "route-map"))) if inside => {
            let name = words.next().ok_or(NotRead)?;
            let to = match (words.next(), words.next()) {
                (Some("pool"), Some(pool)) => To::Pool(pool),
                (Some("interface"), Some(name)) => To::Interface(name),
                _ => return Err(NotRead),
            };
            let overload = words.rest().contains(&"overload");
            let list = (by == "list").then_some(name);
            let conditional = words.rest().contains(&"vrf");
            Ok((3, Kind::Sources { list, to, overload, conditional }))
        }
        (Some("source"), Some(by @ ("list" | "route-map"))) => {
            let name = words.next().ok_or(NotRead)?;
            let pool = words.next().filter(|w| *w == "pool").and_then(|_| words.next()).ok_or(NotRead)?;
            let plain = by == "list" && !words.rest().contains(&"vrf");
            Ok((3, Kind::OutsideSources { list: plain.then_some(name), pool }))
        }
        (Some("destination"), Some("list")) if inside => {
            let list = words.next().ok_or(NotRead)?;
            let pool = words.next().filter(|w| *w == "pool").and_then(|_| words.next()).ok_or(NotRead)?;
            Ok((3, Kind::Destinations { list, pool }))
        }
        _ => Err(NotRead),
    }
}

/// Behind `static`.
fn fixed<'a>(words: &mut Words<'a>) -> Result<Fixed<'a>, NotRead> {
    let network = words.eat("network");
    let protocol = match words.peek() {
        Some("tcp") => Some(proto::TCP),
        Some("udp") => Some(proto::UDP),
        _ => None,
    };
    if protocol.is_some() {
        words.next();
    }
    let port = |words: &mut Words<'_>, number: u8| {
        words.next().and_then(|word| names::port(word, number == proto::TCP)).ok_or(NotRead)
    };
    let local: Ipv4Addr = words.parse().ok_or(NotRead)?;
    let inner = protocol.map(|number| port(words, number)).transpose()?;
    let global = if words.eat("interface") {
        To::Interface(words.next().ok_or(NotRead)?)
    } else {
        To::Address(words.parse().ok_or(NotRead)?)
    };
    let outer = protocol.map(|number| port(words, number)).transpose()?;
    let mask = if network {
        let word = words.next().ok_or(NotRead)?;
        match word.strip_prefix('/').map(str::parse::<u32>) {
            Some(length) => {
                let length = length.ok().filter(|l| *l <= 32).ok_or(NotRead)?;
                u32::MAX.checked_shl(32 - length).unwrap_or(0)
            }
            None => word.parse::<Ipv4Addr>().map(u32::from).map_err(|_| NotRead)?,
        }
    } else {
        u32::MAX
    };
    let ports = protocol.zip(inner).zip(outer).map(|((number, inner), outer)| (number, inner, outer));
    Ok(Fixed { local, global, mask, port: ports, conditional: options(words)? })
}

/// Whether the options make a translation hold only under a condition.
fn options(words: &mut Words<'_>) -> Result<bool, NotRead> {
    let mut conditional = false;
    while let Some(word) = words.next() {
        match word {
            "extendable" | "no-alias" | "no-payload" | "add-route" | "forced" | "reversible" | "oer" => {}
            "redundancy" | "mapping-id" => {
                words.next().ok_or(NotRead)?;
            }
            "vrf" | "route-map" => {
                words.next().ok_or(NotRead)?;
                conditional = true;
            }
            "match-in-vrf" => conditional = true,
            _ => return Err(NotRead),
        }
    }
    Ok(conditional)
}
