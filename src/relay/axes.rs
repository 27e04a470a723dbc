//! The classes of every dimension that two policies distinguish together: what has to be played, and no more.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::addresses::{self, AddressClass};
use super::attempt::{Attempt, Certificate, ClientName, Facts};
use super::candidates::{self, Fresh, RecipientForm, SenderKind, View};
use super::places::Addresses;
use super::policy::{Auth, CertificateDemand, Listener, Policy, Tls};
use super::profile::{Dimension, profile};
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
    pub(super) names: Vec<ClientName>,
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
        let mark = |attempt: &Attempt, facts: &Facts, dimension| -> String {
            seen.iter().map(|s| profile(s.policy, &s.view, attempt, facts, dimension) + "|").collect()
        };
        let mut limited = false;
        let tls = tls(&views);
        let encrypted = Attempt { tls: tls.last().copied().unwrap_or(false), ..base.clone() };

        let mut sets = space.cuts.clone();
        let own: Vec<&AddressSet> = seen.iter().filter_map(|s| s.policy.own_addresses.as_ref()).collect();
        sets.extend(own);
        let loopback: AddressSet = "127.0.0.0/8".parse::<Prefix>().map(AddressSet::from).unwrap_or_default();
        sets.push(&loopback);
        let quick = Addresses::new(&views, sets.clone());
        let (addresses, full) =
            addresses::classes(space.addresses, &views, &sets, &mut |address| quick.marks(address));
        limited |= full;
        let tried = candidates::names(&views, fresh, space.claims_names);
        limited |= tried.is_full() || tried.items.len() > MAX_NAMES;
        let all_names: Vec<ClientName> = tried.items.into_iter().take(MAX_NAMES).collect();
        let names = grouped(all_names, |name| {
            let one = |client: IpAddr| {
                mark(&Attempt { client, name: name.clone(), ..base.clone() }, facts, Dimension::Name)
            };
            addresses.iter().map(|class| one(class.sample)).collect()
        });
        let certificates = grouped(certificates(&views), |certificate| {
            mark(
                &Attempt { certificate: certificate.clone(), ..encrypted.clone() },
                facts,
                Dimension::Certificate,
            )
        });
        let logins = grouped(logins(&views, space.claims_names), |login| {
            mark(&Attempt { login: login.clone(), ..encrypted.clone() }, facts, Dimension::Login)
        });
        let tried = candidates::greetings(&views, fresh);
        limited |= tried.is_full();
        let greetings = grouped(tried.items, |helo| {
            mark(&Attempt { helo: helo.clone(), ..encrypted.clone() }, facts, Dimension::Helo)
        });
        let tried = candidates::senders(&views, fresh);
        limited |= tried.is_full();
        let senders = grouped(tried.items, |(sender, _)| {
            mark(&Attempt { mail_from: sender.clone(), ..encrypted.clone() }, facts, Dimension::Sender)
        });
        let tried = candidates::recipients(&views, fresh);
        limited |= tried.is_full();
        let recipients = grouped(tried.items, |(recipient, form)| {
            let attempt = Attempt { rcpt_to: recipient.clone(), ..encrypted.clone() };
            mark(&attempt, &backup(facts, *form), Dimension::Recipient)
        });
        Self { addresses, names, tls, certificates, logins, greetings, senders, recipients, limited }
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
        || views
            .iter()
            .any(|v| v.words.lookups.iter().any(|l| l.subject == super::rules::Subject::Certificate));
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
