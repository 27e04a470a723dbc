//! Names of interfaces as numbers, fixed before any set is made.
//!
//! Rules name interfaces (`eth0`) and patterns of names (`eth*`). Every exact name gets a number, and so does every
//! pattern: it stands for "any other interface whose name starts so and that is named nowhere". One last entry
//! stands for all remaining interfaces. Both sides of a comparison share one numbering: comparing snapshots whose
//! interfaces were numbered apart once made eighty-one differences out of none (batfish #7013).

use std::collections::BTreeSet;

/// A name, or the beginning of names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamePattern {
    /// This name.
    Exact(String),
    /// Every name that starts so (nft `eth*`, iptables `eth+`).
    Starts(String),
}

impl NamePattern {
    /// Whether a real name matches.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(own) => own == name,
            Self::Starts(start) => name.starts_with(start.as_str()),
        }
    }

    /// Whether everything that `other` stands for matches.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(_), Self::Starts(_)) => false,
            (_, Self::Exact(name)) => self.matches(name),
            (Self::Starts(own), Self::Starts(start)) => start.starts_with(own.as_str()),
        }
    }
}

/// The numbering. Number 0 is "no interface" (the packet was made on the host itself).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interfaces {
    entries: Vec<NamePattern>,
}

/// Most interfaces that can be told apart; more make a comparison too complex.
pub const MAX_INTERFACES: usize = (1 << 14) - 2;

impl Interfaces {
    /// Numbers for all names and patterns that either side mentions; `None` when there are more than
    /// [`MAX_INTERFACES`].
    pub fn new(patterns: impl IntoIterator<Item = NamePattern>) -> Option<Self> {
        let mut all: BTreeSet<NamePattern> = patterns.into_iter().collect();
        all.insert(NamePattern::Starts(String::new()));
        (all.len() <= MAX_INTERFACES).then(|| Self { entries: all.into_iter().collect() })
    }

    /// The numbers for which a pattern holds.
    pub fn matching(&self, pattern: &NamePattern) -> impl Iterator<Item = u128> {
        self.entries
            .iter()
            .zip(1u128..)
            .filter(|(entry, _)| pattern.covers(entry))
            .map(|(_, number)| number)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The number of a real interface: its own, else that of the longest pattern it falls under.
    pub fn number(&self, name: &str) -> u128 {
        let length = |entry: &NamePattern| match entry {
            NamePattern::Exact(_) => usize::MAX,
            NamePattern::Starts(start) => start.len(),
        };
        self.entries
            .iter()
            .zip(1u128..)
            .filter(|(entry, _)| entry.matches(name))
            .max_by_key(|(entry, _)| length(entry))
            .map_or(0, |(_, number)| number)
    }

    /// The highest number in use.
    pub fn last(&self) -> u128 {
        self.entries.len() as u128
    }

    /// The name behind a number: an exact name, or a pattern with `*` at its end; `None` for 0.
    pub fn name(&self, number: u128) -> Option<String> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.entries.get(index).map(|entry| match entry {
            NamePattern::Exact(name) => name.clone(),
            NamePattern::Starts(start) => format!("{start}*"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_the_unnamed() {
        let exact = |n: &str| NamePattern::Exact(n.into());
        let starts = |n: &str| NamePattern::Starts(n.into());
        let all = Interfaces::new([exact("eth0"), exact("wan"), starts("eth"), starts("eth1")]).unwrap();
        let names = |p: &NamePattern| all.matching(p).map(|n| all.name(n).unwrap()).collect::<Vec<_>>();
        assert_eq!(names(&starts("eth")), ["eth0", "eth*", "eth1*"]);
        assert_eq!(names(&exact("eth0")), ["eth0"]);
        assert_eq!(names(&starts("")), ["eth0", "wan", "*", "eth*", "eth1*"]);
        let name = |n: &str| all.name(all.number(n)).unwrap();
        assert_eq!([name("eth0"), name("eth12"), name("eth2"), name("ppp0")], ["eth0", "eth1*", "eth*", "*"]);
        assert_eq!(all.name(0), None);
    }
}
