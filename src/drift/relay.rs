//! Which relay attempts became possible, and which ceased to be: the relay half of a device's drift.

mod proof;

pub use proof::{RelayLine, line, witness};

use crate::finding::Confidence;
use crate::reach::clients::{Clients, Sureness};
use crate::reach::links::own_addresses;
use crate::reach::ways::{Station, Ways};
use crate::relay::{self, Change, Kind, Policy, Side, Trust};
use crate::site::Site;
use proof::Direction;

/// The drift of one device's relay policy.
#[derive(Debug, Clone, Default)]
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
    /// Hosts and domains that mail is sent on to and was not.
    pub diverted: Vec<relay::Onward>,
}

impl RelayDrift {
    /// How surely something became possible or ceased to be; `None` where nothing did.
    pub fn changed(&self) -> Option<Confidence> {
        let relaying = self.opened.iter().chain(&self.closed).map(|change| change.certainty);
        let logins = self.logins.iter().map(|(_, confidence)| *confidence);
        let sure = !(self.refusing.is_empty() && self.weakened.is_empty() && self.diverted.is_empty());
        relaying.chain(logins).chain(sure.then_some(Confidence::Certain)).max()
    }
}

/// A mail host, and the devices in front of it, the nearest first.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The host.
    pub host: Station<'a>,
    /// Those in front of it that filter packets.
    pub fronts: Vec<Station<'a>>,
    /// Others are known to stand in front of it, and this state does not hold them.
    pub blind: bool,
}

/// The mail server of the earlier state.
#[derive(Debug, Clone)]
pub enum Earlier<'a> {
    /// There is no earlier state, or it does not say: nothing is known to be new.
    Unknown,
    /// There was none: nothing was accepted.
    Nothing,
    /// This device had one.
    There(Place<'a>),
    /// It had this very one, with the same around it: nothing can differ.
    Same(Place<'a>),
}

/// Compares the relay policies of a device; `None` when it has none.
pub fn between<'a>(before: Earlier<'a>, after: Place<'a>, site: &'a Site) -> Option<RelayDrift> {
    let mut new = Reach::of(after, site)?;
    let same = matches!(before, Earlier::Same(_));
    let mut old = match before {
        Earlier::Unknown => None,
        Earlier::Nothing => Some(None),
        Earlier::There(place) | Earlier::Same(place) => Some(Reach::of(place, site)),
    };
    // an opening is certain where clients surely get in now and surely did not before: the earlier state is taken at
    // its widest for openings, the later one at its widest for closings
    let mut widest = |old: &mut Reach<'a>| Some((old.policy, old.clients(Sureness::Possible)?));
    let before = if same { None } else { old.as_mut().map(|old| old.as_mut().and_then(&mut widest)) };
    let [sure, widely] = [Sureness::Certain, Sureness::Possible].map(|sureness| new.clients(sureness));
    let certain = compare(before.as_ref(), new.policy, sure.as_ref());
    let possible =
        if sure == widely { certain.clone() } else { compare(before.as_ref(), new.policy, widely.as_ref()) };
    // what needs clients of whom it is not certain that they get through is only possible
    let mut drift = RelayDrift {
        opened: merge(certain.opened, possible.opened),
        closed: merge(certain.closed, possible.closed),
        standing: merge(certain.standing, possible.standing),
        refusing: possible.refusing,
        logins: more_logins(certain.logins, possible.logins),
        weakened: possible.weakened,
        diverted: Vec::new(),
    };
    let mut old = old.flatten();
    if let Some(old) = &old {
        drift.diverted = relay::diverted(old.policy, new.policy);
    }
    for change in drift.opened.iter_mut().chain(&mut drift.standing) {
        proof::fill(change, old.as_mut(), Some(&mut new), Direction::Opened);
    }
    for change in &mut drift.closed {
        proof::fill(change, old.as_mut(), Some(&mut new), Direction::Closed);
    }
    Some(drift)
}

/// A policy and who reaches its listeners.
struct Reach<'a> {
    place: Place<'a>,
    policy: &'a Policy,
    site: &'a Site,
    ways: Filter<'a>,
}

/// The packet filters in front of the listeners.
enum Filter<'a> {
    /// There is none in the evidence: everybody gets through.
    None,
    /// What they let in.
    Known(Box<Ways<'a>>),
    /// They are too complex: whether anybody gets through, and as whom, is not known.
    Unknown,
}

impl<'a> Reach<'a> {
    fn of(place: Place<'a>, site: &'a Site) -> Option<Self> {
        let policy = place.host.model.relay.as_ref()?;
        let own = own_addresses(place.host, site);
        // which packets for others are for this host is only known with its address
        let fronts = if own.is_empty() { &[] } else { place.fronts.as_slice() };
        let ways = if place.blind {
            Filter::Unknown
        } else if fronts.is_empty() && place.host.model.firewall.is_none() {
            Filter::None
        } else {
            Ways::of(place.host, fronts, own, site)
                .map_or(Filter::Unknown, |ways| Filter::Known(Box::new(ways)))
        };
        Some(Self { place, policy, site, ways })
    }

    fn clients(&mut self, sureness: Sureness) -> Option<Clients> {
        let (policy, host, site) = (self.policy, self.place.host, self.site);
        let everybody = || Clients::of(policy, host, site, None, sureness).ok();
        let found = match &mut self.ways {
            Filter::None => return everybody(),
            Filter::Known(ways) => Clients::of(policy, host, site, Some(ways), sureness).ok(),
            Filter::Unknown => None,
        };
        if found.is_some() || sureness == Sureness::Certain {
            return found;
        }
        let translated = self.place.blind || !self.place.fronts.is_empty();
        everybody().map(|clients| if translated { clients.under_any_address() } else { clients })
    }
}

/// `old` is `None` when it is not known or the same, and holds `None` when there was no mail server.
fn compare(
    old: Option<&Option<(&Policy, Clients)>>,
    policy: &Policy,
    clients: Option<&Clients>,
) -> RelayDrift {
    let Some(clients) = clients else { return RelayDrift::default() };
    let after = Side { policy, reaching: clients };
    let drift = old.map(|old| {
        let before = old.as_ref().map(|(policy, clients)| Side { policy, reaching: clients });
        relay::compare(before, Some(after))
    });
    let drift = drift.unwrap_or_default();
    let worth = |change: &Change| change.kind != Kind::KeptForeign && change.trust != Trust::Trusted;
    RelayDrift {
        opened: drift.opened.into_iter().filter(worth).collect(),
        closed: drift.closed.into_iter().filter(worth).collect(),
        standing: relay::exposures(after).into_iter().filter(worth).collect(),
        refusing: drift.refusing,
        logins: drift.logins.into_iter().map(|logins| (logins, Confidence::Certain)).collect(),
        weakened: drift.weakened,
        diverted: Vec::new(),
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
