//! What has happened to a packet since it arrived: fields that rules wrote or translation replaced.

use std::collections::BTreeMap;

use crate::packet::{Atom, Field, Packet, State};

use super::test::Truth;

/// The value of a field after it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The bits in `mask` have these values, the others are as they were.
    Bits {
        /// Which bits are written.
        mask: u128,
        /// What they became; zero outside the mask.
        value: u128,
    },
    /// One of these numbers, the evidence does not say which. The atom names who chooses.
    Among {
        /// Sorted, disjoint ranges; not empty.
        ranges: Vec<(u128, u128)>,
        /// The choice.
        choice: Atom,
    },
}

impl Value {
    /// A whole field becomes this number.
    pub const fn number(value: u128) -> Self {
        Self::Bits { mask: u128::MAX, value }
    }
}

/// Written fields. Two branches of packets with equal changes can be joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    fields: BTreeMap<Field, Value>,
}

impl Change {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether a field was written.
    pub fn has(&self, field: Field) -> bool {
        self.fields.contains_key(&field)
    }

    /// What was written into a field.
    pub fn get(&self, field: Field) -> Option<&Value> {
        self.fields.get(&field)
    }

    /// Every written field.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &Value)> {
        self.fields.iter().map(|(field, value)| (*field, value))
    }

    /// Writes a field; bits outside the mask keep what an earlier write gave them.
    pub fn set(&mut self, field: Field, value: Value) {
        let value = match (value, self.fields.get(&field)) {
            (Value::Bits { mask, value }, Some(Value::Bits { mask: old_mask, value: old })) => {
                Value::Bits { mask: mask | old_mask, value: value | (old & !mask) }
            }
            // some bits over an unknown number: still unknown, in every bit
            (Value::Bits { mask, .. }, Some(Value::Among { choice, .. })) if !whole(field, mask) => {
                Value::Among { ranges: vec![(0, low_bits(field.bits()))], choice: choice.clone() }
            }
            (value, _) => value,
        };
        self.fields.insert(field, value);
    }

    /// Forgets that a field was written.
    pub fn unset(&mut self, field: Field) {
        self.fields.remove(&field);
    }

    /// The connection state where the rule stands.
    pub fn state(&self, packet: &Packet) -> State {
        match self.fields.get(&Field::State) {
            Some(Value::Bits { value, .. }) => {
                State::ALL.into_iter().find(|s| s.number() == *value).unwrap_or(State::Invalid)
            }
            _ => packet.state(),
        }
    }

    /// The value of a field of a packet after the change.
    pub fn value(&self, packet: &Packet, field: Field) -> Current<'_> {
        match self.fields.get(&field) {
            None => Current::Known(packet.get(field)),
            Some(Value::Bits { mask, value }) => Current::Known((packet.get(field) & !mask) | value),
            Some(Value::Among { ranges, choice }) => Current::Among(ranges, choice),
        }
    }

    /// The packet after the change; a field with several possible values gets the first of them.
    pub fn apply(&self, packet: &Packet) -> Packet {
        self.fields.keys().fold(*packet, |changed, field| match self.value(packet, *field) {
            Current::Known(value) => changed.with(*field, value),
            Current::Among(ranges, _) => changed.with(*field, ranges.first().map_or(0, |r| r.0)),
        })
    }
}

fn whole(field: Field, mask: u128) -> bool {
    let all = low_bits(field.bits());
    mask & all == all
}

pub(super) fn low_bits(bits: u32) -> u128 {
    1u128.checked_shl(bits).map_or(u128::MAX, |n| n - 1)
}

/// The value of a field where a rule stands.
pub enum Current<'a> {
    /// This number.
    Known(u128),
    /// One of these ranges.
    Among(&'a [(u128, u128)], &'a Atom),
}

impl Current<'_> {
    /// Whether it lies within sorted ranges.
    pub(super) fn within(&self, ranges: &[(u128, u128)], unknown: &mut Vec<Atom>) -> Truth {
        let inside = |first: u128, last: u128| {
            let at = ranges.partition_point(|r| r.1 < first);
            ranges.get(at).map_or(Truth::No, |r| {
                if r.0 <= first && last <= r.1 {
                    Truth::Yes
                } else if r.0 <= last {
                    Truth::Unknown
                } else {
                    Truth::No
                }
            })
        };
        match self {
            Self::Known(value) => inside(*value, *value),
            Self::Among(among, choice) => {
                let mut truths = among.iter().map(|(first, last)| inside(*first, *last));
                let first = truths.next().unwrap_or(Truth::Unknown);
                if first != Truth::Unknown && truths.all(|t| t == first) {
                    return first;
                }
                unknown.push((*choice).clone());
                Truth::Unknown
            }
        }
    }

    /// Whether its bits under a mask equal a value.
    pub(super) fn masked(&self, mask: u128, want: u128, field: Field, unknown: &mut Vec<Atom>) -> Truth {
        match self {
            Self::Known(value) => Truth::from(value & mask == want),
            Self::Among(..) if whole(field, mask) => self.within(&[(want, want)], unknown),
            Self::Among(_, choice) => {
                unknown.push((*choice).clone());
                Truth::Unknown
            }
        }
    }
}
