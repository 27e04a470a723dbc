//! Which relay attempts became possible, and which ceased to be: the relay half of a device's drift.

use serde::Serialize;

use crate::drift::Moment;
use crate::finding::{Confidence, Decided, RelayWitness};
use crate::packet::AddressSet;
use crate::platform::DeviceModel;
use crate::reach::clients::{Clients, Inward, Sureness, is_anybody, networks};
use crate::relay::{self, Answer, Change, Kind, Side, Trust, Verdict};
use crate::site::Site;

/// The drift of one device's relay policy.
#[derive(Debug, Default)]
pub struct RelayDrift {
    /// Classes of attempts that became possible.
    pub opened: Vec<Change>,
    /// Classes of attempts that ceased to be possible.
    pub closed: Vec<Change>,
    /// Classes of attempts that are possible after, whether or not they were before.
    pub standing: Vec<Change>,
    /// Listeners that refuse to serve now and did not: name, and the line that makes them.
    pub refusing: Vec<(relay::ListenerRef, relay::Refusal)>,
    /// Listeners at which strangers can try passwords now and could not, and whether that is proven.
    pub logins: Vec<(relay::Logins, Confidence)>,
    /// Safeguards that hold back less than they did.
    pub weakened: Vec<relay::Weakened>,
}

impl RelayDrift {
    /// How surely something became possible or ceased to be; `None` where nothing did.
    pub fn changed(&self) -> Option<Confidence> {
        let relaying = self.opened.iter().chain(&self.closed).map(|change| change.certainty);
        let logins = self.logins.iter().map(|(_, confidence)| *confidence);
        let sure = !(self.refusing.is_empty() && self.weakened.is_empty());
        relaying.chain(logins).chain(sure.then_some(Confidence::Certain)).max()
    }
}

/// The mail server of the earlier state.
#[derive(Clone, Copy)]
pub enum Earlier<'a> {
    /// There is no earlier state, or it does not say: nothing is known to be new.
    Unknown,
    /// There was none: nothing was accepted.
    Nothing,
    /// This device had one.
    There(&'a DeviceModel),
}

/// Compares the relay policies of a device; `None` when it has none.
pub fn between(name: &str, before: Earlier<'_>, after: &DeviceModel, site: &Site) -> Option<RelayDrift> {
    let mut new = Reach::of(name, after, site)?;
    let mut old = match before {
        Earlier::Unknown => None,
        Earlier::Nothing => Some(None),
        Earlier::There(model) => Some(Reach::of(name, model, site)),
    };
    let certain = compare(old.as_mut().map(Option::as_mut), &mut new, Sureness::Certain);
    let possible = compare(old.as_mut().map(Option::as_mut), &mut new, Sureness::Possible);
    // what needs clients of whom it is not certain that they get through is only possible
    Some(RelayDrift {
        opened: merge(certain.opened, possible.opened),
        closed: merge(certain.closed, possible.closed),
        standing: merge(certain.standing, possible.standing),
        refusing: possible.refusing,
        logins: more_logins(certain.logins, possible.logins),
        weakened: possible.weakened,
    })
}

/// A policy and who reaches its listeners.
struct Reach<'a> {
    name: &'a str,
    model: &'a DeviceModel,
    site: &'a Site,
    inward: Filter,
}

/// The packet filter in front of the listeners.
enum Filter {
    /// There is none in the evidence: everybody gets through.
    None,
    /// What it lets in.
    Known(Box<Inward>),
    /// It is too complex: whether anybody gets through is not known.
    Unknown,
}

impl<'a> Reach<'a> {
    fn of(name: &'a str, model: &'a DeviceModel, site: &'a Site) -> Option<Self> {
        model.relay.as_ref()?;
        let inward = match &model.firewall {
            None => Filter::None,
            Some(firewall) => match Inward::of(Moment { firewall, host: &model.host }) {
                Some(inward) => Filter::Known(Box::new(inward)),
                None => Filter::Unknown,
            },
        };
        Some(Self { name, model, site, inward })
    }

    fn clients(&mut self, sureness: Sureness) -> Option<Clients> {
        let policy = self.model.relay.as_ref()?;
        let inward = match &mut self.inward {
            Filter::None => None,
            Filter::Known(inward) => Some(inward.as_mut()),
            Filter::Unknown if sureness == Sureness::Possible => None,
            Filter::Unknown => return None,
        };
        Some(Clients::of(policy, &self.model.host, self.site, self.name, inward, sureness))
    }
}

/// `old` is `None` when it is not known, and holds `None` when there was no mail server.
fn compare(old: Option<Option<&mut Reach<'_>>>, new: &mut Reach<'_>, sureness: Sureness) -> RelayDrift {
    let is_known = old.is_some();
    // an opening is certain where clients surely get in now and surely did not before: the earlier state is taken at
    // its widest for openings, the later one at its widest for closings
    let widest_old =
        old.flatten().and_then(|old| Some((old.model.relay.as_ref()?, old.clients(Sureness::Possible)?)));
    let Some((policy, clients)) = new.model.relay.as_ref().zip(new.clients(sureness)) else {
        return RelayDrift::default();
    };
    let after = Side { policy, reaching: &clients };
    let before = widest_old.as_ref().map(|(policy, clients)| Side { policy, reaching: clients });
    let drift = if is_known { relay::compare(before, Some(after)) } else { relay::Drift::default() };
    let worth = |change: &Change| change.kind != Kind::KeptForeign && change.trust != Trust::Trusted;
    RelayDrift {
        opened: drift.opened.into_iter().filter(worth).collect(),
        closed: drift.closed.into_iter().filter(worth).collect(),
        standing: relay::exposures(after).into_iter().filter(worth).collect(),
        refusing: drift.refusing,
        logins: drift.logins.into_iter().map(|logins| (logins, Confidence::Certain)).collect(),
        weakened: drift.weakened,
    }
}

/// The certain ones, and the others as possible.
fn more_logins(
    certain: Vec<(relay::Logins, Confidence)>,
    possible: Vec<(relay::Logins, Confidence)>,
) -> Vec<(relay::Logins, Confidence)> {
    let more = possible.into_iter().filter(|(p, _)| !certain.iter().any(|(c, _)| c.listener == p.listener));
    let more: Vec<_> = more.map(|(logins, _)| (logins, Confidence::Possible)).collect();
    certain.into_iter().chain(more).collect()
}

/// The certain changes, and those of the possible ones that are no part of them, as possible.
fn merge(certain: Vec<Change>, possible: Vec<Change>) -> Vec<Change> {
    let same = |a: &Change, b: &Change| {
        a.listener == b.listener && a.trust == b.trust && a.kind == b.kind && a.needs == b.needs
    };
    let more = possible.into_iter().filter(|p| !certain.iter().any(|c| same(c, p)));
    let more: Vec<Change> = more.map(|p| Change { certainty: Confidence::Possible, ..p }).collect();
    certain.into_iter().chain(more).collect()
}

/// A class of attempts as `diff` and `check` print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelayLine {
    /// Name of the listener, as the configuration has it.
    pub listener: String,
    /// Its port.
    pub port: Option<u16>,
    /// `open`, `limited`.
    pub result: Kind,
    /// Whether it is proven.
    pub confidence: Confidence,
    /// How far these clients are trusted.
    pub trust: Trust,
    /// Who can do it; null for anybody.
    pub clients: Option<Vec<String>>,
    /// What they must do or say.
    pub needs: relay::Needs,
    /// One such attempt with its answers.
    pub witness: RelayWitness,
}

/// A change as a line.
pub fn line(change: &Change) -> RelayLine {
    RelayLine {
        listener: change.listener.name.to_string(),
        port: change.listener.port,
        result: change.kind,
        confidence: change.certainty,
        trust: change.trust,
        clients: (!is_anybody(&change.clients)).then(|| named(&change.clients)),
        needs: change.needs.clone(),
        witness: witness(change),
    }
}

fn named(clients: &AddressSet) -> Vec<String> {
    networks(clients)
}

/// The concrete attempt of a change with the answers on both sides.
pub fn witness(change: &Change) -> RelayWitness {
    let attempt = &change.witness;
    let unanswered = Decided { verdict: "unavailable".to_owned(), code: None, line: None, by_default: false };
    RelayWitness {
        client: attempt.claim.as_ref().map_or(attempt.client, |claim| claim.from).to_string(),
        server: attempt.server.to_string(),
        port: attempt.port,
        helo: attempt.helo.clone().unwrap_or_default(),
        tls: attempt.tls,
        mail_from: attempt.mail_from.clone(),
        rcpt_to: attempt.rcpt_to.clone(),
        before: change.before.as_ref().map(decided),
        after: change.after.as_ref().map_or(unanswered, decided),
    }
}

fn decided(answer: &Answer) -> Decided {
    let verdict = match answer.verdict {
        Verdict::Permit => "permit",
        Verdict::Defer => "defer",
        Verdict::Reject => "reject",
        Verdict::Unavailable => "unavailable",
        Verdict::Undecided => "undecided",
    };
    Decided {
        verdict: verdict.to_owned(),
        code: answer.code,
        line: answer.lines.first().cloned(),
        by_default: answer.lines.is_empty(),
    }
}
