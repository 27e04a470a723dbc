//! Unknowns of nft rules, and what they refer to: the same in another state only while that stays as it is.

use super::lower::RuleReader;
use crate::firewall::Test;
use crate::packet::Atom;
use crate::platform::netfilter::digest;
use crate::reason::Reason;

impl RuleReader<'_, '_> {
    /// Names what limits and quotas say that a rule refers to by name.
    pub(super) fn objects(&self, text: &str) -> String {
        let kind = ["limit", "quota"].into_iter().find(|kind| text.starts_with(kind));
        let by_name = kind.is_some_and(|kind| {
            text.strip_prefix(kind).is_some_and(|rest| {
                rest.starts_with(" name ") || rest.starts_with(" \"") || rest.contains("map")
            })
        });
        let objects = self.around.table.objects.iter();
        let objects: Vec<_> =
            objects.filter(|(name, _)| kind.is_some_and(|kind| name.starts_with(kind))).collect();
        if by_name && !objects.is_empty() { format!(" {}", digest(objects)) } else { String::new() }
    }

    /// An atom for something that was not understood; it is listed as a gap too.
    pub(super) fn unread_atom(&mut self, text: &str) -> Atom {
        self.unread_atom_of(text, "")
    }

    pub(super) fn unread_atom_of(&mut self, text: &str, writers: &str) -> Atom {
        let reason = Reason::Unread { text: text.to_owned() };
        self.unread.push(reason.clone());
        let sets = self.around.table.sets.iter().filter(|(name, _)| text.contains(&format!("@{name}")));
        let sets: Vec<_> = sets.collect();
        let sets = if sets.is_empty() { String::new() } else { format!(" {}", digest(sets)) };
        self.occurrences.atom_of(reason, &format!("{sets}{writers}"))
    }
}

/// A match of a part that is not modelled, which depends on the packet, and on the rules that write that part.
pub(super) fn not_modelled(text: String, writers: String) -> Test {
    let occurrence = Some((writers, 0)).filter(|(writers, _)| !writers.is_empty());
    Test::Atom(Atom { reason: Reason::NotModelled { text }, occurrence })
}
