//! What rules do: the one semantics, over any domain of packets.
//!
//! Verdicts as nft(8) and iptables(8) define them: `accept` ends only this base chain, `drop` is final, `return` goes
//! back to the caller or to the policy, `goto` does not come back to the calling chain.

use crate::finding::Location;
use crate::packet::{Atom, Field, State};
use crate::reason::Reason;

use super::change::{Change, Value};
use super::test::Test;
use super::{Action, Base, ChainId, ChainKind, End, Hook, Rule, Step, Table, Translation};

/// Packets of a kind that underwent the same changes.
#[derive(Debug, Clone)]
pub(super) struct Branch<F> {
    /// Which packets.
    pub flow: F,
    /// What happened to them.
    pub change: Change,
}

/// Kinds of ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// On to the next base chain.
    Accept,
    /// Gone.
    Drop,
    /// Gone, with an answer.
    Reject,
}

/// What decided.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// A rule.
    Rule(&'a Location),
    /// The policy of a base chain, or the host itself.
    Policy(&'a Location),
}

/// What packets are made of: all at once, or one.
pub(super) trait Domain {
    /// Some packets.
    type Flow: Clone;

    /// The part for which a test holds and the part for which it does not; `None` for no packets. Where the answer is
    /// not known, packets are in both parts.
    fn split(&mut self, branch: &Branch<Self::Flow>, test: &Test)
    -> (Option<Self::Flow>, Option<Self::Flow>);

    /// Packets of either.
    fn join(&mut self, a: Self::Flow, b: Self::Flow) -> Self::Flow;

    /// Packets were decided here, by a rule or by a chain's policy. Accepted ones go on with the returned flow.
    fn decide(&mut self, branch: &Branch<Self::Flow>, decision: Decision, by: By<'_>) -> Self::Flow;

    /// Notes that a rule translated packets.
    fn translated(&mut self, flow: Self::Flow, _: &Location) -> Self::Flow {
        flow
    }

    /// What a whole base chain lets through, if the domain can say it without walking.
    fn shortcut(
        &mut self,
        table: &Table,
        chain: ChainId,
        branch: &Branch<Self::Flow>,
    ) -> Option<Option<Self::Flow>>;

    /// The number of an interface of this host.
    fn interface(&self, name: &str) -> u128;

    /// A hook begins.
    fn enter(&mut self, hook: Hook);

    /// Too much work: the result must not be believed.
    fn give_up(&mut self);
}

/// Most nested jumps (the kernel allows 16 in nft; a loop is refused when rules are loaded).
const MAX_DEPTH: usize = 64;
/// Most branches alive at once.
const MAX_BRANCHES: usize = 4096;
/// Most rules visited for one base chain, jumps counted each time.
const MAX_VISITS: usize = 400_000;

/// A walk through one base chain.
pub(super) struct Walk<'a, D: Domain> {
    domain: &'a mut D,
    table: &'a Table,
    accepted: Vec<Branch<D::Flow>>,
    depth: usize,
    visits: usize,
}

/// Sends packets through a base chain; what comes back goes on along the path.
pub(super) fn base_chain<D: Domain>(
    domain: &mut D,
    table: &Table,
    id: ChainId,
    base: &Base,
    live: Vec<Branch<D::Flow>>,
) -> Vec<Branch<D::Flow>> {
    let mut out = Vec::new();
    for branch in live {
        if base.kind == ChainKind::Nat && !may_translate(&branch.change, base) {
            out.push(branch);
            continue;
        }
        let families = Test::Any(table.families.iter().map(|f| Test::Family(*f)).collect());
        let mut scope = vec![families];
        if base.kind == ChainKind::Nat {
            scope.push(Test::State(vec![State::New, State::Related]));
        }
        if !base.devices.is_empty() {
            scope.push(Test::Any(
                base.devices.iter().map(|d| Test::Interface(Field::In, d.clone())).collect(),
            ));
        }
        let (inside, outside) = domain.split(&branch, &Test::All(scope));
        out.extend(outside.map(|flow| Branch { flow, change: branch.change.clone() }));
        let Some(flow) = inside else { continue };
        let branch = Branch { flow, change: branch.change };
        match domain.shortcut(table, id, &branch) {
            Some(through) => out.extend(through.map(|flow| Branch { flow, change: branch.change })),
            None => {
                let mut walk = Walk { domain, table, accepted: Vec::new(), depth: 0, visits: 0 };
                let undecided = walk.chain(id, vec![branch]);
                let accepted = walk.accepted;
                out.extend(accepted);
                let decision = if base.accept { Decision::Accept } else { Decision::Drop };
                for branch in undecided {
                    let flow = domain.decide(&branch, decision, By::Policy(&base.location));
                    if base.accept {
                        out.push(Branch { flow, change: branch.change });
                    }
                }
            }
        }
    }
    joined(domain, out)
}

/// A connection is translated once at each end; later nat chains are not asked any more.
fn may_translate(change: &Change, base: &Base) -> bool {
    let done = match base.hook {
        Hook::Prerouting | Hook::Output => End::Destination,
        _ => End::Source,
    };
    match change.get(Field::Status) {
        Some(Value::Bits { mask, value }) => mask & value & status_bit(done) == 0,
        _ => true,
    }
}

/// The bit of [`Field::Status`] that says an end was translated.
pub(super) const fn status_bit(end: End) -> u128 {
    match end {
        End::Destination => 2,
        End::Source => 1,
    }
}

impl<D: Domain> Walk<'_, D> {
    /// Sends packets through a chain and returns those that come back undecided.
    fn chain(&mut self, id: ChainId, live: Vec<Branch<D::Flow>>) -> Vec<Branch<D::Flow>> {
        let table = self.table;
        let Some(chain) = table.chains.get(id).filter(|_| self.depth < MAX_DEPTH) else {
            self.domain.give_up();
            return Vec::new();
        };
        self.depth += 1;
        let mut returned = Vec::new();
        let mut live = live;
        for rule in &chain.rules {
            self.visits += 1;
            if live.is_empty() {
                break;
            }
            if live.len() > MAX_BRANCHES || self.visits > MAX_VISITS {
                self.domain.give_up();
                break;
            }
            live = self.rule(rule, live, &mut returned);
        }
        self.depth -= 1;
        returned.extend(live);
        joined(self.domain, returned)
    }

    /// Returns the packets that go on to the next rule.
    fn rule(
        &mut self,
        rule: &Rule,
        live: Vec<Branch<D::Flow>>,
        returned: &mut Vec<Branch<D::Flow>>,
    ) -> Vec<Branch<D::Flow>> {
        let mut here = live;
        let mut next = Vec::new();
        for step in &rule.steps {
            if here.is_empty() {
                break;
            }
            match step {
                Step::Match(test) => {
                    let mut matched = Vec::new();
                    for branch in here {
                        let (yes, no) = self.domain.split(&branch, test);
                        matched.extend(yes.map(|flow| Branch { flow, change: branch.change.clone() }));
                        next.extend(no.map(|flow| Branch { flow, change: branch.change }));
                    }
                    here = matched;
                }
                Step::Write(field, value) => {
                    here.iter_mut().for_each(|branch| branch.change.set(*field, value.clone()));
                }
                Step::Copy { from, to } => {
                    here = here.into_iter().flat_map(|branch| self.copy(branch, *from, *to)).collect();
                }
                Step::Notrack => here.iter_mut().for_each(|branch| untrack(&mut branch.change)),
                Step::Choose(options) => {
                    for branch in std::mem::take(&mut here) {
                        self.choose(options, branch, rule, &mut next, returned);
                    }
                }
            }
        }
        next.extend(here);
        if next.len() > 1 { joined(self.domain, next) } else { next }
    }

    /// A mark that nobody wrote is zero on a packet, and on a connection that begins here; on an older connection it
    /// is not known.
    fn copy(&mut self, branch: Branch<D::Flow>, from: Field, to: Field) -> Vec<Branch<D::Flow>> {
        let write = |mut branch: Branch<D::Flow>, value: Value| {
            branch.change.set(to, value);
            branch
        };
        let written = match branch.change.get(from) {
            Some(whole @ (Value::Among { .. } | Value::Bits { mask: u128::MAX, .. })) => {
                let whole = whole.clone();
                return vec![write(branch, whole)];
            }
            Some(Value::Bits { value, .. }) => *value,
            None => 0,
        };
        if from == Field::Mark {
            return vec![write(branch, Value::number(written))];
        }
        let (fresh, older) = self.domain.split(&branch, &Test::State(vec![State::New]));
        let reason = Reason::RunTime { text: "mark of an older connection".into() };
        let choice = Atom { reason, occurrence: Some((self.table.name.clone(), 0)) };
        let any = Value::Among { ranges: vec![(0, u32::MAX.into())], choice };
        let change = &branch.change;
        let fresh = fresh.map(|flow| write(Branch { flow, change: change.clone() }, Value::number(written)));
        let older = older.map(|flow| write(Branch { flow, change: change.clone() }, any));
        fresh.into_iter().chain(older).collect()
    }

    fn choose(
        &mut self,
        options: &[(Test, Action)],
        branch: Branch<D::Flow>,
        rule: &Rule,
        next: &mut Vec<Branch<D::Flow>>,
        returned: &mut Vec<Branch<D::Flow>>,
    ) {
        let mut rest = Some(branch);
        for (test, action) in options {
            let Some(branch) = rest.take() else { return };
            let (yes, no) = self.domain.split(&branch, test);
            if let Some(flow) = yes {
                let chosen = Branch { flow, change: branch.change.clone() };
                self.act(action, chosen, rule, next, returned);
            }
            rest = no.map(|flow| Branch { flow, change: branch.change });
        }
        next.extend(rest);
    }

    fn act(
        &mut self,
        action: &Action,
        mut branch: Branch<D::Flow>,
        rule: &Rule,
        next: &mut Vec<Branch<D::Flow>>,
        returned: &mut Vec<Branch<D::Flow>>,
    ) {
        match action {
            Action::Continue => next.push(branch),
            Action::Return => returned.push(branch),
            Action::Jump(id) => next.extend(self.chain(*id, vec![branch])),
            Action::Goto(id) => returned.extend(self.chain(*id, vec![branch])),
            Action::Accept => self.accept(branch, rule),
            Action::Drop => {
                self.domain.decide(&branch, Decision::Drop, By::Rule(&rule.location));
            }
            Action::Reject => {
                self.domain.decide(&branch, Decision::Reject, By::Rule(&rule.location));
            }
            Action::Translate(translation) => {
                translate(&mut branch.change, translation);
                branch.flow = self.domain.translated(branch.flow, &rule.location);
                self.accept(branch, rule);
            }
            Action::Outside(atom) => self.accept_or_drop(branch, atom, rule),
            Action::Unknown(atom) => {
                let (ends, goes_on) = self.domain.split(&branch, &Test::Atom(part(atom, "ends")));
                next.extend(goes_on.map(|flow| Branch { flow, change: branch.change.clone() }));
                if let Some(flow) = ends {
                    self.accept_or_drop(Branch { flow, change: branch.change }, atom, rule);
                }
            }
        }
    }

    fn accept(&mut self, branch: Branch<D::Flow>, rule: &Rule) {
        let flow = self.domain.decide(&branch, Decision::Accept, By::Rule(&rule.location));
        self.accepted.push(Branch { flow, change: branch.change });
    }

    fn accept_or_drop(&mut self, branch: Branch<D::Flow>, atom: &Atom, rule: &Rule) {
        let (accepted, dropped) = self.domain.split(&branch, &Test::Atom(part(atom, "accepts")));
        if let Some(flow) = dropped {
            let branch = Branch { flow, change: branch.change.clone() };
            self.domain.decide(&branch, Decision::Drop, By::Rule(&rule.location));
        }
        if let Some(flow) = accepted {
            self.accept(Branch { flow, change: branch.change }, rule);
        }
    }
}

/// The part of an unknown action that a variable of its own decides.
pub(super) fn part(atom: &Atom, name: &str) -> Atom {
    let (place, number) = atom.occurrence.clone().unwrap_or_default();
    Atom { reason: atom.reason.clone(), occurrence: Some((format!("{place}#{name}"), number)) }
}

fn untrack(change: &mut Change) {
    // only before conntrack has looked: there the state reads as invalid
    if change.get(Field::State) == Some(&Value::number(State::Invalid.number())) {
        change.set(Field::State, Value::number(State::Untracked.number()));
    }
}

fn translate(change: &mut Change, translation: &Translation) {
    for (field, value) in &translation.fields {
        change.set(*field, value.clone());
    }
    let bit = status_bit(translation.end);
    change.set(Field::Status, Value::Bits { mask: bit, value: bit });
}

/// Joins branches with equal changes.
pub(super) fn joined<D: Domain>(domain: &mut D, branches: Vec<Branch<D::Flow>>) -> Vec<Branch<D::Flow>> {
    if branches.len() < 2 {
        return branches;
    }
    let mut by_change = std::collections::BTreeMap::new();
    for Branch { flow, change } in branches {
        match by_change.remove(&change) {
            None => by_change.insert(change, flow),
            Some(other) => {
                let both = domain.join(other, flow);
                by_change.insert(change, both)
            }
        };
    }
    by_change.into_iter().map(|(change, flow)| Branch { flow, change }).collect()
}
