//! One packet: what happens to it, and by which line.

use std::collections::BTreeSet;

use crate::finding::Location;
use crate::host::HostFacts;
use crate::packet::{Atom, Field, Interfaces, Packet};

use super::change::{Change, Current};
use super::path::{Path, Start};
use super::test::{Look, Test, Truth};
use super::walk::{Branch, By, Decision, Domain};
use super::{ChainId, Firewall, Hook, Table};

/// What can happen to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It gets through.
    Accept,
    /// It disappears.
    Drop,
    /// It disappears and its sender is told.
    Reject,
}

/// Where a packet is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the host.
    Input,
    /// Through the host.
    Forward,
    /// From the host.
    Output,
}

/// One possible end of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// What happens.
    pub verdict: Verdict,
    /// The line that decides it.
    pub line: Option<Location>,
    /// That line is a policy: no rule decided.
    pub by_policy: bool,
    /// The rules that translated it.
    pub translators: Vec<Location>,
    /// The packet as it was delivered or thrown away.
    pub packet: Packet,
    /// Fields that translation or marking wrote, without a known value.
    pub unsure: Vec<Field>,
    /// What is not known on the way here.
    pub unknown: BTreeSet<Atom>,
}

/// Every end that the evidence allows for a packet; more than one verdict means that it does not decide.
///
/// `direction` says where the packet really goes as long as nothing rewrites its destination; otherwise the host's
/// addresses decide. `None` in return means that the rules were too entangled to follow.
pub fn trace(
    firewall: &Firewall,
    host: &HostFacts,
    interfaces: &Interfaces,
    packet: &Packet,
    direction: Direction,
) -> Option<Vec<Fate>> {
    follow(firewall, host, interfaces, packet, direction, false)
}

/// The same for a packet that is known to have no extension headers and no IP options.
pub fn trace_plain(
    firewall: &Firewall,
    host: &HostFacts,
    interfaces: &Interfaces,
    packet: &Packet,
    direction: Direction,
) -> Option<Vec<Fate>> {
    follow(firewall, host, interfaces, packet, direction, true)
}

fn follow(
    firewall: &Firewall,
    host: &HostFacts,
    interfaces: &Interfaces,
    packet: &Packet,
    direction: Direction,
    plain: bool,
) -> Option<Vec<Fate>> {
    let path = Path::new(firewall, host);
    let mut one = OnePacket {
        packet,
        interfaces,
        path: &path,
        plain,
        hook: Hook::Prerouting,
        fates: Vec::new(),
        gave_up: false,
    };
    let start = match direction {
        Direction::Input => Start::Arriving { local: Some(true) },
        Direction::Forward => Start::Arriving { local: Some(false) },
        Direction::Output => Start::Made,
    };
    let passed = path.follow(&mut one, Branch { flow: Seen::default(), change: Change::default() }, start);
    for branch in passed.input.into_iter().chain(passed.forward).chain(passed.output) {
        let (line, by_policy) = branch.flow.passed();
        one.end(&branch, Verdict::Accept, line, by_policy);
    }
    (!one.gave_up).then_some(one.fates)
}

/// What was met on the way.
#[derive(Debug, Clone, Default)]
struct Seen {
    unknown: BTreeSet<Atom>,
    /// The last rule of the deciding hook that accepted.
    rule: Option<Location>,
    /// The last policy there that let the packet pass.
    policy: Option<Location>,
    /// The rules that translated it.
    translators: Vec<Location>,
    /// What let the packet pass where it came in, and whether that was a rule.
    inlet: Option<(Location, bool)>,
}

impl Seen {
    /// What let the packet through, and whether that is a policy: a rule says more than a policy, and a later rule more
    /// than an earlier one.
    fn passed(&self) -> (Option<Location>, bool) {
        let inlet = |rule: bool| self.inlet.as_ref().filter(|(_, by)| *by == rule).map(|(at, _)| at.clone());
        match self.rule.clone().or_else(|| inlet(true)) {
            Some(rule) => (Some(rule), false),
            None => (self.policy.clone().or_else(|| inlet(false)), true),
        }
    }
}

struct OnePacket<'a> {
    packet: &'a Packet,
    interfaces: &'a Interfaces,
    path: &'a Path<'a>,
    plain: bool,
    hook: Hook,
    fates: Vec<Fate>,
    gave_up: bool,
}

/// Most ends that are told apart.
const MAX_FATES: usize = 10_000;

impl OnePacket<'_> {
    fn end(&mut self, branch: &Branch<Seen>, verdict: Verdict, line: Option<Location>, by_policy: bool) {
        let unsure = branch
            .change
            .iter()
            .map(|(field, _)| field)
            .filter(|field| matches!(branch.change.value(self.packet, *field), Current::Among(..)));
        if self.fates.len() >= MAX_FATES {
            self.gave_up = true;
            return;
        }
        self.fates.push(Fate {
            verdict,
            line,
            by_policy,
            translators: branch.flow.translators.clone(),
            packet: branch.change.apply(self.packet),
            unsure: unsure.collect(),
            unknown: branch.flow.unknown.clone(),
        });
    }
}

impl Domain for OnePacket<'_> {
    type Flow = Seen;

    fn split(&mut self, branch: &Branch<Seen>, test: &Test) -> (Option<Seen>, Option<Seen>) {
        let mut unknown = Vec::new();
        let look = Look {
            kinds: &|kind| self.path.kinds.get(kind),
            interfaces: &|pattern| self.interfaces.matching(pattern).collect(),
            plain: self.plain,
            out_unknown: !self.path.knows_ways_out() && self.packet.get(Field::Out) == 0,
        };
        match test.holds(self.packet, &branch.change, &look, &mut unknown) {
            Truth::Yes => (Some(branch.flow.clone()), None),
            Truth::No => (None, Some(branch.flow.clone())),
            Truth::Unknown => {
                let mut seen = branch.flow.clone();
                seen.unknown.extend(unknown);
                (Some(seen.clone()), Some(seen))
            }
        }
    }

    fn join(&mut self, a: Seen, b: Seen) -> Seen {
        let mut unknown = a.unknown;
        unknown.extend(b.unknown);
        let mut translators = a.translators;
        let more: Vec<Location> = b.translators.into_iter().filter(|at| !translators.contains(at)).collect();
        translators.extend(more);
        let (rule, policy, inlet) = (a.rule.or(b.rule), a.policy.or(b.policy), a.inlet.or(b.inlet));
        Seen { unknown, rule, policy, translators, inlet }
    }

    fn translated(&mut self, mut flow: Seen, at: &Location) -> Seen {
        flow.translators.push(at.clone());
        flow
    }

    fn decide(&mut self, branch: &Branch<Seen>, decision: Decision, by: By<'_>) -> Seen {
        let (By::Rule(at) | By::Policy(at)) = by;
        let verdict = match decision {
            Decision::Drop => Verdict::Drop,
            Decision::Reject => Verdict::Reject,
            Decision::Accept => {
                let mut seen = branch.flow.clone();
                if matches!(self.hook, Hook::Input | Hook::Forward | Hook::Output) {
                    match by {
                        By::Rule(_) => seen.rule = Some(at.clone()),
                        By::Policy(_) => seen.policy = Some(at.clone()),
                    }
                } else if self.hook == Hook::Ingress {
                    seen.inlet = Some((at.clone(), matches!(by, By::Rule(_))));
                }
                return seen;
            }
        };
        self.end(branch, verdict, Some(at.clone()), matches!(by, By::Policy(_)));
        branch.flow.clone()
    }

    fn shortcut(&mut self, _: &Table, _: ChainId, _: &Branch<Seen>) -> Option<Option<Seen>> {
        None
    }

    fn interface(&self, name: &str) -> u128 {
        self.interfaces.number(name)
    }

    fn enter(&mut self, hook: Hook) {
        self.hook = hook;
    }

    fn give_up(&mut self) {
        self.gave_up = true;
    }
}
