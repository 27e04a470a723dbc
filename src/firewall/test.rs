//! What a rule asks of a packet.

use crate::packet::{AddressSet, Atom, Family, Field, NamePattern, Packet, PacketSet, Space, State, proto};

use super::change::{Change, Current};
use super::limits::Limit;

/// A question about a packet at the point where the rule stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// Every packet.
    Always,
    /// No packet.
    Never,
    /// All of them hold.
    All(Vec<Test>),
    /// At least one holds.
    Any(Vec<Test>),
    /// It does not hold.
    Not(Box<Test>),
    /// Address family.
    Family(Family),
    /// The address in [`Field::Src`] or [`Field::Dst`] is in the set.
    Address(Field, AddressSet),
    /// The field is in one of the sorted, disjoint ranges.
    Ranges(Field, Vec<(u128, u128)>),
    /// The field, masked, equals the value: mask, value.
    Bits(Field, u128, u128),
    /// The IPv4 address in [`Field::Src`] or [`Field::Dst`], masked, equals the value: mask, value. The mask may have
    /// holes.
    Wildcard(Field, u32, u32),
    /// Connection state is one of these.
    State(Vec<State>),
    /// The interface in [`Field::In`] or [`Field::Out`] matches.
    Interface(Field, NamePattern),
    /// The address in [`Field::Src`] or [`Field::Dst`] is of this kind on this host.
    Kind(Field, AddressKind),
    /// The question is about the packet as it arrived, before any translation (conntrack's original tuple).
    Arriving(Box<Test>),
    /// Not decided by the evidence.
    Atom(Atom),
    /// A rate limit: not decided by the evidence, but comparable with another.
    Limit(Atom, Limit),
    /// About a part that plain packets lack (an extension header, an IP option): it does not hold for them, and is not
    /// decided for others.
    Rare(Atom),
}

/// Kinds of addresses on a host (`fib ... type`, `-m addrtype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// The host's own.
    Local,
    /// Broadcast.
    Broadcast,
    /// Multicast.
    Multicast,
    /// One of several hosts with the same address; the host itself is one of them.
    Anycast,
    /// None of the others.
    Unicast,
}

/// The addresses behind the kinds; `None` where the evidence does not say.
pub type KindSets<'a> = &'a dyn Fn(AddressKind) -> Option<AddressSet>;

impl Test {
    /// The opposite question.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The question, or its opposite.
    #[must_use]
    pub fn negate_if(self, negate: bool) -> Self {
        if negate { self.negate() } else { self }
    }

    /// The transport protocol is this one.
    pub fn proto(number: u8) -> Self {
        Self::Ranges(Field::Proto, vec![(number.into(), number.into())])
    }

    /// The packet carries the header of this transport protocol: not a fragment behind the first.
    pub fn header(number: u8) -> Self {
        Self::All(vec![Self::proto(number), Self::Ranges(Field::Fragment, vec![(0, 0)])])
    }

    /// The packet carries ports.
    pub fn has_ports() -> Self {
        let mut ranges: Vec<(u128, u128)> =
            proto::WITH_PORTS.iter().map(|p| (u128::from(*p), u128::from(*p))).collect();
        ranges.sort_unstable();
        Self::All(vec![Self::Ranges(Field::Proto, ranges), Self::Ranges(Field::Fragment, vec![(0, 0)])])
    }

    /// Collects the interface names and patterns in it.
    pub fn interface_patterns(&self, out: &mut Vec<NamePattern>) {
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|t| t.interface_patterns(out)),
            Self::Not(test) | Self::Arriving(test) => test.interface_patterns(out),
            Self::Interface(_, pattern) => out.push(pattern.clone()),
            _ => {}
        }
    }

    /// Collects the atoms in it.
    pub fn atoms(&self, out: &mut Vec<Atom>) {
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|t| t.atoms(out)),
            Self::Not(test) | Self::Arriving(test) => test.atoms(out),
            Self::Atom(atom) | Self::Limit(atom, _) | Self::Rare(atom) => out.push(atom.clone()),
            _ => {}
        }
    }

    /// The packets, with fields as they are where the rule stands, for which it holds.
    pub fn set(&self, space: &mut Space, kinds: KindSets<'_>) -> PacketSet {
        match self {
            Self::Always => PacketSet::TRUE,
            Self::Never => PacketSet::FALSE,
            Self::All(tests) => tests.iter().fold(PacketSet::TRUE, |all, test| {
                let set = test.set(space, kinds);
                space.and(all, set)
            }),
            Self::Any(tests) => tests.iter().fold(PacketSet::FALSE, |any, test| {
                let set = test.set(space, kinds);
                space.or(any, set)
            }),
            Self::Not(test) => !test.set(space, kinds),
            Self::Family(family) => space.family(*family),
            Self::Address(field, addresses) => space.addresses(*field, addresses),
            Self::Ranges(field, ranges) => space.ranges(*field, ranges),
            Self::Bits(field, mask, value) => space.bits(*field, *mask, *value),
            Self::Wildcard(field, mask, value) => {
                // IPv4 addresses use the first 32 of the variables
                let shift = field.bits() - u32::from(Family::Ipv4.bits());
                let set = space.bits(*field, u128::from(*mask) << shift, u128::from(*value) << shift);
                let v4 = space.family(Family::Ipv4);
                space.and(v4, set)
            }
            Self::State(states) => space.states(states),
            Self::Interface(field, pattern) => space.interface(*field, pattern),
            Self::Kind(field, kind) => match kinds(*kind) {
                Some(addresses) => space.addresses(*field, &addresses),
                None => space.atom(&kind_atom(*field, *kind)),
            },
            // sets are built over current fields; only `split` knows the arriving ones, see `Test::has_arriving`
            Self::Arriving(test) => test.set(space, kinds),
            Self::Atom(atom) | Self::Limit(atom, _) | Self::Rare(atom) => space.atom(atom),
        }
    }

    /// Whether it asks about the packet as it arrived.
    pub fn has_arriving(&self) -> bool {
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().any(Self::has_arriving),
            Self::Not(test) => test.has_arriving(),
            Self::Arriving(_) => true,
            _ => false,
        }
    }

    /// Whether it holds for one packet; unknown answers are collected.
    pub fn holds(&self, packet: &Packet, change: &Change, look: &Look<'_>, unknown: &mut Vec<Atom>) -> Truth {
        match self {
            Self::Always => Truth::Yes,
            Self::Never => Truth::No,
            Self::All(tests) => fold(tests, Truth::No, |test| test.holds(packet, change, look, unknown)),
            Self::Any(tests) => fold(tests, Truth::Yes, |test| test.holds(packet, change, look, unknown)),
            Self::Not(test) => test.holds(packet, change, look, unknown).not(),
            Self::Family(family) => Truth::from(packet.family() == *family),
            Self::Address(field, addresses) => match change.value(packet, *field) {
                Current::Known(value) => Truth::from(addresses.contains(packet.family().address(value))),
                among @ Current::Among(..) => {
                    let family = addresses.only(packet.family());
                    let ranges: Vec<(u128, u128)> =
                        family.ranges().iter().map(|r| (r.first, r.last)).collect();
                    among.within(&ranges, unknown)
                }
            },
            Self::Ranges(field, ranges) => change.value(packet, *field).within(ranges, unknown),
            Self::Wildcard(field, mask, value) if packet.family() == Family::Ipv4 => {
                change.value(packet, *field).masked((*mask).into(), (*value).into(), *field, unknown)
            }
            Self::Wildcard(..) => Truth::No,
            Self::Bits(field, mask, value) => {
                change.value(packet, *field).masked(*mask, *value, *field, unknown)
            }
            Self::State(states) => Truth::from(states.contains(&change.state(packet))),
            Self::Interface(field, pattern) => {
                let ranges: Vec<(u128, u128)> =
                    (look.interfaces)(pattern).into_iter().map(|n| (n, n)).collect();
                if *field == Field::Out && look.out_unknown && !change.has(Field::Out) {
                    return unknown_truth(unknown, out_atom());
                }
                change.value(packet, *field).within(&ranges, unknown)
            }
            Self::Kind(field, kind) => match (look.kinds)(*kind) {
                Some(addresses) => Self::Address(*field, addresses).holds(packet, change, look, unknown),
                None => unknown_truth(unknown, kind_atom(*field, *kind)),
            },
            Self::Arriving(test) => test.holds(packet, &Change::default(), look, unknown),
            Self::Rare(_) if look.plain => Truth::No,
            Self::Atom(atom) | Self::Limit(atom, _) | Self::Rare(atom) => {
                unknown_truth(unknown, atom.clone())
            }
        }
    }
}

/// What one packet's questions need from outside the packet.
pub struct Look<'a> {
    /// Addresses of each kind.
    pub kinds: KindSets<'a>,
    /// Numbers of the interfaces that a pattern stands for.
    pub interfaces: &'a dyn Fn(&NamePattern) -> Vec<u128>,
    /// The interface by which packets leave is not known.
    pub out_unknown: bool,
    /// The packet has no extension headers and no IP options.
    pub plain: bool,
}

/// Three-valued truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// The evidence does not say.
    Unknown,
}

impl Truth {
    const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// `stop` as soon as one test gives it, unknown if any is unknown, else its opposite.
fn fold(tests: &[Test], stop: Truth, mut holds: impl FnMut(&Test) -> Truth) -> Truth {
    let mut all = stop.not();
    for test in tests {
        match holds(test) {
            truth if truth == stop => return stop,
            Truth::Unknown => all = Truth::Unknown,
            _ => {}
        }
    }
    all
}

fn unknown_truth(unknown: &mut Vec<Atom>, atom: Atom) -> Truth {
    unknown.push(atom);
    Truth::Unknown
}

/// The atom for an address kind that the evidence does not decide.
fn kind_atom(field: Field, kind: AddressKind) -> Atom {
    let fact = format!("{field:?} type {kind:?}").to_lowercase();
    Atom { reason: crate::reason::Reason::HostFactMissing { fact }, occurrence: None }
}

fn out_atom() -> Atom {
    let fact = "output interface".to_owned();
    Atom { reason: crate::reason::Reason::HostFactMissing { fact }, occurrence: None }
}
