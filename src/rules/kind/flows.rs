//! What all kinds that speak of packets share: from a set of packets to a finding with a witness and its lines.

use std::collections::BTreeSet;

use crate::drift::lines::{as_fresh, direction, typical};
use crate::drift::{Certainty, FlowLine, Group, Moment};
use crate::finding::{Arg, Confidence, Decided, Finding, PacketWitness, Phrase, Severity, Witness};
use crate::firewall::Hook;
use crate::firewall::query::translated;
use crate::firewall::trace::{Fate, Verdict, trace};
use crate::host::Target;
use crate::packet::{Family, Field, Packet, PacketSet, proto};
use crate::platform::services;
use crate::reason::Reason;
use crate::rules::Rule;
use crate::rules::judge::evidence;
use crate::rules::view::Flows;

/// Ports that tell most when they are in a set: shells, remote desktops, file shares, databases, mail, web.
const TELLING: [u128; 14] = [22, 3389, 445, 23, 1433, 3306, 5432, 6379, 8443, 25, 587, 443, 80, 53];

/// One or two findings of a rule from groups of packets: one for what is certain, one for what is only possible.
pub(super) fn findings(
    rule: &Rule,
    severity: Severity,
    device: &str,
    flows: &mut Flows<'_>,
    groups: &[Group],
) -> Vec<Finding> {
    let pick = |certain: bool| -> Vec<Group> {
        let part = groups.iter().map(|g| {
            let empty = PacketSet::FALSE;
            let (sure, perhaps) = if certain { (g.certain, empty) } else { (empty, g.possible) };
            Group { certain: sure, possible: perhaps, ..g.clone() }
        });
        part.filter(|g| g.certain != PacketSet::FALSE || g.possible != PacketSet::FALSE).collect()
    };
    let mut out = Vec::new();
    for (confidence, groups) in [(Confidence::Certain, pick(true)), (Confidence::Possible, pick(false))] {
        if !groups.is_empty() {
            out.push(finding(rule, severity, confidence, device, flows, &groups));
        }
    }
    out
}

fn finding(
    rule: &Rule,
    severity: Severity,
    confidence: Confidence,
    device: &str,
    flows: &mut Flows<'_>,
    groups: &[Group],
) -> Finding {
    let mut finding = Finding::new(&rule.id, severity, confidence, Some(device));
    let lines = flows.drift.lines(groups, flows.after);
    let (witness, reasons) = witness(flows, groups);
    if let Some(packet) = &witness {
        finding.location = packet.after.line.clone();
        finding.before = packet.before.as_ref().and_then(|b| b.line.clone());
        finding.args.insert("target", target(packet));
    }
    finding.args.insert("who", who(flows, groups));
    finding.args.insert("ports", ports(&lines));
    finding.args.insert("count", Arg::Count(lines.len() as u64));
    finding.reasons = reasons;
    if confidence == Confidence::Certain {
        // it gets through now and then: a rate limit, a time of day
        finding.reasons.retain(|reason| matches!(reason, Reason::RunTime { .. }));
    }
    finding.witness = witness.map(|packet| Witness::Packet(let_in(packet, confidence)));
    let meaning: Vec<String> = lines.iter().map(meaning_of).collect();
    finding.flows = lines;
    finding.named(&meaning.join("\n"))
}

/// What is certain for a set of packets is certain for its example: at some moment, if not at every one.
fn let_in(mut packet: PacketWitness, confidence: Confidence) -> PacketWitness {
    if confidence == Confidence::Certain && packet.after.verdict == "undecided" {
        packet.after.verdict = "accept".to_owned();
    }
    packet
}

/// The device's rules are too long or too entangled to be evaluated.
pub(super) fn too_complex(device: &str) -> Finding {
    evidence(Some(device), Reason::TooComplex { subject: "packet filter".to_owned() })
}

/// A line without what may change while the meaning stays: the deciding line, names of certainty.
fn meaning_of(line: &FlowLine) -> String {
    format!("{:?}", FlowLine { line: None, listening: None, certainty: Certainty::Certain, ..line.clone() })
}

/// The most telling packet of some groups, and what is not known about it.
pub(super) fn witness(flows: &mut Flows<'_>, groups: &[Group]) -> (Option<PacketWitness>, Vec<Reason>) {
    let untrusted = flows.trusts.untrusted;
    let own = flows.after.host.addresses.iter().flatten().map(|a| a.address);
    let own = own.filter(|a| !a.is_loopback()).map(crate::packet::Prefix::host).collect();
    let space = &mut flows.drift.space;
    let own = space.addresses(Field::Dst, &own);
    let mut best: Option<(usize, Packet, &Group)> = None;
    for group in groups {
        let all = space.or(group.certain, group.possible);
        for family in Family::BOTH {
            let only = space.family(family);
            let part = space.and(all, only);
            if part == PacketSet::FALSE {
                continue;
            }
            let tcp = space.number(Field::Proto, proto::TCP.into());
            let telling = TELLING.iter().enumerate().find_map(|(rank, port)| {
                let port = space.number(Field::Dport, *port);
                let wish = space.and(tcp, port);
                (space.and(part, wish) != PacketSet::FALSE).then_some((rank, wish))
            });
            let (rank, wish) = telling.unwrap_or((TELLING.len(), PacketSet::TRUE));
            let strangers = telling_sources(space, family);
            let there = if group.hook == Hook::Input { own } else { PacketSet::TRUE };
            let packet = space.witness(part, &[untrusted, wish, strangers, there], &typical(family));
            if let Some(packet) = packet.filter(|_| best.as_ref().is_none_or(|(r, ..)| rank < *r)) {
                best = Some((rank, packet, group));
            }
        }
    }
    let Some((_, packet, group)) = best else { return (None, Vec::new()) };
    let packet = as_fresh(&packet, flows.after);
    let (witness, reasons) = packet_witness(flows, &packet, group.hook);
    (Some(witness), reasons)
}

/// Addresses that nobody takes for their own: the documentation ranges.
fn telling_sources(space: &mut crate::packet::Space, family: Family) -> PacketSet {
    let texts: &[&str] = match family {
        Family::Ipv4 => &["198.51.100.0/24", "203.0.113.0/24"],
        Family::Ipv6 => &["2001:db8::/32"],
    };
    let set = texts.iter().filter_map(|t| t.parse::<crate::packet::Prefix>().ok()).collect();
    space.addresses(Field::Src, &set)
}

fn packet_witness(flows: &Flows<'_>, packet: &Packet, hook: Hook) -> (PacketWitness, Vec<Reason>) {
    let interfaces = flows.drift.space.interfaces();
    let fates = |moment: Moment<'_>| {
        trace(moment.firewall, moment.host, interfaces, packet, direction(hook)).unwrap_or_default()
    };
    let (after, accepted) = decided(&fates(flows.after), Some(Verdict::Accept));
    let before = decided(&fates(flows.before), None).0;
    let reasons = fates(flows.after)
        .iter()
        .chain(&fates(flows.before))
        .flat_map(|f| f.unknown.iter().map(|atom| atom.reason.clone()))
        .collect::<BTreeSet<_>>();
    let number = packet.get(Field::Proto);
    let has_ports = proto::WITH_PORTS.iter().any(|p| u128::from(*p) == number);
    let port = |field| u16::try_from(packet.get(field)).ok().filter(|_| has_ports);
    let is_icmp = number == u128::from(proto::ICMP) || number == u128::from(proto::ICMPV6);
    let witness = PacketWitness {
        hook: match hook {
            Hook::Input => "input",
            Hook::Output => "output",
            _ => "forward",
        },
        iif: interfaces.name(packet.get(Field::In)),
        proto: u8::try_from(number)
            .ok()
            .and_then(services::protocol_name)
            .map_or_else(|| number.to_string(), str::to_owned),
        src: packet.src().to_string(),
        sport: port(Field::Sport),
        dst: packet.dst().to_string(),
        dport: port(Field::Dport),
        icmp_type: u8::try_from(packet.get(Field::IcmpType)).ok().filter(|_| is_icmp),
        listening: accepted.as_ref().filter(|_| hook == Hook::Input).and_then(|fate| listening(flows, fate)),
        translated: accepted.and_then(|fate| translated(packet, &fate)),
        before: Some(before),
        after,
    };
    (witness, reasons.into_iter().collect())
}

/// Who waits on the host for a packet that it takes in.
fn listening(flows: &Flows<'_>, fate: &Fate) -> Option<Vec<String>> {
    let packet = &fate.packet;
    let protocol = [("tcp", proto::TCP), ("udp", proto::UDP)]
        .into_iter()
        .find(|(_, number)| packet.get(Field::Proto) == u128::from(*number));
    let ports = [(packet.get(Field::Dport), packet.get(Field::Dport))];
    let reaches = |address| address == packet.dst();
    let target = Target {
        family: packet.family(),
        protocol: Some(protocol?.0),
        ports: Some(&ports),
        reaches: &reaches,
    };
    flows.after.host.listening(&target)
}

/// The verdict of a packet: the only one, or the wanted one among several possible ones, else undecided.
fn decided(fates: &[Fate], wanted: Option<Verdict>) -> (Decided, Option<Fate>) {
    let first = fates.first();
    let single = first.filter(|f| fates.iter().all(|g| g.verdict == f.verdict));
    let fate = wanted.and_then(|w| fates.iter().find(|f| f.verdict == w)).or(single);
    let verdict = match single.map(|f| f.verdict) {
        Some(Verdict::Accept) => "accept",
        Some(Verdict::Drop) => "drop",
        Some(Verdict::Reject) => "reject",
        None => "undecided",
    };
    let decided = Decided {
        verdict: verdict.to_owned(),
        code: None,
        line: fate.and_then(|f| f.line.clone()),
        by_default: fate.is_some_and(|f| f.by_policy),
        steps: Vec::new(),
    };
    (decided, fate.cloned())
}

fn target(packet: &PacketWitness) -> Arg {
    let translated = packet.translated.as_ref().and_then(|t| t.dst).map(|dst| dst.to_string());
    match translated {
        Some(inside) if packet.hook != "input" => Arg::Text(format!("{inside} ({})", packet.dst)),
        _ if packet.hook == "input" => Arg::Phrase(Phrase::Itself),
        _ => Arg::Text(packet.dst.clone()),
    }
}

/// Who gets in: anybody, partners, or a few networks.
fn who(flows: &mut Flows<'_>, groups: &[Group]) -> Arg {
    let space = &mut flows.drift.space;
    let all: Vec<PacketSet> = groups.iter().map(|g| space.or(g.certain, g.possible)).collect();
    let all = space.any(all);
    let strangers = space.and(all, flows.trusts.untrusted);
    let sources = space.addresses_in(if strangers == PacketSet::FALSE { all } else { strangers }, Field::Src);
    match sources {
        Some(set) if set.count(Family::Ipv4) < MANY && set.count(Family::Ipv6) < MANY_V6 => {
            let networks = set.ranges().iter().take(4).map(ToString::to_string).collect();
            Arg::Phrase(Phrase::Networks { networks })
        }
        _ if strangers != PacketSet::FALSE => Arg::Phrase(Phrase::Anybody),
        _ => Arg::Phrase(Phrase::Partners),
    }
}

/// So many IPv4 source addresses are "anybody": a /8.
const MANY: u128 = 1 << 24;
/// So many IPv6 source addresses are "anybody": a /12.
const MANY_V6: u128 = 1 << 116;

/// Protocols and ports of some lines: `tcp/22, tcp/3389, udp/161`.
fn ports(lines: &[FlowLine]) -> Arg {
    let mut out: BTreeSet<String> = BTreeSet::new();
    for line in lines {
        let translated = line.translated.as_ref().and_then(|t| t.dport);
        let numbers = match (translated, &line.dport, &line.icmp) {
            (Some(port), ..) => vec![port.to_string()],
            (None, Some(ports), _) => ports.clone(),
            (None, None, Some(types)) => types.clone(),
            _ => Vec::new(),
        };
        match (&line.proto, numbers.is_empty()) {
            (None, true) => return Arg::Phrase(Phrase::AnyProtocol),
            (proto, true) => {
                out.insert(proto.clone().unwrap_or_default());
            }
            (proto, false) => {
                let proto = proto.as_deref().unwrap_or("any");
                out.extend(numbers.iter().map(|n| format!("{proto}/{n}")));
            }
        }
    }
    let more = out.len().saturating_sub(8);
    let mut shown: Vec<String> = out.into_iter().take(8).collect();
    if more > 0 {
        shown.push(format!("+{more}"));
    }
    Arg::Text(shown.join(", "))
}

/// The groups within some packets; empty ones are left out.
pub(super) fn within(
    flows: &mut Flows<'_>,
    groups: &[Group],
    keep: impl Fn(&mut Flows<'_>, &Group) -> PacketSet,
) -> Vec<Group> {
    let mut out = Vec::new();
    for group in groups {
        let keep = keep(flows, group);
        let space = &mut flows.drift.space;
        let (certain, possible) = (space.and(group.certain, keep), space.and(group.possible, keep));
        if certain != PacketSet::FALSE || possible != PacketSet::FALSE {
            out.push(Group { certain, possible, ..group.clone() });
        }
    }
    out
}

/// Newly reaching packets: those that were refused, and those that went elsewhere. What gets through only at times is
/// exposed for certain.
pub(super) fn newly_reaching(flows: &mut Flows<'_>) -> Vec<Group> {
    let drift = &mut flows.drift;
    let all = drift.opened.iter().chain(&drift.redirected);
    let space = &mut drift.space;
    let exposed = |group: &Group| {
        let possible = space.diff(group.possible, group.at_times);
        Group { certain: group.at_times, possible, ..group.clone() }
    };
    all.map(exposed).collect()
}
