//! `match` and `action` of smtpd.conf(5): the first rule that matches takes the recipient.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lex::{Statement, Word};
use super::tables::{self, Entries, Tables};
use crate::finding::Location;
use crate::platform::mta::{
    all, any, held, host_name_table, keyed, never, not, to_host, to_mailbox, to_recipient, unread,
};
use crate::reason::Reason;
use crate::relay::{Condition, Does, Lookup, Parents, Part, Router, Subject, Table, Transport};

/// What an action does with mail.
#[derive(Debug, Clone)]
pub(super) enum Method {
    /// To another host.
    Relay(Transport),
    /// To accounts of this host, after these tables.
    Local(Vec<Lookup>),
    /// Not known.
    Unknown(Reason),
}

/// What rules are read with.
pub(super) struct Reader<'r> {
    pub(super) tables: &'r Tables,
    pub(super) accounts: Arc<Table>,
    pub(super) host_name: Option<&'r str>,
    pub(super) unread: Vec<Location>,
}

impl Reader<'_> {
    /// `action name method ...`
    pub(super) fn action(&mut self, statement: &Statement) -> Option<(String, Method)> {
        let [_, name, method, options @ ..] = statement.words.as_slice() else { return None };
        let (name, method) = (name.text()?.to_owned(), method.text()?);
        let has = |word: &str| options.iter().any(|w| w.is(word));
        let table_after = |word: &str| {
            let place = options.iter().position(|w| w.is(word))?;
            match options.get(place + 1)? {
                Word::Table(name) => Some(name.clone()),
                _ => None,
            }
        };
        let method = match method {
            "relay" if has("host") => Method::Relay(to_host()),
            "relay" => Method::Relay(to_recipient()),
            "mbox" | "maildir" | "lmtp" | "mda" | "expand-only" | "forward-only" => {
                let mut lookups = Vec::new();
                let missing = || Entries::Unknown("table".into());
                if let Some(name) = table_after("alias") {
                    let entries = self.tables.get(&name).cloned().unwrap_or_else(missing);
                    lookups.push(tables::alias(&name, &entries));
                }
                let is_virtual = table_after("virtual");
                if let Some(name) = &is_virtual {
                    let entries = self.tables.get(name).cloned().unwrap_or_else(missing);
                    lookups.extend(tables::virtual_users(name, &entries));
                }
                if method == "forward-only" || has("userbase") {
                    // users of another table, or none at all
                    return Some((
                        name,
                        Method::Unknown(Reason::Unread { text: statement.at.text.to_string() }),
                    ));
                }
                if is_virtual.is_none() && method != "expand-only" {
                    let mut account = crate::platform::mta::lookup(
                        Subject::Recipient,
                        Part::Local,
                        Parents::No,
                        Arc::clone(&self.accounts),
                    );
                    account.may_not_permit = true;
                    lookups.push(account);
                }
                Method::Local(lookups)
            }
            _ => Method::Unknown(Reason::Unread { text: statement.at.text.to_string() }),
        };
        Some((name, method))
    }

    /// `match ... action name`, `match ... reject`
    pub(super) fn rule(
        &mut self,
        statement: &Statement,
        actions: &BTreeMap<String, Method>,
        tag: Option<&str>,
    ) -> Vec<Router> {
        let at = &statement.at;
        let router = |(condition, of_children): (Condition, Condition), does: Does| Router {
            condition,
            of_children: Some(of_children),
            does,
            verifies: true,
            at: at.clone(),
        };
        let Some((condition, rest)) = self.conditions(statement, tag) else {
            self.unread.push(at.clone());
            let reason = Reason::Unread { text: at.text.to_string() };
            return vec![router((unread(&at.text), unread(&at.text)), Does::Unknown(reason))];
        };
        let name = match rest {
            [reject, ..] if reject.is("reject") => return vec![router(condition, Does::Fail(550))],
            [action, Word::Text(name), ..] if action.is("action") => name,
            _ => {
                self.unread.push(at.clone());
                let reason = Reason::Unread { text: at.text.to_string() };
                return vec![router(condition, Does::Unknown(reason))];
            }
        };
        match actions.get(name) {
            Some(Method::Relay(transport)) => vec![router(condition, Does::Send(transport.clone()))],
            Some(Method::Local(lookups)) => {
                let mut out = Vec::new();
                for lookup in lookups {
                    if lookup.may_not_permit {
                        let account =
                            held(Subject::Recipient, Part::Local, Parents::No, Arc::clone(&lookup.table));
                        out.push(router(with(&condition, &account), Does::Send(to_mailbox())));
                    } else {
                        out.push(router(condition.clone(), Does::Redirect(lookup.clone())));
                    }
                }
                // nobody of that name: the first rule that matches was the only one asked
                out.push(router(condition, Does::Fail(550)));
                out
            }
            Some(Method::Unknown(reason)) => vec![router(condition, Does::Unknown(reason.clone()))],
            None => {
                let reason = Reason::Unread { text: format!("action {name}") };
                vec![router(condition, Does::Unknown(reason))]
            }
        }
    }

    /// Everything between `match` and what is done.
    fn conditions<'s>(
        &self,
        statement: &'s Statement,
        tag: Option<&str>,
    ) -> Option<((Condition, Condition), &'s [Word])> {
        let mut words = statement.words.get(1..)?;
        // what is said of where mail comes from does not count for addresses that aliases lead to
        let (mut parts, mut origin, mut to) = (Vec::new(), None, false);
        // `rcpt-to`, wherever it stands, is one thing that the last one says
        let mut recipient = None;
        loop {
            let negated = words.first() == Some(&Word::Sign('!'));
            if negated {
                words = words.get(1..)?;
            }
            let head = words.first()?.text()?;
            let (condition, used) = match head {
                "action" | "reject" => break,
                "from" => {
                    let (condition, used) = self.origin(words.get(1..)?, &statement.at)?;
                    origin = Some(if negated { not(condition) } else { condition });
                    words = words.get(1 + used..)?;
                    continue;
                }
                "for" => {
                    to = true;
                    self.destination(words.get(1..)?, &statement.at)?
                }
                "tag" => {
                    let wanted = words.get(1)?.text()?;
                    let is = tag == Some(wanted);
                    (if is { Condition::Always } else { never() }, 1)
                }
                "auth" | "helo" | "mail-from" | "rcpt-to" | "tls" => {
                    self.option(head, words.get(1..)?, &statement.at)?
                }
                _ => return None,
            };
            let condition = if negated { not(condition) } else { condition };
            if head == "rcpt-to" || (head == "for" && words.get(1).is_some_and(|word| word.is("rcpt-to"))) {
                recipient = Some(condition);
            } else {
                parts.push(condition);
            }
            words = words.get(1 + used..)?;
        }
        parts.extend(recipient);
        if !to {
            parts.push(self.local_names(&statement.at));
        }
        let origin = origin.unwrap_or(Condition::ClientIsOwn);
        Some(((all([origin].into_iter().chain(parts.iter().cloned())), all(parts)), words))
    }

    /// What follows `from`, and how many words it takes.
    fn origin(&self, words: &[Word], at: &Location) -> Option<(Condition, usize)> {
        let head = words.first()?.text()?;
        Some(match head {
            "any" => (Condition::Always, 2),
            "local" => (Condition::ClientIsOwn, 2),
            "socket" => (never(), 2),
            "src" => match words.get(1)? {
                Word::Text(regex) if regex == "regex" => (unread(&at.text), 4),
                word => (tables::sources("src", &self.entries(word, at), at), 3),
            },
            "rdns" => match words.get(1) {
                Some(Word::Text(next)) if next == "regex" => {
                    let entries = self.entries(words.get(2)?, at);
                    (tables::expressions("rdns", &entries, Subject::ReverseName, Part::Whole), 4)
                }
                Some(word @ (Word::Table(_) | Word::Text(_))) if !is_keyword(word) => {
                    let known = not(Condition::ClientNameMissing);
                    (all([known, tables::names("rdns", &self.entries(word, at), Subject::ReverseName)]), 3)
                }
                _ => (not(Condition::ClientNameMissing), 2),
            },
            "auth" | "mail-from" => {
                let (condition, used) = self.option(head, words.get(1..)?, at)?;
                (condition, used + 2)
            }
            _ => return None,
        })
        .map(|(condition, used)| (condition, used - 1))
    }

    /// What follows `for`.
    fn destination(&self, words: &[Word], at: &Location) -> Option<(Condition, usize)> {
        let head = words.first()?.text()?;
        let regex = words.get(1).is_some_and(|w| w.is("regex"));
        let operand = || words.get(if regex { 2 } else { 1 }).map(|w| self.entries(w, at));
        let used = if regex { 3 } else { 2 };
        Some(match head {
            "any" => (Condition::Always, 1),
            "local" => (self.local_names(at), 1),
            "domain" if regex => {
                (tables::expressions("domain", &operand()?, Subject::Recipient, Part::Domain), used)
            }
            "domain" => (tables::names("domain", &operand()?, Subject::Recipient), used),
            "rcpt-to" if regex => {
                (tables::expressions("rcpt-to", &operand()?, Subject::Recipient, Part::Whole), used)
            }
            "rcpt-to" => (tables::mailboxes("rcpt-to", &operand()?, Subject::Recipient), used),
            _ => return None,
        })
    }

    /// An option of the transaction: what it says, and how many words follow it.
    fn option(&self, head: &str, words: &[Word], at: &Location) -> Option<(Condition, usize)> {
        let regex = words.first().is_some_and(|w| w.is("regex"));
        let operand = words.get(usize::from(regex)).filter(|w| !is_keyword(w));
        let used = usize::from(regex) + usize::from(operand.is_some());
        let entries = operand.map(|w| self.entries(w, at));
        Some(match (head, entries) {
            ("tls", _) => (Condition::Encrypted, 0),
            ("auth", None) => (Condition::LoggedIn, 0),
            ("auth", Some(_)) => (all([Condition::LoggedIn, unread(&at.text)]), used),
            ("helo", Some(entries)) if regex => {
                (tables::expressions("helo", &entries, Subject::Helo, Part::Whole), used)
            }
            ("helo", Some(entries)) => (tables::names("helo", &entries, Subject::Helo), used),
            ("mail-from" | "rcpt-to", Some(entries)) => {
                let subject = if head == "rcpt-to" { Subject::Recipient } else { Subject::Sender };
                let condition = if regex {
                    tables::expressions(head, &entries, subject, Part::Whole)
                } else {
                    tables::mailboxes(head, &entries, subject)
                };
                (condition, used)
            }
            _ => return None,
        })
    }

    fn entries(&self, word: &Word, at: &Location) -> Entries {
        match word {
            Word::Table(name) => {
                self.tables.get(name).cloned().unwrap_or_else(|| Entries::Unknown(format!("<{name}>")))
            }
            Word::Text(text) => tables::single(text, at),
            Word::Sign(_) => Entries::Unknown(at.text.to_string()),
        }
    }

    /// `localhost` and the host's own name.
    fn local_names(&self, at: &Location) -> Condition {
        let own = host_name_table(self.host_name, at);
        any([
            held(
                Subject::Recipient,
                Part::Domain,
                Parents::No,
                keyed("localhost", [("localhost", at.clone())]),
            ),
            held(Subject::Recipient, Part::Domain, Parents::No, own),
        ])
    }
}

/// The same condition on every kind of address.
fn with((own, child): &(Condition, Condition), more: &Condition) -> (Condition, Condition) {
    (all([own.clone(), more.clone()]), all([child.clone(), more.clone()]))
}

/// Words that begin the next part of a rule.
fn is_keyword(word: &Word) -> bool {
    const WORDS: [&str; 9] = ["action", "reject", "from", "for", "tag", "auth", "helo", "mail-from", "tls"];
    matches!(word, Word::Sign(_)) || word.text().is_some_and(|t| WORDS.contains(&t) || t == "rcpt-to")
}
