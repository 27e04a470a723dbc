//! Files loaded one after the other over what runs, as `iptables-restore --noflush` does it (iptables-restore(8)):
//! chains of a file's own are emptied first, built-in ones keep their rules, and rules are added at the end.

use std::sync::Arc;

use super::save::{self, Saved, SavedRule, SavedTable};
use super::{Artifact, Surroundings, build};
use crate::firewall::Table;
use crate::platform::Gap;

/// The tables of one family as they stand after some files.
pub(in crate::platform) struct Stack<'a> {
    running: &'a Artifact<'a>,
    saved: Saved,
}

impl<'a> Stack<'a> {
    /// What runs.
    pub(in crate::platform) fn over(running: &'a Artifact<'a>) -> Self {
        Self { running, saved: save::read(running.text) }
    }

    /// Loads a file; `name` is the artifact that it came from.
    pub(in crate::platform) fn load(&mut self, name: &str, text: &str) {
        let file: Arc<str> = name.into();
        let loaded = save::read(text);
        self.saved.unread.extend(loaded.unread);
        for table in loaded.tables {
            let own = self.table(&table.name);
            for chain in table.chains {
                let place = own.index(&chain.name, chain.line, &chain.text);
                let Some(known) = own.chains.get_mut(place) else { continue };
                let declared = chain.text.starts_with(':');
                match chain.policy {
                    Some(policy) => known.policy = Some(policy),
                    None if declared => known.rules.clear(),
                    None => {}
                }
                let rules = chain.rules.into_iter();
                known.rules.extend(rules.map(|rule| SavedRule { file: Some(Arc::clone(&file)), ..rule }));
            }
        }
    }

    /// Empties the chains of a table with names of a kind.
    pub(in crate::platform) fn empty(&mut self, table: &str, kind: impl Fn(&str) -> bool) {
        self.table(table).chains.iter_mut().filter(|c| kind(&c.name)).for_each(|chain| chain.rules.clear());
    }

    /// Whether a chain of a table leads to another one.
    pub(in crate::platform) fn leads(&mut self, table: &str, from: &str, to: &str) -> bool {
        let own = self.table(table);
        let chain = own.place(from).and_then(|at| own.chains.get(at));
        chain.is_some_and(|chain| {
            chain.rules.iter().flat_map(|rule| &rule.options).any(|o| o.name == "-j" && o.value() == to)
        })
    }

    /// The tables.
    pub(in crate::platform) fn tables(&self, around: &Surroundings<'_>, gaps: &mut Vec<Gap>) -> Vec<Table> {
        build(self.running, &self.saved, around, gaps)
    }

    fn table(&mut self, name: &str) -> &mut SavedTable {
        let at = self.saved.tables.iter().position(|t| t.name == name).unwrap_or_else(|| {
            self.saved.tables.push(SavedTable::named(name));
            self.saved.tables.len() - 1
        });
        // `at` names an element by construction
        #[allow(clippy::indexing_slicing, reason = "see above")]
        &mut self.saved.tables[at]
    }
}
