//! Lookups in files: lsearch and its kin as tables (Exim specification, chapter 9). What is no text file, or lies in a
//! database, is a table that the evidence does not hold.

use std::sync::Arc;

use super::reader::{FileState, Reader};
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::packet::address::{AddressSet, Prefix};
use crate::platform::mta::{client_addresses, held, literal, pattern_row, patterns, unknown_table};
use crate::reason::Reason;
use crate::relay::{ClientMatch, Condition, Content, Parents, Part, Row, Subject, Table};

/// The type of a lookup, taken apart: `net24-partial-lsearch*@`.
struct Kind<'k> {
    base: &'k str,
    by_address: bool,
    partial: bool,
    default: bool,
}

fn kind(text: &str) -> Kind<'_> {
    let text = text.split(',').next().unwrap_or(text).trim();
    let (text, by_address) = match text.strip_prefix("net").and_then(|t| t.split_once('-')) {
        Some((digits, rest)) if digits.bytes().all(|b| b.is_ascii_digit()) => (rest, true),
        _ => (text, false),
    };
    let (text, partial) = match text.strip_prefix("partial").and_then(|t| t.split_once('-')) {
        Some((_, rest)) => (rest.rsplit_once(')').map_or(rest, |(_, rest)| rest), true),
        None => (text, false),
    };
    let base = text.trim_end_matches('@').trim_end_matches('*');
    Kind { base, by_address, partial, default: base.len() < text.len() }
}

/// Whether keys of this lookup cover what lies below them.
pub(super) fn parents(text: &str) -> Parents {
    if kind(text).partial { Parents::Dotted } else { Parents::No }
}

/// Expression for the local parts that an affix list (`+* : -*`, `real-`) covers.
pub(super) fn affix(list: &str) -> String {
    let one = |item: &String| {
        let bare = literal(item.trim_matches('*'));
        if item.ends_with('*') { format!("{bare}.*$") } else { format!("^{bare}|{bare}$") }
    };
    super::split::items(list).iter().map(one).collect::<Vec<_>>().join("|")
}

/// Names of lookup types, before a semicolon.
pub(super) fn is_lookup(item: &str) -> bool {
    const TYPES: &[&str] = &[
        "lsearch",
        "wildlsearch",
        "nwildlsearch",
        "iplsearch",
        "cdb",
        "dbm",
        "dbmnz",
        "dbmjz",
        "dsearch",
        "json",
        "lmdb",
        "sqlite",
        "mysql",
        "pgsql",
        "ldap",
        "ldapdn",
        "ldapm",
        "dnsdb",
        "nis",
        "nis0",
        "nisplus",
        "redis",
        "passwd",
        "testdb",
        "ibase",
        "oracle",
        "whoson",
        "spf",
    ];
    item.split_once(';').is_some_and(|(name, _)| TYPES.contains(&kind(name).base))
}

/// Clients with an address, or in a network.
pub(super) fn address_item(text: &str, at: &Location) -> Option<Condition> {
    let prefix: Prefix = text.trim_matches(['[', ']']).parse().ok()?;
    Some(client_addresses(text, AddressSet::from(prefix), at))
}

impl Reader<'_> {
    /// The table that a lookup asks.
    pub(super) fn lookup_table(&self, type_: &str, file: &str, at: &Location) -> Arc<Table> {
        let kind = kind(type_);
        let name = format!("{type_};{file}");
        match kind.base {
            "lsearch" | "wildlsearch" | "nwildlsearch" => match self.file(file) {
                FileState::Text(text) => lsearch(&name, file, &text, &kind),
                FileState::Absent => broken(&name),
                FileState::Unknown => unknown_table(&name),
            },
            "cdb" | "dbm" | "dbmnz" | "dbmjz" | "dsearch" | "lmdb" | "json" => unknown_table(&name),
            "passwd" => Arc::clone(&self.accounts),
            _ => {
                let reason = Reason::OutsideService { name: format!("{type_} {}", at.text) };
                Arc::new(Table::unknown(name, reason))
            }
        }
    }

    /// A lookup among the items of a list.
    pub(super) fn lookup_item(&self, item: &str, subject: Subject, part: Part, at: &Location) -> Condition {
        let (type_, file) = item.split_once(';').unwrap_or((item, ""));
        let kind = kind(type_);
        let file = file.trim();
        if subject != Subject::Client {
            return held(subject, part, parents(type_), self.lookup_table(type_, file, at));
        }
        match (kind.base, self.file(file)) {
            ("iplsearch" | "lsearch", FileState::Text(text)) if kind.by_address => networks(&text, file, at),
            _ if kind.by_address => {
                let reason = Reason::ContentsUnknown { name: item.to_owned() };
                crate::platform::mta::clients(item, Parents::No, ClientMatch::Unknown(reason), at)
            }
            _ => held(subject, part, Parents::No, self.lookup_table(type_, file, at)),
        }
    }
}

fn broken(name: &str) -> Arc<Table> {
    let reason = Reason::ContentsUnknown { name: name.to_owned() };
    Arc::new(Table { name: name.into(), content: Content::Broken(reason) })
}

/// Networks as keys of a file.
fn networks(text: &str, file: &str, at: &Location) -> Condition {
    let set: AddressSet = lines(text)
        .filter_map(|(_, line)| key_value(line).0.replace('"', "").parse::<Prefix>().ok())
        .collect();
    client_addresses(file, set, at)
}

fn lsearch(name: &str, file: &str, text: &str, kind: &Kind<'_>) -> Arc<Table> {
    let artifact: Arc<str> = file_artifact(file).into();
    let (mut keyed, mut wild, mut default) = (Vec::new(), Vec::new(), None);
    for (number, line) in lines(text) {
        let (key, value) = key_value(line);
        let row = Row { value: value.into(), at: Location::at(Arc::clone(&artifact), number, line) };
        if kind.base != "lsearch" && key.starts_with(['*', '^']) {
            let regex =
                key.strip_prefix('*').map_or_else(|| key.to_owned(), |tail| format!("{}$", literal(tail)));
            wild.push(pattern_row(&regex, value, true, &row.at));
        } else if kind.base != "lsearch" {
            wild.push(pattern_row(&format!("^{}$", literal(key)), value, true, &row.at));
        } else if key == "*" && kind.default {
            default = default.or(Some(row));
        } else if let Some(domain) = key.strip_prefix("*.").filter(|_| kind.partial) {
            // a partial key covers the domain itself and everything below it
            keyed.push((domain.to_lowercase().into(), row.clone()));
            keyed.push((format!(".{}", domain.to_lowercase()).into(), row));
        } else {
            keyed.push((key.to_lowercase().into(), row));
        }
    }
    if kind.base != "lsearch" {
        return patterns(name, wild);
    }
    let content = match default {
        Some(row) => Content::Constant(row),
        None => Content::Keyed(keyed.into_iter().collect()),
    };
    Arc::new(Table { name: name.into(), content })
}

/// Lines that are no comments; continuations only carry on values, whose meaning no list looks at.
fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1u32..).zip(text.lines()).filter(|(_, l)| !l.starts_with(['#', ' ', '\t']) && !l.trim().is_empty())
}

fn key_value(line: &str) -> (&str, &str) {
    crate::platform::mta::key_value(line).unwrap_or((line, ""))
}
