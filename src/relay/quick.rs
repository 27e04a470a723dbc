//! A cheap first grouping of texts: by the rows that they hit, before any attempt is built.
//!
//! Tables of ten thousand rows say few different things. Texts that hit the same answers everywhere, in domains of the
//! same lists, are one class; only one of each goes on to be played. A table that both states share is asked once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::candidates::View;
use super::keys::{self, Key, Parents};
use super::lists::{About, ClientList, ClientMatch, DomainList, DomainMatch, Member};
use super::policy::Listener;
use super::rules::{Lookup, Part, Subject};
use super::suffix::is_free;
use super::table::{Content, Found, Table};
use super::vocabulary::leaves;

/// What one question about a text or address is answered with; small numbers stand for answers.
pub(super) type Mark = u32;

/// No row.
pub(super) const NOTHING: Mark = 0;

/// An answer that is not known, or not the same for all texts that hit the row.
pub(super) const UNSURE: Mark = u32::MAX;

/// Groups texts of one subject.
pub(super) struct Texts<'p> {
    /// A label that only texts from outside hold.
    label: &'p str,
    forms: Vec<(Form, &'p str)>,
    probes: Vec<Probe<'p>>,
    lists: Vec<&'p DomainList>,
    clients: Vec<Arc<ClientList>>,
    numbers: Numbers,
    tried: HashSet<Box<str>>,
    seen: HashSet<Vec<Mark>>,
}

/// Which keys a text is looked up under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Access(Parents),
    Host(Parents),
    Domain(Parents),
    Local,
    Whole,
    Mailbox,
    Route(Parents),
}

/// What an answer of a table means, as text.
type Meaning<'m> = &'m dyn Fn(&Arc<str>) -> String;

/// A table, and what its answers mean.
struct Probe<'p> {
    table: &'p Arc<Table>,
    /// Place in [`Texts::forms`].
    form: usize,
    /// `None`: any row means the same.
    answers: Option<BTreeMap<Arc<str>, Mark>>,
}

impl<'p> Texts<'p> {
    /// For texts of `subject`, of which `label` makes a domain fresh. Client names are verified or not.
    pub(super) fn new(views: &'p [View<'_, 'p>], subject: Subject, label: &'p str) -> Self {
        let mut all = Self {
            label,
            forms: Vec::new(),
            probes: Vec::new(),
            lists: Vec::new(),
            clients: Vec::new(),
            numbers: Numbers::default(),
            tried: HashSet::new(),
            seen: HashSet::new(),
        };
        let is_mailbox = matches!(subject, Subject::Sender | Subject::Recipient);
        for view in views {
            let asks = |l: &Lookup| {
                l.subject == subject || (subject == Subject::Client && l.subject == Subject::ReverseName)
            };
            for lookup in view.words.lookups.iter().filter(|l| asks(l)) {
                let form = match lookup.part {
                    _ if !is_mailbox => Form::Host(lookup.parents),
                    Part::Address => Form::Access(lookup.parents),
                    Part::Whole => Form::Whole,
                    Part::Domain => Form::Domain(lookup.parents),
                    Part::Local => Form::Local,
                };
                let meaning = |value: &Arc<str>| format!("{:?}", lookup.actions.get(value));
                all.probe(&lookup.table, view.listener, form, Some(&meaning));
            }
            if is_mailbox {
                all.domains(view.listener);
                all.addresses(view.listener);
            }
            if subject == Subject::Client {
                all.clients(view);
            }
        }
        all
    }

    fn probe(
        &mut self,
        table: &'p Arc<Table>,
        listener: &'p Listener,
        form: Form,
        meaning: Option<Meaning<'_>>,
    ) {
        let form = (form, &*listener.routing.delimiters);
        let place = self.forms.iter().position(|known| *known == form).unwrap_or_else(|| {
            self.forms.push(form);
            self.forms.len() - 1
        });
        let answers = meaning.map(|meaning| {
            let values: HashSet<&Arc<str>> = table.rows().map(|row| &row.value).collect();
            values.into_iter().map(|v| (Arc::clone(v), self.numbers.of(meaning(v)))).collect()
        });
        let probe = Probe { table, form: place, answers };
        if !self.probes.iter().any(|known| known.is_same(&probe)) {
            self.probes.push(probe);
        }
    }

    fn domains(&mut self, listener: &'p Listener) {
        let routing = &listener.routing;
        for list in [&routing.local, &routing.alias_domains, &routing.mailbox_domains, &routing.relay_domains]
        {
            for entry in list.entries() {
                if let DomainMatch::Table(table) = &entry.matches {
                    self.probe(table, listener, Form::Domain(list.parents()), None);
                }
            }
            if !self.lists.iter().any(|known| known.is_same(list)) {
                self.lists.push(list);
            }
        }
    }

    fn clients(&mut self, view: &'p View<'_, 'p>) {
        for list in &view.words.client_lists {
            for entry in list.entries() {
                if let ClientMatch::Table(table) = &entry.matches {
                    self.probe(table, view.listener, Form::Host(list.parents()), None);
                }
            }
            self.clients.push(Arc::clone(list));
        }
    }

    fn addresses(&mut self, listener: &'p Listener) {
        let (routing, listed) = (&listener.routing, &listener.listed);
        let rewriting = || routing.canonical.iter().flatten().chain(&routing.aliases).chain(&routing.copies);
        for lookup in routing.redirects() {
            let form = match lookup.part {
                Part::Address => Form::Access(lookup.parents),
                Part::Whole => Form::Whole,
                Part::Domain => Form::Domain(lookup.parents),
                Part::Local => Form::Local,
            };
            self.probe(&lookup.table, listener, form, Some(&|value: &Arc<str>| value.to_string()));
        }
        // a literal answer takes the client's mail where the owner chose, unless an expression takes it further
        let chained = rewriting().any(|table| leaves(table).iter().any(|leaf| leaf.has_patterns()));
        let itself = |value: &Arc<str>| value.to_string();
        for table in rewriting() {
            self.probe(table, listener, Form::Mailbox, chained.then_some(&itself as _));
        }
        let existing = listed.rewritten.iter().chain(&listed.virtual_mailboxes).chain(&listed.relay);
        for table in existing.chain(&routing.relocated) {
            self.probe(table, listener, Form::Mailbox, None);
        }
        let transport = |value: &Arc<str>| format!("{:?}", routing.transport_answers.get(value));
        for table in &routing.transports {
            self.probe(table, listener, Form::Route(routing.transport_parents), Some(&transport));
        }
        for table in &routing.sender_transports {
            self.probe(table, listener, Form::Mailbox, Some(&transport));
        }
    }

    /// Whether a text hits something that none before it did.
    pub(super) fn is_new(&mut self, text: &str) -> bool {
        self.is_new_among(text, 0)
    }

    /// Whether a text hits something that none before it did of those with the same `sort`.
    pub(super) fn is_new_among(&mut self, text: &str, sort: Mark) -> bool {
        if !self.tried.insert(text.into()) {
            return false;
        }
        let domain = text.rsplit_once('@').map_or("", |(_, domain)| domain);
        let mut marks =
            vec![sort, Mark::from(is_free(if domain.is_empty() { text } else { domain }, self.label))];
        for list in &self.clients {
            let (is, before) = list.place_of_name(text);
            marks.extend([Mark::from(is), Mark::try_from(before).unwrap_or(UNSURE)]);
        }
        for list in &self.lists {
            marks.push(Mark::from(list.names(domain)));
            marks.push(match list.find(domain) {
                Member::Decided(is, _) => Mark::from(is),
                Member::Ask(questions, is, _) => {
                    let tables = questions.iter().filter(|q| matches!(q.about, About::Table(_))).count();
                    2 + Mark::from(is) + 2 * Mark::try_from(tables).unwrap_or(UNSURE / 4)
                }
            });
        }
        let keys: Vec<Vec<Key>> =
            self.forms.iter().map(|(form, signs)| form.keys(text, domain, signs)).collect();
        for probe in &self.probes {
            let keys = keys.get(probe.form).map_or(&[][..], Vec::as_slice);
            marks.push(probe.mark(keys));
        }
        self.seen.insert(marks)
    }
}

impl Form {
    fn keys(self, text: &str, domain: &str, delimiters: &str) -> Vec<Key> {
        match self {
            Self::Access(parents) => keys::access(text, delimiters, parents),
            Self::Host(parents) => keys::host(text, parents),
            Self::Domain(parents) => keys::host(domain, parents),
            Self::Local => keys::local(text, delimiters),
            Self::Whole => vec![(text.to_owned(), false)],
            Self::Mailbox => keys::mailbox(text, delimiters, true).into_iter().map(|(key, _)| key).collect(),
            Self::Route(parents) => keys::route(text, delimiters, parents),
        }
    }
}

impl Probe<'_> {
    fn is_same(&self, other: &Self) -> bool {
        self.form == other.form && self.answers == other.answers && is_same(self.table, other.table)
    }

    fn mark(&self, keys: &[Key]) -> Mark {
        match (first_hit(self.table, keys), &self.answers) {
            (Found::Nothing, _) => NOTHING,
            (Found::Row(row, _), Some(answers)) => answers.get(&row.value).copied().unwrap_or(UNSURE),
            (Found::Row(..) | Found::Joined(_), None) => 1,
            _ => UNSURE,
        }
    }
}

/// Whether two tables surely answer alike.
fn is_same(one: &Arc<Table>, other: &Arc<Table>) -> bool {
    Arc::ptr_eq(one, other)
        || match (&one.content, &other.content) {
            (Content::Keyed(one), Content::Keyed(other)) => {
                let pairs = |rows: &'_ super::table::Rows| rows.iter().count();
                pairs(one) == pairs(other)
                    && one.iter().zip(other.iter()).all(|((a, x), (b, y))| a == b && x.value == y.value)
            }
            _ => false,
        }
}

/// Small numbers for texts.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    by_text: BTreeMap<String, Mark>,
}

impl Numbers {
    /// The number of a text; never [`NOTHING`].
    pub(super) fn of(&mut self, text: String) -> Mark {
        let next = Mark::try_from(self.by_text.len() + 1).unwrap_or(UNSURE);
        *self.by_text.entry(text).or_insert(next)
    }
}

/// What a table answers under the first key that it holds.
pub(super) fn first_hit<'t>(table: &'t Table, keys: &[Key]) -> Found<'t> {
    let derived = table.takes_derived_keys();
    let mut unsure = None;
    for (key, _) in keys.iter().filter(|(key, is_derived)| !key.is_empty() && (derived || !is_derived)) {
        let found = table.find(key, &mut |reason| {
            unsure = Some(reason.clone());
            false
        });
        if let Some(reason) = unsure {
            return Found::Unknown(reason);
        }
        if found != Found::Nothing {
            return found;
        }
    }
    Found::Nothing
}
