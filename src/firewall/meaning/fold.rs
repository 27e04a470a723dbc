//! Chains that change nothing, as sets: what they accept, and what comes back from them.

use crate::packet::PacketSet;

use super::super::walk::part;
use super::super::{Action, ChainId, Rule, Step, Table};
use super::{AllPackets, address};

/// A part of a list that is cut off holds at least so many rules; tests cut everywhere.
const SHORTEST_PART: usize = if cfg!(test) { 2 } else { 64 };
/// So many steps for a rule are many.
const DEAR: u64 = if cfg!(test) { 0 } else { 4_000 };

/// What a chain, or a part of one, does with packets that enter it; the rest is dropped.
#[derive(Clone, Copy)]
pub(super) struct Fold {
    accepts: PacketSet,
    returns: PacketSet,
    /// On to the rules behind a part; nothing where all that is behind is in the fold.
    goes_on: PacketSet,
}

impl Fold {
    const NOTHING: Self =
        Self { accepts: PacketSet::FALSE, returns: PacketSet::FALSE, goes_on: PacketSet::FALSE };
    const GOES_ON: Self = Self { goes_on: PacketSet::TRUE, ..Self::NOTHING };
}

impl AllPackets<'_> {
    /// What a base chain lets through: to come back from it is to meet its policy.
    pub(super) fn passes(&mut self, table: &Table, id: ChainId) -> PacketSet {
        let Some(chain) = table.chains.get(id) else { return PacketSet::FALSE };
        if let Some(done) = self.passing.get(&(address(table), id)) {
            return *done;
        }
        let accept = chain.base.as_ref().is_some_and(|base| base.accept);
        let policy = if accept { PacketSet::TRUE } else { PacketSet::FALSE };
        // a base chain that is jumped to is folded as any other
        let fold = self.fold_rules(table, &chain.rules, Fold { accepts: policy, ..Fold::NOTHING });
        self.passing.insert((address(table), id), fold.accepts);
        fold.accepts
    }

    fn fold(&mut self, table: &Table, id: ChainId) -> Fold {
        let key = (address(table), id);
        match self.folded.get(&key) {
            Some(Some(done)) => return *done,
            // a chain that leads back to itself: no kernel loads that
            Some(None) => {
                self.gave_up = true;
                return Fold::NOTHING;
            }
            None => {}
        }
        self.folded.insert(key, None);
        let rules = table.chains.get(id).map_or(&[][..], |c| &c.rules);
        let fold = self.fold_rules(table, rules, Fold { returns: PacketSet::TRUE, ..Fold::NOTHING });
        self.folded.insert(key, Some(fold));
        fold
    }

    /// What a list of rules does, given what happens at its end.
    ///
    /// From the last rule upward, which is measured much faster than the other way as long as a rule touches a small part of
    /// what stands below it. Where rules touch much (wide ones that overlap many), the list is cut, each part is worked out
    /// by itself, and parts of like lengths are put together.
    fn fold_rules(&mut self, table: &Table, rules: &[Rule], end: Fold) -> Fold {
        let mut parts: Vec<(usize, Fold)> = Vec::new();
        let (mut fold, mut length, mut start) = (end, 0, self.space.steps());
        for rule in rules.iter().rev() {
            fold = self.fold_rule(table, rule, fold, end);
            length += 1;
            if length >= SHORTEST_PART && self.space.steps() - start > DEAR * length as u64 {
                self.put_before(&mut parts, length, fold);
                (fold, length, start) = (Fold::GOES_ON, 0, self.space.steps());
            }
        }
        for (_, later) in parts.into_iter().rev() {
            fold = self.then(fold, later);
        }
        fold
    }

    /// Puts a part in front of those behind it, the first of them last.
    fn put_before(&mut self, parts: &mut Vec<(usize, Fold)>, length: usize, fold: Fold) {
        let (mut length, mut fold) = (length, fold);
        while let Some((behind, later)) = parts.pop_if(|(behind, _)| *behind <= length) {
            fold = self.then(fold, later);
            length += behind;
        }
        parts.push((length, fold));
    }

    /// One part of a list, and the next.
    fn then(&mut self, first: Fold, next: Fold) -> Fold {
        let mut go = |set: PacketSet, next: PacketSet| {
            let on = self.space.and(first.goes_on, next);
            self.space.or(set, on)
        };
        Fold {
            accepts: go(first.accepts, next.accepts),
            returns: go(first.returns, next.returns),
            goes_on: go(PacketSet::FALSE, next.goes_on),
        }
    }

    /// What happens from this rule on, given what happens from the next rule on, and at the end of the chain.
    fn fold_rule(&mut self, table: &Table, rule: &Rule, next: Fold, end: Fold) -> Fold {
        if self.region.is_some_and(|region| !region.may_meet(rule)) {
            return next;
        }
        let mut then = next;
        let mut guard = PacketSet::TRUE;
        for step in rule.steps.iter().rev() {
            match step {
                Step::Match(test) => {
                    let holds = self.set(test);
                    guard = self.space.and(guard, holds);
                }
                Step::Choose(options) => {
                    then = next;
                    guard = PacketSet::TRUE;
                    for (test, action) in options.iter().rev() {
                        let done = self.fold_action(table, action, next, end);
                        let holds = self.set(test);
                        then = self.either(holds, done, then);
                    }
                }
                Step::Write(..) | Step::Copy { .. } | Step::Notrack => {}
            }
        }
        if let Some(region) = self.region {
            guard = self.space.and(guard, region.packets);
        }
        self.either(guard, then, next)
    }

    fn fold_action(&mut self, table: &Table, action: &Action, next: Fold, end: Fold) -> Fold {
        let gone = Fold::NOTHING;
        match action {
            Action::Accept | Action::Translate(_) => Fold { accepts: PacketSet::TRUE, ..gone },
            Action::Drop | Action::Reject => gone,
            Action::Return => end,
            Action::Continue => next,
            Action::Goto(id) => {
                let called = self.fold(table, *id);
                self.behind(called, end)
            }
            Action::Jump(id) => {
                let called = self.fold(table, *id);
                self.behind(called, next)
            }
            Action::Outside(atom) => Fold { accepts: self.space.atom(&part(atom, "accepts")), ..gone },
            Action::Unknown(atom) => {
                let ends = self.space.atom(&part(atom, "ends"));
                let accepts = self.space.atom(&part(atom, "accepts"));
                self.either(ends, Fold { accepts, ..gone }, next)
            }
        }
    }

    /// Through a called chain, and what comes back from it on to `next`.
    fn behind(&mut self, called: Fold, next: Fold) -> Fold {
        let accepts = self.space.and(called.returns, next.accepts);
        Fold {
            accepts: self.space.or(called.accepts, accepts),
            returns: self.space.and(called.returns, next.returns),
            goes_on: self.space.and(called.returns, next.goes_on),
        }
    }

    fn either(&mut self, test: PacketSet, yes: Fold, no: Fold) -> Fold {
        Fold {
            accepts: self.space.ite(test, yes.accepts, no.accepts),
            returns: self.space.ite(test, yes.returns, no.returns),
            goes_on: self.space.ite(test, yes.goes_on, no.goes_on),
        }
    }
}
