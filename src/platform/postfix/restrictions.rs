//! Restriction lists of smtpd(8), in neutral words (postconf(5), SMTPD_ACCESS_README).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::builtin::{self, Argument};
use super::config::{Scope, Word};
use super::defaults::NEWEST_KNOWN;
use super::logical;
use super::tables::{Tables, Usage};
use crate::finding::Location;
use crate::reason::Reason;
use crate::relay::{
    Action, ClientList, Condition, ListId, Lookup, Parents, Part, Policy, Rule, RuleList, Step, Subject,
    Table,
};

/// Most rules of one listener.
const MAX_RULES: usize = 100_000;

/// What a table that smtpd could not open answers.
const NO_TABLE: &str = "static:{451 4.3.5 Server configuration error}";

/// Turns the lists of one service into rules.
pub(super) struct Builder<'b, 'c, 'e> {
    pub(super) scope: Scope<'c, 'e>,
    pub(super) tables: &'b Tables<'c, 'e>,
    pub(super) policy: &'b RefCell<Policy>,
    pub(super) mynetworks: Arc<ClientList>,
    pub(super) parents: Parents,
    /// Whether unknown recipients are looked for at all.
    pub(super) checks_listing: bool,
    pub(super) auth: bool,
    /// Whether some table answers DISCARD.
    pub(super) discards: Cell<bool>,
    classes: BTreeSet<String>,
    /// Classes by name, and by what a bare table in them means.
    read: RefCell<BTreeMap<(String, &'static str), ListId>>,
    rules: Cell<usize>,
}

impl<'b, 'c, 'e> Builder<'b, 'c, 'e> {
    /// Prepares a service; a class is read once a list or table names it.
    pub(super) fn new(
        scope: Scope<'c, 'e>,
        tables: &'b Tables<'c, 'e>,
        policy: &'b RefCell<Policy>,
        mynetworks: Arc<ClientList>,
    ) -> Self {
        let parents = super::lists::parents(&scope, "smtpd_access_maps");
        let override_options = scope.words("receive_override_options");
        let checks_listing = !override_options.iter().any(|w| w.text == "no_unknown_recipient_checks");
        let classes = scope.words("smtpd_restriction_classes").into_iter().map(|w| w.text).collect();
        let auth = scope.flag("smtpd_sasl_auth_enable");
        Self {
            scope,
            tables,
            policy,
            mynetworks,
            parents,
            checks_listing,
            auth,
            classes,
            read: RefCell::default(),
            rules: Cell::new(0),
            discards: Cell::new(false),
        }
    }

    /// A class as the list that names it sees it: a bare table means in it what it means in that list.
    fn class(&self, name: &str, default: &'static str) -> Option<ListId> {
        if !self.classes.contains(name) {
            return None;
        }
        let key = (name.to_owned(), default);
        if let Some(id) = self.read.borrow().get(&key) {
            return Some(*id);
        }
        let id = self.policy.borrow_mut().add_list(RuleList::default());
        self.read.borrow_mut().insert(key, id);
        let list = self.rule_list(name, &self.scope.words(name), default);
        self.policy.borrow_mut().set_list(id, list);
        Some(id)
    }

    /// Classes that are named and not defined.
    pub(super) fn undefined_class(&self) -> Option<Location> {
        let mut words = self.scope.words("smtpd_restriction_classes").into_iter();
        words.find(|w| self.scope.words(&w.text).is_empty()).map(|w| w.at)
    }

    /// Reads the list that a parameter holds. A bare table in it means `default`.
    pub(super) fn list(&self, parameter: &str, default: &'static str) -> ListId {
        let list = self.rule_list(parameter, &self.scope.words(parameter), default);
        self.policy.borrow_mut().add_list(list)
    }

    fn rule_list(&self, name: &str, words: &[Word], default: &'static str) -> RuleList {
        let mut rules = Vec::new();
        let (mut words, mut note_only) = (words.iter(), false);
        while let Some(word) = words.next() {
            if word.text.eq_ignore_ascii_case("warn_if_reject") {
                note_only = true;
                continue;
            }
            for mut step in self.steps(word, &mut words, default) {
                if note_only {
                    step = Step::NoteOnly(Box::new(step));
                }
                rules.push(Rule { step, at: word.at.clone() });
            }
            note_only = false;
            self.rules.set(self.rules.get() + 1);
            if self.rules.get() > MAX_RULES {
                let reason = Reason::TooComplex { subject: name.to_owned() };
                self.scope.config.gap(reason.clone(), Some(word.at.clone()));
                rules.push(Rule {
                    step: Step::If(Condition::Always, Action::Unknown(reason)),
                    at: word.at.clone(),
                });
                break;
            }
        }
        RuleList { name: name.into(), rules }
    }

    /// One restriction, with its argument taken from the words behind it.
    fn steps(&self, word: &Word, rest: &mut std::slice::Iter<'_, Word>, default: &'static str) -> Vec<Step> {
        let name = word.text.to_ascii_lowercase();
        if name.contains(':') {
            return self.with_argument(default, Some(word), word, default);
        }
        if let Some(steps) = builtin::plain(self, &name) {
            return steps;
        }
        match builtin::argument(&name) {
            Argument::Needed => return self.with_argument(&name, rest.next(), word, default),
            Argument::Optional => return self.with_argument_or_nothing(&name, rest.next()),
            Argument::None => {}
        }
        if let Some(class) = self.class(&word.text, default) {
            return vec![Step::List(class)];
        }
        // smtpd answers 451 to a name that it does not know; a newer one may know more names than we do
        if self.scope.config.version.is_some_and(|version| version <= NEWEST_KNOWN) {
            return vec![broken()];
        }
        let reason = Reason::Unread { text: word.text.clone() };
        self.scope.config.gap(reason.clone(), Some(word.at.clone()));
        vec![Step::If(Condition::Always, Action::Unknown(reason))]
    }

    fn with_argument(
        &self,
        name: &str,
        argument: Option<&Word>,
        word: &Word,
        default: &'static str,
    ) -> Vec<Step> {
        let Some(argument) = argument else { return vec![broken()] };
        if name == "sleep" {
            let number = !argument.text.is_empty() && argument.text.bytes().all(|b| b.is_ascii_digit());
            return if number { Vec::new() } else { vec![broken()] };
        }
        if !argument.text.contains(':') {
            return vec![broken()];
        }
        if name == "check_policy_service" {
            let server = logical::in_braces(&argument.text).unwrap_or(&argument.text);
            let server = server.split([',', ' ']).next().unwrap_or_default().to_owned();
            return vec![Step::If(
                Condition::Always,
                Action::Unknown(Reason::OutsideService { name: server }),
            )];
        }
        let Some((subject, server)) = builtin::access(name) else { return Vec::new() };
        let in_braces = logical::in_braces(&argument.text);
        let spec = match in_braces.map(|inside| inside.split([',', ' ']).next().unwrap_or_default()) {
            // only check_ccert_access takes a table with attributes; elsewhere no table opens under that name, and
            // smtpd answers every lookup for it
            Some(_) if subject != Subject::Certificate => NO_TABLE,
            Some(table) => table,
            None => &argument.text,
        };
        let table = self.tables.open(spec, Usage::Map, &argument.at);
        if server {
            return self.server_access(name, subject, &table, default);
        }
        if subject == Subject::Login && !self.auth {
            return Vec::new();
        }
        vec![Step::Lookup(Lookup {
            subject,
            part: Part::Address,
            actions: Arc::new(self.actions(&table, &word.at, default)),
            table,
            parents: self.parents,
            null_sender_key: self.scope.get("smtpd_null_access_lookup_key").into(),
            may_not_permit: subject == Subject::ReverseName,
        })]
    }

    fn with_argument_or_nothing(&self, name: &str, argument: Option<&Word>) -> Vec<Step> {
        argument.map_or_else(Vec::new, |zone| builtin::dns_list(name, &zone.text))
    }

    /// A table asked about the hosts that serve a name: DNS decides, and a permit is an error.
    fn server_access(&self, name: &str, subject: Subject, table: &Table, default: &'static str) -> Vec<Step> {
        let actions = self.actions(table, &Location::within("", ""), default);
        let mut steps = Vec::new();
        let condition = |kind: &str| builtin::server(subject, &format!("{name} {} {kind}", table.name));
        if matches!(&table.content, crate::relay::Content::Unknown(_)) {
            steps.push(Step::If(condition("refuses"), Action::Refuse(554)));
        }
        for (kind, action) in actions {
            let action = if action == Action::Permit { Action::Broken } else { action };
            let step = Step::If(condition(&kind), action);
            if steps.len() < 4 && !matches!(step, Step::If(_, Action::Continue)) {
                steps.push(step);
            }
        }
        steps
    }

    /// What each answer of an access table means.
    fn actions(&self, table: &Table, at: &Location, default: &'static str) -> BTreeMap<Arc<str>, Action> {
        let mut actions = BTreeMap::new();
        for row in table.rows() {
            if !actions.contains_key(&row.value) {
                let action = self.action(&row.value, &row.at, at, default);
                actions.insert(Arc::clone(&row.value), action);
            }
        }
        actions
    }

    /// access(5): the right-hand side of a row.
    fn action(&self, value: &str, row: &Location, rule: &Location, default: &'static str) -> Action {
        let (word, text) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        let text = text.trim();
        let number = |name: &str, otherwise: u16| self.scope.get(name).parse().unwrap_or(otherwise);
        if word.contains('$') {
            return Action::Unknown(Reason::Unread { text: row.text.to_string() });
        }
        match word.to_ascii_uppercase().as_str() {
            "DUNNO" | "INFO" | "WARN" | "FILTER" | "BCC" | "PREPEND" => Action::Continue,
            "REJECT" => Action::Refuse(number("access_map_reject_code", 554)),
            "DEFER" => Action::Refuse(number("access_map_defer_code", 450)),
            "HANGUP" => Action::Refuse(421),
            "HOLD" => Action::Hold,
            "DISCARD" => {
                self.discards.set(true);
                Action::Discard
            }
            "REDIRECT" if text.contains('@') => Action::Redirect,
            "REDIRECT" => Action::Continue,
            "DEFER_IF_PERMIT" => Action::DeferIfPermit,
            "DEFER_IF_REJECT" => Action::DeferIfReject,
            "OK" | "RELAY" => Action::Permit,
            // an answer that is all digits is a time stamp and means OK, even 554
            _ if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => Action::Permit,
            code if is_reply(code) && !text.is_empty() => Action::Refuse(code.parse().unwrap_or(554)),
            "" => Action::Broken,
            _ if value.contains(':') => Action::Broken,
            _ => {
                let words: Vec<Word> = logical::split(value, true)
                    .into_iter()
                    .map(|w| Word { text: w.text.to_owned(), at: row.clone() })
                    .collect();
                let list = self.rule_list(&rule.text, &words, default);
                Action::List(self.policy.borrow_mut().add_list(list))
            }
        }
    }
}

fn is_reply(code: &str) -> bool {
    code.len() == 3 && code.starts_with(['4', '5']) && code.bytes().all(|b| b.is_ascii_digit())
}

fn broken() -> Step {
    Step::If(Condition::Always, Action::Broken)
}
