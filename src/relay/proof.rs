//! The way of one attempt through the lists of a listener, entry by entry: what a person follows to believe an answer.

use super::attempt::{Attempt, Facts};
use super::chooser::Chooser;
use super::evaluate::{harm, met};
use super::exposure::ListenerRef;
use super::policy::{Policy, StageKind};
use super::run::{Flow, Run};
use crate::finding::Location;

/// Most entries that are kept; nobody follows more.
pub(super) const MAX_ASKED: usize = 200;

/// One entry that was asked about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The stage that asked.
    pub stage: StageKind,
    /// The entry, and the row of the table it looked up where that decided.
    pub lines: Vec<Location>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What an entry made of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The next one was asked.
    Passes,
    /// Its list was over, and the attempt passed it.
    Permits,
    /// The attempt was refused with this code.
    Refuses(u16),
}

impl From<Flow> for Outcome {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Continue => Self::Passes,
            Flow::Permit => Self::Permits,
            Flow::Refuse(code) => Self::Refuses(code),
        }
    }
}

/// Every entry that the listener of this name is asked about an attempt, in order; of several ways that the unknown
/// allows, the most harmful one. Without such a listener, the one that the attempt meets.
pub fn prove(policy: &Policy, name: &ListenerRef, attempt: &Attempt, facts: &Facts) -> Vec<Asked> {
    let named = policy.listeners.iter().find(|l| l.name == name.name && l.port == name.port);
    let Some(listener) = named.or_else(|| met(policy, attempt)) else { return Vec::new() };
    let mut best = None;
    let mut chooser = Chooser::default();
    loop {
        let mut run = Run::new(policy, listener, attempt, facts, &mut chooser);
        run.asked = Some(Vec::new());
        let rank = harm(&run.end());
        if best.as_ref().is_none_or(|(least, _)| *least < rank) {
            best = run.asked.take().map(|asked| (rank, asked));
        }
        if !chooser.next_pass() || chooser.exhausted() {
            return best.map(|(_, asked)| asked).unwrap_or_default();
        }
    }
}
