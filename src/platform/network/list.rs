//! Named lists of entries: the first entry that matches decides.

use crate::finding::Location;
use crate::firewall::{Action, Rule, Step, Test};
use crate::packet::{Atom, Family};

/// What an entry says of the packets that match it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::platform) enum Act {
    /// Permitted.
    Permit,
    /// Denied.
    Deny,
    /// One of both, or on to the next entry: nobody knows.
    Unread(Atom),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::platform) struct Entry {
    /// What a packet must be.
    pub tests: Vec<Test>,
    /// What is said of it.
    pub act: Act,
    /// Where it is written.
    pub location: Location,
}

/// A list; its last entry matches what is left, where the device has a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::platform) struct List {
    /// The packets that it speaks of.
    pub family: Family,
    /// Its entries in order, with those that the device adds.
    pub entries: Vec<Entry>,
    /// An entry asks for more than the source.
    pub beyond_source: bool,
}

impl List {
    /// The entries as rules.
    pub(super) fn rules(&self, permit: &Action, deny: &Action) -> Vec<Rule> {
        self.entries.iter().map(|entry| entry.rule(permit, deny)).collect()
    }
}

impl Entry {
    fn rule(&self, permit: &Action, deny: &Action) -> Rule {
        let act = match &self.act {
            Act::Permit => Step::act(permit.clone()),
            Act::Deny => Step::act(deny.clone()),
            Act::Unread(atom) => Step::Choose(vec![
                (Test::Atom(part(atom, "permits")), permit.clone()),
                (Test::Atom(part(atom, "denies")), deny.clone()),
            ]),
        };
        let matches = self.tests.iter().cloned().map(Step::Match);
        Rule { steps: matches.chain([act]).collect(), location: self.location.clone() }
    }
}

fn part(atom: &Atom, name: &str) -> Atom {
    let (place, number) = atom.occurrence.clone().unwrap_or_default();
    Atom { reason: atom.reason.clone(), occurrence: Some((format!("{place}#{name}"), number)) }
}
