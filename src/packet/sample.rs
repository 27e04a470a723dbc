//! One concrete packet, and how a telling one is picked from a set.

use std::net::IpAddr;

use super::address::{Family, number};
use super::bdd::Var;
use super::field::{Field, State};
use super::space::{PacketSet, Space};

/// One packet as it arrives (or as it is made on the host): a value for every field.
///
/// Interfaces are numbers of the space's [`super::Interfaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packet {
    values: [u128; Field::COUNT],
}

impl Packet {
    /// A packet from one address to another with this protocol; everything else 0, connection state new.
    ///
    /// `None` when the addresses are of different families.
    pub fn new(src: IpAddr, dst: IpAddr, proto: u8) -> Option<Self> {
        let family = Family::of(src);
        (Family::of(dst) == family).then(|| {
            Self::unspecified()
                .with(Field::Family, u128::from(family == Family::Ipv6))
                .with(Field::Src, number(src))
                .with(Field::Dst, number(dst))
                .with(Field::Proto, u128::from(proto))
        })
    }

    /// A packet in which every field is 0.
    pub const fn unspecified() -> Self {
        Self { values: [0; Field::COUNT] }
    }

    /// The value of a field.
    pub fn get(&self, field: Field) -> u128 {
        self.values.get(field as usize).copied().unwrap_or(0)
    }

    /// The packet with another value in a field; bits beyond the field's width are cut.
    #[must_use]
    pub fn with(mut self, field: Field, value: u128) -> Self {
        let width = if field == Field::Src || field == Field::Dst { 128 } else { field.bits() };
        if let Some(slot) = self.values.get_mut(field as usize) {
            *slot = value & 1u128.checked_shl(width).map_or(u128::MAX, |n| n - 1);
        }
        self
    }

    /// Address family.
    pub fn family(&self) -> Family {
        if self.get(Field::Family) == 0 { Family::Ipv4 } else { Family::Ipv6 }
    }

    /// Source address.
    pub fn src(&self) -> IpAddr {
        self.family().address(self.get(Field::Src))
    }

    /// Destination address.
    pub fn dst(&self) -> IpAddr {
        self.family().address(self.get(Field::Dst))
    }

    /// Connection state.
    pub fn state(&self) -> State {
        State::ALL.into_iter().find(|s| s.number() == self.get(Field::State)).unwrap_or(State::Invalid)
    }

    /// The value of one variable of the space.
    pub fn bit(&self, var: Var) -> bool {
        let Some(field) = Field::of(var) else { return false };
        let from_top = var - field.first();
        let width = match field {
            Field::Src | Field::Dst => u32::from(self.family().bits()),
            _ => field.bits(),
        };
        from_top < width && self.get(field) >> (width - 1 - from_top) & 1 == 1
    }

    fn set_bit(&mut self, var: Var, bit: bool) {
        let Some(field) = Field::of(var) else { return };
        let width = match field {
            Field::Src | Field::Dst => u32::from(self.family().bits()),
            _ => field.bits(),
        };
        let from_top = var - field.first();
        if from_top < width {
            let one = 1u128 << (width - 1 - from_top);
            let value = self.get(field);
            *self = self.with(field, if bit { value | one } else { value & !one });
        }
    }
}

impl Space {
    /// Whether a set holds a packet, all atoms being false.
    pub fn contains(&self, set: PacketSet, packet: &Packet) -> bool {
        self.bdd().holds(set, &|var| packet.bit(var))
    }

    /// A packet of the set: inside as many of the preferred sets as possible, earlier ones first, and as like
    /// `model` as the set allows. `None` for the empty set.
    pub fn witness(&mut self, set: PacketSet, prefer: &[PacketSet], model: &Packet) -> Option<Packet> {
        let mut set = set;
        for wish in prefer {
            let narrowed = self.and(set, *wish);
            if narrowed != PacketSet::FALSE {
                set = narrowed;
            }
        }
        if set == PacketSet::FALSE {
            return None;
        }
        // the family decides how wide addresses are, so it is settled first
        let mut packet = *model;
        let mut at = set;
        while !at.is_constant() {
            let var = self.bdd().top(at);
            let (low, high) = self.bdd().branches(at);
            let bit = if packet.bit(var) { high != PacketSet::FALSE } else { low == PacketSet::FALSE };
            if var == Field::Family.first() && bit != packet.bit(var) {
                packet = packet.with(Field::Src, 0).with(Field::Dst, 0);
            }
            packet.set_bit(var, bit);
            at = if bit { high } else { low };
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{AddressSet, Interfaces, Limits, Prefix};

    #[test]
    fn the_witness_is_like_the_model_where_it_can_be() {
        let mut space = Space::new(Limits::default(), Interfaces::new([]).unwrap());
        let net: AddressSet = ["203.0.113.0/28".parse::<Prefix>().unwrap()].into_iter().collect();
        let dst = space.addresses(Field::Dst, &net);
        let port = space.ranges(Field::Dport, &[(8000, 8099)]);
        let set = space.and(dst, port);
        let v4 = space.family(Family::Ipv4);
        let model =
            Packet::new("198.51.100.77".parse().unwrap(), "203.0.113.10".parse().unwrap(), 6).unwrap();
        let found = space.witness(set, &[v4], &model).unwrap();
        assert!(space.contains(set, &found));
        assert_eq!((found.src(), found.dst()), (model.src(), model.dst()));
        assert_eq!(found.get(Field::Dport), 8000);
        let six = AddressSet::from("2001:db8::/32".parse::<Prefix>().unwrap());
        let six = space.addresses(Field::Dst, &six);
        let found = space.witness(six, &[v4], &model).unwrap();
        assert_eq!(found.dst().to_string(), "2001:db8::");
        assert!(space.witness(PacketSet::FALSE, &[], &model).is_none());
    }
}
