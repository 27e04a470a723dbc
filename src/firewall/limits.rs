//! Rate limits that can be held against each other: of two at the same place the stricter lets no more through.

use super::{Firewall, Rule, Step, Test};
use crate::packet::Atom;

/// What a rate limit says. Whether it holds for one packet depends on the others; of two limits that differ in their numbers
/// only, the one with the smaller rate and burst admits no more over time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    /// What is counted, and everything else it says but its numbers: limits with other words are not compared.
    pub of: String,
    /// It holds for what exceeds the rate, not for what stays below.
    pub over: bool,
    /// How many a day.
    pub a_day: u64,
    /// How many at once.
    pub burst: u64,
}

impl Limit {
    /// A rate: so many in a second, minute, hour or day, written in full or by its first letters; `None` for other
    /// words.
    pub fn a_day(count: u64, unit: &str) -> Option<u64> {
        let units = [("second", 86_400), ("minute", 1_440), ("hour", 24), ("day", 1)];
        let found = units.iter().find(|(name, _)| !unit.is_empty() && name.starts_with(unit));
        found.and_then(|(_, times)| count.checked_mul(*times))
    }

    /// Whether it holds only where the other does.
    fn implies(&self, other: &Self) -> bool {
        let (strict, loose) = if self.over { (other, self) } else { (self, other) };
        self.of == other.of
            && self.over == other.over
            && strict.a_day <= loose.a_day
            && strict.burst <= loose.burst
    }
}

/// Pairs of limits, one of each ruleset, in rules that are the same but for the numbers: the first of a pair holds only
/// where the second does.
pub fn implications(one: &Firewall, other: &Firewall) -> Vec<(Atom, Atom)> {
    let mut out = Vec::new();
    for table in &one.tables {
        let Some(twin) = other.tables.iter().find(|twin| twin.name == table.name) else { continue };
        for chain in &table.chains {
            let Some(other) = twin.chains.iter().find(|other| other.name == chain.name) else { continue };
            let (left, right) = (limited(&chain.rules), limited(&other.rules));
            let count =
                |rules: &[Limited<'_>], of: &Limited<'_>| rules.iter().filter(|r| same(r, of)).count();
            let mut taken = vec![false; right.len()];
            for rule in &left {
                if count(&left, rule) != count(&right, rule) {
                    continue;
                }
                let free = right.iter().zip(&mut taken).find(|(other, taken)| !**taken && same(rule, other));
                let Some((other, taken)) = free else { continue };
                *taken = true;
                // what else an unknown refers to is part of its place
                let place = |atom: &Atom| atom.occurrence.as_ref().map(|(place, _)| place.clone());
                let pairs = rule.limits.iter().zip(&other.limits);
                let pairs = pairs.filter(|(a, b)| a.0 != b.0 && place(a.0) == place(b.0));
                for ((a, limit), (b, twin)) in pairs {
                    out.extend(limit.implies(twin).then(|| ((*a).clone(), (*b).clone())));
                    out.extend(twin.implies(limit).then(|| ((*b).clone(), (*a).clone())));
                }
            }
        }
    }
    out
}

/// A rule with its limits.
struct Limited<'r> {
    rule: &'r Rule,
    limits: Vec<(&'r Atom, &'r Limit)>,
}

fn limited(rules: &[Rule]) -> Vec<Limited<'_>> {
    let all = rules.iter().map(|rule| {
        let limits = rule.steps.iter().filter_map(|step| match step {
            Step::Match(Test::Limit(atom, limit)) => Some((atom, limit)),
            _ => None,
        });
        Limited { rule, limits: limits.collect() }
    });
    all.filter(|rule| !rule.limits.is_empty()).collect()
}

/// Whether two rules are the same but for the numbers of their limits.
fn same(a: &Limited<'_>, b: &Limited<'_>) -> bool {
    let (a, b) = (&a.rule.steps, &b.rule.steps);
    a.len() == b.len()
        && a.iter().zip(b).all(|steps| match steps {
            (Step::Match(Test::Limit(_, a)), Step::Match(Test::Limit(_, b))) => {
                a.of == b.of && a.over == b.over
            }
            (a, b) => a == b,
        })
}
