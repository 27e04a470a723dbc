//! What a stranger could say: for every dimension of an attempt the texts that a configuration could treat apart.
//!
//! Plain texts come first; the first of equals is kept, so witnesses are as ordinary as they can be.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::attempt::ClientName;
use super::lists::{ClientMatch, DomainMatch};
use super::policy::Listener;
use super::rules::{Condition, Subject};
use super::suffix::is_open;
use super::table::{Content, Table};
use super::vocabulary::{Vocabulary, client_entries, domain_entries, keys, leaves};

/// Most own domains for which forged and routed addresses are built.
const MAX_DOMAINS: usize = 6;

/// Most candidates of one dimension.
const MAX_CANDIDATES: usize = 30_000;

/// Names for domains that no configuration mentions.
const LABELS: [&str; 6] = ["far", "outside", "elsewhere", "distant", "foreign", "remote"];

/// How a recipient is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientForm {
    /// `user@foreign`.
    Plain,
    /// `user%foreign@here`.
    Percent,
    /// `foreign!user@here`.
    Bang,
    /// `"user@foreign"@here`.
    Quoted,
    /// `user@foreign@here`.
    Nested,
    /// `@here:user@foreign`.
    SourceRoute,
    /// `user@[address]`.
    Literal,
    /// A domain below one that the configuration names.
    Below,
    /// An address that a table or expression of the configuration treats apart.
    Matching,
    /// A foreign domain whose backup mail host this is.
    BackupMx,
}

/// What a sender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SenderKind {
    /// Any foreign address.
    Foreign,
    /// The null sender.
    Null,
    /// An address in a domain of this host.
    Own,
    /// An address without a domain.
    Bare,
    /// An address that a table or expression of the configuration treats apart.
    Matching,
}

/// Domains that certainly nobody configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fresh {
    pub(super) label: String,
    pub(super) domain: String,
    pub(super) sender_domain: String,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'v, 'p> {
    pub(super) listener: &'p Listener,
    pub(super) words: &'v Vocabulary<'p>,
}

impl Fresh {
    /// Labels that occur in no key, expression or name of either side.
    pub(super) fn new(views: &[View<'_, '_>]) -> Self {
        let texts = mentioned(views);
        let mut labels = LABELS
            .iter()
            .map(|l| (*l).to_owned())
            .chain((1..1000).map(|n| format!("far-{n}")))
            .filter(|label| !texts.iter().any(|text| text.contains(label.as_str())));
        let label = labels.next().unwrap_or_else(|| "far".to_owned());
        let second = labels.next().unwrap_or_else(|| "outside".to_owned());
        Self { domain: format!("{label}.example"), sender_domain: format!("{second}.example"), label }
    }
}

fn mentioned(views: &[View<'_, '_>]) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for view in views {
        for table in address_tables(view.listener).chain(view.words.lookups.iter().map(|l| &l.table)) {
            for leaf in leaves(table) {
                texts.extend(leaf.rows().map(|row| row.at.text.to_lowercase()));
                texts.extend(keys(leaf).into_iter().map(str::to_owned));
            }
        }
        texts.extend(own_domains(view.listener));
    }
    texts
}

/// Tables that addresses are looked up in after or beside the rules.
fn address_tables(listener: &Listener) -> impl Iterator<Item = &Arc<Table>> {
    let (routing, listed) = (&listener.routing, &listener.listed);
    let lists =
        domain_entries(listener).filter_map(|m| if let DomainMatch::Table(t) = m { Some(t) } else { None });
    routing
        .canonical
        .iter()
        .flatten()
        .chain(&routing.aliases)
        .chain(&routing.copies)
        .chain(&listed.rewritten)
        .chain(&listed.virtual_mailboxes)
        .chain(&listed.relay)
        .chain(lists)
}

/// Domains that the host names as its own, plain names first.
fn own_domains(listener: &Listener) -> Vec<String> {
    let names = domain_entries(listener).filter_map(|m| match m {
        DomainMatch::Name(name) if name.contains('.') => Some(name.trim_start_matches('.').to_lowercase()),
        _ => None,
    });
    let mut out: Vec<String> = Vec::new();
    for name in names {
        if !out.contains(&name) && out.len() < MAX_CANDIDATES {
            out.push(name);
        }
    }
    out
}

/// Names of mailboxes that exist.
fn known_users(listener: &Listener) -> Vec<String> {
    let tables = listener.listed.local.iter().chain(&listener.listed.virtual_mailboxes);
    let users = tables.flat_map(|t| keys(t)).map(|key| key.split('@').next().unwrap_or_default());
    let mut out: Vec<String> = Vec::new();
    for user in users.filter(|u| !u.is_empty()) {
        if !out.iter().any(|o| o == user) {
            out.push(user.to_owned());
        }
        if out.len() >= 2 {
            break;
        }
    }
    out
}

/// A list without repetitions that keeps its order.
#[derive(Debug)]
pub(super) struct Ordered<T> {
    pub(super) items: Vec<T>,
    seen: BTreeSet<T>,
}

impl<T: Ord + Clone> Ordered<T> {
    fn new() -> Self {
        Self { items: Vec::new(), seen: BTreeSet::new() }
    }

    fn push(&mut self, item: T) {
        if self.items.len() < MAX_CANDIDATES && self.seen.insert(item.clone()) {
            self.items.push(item);
        }
    }

    /// Whether the limit was reached.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= MAX_CANDIDATES
    }
}

/// Recipients, with how they are written.
pub(super) fn recipients(views: &[View<'_, '_>], fresh: &Fresh) -> Ordered<(String, RecipientForm)> {
    use RecipientForm::{
        BackupMx, Bang, Below, Literal, Matching, Nested, Percent, Plain, Quoted, SourceRoute,
    };
    let mut out = Ordered::new();
    let far = &fresh.domain;
    out.push((format!("x@{far}"), Plain));
    for user in views.iter().flat_map(|v| known_users(v.listener)) {
        out.push((format!("{user}@{far}"), Plain));
    }
    if views.iter().any(|v| v.words.asks_backup_mx()) {
        out.push((format!("x@{far}"), BackupMx));
    }
    let own: Vec<String> = views.iter().flat_map(|v| own_domains(v.listener)).collect();
    for domain in own.iter().take(MAX_DOMAINS) {
        out.push((format!("x%{far}@{domain}"), Percent));
        out.push((format!("{far}!x@{domain}"), Bang));
        out.push((format!("\"x@{far}\"@{domain}"), Quoted));
        out.push((format!("x@{far}@{domain}"), Nested));
        out.push((format!("@{domain}:x@{far}"), SourceRoute));
    }
    out.push((format!("x%{far}"), Percent));
    out.push((format!("{far}!x"), Bang));
    out.push((format!("\"x@{far}\""), Quoted));
    out.push(("x@[198.51.100.80]".to_owned(), Literal));
    for domain in &own {
        out.push((format!("x@{}.{domain}", fresh.label), Below));
    }
    for view in views {
        let open = domain_entries(view.listener);
        for name in open.filter_map(|m| if let DomainMatch::Name(n) = m { Some(n) } else { None }) {
            out.push((format!("x@{}.{}", fresh.label, name.trim_start_matches('.')), Below));
        }
        for table in view.words.tables(Subject::Recipient).chain(address_tables(view.listener)) {
            for address in from_table(table, far, &fresh.label, "x") {
                out.push((address, Matching));
            }
        }
    }
    out
}

/// Senders, with what they are.
pub(super) fn senders(views: &[View<'_, '_>], fresh: &Fresh) -> Ordered<(String, SenderKind)> {
    let mut out = Ordered::new();
    out.push((format!("spam@{}", fresh.sender_domain), SenderKind::Foreign));
    out.push((String::new(), SenderKind::Null));
    for view in views {
        for domain in own_domains(view.listener).into_iter().take(MAX_DOMAINS) {
            out.push((format!("nobody@{domain}"), SenderKind::Own));
            for user in known_users(view.listener) {
                out.push((format!("{user}@{domain}"), SenderKind::Own));
            }
        }
        for table in view.words.tables(Subject::Sender) {
            for address in from_table(table, &fresh.sender_domain, &fresh.label, "nobody") {
                out.push((address, SenderKind::Matching));
            }
        }
        let owned = view.words.conditions.iter().filter_map(|c| match c {
            Condition::SenderOwned(maps) => Some(maps),
            _ => None,
        });
        for key in owned.flatten().flat_map(|t| keys(t)).take(4) {
            out.push((key.to_owned(), SenderKind::Own));
        }
    }
    out.push(("root".to_owned(), SenderKind::Bare));
    out
}

/// Addresses that a table treats apart.
fn from_table(table: &Arc<Table>, far: &str, label: &str, user: &str) -> Vec<String> {
    let mut out = Vec::new();
    for leaf in leaves(table) {
        match &leaf.content {
            Content::Keyed(rows) => {
                for key in rows.keys() {
                    match key.split_once('@') {
                        Some((name, "")) => out.push(format!("{name}@{far}")),
                        Some(("", domain)) => out.push(format!("{user}@{domain}")),
                        Some(_) => out.push(key.to_string()),
                        None => {
                            let domain = key.trim_start_matches('.');
                            if !key.starts_with('.') {
                                out.push(format!("{user}@{domain}"));
                                out.push(format!("{key}@{far}"));
                            }
                            out.push(format!("{user}@{label}.{domain}"));
                        }
                    }
                }
            }
            Content::Patterns(rows) => {
                let patterns = rows.iter().filter_map(|row| row.tests.last()?.pattern.as_ref());
                for example in patterns.flat_map(|p| p.examples(&[far, user])) {
                    if example.contains('@') {
                        out.push(example.clone());
                        out.push(format!("{user}{example}"));
                    }
                    let word = example.trim_matches('@');
                    out.push(format!("{word}@{far}"));
                    out.push(format!("{user}@{word}.{far}"));
                    out.push(format!("{user}@{word}"));
                }
            }
            _ => {}
        }
    }
    out
}

/// Greetings; `None` is no greeting at all.
pub(super) fn greetings(views: &[View<'_, '_>], fresh: &Fresh) -> Ordered<Option<String>> {
    let mut out = Ordered::new();
    out.push(Some(format!("client.{}", fresh.sender_domain)));
    for view in views {
        for table in view.words.tables(Subject::Helo).flat_map(leaves) {
            match &table.content {
                Content::Keyed(rows) => {
                    for key in rows.keys() {
                        out.push(Some(key.trim_start_matches('.').to_owned()));
                        out.push(Some(format!("{}.{}", fresh.label, key.trim_start_matches('.'))));
                    }
                }
                Content::Patterns(rows) => {
                    let patterns = rows.iter().filter_map(|row| row.tests.last()?.pattern.as_ref());
                    for example in patterns.flat_map(|p| p.examples(&[&fresh.sender_domain])) {
                        out.push(Some(format!("{example}.{}", fresh.sender_domain)));
                        out.push(Some(example));
                    }
                }
                _ => {}
            }
        }
    }
    for other in ["localhost", "[198.51.100.77]", "198.51.100.77", "host"] {
        out.push(Some(other.to_owned()));
    }
    if views.iter().any(|v| !v.listener.helo_required) {
        out.push(None);
    }
    out
}

/// Client names: none, a name of the client's own choice, and names that the configuration knows and anybody can
/// get. With `claimed`, every name that it knows.
pub(super) fn names(views: &[View<'_, '_>], fresh: &Fresh, claimed: bool) -> Ordered<ClientName> {
    let mut out = Ordered::new();
    let own = format!("client.{}", fresh.sender_domain);
    out.push(ClientName::Missing);
    out.push(ClientName::Verified(own.clone()));
    out.push(ClientName::Unverified(own));
    for view in views {
        let lists = view.words.client_lists.iter().flat_map(|list| client_entries(list));
        let mut tables: Vec<&Arc<Table>> = view.words.tables(Subject::Client).collect();
        tables.extend(view.words.tables(Subject::ReverseName));
        for entry in lists {
            match entry {
                ClientMatch::Name(name) => known_name(&mut out, name, fresh, claimed),
                ClientMatch::Table(table) => tables.push(table),
                _ => {}
            }
        }
        for table in tables.into_iter().flat_map(leaves) {
            match &table.content {
                Content::Keyed(rows) => {
                    for key in rows.keys() {
                        known_name(&mut out, key, fresh, claimed);
                    }
                }
                Content::Patterns(rows) => {
                    let patterns = rows.iter().filter_map(|row| row.tests.last()?.pattern.as_ref());
                    for example in patterns.flat_map(|p| p.examples(&[])) {
                        let word = example.trim_matches('.');
                        out.push(ClientName::Verified(format!("{word}.{}", fresh.sender_domain)));
                        out.push(ClientName::Verified(format!("x.{word}.{}", fresh.sender_domain)));
                    }
                }
                _ => {}
            }
        }
    }
    out
}

fn known_name(out: &mut Ordered<ClientName>, name: &str, fresh: &Fresh, claimed: bool) {
    let bare = name.trim_start_matches('.');
    if bare.parse::<std::net::IpAddr>().is_ok() || !bare.contains(|c: char| c.is_ascii_alphabetic()) {
        return;
    }
    if is_open(bare) {
        out.push(ClientName::Verified(format!("client.{}.{bare}", fresh.label)));
    }
    if claimed {
        out.push(ClientName::Verified(bare.to_owned()));
        out.push(ClientName::Verified(format!("x.{bare}")));
    }
}
