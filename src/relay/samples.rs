//! Texts that a table treats apart: what its keys and expressions stand for, written as addresses and names.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::quick::Texts;
use super::table::{Content, PatternRow, Table};
use super::vocabulary::leaves;

/// Most candidates of one dimension that differ.
const MAX_CANDIDATES: usize = 30_000;

/// Most lookups of candidates of one dimension, each expression of a table counted.
const MAX_LOOKUPS: usize = 2_000_000;

/// Most parts of expressions that are combined with each other.
const MAX_PARTS: usize = 12;

/// A list without repetitions that keeps its order.
#[derive(Debug)]
pub(super) struct Ordered<T> {
    pub(super) items: Vec<T>,
    seen: BTreeSet<T>,
    tried: usize,
    most: usize,
}

impl<T: Ord + Clone> Ordered<T> {
    /// For texts that are looked up in `tables`.
    pub(super) fn new<'t>(tables: impl Iterator<Item = &'t Arc<Table>>) -> Self {
        let count = |leaf: &Arc<Table>| match &leaf.content {
            Content::Patterns(rows) => rows.len(),
            _ => 0,
        };
        let patterns: usize = tables.flat_map(leaves).map(count).sum();
        let most = (MAX_LOOKUPS / (patterns + 1)).max(64);
        Self { items: Vec::new(), seen: BTreeSet::new(), tried: 0, most }
    }

    /// Adds a candidate.
    pub(super) fn push(&mut self, item: T) {
        self.tried += 1;
        if !self.is_full() && self.seen.insert(item.clone()) {
            self.items.push(item);
        }
    }

    /// Adds a text that hits something new.
    pub(super) fn push_new<K>(&mut self, item: (String, K), texts: &mut Texts<'_>)
    where
        T: From<(String, K)>,
    {
        if self.is_full() {
            return;
        }
        if texts.is_new(&item.0) {
            self.push(item.into());
        } else {
            self.tried += 1;
        }
    }

    /// Whether the limit was reached: some candidates may be missing.
    pub(super) fn is_full(&self) -> bool {
        self.tried > self.most || self.items.len() >= MAX_CANDIDATES
    }
}

/// The words that candidates are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'w> {
    /// A domain that nobody configured.
    pub(super) domain: &'w str,
    /// A label that nobody configured.
    pub(super) label: &'w str,
    /// A local part.
    pub(super) user: &'w str,
    /// Domains of the host.
    pub(super) own: &'w [String],
}

impl Words<'_> {
    /// Addresses that keys of a table stand for.
    pub(super) fn of_keys(self, table: &Arc<Table>) -> impl Iterator<Item = String> {
        keys(table).flat_map(move |key| self.of_key(key))
    }

    fn of_key(self, key: &str) -> Vec<String> {
        let Self { domain, label, user, .. } = self;
        match key.split_once('@') {
            Some((name, "")) => vec![format!("{name}@{domain}")],
            Some(("", domain)) => vec![format!("{user}@{domain}")],
            Some(_) => vec![key.to_owned()],
            None => match key.strip_prefix('.') {
                Some(parent) => vec![format!("{user}@{label}.{parent}")],
                None => {
                    vec![format!("{user}@{key}"), format!("{key}@{domain}"), format!("{user}@{label}.{key}")]
                }
            },
        }
    }

    /// Addresses that expressions of a table match.
    pub(super) fn of_patterns(self, table: &Arc<Table>) -> impl Iterator<Item = String> {
        let Self { domain, label, user, own } = self;
        let fills = vec![domain.to_owned(), user.to_owned()];
        let parts = Parts::of(table, own, domain, user);
        examples(table, fills).flat_map(move |example| {
            let at = |user: &str, domain: &str| format!("{user}@{domain}");
            let in_domains = |head: &str| parts.domains.iter().map(|d| at(head, d)).collect::<Vec<_>>();
            let of_users = |tail: &str| parts.users.iter().map(|u| at(u, tail)).collect::<Vec<_>>();
            // the most ordinary first: the first of equals is what is shown
            let mut out = match example.split_once('@') {
                Some((head, "")) => [vec![at(head, domain)], in_domains(head)].concat(),
                Some(("", tail)) => [vec![at(user, tail)], of_users(tail)].concat(),
                Some(_) => Vec::new(),
                None => [vec![at(&example, domain)], in_domains(&example), of_users(&example)].concat(),
            };
            let word = example.trim_matches('@');
            out.extend([
                example.clone(),
                format!("{user}{example}"),
                at(word, domain),
                at(user, &format!("{word}.{domain}")),
                at(user, word),
                at(user, &format!("{label}{word}")),
            ]);
            out
        })
    }
}

/// Local parts and domains that the expressions of one table name: an expression may apply only where others do.
struct Parts {
    users: BTreeSet<String>,
    domains: BTreeSet<String>,
}

impl Parts {
    fn of(table: &Arc<Table>, own: &[String], domain: &str, user: &str) -> Self {
        let mut users = BTreeSet::from([user.to_owned()]);
        let mut domains: BTreeSet<String> = own.iter().cloned().collect();
        domains.insert(domain.to_owned());
        let most = domains.len() + MAX_PARTS;
        let tests = patterns(table).flat_map(|row| &row.tests).filter_map(|test| test.pattern.as_ref());
        for example in tests.flat_map(|pattern| pattern.examples(&[])) {
            if users.len() >= MAX_PARTS && domains.len() >= most {
                break;
            }
            match example.split_once('@') {
                Some((head, tail)) => {
                    let add = |parts: &mut BTreeSet<String>, part: &str, most: usize| {
                        if !part.is_empty() && parts.len() < most {
                            parts.insert(part.to_owned());
                        }
                    };
                    add(&mut users, head, MAX_PARTS);
                    add(&mut domains, tail, most);
                }
                None if example.contains('.') && domains.len() < most => {
                    domains.insert(example);
                }
                None if users.len() < MAX_PARTS && !example.is_empty() => {
                    users.insert(example);
                }
                None => {}
            }
        }
        Self { users, domains }
    }
}

/// The literal keys of a table.
pub(super) fn keys(table: &Arc<Table>) -> impl Iterator<Item = &str> {
    leaves(table)
        .into_iter()
        .filter_map(|leaf| if let Content::Keyed(rows) = &leaf.content { Some(rows) } else { None })
        .flat_map(|rows| rows.keys())
}

/// Texts that the expressions of a table match, with each of `fills` in every open place.
pub(super) fn examples(table: &Arc<Table>, fills: Vec<String>) -> impl Iterator<Item = String> {
    patterns(table).filter_map(|row| row.tests.last()?.pattern.as_ref()).flat_map(move |pattern| {
        let fills: Vec<&str> = fills.iter().map(String::as_str).collect();
        pattern.examples(&fills)
    })
}

/// Rows of expressions of a table.
pub(super) fn patterns(table: &Arc<Table>) -> impl Iterator<Item = &PatternRow> {
    leaves(table).into_iter().flat_map(|leaf| match &leaf.content {
        Content::Patterns(rows) => rows.as_slice(),
        _ => &[],
    })
}
