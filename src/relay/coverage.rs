//! Whether every expression that could open something was met by a candidate.
//!
//! Examples of an expression are drawn from its syntax, and an earlier row or an enclosing condition may take them
//! all. A row that nothing met may still be met by a text that nobody thought of: silence would be wrong.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::candidates::View;
use super::lists::{ClientMatch, DomainMatch};
use super::rules::{Action, Lookup, Part, Subject};
use super::samples::patterns;
use super::table::{PatternRow, Table};
use super::vocabulary::{client_entries, domain_entries};

/// Whether some row that could open something is met by none of `texts`.
pub(super) fn is_missing(views: &[View<'_, '_>], subject: Subject, texts: &[String]) -> bool {
    views.iter().any(|view| {
        let lookups = view.words.lookups.iter().filter(|l| {
            l.subject == subject || (subject == Subject::Client && l.subject == Subject::ReverseName)
        });
        let mut looked_up = lookups;
        looked_up.any(|lookup| misses(&lookup.table, &parts(lookup, texts), &|row| may_open(lookup, row)))
            || (subject == Subject::Recipient && misses_recipients(view, texts))
            || (subject == Subject::Client && misses_clients(view, texts))
    })
}

/// The texts as a lookup sees them.
fn parts<'t>(lookup: &Lookup, texts: &'t [String]) -> Cow<'t, [String]> {
    let part: fn(&str) -> &str = match lookup.part {
        Part::Address | Part::Whole => return Cow::Borrowed(texts),
        Part::Domain => |text| text.rsplit_once('@').map_or("", |(_, domain)| domain),
        Part::Local => |text| text.rsplit_once('@').map_or(text, |(user, _)| user),
    };
    let distinct: BTreeSet<String> = texts.iter().map(|text| part(text).to_owned()).collect();
    Cow::Owned(distinct.into_iter().collect())
}

/// Whether a row's answer could let something pass.
fn may_open(lookup: &Lookup, row: &PatternRow) -> bool {
    match lookup.actions.get(&row.row.value) {
        Some(Action::Permit | Action::List(_) | Action::Unknown(_)) => !lookup.may_not_permit,
        Some(_) => false,
        None => true,
    }
}

fn misses_recipients(view: &View<'_, '_>, texts: &[String]) -> bool {
    let domains: BTreeSet<String> =
        texts.iter().filter_map(|text| Some(text.rsplit_once('@')?.1.to_owned())).collect();
    let domains: Vec<String> = domains.into_iter().collect();
    let listed = domain_entries(view.listener)
        .filter_map(|m| if let DomainMatch::Table(table) = m { Some(table) } else { None })
        .any(|table| misses(table, &domains, &|row| !row.requires(b'@')));
    // only what builds an address from the client's text sends it where the client chose
    let routing = &view.listener.routing;
    let mut rewriting = routing.canonical.iter().flatten().chain(&routing.aliases).chain(&routing.copies);
    let mut redirects = routing.redirects();
    listed
        || rewriting.any(|table| misses(table, texts, &|row| row.row.value.contains('$')))
        || redirects.any(|l| misses(&l.table, &parts(l, texts), &|row| row.row.value.contains('$')))
}

fn misses_clients(view: &View<'_, '_>, texts: &[String]) -> bool {
    let mut entries = view.words.client_lists.iter().flat_map(|list| client_entries(list));
    entries.any(|entry| matches!(entry, ClientMatch::Table(table) if misses(table, texts, &|_| true)))
}

/// Whether some row that counts is not the first to match any text.
fn misses(table: &Arc<Table>, texts: &[String], counts: &dyn Fn(&PatternRow) -> bool) -> bool {
    let rows: Vec<&PatternRow> = patterns(table).collect();
    let mut open: BTreeSet<usize> =
        (0..).zip(&rows).filter(|(_, row)| counts(row) && row.is_readable()).map(|(i, _)| i).collect();
    for text in texts {
        if open.is_empty() {
            return false;
        }
        if let Some(hit) = rows.iter().position(|row| row.matches(text)) {
            open.remove(&hit);
        }
    }
    // a repetition never decides
    open.iter().any(|i| {
        let repeats = |row: &&PatternRow| rows.iter().take(*i).any(|earlier| earlier.is_same(row));
        !rows.get(*i).is_some_and(repeats)
    })
}
