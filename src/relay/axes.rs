//! The classes of every dimension that two policies distinguish together: what has to be played, and no more.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::addresses::{self, AddressClass};
use super::attempt::{Attempt, Certificate, ClientName, Facts};
use super::candidates::{self, Fresh, RecipientForm, SenderKind, View};
use super::coverage;
use super::names::{Holder, names};
use super::places::Addresses;
use super::policy::{Auth, CertificateDemand, Listener, Policy, Tls};
use super::profile::{Dimension, profile};
use super::rules::Subject;
use crate::packet::address::{AddressSet, Prefix};

/// Most texts of one dimension whose profile is taken, for each expression in the tables.
const MAX_NAMES: usize = 64;

/// One side: a policy and how its listener looks at attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'v, 'p> {
    pub(super) policy: &'p Policy,
    pub(super) view: View<'v, 'p>,
}

/// The classes of each dimension; the first of each is the most ordinary.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) addresses: Vec<AddressClass>,
    pub(super) names: Vec<(ClientName, Holder)>,
    pub(super) tls: Vec<bool>,
    pub(super) certificates: Vec<Option<Certificate>>,
    pub(super) logins: Vec<Option<String>>,
    pub(super) greetings: Vec<Option<String>>,
    pub(super) senders: Vec<(String, SenderKind)>,
    pub(super) recipients: Vec<(String, RecipientForm)>,
    /// Whether a limit was reached: there may be more.
    pub(super) limited: bool,
}

/// What the classes are taken for.
pub(super) struct Space<'s> {
    /// Client addresses, claimed or real.
    pub(super) addresses: &'s AddressSet,
    /// Boundaries that the caller wants kept.
    pub(super) cuts: Vec<&'s AddressSet>,
    /// Whether the client claims another identity, by a command that takes a name and a login too.
    pub(super) claims_names: bool,
}

impl Axes {
    /// Collects and groups.
    pub(super) fn new(
        seen: &[Seen<'_, '_>],
        fresh: &Fresh,
        base: &Attempt,
        facts: &Facts,
        space: &Space<'_>,
    ) -> Self {
        let views: Vec<View<'_, '_>> = seen.iter().map(|s| s.view).collect();
        let tls = tls(&views);
        let encrypted = Attempt { tls: tls.last().copied().unwrap_or(false), ..base.clone() };
        let mut all = Collecting { seen, views: &views, fresh, base, encrypted, facts, limited: false };
        let addresses = all.addresses(space);
        Self {
            names: all.names(&addresses, space),
            addresses,
            tls,
            certificates: all.certificates(),
            logins: all.logins(space),
            greetings: all.greetings(),
            senders: all.senders(),
            recipients: all.recipients(),
            limited: all.limited,
        }
    }

    /// How many classes each dimension has.
    pub(super) fn sizes(&self) -> [usize; 8] {
        [
            self.addresses.len(),
            self.names.len(),
            self.tls.len(),
            self.certificates.len(),
            self.logins.len(),
            self.greetings.len(),
            self.senders.len(),
            self.recipients.len(),
        ]
    }

    /// How many attempts all classes make together.
    pub(super) fn size(&self) -> usize {
        self.sizes().iter().fold(1, |all, one| all.saturating_mul(*one))
    }
}

/// What the classes are collected with.
struct Collecting<'c, 'v, 'p> {
    seen: &'c [Seen<'v, 'p>],
    views: &'c [View<'v, 'p>],
    fresh: &'c Fresh,
    base: &'c Attempt,
    encrypted: Attempt,
    facts: &'c Facts,
    limited: bool,
}

impl Collecting<'_, '_, '_> {
    /// What both sides make of one dimension of an attempt.
    fn mark(&self, attempt: &Attempt, facts: &Facts, dimension: Dimension) -> String {
        self.seen.iter().map(|s| profile(s.policy, &s.view, attempt, facts, dimension) + "|").collect()
    }

    /// `texts` are candidates of one subject: whether they are too few.
    fn check<'t>(&mut self, subject: Subject, full: bool, texts: impl Iterator<Item = &'t str>) {
        let texts: Vec<String> = texts.map(str::to_owned).collect();
        self.limited |= full || coverage::is_missing(self.views, subject, &texts);
    }

    fn addresses(&mut self, space: &Space<'_>) -> Vec<AddressClass> {
        let mut sets = space.cuts.clone();
        sets.extend(self.seen.iter().filter_map(|s| s.policy.own_addresses.as_ref()));
        let loopback: AddressSet = "127.0.0.0/8".parse::<Prefix>().map(AddressSet::from).unwrap_or_default();
        sets.push(&loopback);
        let quick = Addresses::new(self.views, sets.clone());
        let marks = &mut |address| quick.marks(address);
        let (classes, full) = addresses::classes(space.addresses, self.views, &sets, marks);
        self.limited |= full;
        classes
    }

    fn names(&mut self, addresses: &[AddressClass], space: &Space<'_>) -> Vec<(ClientName, Holder)> {
        let (mut names, full) = names(self.views, self.fresh, space.claims_names);
        let samples: Vec<String> = addresses.iter().map(|class| class.sample.to_string()).collect();
        let texts = names.iter().map(|(name, _)| name.text().unwrap_or("unknown"));
        let full = full || names.len() > MAX_NAMES;
        self.check(Subject::Client, full, samples.iter().map(String::as_str).chain(texts));
        names.truncate(MAX_NAMES);
        grouped(names, |(name, _)| {
            let one = |client: IpAddr| {
                let attempt = Attempt { client, name: name.clone(), ..self.base.clone() };
                self.mark(&attempt, self.facts, Dimension::Name)
            };
            addresses.iter().map(|class| one(class.sample)).collect()
        })
    }

    fn certificates(&self) -> Vec<Option<Certificate>> {
        grouped(certificates(self.views), |certificate| {
            let attempt = Attempt { certificate: certificate.clone(), ..self.encrypted.clone() };
            self.mark(&attempt, self.facts, Dimension::Certificate)
        })
    }

    fn logins(&self, space: &Space<'_>) -> Vec<Option<String>> {
        grouped(logins(self.views, space.claims_names), |login| {
            let attempt = Attempt { login: login.clone(), ..self.encrypted.clone() };
            self.mark(&attempt, self.facts, Dimension::Login)
        })
    }

    fn greetings(&mut self) -> Vec<Option<String>> {
        let tried = candidates::greetings(self.views, self.fresh);
        self.check(Subject::Helo, tried.is_full(), tried.items.iter().flatten().map(String::as_str));
        grouped(tried.items, |helo| {
            let attempt = Attempt { helo: helo.clone(), ..self.encrypted.clone() };
            self.mark(&attempt, self.facts, Dimension::Helo)
        })
    }

    fn senders(&mut self) -> Vec<(String, SenderKind)> {
        let tried = candidates::senders(self.views, self.fresh);
        let texts = tried.items.iter().map(|(text, _)| if text.is_empty() { "<>" } else { text });
        self.check(Subject::Sender, tried.is_full(), texts);
        grouped(tried.items, |(sender, _)| {
            let attempt = Attempt { mail_from: sender.clone(), ..self.encrypted.clone() };
            self.mark(&attempt, self.facts, Dimension::Sender)
        })
    }

    fn recipients(&mut self) -> Vec<(String, RecipientForm)> {
        let tried = candidates::recipients(self.views, self.fresh);
        self.check(Subject::Recipient, tried.is_full(), tried.items.iter().map(|(text, _)| text.as_str()));
        grouped(tried.items, |(recipient, form)| {
            let attempt = Attempt { rcpt_to: recipient.clone(), ..self.encrypted.clone() };
            self.mark(&attempt, &backup(self.facts, *form), Dimension::Recipient)
        })
    }
}

/// The facts for a recipient form: only that form has this host as backup mail host.
pub(super) fn backup(facts: &Facts, form: RecipientForm) -> Facts {
    Facts { backup_mx: Some(form == RecipientForm::BackupMx), ..facts.clone() }
}

fn grouped<T>(items: Vec<T>, mut mark: impl FnMut(&T) -> String) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(mark(item))).collect()
}

/// Without and with TLS, where a listener leaves the choice.
fn tls(views: &[View<'_, '_>]) -> Vec<bool> {
    let has = |tls: Tls| views.iter().any(|v| v.listener.tls == tls);
    let matters = views.iter().any(|v| v.words.asks(|c| super::profile::depends(c, Dimension::Tls)))
        || views.iter().any(|v| v.words.lookups.iter().any(|l| l.subject == Subject::Certificate));
    match (has(Tls::Required), has(Tls::Offered)) {
        (true, _) => vec![false, true],
        (false, true) if matters => vec![false, true],
        _ => vec![false],
    }
}

/// No certificate; one that the client made itself; one from some authority.
fn certificates(views: &[View<'_, '_>]) -> Vec<Option<Certificate>> {
    let asked = |l: &Listener| l.certificate != CertificateDemand::No;
    let mut out = vec![None];
    if views.iter().any(|v| asked(v.listener)) {
        let fingerprint = "5E:C1:50:00:5E:C1:50:00:5E:C1:50:00:5E:C1:50:00".to_owned();
        let made = |trusted| Some(Certificate { fingerprint: fingerprint.clone(), trusted });
        out.extend([made(Some(false)), made(None)]);
    }
    out
}

/// No login; with a claimed identity also a claimed login.
fn logins(views: &[View<'_, '_>], claimed: bool) -> Vec<Option<String>> {
    let offered = views.iter().any(|v| v.listener.auth != Auth::No);
    if claimed && offered { vec![None, Some("root".to_owned())] } else { vec![None] }
}
