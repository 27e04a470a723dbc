//! The answer to an attempt: every pass that the unknown allows, and what all of them agree on.

use std::collections::BTreeSet;

use super::attempt::{Answer, Attempt, Facts, Verdict};
use super::chooser::Chooser;
use super::policy::{Bind, Listener, Policy, Protocol};
use super::routing::Leaves;
use super::run::{End, Run};
use crate::finding::{Confidence, Location};
use crate::reason::Reason;

/// What a host answers to an attempt, whichever of its listeners it meets.
pub fn answer(policy: &Policy, attempt: &Attempt, facts: &Facts) -> Answer {
    match find_listener(policy, attempt) {
        Meets::One(listener) => answer_at(policy, listener, attempt, facts),
        Meets::None => Answer {
            verdict: Verdict::Unavailable,
            confidence: Confidence::Certain,
            code: None,
            lines: Vec::new(),
            why: Vec::new(),
            leaves: None,
        },
        Meets::Unknown(reason) => Answer::undecided(vec![reason]),
    }
}

/// What one listener answers to an attempt.
pub fn answer_at(policy: &Policy, listener: &Listener, attempt: &Attempt, facts: &Facts) -> Answer {
    let mut answer = every_pass(policy, listener, attempt, facts);
    let refused = matches!(answer.verdict, Verdict::Reject | Verdict::Defer);
    if refused && listener.may_discard && discards(policy, listener, attempt, facts) {
        answer.confidence = Confidence::Possible;
        answer.why.push(Reason::RunTime { text: "DISCARD for an earlier recipient of the same mail".into() });
    }
    answer
}

/// Whether the same mail to an own mailbox is accepted and thrown away: then the server accepts what follows too.
fn discards(policy: &Policy, listener: &Listener, attempt: &Attempt, facts: &Facts) -> bool {
    let own = format!("postmaster@{}", listener.routing.forms.host_name);
    let attempt = Attempt { rcpt_to: own, ..attempt.clone() };
    let mut chooser = Chooser::default();
    let mut run = Run::new(policy, listener, &attempt, facts, &mut chooser);
    run.end();
    run.discarded || chooser.asked() > 0
}

fn every_pass(policy: &Policy, listener: &Listener, attempt: &Attempt, facts: &Facts) -> Answer {
    let mut all = Passes::default();
    let mut chooser = Chooser::default();
    loop {
        let mut run = Run::new(policy, listener, attempt, facts, &mut chooser);
        let end = run.end();
        let (lines, gated, cut) = (std::mem::take(&mut run.lines), run.gated, run.cut);
        all.add(end, lines, gated, cut);
        all.why.extend(chooser.reasons().cloned());
        if !chooser.next_pass() {
            break;
        }
        if chooser.exhausted() {
            all.cut = true;
            break;
        }
    }
    all.answer(listener)
}

/// How bad an answer can be, for exposures and drift. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Refused,
    Ordinary,
    KeptForeign,
    Limited,
    Open,
}

/// The least and the greatest level that an answer allows.
pub(super) fn levels(answer: &Answer) -> (Level, Level) {
    let level = |leaves: Leaves| match leaves {
        Leaves::No | Leaves::Declared => Level::Ordinary,
        Leaves::KeptForeign => Level::KeptForeign,
        Leaves::Limited => Level::Limited,
        Leaves::Anywhere => Level::Open,
    };
    match answer.leaves {
        None => (Level::Refused, Level::Refused),
        Some((least, most)) => {
            let sure = matches!(answer.verdict, Verdict::Permit);
            (if sure { level(least) } else { Level::Refused }, level(most))
        }
    }
}

#[derive(Default)]
struct Passes {
    ends: Vec<(End, Vec<Location>)>,
    why: BTreeSet<Reason>,
    gated: bool,
    cut: bool,
}

impl Passes {
    fn add(&mut self, end: End, lines: Vec<Location>, gated: bool, cut: bool) {
        self.gated |= gated;
        self.cut |= cut;
        if !self.ends.iter().any(|(e, _)| *e == end) {
            self.ends.push((end, lines));
        }
    }

    fn answer(self, listener: &Listener) -> Answer {
        if self.cut {
            let why = vec![Reason::TooComplex { subject: listener.name.to_string() }];
            return Answer { leaves: Some((Leaves::No, Leaves::Anywhere)), ..Answer::undecided(why) };
        }
        let accepted: Vec<Leaves> = self
            .ends
            .iter()
            .filter_map(|(end, _)| if let End::Accepted(leaves) = end { Some(*leaves) } else { None })
            .collect();
        let leaves = accepted.iter().min().copied().zip(accepted.iter().max().copied());
        let kinds: BTreeSet<Verdict> = self.ends.iter().map(|(end, _)| verdict(end)).collect();
        let (lines, code) = self.shown();
        let why: Vec<Reason> = self.why.into_iter().collect();
        // several ways of refusing are still a refusal
        let refused = kinds.iter().all(|kind| matches!(kind, Verdict::Defer | Verdict::Reject));
        let Some(one) = kinds.first().copied().filter(|_| kinds.len() == 1 || refused) else {
            return Answer { leaves, lines, ..Answer::undecided(why) };
        };
        let gated = one == Verdict::Permit && self.gated;
        Answer {
            verdict: one,
            confidence: if gated { Confidence::Possible } else { Confidence::Certain },
            code: code.filter(|_| self.ends.len() == 1),
            lines,
            why: if gated { listener.gates.clone() } else { why },
            leaves,
        }
    }

    /// The lines of the most harmful end, and its code.
    fn shown(&self) -> (Vec<Location>, Option<u16>) {
        let worst = self.ends.iter().max_by_key(|(end, _)| harm(end));
        worst.map_or((Vec::new(), None), |(end, lines)| {
            let code = match end {
                End::Accepted(_) => Some(250),
                End::Refused(code) => Some(*code),
                End::Unavailable => None,
            };
            (lines.clone(), code)
        })
    }
}

/// How harmful an end is. Ordered.
pub(super) const fn harm(end: &End) -> u8 {
    match end {
        End::Accepted(leaves) => 1 + *leaves as u8,
        End::Refused(_) | End::Unavailable => 0,
    }
}

fn verdict(end: &End) -> Verdict {
    match end {
        End::Accepted(_) => Verdict::Permit,
        End::Refused(code) if *code >= 500 => Verdict::Reject,
        End::Refused(_) => Verdict::Defer,
        End::Unavailable => Verdict::Unavailable,
    }
}

impl Answer {
    /// An answer that the evidence does not give.
    pub(super) fn undecided(why: Vec<Reason>) -> Self {
        Self {
            verdict: Verdict::Undecided,
            confidence: Confidence::Possible,
            code: None,
            lines: Vec::new(),
            why,
            leaves: None,
        }
    }
}

enum Meets<'p> {
    One(&'p Listener),
    None,
    Unknown(Reason),
}

/// The listener that an attempt certainly meets.
pub(super) fn met<'p>(policy: &'p Policy, attempt: &Attempt) -> Option<&'p Listener> {
    match find_listener(policy, attempt) {
        Meets::One(listener) => Some(listener),
        Meets::None | Meets::Unknown(_) => None,
    }
}

/// The listener that a connection meets: the most specific one that is bound to the address and port.
fn find_listener<'p>(policy: &'p Policy, attempt: &Attempt) -> Meets<'p> {
    let server = attempt.server;
    let is_own = policy.own_addresses.as_ref().is_none_or(|own| own.contains(server)) || server.is_loopback();
    let (mut exact, mut any, mut unknown) = (None, None, None);
    for listener in policy.listeners.iter().filter(|l| l.protocol == Protocol::Smtp) {
        match listener.port {
            Some(port) if port != attempt.port => continue,
            Some(_) => {}
            None => {
                unknown = Some(Reason::ContentsUnknown { name: listener.name.to_string() });
                continue;
            }
        }
        match &listener.bind {
            Bind::Addresses(set) if set.contains(server) => exact = exact.or(Some(listener)),
            Bind::Addresses(_) => {}
            Bind::Any { ipv4, ipv6 } => {
                let family = if server.is_ipv6() { *ipv6 } else { *ipv4 };
                any = any.or(Some(listener).filter(|_| family && is_own));
            }
            Bind::Among(set, reason) => {
                unknown = unknown.or(Some(reason.clone()).filter(|_| set.contains(server)));
            }
        }
    }
    match (exact.or(any), unknown) {
        (Some(listener), _) => Meets::One(listener),
        (None, Some(reason)) => Meets::Unknown(reason),
        (None, None) => Meets::None,
    }
}
