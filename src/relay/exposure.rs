//! Which attempts a stranger gets accepted, and what a change opened or closed.
//!
//! Every class of attempt that either policy distinguishes is played on both. An exposure of one policy is an opening
//! against nothing. What a client *must* say is what remains when every ordinary way of saying less was tried.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::attempt::{Answer, Attempt, ClaimBy, ClientName, Facts};
use super::candidates::{RecipientForm, SenderKind};
use super::game::changes;
use super::pairs::{Pair, pairs};
use super::policy::{Auth, Listener, Policy, Refusal};
use super::reach::{Reaching, Trust};
use super::safeguard::{Weakened, weakened};
use crate::finding::{Confidence, Location, ProofStep};
use crate::firewall::query::Translated;
use crate::packet::address::AddressSet;

/// One state of a host: its policy, and who reaches it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Who reaches its listeners.
    pub reaching: &'a dyn Reaching,
}

/// What becomes of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is accepted for a domain that the host does not declare, and stays there.
    KeptForeign,
    /// It leaves for a domain that the client cannot choose freely.
    Limited,
    /// It leaves for a domain of the client's choice.
    Open,
}

/// Which listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenerRef {
    /// How the configuration names it.
    pub name: Arc<str>,
    /// TCP port.
    pub port: Option<u16>,
    /// Where it is defined.
    pub at: Location,
}

/// What a client must do or say, beyond handing over mail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Needs {
    /// Claim another client's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimBy>,
    /// Have such a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ClientName>,
    /// Use TLS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// Show a certificate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub certificate: bool,
    /// Claim a login.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
    /// Say this in HELO (the inner `None`: nothing).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helo: Option<Option<String>>,
    /// Write such a sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<(SenderKind, String)>,
    /// Write the recipient like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<(RecipientForm, String)>,
}

/// A class of attempts that is accepted now and was not before (or the reverse).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub listener: ListenerRef,
    /// How far these clients are trusted.
    pub trust: Trust,
    /// Who can do it, by real address.
    pub clients: AddressSet,
    /// What they must do or say.
    pub needs: Needs,
    /// One such attempt, ready to be replayed.
    pub witness: Attempt,
    /// What was taken for granted about the world when it was played.
    pub facts: Facts,
    /// Where it comes in, when it passes other devices on the way to the host.
    pub entry: Option<Arrival>,
    /// The steps that decide it.
    pub proof: Proof,
    /// The answer before, where there was a listener.
    pub before: Option<Answer>,
    /// The answer after, where there is a listener.
    pub after: Option<Answer>,
    /// What becomes of the mail.
    pub kind: Kind,
    /// Whether the evidence proves it.
    pub certainty: Confidence,
}

/// Where an attempt comes in when it passes other devices on the way, as the client addresses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The address that the client connects to.
    pub server: IpAddr,
    /// The port that it connects to.
    pub port: u16,
    /// What the devices on the way make of it.
    pub translated: Option<Translated>,
    /// The devices, from the outermost inward.
    pub through: Vec<String>,
}

/// Every step that decides an attempt, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    /// Before.
    pub before: Vec<ProofStep>,
    /// After.
    pub after: Vec<ProofStep>,
}

impl Change {
    /// The client's own address in the witness, whatever the server takes it for.
    pub fn client(&self) -> IpAddr {
        self.witness.claim.as_ref().map_or(self.witness.client, |claim| claim.from)
    }
}

/// What a change did.
#[derive(Debug, Default)]
pub struct Drift {
    /// Attempts that are accepted now and were not.
    pub opened: Vec<Change>,
    /// Attempts that were accepted and are not now.
    pub closed: Vec<Change>,
    /// Listeners that refuse to serve now and did not.
    pub refusing: Vec<(ListenerRef, Refusal)>,
    /// Listeners at which strangers can try passwords now and could not.
    pub logins: Vec<Logins>,
    /// Safeguards that hold back less than they did.
    pub weakened: Vec<Weakened>,
    /// Listeners that are new.
    pub added: Vec<ListenerRef>,
    /// Listeners that are gone.
    pub removed: Vec<ListenerRef>,
}

/// A listener at which strangers can try passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logins {
    /// Where.
    pub listener: ListenerRef,
    /// Who.
    pub clients: AddressSet,
    /// Also without encryption.
    pub in_clear: bool,
    /// What offers it.
    pub at: Location,
}

/// What clients that are not the owner's own get accepted beyond the host's own mail, without credentials.
pub fn exposures(side: Side<'_>) -> Vec<Change> {
    let all = side.policy.listeners.iter().flat_map(|listener| {
        let pair = Pair { before: None, after: Some(listener) };
        changes(&pair, None, Some(side)).opened
    });
    sorted(all.filter(|change| change.trust != Trust::Trusted).collect())
}

/// What a change opened and closed. With no state before, everything that is there is an opening.
pub fn compare(before: Option<Side<'_>>, after: Option<Side<'_>>) -> Drift {
    let mut drift = Drift::default();
    for pair in pairs(before.map(|s| s.policy), after.map(|s| s.policy)) {
        let changes = changes(&pair, before, after);
        drift.opened.extend(changes.opened);
        let turned = |c: Change| Change { before: c.after, after: c.before, ..c };
        drift.closed.extend(changes.closed.into_iter().map(turned));
        match (pair.before, pair.after) {
            (None, Some(new)) => drift.added.push(reference(new)),
            (Some(old), None) => drift.removed.push(reference(old)),
            _ => {}
        }
        drift.logins.extend(logins(&pair, before, after));
        if let (Some(old), Some(new)) = (pair.before, pair.after) {
            drift.weakened.extend(weakened(old, new));
        }
        if let Some((now, refusal)) = pair.after.and_then(|l| Some((l, l.refuses.clone()?)))
            && pair.before.is_none_or(|old| old.refuses.is_none())
        {
            drift.refusing.push((reference(now), refusal));
        }
    }
    drift.opened = sorted(drift.opened);
    drift.closed = sorted(drift.closed);
    drift
}

/// Whether strangers can try passwords at a listener now and could not before: RFC 4954 `AUTH` is offered to them.
fn logins(pair: &Pair<'_>, before: Option<Side<'_>>, after: Option<Side<'_>>) -> Option<Logins> {
    let strangers = |listener: Option<&Listener>, side: Option<Side<'_>>| {
        let (listener, side) = listener.zip(side)?;
        let offers = listener.auth != Auth::No && listener.refuses.is_none();
        let clients = || side.reaching.reached(listener).all_of(Trust::Untrusted);
        offers.then(clients).filter(|clients| !clients.is_empty())
    };
    let clients = strangers(pair.after, after)?;
    let listener = pair.after.filter(|_| strangers(pair.before, before).is_none())?;
    Some(Logins {
        listener: reference(listener),
        clients,
        in_clear: listener.auth == Auth::Always,
        at: listener.auth_at.clone(),
    })
}

fn sorted(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| {
        let key = |c: &Change| (std::cmp::Reverse(c.kind), std::cmp::Reverse(c.certainty), c.trust);
        key(a).cmp(&key(b)).then_with(|| a.listener.cmp(&b.listener)).then_with(|| a.witness.cmp(&b.witness))
    });
    changes
}

pub(super) fn reference(listener: &Listener) -> ListenerRef {
    ListenerRef { name: Arc::clone(&listener.name), port: listener.port, at: listener.at.clone() }
}
