//! What a record proves: passed, failed, or nothing, and why not. Pure, so that the same record and the same evidence
//! always lead to the same.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::accord::{Accord, Reality, accord, reality, relays};
use super::matrix::Form;
use super::predict::{self, Gate};
use super::record::{Dialogue, End, Knock, Met, Record, Tried};
use super::standing::{Open, Standing, by_place};
use crate::finding::Confidence;
use crate::platform::DeviceModel;
use crate::relay::{Answer, Verdict};
use crate::site::Site;

/// What comes of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// Everything was refused that must be, to a stranger.
    Passed,
    /// A stranger was let through.
    Failed,
    /// The test does not say; see the doubts.
    Open,
}

/// Why a test proves less than it should, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Doubt {
    /// The mail target; `None` for the test as a whole.
    pub at: Option<SocketAddr>,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// Why a test proves less than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "doubt", rename_all = "kebab-case")]
pub enum Why {
    /// The address that the server sees of us is not known.
    SourceUnknown,
    /// Our address is no stranger's.
    Inside {
        /// Our address.
        client: IpAddr,
    },
    /// The server's configuration trusts our address in particular.
    Trusted {
        /// Our address.
        client: IpAddr,
    },
    /// No connection, although the evidence does not say that there is none to be had.
    NotReached,
    /// Connected, and nothing that greets.
    NoGreeting,
    /// The server takes nothing from us, so what else it refuses says nothing about relaying.
    TurnedAway,
    /// TLS is demanded, and not spoken here.
    TlsNotSpoken,
    /// The foreign domain was refused, not the relaying.
    DomainRefused,
    /// Refused for now only, and nobody knows what comes later.
    PutOff,
    /// An attempt was not answered.
    Unanswered,
    /// Accepted, and nobody knows whether it leaves.
    Unclear,
    /// XCLIENT is offered to strangers: whoever uses it is whoever he says.
    Xclient,
    /// Attempts or connections were left out.
    LeftOut {
        /// How many.
        count: usize,
    },
    /// No mail target could be tested wholly.
    NothingTested,
}

/// One attempt with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'r> {
    /// The attempt and its reply.
    pub tried: &'r Tried,
    /// What the reply means.
    pub reality: Reality,
    /// What the configuration says.
    pub expected: Option<Answer>,
    /// Whether they agree.
    pub accord: Accord,
    /// Whether it was relayed, and how sure that is.
    pub relays: Option<Confidence>,
}

/// One mail target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'r> {
    /// What was said.
    pub dialogue: &'r Dialogue,
    /// Where the test stands.
    pub standing: Standing,
    /// The attempts.
    pub told: Vec<Told<'r>>,
}

/// One connection to a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port<'r> {
    /// What became of it.
    pub knock: &'r Knock,
    /// What the packet filter says.
    pub expected: Gate,
    /// Whether they agree.
    pub accord: Accord,
}

/// A record, held against a state of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged<'r> {
    /// The record.
    pub record: &'r Record,
    /// What comes of it.
    pub conclusion: Conclusion,
    /// Why it proves less than it should.
    pub doubts: Vec<Doubt>,
    /// Mail targets that were wholly tested from outside.
    pub tested: usize,
    /// Mail targets.
    pub places: Vec<Place<'r>>,
    /// Ports.
    pub ports: Vec<Port<'r>>,
}

impl Judged<'_> {
    /// Whether this is the test that a relay needs after a change.
    pub const fn proves_relay(&self) -> bool {
        matches!(self.conclusion, Conclusion::Passed) && self.tested > 0
    }
}

/// Holds a record against a state of its device; without one, only the replies themselves speak.
pub fn judge<'r>(record: &'r Record, model: Option<&DeviceModel>, site: &Site) -> Judged<'r> {
    let case = Case { record, model, site, open: model.and_then(|m| m.relay.as_ref()).map(Open::of) };
    let mut doubts = Vec::new();
    let mut tested = 0;
    let places: Vec<Place<'r>> = record.mail.iter().map(|dialogue| case.place(dialogue)).collect();
    for place in &places {
        let found = case.doubts(place);
        let asked = place.told.iter().any(|told| told.tried.form == Form::Foreign);
        // what is refused for want of TLS says nothing about relaying
        let whole = place.dialogue.end == End::Talked && !place.dialogue.demands_tls() && asked;
        tested += usize::from(found.is_empty() && whole);
        let at = Some(place.dialogue.at);
        doubts.extend(found.into_iter().map(|why| Doubt { at, why }));
    }
    let ports: Vec<Port<'r>> = record.ports.iter().map(|knock| case.port(knock)).collect();
    if record.left_out > 0 {
        doubts.push(Doubt { at: None, why: Why::LeftOut { count: record.left_out } });
    }
    if tested == 0 && !record.mail.is_empty() && doubts.is_empty() {
        doubts.push(Doubt { at: None, why: Why::NothingTested });
    }
    doubts.sort();
    doubts.dedup();
    let through =
        places.iter().any(Place::lets_through) || ports.iter().any(|port| port.accord == Accord::Looser);
    let conclusion = match (through, doubts.is_empty()) {
        (true, _) => Conclusion::Failed,
        (false, true) => Conclusion::Passed,
        (false, false) => Conclusion::Open,
    };
    Judged { record, conclusion, doubts, tested, places, ports }
}

impl Place<'_> {
    /// Whether a stranger was let through.
    fn lets_through(&self) -> bool {
        let relayed = |told: &Told<'_>| {
            let looser = told.accord == Accord::Looser && told.tried.form != Form::Ordinary;
            told.relays == Some(Confidence::Certain) || looser
        };
        self.standing == Standing::Outside && self.told.iter().any(relayed)
    }
}

struct Case<'c, 'r> {
    record: &'r Record,
    model: Option<&'c DeviceModel>,
    site: &'c Site,
    open: Option<Open>,
}

impl<'r> Case<'_, 'r> {
    fn place(&self, dialogue: &'r Dialogue) -> Place<'r> {
        let told: Vec<Told<'r>> = dialogue.attempts.iter().map(|tried| self.told(dialogue, tried)).collect();
        Place { dialogue, standing: self.standing(dialogue, &told), told }
    }

    fn told(&self, dialogue: &Dialogue, tried: &'r Tried) -> Told<'r> {
        let expected = self.expected(dialogue, tried, dialogue.tls.is_some());
        let reality = reality(tried);
        let accord = accord(reality, expected.as_ref());
        let relays = relays(tried.form, reality, expected.as_ref());
        Told { tried, reality, expected, accord, relays }
    }

    fn expected(&self, dialogue: &Dialogue, tried: &Tried, tls: bool) -> Option<Answer> {
        let policy = self.model?.relay.as_ref()?;
        predict::mail(policy, dialogue, tried, &self.record.foreign, tls)
    }

    fn standing(&self, dialogue: &Dialogue, told: &[Told<'_>]) -> Standing {
        let Some(client) = dialogue.client() else { return Standing::Unknown };
        let place = by_place(client, self.model, self.site);
        let permitted = |told: &Told<'_>| {
            let expected = told.expected.as_ref();
            told.tried.form == Form::Foreign
                && expected.is_some_and(|answer| answer.verdict == Verdict::Permit)
        };
        let everybody = self.open.as_ref().is_some_and(|open| open.to_everybody(dialogue.at.port(), client));
        if place == Standing::Outside && told.iter().any(permitted) && !everybody {
            return Standing::Trusted;
        }
        place
    }

    /// Why a mail target was not wholly tested.
    fn doubts(&self, place: &Place<'_>) -> Vec<Why> {
        let dialogue = place.dialogue;
        match &dialogue.end {
            End::Closed(_) if self.is_shut(dialogue) => return Vec::new(),
            End::Closed(Met::NotTried) => return Vec::new(),
            // a listener that nobody calls a way in is allowed to be none; a declared one was to be tested
            End::Closed(_) if !dialogue.declared => return Vec::new(),
            End::Closed(_) => return vec![Why::NotReached],
            End::NoGreeting => return vec![Why::NoGreeting],
            End::TurnedAway => return vec![Why::TurnedAway],
            End::ImplicitTls if self.is_refused_under_tls(dialogue) => return Vec::new(),
            End::ImplicitTls => return vec![Why::TlsNotSpoken],
            End::Talked => {}
        }
        let client = dialogue.client();
        let mut doubts: Vec<Why> = match (place.standing, client) {
            (Standing::Inside, Some(client)) => vec![Why::Inside { client }],
            (Standing::Trusted, Some(client)) => vec![Why::Trusted { client }],
            (Standing::Unknown, _) | (_, None) => vec![Why::SourceUnknown],
            (Standing::Outside, Some(_)) => Vec::new(),
        };
        if dialogue.demands_tls() && !self.is_refused_under_tls(dialogue) {
            doubts.push(Why::TlsNotSpoken);
        }
        if dialogue.is_offered("XCLIENT") {
            doubts.push(Why::Xclient);
        }
        doubts.extend(place.told.iter().filter_map(doubt));
        doubts
    }

    /// Whether the evidence says that nobody gets a connection there.
    fn is_shut(&self, dialogue: &Dialogue) -> bool {
        let Some(model) = self.model else { return false };
        let source = dialogue.client().or_else(|| self.any_source(dialogue.at));
        let stopped = predict::packet(model, source, dialogue.at) == Gate::Stops;
        let own = model.host.own().is_some_and(|own| own.contains(dialogue.at.ip()));
        let listens = |sockets: &Vec<crate::host::Socket>| {
            sockets.iter().any(|s| s.protocol == "tcp" && s.port == dialogue.at.port())
        };
        let nobody = own && model.host.sockets.as_ref().is_some_and(|sockets| !listens(sockets));
        stopped || nobody
    }

    /// Our address as other targets of the same family saw it: a connection that never stood has none.
    fn any_source(&self, to: SocketAddr) -> Option<IpAddr> {
        let mail = self.record.mail.iter().filter_map(Dialogue::client);
        let mut all = mail.chain(self.record.ports.iter().filter_map(|knock| knock.source));
        all.find(|source| source.is_ipv4() == to.is_ipv4())
    }

    /// Whether the configuration certainly refuses under TLS what could not be tried there. The ordinary mail is not
    /// asked about.
    fn is_refused_under_tls(&self, dialogue: &Dialogue) -> bool {
        let mut asked = dialogue.attempts.iter().filter(|tried| tried.form != Form::Ordinary).peekable();
        asked.peek().is_some()
            && asked.all(|tried| {
                self.expected(dialogue, tried, true).is_some_and(|answer| {
                    let refused =
                        matches!(answer.verdict, Verdict::Reject | Verdict::Defer | Verdict::Unavailable);
                    refused && answer.confidence == Confidence::Certain
                })
            })
    }

    fn port(&self, knock: &'r Knock) -> Port<'r> {
        let source = knock.source.or_else(|| self.any_source(knock.at));
        let expected = self.model.map_or(Gate::Unknown, |model| predict::packet(model, source, knock.at));
        let accord = match (expected, &knock.met) {
            (Gate::Stops, Met::Connected) => Accord::Looser,
            (Gate::Passes, Met::Connected) | (Gate::Stops, Met::TimedOut) => Accord::Agrees,
            // who stands in the way of a connection, a server that is not there or a filter elsewhere, does not show
            _ => Accord::Open,
        };
        Port { knock, expected, accord }
    }
}

/// What one answer leaves open.
fn doubt(told: &Told<'_>) -> Option<Why> {
    let agreed = told.accord == Accord::Agrees;
    let asks_for_tls_or_login = told.tried.reply.as_ref().is_some_and(|reply| reply.code == 530);
    match (told.tried.form, told.reality) {
        (_, Reality::Unanswered) => Some(Why::Unanswered),
        (_, Reality::DomainRefused) => Some(Why::DomainRefused),
        (Form::Ordinary, Reality::Accepted) => None,
        (Form::Ordinary, _) if agreed || asks_for_tls_or_login => None,
        (Form::Ordinary, _) => Some(Why::TurnedAway),
        (_, Reality::PutOff) if !agreed => Some(Why::PutOff),
        (_, Reality::Accepted) if told.relays == Some(Confidence::Possible) => Some(Why::Unclear),
        _ => None,
    }
}
