//! One listener, before and after: every class of attempts is played on both.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::addresses;
use super::attempt::{Answer, Attempt, Claim, ClaimBy, ClientName, Facts};
use super::axes::{Axes, Seen, Space, backup};
use super::candidates::{Fresh, RecipientForm, View};
use super::evaluate::{Level, answer_at, levels};
use super::exposure::{Change, Kind, Needs, Side, reference};
use super::pairs::Pair;
use super::policy::{Bind, Listener, Policy};
use super::prune::{Found, prune};
use super::reach::{Reached, Trust};
use super::vocabulary::Vocabulary;
use crate::finding::Confidence;
use crate::packet::address::{AddressSet, Prefix};
use crate::reason::Reason;

/// Most attempts played on one listener; beyond that only those with two unusual things at most, and the result says
/// that there may be more.
const MAX_PLAYED: usize = 120_000;

/// What is accepted at `pair.after` and not at `pair.before`.
pub(super) fn changes(pair: &Pair<'_>, before: Option<Side<'_>>, after: Option<Side<'_>>) -> Vec<Change> {
    let (Some(listener), Some(side)) = (pair.after, after) else { return Vec::new() };
    if listener.refuses.is_some() {
        return Vec::new();
    }
    let old = pair.before.zip(before);
    let words = (Vocabulary::of(side.policy, listener), old.map(|(l, s)| Vocabulary::of(s.policy, l)));
    let mut seen = vec![Seen { policy: side.policy, view: View { listener, words: &words.0 } }];
    if let (Some((listener, side)), Some(words)) = (old, &words.1) {
        seen.push(Seen { policy: side.policy, view: View { listener, words } });
    }
    let views: Vec<View<'_, '_>> = seen.iter().map(|s| s.view).collect();
    let fresh = Fresh::new(&views);
    let facts = Facts { client_arranges: true, fresh_label: Some(fresh.label.clone()), ..Facts::default() };
    let game = Game {
        now: Played { policy: side.policy, listener, reached: side.reaching.reached(listener) },
        then: old.map(|(l, s)| Played { policy: s.policy, listener: l, reached: s.reaching.reached(l) }),
        seen,
        fresh,
        facts,
    };
    game.changes()
}

/// One listener of one state.
struct Played<'p> {
    policy: &'p Policy,
    listener: &'p Listener,
    reached: Reached,
}

/// One listener, before and after.
struct Game<'v, 'p> {
    now: Played<'p>,
    then: Option<Played<'p>>,
    seen: Vec<Seen<'v, 'p>>,
    fresh: Fresh,
    facts: Facts,
}

/// Which class of each dimension, in the order of [`Axes`]; 0 is ordinary.
pub(super) type Choice = [usize; 9];

impl Game<'_, '_> {
    fn changes(&self) -> Vec<Change> {
        let mut found = BTreeMap::new();
        let reached = &self.now.reached;
        let real = reached.untrusted.union(&reached.partner).union(&reached.trusted);
        let then = self.then.as_ref().map(|p| &p.reached);
        let mut cuts = vec![&reached.untrusted, &reached.partner, &reached.trusted];
        cuts.extend(then.into_iter().flat_map(|r| [&r.untrusted, &r.partner, &r.trusted]));
        let honest = Space { addresses: &real, cuts, claims_names: false };
        self.play(None, &honest, &mut found);
        let anyone = impossible().complement();
        if self.now.listener.proxy_protocol {
            let space = Space { addresses: &anyone, cuts: Vec::new(), claims_names: false };
            self.play(Some(ClaimBy::ProxyHeader), &space, &mut found);
        }
        if self.now.listener.xclient.is_some() {
            let space = Space { addresses: &anyone, cuts: Vec::new(), claims_names: true };
            self.play(Some(ClaimBy::Xclient), &space, &mut found);
        }
        prune(found)
    }

    fn base(&self) -> Attempt {
        let server = match &self.now.listener.bind {
            Bind::Addresses(set) => addresses::sample(&set.difference(&loopback())),
            _ => self
                .now
                .policy
                .own_addresses
                .as_ref()
                .and_then(|own| addresses::sample(&own.difference(&loopback()))),
        };
        Attempt {
            client: IpAddr::from([198, 51, 100, 77]),
            name: ClientName::Missing,
            server: server.unwrap_or(IpAddr::from([127, 0, 0, 1])),
            port: self.now.listener.port.unwrap_or(25),
            helo: Some(format!("client.{}", self.fresh.sender_domain)),
            tls: false,
            certificate: None,
            login: None,
            mail_from: format!("spam@{}", self.fresh.sender_domain),
            rcpt_to: format!("x@{}", self.fresh.domain),
            claim: None,
        }
    }

    fn play(
        &self,
        claim: Option<ClaimBy>,
        space: &Space<'_>,
        found: &mut BTreeMap<(Choice, Trust), Vec<Found>>,
    ) {
        let base = self.base();
        let axes = Axes::new(&self.seen, &self.fresh, &base, &self.facts, space);
        let unusual = if axes.size() > MAX_PLAYED { 2 } else { usize::MAX };
        let mut limited = axes.limited || unusual < usize::MAX;
        let mut choice: Choice = [0; 9];
        choice[0] = claim.map_or(0, |c| 1 + c as usize);
        let mut played = 0;
        loop {
            let odd = choice.iter().skip(2).filter(|c| **c > 0).count();
            if odd <= unusual {
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
    fn one(
        &self,
        axes: &Axes,
        base: &Attempt,
        claim: Option<ClaimBy>,
        choice: Choice,
        found: &mut BTreeMap<(Choice, Trust), Vec<Found>>,
    ) {
        let Some((attempt, form, addresses)) = assemble(axes, base, choice) else { return };
        let facts = backup(&self.facts, form);
        let answer = answer_at(self.now.policy, self.now.listener, &attempt, &facts);
        let (now_least, now_most) = levels(&answer);
        if now_most < Level::KeptForeign {
            return;
        }
        let mut key = choice;
        if claim.is_none() {
            key[1] = 0;
        }
        for trust in [Trust::Untrusted, Trust::Partner, Trust::Trusted] {
            let real = self.real(claim, trust, &attempt, addresses);
            let Some(sample) = addresses::sample(&real) else { continue };
            let attempt = Attempt { claim: claim.map(|by| Claim { by, from: sample }), ..attempt.clone() };
            let old = self.then.as_ref().map(|then| self.before(then, claim, trust, &real, &attempt, &facts));
            let (old_least, old_most) =
                old.as_ref().and_then(|o| o.as_ref()).map_or((Level::Refused, Level::Refused), levels);
            if now_most <= old_most && now_least <= old_least {
                continue;
            }
            let certain = now_least > old_most && now_least >= Level::KeptForeign;
            let level = if certain { now_least } else { now_most };
            found.entry((key, trust)).or_default().push(Found {
                change: Change {
                    listener: reference(self.now.listener),
                    trust,
                    clients: real,
                    needs: needs(axes, claim, choice),
                    witness: attempt,
                    before: old.flatten(),
                    after: Some(answer.clone()),
                    kind: kind(level),
                    certainty: if certain { Confidence::Certain } else { Confidence::Possible },
                },
            });
        }
    }

    /// The answer of the state before, for the same clients; `None` where they did not reach it.
    fn before(
        &self,
        then: &Played<'_>,
        claim: Option<ClaimBy>,
        trust: Trust,
        real: &AddressSet,
        attempt: &Attempt,
        facts: &Facts,
    ) -> Option<Answer> {
        let could_claim = match claim {
            None => true,
            Some(ClaimBy::ProxyHeader) => then.listener.proxy_protocol,
            Some(ClaimBy::Xclient) => then.listener.xclient.is_some(),
        };
        let all = then.reached.untrusted.union(&then.reached.partner).union(&then.reached.trusted);
        let reaches = real.difference(&all).is_empty();
        let _ = trust;
        (could_claim && reaches).then(|| answer_at(then.policy, then.listener, attempt, facts))
    }

    /// Which clients of a kind can make the attempt.
    fn real(
        &self,
        claim: Option<ClaimBy>,
        trust: Trust,
        attempt: &Attempt,
        addresses: &AddressSet,
    ) -> AddressSet {
        let reached = self.now.reached.of(trust);
        match claim {
            None => reached.intersection(addresses),
            Some(ClaimBy::ProxyHeader) => reached.clone(),
            Some(ClaimBy::Xclient) => match &self.now.listener.xclient {
                Some(list) => {
                    super::members::members(self.now.policy, self.now.listener, list, reached, attempt)
                }
                None => AddressSet::none(),
            },
        }
    }

    /// A limit was reached: what was not played may be accepted.
    fn too_complex(&self, base: &Attempt, found: &mut BTreeMap<(Choice, Trust), Vec<Found>>) {
        let unchanged = self.then.is_some() && self.seen.len() == 2 && same(&self.seen);
        for trust in [Trust::Untrusted, Trust::Partner] {
            let clients = self.now.reached.of(trust).clone();
            if clients.is_empty() || unchanged {
                continue;
            }
            let after =
                Answer::undecided(vec![Reason::TooComplex { subject: self.now.listener.name.to_string() }]);
            found.entry(([usize::MAX; 9], trust)).or_default().push(Found {
                change: Change {
                    listener: reference(self.now.listener),
                    trust,
                    clients,
                    needs: Needs::default(),
                    witness: base.clone(),
                    before: None,
                    after: Some(after),
                    kind: Kind::Open,
                    certainty: Confidence::Possible,
                },
            });
        }
    }
}

/// Whether both sides look at attempts with the same rules and tables.
fn same(seen: &[Seen<'_, '_>]) -> bool {
    let text = |s: &Seen<'_, '_>| {
        let lookups: Vec<String> =
            s.view.words.lookups.iter().map(|l| format!("{} {:?}", l.table.name, l.actions)).collect();
        format!("{lookups:?}{:?}", s.view.words.conditions)
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

fn assemble<'a>(
    axes: &'a Axes,
    base: &Attempt,
    choice: Choice,
) -> Option<(Attempt, RecipientForm, &'a AddressSet)> {
    let [_, address, name, tls, certificate, login, greeting, sender, recipient] = choice;
    let class = axes.addresses.get(address)?;
    let (rcpt_to, form) = axes.recipients.get(recipient)?;
    let attempt = Attempt {
        client: class.sample,
        name: axes.names.get(name)?.clone(),
        tls: *axes.tls.get(tls)?,
        certificate: axes.certificates.get(certificate)?.clone(),
        login: axes.logins.get(login)?.clone(),
        helo: axes.greetings.get(greeting)?.clone(),
        mail_from: axes.senders.get(sender)?.0.clone(),
        rcpt_to: rcpt_to.clone(),
        ..base.clone()
    };
    Some((attempt, *form, &class.set))
}

fn needs(axes: &Axes, claim: Option<ClaimBy>, choice: Choice) -> Needs {
    let [_, _, name, tls, certificate, login, greeting, sender, recipient] = choice;
    Needs {
        claim,
        name: axes.names.get(name).filter(|_| name > 0).cloned(),
        tls: tls > 0,
        certificate: certificate > 0,
        login: login > 0,
        helo: axes.greetings.get(greeting).filter(|_| greeting > 0).cloned(),
        sender: axes.senders.get(sender).filter(|_| sender > 0).map(|(text, kind)| (*kind, text.clone())),
        recipient: axes
            .recipients
            .get(recipient)
            .filter(|(_, form)| *form != RecipientForm::Plain)
            .map(|(text, form)| (*form, text.clone())),
    }
}

/// The next combination, the last dimension fastest; `false` after the last.
fn step(choice: &mut Choice, axes: &Axes) -> bool {
    let sizes = [
        1,
        axes.addresses.len(),
        axes.names.len(),
        axes.tls.len(),
        axes.certificates.len(),
        axes.logins.len(),
        axes.greetings.len(),
        axes.senders.len(),
        axes.recipients.len(),
    ];
    for (place, size) in choice.iter_mut().zip(sizes).skip(1).rev() {
        if *place + 1 < size {
            *place += 1;
            return true;
        }
        *place = 0;
    }
    false
}

fn set(texts: &[&str]) -> AddressSet {
    texts.iter().filter_map(|t| t.parse::<Prefix>().ok()).collect()
}

fn loopback() -> AddressSet {
    set(&["127.0.0.0/8", "::1/128"])
}

/// Addresses that no header can name sensibly.
fn impossible() -> AddressSet {
    set(&["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"])
}
