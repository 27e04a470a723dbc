//! What a listener's rules distinguish: every condition, lookup and list that an attempt can meet.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lists::{ClientList, ClientMatch, DomainMatch};
use super::policy::{ListId, Listener, Policy};
use super::rules::{Action, Condition, DnsQuestion, Lookup, Step, Subject};
use super::table::{Content, Table};

/// Everything that one listener's rules look at.
#[derive(Debug, Default)]
pub(super) struct Vocabulary<'p> {
    pub(super) conditions: Vec<&'p Condition>,
    pub(super) lookups: Vec<&'p Lookup>,
    pub(super) client_lists: Vec<Arc<ClientList>>,
}

impl<'p> Vocabulary<'p> {
    /// Walks a listener's stages, with every list that they lead to.
    pub(super) fn of(policy: &'p Policy, listener: &'p Listener) -> Self {
        let mut all = Self::default();
        all.client_lists.extend(listener.xclient.clone());
        let mut open: Vec<ListId> = listener.stages.iter().map(|stage| stage.list).collect();
        for router in &listener.routing.routers {
            all.condition(&router.condition, &mut open);
            router.of_children.iter().for_each(|condition| all.condition(condition, &mut open));
        }
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            for rule in policy.list(id).into_iter().flat_map(|list| &list.rules) {
                all.step(&rule.step, &mut open);
            }
        }
        all
    }

    fn step(&mut self, step: &'p Step, open: &mut Vec<ListId>) {
        match step {
            Step::If(condition, action) => {
                self.condition(condition, open);
                open.extend(if let Action::List(id) = action { Some(*id) } else { None });
            }
            Step::Lookup(lookup) => {
                let lists = lookup
                    .actions
                    .values()
                    .filter_map(|a| if let Action::List(id) = a { Some(*id) } else { None });
                open.extend(lists);
                self.lookups.push(lookup);
            }
            Step::List(id) => open.push(*id),
            Step::NoteOnly(inner) => self.step(inner, open),
        }
    }

    fn condition(&mut self, condition: &'p Condition, open: &mut Vec<ListId>) {
        match condition {
            Condition::Not(inner) => self.condition(inner, open),
            Condition::All(all) | Condition::Any(all) => all.iter().for_each(|one| self.condition(one, open)),
            Condition::First(all, _) => all.iter().for_each(|(one, _)| self.condition(one, open)),
            Condition::Passes(list) => open.push(*list),
            Condition::Held(lookup) => {
                let same = |known: &&Lookup| {
                    known.actions.is_empty()
                        && known.subject == lookup.subject
                        && known.part == lookup.part
                        && Arc::ptr_eq(&known.table, &lookup.table)
                };
                if !self.lookups.iter().any(same) {
                    self.lookups.push(lookup);
                }
            }
            Condition::ClientIn(list) => {
                if !self.client_lists.iter().any(|known| Arc::ptr_eq(known, list)) {
                    self.client_lists.push(Arc::clone(list));
                }
            }
            leaf => self.conditions.push(leaf),
        }
    }

    /// Tables asked about a subject by lookups.
    pub(super) fn tables(&self, subject: Subject) -> impl Iterator<Item = &'p Arc<Table>> {
        self.lookups.iter().filter(move |l| l.subject == subject).map(|l| &l.table)
    }

    /// How many expressions a client's address and name are matched with.
    pub(super) fn expressions_on_clients(&self) -> usize {
        let listed = self.client_lists.iter().flat_map(|list| client_entries(list)).filter_map(|m| match m {
            ClientMatch::Table(table) => Some(table),
            _ => None,
        });
        let looked_up = self.tables(Subject::Client).chain(self.tables(Subject::ReverseName));
        looked_up
            .chain(listed)
            .flat_map(leaves)
            .map(|leaf| if let Content::Patterns(rows) = &leaf.content { rows.len() } else { 0 })
            .sum()
    }

    /// Whether some condition is one of these.
    pub(super) fn asks(&self, which: impl Fn(&Condition) -> bool) -> bool {
        self.conditions.iter().any(|condition| which(condition))
    }

    /// Whether a rule asks if this host is a backup mail host.
    pub(super) fn asks_backup_mx(&self) -> bool {
        self.asks(|c| matches!(c, Condition::Dns(dns) if dns.asks == DnsQuestion::BackupMx))
    }
}

/// Keys and expressions of a table, tables inside included.
pub(super) fn leaves(table: &Arc<Table>) -> Vec<&Arc<Table>> {
    let mut out = Vec::new();
    let mut open = vec![(table, 0)];
    while let Some((table, depth)) = open.pop() {
        match &table.content {
            Content::Union(inner) | Content::Pipe(inner) if depth < 8 => {
                open.extend(inner.iter().map(|t| (t, depth + 1)));
            }
            _ => out.push(table),
        }
    }
    out
}

/// Names and tables of a client list.
pub(super) fn client_entries(list: &ClientList) -> impl Iterator<Item = &ClientMatch> {
    list.entries().iter().map(|entry| &entry.matches)
}

/// Names and tables of every domain list that classifies recipients.
pub(super) fn domain_entries(listener: &Listener) -> impl Iterator<Item = &DomainMatch> {
    let routing = &listener.routing;
    [&routing.local, &routing.alias_domains, &routing.mailbox_domains, &routing.relay_domains]
        .into_iter()
        .flat_map(|list| list.entries().iter().map(|entry| &entry.matches))
}
