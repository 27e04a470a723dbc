//! Which entry of an ordered list of networks an address meets first, by binary search.
//!
//! A list of ten thousand networks is asked for thousands of addresses; and the ranges between its boundaries are
//! exactly the client classes that the list distinguishes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::packet::address::{AddressRange, AddressSet, Family, number};

/// Disjoint address ranges, sorted, each with the number of the first entry that covers it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Partition {
    ranges: Vec<(AddressRange, usize)>,
}

impl Partition {
    /// The partition of a list in which the first matching entry wins.
    pub fn first_match(entries: &[AddressSet]) -> Self {
        let mut ranges = Vec::new();
        for family in Family::BOTH {
            sweep(family, entries, &mut ranges);
        }
        Self { ranges }
    }

    /// The first entry that covers `address`.
    pub fn find(&self, address: IpAddr) -> Option<usize> {
        let key = (Family::of(address), number(address));
        let after = self.ranges.partition_point(|(r, _)| (r.family, r.first) <= key);
        let (range, entry) = self.ranges.get(after.checked_sub(1)?)?;
        (range.family == key.0 && key.1 <= range.last).then_some(*entry)
    }

    /// The ranges, sorted, with their entries.
    pub fn ranges(&self) -> &[(AddressRange, usize)] {
        &self.ranges
    }
}

fn sweep(family: Family, entries: &[AddressSet], out: &mut Vec<(AddressRange, usize)>) {
    // (where, whether it begins there, entry); an end stands one behind the last address
    let mut events: Vec<(u128, bool, usize)> = Vec::new();
    for (entry, set) in entries.iter().enumerate() {
        for range in set.ranges().iter().filter(|r| r.family == family) {
            events.push((range.first, true, entry));
            if let Some(end) = range.last.checked_add(1).filter(|end| *end <= family.highest()) {
                events.push((end, false, entry));
            }
        }
    }
    events.sort_unstable();
    let mut active = BTreeSet::new();
    let mut events = events.into_iter().peekable();
    while let Some((at, begins, entry)) = events.next() {
        if begins {
            active.insert(entry);
        } else {
            active.remove(&entry);
        }
        let next = events.peek().map(|(next, _, _)| *next);
        if next == Some(at) {
            continue;
        }
        let last = next.map_or(family.highest(), |n| n - 1);
        let Some(first_entry) = active.first().copied() else { continue };
        match out.last_mut() {
            Some((range, same))
                if *same == first_entry
                    && range.family == family
                    && range.last.checked_add(1) == Some(at) =>
            {
                range.last = last;
            }
            _ => out.push((AddressRange { family, first: at, last }, first_entry)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::address::Prefix;
    use proptest::prelude::*;

    fn sets(texts: &[&str]) -> Vec<AddressSet> {
        texts.iter().map(|t| AddressSet::from(t.parse::<Prefix>().unwrap())).collect()
    }

    #[test]
    fn the_first_entry_wins() {
        let p = Partition::first_match(&sets(&["192.0.2.77", "192.0.2.0/24", "0.0.0.0/0", "::/0"]));
        assert_eq!(p.find("192.0.2.77".parse().unwrap()), Some(0));
        assert_eq!(p.find("192.0.2.78".parse().unwrap()), Some(1));
        assert_eq!(p.find("255.255.255.255".parse().unwrap()), Some(2));
        assert_eq!(p.find("2001:db8::1".parse().unwrap()), Some(3));
        assert_eq!(p.ranges().len(), 6);
    }

    #[test]
    fn what_no_entry_covers_is_found_nowhere() {
        let p = Partition::first_match(&sets(&["10.0.0.0/8"]));
        assert_eq!(p.find("11.0.0.0".parse().unwrap()), None);
        assert_eq!(p.find("::1".parse().unwrap()), None);
        assert_eq!(Partition::default().find("::1".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn agrees_with_a_linear_search(
            nets in prop::collection::vec((any::<u8>(), 0u8..9, any::<bool>()), 0..8),
            probes in prop::collection::vec(any::<u8>(), 1..20)
        ) {
            let sets: Vec<AddressSet> = nets.iter().map(|(bits, len, negate)| {
                let net: AddressSet = Prefix::new(std::net::Ipv4Addr::new(255, 255, 255, *bits).into(), 24 + len).unwrap().into();
                if *negate { net.complement() } else { net }
            }).collect();
            let partition = Partition::first_match(&sets);
            for probe in probes {
                let address = std::net::Ipv4Addr::new(255, 255, 255, probe).into();
                prop_assert_eq!(partition.find(address), sets.iter().position(|s| s.contains(address)));
            }
        }
    }
}
