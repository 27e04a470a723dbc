//! Sets of packets over all fields, with one Boolean variable for each [`Atom`].

use std::collections::BTreeMap;

use serde::Serialize;

use super::address::{AddressSet, Family};
use super::bdd::{Bdd, Limits, Ref, Var};
use super::field::{FIRST_ATOM, Field, State};
use super::interfaces::{Interfaces, NamePattern};
use crate::reason::Reason;

/// An exact set of packets (and of values of the atoms), of one [`Space`].
pub type PacketSet = Ref;

/// One thing that the evidence does not decide: a variable of its own in every set that depends on it.
///
/// Two occurrences are the same variable, on one side or on both sides of a comparison, only if they are equal. A
/// match that depends on the packet alone needs no occurrence: the same text means the same. What has state of its
/// own (a rate limit, a set whose contents are unknown) names the place it stands at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Atom {
    /// What is not known.
    pub reason: Reason,
    /// Where it stands, for what has state of its own: the chain, and which of equal texts there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<(String, u32)>,
}

/// Most atoms in one space; beyond it the space is exhausted.
const MAX_ATOMS: u32 = 4096;

/// The place where sets of packets live and are combined.
pub struct Space {
    bdd: Bdd,
    atoms: BTreeMap<Atom, Var>,
    too_many_atoms: bool,
    interfaces: Interfaces,
}

impl Space {
    /// A space over a fixed numbering of interfaces.
    pub fn new(limits: Limits, interfaces: Interfaces) -> Self {
        Self { bdd: Bdd::new(limits), atoms: BTreeMap::new(), too_many_atoms: false, interfaces }
    }

    /// Whether a bound was hit: then no set of this space may be believed.
    pub const fn exhausted(&self) -> bool {
        self.bdd.exhausted() || self.too_many_atoms
    }

    /// The diagrams themselves.
    pub(super) const fn bdd(&self) -> &Bdd {
        &self.bdd
    }

    /// The numbering of interfaces.
    pub const fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// Number of nodes in use.
    pub const fn size(&self) -> usize {
        self.bdd.size()
    }

    /// Packets in both.
    pub fn and(&mut self, a: PacketSet, b: PacketSet) -> PacketSet {
        self.bdd.and(a, b)
    }

    /// Packets in either.
    pub fn or(&mut self, a: PacketSet, b: PacketSet) -> PacketSet {
        self.bdd.or(a, b)
    }

    /// Packets in `a` and not in `b`.
    pub fn diff(&mut self, a: PacketSet, b: PacketSet) -> PacketSet {
        self.bdd.diff(a, b)
    }

    /// Packets of `a` where `test` holds, of `b` where it does not.
    pub fn ite(&mut self, test: PacketSet, a: PacketSet, b: PacketSet) -> PacketSet {
        self.bdd.ite(test, a, b)
    }

    /// Packets in all of several sets.
    pub fn all(&mut self, sets: impl IntoIterator<Item = PacketSet>) -> PacketSet {
        sets.into_iter().fold(PacketSet::TRUE, |all, set| self.and(all, set))
    }

    /// Packets in any of several sets.
    pub fn any(&mut self, sets: impl IntoIterator<Item = PacketSet>) -> PacketSet {
        sets.into_iter().fold(PacketSet::FALSE, |any, set| self.or(any, set))
    }

    /// Packets of one family.
    pub fn family(&mut self, family: Family) -> PacketSet {
        let v6 = self.bdd.var(Field::Family.first());
        if family == Family::Ipv6 { v6 } else { !v6 }
    }

    /// Packets whose `field` holds a number in one of the sorted, disjoint ranges. For addresses see
    /// [`Space::addresses`].
    pub fn ranges(&mut self, field: Field, ranges: &[(u128, u128)]) -> PacketSet {
        self.bdd.ranges(field.first(), field.bits(), ranges)
    }

    /// Packets whose `field` holds this number.
    pub fn number(&mut self, field: Field, value: u128) -> PacketSet {
        self.ranges(field, &[(value, value)])
    }

    /// Packets whose `field`, masked, equals `value`; addresses of each family as the number that they are.
    pub fn bits(&mut self, field: Field, mask: u128, value: u128) -> PacketSet {
        if !matches!(field, Field::Src | Field::Dst) {
            return self.bits_of(field, field.bits(), mask, value);
        }
        let [v4, v6] = Family::BOTH.map(|family| self.bits_of(field, family.bits().into(), mask, value));
        self.bdd.node(Field::Family.first(), v4, v6)
    }

    fn bits_of(&mut self, field: Field, width: u32, mask: u128, value: u128) -> PacketSet {
        let beyond = value.checked_shr(width).unwrap_or(0) != 0;
        if value & !mask != 0 || beyond {
            return PacketSet::FALSE;
        }
        let mut set = PacketSet::TRUE;
        for shift in (0..width).filter(|shift| mask >> shift & 1 == 1) {
            let var = field.first() + width - 1 - shift;
            set = if value >> shift & 1 == 1 {
                self.bdd.node(var, PacketSet::FALSE, set)
            } else {
                self.bdd.node(var, set, PacketSet::FALSE)
            };
        }
        set
    }

    /// Packets whose address in `field` ([`Field::Src`] or [`Field::Dst`]) is in the set.
    pub fn addresses(&mut self, field: Field, addresses: &AddressSet) -> PacketSet {
        let [v4, v6] = Family::BOTH.map(|family| {
            let ranges: Vec<(u128, u128)> =
                addresses.ranges().iter().filter(|r| r.family == family).map(|r| (r.first, r.last)).collect();
            self.bdd.ranges(field.first(), u32::from(family.bits()), &ranges)
        });
        self.bdd.node(Field::Family.first(), v4, v6)
    }

    /// Packets in one of these connection states.
    pub fn states(&mut self, states: &[State]) -> PacketSet {
        let sets: Vec<PacketSet> = states.iter().map(|s| self.number(Field::State, s.number())).collect();
        self.any(sets)
    }

    /// Packets whose interface in `field` ([`Field::In`] or [`Field::Out`]) matches.
    pub fn interface(&mut self, field: Field, pattern: &NamePattern) -> PacketSet {
        let ranges: Vec<(u128, u128)> = self.interfaces.matching(pattern).map(|n| (n, n)).collect();
        self.ranges(field, &ranges)
    }

    /// How much work was done so far, in steps of the engine.
    pub const fn steps(&self) -> u64 {
        self.bdd.steps()
    }

    /// The set in which an atom is true.
    pub fn atom(&mut self, atom: &Atom) -> PacketSet {
        let next = FIRST_ATOM + u32::try_from(self.atoms.len()).unwrap_or(MAX_ATOMS);
        let var = match self.atoms.get(atom) {
            Some(var) => *var,
            None if next >= FIRST_ATOM + MAX_ATOMS => {
                self.too_many_atoms = true;
                return PacketSet::FALSE;
            }
            None => *self.atoms.entry(atom.clone()).or_insert(next),
        };
        self.bdd.var(var)
    }

    /// Packets that are inside whatever the atoms' values.
    pub fn certain(&mut self, set: PacketSet) -> PacketSet {
        if self.atoms.is_empty() {
            return set;
        }
        self.bdd.for_all(set, FIRST_ATOM, Var::MAX)
    }

    /// Packets that are inside for some values of the atoms.
    pub fn possible(&mut self, set: PacketSet) -> PacketSet {
        if self.atoms.is_empty() {
            return set;
        }
        self.bdd.exists(set, FIRST_ATOM, Var::MAX)
    }

    /// Packets that are inside at some moment: whatever changes by itself may have any value.
    pub fn at_some_moment(&mut self, set: PacketSet) -> PacketSet {
        if self.atoms.is_empty() {
            return set;
        }
        let support = self.bdd.support(set, FIRST_ATOM, Var::MAX);
        let by_itself = |(atom, var): (&Atom, &Var)| {
            (matches!(atom.reason, Reason::RunTime { .. }) && support.contains(var)).then_some(*var)
        };
        let moments: Vec<Var> = self.atoms.iter().filter_map(by_itself).collect();
        moments.into_iter().fold(set, |set, var| self.bdd.exists(set, var, var + 1))
    }

    /// The atoms that a set depends on.
    pub fn atoms_of(&self, set: PacketSet) -> Vec<&Atom> {
        let support = self.bdd.support(set, FIRST_ATOM, Var::MAX);
        if support.is_empty() {
            return Vec::new();
        }
        self.atoms.iter().filter(|(_, var)| support.contains(var)).map(|(atom, _)| atom).collect()
    }

    /// The set with `field` no longer looked at: packets for which some value of it would be inside.
    pub fn forget(&mut self, set: PacketSet, field: Field) -> PacketSet {
        self.bdd.exists(set, field.first(), field.end())
    }

    /// The same with several fields, in one go.
    pub fn forget_all(&mut self, set: PacketSet, fields: &[Field]) -> PacketSet {
        let ranges: Vec<(Var, Var)> = fields.iter().map(|field| (field.first(), field.end())).collect();
        self.bdd.exists_within(set, &ranges)
    }

    /// Whether membership depends on `field`.
    pub fn depends_on(&self, set: PacketSet, field: Field) -> bool {
        self.bdd.depends_on(set, field.first(), field.end())
    }

    /// The packets that are in `set` after their fields were changed: `value` gives what became of a variable.
    pub fn before_change(&mut self, set: PacketSet, value: &dyn Fn(Var) -> Option<PacketSet>) -> PacketSet {
        self.bdd.substitute(set, value)
    }

    /// Packets that can exist: states and interfaces have only the numbers in use.
    pub fn legal(&mut self) -> PacketSet {
        let states = self.ranges(Field::State, &[(0, State::Untracked.number())]);
        let last = self.interfaces.last();
        let arriving = self.ranges(Field::In, &[(0, last)]);
        let leaving = self.ranges(Field::Out, &[(0, last)]);
        self.all([states, arriving, leaving])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Packet, proto};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masked_addresses_are_those_of_single_packets(
            v6: bool, address in 0u128..16, mask in 0u128..16, value in 0u128..16, high: bool
        ) {
            let family = if v6 { Family::Ipv6 } else { Family::Ipv4 };
            // the lowest bits, and the highest
            let shift = if high { u32::from(family.bits()) - 4 } else { 0 };
            let [address, mask, value] = [address, mask, value].map(|n| n << shift);
            let mut space = Space::new(Limits::default(), Interfaces::new([]).unwrap());
            let set = space.bits(Field::Src, mask, value);
            let address = family.address(address);
            let packet = Packet::new(address, family.address(0), proto::TCP).unwrap();
            prop_assert_eq!(space.contains(set, &packet), packet.get(Field::Src) & mask == value);
        }
    }
}
