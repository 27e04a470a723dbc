//! The flow grammar `PROTO SRC -> DST[:PORTS]`: how users name a set of packets.
//!
//! `tcp internet -> 203.0.113.10:25,587`, `udp [2001:db8::/32] -> dmz:53`, `icmp any -> mx1`. SRC and DST are a
//! zone, a device, a prefix or `any`; an IPv6 prefix takes brackets where ports follow. Protocol numbers are those
//! of the IANA registry "Assigned Internet Protocol Numbers".

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::str::FromStr;

use super::name::Name;
use super::near::nearest;
use super::ports::PortSet;
use super::problem::{FlowFault, Problem};
use crate::packet::address::PrefixError;
use crate::packet::{Family, Prefix};

/// A set of packets as a user writes it; names are not resolved yet (see [`super::Site::resolve`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlowSpec {
    /// Protocol.
    pub protocol: Protocol,
    /// Where the packets come from.
    pub source: Endpoint,
    /// Where they go to.
    pub destination: Endpoint,
    /// Destination ports; `None` is every port, and the only choice where the protocol has none.
    pub ports: Option<PortSet>,
}

/// An IP protocol, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Every protocol.
    Any,
    /// The protocol with this number.
    Number(u8),
}

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Everywhere.
    Any,
    /// A zone or a device.
    Named(Name),
    /// A prefix or a single address.
    Network(Prefix),
}

/// A part of a flow that cannot be: which bytes of the text, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problem.code())]
pub struct FlowError {
    /// The bytes of the flow's text.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub problem: Problem,
}

/// Protocols with a name, the likelier one first where a slip fits two.
const PROTOCOLS: [(&str, Protocol); 5] = [
    ("any", Protocol::Any),
    ("icmpv6", Protocol::ICMPV6),
    ("icmp", Protocol::ICMP),
    ("tcp", Protocol::TCP),
    ("udp", Protocol::UDP),
];

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self::Number(1);
    /// TCP.
    pub const TCP: Self = Self::Number(6);
    /// UDP.
    pub const UDP: Self = Self::Number(17);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self::Number(58);

    /// Whether its packets have ports: TCP, DCCP, UDP, SCTP and UDP-Lite.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::Number(6 | 17 | 33 | 132 | 136))
    }

    /// The only address family that it exists in, if there is one.
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Number(1) => Some(Family::Ipv4),
            Self::Number(58) => Some(Family::Ipv6),
            _ => None,
        }
    }
}

impl Endpoint {
    /// Reads a zone, a device, a prefix (IPv6 with or without brackets) or `any`.
    ///
    /// # Errors
    /// What keeps `text` from being one.
    pub fn new(text: &str) -> Result<Self, FlowError> {
        read_endpoint(Part { at: 0, text })
    }

    /// The address family, where the text fixes one.
    const fn family(&self) -> Option<Family> {
        match self {
            Self::Network(prefix) => Some(prefix.family()),
            Self::Any | Self::Named(_) => None,
        }
    }
}

impl FromStr for FlowSpec {
    type Err = FlowError;

    /// Reads `PROTO SRC -> DST[:PORTS]`.
    fn from_str(text: &str) -> Result<Self, FlowError> {
        let whole = Part { at: 0, text }.trim();
        let shape = || whole.fault(FlowFault::Shape, None);
        let (left, right) = whole.split("->").ok_or_else(shape)?;
        let (protocol, source) = left.trim().split_blank().ok_or_else(shape)?;
        let (source, destination) = (source.trim(), right.trim());
        if source.text.is_empty() || destination.text.is_empty() {
            return Err(shape());
        }
        let protocol_value = read_protocol(protocol)?;
        let source_value = read_source(source)?;
        let (endpoint, ports) = split_ports(destination)?;
        let flow = Self {
            protocol: protocol_value,
            source: source_value,
            destination: read_endpoint(endpoint)?,
            ports: ports.map(read_ports).transpose()?,
        };
        if let Some(part) = ports.filter(|_| !flow.protocol.has_ports()) {
            return Err(part.fault(FlowFault::PortsWithoutProtocol, None));
        }
        let families = [flow.protocol.family(), flow.source.family(), flow.destination.family()];
        let has = |family| families.contains(&Some(family));
        if has(Family::Ipv4) && has(Family::Ipv6) {
            let near = flow.protocol.family().and_then(|_| flow.other_icmp());
            return Err(whole.fault(FlowFault::Family, near));
        }
        Ok(flow)
    }
}

impl FlowSpec {
    /// The same flow with the ICMP of the other family, if that one can be.
    fn other_icmp(&self) -> Option<String> {
        let protocol = match self.protocol {
            Protocol::ICMP => Protocol::ICMPV6,
            Protocol::ICMPV6 => Protocol::ICMP,
            _ => return None,
        };
        let other = Self { protocol, ..self.clone() }.to_string();
        other.parse::<Self>().ok().map(|_| other)
    }
}

/// A piece of the flow's text, with the offset at which it begins.
#[derive(Debug, Clone, Copy)]
struct Part<'t> {
    at: usize,
    text: &'t str,
}

impl<'t> Part<'t> {
    fn trim(self) -> Self {
        let start = self.text.trim_start();
        Self { at: self.at + (self.text.len() - start.len()), text: start.trim_end() }
    }

    /// What stands before and behind the first `separator`.
    fn split(self, separator: &str) -> Option<(Self, Self)> {
        let (before, behind) = self.text.split_once(separator)?;
        let at = self.at + before.len() + separator.len();
        Some((Self { text: before, ..self }, Self { at, text: behind }))
    }

    /// The first word and the rest.
    fn split_blank(self) -> Option<(Self, Self)> {
        let (word, rest) = self.text.split_once(char::is_whitespace)?;
        let at = self.at + (self.text.len() - rest.len());
        Some((Self { text: word, ..self }, Self { at, text: rest }))
    }

    fn fault(self, fault: FlowFault, near: Option<String>) -> FlowError {
        FlowError {
            span: self.at..self.at + self.text.len(),
            problem: Problem::BadFlow { value: self.text.to_owned(), fault, near },
        }
    }
}

fn read_protocol(part: Part<'_>) -> Result<Protocol, FlowError> {
    let word = part.text.to_ascii_lowercase();
    let digits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    match PROTOCOLS.iter().find(|(name, _)| *name == word) {
        Some((_, protocol)) => Ok(*protocol),
        None => match word.parse::<u8>() {
            Ok(number) if digits => Ok(Protocol::Number(number)),
            _ => {
                let near = nearest(&word, PROTOCOLS.iter().map(|(name, _)| *name));
                Err(part.fault(FlowFault::Protocol, near.map(str::to_owned)))
            }
        },
    }
}

/// A source has no ports; `internet:1024` says so rather than "no such name".
fn read_source(part: Part<'_>) -> Result<Endpoint, FlowError> {
    match split_ports(part)? {
        (endpoint, None) => read_endpoint(endpoint),
        (endpoint, Some(_)) => Err(part.fault(FlowFault::SourcePorts, Some(endpoint.text.to_owned()))),
    }
}

/// The endpoint, and the text of the ports behind its colon. A bare IPv6 prefix has none.
fn split_ports(part: Part<'_>) -> Result<(Part<'_>, Option<Part<'_>>), FlowError> {
    if part.text.starts_with('[') {
        let (inside, rest) = part.split("]").ok_or_else(|| part.fault(FlowFault::Endpoint, None))?;
        let end = inside.text.len() + 1;
        let endpoint = Part { at: part.at, text: part.text.get(..end).unwrap_or(part.text) };
        let rest = rest.trim();
        return match rest.split(":") {
            None if rest.text.is_empty() => Ok((endpoint, None)),
            Some((before, ports)) if before.text.is_empty() => Ok((endpoint, Some(ports.trim()))),
            _ => Err(part.fault(FlowFault::Endpoint, None)),
        };
    }
    match part.split(":") {
        None => Ok((part, None)),
        // More than one colon: IPv6 without brackets, which is one address and never an address with ports.
        Some((_, behind)) if behind.text.contains(':') => match part.text.rsplit_once(':') {
            Some((network, ports)) if network.contains('/') => {
                Err(part.fault(FlowFault::Endpoint, Some(format!("[{network}]:{ports}"))))
            }
            _ => Ok((part, None)),
        },
        Some((endpoint, ports)) => Ok((endpoint.trim(), Some(ports.trim()))),
    }
}

fn read_endpoint(part: Part<'_>) -> Result<Endpoint, FlowError> {
    let (text, bracketed) = match part.text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => (inside, true),
        None => (part.text, false),
    };
    if text.eq_ignore_ascii_case("any") && !bracketed {
        return Ok(Endpoint::Any);
    }
    match text.parse::<Prefix>() {
        Ok(prefix) if bracketed && prefix.family() == Family::Ipv4 => {
            Err(part.fault(FlowFault::Endpoint, Some(prefix.to_string())))
        }
        Ok(prefix) => Ok(Endpoint::Network(prefix)),
        Err(PrefixError::HostBits | PrefixError::Length) => {
            Err(part
                .fault(FlowFault::Prefix, without_host_bits(text).map(|p| Endpoint::Network(p).to_string())))
        }
        Err(PrefixError::Address) if bracketed => Err(part.fault(FlowFault::Endpoint, None)),
        Err(PrefixError::Address) => {
            Name::new(text).map(Endpoint::Named).map_err(|_| part.fault(FlowFault::Endpoint, None))
        }
    }
}

fn read_ports(part: Part<'_>) -> Result<PortSet, FlowError> {
    PortSet::new(part.text)
        .map_err(|(at, wrong, fault)| Part { at: part.at + at, text: wrong }.fault(fault, None))
}

/// The prefix that was probably meant by an address with bits set behind the prefix length.
pub(super) fn without_host_bits(text: &str) -> Option<Prefix> {
    let (address, length) = text.split_once('/')?;
    Prefix::new(address.parse::<IpAddr>().ok()?, length.parse().ok()?)
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (PROTOCOLS.iter().find(|(_, protocol)| protocol == self), self) {
            (Some((name, _)), _) => f.pad(name),
            (None, Self::Number(number)) => number.fmt(f),
            (None, Self::Any) => f.pad("any"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.pad("any"),
            Self::Named(name) => name.fmt(f),
            Self::Network(prefix) if prefix.family() == Family::Ipv6 => write!(f, "[{prefix}]"),
            Self::Network(prefix) => prefix.fmt(f),
        }
    }
}

impl fmt::Display for FlowSpec {
    /// The form that reads back as the same flow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.protocol, self.source, self.destination)?;
        match &self.ports {
            Some(ports) => write!(f, ":{ports}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;
