//! Where two rulesets can differ at all: the packets that some changed rule matches.
//!
//! A packet that matches no changed rule takes the same way through both. Evaluating only the others makes the
//! difference of long rulesets with few changes cheap; the result within the region is exact.

use std::collections::BTreeSet;

use super::align::changed_rules;
use super::calls::written_fields;
use super::path::Kinds;
use super::{Firewall, Rule, Step, Test};
use crate::host::HostFacts;
use crate::packet::{AddressSet, Family, Field, PacketSet, Space};

/// More changed rules than this are not worth looking for a region.
const MAX_CHANGED: usize = 2_000;
/// With more changed rules than this, single rules are not held against each of them.
const MAX_BOUNDS: usize = 256;

/// Packets, as they arrive and wherever rules see them, among which a difference lies.
#[derive(Debug, Clone)]
pub struct Region {
    /// The packets.
    pub(super) packets: PacketSet,
    bounds: Option<Vec<Bounds>>,
    written: BTreeSet<Field>,
}

impl Region {
    /// The region in which two rulesets on the same host can differ; `None` when that may be anywhere.
    pub fn between(space: &mut Space, one: &Firewall, other: &Firewall, host: &HostFacts) -> Option<Self> {
        let changed = changed_rules(one, other).filter(|rules| rules.len() <= MAX_CHANGED)?;
        let mut written: BTreeSet<Field> = written_fields(one).chain(written_fields(other)).collect();
        // the path itself writes these
        written.extend([Field::Out, Field::State, Field::Status, Field::Local]);
        let kinds = Kinds::new(host);
        let mut packets = PacketSet::FALSE;
        for rule in &changed {
            let mut matched = PacketSet::TRUE;
            for test in matches(rule).cloned().chain(chosen(rule)) {
                let test = test.set(space, &|kind| kinds.get(kind));
                matched = space.and(matched, test);
            }
            packets = space.or(packets, matched);
        }
        for field in &written {
            packets = space.forget(packets, *field);
        }
        let bounds = (changed.len() <= MAX_BOUNDS)
            .then(|| changed.iter().map(|rule| Bounds::of(rule, &written)).collect());
        Some(Self { packets, bounds, written })
    }

    /// Whether a rule may match packets of the region; a quick look at its text, without sets.
    pub(super) fn may_meet(&self, rule: &Rule) -> bool {
        let Some(bounds) = &self.bounds else { return true };
        let own = Bounds::of(rule, &self.written);
        bounds.iter().any(|changed| own.may_meet(changed))
    }
}

/// What must hold for a rule to do anything at all: what it asks before it does the first thing.
fn matches(rule: &Rule) -> impl Iterator<Item = &Test> {
    rule.steps.iter().map_while(|step| if let Step::Match(test) = step { Some(test) } else { None })
}

/// What must hold for one of the options to be taken with which a rule first does something.
fn chosen(rule: &Rule) -> Option<Test> {
    match rule.steps.iter().find(|step| !matches!(step, Step::Match(_)))? {
        Step::Choose(options) => Some(Test::Any(options.iter().map(|(test, _)| test.clone()).collect())),
        _ => None,
    }
}

/// The plain parts of what a rule asks.
#[derive(Debug, Clone, Default)]
struct Bounds {
    family: Option<Family>,
    addresses: Vec<(Field, AddressSet)>,
    ranges: Vec<(Field, Vec<(u128, u128)>)>,
}

impl Bounds {
    fn of(rule: &Rule, written: &BTreeSet<Field>) -> Self {
        let mut bounds = Self::default();
        matches(rule).for_each(|test| bounds.add(test, written));
        bounds
    }

    fn add(&mut self, test: &Test, written: &BTreeSet<Field>) {
        match test {
            Test::All(tests) => tests.iter().for_each(|test| self.add(test, written)),
            Test::Family(family) => self.family = Some(*family),
            Test::Address(field, set) if !written.contains(field) && set.ranges().len() <= 8 => {
                self.addresses.push((*field, set.clone()));
            }
            Test::Ranges(field, ranges) if !written.contains(field) && ranges.len() <= 8 => {
                self.ranges.push((*field, ranges.clone()));
            }
            _ => {}
        }
    }

    fn may_meet(&self, other: &Self) -> bool {
        if self.family.zip(other.family).is_some_and(|(a, b)| a != b) {
            return false;
        }
        let addresses = self.addresses.iter().all(|(field, set)| {
            let twins = other.addresses.iter().filter(|(f, _)| f == field);
            twins.into_iter().all(|(_, twin)| !set.intersection(twin).is_empty())
        });
        addresses
            && self.ranges.iter().all(|(field, ranges)| {
                let mut twins = other.ranges.iter().filter(|(f, _)| f == field);
                twins.all(|(_, twin)| ranges.iter().any(|(a, b)| twin.iter().any(|(c, d)| a <= d && c <= b)))
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::drift::flows::{Moment, space_for};
    use crate::finding::Location;
    use crate::firewall::meaning::Meaning;
    use crate::firewall::{Action, Base, Chain, ChainKind, End, Hook, Table, Translation, Value};

    /// One of few ports, sources or actions: neighbours collide.
    fn rule((port, source, action): (u8, u8, u8)) -> Rule {
        let shape = source / 3;
        let port = Test::Ranges(Field::Dport, vec![(u128::from(port % 4), u128::from(port % 4) + 1)]);
        let source = Test::Ranges(Field::Sport, vec![(u128::from(source % 3), 5)]);
        let action = match action % 7 {
            0 => Action::Drop,
            1 => Action::Return,
            2 => Action::Jump(1),
            3 => Action::Goto(1),
            4 => Action::Reject,
            _ => Action::Accept,
        };
        let marks = || Step::Write(Field::Mark, Value::number(7));
        let marked = || Step::Match(Test::Ranges(Field::Mark, vec![(7, 7)]));
        let steps = match shape {
            // what stands before a match happens whether that holds or not
            1 => vec![marks(), Step::Match(port), Step::Match(source), Step::act(action)],
            2 => vec![Step::Choose(vec![(source, Action::Drop)]), Step::Match(port), Step::act(action)],
            3 => vec![marked(), Step::Match(port), Step::act(action)],
            4 => vec![Step::Choose(vec![(port, action), (source, Action::Accept)])],
            _ => vec![Step::Match(port), Step::Match(source), Step::act(action)],
        };
        Rule { steps, location: Location::within("t", "r") }
    }

    fn firewall(base: &[(u8, u8, u8)], called: &[(u8, u8, u8)], translations: u8) -> Firewall {
        let chain = |name: &str, hook: Option<(Hook, ChainKind)>, rules: Vec<Rule>| Chain {
            name: name.to_owned(),
            base: hook.map(|(hook, kind)| Base {
                hook,
                priority: 0,
                kind,
                accept: hook != Hook::Input,
                devices: Vec::new(),
                location: Location::within("t", "p"),
            }),
            rules,
        };
        // nothing jumps out of the called chain: no loops
        let inner = called.iter().map(|(p, s, a)| rule((*p, *s, a % 2)));
        let nat = Translation { end: End::Destination, fields: vec![(Field::Dport, Value::number(2))] };
        let to = |port: u128| {
            let steps = vec![
                Step::Match(Test::Ranges(Field::Dport, vec![(port, port)])),
                Step::act(Action::Translate(nat.clone())),
            ];
            Rule { steps, location: Location::within("t", "n") }
        };
        let chains = vec![
            chain("input", Some((Hook::Input, ChainKind::Filter)), base.iter().copied().map(rule).collect()),
            chain("called", None, inner.collect()),
            chain(
                "nat",
                Some((Hook::Prerouting, ChainKind::Nat)),
                [vec![], vec![to(9)], vec![to(9), to(1)]]
                    .into_iter()
                    .nth(translations.into())
                    .unwrap_or_default(),
            ),
        ];
        let families = Family::BOTH.to_vec();
        Firewall { tables: vec![Table { name: "t".to_owned(), families, chains }] }
    }

    fn rules() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
        prop::collection::vec((0u8..4, 0u8..18, 0u8..7), 0..7)
    }

    proptest! {
        #[test]
        fn the_difference_within_the_region_is_the_whole_difference(
            a in rules(), b in rules(), inner in rules(), other in rules(), nat in 0u8..3, renat in 0u8..2, same: bool
        ) {
            // often only one of the chains differs
            let (before, after) = (firewall(&a, &inner, nat), firewall(if same { &a } else { &b }, &other, if nat == 0 { 0 } else { 1 + renat }));
            let host = HostFacts { forwarding_v4: Some(true), forwarding_v6: Some(true), ..HostFacts::default() };
            let moment = |firewall| Moment { firewall, host: &host };
            let mut space = space_for(&[moment(&before), moment(&after)]).unwrap();
            let region = Region::between(&mut space, &before, &after, &host);
            let mut input = |firewall: &Firewall, region: Option<&Region>| {
                let meaning = Meaning::within(&mut space, firewall, &host, region).unwrap();
                let fresh = space.fresh();
                let all: Vec<PacketSet> = meaning.input.iter().map(|p| p.packets).collect();
                let all = space.any(all);
                space.and(all, fresh)
            };
            let (old, new) = (input(&before, None), input(&after, None));
            let (old_part, new_part) = (input(&before, region.as_ref()), input(&after, region.as_ref()));
            prop_assert_eq!(space.diff(new, old), space.diff(new_part, old_part));
            prop_assert_eq!(space.diff(old, new), space.diff(old_part, new_part));
        }
    }
}
