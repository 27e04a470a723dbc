//! Flow sets as they are shown: without the holes and the leftovers that say nothing.
//!
//! A host throws away what pretends to come from itself or from nowhere ([`Intake`]). Written out, every "from anywhere"
//! would be a list of the ranges between such addresses: so packets that nobody can send are shown as well. What the
//! host can only send to itself, and what a host sends that asks for its address, would be a line beside it: it is not
//! shown where the same services are shown as open from outside.

use crate::firewall::intake::Intake;
use crate::host::HostFacts;
use crate::packet::{AddressRange, AddressSet, Family, Field, NamePattern, PacketSet, Prefix, Space};

/// More ranges than this are left as they are.
const MAX_RANGES: usize = 256;

/// What nobody can send to a host.
pub(super) struct Shown {
    intake: Intake,
    broadcast: AddressSet,
}

/// Which neighbours of a range speak for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Neighbours {
    Both,
    Below,
}

impl Shown {
    pub(super) fn new(host: &HostFacts) -> Self {
        let intake = Intake::new(host, host.ways_out().as_deref());
        let broadcast = host.broadcast().unwrap_or_default().intersection(&intake.no_source);
        Self { intake, broadcast }
    }

    /// The set as it is shown; `translated` says that its destinations are not where packets go.
    pub(super) fn of(&self, space: &mut Space, set: PacketSet, translated: bool) -> PacketSet {
        let here = space.number(Field::In, 0);
        let inside = space.interface(Field::In, &NamePattern::Exact("lo".to_owned()));
        let nobody = space.addresses(Field::Src, &addresses("0.0.0.0/32"));
        let idle = space.or(inside, nobody);
        let mut shown = space.and(set, here);
        let arriving = space.diff(set, here);
        for family in Family::BOTH {
            let only = space.family(family);
            let part = space.and(arriving, only);
            let outside = space.diff(part, idle);
            let outside = self.without_holes(space, outside, translated);
            let outside = space.and(outside, only);
            let services = [Field::In, Field::Dst, Field::Src].into_iter();
            let services = services.fold(outside, |set, field| space.forget(set, field));
            let left = space.and(part, idle);
            let left = space.diff(left, services);
            let outside = if family == Family::Ipv4 { self.without_absent(space, outside) } else { outside };
            let outside = by_any(space, outside);
            shown = space.any([shown, outside, left]);
        }
        shown
    }

    fn without_holes(&self, space: &mut Space, set: PacketSet, translated: bool) -> PacketSet {
        let (both, mut set) = (Neighbours::Both, set);
        if !translated {
            set = filled(space, set, Field::Dst, &self.intake.no_destination, both);
        }
        set = filled(space, set, Field::Src, &self.broadcast, Neighbours::Below);
        filled(space, set, Field::Src, &self.intake.no_source, both)
    }

    /// Where interfaces let in different sources, each has a line of its own. What all of them let in is not worth
    /// another one for interfaces that are not there.
    fn without_absent(&self, space: &mut Space, set: PacketSet) -> PacketSet {
        let names = &self.intake.apart;
        let numbers: Vec<u128> = names.iter().map(|name| space.interfaces().number(name)).collect();
        if numbers.is_empty() {
            return set;
        }
        let mut everywhere = PacketSet::TRUE;
        let mut there = PacketSet::FALSE;
        for number in numbers {
            let by = space.number(Field::In, number);
            there = space.or(there, by);
            let part = space.and(set, by);
            let part = space.forget(part, Field::In);
            let part = space.forget(part, Field::Src);
            everywhere = space.and(everywhere, part);
        }
        let absent = space.diff(everywhere, there);
        space.diff(set, absent)
    }
}

/// The set with the loopback interface where all other interfaces are in it.
fn by_any(space: &mut Space, outside: PacketSet) -> PacketSet {
    let last = space.interfaces().last();
    let all = space.ranges(Field::In, &[(1, last)]);
    let inside = space.interface(Field::In, &NamePattern::Exact("lo".to_owned()));
    let others = space.diff(all, inside);
    let lacking = space.diff(others, outside);
    let lacking = space.forget(lacking, Field::In);
    let whole = space.forget(outside, Field::In);
    let whole = space.diff(whole, lacking);
    let whole = space.and(whole, inside);
    space.or(outside, whole)
}

fn addresses(prefix: &str) -> AddressSet {
    prefix.parse::<Prefix>().map(AddressSet::from).unwrap_or_default()
}

/// The set with those ranges of a field whose neighbours it holds.
fn filled(
    space: &mut Space,
    set: PacketSet,
    field: Field,
    ranges: &AddressSet,
    neighbours: Neighbours,
) -> PacketSet {
    if ranges.ranges().len() > MAX_RANGES {
        return set;
    }
    let mut out = set;
    for range in ranges.ranges() {
        let below = range.first.checked_sub(1).map(|n| at(space, set, field, range.family, n));
        let above = range.last.checked_add(1).filter(|n| *n <= range.family.highest());
        let above = above.filter(|_| neighbours == Neighbours::Both);
        let above = above.map(|n| at(space, set, field, range.family, n));
        let (Some(below), Some(above)) = (below.or(above), above.or(below)) else { continue };
        let hole: AddressSet = [*range].into_iter().collect();
        let hole = space.addresses(field, &hole);
        let fill = space.all([below, above, hole]);
        out = space.or(out, fill);
    }
    out
}

/// What is left of a set where a field holds one address: the other fields of its packets.
fn at(space: &mut Space, set: PacketSet, field: Field, family: Family, number: u128) -> PacketSet {
    let range: AddressSet = [AddressRange { family, first: number, last: number }].into_iter().collect();
    let one = space.addresses(field, &range);
    let part = space.and(set, one);
    space.forget(part, field)
}
