//! Expansion conditions: what stands behind `${if` (Exim specification, 11.7), over what a client says and is.

use super::config::ListKind;
use super::expand::{Expansion, word};
use super::lookups;
use super::reader::Reader;
use super::split::{braced, items};
use crate::finding::Location;
use crate::platform::mta::{all, any, clients, held, keyed, never, not, pattern_row, patterns, unread};
use crate::relay::{ClientMatch, Condition, Parents, Part, Subject};

/// Deepest nesting of conditions.
const MAX_DEPTH: usize = 24;

/// What a variable of the dialogue is, as a subject of lookups.
pub(super) fn subject(name: &str) -> Option<(Subject, Part)> {
    Some(match name {
        "sender_address" => (Subject::Sender, Part::Whole),
        "sender_address_domain" => (Subject::Sender, Part::Domain),
        "sender_address_local_part" => (Subject::Sender, Part::Local),
        "domain" | "domain_data" => (Subject::Recipient, Part::Domain),
        "local_part" | "local_part_data" => (Subject::Recipient, Part::Local),
        "sender_helo_name" => (Subject::Helo, Part::Whole),
        "sender_host_name" | "sender_host_address" => (Subject::Client, Part::Whole),
        "authenticated_id" => (Subject::Login, Part::Whole),
        _ => return None,
    })
}

impl Reader<'_> {
    /// The condition at the beginning of a text, and what follows it.
    pub(super) fn condition<'t>(
        &self,
        text: &'t str,
        at: &Location,
        depth: usize,
    ) -> Option<(Condition, &'t str)> {
        let text = text.trim_start();
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(rest) = text.strip_prefix('!') {
            let (condition, rest) = self.condition(rest, at, depth + 1)?;
            return Some((not(condition), rest));
        }
        if let Some(rest) = text.strip_prefix("def:") {
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-:".contains(c))).unwrap_or(rest.len());
            let (name, rest) = rest.split_at_checked(end)?;
            return Some((self.defined(name.trim_end_matches(':')), rest));
        }
        let end = text.find(|c: char| c == '{' || c.is_whitespace())?;
        let (name, rest) = text.split_at_checked(end)?;
        let (first, rest) = braced(rest)?;
        let condition = match name {
            "and" | "or" => {
                let mut parts = Vec::new();
                let mut inside = first;
                while let Some((part, next)) = braced(inside) {
                    parts.push(self.condition(part, at, depth + 1).map_or_else(|| unread(part), |(c, _)| c));
                    inside = next;
                }
                return Some((if name == "and" { all(parts) } else { any(parts) }, rest));
            }
            "bool" | "bool_lax" => self.truth(first, at),
            "exists" => {
                self.expand(first, at).known().map_or_else(|| unread(first), |path| self.exists(&path))
            }
            _ => {
                let Some((second, after)) = braced(rest) else { return Some((unread(text), rest)) };
                return Some((self.comparison(name, first, second, at), after));
            }
        };
        Some((condition, rest))
    }

    fn defined(&self, name: &str) -> Condition {
        if let Some(value) = self.constant(name) {
            return if value.is_empty() { never() } else { Condition::Always };
        }
        match name {
            "sender_host_address" | "domain" | "local_part" => Condition::Always,
            "sender_host_name" => not(Condition::ClientNameUnverified),
            "authenticated_id" | "sender_host_authenticated" | "authenticated_sender" => Condition::LoggedIn,
            "tls_cipher" | "tls_in_cipher" | "tls_in_ver" | "tls_in_cipher_std" => Condition::Encrypted,
            "sender_address" | "sender_address_domain" => not(Condition::SenderIsNull),
            "sender_helo_name" => Condition::Greeted,
            _ => unread(&format!("def:{name}")),
        }
    }

    fn comparison(&self, name: &str, first: &str, second: &str, at: &Location) -> Condition {
        let text = || unread(&format!("{name}{{{first}}}{{{second}}}"));
        let (a, b) = (self.expand(first, at), self.expand(second, at));
        match name {
            "eq" | "eqi" => match (a.known(), b.known()) {
                (Some(a), Some(b)) => {
                    constant(if name == "eq" { a == b } else { a.eq_ignore_ascii_case(&b) })
                }
                (Some(known), None) => self.equals(&b, &known, at).unwrap_or_else(text),
                (None, Some(known)) => self.equals(&a, &known, at).unwrap_or_else(text),
                (None, None) => text(),
            },
            "match" => match (a.variable().and_then(subject), b.known()) {
                (Some((subject, part)), Some(regex)) => {
                    let table = patterns(&regex, vec![pattern_row(&regex, &regex, false, at)]);
                    let hit = held(subject, part, Parents::No, table);
                    // an expression may also match nothing at all
                    if subject == Subject::Sender {
                        any([hit, all([Condition::SenderIsNull, text()])])
                    } else {
                        hit
                    }
                }
                _ => text(),
            },
            "match_domain" | "match_address" | "match_local_part" | "match_ip" => {
                let kind = match name {
                    "match_domain" => ListKind::Domain,
                    "match_address" => ListKind::Address,
                    "match_ip" => ListKind::Host,
                    _ => ListKind::LocalPart,
                };
                match a.variable().and_then(subject) {
                    Some((subject, _)) if (subject == Subject::Client) == (kind == ListKind::Host) => {
                        self.list(kind, second, subject, at)
                    }
                    _ => text(),
                }
            }
            "inlist" | "inlisti" => match b.known() {
                Some(list) => {
                    let one = |item: &String| self.equals(&a, item, at).unwrap_or_else(text);
                    any(items(&list).iter().map(one))
                }
                None => text(),
            },
            "=" | "==" | "<" | "<=" | ">" | ">=" => match (number(&a), number(&b)) {
                (Some(a), Some(b)) => constant(match name {
                    "=" | "==" => a == b,
                    "<" => a < b,
                    "<=" => a <= b,
                    ">" => a > b,
                    _ => a >= b,
                }),
                // no account has a number below zero
                (None, Some(limit))
                    if limit <= 0 && name == "<" && a.variable() == Some("local_user_uid") =>
                {
                    never()
                }
                _ => text(),
            },
            _ => text(),
        }
    }

    /// Whether an expanded text is exactly another.
    fn equals(&self, expansion: &Expansion, known: &str, at: &Location) -> Option<Condition> {
        let name = expansion.variable()?;
        if known.is_empty() {
            return Some(not(self.defined(name)));
        }
        let (subject, part) = subject(name)?;
        Some(match name {
            "sender_host_address" => lookups::address_item(known, at)?,
            "sender_host_name" => clients(known, Parents::No, ClientMatch::Name(known.into()), at),
            _ => held(subject, part, Parents::No, keyed(known, [(known, at.clone())])),
        })
    }

    /// `${lookup{KEY}TYPE{FILE}...}`: whether the key is found, and what follows.
    pub(super) fn looked_up(&self, text: &str, at: &Location) -> Option<(Condition, String)> {
        let (key, rest) = braced(text)?;
        let (kind, _) = rest.trim_start().split_once('{')?;
        let rest = rest.trim_start().get(kind.len()..)?;
        let (file, rest) = braced(rest)?;
        let table = self.lookup_table(kind.trim(), &self.expand(file, at).known()?, at);
        let key = self.expand(key, at);
        let (subject, part) = self.key(&key)?;
        Some((held(subject, part, lookups::parents(kind), table), rest.to_owned()))
    }

    /// What a key that is built from the dialogue stands for.
    pub(super) fn key(&self, key: &Expansion) -> Option<(Subject, Part)> {
        use super::expand::Piece;
        if let Some(name) = key.variable() {
            return subject(name);
        }
        let Expansion::Pieces(pieces) = key else { return None };
        match pieces.as_slice() {
            [Piece::Var(local), Piece::Text(at), Piece::Var(domain)]
                if local.starts_with("local_part") && at == "@" && domain.starts_with("domain") =>
            {
                Some((Subject::Recipient, Part::Whole))
            }
            _ => None,
        }
    }
}

/// Whether a word follows at the beginning; for readers of statements.
pub(super) fn begins(text: &str, name: &str) -> bool {
    word(text, name).is_some()
}

fn constant(holds: bool) -> Condition {
    if holds { Condition::Always } else { never() }
}

fn number(expansion: &Expansion) -> Option<i64> {
    expansion.known()?.trim().parse().ok()
}
