//! Flow sets as readable lines: boxes with the line that decides them, as `diff` prints them.
//!
//! Fields describe the packet as it arrives; `translated` is what translation makes of it.

use std::net::IpAddr;

use serde::Serialize;

use super::flows::{FlowDrift, Group, Moment};
use super::shown::Shown;
use crate::firewall::query::Translated;
use crate::firewall::trace::{Direction, Verdict, trace};
use crate::firewall::{Change, Hook, Value};
use crate::host::{HostFacts, Target};
use crate::packet::address::number;
use crate::packet::{
    AddressRange, Family, Field, FlowBox, Interfaces, Packet, PacketSet, Space, fresh, proto,
};

/// Whether a box is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Every packet of the box.
    Certain,
    /// The evidence does not exclude it.
    Possible,
}

/// One readable line of a flow set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowLine {
    /// `input`, `forward`, `output`.
    pub hook: &'static str,
    /// Address family.
    pub family: Family,
    /// Interfaces it arrives by; null for any.
    pub iif: Option<Vec<String>>,
    /// Interfaces it leaves by, where routes do not say; null for any.
    pub oif: Option<Vec<String>>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number; null for any.
    pub proto: Option<String>,
    /// Sources; null for any.
    pub src: Option<Vec<String>>,
    /// Destinations; null for any.
    pub dst: Option<Vec<String>>,
    /// Source ports; null for any.
    pub sport: Option<Vec<String>>,
    /// Destination ports; null for any.
    pub dport: Option<Vec<String>>,
    /// ICMP `type` or `type/code`; null for any.
    pub icmp: Option<Vec<String>>,
    /// Whether it is proven.
    pub certainty: Certainty,
    /// A constraint that the fields cannot express.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// The line that decides an example of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// What translation makes of the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<Translated>,
    /// The programs that wait for it on the host; none where the evidence does not say, or it goes elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listening: Option<Vec<String>>,
}

impl FlowLine {
    /// Lines that exclude nothing, for what could not be evaluated.
    pub fn anything() -> Vec<Self> {
        let places = ["input", "forward", "output"].into_iter();
        let places = places.flat_map(|hook| Family::BOTH.map(|family| (hook, family)));
        places
            .map(|(hook, family)| Self {
                hook,
                family,
                iif: None,
                oif: None,
                proto: None,
                src: None,
                dst: None,
                sport: None,
                dport: None,
                icmp: None,
                certainty: Certainty::Possible,
                other: None,
                line: None,
                translated: None,
                listening: None,
            })
            .collect()
    }
}

/// Most boxes for which the deciding line is looked up.
const MAX_TRACED: usize = 200;

impl FlowDrift {
    /// The lines of some groups; `moment` is the one in which the packets are accepted.
    pub fn lines(&mut self, groups: &[Group], moment: Moment<'_>) -> Vec<FlowLine> {
        let mut out = Vec::new();
        let shown = Shown::new(moment.host);
        for group in groups {
            for (set, certainty) in
                [(group.certain, Certainty::Certain), (group.possible, Certainty::Possible)]
            {
                let whole = match group.hook {
                    // the interface by which packets of the host itself arrive is none
                    Hook::Output => self.space.forget(set, Field::In),
                    _ => shown.of(&mut self.space, set, group.target.has(Field::Dst)),
                };
                for flow in self.space.cover(whole, self.cover) {
                    let certainty = if flow.exact { certainty } else { Certainty::Possible };
                    let witness =
                        (out.len() < MAX_TRACED).then(|| witness_of(&mut self.space, set, &flow)).flatten();
                    let line = witness.and_then(|packet| {
                        deciding_line(self.space.interfaces(), moment, &packet, group.hook)
                    });
                    let lines = split_protocols(&flow);
                    out.extend(lines.into_iter().map(|(proto, other)| FlowLine {
                        listening: listening(moment.host, group, &flow, proto.as_deref(), other.is_some()),
                        proto,
                        certainty,
                        line: line.clone(),
                        ..line_of(&flow, group, self.space.interfaces(), other)
                    }));
                }
            }
        }
        out.sort_by_key(|line| (line.certainty, line.hook, line.family));
        out
    }
}

/// The direction that a hook stands for.
pub const fn direction(hook: Hook) -> Direction {
    match hook {
        Hook::Input => Direction::Input,
        Hook::Output => Direction::Output,
        _ => Direction::Forward,
    }
}

/// A packet of the box, like one a stranger would send.
fn witness_of(space: &mut Space, set: PacketSet, flow: &FlowBox) -> Option<Packet> {
    let family = flow.family()?;
    let inside = space.box_set(flow);
    let set = space.and(set, inside);
    space.witness(set, &[], &typical(family))
}

/// A packet that a witness is made alike.
pub fn typical(family: Family) -> Packet {
    let (src, dst) = match family {
        Family::Ipv4 => ("198.51.100.77", "203.0.113.10"),
        Family::Ipv6 => ("2001:db8:77::77", "2001:db8:d::10"),
    };
    let addresses = (src.parse().ok(), dst.parse().ok());
    let packet = match addresses {
        (Some(src), Some(dst)) => Packet::new(src, dst, proto::TCP),
        _ => None,
    };
    // the texts above are addresses; the fallback only satisfies the type
    let unspecified = Packet::unspecified();
    packet
        .unwrap_or(unspecified)
        .with(Field::Sport, 40_000)
        .with(Field::Flags, crate::packet::flag::SYN.into())
        .with(Field::In, 1)
}

fn deciding_line(interfaces: &Interfaces, moment: Moment<'_>, packet: &Packet, hook: Hook) -> Option<String> {
    let packet = as_fresh(packet, moment);
    let fates = trace(moment.firewall, moment.host, interfaces, &packet, direction(hook))?;
    let accepted = fates.iter().find(|fate| fate.verdict == Verdict::Accept)?;
    accepted.line.as_ref().map(ToString::to_string)
}

/// The packet with the connection state that a host gives it when it belongs to no known connection.
pub fn as_fresh(packet: &Packet, moment: Moment<'_>) -> Packet {
    let packet = if packet.get(Field::Proto) == u128::from(proto::TCP) {
        let syn = u128::from(crate::packet::flag::SYN);
        packet.with(Field::Flags, packet.get(Field::Flags) & !0b1_0101 | syn)
    } else {
        *packet
    };
    let state = fresh::state(&packet, moment.host.tcp_loose != Some(false));
    packet.with(Field::State, state.number())
}

/// A box names one protocol; several, or all but some, become several lines.
fn split_protocols(flow: &FlowBox) -> Vec<(Option<String>, Option<String>)> {
    let Some(ranges) = flow.get(Field::Proto) else { return vec![(None, None)] };
    let icmp =
        if flow.family() == Some(Family::Ipv6) { (proto::ICMPV6, "icmpv6") } else { (proto::ICMP, "icmp") };
    let mut named = [(proto::TCP, "tcp"), (proto::UDP, "udp"), icmp].map(|(n, name)| (u128::from(n), name));
    named.sort_unstable();
    let mut out = Vec::new();
    let mut others = Vec::new();
    for (first, last) in ranges {
        let mut rest = *first;
        for (number, name) in named.into_iter().filter(|(n, _)| first <= n && n <= last) {
            out.push((Some(name.to_owned()), None));
            if rest < number {
                others.push((rest, number - 1));
            }
            rest = number + 1;
        }
        if rest <= *last {
            others.push((rest, *last));
        }
    }
    // ICMP's number in the other family's packets would be taken for ICMP
    let plain = |number: u128| number != u128::from(proto::ICMP) && number != u128::from(proto::ICMPV6);
    if others.len() <= 4 && others.iter().all(|(first, last)| first == last && plain(*first)) {
        out.extend(others.iter().map(|(number, _)| (Some(number.to_string()), None)));
    } else {
        out.push((None, Some(format!("protocol {}", ranges_text(&others).join(",")))));
    }
    out
}

fn line_of(flow: &FlowBox, group: &Group, interfaces: &Interfaces, protocols: Option<String>) -> FlowLine {
    let family = flow.family().unwrap_or(Family::Ipv4);
    let numbers = |field| flow.get(field).map(ranges_text);
    let addresses = |field| {
        flow.get(field).map(|ranges| {
            let range = |r: &(u128, u128)| AddressRange { family, first: r.0, last: r.1 }.to_string();
            ranges.iter().map(range).collect::<Vec<_>>()
        })
    };
    let names = |field| flow.get(field).map(|ranges| interface_names(ranges, interfaces));
    let made_here = group.hook == Hook::Output;
    FlowLine {
        hook: match group.hook {
            Hook::Input => "input",
            Hook::Output => "output",
            _ => "forward",
        },
        family,
        iif: names(Field::In).filter(|_| !made_here),
        oif: names(Field::Out),
        proto: None,
        src: addresses(Field::Src),
        dst: addresses(Field::Dst),
        sport: numbers(Field::Sport),
        dport: numbers(Field::Dport),
        icmp: icmp(flow),
        certainty: Certainty::Possible,
        other: other(flow, protocols, group.odd_flags),
        line: None,
        translated: translated(&group.target, family),
        listening: None,
    }
}

/// Who waits on the host for a line's packets; `others`: they are of protocols without a name.
fn listening(
    host: &HostFacts,
    group: &Group,
    flow: &FlowBox,
    proto: Option<&str>,
    others: bool,
) -> Option<Vec<String>> {
    let family = flow.family()?;
    let ports = group.hook == Hook::Input && !others && proto.is_none_or(|p| matches!(p, "tcp" | "udp"));
    let known = |field| match group.target.get(field) {
        Some(Value::Bits { mask: u128::MAX, value }) => Some(vec![(*value, *value)]),
        Some(_) => None,
        None => flow.get(field).map(<[_]>::to_vec),
    };
    let (to, port) = (known(Field::Dst), known(Field::Dport));
    let reaches = |address: IpAddr| match &to {
        Some(ranges) => ranges.iter().any(|(a, b)| (*a..=*b).contains(&number(address))),
        None => !address.is_loopback(),
    };
    let target = Target { family, protocol: proto, ports: port.as_deref(), reaches: &reaches };
    host.listening(&target).filter(|_| ports)
}

fn ranges_text(ranges: &[(u128, u128)]) -> Vec<String> {
    let one = |(first, last): &(u128, u128)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.iter().map(one).collect()
}

fn interface_names(ranges: &[(u128, u128)], interfaces: &Interfaces) -> Vec<String> {
    ranges.iter().flat_map(|(first, last)| *first..=*last).filter_map(|n| interfaces.name(n)).collect()
}

fn icmp(flow: &FlowBox) -> Option<Vec<String>> {
    let types = flow.get(Field::IcmpType)?;
    let Some(codes) = flow.get(Field::IcmpCode) else { return Some(ranges_text(types)) };
    let codes = ranges_text(codes);
    let types = ranges_text(types);
    Some(types.iter().flat_map(|t| codes.iter().map(move |c| format!("{t}/{c}"))).collect())
}

/// What the named fields cannot say.
fn other(flow: &FlowBox, protocols: Option<String>, odd_flags: bool) -> Option<String> {
    let mut parts: Vec<String> = protocols.into_iter().collect();
    if odd_flags {
        parts.push("tcp flags beside SYN".to_owned());
    }
    let mut add = |field: Field, name: &str| {
        if let Some(ranges) = flow.get(field) {
            parts.push(format!("{name} {}", ranges_text(ranges).join(",")));
        }
    };
    add(Field::Flags, "tcp flags");
    if flow.get(Field::IcmpType).is_none() {
        add(Field::IcmpCode, "icmp code");
    }
    if !flow.exact {
        parts.push("part of this".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What a change makes of the destination, where that is one known value.
pub fn translated(target: &Change, family: Family) -> Option<Translated> {
    let known = |field| match target.get(field) {
        Some(Value::Bits { mask: u128::MAX, value }) => Some(*value),
        _ => None,
    };
    let (dst, dport) = (known(Field::Dst).map(|n| family.address(n)), known(Field::Dport));
    (dst.is_some() || dport.is_some()).then_some(Translated { src: None, dst, sport: None, dport })
}
