//! All packets at once: rulesets as exact packet sets.
//!
//! Chains that change nothing are folded into what they accept and what they return (`fold`); chains that write or
//! translate are walked branch by branch.

mod fold;

use std::collections::HashMap;

use crate::host::HostFacts;
use crate::packet::{Atom, Family, Field, PacketSet, Space};

use super::calls::changing_chains;
use super::change::{Change, Value, low_bits};
use super::path::{Kinds, Path, Start};
use super::region::Region;
use super::test::Test;
use super::walk::{Branch, By, Decision, Domain, part};
use super::{ChainId, Firewall, Hook, Table};
use fold::Fold;

/// What a firewall lets through, as sets of packets as they arrive.
#[derive(Debug, Clone, Default)]
pub struct Meaning {
    /// To the host itself.
    pub input: Vec<Passage>,
    /// Through the host.
    pub forward: Vec<Passage>,
    /// Made on the host.
    pub output: Vec<Passage>,
}

/// Packets that pass with the same changes.
#[derive(Debug, Clone)]
pub struct Passage {
    /// The packets as they arrive.
    pub packets: PacketSet,
    /// What is different when they leave.
    pub change: Change,
}

/// The evaluation would need more than the space's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ruleset is too large to be evaluated within the limits")]
pub struct TooComplex;

impl Meaning {
    /// Works out what passes.
    ///
    /// # Errors
    /// [`TooComplex`] when the space's limits are hit; then nothing is known.
    pub fn of(space: &mut Space, firewall: &Firewall, host: &HostFacts) -> Result<Self, TooComplex> {
        Self::within(space, firewall, host, None)
    }

    /// Works out what passes of the packets of a region.
    ///
    /// # Errors
    /// [`TooComplex`] as for [`Meaning::of`].
    pub fn within(
        space: &mut Space,
        firewall: &Firewall,
        host: &HostFacts,
        region: Option<&Region>,
    ) -> Result<Self, TooComplex> {
        let path = Path::new(firewall, host);
        let mut all = AllPackets::new(space, &path.kinds, region);
        let legal = all.space.legal();
        let legal = region.map_or(legal, |region| all.space.and(legal, region.packets));
        let here = all.space.number(Field::In, 0);
        let arriving = Branch { flow: all.space.diff(legal, here), change: Change::default() };
        let made = Branch { flow: all.space.and(legal, here), change: Change::default() };
        let passed = path.follow(&mut all, arriving, Start::Arriving { local: None });
        let made = path.follow(&mut all, made, Start::Made);
        let too_complex = all.gave_up || all.space.exhausted();
        let passages = |branches: Vec<Branch<PacketSet>>| {
            branches.into_iter().map(|b| Passage { packets: b.flow, change: b.change }).collect()
        };
        let meaning = Self {
            input: passages(passed.input),
            forward: passages(passed.forward),
            output: passages(made.output),
        };
        if too_complex { Err(TooComplex) } else { Ok(meaning) }
    }
}

/// The domain of all packets.
struct AllPackets<'a> {
    space: &'a mut Space,
    kinds: &'a Kinds,
    /// Outside of it, sets need not be right.
    region: Option<&'a Region>,
    /// By table (its address) and chain: what the chain accepts, what it returns; `None` while it is being made.
    folded: HashMap<(usize, ChainId), Option<Fold>>,
    /// What base chains let through.
    passing: HashMap<(usize, ChainId), PacketSet>,
    changing: HashMap<usize, Vec<bool>>,
    gave_up: bool,
}

impl Domain for AllPackets<'_> {
    type Flow = PacketSet;

    fn split(&mut self, branch: &Branch<PacketSet>, test: &Test) -> (Option<PacketSet>, Option<PacketSet>) {
        let holds = self.holds(branch, test);
        let some = |set: PacketSet| (set != PacketSet::FALSE).then_some(set);
        let yes = self.space.and(branch.flow, holds);
        let no = self.space.diff(branch.flow, holds);
        (some(yes), some(no))
    }

    fn join(&mut self, a: PacketSet, b: PacketSet) -> PacketSet {
        self.space.or(a, b)
    }

    fn decide(&mut self, branch: &Branch<PacketSet>, _: Decision, _: By<'_>) -> PacketSet {
        branch.flow
    }

    fn shortcut(
        &mut self,
        table: &Table,
        id: ChainId,
        branch: &Branch<PacketSet>,
    ) -> Option<Option<PacketSet>> {
        let changing = self.changing.entry(address(table)).or_insert_with(|| changing_chains(table));
        if changing.get(id).copied().unwrap_or(true) {
            return None;
        }
        let passes = self.passes(table, id);
        let passes = self.arriving(branch, passes);
        let through = self.space.and(branch.flow, passes);
        Some((through != PacketSet::FALSE).then_some(through))
    }

    fn interface(&self, name: &str) -> u128 {
        self.space.interfaces().number(name)
    }

    fn enter(&mut self, _: Hook) {}

    fn give_up(&mut self) {
        self.gave_up = true;
    }
}

fn address(table: &Table) -> usize {
    std::ptr::from_ref(table).addr()
}

impl<'a> AllPackets<'a> {
    fn new(space: &'a mut Space, kinds: &'a Kinds, region: Option<&'a Region>) -> Self {
        Self {
            space,
            kinds,
            region,
            folded: HashMap::new(),
            passing: HashMap::new(),
            changing: HashMap::new(),
            gave_up: false,
        }
    }

    /// The packets as they arrive for which a test holds where the branch stands.
    fn holds(&mut self, branch: &Branch<PacketSet>, test: &Test) -> PacketSet {
        if !test.has_arriving() {
            let set = self.set(test);
            return self.arriving(branch, set);
        }
        match test {
            Test::Arriving(inner) => self.set(inner),
            Test::Not(inner) => !self.holds(branch, inner),
            Test::All(tests) => tests.iter().fold(PacketSet::TRUE, |all, test| {
                let set = self.holds(branch, test);
                self.space.and(all, set)
            }),
            Test::Any(tests) => tests.iter().fold(PacketSet::FALSE, |any, test| {
                let set = self.holds(branch, test);
                self.space.or(any, set)
            }),
            other => self.set(other),
        }
    }

    fn set(&mut self, test: &Test) -> PacketSet {
        let kinds = self.kinds;
        test.set(self.space, &|kind| kinds.get(kind))
    }

    /// Pulls a set over current fields back to packets as they arrive.
    fn arriving(&mut self, branch: &Branch<PacketSet>, set: PacketSet) -> PacketSet {
        let written: Vec<(Field, &Value)> =
            branch.change.iter().filter(|(field, _)| self.space.depends_on(set, *field)).collect();
        if written.is_empty() {
            return set;
        }
        let v4 = self.space.family(Family::Ipv4);
        let wide = self.space.and(branch.flow, v4) == PacketSet::FALSE;
        let mut set = set;
        for (field, value) in written {
            let bits = match field {
                Field::Src | Field::Dst if !wide => u32::from(Family::Ipv4.bits()),
                _ => field.bits(),
            };
            set = match value {
                Value::Bits { mask, value } => self.constant(set, field, bits, *mask, *value),
                Value::Among { ranges, choice } => self.among(set, field, bits, ranges, choice),
            };
        }
        set
    }

    fn constant(&mut self, set: PacketSet, field: Field, bits: u32, mask: u128, value: u128) -> PacketSet {
        self.space.before_change(set, &|var| {
            let shift = (field.first() + bits).checked_sub(1 + var).filter(|_| var >= field.first())?;
            let constant = if value >> shift & 1 == 1 { PacketSet::TRUE } else { PacketSet::FALSE };
            (mask >> shift & 1 == 1).then_some(constant)
        })
    }

    /// The field holds one of `ranges`: the bits in which these differ become variables of the choice. Values that
    /// are none of them count as the first, so that "for all choices" and "for some choice" speak of real ones only.
    fn among(
        &mut self,
        set: PacketSet,
        field: Field,
        bits: u32,
        ranges: &[(u128, u128)],
        choice: &Atom,
    ) -> PacketSet {
        let Some(first) = ranges.first().map(|r| r.0) else { return PacketSet::FALSE };
        let differ = ranges.iter().fold(0, |d, (low, high)| d | (low ^ first) | (high ^ first));
        let free = low_bits(128 - differ.leading_zeros());
        let variables: Vec<PacketSet> = (0..bits)
            .map(|shift| match free >> shift & 1 {
                1 => self.space.atom(&part(choice, &format!("{field:?}{shift}"))),
                _ if first >> shift & 1 == 1 => PacketSet::TRUE,
                _ => PacketSet::FALSE,
            })
            .collect();
        let replace = |var| {
            let shift = (field.first() + bits).checked_sub(1 + var).filter(|_| var >= field.first())?;
            variables.get(usize::try_from(shift).ok()?).copied()
        };
        let whole_field = if bits == 32 && field.bits() == 128 {
            let set = ranges.iter().map(|r| crate::packet::AddressRange {
                family: Family::Ipv4,
                first: r.0,
                last: r.1,
            });
            let v4 = self.space.family(Family::Ipv4);
            let addresses = self.space.addresses(field, &set.collect());
            self.space.ite(v4, addresses, PacketSet::FALSE)
        } else {
            self.space.ranges(field, ranges)
        };
        let whole_field = self.space.forget(whole_field, Field::Family);
        let real = self.space.before_change(whole_field, &replace);
        let chosen = self.space.before_change(set, &replace);
        let fallback = self.constant(set, field, bits, u128::MAX, first);
        self.space.ite(real, chosen, fallback)
    }
}
