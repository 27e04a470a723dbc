//! What a stranger could say: for every dimension of an attempt the texts that a configuration could treat apart.
//!
//! Plain texts come first; the first of equals is kept, so witnesses are as ordinary as they can be.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::lists::DomainMatch;
use super::policy::Listener;
use super::quick::Texts;
use super::rules::{Condition, Subject};
use super::samples::{Ordered, Words, examples, keys, patterns};
use super::suffix::is_public_suffix;
use super::table::{Content, PatternRow, Table};
use super::vocabulary::{Vocabulary, domain_entries, leaves};

/// Most own domains for which forged and routed addresses are built.
const MAX_DOMAINS: usize = 6;

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

/// The local part of senders of whom only the domain matters.
pub const ANY_SENDER: &str = "nobody";

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
        let mut labels = LABELS
            .iter()
            .map(|l| (*l).to_owned())
            .chain((1..1000).map(|n| format!("far-{n}")))
            .filter(|label| !is_mentioned(views, label));
        let label = labels.next().unwrap_or_else(|| "far".to_owned());
        let second = labels.next().unwrap_or_else(|| "outside".to_owned());
        Self { domain: format!("{label}.example"), sender_domain: format!("{second}.example"), label }
    }
}

fn is_mentioned(views: &[View<'_, '_>], label: &str) -> bool {
    let in_table = |table: &Arc<Table>| {
        leaves(table).into_iter().any(|leaf| match &leaf.content {
            Content::Keyed(rows) => rows.keys().any(|key| key.contains(label)),
            _ => leaf.rows().any(|row| row.at.text.to_lowercase().contains(label)),
        })
    };
    views.iter().any(|view| {
        address_tables(view.listener).any(in_table)
            || view.words.lookups.iter().any(|lookup| in_table(&lookup.table))
            || own_domains(view.listener).iter().any(|domain| domain.contains(label))
    })
}

/// Tables that addresses are looked up in after or beside the rules.
pub(super) fn address_tables(listener: &Listener) -> impl Iterator<Item = &Arc<Table>> {
    let (routing, listed) = (&listener.routing, &listener.listed);
    let lists =
        domain_entries(listener).filter_map(|m| if let DomainMatch::Table(t) = m { Some(t) } else { None });
    routing
        .canonical
        .iter()
        .flatten()
        .chain(&routing.aliases)
        .chain(&routing.copies)
        .chain(&routing.transports)
        .chain(&listed.rewritten)
        .chain(&listed.virtual_mailboxes)
        .chain(&listed.relay)
        .chain(lists)
        .chain(routing.redirects().map(|lookup| &lookup.table))
}

/// Domains that the host names as its own, plain names first.
pub fn own_domains(listener: &Listener) -> Vec<String> {
    let names = domain_entries(listener).filter_map(|m| match m {
        DomainMatch::Name(name) if name.contains('.') => Some(name.trim_start_matches('.').to_lowercase()),
        _ => None,
    });
    let mut seen = std::collections::BTreeSet::new();
    let mut names: Vec<String> = names.filter(|name| seen.insert(name.clone())).collect();
    // people write to the domain rather than to a host in it
    names.sort_by_key(|name| name.matches('.').count());
    names
}

/// Some domains that stand in tables of domains rather than by name.
fn listed_domains(listener: &Listener) -> Vec<String> {
    let tables = domain_entries(listener).filter_map(|m| match m {
        DomainMatch::Table(table) => Some(table),
        DomainMatch::Name(_) | DomainMatch::Unknown(_) => None,
    });
    let named = |table| keys(table).map(str::to_owned).chain(examples(table, Vec::new()));
    let is_domain = |name: &String| name.contains('.') && !name.starts_with('.') && !name.contains('@');
    tables.flat_map(|table| named(table).filter(is_domain).take(2)).take(MAX_DOMAINS).collect()
}

/// Names of mailboxes that exist.
fn known_users(listener: &Listener) -> Vec<String> {
    let tables = listener.listed.local.iter().chain(&listener.listed.virtual_mailboxes);
    let users = tables.flat_map(keys).map(|key| key.split('@').next().unwrap_or_default());
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

/// Tables that a text of one subject is looked up in, on either side.
pub(super) fn tables<'v>(
    views: &'v [View<'_, '_>],
    subject: Subject,
) -> impl Iterator<Item = &'v Arc<Table>> {
    views.iter().flat_map(move |view| {
        let addresses = match subject {
            Subject::Recipient => Some(address_tables(view.listener)),
            _ => None,
        };
        let by_sender: &[Arc<Table>] = match subject {
            Subject::Sender => &view.listener.routing.sender_transports,
            _ => &[],
        };
        let owners = view.words.conditions.iter().filter_map(move |c| match c {
            Condition::SenderOwned(maps) if subject == Subject::Sender => Some(maps),
            _ => None,
        });
        view.words
            .tables(subject)
            .chain(addresses.into_iter().flatten())
            .chain(by_sender)
            .chain(owners.flatten())
    })
}

/// Recipients, with how they are written.
pub(super) fn recipients(views: &[View<'_, '_>], fresh: &Fresh) -> Ordered<(String, RecipientForm)> {
    use RecipientForm::{BackupMx, Below, Literal, Matching, Plain};
    let mut out = Ordered::new(tables(views, Subject::Recipient));
    let far = &fresh.domain;
    out.push((format!("x@{far}"), Plain));
    for user in views.iter().flat_map(|v| known_users(v.listener)) {
        out.push((format!("{user}@{far}"), Plain));
    }
    if views.iter().any(|v| v.words.asks_backup_mx()) {
        out.push((format!("x@{far}"), BackupMx));
    }
    let own: Vec<String> = views.iter().flat_map(|v| own_domains(v.listener)).collect();
    let listed: Vec<String> = views.iter().flat_map(|v| listed_domains(v.listener)).collect();
    for routed in routed(far, own.iter().take(MAX_DOMAINS).chain(&listed)) {
        out.push(routed);
    }
    out.push(("x@[198.51.100.80]".to_owned(), Literal));
    let mut texts = Texts::new(views, Subject::Recipient, &fresh.label);
    for domain in &own {
        out.push_new((format!("x@{}.{domain}", fresh.label), Below), &mut texts);
    }
    for view in views {
        let open = domain_entries(view.listener);
        for name in open.filter_map(|m| if let DomainMatch::Name(n) = m { Some(n) } else { None }) {
            let below = format!("x@{}.{}", fresh.label, name.trim_start_matches('.'));
            out.push_new((below, Below), &mut texts);
        }
    }
    let own: Vec<String> = own.into_iter().take(MAX_DOMAINS).collect();
    let words = Words { domain: far, label: &fresh.label, user: "x", own: &own };
    for address in woven(views, fresh, own.iter().chain(&listed)) {
        out.push((address, Matching));
    }
    for table in tables(views, Subject::Recipient) {
        // what expressions make of an address depends on more than which of them it hits
        for address in words.of_patterns(table) {
            out.push((address, Matching));
            if out.is_full() {
                return out;
            }
        }
    }
    for table in tables(views, Subject::Recipient) {
        for address in words.of_keys(table) {
            out.push_new((address, Matching), &mut texts);
        }
    }
    out
}

/// Foreign addresses as expressions ask for them: woven into the local part of an own domain with the marks that an
/// expression names, and below the public suffixes that one names.
fn woven<'d>(views: &[View<'_, '_>], fresh: &Fresh, own: impl Iterator<Item = &'d String>) -> Vec<String> {
    let rows: Vec<&PatternRow> = tables(views, Subject::Recipient).flat_map(patterns).collect();
    let decodes = rows.iter().any(|row| row.row.value.contains('$'));
    let names = |mark: &str| rows.iter().any(|row| row.row.at.text.contains(mark));
    let marks: Vec<&str> = WEAVING.into_iter().filter(|mark| decodes && names(mark)).collect();
    let mut out = Vec::new();
    for domain in own.take(MAX_DOMAINS) {
        for mark in &marks {
            out.push(format!("x{mark}{}@{domain}", fresh.domain));
            out.push(format!("{}{mark}x@{domain}", fresh.domain));
        }
    }
    let words = rows.iter().flat_map(|row| row.row.at.text.split(|c: char| !c.is_ascii_alphanumeric()));
    let words: BTreeSet<String> = words.map(str::to_ascii_lowercase).collect();
    let suffixes = words.iter().filter(|word| is_public_suffix(word));
    out.extend(suffixes.map(|suffix| format!("x@{}.{suffix}", fresh.label)));
    out
}

/// Marks with which gateways write a foreign address into a local part; the empty one for expressions that count letters.
const WEAVING: [&str; 9] = ["", "=", "--", "#", "+", "_", "-", "%", "!"];

/// Addresses in own domains, or none, that hold a route to another domain (RFC 5321 section 4.1.2, RFC 1123
/// section 5.2.16).
fn routed<'d>(far: &str, own: impl Iterator<Item = &'d String>) -> Vec<(String, RecipientForm)> {
    use RecipientForm::{Bang, Nested, Percent, Quoted, SourceRoute};
    let mut out = Vec::new();
    for domain in own {
        out.push((format!("x%{far}@{domain}"), Percent));
        out.push((format!("{far}!x@{domain}"), Bang));
        out.push((format!("\"x@{far}\"@{domain}"), Quoted));
        out.push((format!("x@{far}@{domain}"), Nested));
        out.push((format!("@{domain}:x@{far}"), SourceRoute));
    }
    out.push((format!("x%{far}"), Percent));
    out.push((format!("{far}!x"), Bang));
    out.push((format!("\"x@{far}\""), Quoted));
    out
}

/// Senders, with what they are.
pub(super) fn senders(views: &[View<'_, '_>], fresh: &Fresh) -> Ordered<(String, SenderKind)> {
    let mut out = Ordered::new(tables(views, Subject::Sender));
    let mut texts = Texts::new(views, Subject::Sender, &fresh.label);
    out.push((format!("spam@{}", fresh.sender_domain), SenderKind::Foreign));
    out.push((String::new(), SenderKind::Null));
    for view in views {
        for domain in own_domains(view.listener).into_iter().take(MAX_DOMAINS) {
            out.push((format!("{ANY_SENDER}@{domain}"), SenderKind::Own));
            for user in known_users(view.listener) {
                out.push((format!("{user}@{domain}"), SenderKind::Own));
            }
        }
        let owned = view.words.conditions.iter().filter_map(|c| match c {
            Condition::SenderOwned(maps) => Some(maps),
            _ => None,
        });
        for key in owned.flatten().flat_map(keys).take(4) {
            out.push((key.to_owned(), SenderKind::Own));
        }
    }
    out.push(("root".to_owned(), SenderKind::Bare));
    let own: Vec<String> = views.iter().flat_map(|v| own_domains(v.listener)).take(2 * MAX_DOMAINS).collect();
    let words = Words { domain: &fresh.sender_domain, label: &fresh.label, user: ANY_SENDER, own: &own };
    for table in tables(views, Subject::Sender) {
        for address in words.of_keys(table) {
            out.push_new((address, SenderKind::Matching), &mut texts);
        }
        for address in words.of_patterns(table) {
            out.push((address, SenderKind::Matching));
            if out.is_full() {
                return out;
            }
        }
    }
    out
}

/// Greetings; `None` is no greeting at all.
pub(super) fn greetings(views: &[View<'_, '_>], fresh: &Fresh) -> Ordered<Option<String>> {
    let mut out = Ordered::new(tables(views, Subject::Helo));
    let mut texts = Texts::new(views, Subject::Helo, &fresh.label);
    out.push(Some(format!("client.{}", fresh.sender_domain)));
    for other in ["localhost", "[198.51.100.77]", "198.51.100.77", "host"] {
        out.push(Some(other.to_owned()));
    }
    if views.iter().any(|v| !v.listener.helo_required) {
        out.push(None);
    }
    for table in tables(views, Subject::Helo) {
        for key in keys(table).map(|key| key.trim_start_matches('.')) {
            for helo in [key.to_owned(), format!("{}.{key}", fresh.label)] {
                if !out.is_full() && texts.is_new(&helo) {
                    out.push(Some(helo));
                }
            }
        }
        for example in examples(table, vec![fresh.sender_domain.clone()]) {
            out.push(Some(format!("{example}.{}", fresh.sender_domain)));
            out.push(Some(example));
            if out.is_full() {
                return out;
            }
        }
    }
    out
}
