//! One listener, before and after: every class of attempts is played on both.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::addresses;
use super::attempt::{Answer, Attempt, Claim, ClaimBy, ClientName, Facts};
use super::axes::{Axes, Seen, Space, backup};
use super::candidates::{Fresh, View};
use super::choice::{Choice, assemble, held_name, needs, odd, step};
use super::evaluate::{Level, answer_at, levels};
use super::exposure::{Change, Kind, Needs, Proof, Side, reference};
use super::members::members;
use super::pairs::Pair;
use super::policy::{Bind, Listener, Policy};
use super::prune::{Found, UNPLAYED, prune};
use super::reach::{Reached, Trust};
use super::vocabulary::Vocabulary;
use crate::finding::Confidence;
use crate::packet::address::{AddressSet, Family, Prefix};
use crate::reason::Reason;

/// Most attempts played on one listener; beyond that only those with two unusual things at most, and the result says
/// that there may be more.
const MAX_PLAYED: usize = 60_000;

const KINDS_OF_CLIENTS: [Trust; 3] = [Trust::Untrusted, Trust::Partner, Trust::Trusted];

/// What became possible, and what became impossible.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) opened: Vec<Change>,
    pub(super) closed: Vec<Change>,
}

/// What a pair of listeners accepts in one state and not in the other.
pub(super) fn changes(pair: &Pair<'_>, before: Option<Side<'_>>, after: Option<Side<'_>>) -> Changes {
    let serving = |listener: Option<&'_ Listener>| listener.is_some_and(|l| l.refuses.is_none());
    if !serving(pair.before) && !serving(pair.after) {
        return Changes::default();
    }
    let before = pair.before.zip(before).map(|(listener, side)| State::new(listener, side));
    let after = pair.after.zip(after).map(|(listener, side)| State::new(listener, side));
    let states = || after.iter().chain(&before);
    let words: Vec<Vocabulary<'_>> = states().map(|s| Vocabulary::of(s.policy, s.listener)).collect();
    let seen: Vec<Seen<'_, '_>> = states()
        .zip(&words)
        .map(|(s, words)| Seen { policy: s.policy, view: View { listener: s.listener, words } })
        .collect();
    let views: Vec<View<'_, '_>> = seen.iter().map(|s| s.view).collect();
    let fresh = Fresh::new(&views);
    let facts = Facts { client_arranges: true, fresh_label: Some(fresh.label.clone()), ..Facts::default() };
    Game { before, after, seen, fresh, facts }.changes()
}

/// One listener of one state.
struct State<'p> {
    policy: &'p Policy,
    listener: &'p Listener,
    reached: Reached,
    /// Clients that may claim another's identity by command.
    claiming: AddressSet,
}

impl<'p> State<'p> {
    fn new(listener: &'p Listener, side: Side<'p>) -> Self {
        let reached = side.reaching.reached(listener);
        let all = reached.seen();
        let claiming = listener
            .xclient
            .as_ref()
            .map_or_else(AddressSet::none, |list| members(side.policy, listener, list, &all));
        Self { policy: side.policy, listener, reached, claiming }
    }

    /// Which clients of a kind can make attempts from `addresses`, or claim to.
    fn clients(&self, claim: Option<ClaimBy>, trust: Trust, addresses: &AddressSet) -> AddressSet {
        let reached = self.reached.of(trust);
        match claim {
            None => reached.intersection(addresses),
            Some(ClaimBy::ProxyHeader) if self.listener.proxy_protocol => self.reached.all_of(trust),
            Some(ClaimBy::ProxyHeader) => AddressSet::none(),
            Some(ClaimBy::Xclient) => {
                reached.intersection(&self.claiming).union(&self.reached.behind(trust, &self.claiming))
            }
            Some(ClaimBy::Translation) => self.reached.behind(trust, addresses),
        }
    }

    /// An address of the listener that clients connect to; clients of this family, where one is given.
    fn address(&self, family: Option<Family>) -> Option<IpAddr> {
        let outer = |set: &AddressSet| {
            let set = set.difference(&unreachable());
            addresses::sample(&family.map_or_else(|| set.clone(), |family| set.only(family)))
        };
        match &self.listener.bind {
            Bind::Addresses(set) => outer(set),
            _ => self.policy.own_addresses.as_ref().and_then(outer),
        }
    }

    fn everybody(&self) -> AddressSet {
        self.reached.untrusted.union(&self.reached.partner).union(&self.reached.trusted)
    }
}

/// One listener, before and after.
struct Game<'v, 'p> {
    before: Option<State<'p>>,
    after: Option<State<'p>>,
    seen: Vec<Seen<'v, 'p>>,
    fresh: Fresh,
    facts: Facts,
}

/// What was found in both directions, by what it asks for and of whom.
#[derive(Default)]
struct Both {
    opened: BTreeMap<(Choice, Trust), Vec<Found>>,
    closed: BTreeMap<(Choice, Trust), Vec<Found>>,
}

/// One class of attempts.
struct Class<'c> {
    claim: Option<ClaimBy>,
    choice: Choice,
    needs: &'c dyn Fn() -> Needs,
    attempt: Attempt,
    facts: &'c Facts,
    addresses: &'c AddressSet,
    /// A name that the client must have and only somebody else can have.
    held_name: Option<&'c str>,
}

/// A class, played on one state.
struct Played<'s, 'p> {
    state: &'s State<'p>,
    answer: Answer,
}

impl<'p> Game<'_, 'p> {
    fn states(&self) -> impl Iterator<Item = &State<'p>> {
        self.after.iter().chain(&self.before)
    }

    fn changes(&self) -> Changes {
        let mut found = Both::default();
        let real = self.states().fold(AddressSet::none(), |all, state| all.union(&state.everybody()));
        let cuts = self.states().flat_map(|s| KINDS_OF_CLIENTS.map(|trust| s.reached.of(trust))).collect();
        let honest = Space { addresses: &real, cuts, claims_names: false };
        self.play(None, &honest, &mut found);
        let anyone = impossible().complement();
        if self.states().any(|s| s.listener.proxy_protocol) {
            let space = Space { addresses: &anyone, cuts: Vec::new(), claims_names: false };
            self.play(Some(ClaimBy::ProxyHeader), &space, &mut found);
        }
        if self.states().any(|s| !s.claiming.is_empty()) {
            let space = Space { addresses: &anyone, cuts: Vec::new(), claims_names: true };
            self.play(Some(ClaimBy::Xclient), &space, &mut found);
        }
        let translated = || self.states().flat_map(|s| &s.reached.translated);
        let seen = translated().fold(AddressSet::none(), |all, t| all.union(&t.seen));
        if !seen.is_empty() {
            let cuts = translated().map(|t| &t.seen).collect();
            let space = Space { addresses: &seen, cuts, claims_names: false };
            self.play(Some(ClaimBy::Translation), &space, &mut found);
        }
        Changes { opened: prune(found.opened), closed: prune(found.closed) }
    }

    /// An ordinary attempt of a stranger.
    fn base(&self) -> Attempt {
        let server = self.states().find_map(|state| state.address(None));
        Attempt {
            client: IpAddr::from([198, 51, 100, 77]),
            name: ClientName::Missing,
            server: server.unwrap_or(IpAddr::from([127, 0, 0, 1])),
            port: self.states().find_map(|state| state.listener.port).unwrap_or(25),
            helo: Some(format!("client.{}", self.fresh.sender_domain)),
            tls: false,
            certificate: None,
            login: None,
            mail_from: format!("spam@{}", self.fresh.sender_domain),
            rcpt_to: format!("x@{}", self.fresh.domain),
            claim: None,
        }
    }

    fn play(&self, claim: Option<ClaimBy>, space: &Space<'_>, found: &mut Both) {
        let base = self.base();
        let axes = Axes::new(&self.seen, &self.fresh, &base, &self.facts, space);
        let unusual = if axes.size() > MAX_PLAYED { 2 } else { usize::MAX };
        let mut limited = axes.limited || unusual < usize::MAX;
        let mut choice: Choice = [0; 9];
        choice[0] = claim.map_or(0, |c| 1 + c as usize);
        let mut played = 0;
        loop {
            if odd(&choice) <= unusual {
                played += 1;
                self.one(&axes, &base, claim, choice, found);
            }
            if played > MAX_PLAYED {
                limited = true;
                break;
            }
            if !step(&mut choice, &axes) {
                break;
            }
        }
        if limited {
            self.too_complex(&base, found);
        }
    }

    /// Plays one class of attempts, for all clients of each kind that can make it.
    fn one(&self, axes: &Axes, base: &Attempt, claim: Option<ClaimBy>, choice: Choice, found: &mut Both) {
        let Some((attempt, form, addresses)) = assemble(axes, base, choice) else { return };
        let facts = backup(&self.facts, form);
        let play = |state: &Option<State<'p>>| -> Option<Answer> {
            state.as_ref().map(|s| answer_at(s.policy, s.listener, &attempt, &facts))
        };
        let answers = (play(&self.before), play(&self.after));
        let before = self.before.as_ref().zip(answers.0).map(|(state, answer)| Played { state, answer });
        let after = self.after.as_ref().zip(answers.1).map(|(state, answer)| Played { state, answer });
        let needs = || needs(axes, claim, choice);
        let held_name = held_name(axes, claim, choice);
        let class = Class { claim, choice, needs: &needs, attempt, facts: &facts, addresses, held_name };
        gains(&class, before.as_ref(), after.as_ref(), &mut found.opened);
        gains(&class, after.as_ref(), before.as_ref(), &mut found.closed);
    }

    /// A limit was reached: what was not played may have changed.
    fn too_complex(&self, base: &Attempt, found: &mut Both) {
        if same(&self.seen) {
            return;
        }
        let sides = [(&self.after, &mut found.opened), (&self.before, &mut found.closed)];
        for (state, found) in sides {
            let Some(state) = state.as_ref().filter(|s| s.listener.refuses.is_none()) else { continue };
            for trust in [Trust::Untrusted, Trust::Partner] {
                let clients = state.reached.all_of(trust);
                if clients.is_empty() {
                    continue;
                }
                let name = state.listener.name.to_string();
                let change = Change {
                    listener: reference(state.listener),
                    trust,
                    clients,
                    needs: Needs::default(),
                    witness: base.clone(),
                    facts: self.facts.clone(),
                    entry: None,
                    proof: Proof::default(),
                    before: None,
                    after: Some(Answer::undecided(vec![Reason::TooComplex { subject: name }])),
                    kind: Kind::Open,
                    certainty: Confidence::Possible,
                };
                found.entry((UNPLAYED, trust)).or_default().push(Found { change });
            }
        }
    }
}

/// What `to` accepts of a class and `from` does not.
fn gains(
    class: &Class<'_>,
    from: Option<&Played<'_, '_>>,
    to: Option<&Played<'_, '_>>,
    found: &mut BTreeMap<(Choice, Trust), Vec<Found>>,
) {
    let Some(to) = to.filter(|to| levels(&to.answer).1 >= Level::KeptForeign) else { return };
    let claim = class.claim;
    for trust in KINDS_OF_CLIENTS {
        let clients = to.state.clients(claim, trust, class.addresses);
        if clients.is_empty() {
            continue;
        }
        // those who could not do it at all got no answer
        let could = from.map_or_else(AddressSet::none, |from| {
            KINDS_OF_CLIENTS.iter().fold(AddressSet::none(), |all, trust| {
                all.union(&from.state.clients(claim, *trust, class.addresses))
            })
        });
        let parts =
            [(clients.intersection(&could), from.map(|f| &f.answer)), (clients.difference(&could), None)];
        for (clients, old) in parts {
            if let Some(change) = gain(class, trust, clients, old, to) {
                // clients are merged, unless they only claim to be others
                let mut key = class.choice;
                key[1] = if claim.is_none() { 0 } else { key[1] };
                found.entry((key, trust)).or_default().push(Found { change });
            }
        }
    }
}

fn gain(
    class: &Class<'_>,
    trust: Trust,
    clients: AddressSet,
    old: Option<&Answer>,
    to: &Played<'_, '_>,
) -> Option<Change> {
    let (old_least, old_most) = old.map_or((Level::Refused, Level::Refused), levels);
    let (least, most) = levels(&to.answer);
    if most <= old_most && least <= old_least {
        return None;
    }
    let sample = addresses::sample(&clients)?;
    let certain = least > old_most && least >= Level::KeptForeign && class.held_name.is_none();
    let held = class.held_name.map(|name| Reason::Dns { name: name.to_owned() });
    let mut answer = to.answer.clone();
    answer.why.extend(held);
    let (client, claim) = match class.claim {
        None => (sample, None),
        Some(by) => (class.attempt.client, Some(Claim { by, from: sample })),
    };
    let server = to.state.address(Some(Family::of(sample))).unwrap_or(class.attempt.server);
    Some(Change {
        listener: reference(to.state.listener),
        trust,
        clients,
        needs: (class.needs)(),
        witness: Attempt { client, claim, server, ..class.attempt.clone() },
        facts: class.facts.clone(),
        entry: None,
        proof: Proof::default(),
        before: old.cloned(),
        after: Some(answer),
        kind: kind(if certain { least } else { most }),
        certainty: if certain { Confidence::Certain } else { Confidence::Possible },
    })
}

/// Whether there are two sides that look at attempts with the same rules and tables.
fn same(seen: &[Seen<'_, '_>]) -> bool {
    let text = |s: &Seen<'_, '_>| {
        // contents too: what rewrites or lists addresses opens as well as what permits them
        let listener = s.view.listener;
        let routing = format!("{:?}{:?}", listener.routing, listener.listed);
        format!("{:?}{:?}{routing}", s.view.words.lookups, s.view.words.conditions)
    };
    matches!(seen, [a, b] if text(a) == text(b))
}

fn kind(level: Level) -> Kind {
    match level {
        Level::Open => Kind::Open,
        Level::Limited => Kind::Limited,
        _ => Kind::KeptForeign,
    }
}

fn set(texts: &[&str]) -> AddressSet {
    texts.iter().filter_map(|t| t.parse::<Prefix>().ok()).collect()
}

/// Own addresses that nobody reaches from beyond the link.
fn unreachable() -> AddressSet {
    set(&["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"])
}

/// Addresses that no header can name sensibly.
fn impossible() -> AddressSet {
    set(&["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"])
}
