//! The proof of a change: the way of its witness through the devices in front, and through the lists of the mail server,
//! before and after.

use serde::Serialize;

use super::{Filter, Reach};
use crate::drift::lines::{as_fresh, typical};
use crate::finding::{Confidence, Decided, ProofStep, RelayWitness};
use crate::firewall::query::{Translated, translated};
use crate::firewall::trace::{self, Fate};
use crate::packet::{AddressSet, Family, Field, Interfaces, Packet, PacketSet, Prefix};
use crate::reach::clients::{Sureness, is_anybody, networks};
use crate::reach::links::facing;
use crate::reach::ways::Ways;
use crate::relay::{
    self, Answer, Arrival, Asked, Attempt, Change, Claim, ClaimBy, Kind, Outcome, StageKind, Trust, Verdict,
};

/// Which state a change's witness is accepted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// In the later one.
    Opened,
    /// In the earlier one.
    Closed,
}

/// Fills in where a change's witness comes in, and the steps that decide it in both states.
pub(super) fn fill<'a>(
    change: &mut Change,
    old: Option<&mut Reach<'a>>,
    new: Option<&mut Reach<'a>>,
    direction: Direction,
) {
    let (accepting, other) = match direction {
        Direction::Opened => (new, old),
        Direction::Closed => (old, new),
    };
    let Some(accepting) = accepting else { return };
    let mut steps = Vec::new();
    let mut others = Vec::new();
    let mut answer = None;
    if let Some((at, packet)) = comes_in(accepting, change) {
        let journey = accepting.follow(at, &packet);
        change.entry = Some(accepting.entry(at, &packet, journey.delivered.as_ref()));
        steps = journey.steps;
        answer = other.as_ref().map(|other| met(other, accepting, at, &packet, change));
    }
    steps.extend(asked(accepting, &change.witness, change));
    match (answer, other) {
        (Some((journey, attempt)), Some(other)) => {
            others = journey.steps;
            let answer = attempt.map(|attempt| {
                others.extend(asked(other, &attempt, change));
                relay::answer(other.policy, &attempt, &change.facts)
            });
            *earlier(change, direction) = answer;
        }
        (_, Some(other)) if earlier(change, direction).is_some() => {
            others = asked(other, &change.witness, change);
        }
        _ => {}
    }
    (change.proof.before, change.proof.after) = match direction {
        Direction::Opened => (others, steps),
        Direction::Closed => (steps, others),
    };
}

/// The answer of the state that refuses.
fn earlier(change: &mut Change, direction: Direction) -> &mut Option<Answer> {
    match direction {
        Direction::Opened => &mut change.before,
        Direction::Closed => &mut change.after,
    }
}

/// The station in front of the host at which a change's witness comes in, and the packet that opens its connection.
fn comes_in(reach: &mut Reach<'_>, change: &Change) -> Option<(usize, Packet)> {
    let policy = reach.policy;
    let Filter::Known(ways) = &mut reach.ways else { return None };
    let listener =
        policy.listeners.iter().find(|l| l.name == change.listener.name && l.port == change.listener.port)?;
    let client = change.client();
    let family = if client.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let by = change.witness.claim.as_ref().map(|claim| claim.by);
    for sureness in [Sureness::Certain, Sureness::Possible] {
        for way in ways.to(listener, sureness).ok()? {
            let fits = match (&way.seen, by) {
                (Some(seen), Some(ClaimBy::Translation)) => seen.contains(change.witness.client),
                (None, Some(ClaimBy::Translation)) => false,
                (Some(_), None) => false,
                _ => true,
            };
            let source = ways.space.addresses(Field::Src, &Prefix::host(client).into());
            let packets = ways.space.and(way.packets, source);
            if fits && packets != PacketSet::FALSE {
                let packet = ways.space.witness(packets, &[], &typical(family))?;
                return (way.at > 0).then_some((way.at, packet));
            }
        }
    }
    None
}

/// What becomes of the same connection in the other state, and the attempt as its host sees it.
fn met(
    other: &Reach<'_>,
    accepting: &Reach<'_>,
    at: usize,
    packet: &Packet,
    change: &Change,
) -> (Journey, Option<Attempt>) {
    // who comes under a lent address came, or did not, under one that nobody knows
    let lent = change.witness.claim.as_ref().is_some_and(|claim| claim.by == ClaimBy::Translation);
    let unknown = || (Journey::default(), (!lent).then(|| change.witness.clone()));
    let (Filter::Known(there), Filter::Known(here)) = (&other.ways, &accepting.ways) else {
        return unknown();
    };
    let name = here.stations.get(at).map(|station| station.name);
    let Some(at) = there.stations.iter().position(|station| Some(station.name) == name) else {
        return unknown();
    };
    let interface = here.space.interfaces().name(packet.get(Field::In)).unwrap_or_default();
    let packet = packet.with(Field::In, there.space.interfaces().number(&interface));
    let journey = other.follow(at, &packet);
    let attempt = journey.delivered.map(|delivered| {
        let (real, seen) = (change.client(), delivered.src());
        let claim = (real != seen).then_some(Claim { by: ClaimBy::Translation, from: real });
        Attempt {
            client: seen,
            claim,
            server: delivered.dst(),
            port: u16::try_from(delivered.get(Field::Dport)).unwrap_or(change.witness.port),
            ..change.witness.clone()
        }
    });
    (journey, attempt)
}

/// The way of one connection through the stations.
#[derive(Debug, Default)]
struct Journey {
    steps: Vec<ProofStep>,
    /// The packet as it is delivered to the host; `None` where it is stopped on the way.
    delivered: Option<Packet>,
}

impl Reach<'_> {
    /// Sends one packet from a station inward.
    fn follow(&self, at: usize, packet: &Packet) -> Journey {
        let Filter::Known(ways) = &self.ways else { return Journey::default() };
        let mut journey = Journey::default();
        let mut packet = *packet;
        for (number, station) in ways.stations.iter().enumerate().take(at + 1).rev() {
            let host_itself = number == 0;
            if host_itself && station.model.firewall.is_none() {
                break;
            }
            if number < at {
                packet = packet.with(Field::In, arriving(ways, number, self));
            }
            let moment = station.moment();
            let sent = as_fresh(&packet, moment);
            let direction = if host_itself { trace::Direction::Input } else { trace::Direction::Forward };
            let names = ways.space.interfaces();
            let fates =
                trace::trace(moment.firewall, moment.host, names, &sent, direction).unwrap_or_default();
            let (result, fate) = ended(&fates);
            journey.steps.push(ProofStep {
                device: (!host_itself).then(|| station.name.to_owned()),
                stage: if host_itself { "input" } else { "forward" },
                result,
                lines: fate.iter().flat_map(|f| f.line.iter().chain(&f.translators)).cloned().collect(),
                translated: fate.and_then(|fate| translated(&sent, fate)),
            });
            let Some(fate) = fate.filter(|fate| fate.verdict == trace::Verdict::Accept) else {
                return journey;
            };
            packet = fate.packet.with(Field::Out, 0).with(Field::Local, 0).with(Field::Mark, 0);
        }
        journey.delivered = Some(packet);
        journey
    }

    fn entry(&self, at: usize, packet: &Packet, delivered: Option<&Packet>) -> Arrival {
        let stations = match &self.ways {
            Filter::Known(ways) => ways.stations.as_slice(),
            Filter::None | Filter::Unknown => &[],
        };
        let through = stations.iter().take(at + 1).skip(1).rev().map(|station| station.name.to_owned());
        Arrival {
            server: packet.dst(),
            port: u16::try_from(packet.get(Field::Dport)).unwrap_or_default(),
            translated: delivered.and_then(|delivered| difference(packet, delivered)),
            through: through.collect(),
        }
    }
}

/// The interface by which a packet comes to a station from the next one outward.
fn arriving(ways: &Ways<'_>, number: usize, reach: &Reach<'_>) -> u128 {
    let interfaces: &Interfaces = ways.space.interfaces();
    let stations = ways.stations.get(number).zip(ways.stations.get(number + 1));
    let names = stations.map(|(station, outer)| facing(*station, *outer, reach.site)).unwrap_or_default();
    names.first().map_or(1, |name| interfaces.number(name))
}

/// What happens to a packet: that it gets through, if that may be.
fn ended(fates: &[Fate]) -> (&'static str, Option<&Fate>) {
    let accepted = fates.iter().find(|fate| fate.verdict == trace::Verdict::Accept);
    let Some(fate) = accepted.or(fates.first()) else { return ("undecided", None) };
    let one = fates.iter().all(|other| other.verdict == fate.verdict);
    let result = match fate.verdict {
        _ if !one => "undecided",
        trace::Verdict::Accept => "accept",
        trace::Verdict::Drop => "drop",
        trace::Verdict::Reject => "reject",
    };
    (result, Some(fate))
}

/// What is different about a packet once it is delivered.
fn difference(packet: &Packet, delivered: &Packet) -> Option<Translated> {
    let differs = |field: Field| packet.get(field) != delivered.get(field);
    let translated = Translated {
        src: differs(Field::Src).then(|| delivered.src()),
        dst: differs(Field::Dst).then(|| delivered.dst()),
        sport: None,
        dport: differs(Field::Dport).then(|| delivered.get(Field::Dport)),
    };
    (translated != Translated { src: None, dst: None, sport: None, dport: None }).then_some(translated)
}

/// The entries of the server's lists that are asked about an attempt.
fn asked(reach: &Reach<'_>, attempt: &Attempt, change: &Change) -> Vec<ProofStep> {
    let step = |asked: Asked| ProofStep {
        device: None,
        stage: match asked.stage {
            StageKind::Client => "client",
            StageKind::Helo => "helo",
            StageKind::Sender => "sender",
            StageKind::Relay => "relay",
            StageKind::Recipient => "recipient",
        },
        result: match asked.outcome {
            Outcome::Passes => "pass",
            Outcome::Permits => "permit",
            Outcome::Refuses(_) => "refuse",
        },
        lines: asked.lines,
        translated: None,
    };
    relay::prove(reach.policy, &change.listener, attempt, &change.facts).into_iter().map(step).collect()
}

/// A class of attempts as `diff` and `check` print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelayLine {
    /// Name of the listener, as the configuration has it.
    pub listener: String,
    /// Its port.
    pub port: Option<u16>,
    /// `open`, `limited`.
    pub result: Kind,
    /// Whether it is proven.
    pub confidence: Confidence,
    /// How far these clients are trusted.
    pub trust: Trust,
    /// Who can do it; null for anybody.
    pub clients: Option<Vec<String>>,
    /// What they must do or say.
    pub needs: relay::Needs,
    /// One such attempt with its answers.
    pub witness: RelayWitness,
}

/// A change as a line.
pub fn line(change: &Change) -> RelayLine {
    RelayLine {
        listener: change.listener.name.to_string(),
        port: change.listener.port,
        result: change.kind,
        confidence: change.certainty,
        trust: change.trust,
        clients: (!is_anybody(&change.clients)).then(|| named(&change.clients)),
        needs: change.needs.clone(),
        witness: witness(change),
    }
}

fn named(clients: &AddressSet) -> Vec<String> {
    networks(clients)
}

/// The concrete attempt of a change with the answers on both sides.
pub fn witness(change: &Change) -> RelayWitness {
    let attempt = &change.witness;
    let entry = change.entry.as_ref();
    let after = change.after.as_ref().map(|answer| decided(answer, &change.proof.after));
    RelayWitness {
        client: change.client().to_string(),
        server: entry.map_or(attempt.server, |entry| entry.server).to_string(),
        port: entry.map_or(attempt.port, |entry| entry.port),
        helo: attempt.helo.clone().unwrap_or_default(),
        tls: attempt.tls,
        mail_from: attempt.mail_from.clone(),
        rcpt_to: attempt.rcpt_to.clone(),
        translated: entry.and_then(|entry| entry.translated.clone()),
        before: change
            .before
            .as_ref()
            .map(|answer| decided(answer, &change.proof.before))
            .or_else(|| stopped(&change.proof.before)),
        after: after.or_else(|| stopped(&change.proof.after)).unwrap_or_else(unanswered),
    }
}

fn unanswered() -> Decided {
    Decided {
        verdict: "unavailable".to_owned(),
        code: None,
        line: None,
        by_default: false,
        steps: Vec::new(),
    }
}

/// What a device on the way did with an attempt that never came to the server.
fn stopped(steps: &[ProofStep]) -> Option<Decided> {
    let last = steps.last().filter(|step| matches!(step.result, "drop" | "reject"))?;
    Some(Decided {
        verdict: last.result.to_owned(),
        code: None,
        line: last.lines.first().cloned(),
        by_default: false,
        steps: steps.to_vec(),
    })
}

fn decided(answer: &Answer, steps: &[ProofStep]) -> Decided {
    let verdict = match answer.verdict {
        Verdict::Permit => "permit",
        Verdict::Defer => "defer",
        Verdict::Reject => "reject",
        Verdict::Unavailable => "unavailable",
        Verdict::Undecided => "undecided",
    };
    Decided {
        verdict: verdict.to_owned(),
        code: answer.code,
        line: answer.lines.first().cloned(),
        by_default: answer.lines.is_empty(),
        steps: steps.to_vec(),
    }
}
