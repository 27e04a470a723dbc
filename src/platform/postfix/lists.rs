//! Pattern lists: `mynetworks` and its kin by address or name, `relay_domains` and its kin by domain (postconf(5)).

use super::config::{Scope, Word};
use super::logical;
use super::tables::{Tables, Usage};
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::packet::address::{AddressSet, Family, Prefix};
use crate::reason::Reason;
use crate::relay::{ClientList, ClientMatch, DomainList, DomainMatch, Entry, Parents};

/// Deepest nesting of files in files.
const MAX_DEPTH: usize = 8;

/// Most entries of one list.
const MAX_ENTRIES: usize = 200_000;

/// A list of clients.
pub(super) fn clients(
    scope: &Scope<'_, '_>,
    tables: &Tables<'_, '_>,
    name: &str,
    words: &[Word],
) -> ClientList {
    let entries =
        entries(scope, words, &|pattern, at| client_match(tables, pattern, at), &ClientMatch::Unknown);
    ClientList::new(name, parents(scope, name), entries)
}

/// A list of domains that match exactly.
pub(super) fn exact_domains(scope: &Scope<'_, '_>, tables: &Tables<'_, '_>, name: &str) -> DomainList {
    domains(scope, tables, name, Parents::No)
}

/// A list of domains in which a parent may stand for what lies below it.
pub(super) fn parent_domains(scope: &Scope<'_, '_>, tables: &Tables<'_, '_>, name: &str) -> DomainList {
    domains(scope, tables, name, parents(scope, name))
}

fn domains(scope: &Scope<'_, '_>, tables: &Tables<'_, '_>, name: &str, parents: Parents) -> DomainList {
    let of = |pattern: &str, at: &Location| {
        if is_table(pattern) {
            DomainMatch::Table(tables.open(pattern, Usage::Map, at))
        } else {
            DomainMatch::Name(pattern.into())
        }
    };
    DomainList::new(name, parents, entries(scope, &scope.words(name), &of, &DomainMatch::Unknown))
}

/// How a name in the list of this parameter covers what lies below it.
pub(super) fn parents(scope: &Scope<'_, '_>, name: &str) -> Parents {
    let bare = scope.words("parent_domain_matches_subdomains").iter().any(|w| w.text == name);
    if bare { Parents::Bare } else { Parents::Dotted }
}

fn entries<M>(
    scope: &Scope<'_, '_>,
    words: &[Word],
    of: &dyn Fn(&str, &Location) -> M,
    unknown: &dyn Fn(Reason) -> M,
) -> Vec<Entry<M>> {
    let mut out = Vec::new();
    for word in words {
        push(scope, &word.text, &word.at, 0, of, unknown, &mut out);
    }
    out
}

fn push<M>(
    scope: &Scope<'_, '_>,
    word: &str,
    at: &Location,
    depth: usize,
    of: &dyn Fn(&str, &Location) -> M,
    unknown: &dyn Fn(Reason) -> M,
    out: &mut Vec<Entry<M>>,
) {
    if out.len() >= MAX_ENTRIES || depth > MAX_DEPTH {
        scope.config.gap(Reason::TooComplex { subject: word.to_owned() }, Some(at.clone()));
        let matches = unknown(Reason::TooComplex { subject: word.to_owned() });
        out.push(Entry { matches, excludes: false, at: at.clone() });
        return;
    }
    if word.starts_with('/') {
        let Some(text) = scope.config.file(word) else {
            let reason = Reason::ContentsUnknown { name: word.to_owned() };
            scope.config.gap(reason.clone(), Some(at.clone()));
            out.push(Entry { matches: unknown(reason), excludes: false, at: at.clone() });
            return;
        };
        let file = file_artifact(word);
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let number = u32::try_from(number + 1).unwrap_or(u32::MAX);
            let here = Location::at(file.as_str(), number, line.trim());
            for inner in logical::split(line, true) {
                push(scope, inner.text, &here, depth + 1, of, unknown, out);
            }
        }
        return;
    }
    let pattern = word.trim_start_matches('!');
    let excludes = (word.len() - pattern.len()) % 2 == 1;
    out.push(Entry { matches: of(pattern, at), excludes, at: at.clone() });
}

fn is_table(pattern: &str) -> bool {
    !pattern.starts_with('[') && pattern.contains(':')
}

fn client_match(tables: &Tables<'_, '_>, pattern: &str, at: &Location) -> ClientMatch {
    if is_table(pattern) {
        return ClientMatch::Table(tables.open(pattern, Usage::Map, at));
    }
    let bare: String = pattern.chars().filter(|c| !matches!(c, '[' | ']')).collect();
    if let Ok(prefix) = bare.parse::<Prefix>() {
        return ClientMatch::Addresses(AddressSet::from(prefix));
    }
    let looks_like_network = pattern.contains([':', '/'])
        && pattern.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']' | '/'));
    if looks_like_network {
        let family = if pattern.contains(':') { Family::Ipv6 } else { Family::Ipv4 };
        return ClientMatch::Malformed(family);
    }
    ClientMatch::Name(pattern.into())
}
