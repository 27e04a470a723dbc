//! Redirections: what an address becomes, and whether the client chose that (Exim specification, chapter 22).
//!
//! An expression that builds the domain from the client's text makes a relay of an own address.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{Driver, Value};
use super::expand::{Expansion, Piece};
use super::lookups;
use super::reader::{FileState, Reader};
use super::split::{all_braced, braced, closing, items};
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::platform::mta::{aliases, constant, lookup, not, pattern_row, patterns, special, to_mailbox};
use crate::reason::Reason;
use crate::relay::{
    Action, Agent, Condition, Content, Does, Lookup, Next, Parents, Part, Row, Subject, Table, Transport,
};

/// Makes a redirection of a subject, an expression and what stands for its match.
type Making<'m> = &'m dyn Fn((Subject, Part), &str, &str) -> Option<Does>;

impl Reader<'_> {
    /// What a redirection does, in order: each part is asked when those before it had nothing to say.
    pub(super) fn redirect(&self, driver: &Driver) -> Vec<(Condition, Does)> {
        let unknown = |text: &str| {
            vec![(
                Condition::Always,
                Does::Unknown(Reason::Unread { text: format!("{}: {text}", driver.name) }),
            )]
        };
        let Some(Value { text, at }) = driver.get("data") else { return unknown("redirect") };
        let text = text.trim();
        if let Some(parts) = self.table_redirect(text, at) {
            return parts;
        }
        if let Some(does) = self.pattern_redirect(driver, text, at) {
            return vec![(Condition::Always, does)];
        }
        let expansion = self.expand(text, at);
        let parts = match &expansion {
            Expansion::If(condition, yes, no) => {
                let side = |condition: Condition, side: &Expansion| match side {
                    Expansion::Fail => Some(None),
                    side => self.template(side, at).map(|does| Some((condition, does))),
                };
                let sides = (side((**condition).clone(), yes), side(not((**condition).clone()), no));
                match sides {
                    (Some(yes), Some(no)) => Some(yes.into_iter().chain(no).collect()),
                    _ => None,
                }
            }
            Expansion::Fail => Some(Vec::new()),
            Expansion::Pieces(_) => self.template(&expansion, at).map(|does| vec![(Condition::Always, does)]),
        };
        parts.unwrap_or_else(|| unknown(text))
    }

    /// Text around variables: what it makes of an address.
    fn template(&self, expansion: &Expansion, at: &Location) -> Option<Does> {
        let Expansion::Pieces(pieces) = expansion else { return None };
        if let Some(known) = expansion.known() {
            return Some(self.fixed(&known, at));
        }
        let mut value = String::new();
        let mut in_domain = false;
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    in_domain |= text.contains('@');
                    value.push_str(text);
                }
                Piece::Var(name) if !in_domain && name.starts_with("local_part") && value.is_empty() => {}
                Piece::Var(name) if in_domain && name.starts_with("domain") => return None,
                // a local part of the client's text in a domain of the owner's choice
                _ if !in_domain => value.push('x'),
                _ => return None,
            }
        }
        let value = value.trim();
        if !in_domain {
            return None;
        }
        Some(Does::Redirect(lookup(
            Subject::Recipient,
            Part::Whole,
            Parents::No,
            constant("data", value, at),
        )))
    }

    fn fixed(&self, text: &str, at: &Location) -> Does {
        let text = text.trim();
        match special(text) {
            Some(Action::Refuse(code)) => Does::Fail(code),
            Some(Action::Hold) if text.starts_with(":blackhole:") => {
                Does::Send(Transport { agent: Agent::Discard, next: Next::Recipient })
            }
            Some(Action::Hold) => Does::Send(to_mailbox()),
            Some(_) => Does::Redirect(lookup(
                Subject::Recipient,
                Part::Whole,
                Parents::No,
                Arc::new(Table { name: "empty".into(), content: Content::Patterns(Vec::new()) }),
            )),
            None => Does::Redirect(lookup(
                Subject::Recipient,
                Part::Whole,
                Parents::No,
                constant("data", text, at),
            )),
        }
    }

    /// `${lookup{KEY}lsearch{FILE}}` and what is made of the value.
    fn table_redirect(&self, text: &str, at: &Location) -> Option<Vec<(Condition, Does)>> {
        let inner = whole_item(text)?.trim().strip_prefix("lookup")?;
        let (key, rest) = braced(inner)?;
        let rest = rest.trim_start();
        let (kind, _) = rest.split_once('{')?;
        let (file, rest) = braced(rest.get(kind.len()..)?)?;
        let (branches, _) = all_braced(rest);
        let (subject, part) = self.key(&self.expand(key, at))?;
        let file = self.expand(file, at).known()?;
        let kind = kind.trim();
        let plain = branches.first().is_none_or(|b| b.trim() == "$value" || b.trim() == "${value}");
        let keeps_user = branches.first().is_some_and(|b| {
            matches!(b.trim(), "$local_part@$value" | "${local_part}@$value" | "${local_part}@${value}")
        });
        if !plain && !keeps_user {
            return None;
        }
        let base = kind.trim_end_matches(['*', '@']);
        let mut found = match (base, self.file(&file)) {
            ("lsearch", FileState::Text(content)) if plain => {
                let (table, actions) = aliases(&file, &file_artifact(&file), &content);
                Lookup { actions, ..lookup(subject, part, Parents::No, table) }
            }
            _ => lookup(subject, part, lookups::parents(kind), self.lookup_table(kind, &file, at)),
        };
        if keeps_user {
            found.table = prefixed(&found.table);
        }
        if found.actions.is_empty() {
            found.actions = Arc::new(specials(&found.table));
        }
        let mut out = vec![(Condition::Always, Does::Redirect(found))];
        // what stands there when nothing is found
        let other = branches.get(1).map(|b| self.expand(b, at));
        if let Some(other) = other.and_then(|e| e.known()).filter(|text| !text.trim().is_empty()) {
            out.push((Condition::Always, self.fixed(&other, at)));
        }
        Some(out)
    }

    /// `${if match{$local_part}{RE}{ADDRESS}...}`, `${sg{$local_part}{RE}{ADDRESS}}`, and groups of the router's own
    /// lists.
    fn pattern_redirect(&self, driver: &Driver, text: &str, at: &Location) -> Option<Does> {
        let make = |subject: (Subject, Part), regex: &str, value: &str| {
            let value = numbered(value)?;
            let table = patterns(regex, vec![pattern_row(regex, &value, false, at)]);
            let mut found = lookup(subject.0, subject.1, Parents::No, table);
            found.actions =
                Arc::new(special(&value).map(|a| (Arc::from(value.as_str()), a)).into_iter().collect());
            Some(Does::Redirect(found))
        };
        if let Some(inner) = whole_item(text) {
            let inner = inner.trim();
            if let Some(rest) =
                inner.strip_prefix("if ").map(str::trim_start).and_then(|r| r.strip_prefix("match"))
            {
                let (parts, _) = all_braced(rest);
                let [of, regex, value, ..] = parts.as_slice() else { return None };
                let subject = self.key(&self.expand(of, at))?;
                return make(subject, &self.expand(regex, at).known()?, value);
            }
        }
        let (head, tail) = match text.strip_prefix("${sg") {
            Some(rest) => {
                let end = closing(rest)?;
                (rest.get(..end)?, rest.get(end + 1..)?)
            }
            None => return self.router_groups(driver, text, at, &make),
        };
        let (parts, _) = all_braced(head);
        let [of, regex, value] = parts.as_slice() else { return None };
        let subject = self.key(&self.expand(of, at))?;
        let regex = self.expand(regex, at).known()?;
        let anchored = regex.starts_with('^') && regex.ends_with('$');
        let value = self.expand(value, at).known()?;
        if !anchored || (tail.contains('$') && !tail.starts_with('@')) {
            return None;
        }
        make(subject, &regex, &format!("{value}{tail}"))
    }

    /// `$1` in the data stands for a group of the router's own `local_parts` or `domains`.
    fn router_groups(&self, driver: &Driver, text: &str, at: &Location, make: Making<'_>) -> Option<Does> {
        if !(1..=9).any(|n| text.contains(&format!("${n}"))) {
            return None;
        }
        let list = |name: &str| {
            let known = self.expand(driver.text(name), at).known()?;
            let mut all = items(&known);
            let one = all.pop().filter(|item| all.is_empty() && item.starts_with(['^', '*']))?;
            Some(match one.strip_prefix('*') {
                Some(tail) => format!("^(.*){}$", crate::platform::mta::literal(tail)),
                None => one,
            })
        };
        if let Some(regex) = list("local_parts") {
            return make((Subject::Recipient, Part::Local), &regex, text);
        }
        let regex = list("domains")?;
        let value = text.strip_prefix("$local_part").or_else(|| text.strip_prefix("${local_part}"))?;
        make((Subject::Recipient, Part::Domain), &regex, value)
    }
}

/// What stands between `${` and its `}`, when that is all of the text.
fn whole_item(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?;
    let end = closing(inner)?;
    (end + 1 == inner.len()).then(|| inner.get(..end)).flatten()
}

/// A replacement whose only variables are numbered groups; `None` when there are others.
fn numbered(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = value.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'N' => {}
                c => out.push(c),
            },
            '$' => {
                let braced = chars.next_if_eq(&'{').is_some();
                let digit = chars.next().filter(char::is_ascii_digit)?;
                out.push_str(&format!("${{{digit}}}"));
                if braced && chars.next() != Some('}') {
                    return None;
                }
            }
            c => out.push(c),
        }
    }
    Some(out)
}

fn prefixed(table: &Arc<Table>) -> Arc<Table> {
    let Content::Keyed(rows) = &table.content else { return Arc::clone(table) };
    let with =
        |row: &Row| Row { value: format!("@{}", row.value.trim()).as_str().into(), at: row.at.clone() };
    let rows = rows.iter().map(|(key, row)| (key.into(), with(row))).collect();
    Arc::new(Table { name: table.name.clone(), content: Content::Keyed(rows) })
}

fn specials(table: &Arc<Table>) -> BTreeMap<Arc<str>, Action> {
    table.rows().filter_map(|row| Some((Arc::clone(&row.value), special(&row.value)?))).collect()
}
