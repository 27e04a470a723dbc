//! Access lists: verbs and conditions as rules (Exim specification, chapter 44).
//!
//! A statement's conditions are asked in order; behind the last statement everything is denied.

use super::condition::begins;
use super::config::{Acl, ListKind};
use super::lines::Line;
use super::lookups;
use super::reader::Reader;
use crate::finding::Location;
use crate::platform::mta::{all, any, held, not, pattern_row, patterns, unread};
use crate::reason::Reason;
use crate::relay::{
    Action, Condition, Dns, DnsQuestion, ListId, Parents, Part, Rule, RuleList, Step, Subject,
};

const VERBS: [&str; 7] = ["accept", "defer", "deny", "discard", "drop", "require", "warn"];

/// What decides nothing at RCPT TO: texts, logs, header lines, delays, controls.
const MODIFIERS: [&str; 14] = [
    "message",
    "log_message",
    "logwrite",
    "log_reject_target",
    "add_header",
    "remove_header",
    "control",
    "delay",
    "set",
    "continue",
    "queue",
    "udpsend",
    "dscp",
    "bcc",
];

/// One statement.
struct Statement {
    verb: &'static str,
    at: Location,
    conditions: Vec<Condition>,
    /// How many conditions stand before `endpass`.
    endpass: Option<usize>,
}

impl Reader<'_> {
    /// The access list that a main option names; without the option everything passes (or, at RCPT TO, nothing).
    pub(super) fn acl_option(&self, option: &str) -> ListId {
        let value = self.config.main.get(option);
        let at = value.map_or_else(|| Location::within("exim", option), |v| v.at.clone());
        let single = |action| {
            let rule = Rule { step: Step::If(Condition::Always, action), at: at.clone() };
            self.policy.borrow_mut().add_list(RuleList { name: option.into(), rules: vec![rule] })
        };
        let unset = if option == "acl_smtp_rcpt" { Action::Refuse(550) } else { Action::Permit };
        let Some(value) = value.filter(|v| !v.text.is_empty()) else { return single(unset) };
        match self.expand(&value.text, &value.at) {
            super::expand::Expansion::If(condition, yes, no) => match (yes.known(), no.known()) {
                (Some(yes), Some(no)) => {
                    let one = |name: &str| {
                        if name.is_empty() { single(unset.clone()) } else { self.acl(name, &at, 0) }
                    };
                    let (yes, no) = (one(&yes), one(&no));
                    let rule = |condition, list| Rule {
                        step: Step::If(condition, Action::List(list)),
                        at: at.clone(),
                    };
                    let rules = vec![rule((*condition).clone(), yes), rule(Condition::Always, no)];
                    self.policy.borrow_mut().add_list(RuleList { name: option.into(), rules })
                }
                _ => single(Action::Unknown(Reason::Unread { text: value.text.clone() })),
            },
            other => match other.known() {
                Some(name) if name.is_empty() => single(unset),
                Some(name) => self.acl(&name, &at, 0),
                None => single(Action::Unknown(Reason::Unread { text: value.text.clone() })),
            },
        }
    }

    /// The access list of a name, or written in its place.
    fn acl(&self, name: &str, at: &Location, depth: usize) -> ListId {
        let name = name.split_whitespace().next().unwrap_or_default();
        let key = format!("{name} {:?}", self.port.get());
        if let Some(known) = self.acls.borrow().get(&key) {
            return *known;
        }
        let id = self.policy.borrow_mut().add_list(RuleList::default());
        self.acls.borrow_mut().insert(key, id);
        let rules = match self.config.acls.get(name) {
            Some(acl) if depth < 20 => self.rules(acl, depth),
            _ => {
                let reason = Reason::Unread { text: format!("acl {name}") };
                self.gap(reason.clone(), Some(at.clone()));
                vec![Rule { step: Step::If(Condition::Always, Action::Unknown(reason)), at: at.clone() }]
            }
        };
        self.policy.borrow_mut().set_list(id, RuleList { name: name.into(), rules });
        id
    }

    fn rules(&self, acl: &Acl, depth: usize) -> Vec<Rule> {
        let mut out = Vec::new();
        let mut current: Option<Statement> = None;
        for line in &acl.lines {
            let mut text = line.text.as_str();
            if let Some(verb) = VERBS.iter().find(|verb| begins(text, verb) && !is_assignment(text, verb)) {
                out.extend(current.take().into_iter().flat_map(|s| self.statement(s)));
                current =
                    Some(Statement { verb, at: line.at.clone(), conditions: Vec::new(), endpass: None });
                text = text.get(verb.len()..).unwrap_or_default().trim();
            }
            let Some(statement) = &mut current else {
                self.gap(Reason::Unread { text: line.text.clone() }, Some(line.at.clone()));
                continue;
            };
            if text == "endpass" {
                statement.endpass = Some(statement.conditions.len());
            } else if !text.is_empty() {
                let line = Line { text: text.to_owned(), at: line.at.clone() };
                statement.conditions.extend(self.acl_condition(&line, depth));
            }
        }
        out.extend(current.into_iter().flat_map(|s| self.statement(s)));
        // behind the last statement everything is denied
        out.push(Rule { step: Step::If(Condition::Always, Action::Refuse(550)), at: acl.at.clone() });
        out
    }

    fn statement(&self, statement: Statement) -> Vec<Rule> {
        let Statement { verb, at, conditions, endpass } = statement;
        let rule = |condition, action| Rule { step: Step::If(condition, action), at: at.clone() };
        let whole = || all(conditions.iter().cloned());
        match verb {
            "accept" => {
                let mut out = Vec::new();
                if let Some(place) = endpass {
                    let (before, after) = conditions.split_at_checked(place).unwrap_or((&conditions, &[]));
                    let fails = all([all(before.iter().cloned()), not(all(after.iter().cloned()))]);
                    out.push(rule(fails, Action::Refuse(550)));
                }
                out.push(rule(whole(), Action::Permit));
                out
            }
            "deny" | "drop" => vec![rule(whole(), Action::Refuse(550))],
            "defer" => vec![rule(whole(), Action::Refuse(451))],
            "require" => vec![rule(not(whole()), Action::Refuse(550))],
            "discard" => {
                let always = |action| Rule { step: Step::If(Condition::Always, action), at: at.clone() };
                let rules = vec![always(Action::Hold), always(Action::Permit)];
                let list = self.policy.borrow_mut().add_list(RuleList { name: "discard".into(), rules });
                vec![rule(whole(), Action::List(list))]
            }
            _ => Vec::new(),
        }
    }

    /// The condition of one line; `None` for what decides nothing.
    fn acl_condition(&self, line: &Line, depth: usize) -> Option<Condition> {
        let negated = line.text.starts_with('!');
        let text = line.text.trim_start_matches('!').trim_start();
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let name = name.trim();
        if MODIFIERS.iter().any(|m| begins(name, m)) {
            return None;
        }
        let value = super::config::unquoted(value.trim());
        let condition = self.one_condition(name, &value, line, depth);
        Some(if negated { not(condition) } else { condition })
    }

    fn one_condition(&self, name: &str, value: &str, line: &Line, depth: usize) -> Condition {
        let at = &line.at;
        let list = |kind, subject| self.list(kind, value, subject, at);
        match name {
            "hosts" => list(ListKind::Host, Subject::Client),
            "domains" => list(ListKind::Domain, Subject::Recipient),
            "local_parts" => list(ListKind::LocalPart, Subject::Recipient),
            "recipients" => list(ListKind::Address, Subject::Recipient),
            "senders" => list(ListKind::Address, Subject::Sender),
            "sender_domains" => list(ListKind::Domain, Subject::Sender),
            "condition" => self.truth(value, at),
            "authenticated" if value.trim() == "*" => Condition::LoggedIn,
            "authenticated" => all([Condition::LoggedIn, unread(&line.text)]),
            "encrypted" if value.trim() == "*" => Condition::Encrypted,
            "encrypted" => all([Condition::Encrypted, unread(&line.text)]),
            "acl" => match self.expand(value, at).known() {
                Some(name) => Condition::Passes(self.acl(&name, at, depth + 1)),
                None => unread(&line.text),
            },
            "verify" => self.verify(value, line),
            "dnslists" => {
                let about =
                    if value.contains("sender_address_domain") { Subject::Sender } else { Subject::Client };
                let asks =
                    if about == Subject::Sender { DnsQuestion::NameListed } else { DnsQuestion::Listed };
                Condition::Dns(Dns { asks, about, text: value.into() })
            }
            "ratelimit" => Condition::Outside(Reason::RunTime { text: line.text.clone() }),
            "spf" | "spf_guess" | "dmarc_status" => Condition::Dns(Dns {
                asks: DnsQuestion::NameListed,
                about: Subject::Sender,
                text: line.text.as_str().into(),
            }),
            _ => {
                self.gap(Reason::Unread { text: line.text.clone() }, Some(at.clone()));
                unread(&line.text)
            }
        }
    }

    fn verify(&self, value: &str, line: &Line) -> Condition {
        let dns = |asks, about| {
            Condition::Dns(Dns { asks, about, text: format!("verify = {value}").as_str().into() })
        };
        let mut parts = value.split('/').map(str::trim);
        let what = parts.next().unwrap_or_default();
        let callout = parts.any(|p| p.starts_with("callout"));
        let subject = match what.split('=').next().unwrap_or_default().trim() {
            "recipient" => Subject::Recipient,
            "sender" if what == "sender" => Subject::Sender,
            "reverse_host_lookup" => return not(Condition::ClientNameUnverified),
            "helo" => return not(dns(DnsQuestion::Unresolvable, Subject::Helo)),
            "certificate" => return Condition::CertificateTrusted,
            _ => return unread(&line.text),
        };
        let known = Condition::Routable(subject);
        if callout { all([known, not(dns(DnsQuestion::Undeliverable, subject))]) } else { known }
    }

    /// What the server asks before any access list: greeting and form.
    pub(super) fn host_checks(&self) -> Vec<Rule> {
        let mut out = Vec::new();
        if let Some(value) = self.config.main.get("host_reject_connection") {
            let hosts = self.list(ListKind::Host, &value.text, Subject::Client, &value.at);
            out.push(Rule { step: Step::If(hosts, Action::Refuse(554)), at: value.at.clone() });
        }
        // without the option it depends on the version who must greet
        let (must_greet, at) = match self.config.main.get("hosts_require_helo") {
            Some(value) => {
                (self.list(ListKind::Host, &value.text, Subject::Client, &value.at), value.at.clone())
            }
            None => (unread("hosts_require_helo"), Location::within("exim", "hosts_require_helo")),
        };
        let mute = all([not(Condition::Greeted), must_greet]);
        out.push(Rule { step: Step::If(mute, Action::Refuse(503)), at });
        if let Some(value) = self.config.main.get("helo_verify_hosts") {
            let hosts = self.list(ListKind::Host, &value.text, Subject::Client, &value.at);
            let unknown = Condition::Dns(Dns {
                asks: DnsQuestion::Unresolvable,
                about: Subject::Helo,
                text: "helo_verify_hosts".into(),
            });
            out.push(Rule {
                step: Step::If(all([hosts, unknown]), Action::Refuse(550)),
                at: value.at.clone(),
            });
        }
        out
    }

    /// Whether a table of the login names that may use the server holds this one; for `server_condition`s.
    pub(super) fn offers_login(&self) -> Option<Location> {
        let server = |d: &&super::config::Driver| d.options.iter().any(|(n, _)| n.starts_with("server_"));
        let driver = self.config.authenticators.iter().find(server)?;
        let advertised = self.config.text("auth_advertise_hosts").unwrap_or("*");
        (!advertised.is_empty()).then(|| {
            driver
                .get("driver")
                .map_or_else(|| Location::within("exim", driver.name.as_str()), |v| v.at.clone())
        })
    }

    /// Whether a login is offered only under TLS.
    pub(super) fn login_under_tls(&self) -> bool {
        let server = |d: &&super::config::Driver| d.options.iter().any(|(n, _)| n.starts_with("server_"));
        let guarded = |d: &super::config::Driver| {
            let condition = d.text("server_advertise_condition");
            condition.contains("tls_in_cipher") || condition.contains("tls_cipher")
        };
        let hosts = self.config.text("auth_advertise_hosts").unwrap_or("*");
        hosts.contains("tls_in_cipher")
            || hosts.contains("tls_cipher")
            || self.config.authenticators.iter().filter(server).all(guarded)
    }
}

/// Whether a word that looks like a verb is the name of something that is set.
fn is_assignment(text: &str, verb: &str) -> bool {
    text.get(verb.len()..).is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// Accounts as a condition on the local part of the address on its way; `extended`: what an affix may hide is open.
pub(super) fn local_user(
    reader: &Reader<'_>,
    affix: Option<&str>,
    optional: bool,
    at: &Location,
) -> Condition {
    let table = std::sync::Arc::clone(&reader.accounts);
    let plain = held(Subject::Recipient, Part::Local, Parents::No, table);
    let Some(affix) = affix else { return plain };
    let shape = patterns(affix, vec![pattern_row(&lookups::affix(affix), affix, true, at)]);
    let hidden = all([held(Subject::Recipient, Part::Local, Parents::No, shape), unread(affix)]);
    if optional { any([plain, hidden]) } else { hidden }
}
