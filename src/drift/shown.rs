//! Flow sets as they are shown: without the holes that say nothing.
//!
//! A host throws away what pretends to come from itself or from nowhere ([`Intake`]). Written out, every "from anywhere"
//! would be a list of the ranges between such addresses. Where a set holds both neighbours of such a range, the range is
//! shown as well: nobody can send those packets.

use crate::firewall::intake::Intake;
use crate::host::HostFacts;
use crate::packet::{AddressRange, AddressSet, Family, Field, NamePattern, PacketSet, Prefix, Space};

/// More ranges than this are left as they are.
const MAX_RANGES: usize = 256;

/// What nobody can send to a host.
pub(super) struct Shown {
    intake: Intake,
}

impl Shown {
    pub(super) fn new(host: &HostFacts) -> Self {
        Self { intake: Intake::new(host, host.ways_out().as_deref()) }
    }

    /// The set as it is shown; `translated` says that its destinations are not where packets go.
    pub(super) fn of(&self, space: &mut Space, set: PacketSet, translated: bool) -> PacketSet {
        let mut set = set;
        if !translated {
            set = filled(space, set, Field::Dst, &self.intake.no_destination);
        }
        set = filled(space, set, Field::Src, &self.intake.no_source);
        self.without_idle(space, set)
    }

    /// Where interfaces let in different sources, each has a line of its own. What all of them let in, the loopback
    /// interface and interfaces that are not there let in too: that is not worth a line.
    fn without_idle(&self, space: &mut Space, set: PacketSet) -> PacketSet {
        let numbers: Vec<u128> =
            self.intake.apart.iter().map(|name| space.interfaces().number(name)).collect();
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
        let v4 = space.family(Family::Ipv4);
        let here = space.number(Field::In, 0);
        let idle = space.all([everywhere, v4, !there, !here]);
        space.diff(set, idle)
    }
}

/// The set with the ranges of a field both of whose neighbours it holds.
fn filled(space: &mut Space, set: PacketSet, field: Field, ranges: &AddressSet) -> PacketSet {
    if ranges.ranges().len() > MAX_RANGES {
        return set;
    }
    let inside = NamePattern::Exact("lo".to_owned());
    let inside = space.interface(Field::In, &inside);
    let here = space.number(Field::In, 0);
    // these are real packets to everybody, whatever their source
    let asking: AddressSet =
        ["255.255.255.255/32", "224.0.0.0/4"].iter().filter_map(|t| t.parse::<Prefix>().ok()).collect();
    let asking = space.addresses(Field::Dst, &asking);
    let mut out = set;
    for range in ranges.ranges() {
        let below = range.first.checked_sub(1).map(|n| at(space, set, field, range.family, n));
        let above = (range.last < range.family.highest()).then_some(range.last.wrapping_add(1));
        let above = above.map(|n| at(space, set, field, range.family, n));
        let (Some(below), Some(above)) = (below.or(above), above.or(below)) else { continue };
        let hole: AddressSet = [*range].into_iter().collect();
        let hole = space.addresses(field, &hole);
        let fill = space.all([below, above, hole, !inside, !here, !asking]);
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
