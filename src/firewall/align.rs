//! Which rules two rulesets have in common, in the same order.
//!
//! Rules that are the same and stand only once on either side are anchors, as in a patience diff; of equal neighbours
//! of anchors the rest follows. What is not aligned counts as changed: too few alignments cost time, never truth.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Action, Base, ChainId, Firewall, Rule, Step, Table};

/// The rules of each side that the other has not, or has at another place, with their tables; `None` when more differs
/// than rules: tables, how chains are hooked in, policies.
pub(super) fn changed_rules<'a>(one: &'a Firewall, other: &'a Firewall) -> Option<Vec<&'a Rule>> {
    if one.tables.len() != other.tables.len() || hooks(one) != hooks(other) {
        return None;
    }
    let mut changed = Vec::new();
    for (a, b) in one.tables.iter().zip(&other.tables) {
        if a.name != b.name || a.families != b.families {
            return None;
        }
        for chain in &a.chains {
            // a chain that only one side has is reached by rules that only that side has
            let Some(twin) = b.chains.iter().find(|c| c.name == chain.name) else { continue };
            let (left, right) =
                (Side { table: a, rules: &chain.rules }, Side { table: b, rules: &twin.rules });
            align(&left, &right, &mut changed);
        }
    }
    Some(changed)
}

/// How chains are hooked in, in the order in which they run.
fn hooks(firewall: &Firewall) -> Vec<(&str, &str, HookedIn<'_>)> {
    let chains = firewall.tables.iter().flat_map(|t| t.chains.iter().map(move |c| (t, c)));
    let base = |base: &'_ Base| (base.hook, base.priority, base.kind, base.accept);
    chains
        .filter_map(|(table, chain)| {
            let hooked = chain.base.as_ref()?;
            Some((table.name.as_str(), chain.name.as_str(), (base(hooked), hooked.devices.as_slice())))
        })
        .collect()
}

type HookedIn<'a> = ((super::Hook, i32, super::ChainKind, bool), &'a [crate::packet::NamePattern]);

struct Side<'a> {
    table: &'a Table,
    rules: &'a [Rule],
}

impl<'a> Side<'a> {
    fn part(&self, from: usize, to: usize) -> Side<'a> {
        Side { table: self.table, rules: self.rules.get(from..to).unwrap_or_default() }
    }

    fn key(&self, rule: &Rule) -> u64 {
        let mut hasher = DefaultHasher::new();
        for step in &rule.steps {
            match step {
                Step::Choose(options) => {
                    for (test, action) in options {
                        test.hash(&mut hasher);
                        match action {
                            Action::Jump(id) => (1, self.name(*id)).hash(&mut hasher),
                            Action::Goto(id) => (2, self.name(*id)).hash(&mut hasher),
                            other => other.hash(&mut hasher),
                        }
                    }
                }
                other => other.hash(&mut hasher),
            }
        }
        hasher.finish()
    }

    fn name(&self, id: ChainId) -> Option<&'a str> {
        self.table.chains.get(id).map(|chain| chain.name.as_str())
    }
}

/// Whether two rules do the same; hashes only propose it.
fn same(a: &Side<'_>, left: &Rule, b: &Side<'_>, right: &Rule) -> bool {
    let steps = |x: &Step, y: &Step| match (x, y) {
        (Step::Choose(one), Step::Choose(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((test, action), (twin, reaction))| {
                    test == twin
                        && match (action, reaction) {
                            (Action::Jump(x), Action::Jump(y)) | (Action::Goto(x), Action::Goto(y)) => {
                                a.name(*x) == b.name(*y)
                            }
                            (x, y) => x == y,
                        }
                })
        }
        (x, y) => x == y,
    };
    left.steps.len() == right.steps.len() && left.steps.iter().zip(&right.steps).all(|(x, y)| steps(x, y))
}

/// Adds the rules that are not aligned.
fn align<'a>(a: &Side<'a>, b: &Side<'a>, changed: &mut Vec<&'a Rule>) {
    let (mut from_a, mut from_b) = (0, 0);
    for (at_a, at_b) in anchors(a, b) {
        between(&a.part(from_a, at_a), &b.part(from_b, at_b), changed);
        (from_a, from_b) = (at_a + 1, at_b + 1);
    }
    between(&a.part(from_a, a.rules.len()), &b.part(from_b, b.rules.len()), changed);
}

/// Between anchors: what is the same at the beginning and at the end is aligned, the rest is changed.
fn between<'a>(a: &Side<'a>, b: &Side<'a>, changed: &mut Vec<&'a Rule>) {
    let pairs = || a.rules.iter().zip(b.rules);
    let start = pairs().take_while(|(x, y)| same(a, x, b, y)).count();
    let shorter = a.rules.len().min(b.rules.len()) - start;
    let backward = a.rules.iter().rev().zip(b.rules.iter().rev()).take(shorter);
    let end = backward.take_while(|(x, y)| same(a, x, b, y)).count();
    for rules in [a.rules, b.rules] {
        changed.extend(rules.get(start..rules.len() - end).unwrap_or_default());
    }
}

/// Places of rules that stand once on either side, in an order that both sides share: a longest increasing sequence.
fn anchors(a: &Side<'_>, b: &Side<'_>) -> Vec<(usize, usize)> {
    let once = |side: &Side<'_>| {
        let mut places: HashMap<u64, Option<usize>> = HashMap::with_capacity(side.rules.len());
        for (place, rule) in side.rules.iter().enumerate() {
            places.entry(side.key(rule)).and_modify(|p| *p = None).or_insert(Some(place));
        }
        places
    };
    let (left, right) = (once(a), once(b));
    let mut pairs: Vec<(usize, usize)> =
        left.iter().filter_map(|(key, place)| Some(((*place)?, (*right.get(key)?)?))).collect();
    pairs.retain(|(x, y)| match (a.rules.get(*x), b.rules.get(*y)) {
        (Some(x), Some(y)) => same(a, x, b, y),
        _ => false,
    });
    pairs.sort_unstable();
    longest_increasing(&pairs)
}

/// The longest sequence of pairs whose second numbers increase, too (patience sorting).
fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let second = |at: usize| pairs.get(at).map_or(0, |p| p.1);
    for (at, (_, value)) in pairs.iter().enumerate() {
        let pile = piles.partition_point(|top| second(*top) < *value);
        before.push(pile.checked_sub(1).and_then(|p| piles.get(p).copied()));
        match piles.get_mut(pile) {
            Some(top) => *top = at,
            None => piles.push(at),
        }
    }
    let mut out = Vec::with_capacity(piles.len());
    let mut at = piles.last().copied();
    while let Some(place) = at {
        out.extend(pairs.get(place));
        at = before.get(place).copied().flatten();
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_increasing_sequence_is_found() {
        let pairs = [(0, 3), (1, 0), (2, 1), (3, 5), (4, 2), (5, 4)];
        assert_eq!(longest_increasing(&pairs), [(1, 0), (2, 1), (4, 2), (5, 4)]);
        assert_eq!(longest_increasing(&[]), []);
    }
}
