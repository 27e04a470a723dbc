//! Tables of smtpd.conf(5) and table(5), as conditions: networks, domains with wildcards, addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lex::{Statement, Word};
use crate::evidence::DeviceEvidence;
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::packet::address::{AddressSet, Prefix};
use crate::platform::mta::{
    aliases, all, any, client_addresses, clients, held, literal, lookup, never, pattern_row, patterns,
    special, unknown_table, unread,
};
use crate::reason::Reason;
use crate::relay::{Action, ClientMatch, Condition, Content, Lookup, Parents, Part, Row, Subject, Table};

/// What a table holds.
#[derive(Debug, Clone)]
pub(super) enum Entries {
    /// Keys and values, in order; a list has empty values.
    Known(Vec<(String, String, Location)>),
    /// The evidence does not hold it.
    Unknown(String),
}

/// All tables by name.
pub(super) type Tables = BTreeMap<String, Entries>;

/// A statement `table name ...`, with what its file holds.
pub(super) fn table(
    statement: &Statement,
    evidence: &DeviceEvidence,
    want: &mut dyn FnMut(&str),
) -> Option<(String, Entries)> {
    let [_, name, rest @ ..] = statement.words.as_slice() else { return None };
    let name = name.text()?.to_owned();
    if let [Word::Text(source)] = rest {
        let (kind, path) = source.split_once(':').unwrap_or(("file", source));
        if kind != "file" && !source.starts_with('/') {
            return Some((name, Entries::Unknown(source.clone())));
        }
        want(path);
        let entries = match evidence.file(path) {
            Some(text) => Entries::Known(rows(path, &text)),
            None => Entries::Unknown(source.clone()),
        };
        return Some((name, entries));
    }
    Some((name, Entries::Known(inline(rest, &statement.at))))
}

/// `{ a, b }`, `{ k = v, ... }`
fn inline(words: &[Word], at: &Location) -> Vec<(String, String, Location)> {
    let inner = words.iter().filter(|w| !matches!(w, Word::Sign('{' | '}')));
    let mut out: Vec<(String, String, Location)> = Vec::new();
    let mut value = false;
    for word in inner {
        match word {
            Word::Sign('=') => value = true,
            Word::Sign(_) | Word::Table(_) => value = false,
            Word::Text(text) => match out.last_mut() {
                Some((_, of, _)) if value => {
                    of.clone_from(text);
                    value = false;
                }
                _ => out.push((text.clone(), String::new(), at.clone())),
            },
        }
    }
    out
}

fn rows(path: &str, text: &str) -> Vec<(String, String, Location)> {
    let artifact: Arc<str> = file_artifact(path).into();
    let mut out = Vec::new();
    for (line, number) in text.lines().zip(1u32..) {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let end =
            bare.find([' ', '\t', ':']).filter(|_| bare.parse::<Prefix>().is_err()).unwrap_or(bare.len());
        let (key, value) = bare.split_at_checked(end).unwrap_or((bare, ""));
        let value = value.trim_start_matches([' ', '\t', ':']).trim();
        out.push((key.to_owned(), value.to_owned(), Location::at(Arc::clone(&artifact), number, bare)));
    }
    out
}

/// Clients whose address is in the table.
pub(super) fn sources(name: &str, entries: &Entries, at: &Location) -> Condition {
    match entries {
        Entries::Known(rows) => {
            let (mut set, mut others) = (Vec::new(), Vec::new());
            for (key, _, at) in rows {
                match key.trim_matches(['[', ']']).parse::<Prefix>() {
                    Ok(prefix) => set.push(prefix),
                    Err(_) if key == "local" => others.push(never()),
                    Err(_) => others.push(crate::platform::mta::unread(&at.text)),
                }
            }
            let set: AddressSet = set.into_iter().collect();
            any([client_addresses(name, set, at)].into_iter().chain(others))
        }
        Entries::Unknown(source) => {
            let reason = Reason::ContentsUnknown { name: source.clone() };
            clients(name, Parents::No, ClientMatch::Unknown(reason), at)
        }
    }
}

/// Names (domains, greetings, client names) in the table, with `*` for any text.
pub(super) fn names(name: &str, entries: &Entries, subject: Subject) -> Condition {
    let is_address = matches!(subject, Subject::Sender | Subject::Recipient);
    let part = if is_address { Part::Domain } else { Part::Whole };
    match entries {
        Entries::Known(rows) => {
            let one = |(key, _, at): &(String, String, Location)| pattern_row(&glob(key), key, true, at);
            if subject == Subject::ReverseName {
                // a `*` in the name of a client is none in OpenSMTPD 6.8, whatever its manual says
                let (wild, plain): (Vec<_>, Vec<_>) = rows.iter().partition(|(key, ..)| key.contains('*'));
                let table = |rows: Vec<&(String, String, Location)>| {
                    patterns(name, rows.into_iter().map(one).collect())
                };
                let wild =
                    all([held(subject, part, Parents::No, table(wild)), unread(&format!("{name} with *"))]);
                return any([held(subject, part, Parents::No, table(plain)), wild]);
            }
            held(subject, part, Parents::No, patterns(name, rows.iter().map(one).collect()))
        }
        Entries::Unknown(source) => held(subject, part, Parents::No, unknown_table(source)),
    }
}

/// Addresses in the table: `user@domain`, `@domain`, with `*` in the domain.
pub(super) fn mailboxes(name: &str, entries: &Entries, subject: Subject) -> Condition {
    match entries {
        Entries::Known(rows) => {
            let one = |(key, _, at): &(String, String, Location)| {
                let (user, domain) = key.rsplit_once('@').unwrap_or((key, "*"));
                let user = if user.is_empty() { "[^@]*".to_owned() } else { literal(user) };
                let regex = format!("^{user}@{}$", bare(&glob(domain)));
                pattern_row(&regex, key, true, at)
            };
            held(subject, Part::Whole, Parents::No, patterns(name, rows.iter().map(one).collect()))
        }
        Entries::Unknown(source) => held(subject, Part::Whole, Parents::No, unknown_table(source)),
    }
}

/// Expressions in the table.
pub(super) fn expressions(name: &str, entries: &Entries, subject: Subject, part: Part) -> Condition {
    match entries {
        Entries::Known(rows) => {
            let one = |(key, _, at): &(String, String, Location)| pattern_row(key, key, true, at);
            held(subject, part, Parents::No, patterns(name, rows.iter().map(one).collect()))
        }
        Entries::Unknown(source) => held(subject, part, Parents::No, unknown_table(source)),
    }
}

fn glob(text: &str) -> String {
    let parts: Vec<String> = text.split('*').map(literal).collect();
    format!("^{}$", parts.join(".*"))
}

fn bare(regex: &str) -> &str {
    regex.trim_start_matches('^').trim_end_matches('$')
}

/// aliases(5): the name before the `@`, with what becomes of it.
pub(super) fn alias(name: &str, entries: &Entries) -> Lookup {
    let Entries::Known(rows) = entries else {
        return lookup(Subject::Recipient, Part::Local, Parents::No, unknown_table(name));
    };
    let text: String = rows.iter().map(|(key, value, _)| format!("{key}: {value}\n")).collect();
    let (table, actions) = aliases(name, name, &text);
    let mut found = lookup(Subject::Recipient, Part::Local, Parents::No, table);
    found.actions = Arc::new(settled(&found.table, (*actions).clone()));
    found
}

/// A virtual table: `user@domain`, `user`, `@domain`, `@`.
pub(super) fn virtual_users(name: &str, entries: &Entries) -> Vec<Lookup> {
    let Entries::Known(rows) = entries else {
        return vec![lookup(Subject::Recipient, Part::Whole, Parents::No, unknown_table(name))];
    };
    let part = |part: Part, keep: &dyn Fn(&str) -> Option<String>| {
        let rows = rows.iter().filter_map(|(key, value, at)| {
            let row = Row { value: value.as_str().into(), at: at.clone() };
            Some((keep(key)?.to_lowercase().into(), row))
        });
        let table = Arc::new(Table { name: name.into(), content: Content::Keyed(rows.collect()) });
        let mut found = lookup(Subject::Recipient, part, Parents::No, table);
        found.actions = Arc::new(settled(&found.table, BTreeMap::new()));
        found
    };
    let whole = |key: &str| (key.contains('@') && !key.starts_with('@')).then(|| key.to_owned());
    let user = |key: &str| (!key.contains('@')).then(|| key.to_owned());
    let domain = |key: &str| key.strip_prefix('@').filter(|d| !d.is_empty()).map(str::to_owned);
    let mut out = vec![part(Part::Whole, &whole), part(Part::Local, &user), part(Part::Domain, &domain)];
    if let Some((_, value, at)) = rows.iter().find(|(key, _, _)| key == "@") {
        let table = crate::platform::mta::constant(name, value, at);
        let mut found = lookup(Subject::Recipient, Part::Whole, Parents::No, table);
        found.actions = Arc::new(settled(&found.table, BTreeMap::new()));
        out.push(found);
    }
    out
}

/// Answers that name accounts of this host stay here; only whole addresses go on.
fn settled(table: &Table, mut actions: BTreeMap<Arc<str>, Action>) -> BTreeMap<Arc<str>, Action> {
    for row in table.rows() {
        if !row.value.contains('@') {
            let action = special(&row.value).unwrap_or(Action::Hold);
            actions.entry(Arc::clone(&row.value)).or_insert(action);
        }
    }
    actions
}

/// A single text as a table of its own.
pub(super) fn single(text: &str, at: &Location) -> Entries {
    Entries::Known(vec![(text.to_owned(), String::new(), at.clone())])
}
