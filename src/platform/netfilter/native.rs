//! Rules of nft in tables that iptables made, and listings of one table that contradict each other.
//!
//! iptables-save lists such a table, and misprints what iptables itself never makes: of `tcp dport vmap { 22 : accept }` it
//! leaves `-p tcp`, of `tcp dport { 22, 25 } accept` it makes `-p tcp -j ACCEPT` (seen with iptables 1.8.9). Where both list
//! the same rules, those are taken from nft.

use crate::firewall::{Action, Chain, Rule, Step, Table, Test, Value};
use crate::packet::{Atom, Interfaces, Limits, PacketSet, Space};
use crate::reason::Reason;

/// Puts nft's rules in the place of those that iptables-save misprints; false where the two do not list the same chains
/// with the same policies and as many rules. `foreign` says of each rule that nft lists whether iptables cannot have made it.
pub(super) fn reconcile(saved: &mut Table, listed: &Table, foreign: &[Vec<bool>]) -> bool {
    let empty = |chain: &Chain| chain.rules.is_empty() && chain.base.as_ref().is_none_or(|base| base.accept);
    if saved.chains.iter().any(|chain| named(listed, &chain.name).is_none() && !empty(chain)) {
        return false;
    }
    // iptables-save gives a name to what has none
    let unnamed = |chain: &&Chain| chain.base.is_none() && named(saved, &chain.name).is_none();
    let more: Vec<Chain> = listed.chains.iter().filter(unnamed).cloned().collect();
    let known = saved.chains.len();
    saved.chains.extend(more);
    for chain in saved.chains.get_mut(known..).into_iter().flatten() {
        chain.rules.iter_mut().for_each(|rule| rule.steps.clear());
    }
    let places = |name: &str| saved.chains.iter().position(|chain| chain.name == name);
    let mut changes: Vec<(usize, usize, Rule)> = Vec::new();
    for (chain, foreign) in listed.chains.iter().zip(foreign) {
        let Some((place, twin)) = places(&chain.name).and_then(|p| Some((p, saved.chains.get(p)?))) else {
            return false;
        };
        let hooked = |chain: &Chain| chain.base.as_ref().map(|b| (b.hook, b.priority, b.accept));
        if hooked(chain) != hooked(twin) || chain.rules.len() != twin.rules.len() {
            return false;
        }
        for (at, (rule, foreign)) in chain.rules.iter().zip(foreign).enumerate() {
            if *foreign || place >= known {
                let steps = rule.steps.iter().map(|step| moved(step, listed, &places)).collect();
                changes.push((place, at, Rule { steps, location: rule.location.clone() }));
            }
        }
    }
    for (chain, at, rule) in changes {
        if let Some(old) = saved.chains.get_mut(chain).and_then(|chain| chain.rules.get_mut(at)) {
            *old = rule;
        }
    }
    true
}

fn named<'t>(table: &'t Table, name: &str) -> Option<&'t Chain> {
    table.chains.iter().find(|chain| chain.name == name)
}

/// A step whose jumps lead to the chains of the same names in another table.
fn moved(step: &Step, from: &Table, places: &dyn Fn(&str) -> Option<usize>) -> Step {
    let Step::Choose(options) = step else { return step.clone() };
    let place = |id: usize| from.chains.get(id).and_then(|chain| places(&chain.name));
    let unknown = || {
        let reason = Reason::Unread { text: "jump".to_owned() };
        Action::Unknown(Atom { reason, occurrence: None })
    };
    let options = options.iter().map(|(test, action)| {
        let action = match action {
            Action::Jump(id) => place(*id).map_or_else(unknown, Action::Jump),
            Action::Goto(id) => place(*id).map_or_else(unknown, Action::Goto),
            other => other.clone(),
        };
        (test.clone(), action)
    });
    Step::Choose(options.collect())
}

/// Whether two listings hold the same tables with the same chains, policies and rules. What only one of them understands is
/// not held against the other.
pub(super) fn agree(one: &[Table], other: &[Table]) -> bool {
    one.len() == other.len()
        && one.iter().all(|table| {
            let twin = other.iter().find(|twin| twin.name == table.name);
            twin.is_some_and(|twin| {
                table.chains.len() == twin.chains.len()
                    && table.chains.iter().all(|chain| {
                        let twin_chain = named(twin, &chain.name);
                        twin_chain.is_some_and(|other| same_chain((table, chain), (twin, other)))
                    })
            })
        })
}

type Within<'t> = (&'t Table, &'t Chain);

fn same_chain((table, chain): Within<'_>, (twin, other): Within<'_>) -> bool {
    let hooked = |chain: &Chain| chain.base.as_ref().map(|b| (b.hook, b.priority, b.kind, b.accept));
    hooked(chain) == hooked(other)
        && chain.rules.len() == other.rules.len()
        && chain.rules.iter().zip(&other.rules).all(|(a, b)| {
            unclear(a)
                || unclear(b)
                || a.steps.len() == b.steps.len()
                    && a.steps.iter().zip(&b.steps).all(|(a, b)| same_step((table, a), (twin, b)))
        })
}

/// Whether a part of a rule was not understood.
fn unclear(rule: &Rule) -> bool {
    let mut atoms = Vec::new();
    rule.steps.iter().for_each(|step| step.atoms(&mut atoms));
    atoms.iter().any(|atom| matches!(atom.reason, Reason::Unread { .. }))
}

/// Most elements of a map that are compared each with each.
const MAX_DISORDER: usize = 2_000;

type Choice = (Test, Action);

fn same_option((table, a): (&Table, &Choice), (twin, b): (&Table, &Choice)) -> bool {
    let name = |table: &Table, id: usize| table.chains.get(id).map(|chain| chain.name.clone());
    let ((test, action), (other, reaction)) = (a, b);
    let same = match (action, reaction) {
        (Action::Jump(a), Action::Jump(b)) | (Action::Goto(a), Action::Goto(b)) => {
            name(table, *a) == name(twin, *b)
        }
        (Action::Unknown(_), Action::Unknown(_)) | (Action::Outside(_), Action::Outside(_)) => true,
        (Action::Translate(a), Action::Translate(b)) => {
            a.end == b.end
                && a.fields.len() == b.fields.len()
                && a.fields.iter().zip(&b.fields).all(|(a, b)| a.0 == b.0 && same_value(&a.1, &b.1))
        }
        (a, b) => a == b,
    };
    same && same_test(test, other)
}

fn same_step((table, a): (&Table, &Step), (twin, b): (&Table, &Step)) -> bool {
    match (a, b) {
        (Step::Match(a), Step::Match(b)) => same_test(a, b),
        (Step::Choose(a), Step::Choose(b)) => {
            let same = |a: &Choice, b: &Choice| same_option((table, a), (twin, b));
            // the keys of a map exclude each other, and are listed in any order
            let holds = |all: &[Choice], one: &Choice| all.iter().any(|other| same(one, other));
            a.len() == b.len()
                && (a.iter().zip(b).all(|(a, b)| same(a, b))
                    || a.len() <= MAX_DISORDER
                        && a.iter().all(|one| holds(b, one))
                        && b.iter().all(|one| holds(a, one)))
        }
        (Step::Write(a, one), Step::Write(b, other)) => a == b && same_value(one, other),
        (a, b) => a == b,
    }
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Among { ranges, .. }, Value::Among { ranges: others, .. }) => ranges == others,
        (a, b) => a == b,
    }
}

/// Tests of which either depends on something unknown count as the same: the two forms name it differently.
fn same_test(a: &Test, b: &Test) -> bool {
    if a == b {
        return true;
    }
    let mut atoms = Vec::new();
    a.atoms(&mut atoms);
    b.atoms(&mut atoms);
    if !atoms.is_empty() {
        return true;
    }
    let mut patterns = Vec::new();
    a.interface_patterns(&mut patterns);
    b.interface_patterns(&mut patterns);
    let Some(interfaces) = Interfaces::new(patterns) else { return false };
    let mut space = Space::new(Limits::default(), interfaces);
    let (a, b) = (a.set(&mut space, &|_| None), b.set(&mut space, &|_| None));
    let (more, fewer) = (space.diff(a, b), space.diff(b, a));
    more == PacketSet::FALSE && fewer == PacketSet::FALSE
}
