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

/// What must hold for a rule to do anything at all.
fn matches(rule: &Rule) -> impl Iterator<Item = &Test> {
    // what stands behind a write may look at what was written: those fields are forgotten
    rule.steps.iter().filter_map(|step| if let Step::Match(test) = step { Some(test) } else { None })
}

/// What must hold for one of the options of a rule to be taken, where nothing else in it does anything.
fn chosen(rule: &Rule) -> Option<Test> {
    let mut options = None;
    for step in &rule.steps {
        match step {
            Step::Match(_) => {}
            Step::Choose(tests) if options.is_none() => {
                options = Some(Test::Any(tests.iter().map(|(test, _)| test.clone()).collect()));
            }
            _ => return None,
        }
    }
    options
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
