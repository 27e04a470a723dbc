//! Packet queries and answers of `trace`: one JSON object each.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Firewall;
use super::trace::{Direction, Fate, Verdict, trace_plain};
use crate::host::HostFacts;
use crate::packet::{Field, Interfaces, NamePattern, Packet, State, flag, fresh, proto};
use crate::reason::Reason;

/// One question: what happens to this packet?
#[derive(Debug, Clone, Deserialize)]
pub struct Query {
    /// Comes back with the answer.
    pub id: serde_json::Value,
    /// Where the packet really goes as long as nothing rewrites it.
    pub dir: DirectionWord,
    /// Interface it arrives by.
    #[serde(default)]
    pub iif: Option<String>,
    /// Interface it leaves by.
    #[serde(default)]
    pub oif: Option<String>,
    /// Source address.
    pub src: IpAddr,
    /// Destination address, before any translation.
    pub dst: IpAddr,
    /// `tcp`, `udp`, `icmp` (ICMPv6 when the addresses are IPv6), or a number.
    pub proto: Protocol,
    /// Source port.
    #[serde(default)]
    pub sport: u16,
    /// Destination port.
    #[serde(default)]
    pub dport: u16,
    /// ICMP type.
    #[serde(default)]
    pub icmp_type: u8,
    /// ICMP code.
    #[serde(default)]
    pub icmp_code: u8,
    /// Letters of SAFRPU; absent means a SYN.
    #[serde(default)]
    pub tcp_flags: Option<String>,
    /// Connection state; absent means new as far as the flags allow.
    #[serde(default)]
    pub ct: Option<String>,
    /// Name of one list, which is judged alone.
    #[serde(default)]
    pub filter: Option<String>,
}

/// Directions as queries write them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectionWord {
    /// To the host.
    Input,
    /// Through the host.
    Forward,
    /// From the host.
    Output,
}

/// A protocol by name or number.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Protocol {
    /// Number.
    Number(u8),
    /// Name.
    Name(String),
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The query's.
    pub id: serde_json::Value,
    /// `accept`, `drop`, `reject`, `undecided`.
    pub verdict: &'static str,
    /// `certain`, or `possible` for undecided.
    pub confidence: &'static str,
    /// The rule or policy that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// What is not known: why the verdict is undecided, or whether a sender is told that the packet was stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Reason>,
    /// The packet after translation, where that changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<Translated>,
}

/// What translation makes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Translated {
    /// New source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<IpAddr>,
    /// New destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<IpAddr>,
    /// New source port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<u128>,
    /// New destination port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dport: Option<u128>,
}

/// The interfaces that a firewall, a host and a set of queries name.
pub fn interfaces<'a>(
    firewall: &Firewall,
    host: &HostFacts,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<Interfaces> {
    let addresses = host.addresses.iter().flatten().map(|a| a.interface.clone());
    let routes = host.routes.iter().flatten().flat_map(|r| r.interfaces.iter().cloned());
    let asked = names.into_iter().chain(["lo"]).map(str::to_owned);
    let exact = addresses.chain(routes).chain(asked).map(NamePattern::Exact);
    Interfaces::new(exact.chain(firewall.interface_patterns()))
}

/// Answers one query.
///
/// # Errors
/// What is wrong with the query.
pub fn answer(
    firewall: &Firewall,
    host: &HostFacts,
    interfaces: &Interfaces,
    query: &Query,
) -> Result<Answer, String> {
    let packet = packet(query, host, interfaces)?;
    let direction = match query.dir {
        _ if query.filter.is_some() => Direction::Forward,
        DirectionWord::Input => Direction::Input,
        DirectionWord::Forward => Direction::Forward,
        DirectionWord::Output => Direction::Output,
    };
    // what a query does not name, its packet does not have
    let fates = trace_plain(firewall, host, interfaces, &packet, direction);
    Ok(decide(query.id.clone(), &packet, fates))
}

fn packet(query: &Query, host: &HostFacts, interfaces: &Interfaces) -> Result<Packet, String> {
    let number = match &query.proto {
        Protocol::Number(number) => *number,
        Protocol::Name(name) => match name.as_str() {
            "tcp" => proto::TCP,
            "udp" => proto::UDP,
            "icmp" | "icmpv6" if query.src.is_ipv6() => proto::ICMPV6,
            "icmp" => proto::ICMP,
            other => other.parse().map_err(|_| format!("unknown protocol {other:?}"))?,
        },
    };
    let mut packet =
        Packet::new(query.src, query.dst, number).ok_or("src and dst are of different families")?;
    let named = |name: &Option<String>| name.as_deref().map_or(0, |n| interfaces.number(n));
    packet = packet.with(Field::In, named(&query.iif)).with(Field::Out, named(&query.oif));
    if proto::WITH_PORTS.contains(&number) {
        packet = packet.with(Field::Sport, query.sport.into()).with(Field::Dport, query.dport.into());
    }
    if matches!(number, proto::ICMP | proto::ICMPV6) {
        packet = packet
            .with(Field::IcmpType, query.icmp_type.into())
            .with(Field::IcmpCode, query.icmp_code.into());
    }
    if number == proto::TCP {
        let letters = query.tcp_flags.as_deref().unwrap_or("S");
        let flags = letters.chars().try_fold(0u8, |all, letter| {
            Ok::<u8, String>(
                all | match letter.to_ascii_uppercase() {
                    'F' => flag::FIN,
                    'S' => flag::SYN,
                    'R' => flag::RST,
                    'P' => flag::PSH,
                    'A' => flag::ACK,
                    'U' => flag::URG,
                    other => return Err(format!("unknown TCP flag {other:?}")),
                },
            )
        })?;
        packet = packet.with(Field::Flags, flags.into());
    }
    let state = match query.ct.as_deref() {
        None | Some("new") => fresh::state(&packet, host.tcp_loose != Some(false)),
        Some("established") => State::Established,
        Some("related") => State::Related,
        Some("invalid") => State::Invalid,
        Some("untracked") => State::Untracked,
        Some(other) => return Err(format!("unknown connection state {other:?}")),
    };
    Ok(packet.with(Field::State, state.number()))
}

fn decide(id: serde_json::Value, packet: &Packet, fates: Option<Vec<Fate>>) -> Answer {
    let undecided = |why| Answer {
        id: id.clone(),
        verdict: "undecided",
        confidence: "possible",
        line: None,
        why,
        translated: None,
    };
    let Some(fates) = fates else {
        return undecided(vec![Reason::TooComplex { subject: "packet".to_owned() }]);
    };
    let Some((first, rest)) = fates.split_first() else { return undecided(Vec::new()) };
    let mut why: Vec<Reason> =
        fates.iter().flat_map(|f| f.unknown.iter().map(|atom| atom.reason.clone())).collect();
    why.sort();
    why.dedup();
    let several = rest.iter().any(|fate| fate.verdict != first.verdict);
    let stopped = fates.iter().all(|fate| fate.verdict != Verdict::Accept);
    let verdict = match first.verdict {
        _ if several && !stopped => return undecided(why),
        // it does not get through; only whether its sender is told is open
        _ if several => "drop",
        Verdict::Accept => "accept",
        Verdict::Drop => "drop",
        Verdict::Reject => "reject",
    };
    Answer {
        id,
        verdict,
        confidence: "certain",
        line: first.line.as_ref().map(ToString::to_string),
        why: if several { why } else { Vec::new() },
        translated: translated(packet, first),
    }
}

/// What is different about the packet, as far as it is known.
pub fn translated(packet: &Packet, fate: &Fate) -> Option<Translated> {
    let known = |field: Field| !fate.unsure.contains(&field) && fate.packet.get(field) != packet.get(field);
    let translated = Translated {
        src: known(Field::Src).then(|| fate.packet.src()),
        dst: known(Field::Dst).then(|| fate.packet.dst()),
        sport: known(Field::Sport).then(|| fate.packet.get(Field::Sport)),
        dport: known(Field::Dport).then(|| fate.packet.get(Field::Dport)),
    };
    let nothing = Translated { src: None, dst: None, sport: None, dport: None };
    (translated != nothing).then_some(translated)
}
