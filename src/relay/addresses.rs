//! Client addresses that a configuration treats apart: cut at every boundary that it names, then grouped by what the
//! rules make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::candidates::View;
use super::lists::ClientMatch;
use super::rules::Subject;
use super::samples::examples;
use super::table::{Content, Table};
use super::vocabulary::{client_entries, leaves};
use crate::packet::address::{AddressRange, AddressSet, Family, Prefix, number};

/// Most ranges that are told apart.
const MAX_RANGES: usize = 100_000;

/// Most lookups of addresses, each expression of a table counted.
const MAX_LOOKUPS: usize = 2_000_000;

/// Client addresses that everybody recognises as examples; they make the best witnesses.
const TELLING: [&str; 6] =
    ["198.51.100.77", "203.0.113.77", "192.0.2.77", "2001:db8:ffff::77", "127.0.0.1", "10.1.1.9"];

/// Addresses that the rules cannot tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressClass {
    /// All of them.
    pub(super) set: AddressSet,
    /// One of them.
    pub(super) sample: IpAddr,
}

/// The classes of `space`. `signature` says what the rules make of an address. The second part is whether a limit
/// was reached.
pub(super) fn classes(
    space: &AddressSet,
    views: &[View<'_, '_>],
    cuts: &[&AddressSet],
    signature: &mut dyn FnMut(IpAddr) -> Vec<u32>,
) -> (Vec<AddressClass>, bool) {
    let mut starts: BTreeSet<(Family, u128)> = BTreeSet::new();
    for family in Family::BOTH {
        starts.insert((family, 0));
    }
    for cut in cuts {
        cut_set(&mut starts, cut);
    }
    let expressions: usize = views.iter().map(|view| view.words.expressions_on_clients()).sum();
    let most = (MAX_LOOKUPS / (1 + expressions)).clamp(512, MAX_RANGES);
    for view in views {
        cut_view(&mut starts, view, most);
    }
    let full = starts.len() > most;
    let mut groups: BTreeMap<Vec<u32>, Vec<AddressRange>> = BTreeMap::new();
    let mut order: Vec<Vec<u32>> = Vec::new();
    for piece in pieces(space, &starts).into_iter().take(most) {
        let key = signature(piece.family.address(piece.first));
        let group = groups.entry(key.clone()).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(piece);
    }
    let classes = order.into_iter().filter_map(|key| {
        let set: AddressSet = groups.remove(&key)?.into_iter().collect();
        Some(AddressClass { sample: sample(&set)?, set })
    });
    let mut classes: Vec<AddressClass> = classes.collect();
    classes.sort_by_key(|class| telling(class.sample));
    (classes, full)
}

/// Rank among the telling addresses; all others rank last.
fn telling(address: IpAddr) -> usize {
    let telling = TELLING.iter().map(|t| t.parse::<IpAddr>());
    telling.into_iter().position(|t| t == Ok(address)).unwrap_or(TELLING.len())
}

/// The most telling address of a set.
pub(super) fn sample(set: &AddressSet) -> Option<IpAddr> {
    let telling = TELLING.iter().filter_map(|t| t.parse().ok()).find(|a| set.contains(*a));
    telling.or_else(|| {
        let largest = set.ranges().iter().max_by_key(|r| (r.family == Family::Ipv4, r.last - r.first))?;
        // not the network's own address, where there is another
        Some(largest.family.address(largest.first + u128::from(largest.last > largest.first)))
    })
}

fn cut_set(starts: &mut BTreeSet<(Family, u128)>, set: &AddressSet) {
    for range in set.ranges() {
        starts.insert((range.family, range.first));
        if let Some(next) = range.last.checked_add(1).filter(|n| *n <= range.family.highest()) {
            starts.insert((range.family, next));
        }
    }
}

fn cut_view(starts: &mut BTreeSet<(Family, u128)>, view: &View<'_, '_>, most: usize) {
    let mut tables: Vec<&Arc<Table>> = view.words.tables(Subject::Client).collect();
    tables.extend(view.words.tables(Subject::ReverseName));
    for list in &view.words.client_lists {
        for entry in client_entries(list) {
            match entry {
                ClientMatch::Addresses(set) => cut_set(starts, set),
                ClientMatch::Table(table) => tables.push(table),
                _ => {}
            }
        }
    }
    for table in tables.into_iter().flat_map(leaves) {
        match &table.content {
            Content::Networks { partition, .. } => {
                for (range, _) in partition.ranges() {
                    cut_set(starts, &std::iter::once(*range).collect());
                }
            }
            Content::Keyed(rows) => {
                for network in rows.keys().filter_map(network) {
                    cut_set(starts, &network.into());
                }
            }
            Content::Patterns(_) => {
                for octet in 0..=255u8 {
                    starts.insert((Family::Ipv4, number(IpAddr::from([octet, 0, 0, 0]))));
                }
                for example in examples(table, Vec::new()).take(most / 8) {
                    cut_text(starts, &example);
                }
            }
            _ => {}
        }
    }
}

/// Cuts at an address that an expression matches, and at all networks around it: expressions end at dots and colons.
fn cut_text(starts: &mut BTreeSet<(Family, u128)>, example: &str) {
    let part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    let mut text: String = example.chars().take_while(|c| part(*c)).collect();
    loop {
        if let Some(network) = network(text.trim_end_matches(['.', ':'])) {
            cut_set(starts, &network.into());
        }
        match text.rfind(['.', ':']) {
            Some(end) => text.truncate(end),
            None => break,
        }
    }
}

/// The network that a truncated address key stands for: `198.51.100`, `2001:db8`.
pub(super) fn network(key: &str) -> Option<Prefix> {
    if let Ok(address) = key.parse::<IpAddr>() {
        return Some(Prefix::host(address));
    }
    let bits = |parts: usize, each: usize| u8::try_from(parts * each).ok();
    if key.contains(':') || (key.len() <= 4 && key.contains(|c: char| c.is_ascii_alphabetic())) {
        let head = key.trim_end_matches(':');
        let length = bits(head.split(':').count(), 16)?;
        return Prefix::new(format!("{head}::").parse().ok()?, length);
    }
    let parts = key.split('.').count();
    let address = format!("{key}{}", ".0".repeat(4usize.checked_sub(parts)?));
    Prefix::new(address.parse().ok()?, bits(parts, 8)?)
}

/// `space` cut at `starts`.
fn pieces(space: &AddressSet, starts: &BTreeSet<(Family, u128)>) -> Vec<AddressRange> {
    let mut out = Vec::new();
    for range in space.ranges() {
        let mut first = range.first;
        let inside = starts.range((range.family, range.first)..=(range.family, range.last));
        for (_, start) in inside {
            if *start > first {
                out.push(AddressRange { family: range.family, first, last: start - 1 });
                first = *start;
            }
        }
        out.push(AddressRange { family: range.family, first, last: range.last });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_keys() {
        for (key, expected) in [
            ("198.51.100", Some("198.51.100.0/24")),
            ("10", Some("10.0.0.0/8")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("2001:db8", Some("2001:db8::/32")),
            ("mail.example", None),
            ("300.1", None),
        ] {
            assert_eq!(network(key).map(|n| n.to_string()).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn a_space_is_cut_at_boundaries_and_grouped_again() {
        let space = AddressSet::from("10.0.0.0/8".parse::<Prefix>().unwrap());
        let cut = AddressSet::from("10.1.0.0/16".parse::<Prefix>().unwrap());
        let mut inside = |a: IpAddr| vec![u32::from(cut.contains(a))];
        let (classes, full) = classes(&space, &[], &[&cut], &mut inside);
        assert!(!full);
        assert_eq!(classes.len(), 2);
        assert_eq!(classes.first().unwrap().set.union(&classes.get(1).unwrap().set), space);
        // the most telling comes first
        assert_eq!(classes.first().unwrap().sample.to_string(), "10.1.1.9");
    }

    #[test]
    fn an_expression_is_cut_at_dots_and_colons() {
        let mut starts = BTreeSet::new();
        cut_text(&mut starts, "198.51.100.");
        let at = |text: &str| (Family::Ipv4, number(text.parse().unwrap()));
        for start in ["198.51.100.0", "198.51.101.0", "198.51.0.0", "198.52.0.0", "198.0.0.0", "199.0.0.0"] {
            assert!(starts.contains(&at(start)), "{start}");
        }
        assert_eq!(starts.len(), 6);
        cut_text(&mut starts, "2001:db8:0:1::5x");
        assert!(starts.contains(&(Family::Ipv6, number("2001:db8::".parse().unwrap()))));
    }
}
