//! A real Postfix on random configurations: what it answers must be what is said of it, and what is called an open
//! relay must be one.
//!
//! Every run takes configurations of its own; the seed of each is printed, and `SEKISHO_LIVE_SEED` repeats one.
//! `SEKISHO_LIVE_SECONDS` says how long each test goes on, `SEKISHO_LIVE_KEEP` names a folder that gets every
//! configuration.

mod attempts;
mod captured;
mod dice;
mod generate;
mod network;
mod others;
mod restrictions;
mod server;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sekisho::finding::Confidence;
use sekisho::platform;
use sekisho::relay::{
    Answer, Attempt, Change, Everybody, Facts, Kind, Leaves, Policy, ServiceAnswer, Side, Trust, Verdict,
    answer, exposures,
};
use serde_json::{Map, Value};

use super::postfix_fixtures as fixtures;
use crate::common::needs;
use attempts::Session;
use dice::Dice;
use generate::Host;
use server::Server;

/// Domains that the names outside know; no configuration makes them its own.
const EXISTING: [&str; 4] = ["outside.example", "carrier.example", "backup.example", "primary.example"];

#[test]
#[ignore = "asks a real Postfix for minutes: cargo test --test main -- --ignored relay::live"]
fn a_real_postfix_answers_as_predicted() {
    if !needs::met("a_real_postfix_answers_as_predicted", &needed()) {
        return;
    }
    let mut server = Server::start();
    let mut all = Tally::default();
    for seed in seeds(90) {
        judge(seed, &mut server, &mut all);
    }
    println!("{all:#?}");
    all.say("Postfix");
    assert!(all.wrong.is_empty(), "disagreements");
    assert!(all.hosts < 10 || all.undecided * 10 < all.right, "too much is left open");
}

/// Seeds until so many seconds are over, or as many as are asked for; only one where one is asked for.
fn seeds(seconds: u64) -> impl Iterator<Item = u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let asked = number("SEKISHO_LIVE_SEED");
    let time = Duration::from_secs(number("SEKISHO_LIVE_SECONDS").unwrap_or(seconds));
    let (start, first) = (Instant::now(), asked.unwrap_or_else(|| now() * 1000));
    (first..).take_while(move |seed| *seed == first || (asked.is_none() && start.elapsed() < time))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn needed() -> Vec<&'static str> {
    network::NEEDS.iter().copied().chain(["postfix"]).collect()
}

/// The folders of `fixtures/postfix` on a real server: a few on every run, all with `SEKISHO_LIVE_FIXTURES=all`.
#[test]
#[ignore = "asks a real Postfix for minutes: cargo test --test main -- --ignored relay::live"]
fn fixtures_are_what_a_real_postfix_answers() {
    if !needs::met("fixtures_are_what_a_real_postfix_answers", &needed()) {
        return;
    }
    let mut fixtures = fixtures::all();
    if std::env::var_os("SEKISHO_LIVE_FIXTURES").is_none() {
        let mut dice = Dice::new(now());
        while fixtures.len() > 10 {
            fixtures.swap_remove(dice.below(fixtures.len()));
        }
    }
    let mut server = Server::start();
    let mut wrong = Vec::new();
    for fixture in fixtures {
        let host = generate::of_fixture(&fixture);
        let serving = server.serve(&host);
        for (attempt, expected) in &fixture.attempts {
            let mut zone = Map::new();
            Session::of(attempt, &host).names(&mut zone);
            fs::write(server.path("zone.json"), Value::from(zone).to_string()).unwrap();
            let codes = server.talk(&Session::of(attempt, &host).order(3.0, false));
            let real = verdict(codes.as_ref().map_or(0, |codes| codes[0]));
            // what depends on DNS is any answer
            if real != *expected && *expected != Verdict::Undecided {
                wrong.push(format!("{}: {codes:?}, expected {expected:?}: {attempt:?}", fixture.name));
            }
        }
        drop(serving);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What came out so far.
#[derive(Debug, Default)]
struct Tally {
    /// The first and the last.
    seeds: Option<(u64, u64)>,
    hosts: usize,
    refusing: usize,
    right: usize,
    undecided: usize,
    why: BTreeSet<String>,
    witnesses: usize,
    /// Attempts that relayed, and were found open.
    found: usize,
    /// What disagrees, with how often and the first such attempt.
    wrong: BTreeMap<String, (usize, String)>,
}

impl Tally {
    /// One line for people.
    fn say(&self, who: &str) {
        let seeds = self.seeds.map_or_else(String::new, |(first, last)| format!(", seeds {first} to {last}"));
        let Self { hosts, right, undecided, witnesses, .. } = self;
        println!(
            "{who}: {hosts} servers{seeds}: {right} answers as predicted, {undecided} left open, {witnesses} witnesses"
        );
    }

    fn begin(&mut self, seed: u64) {
        println!("seed {seed}");
        self.seeds = Some((self.seeds.map_or(seed, |(first, _)| first), seed));
    }

    fn wrong(&mut self, what: String, example: String) {
        self.wrong.entry(what).or_insert((0, example)).0 += 1;
    }
}

fn judge(seed: u64, server: &mut Server, all: &mut Tally) {
    let mut dice = Dice::new(seed);
    let host = generate::host(&mut dice);
    let sessions = attempts::sessions(&mut dice, &host, 10, (4, 9));
    fs::write(server.path("policy"), host.policy).unwrap();
    all.begin(seed);
    let Some(serving) = server.serve(&host) else {
        return all.wrong(format!("seed {seed}: does not start"), server.log());
    };
    all.hosts += 1;
    let evidence = captured::evidence(&mut dice, server);
    if let Some(folder) = std::env::var_os("SEKISHO_LIVE_KEEP") {
        keep(&Path::new(&folder).join(seed.to_string()), &evidence);
    }
    let policy = platform::read(&evidence).relay.expect("a policy");
    let mut round = Round { seed, server, host: &host, policy: &policy, all, dead: BTreeSet::new() };
    let relayed = round.compare(&sessions);
    let found = exposures(Side { policy: &policy, reaching: &Everybody::new(&policy) });
    round.replay(&found);
    round.is_complete(&relayed, &found);
    drop(serving);
}

/// One configuration under judgement.
struct Round<'a> {
    seed: u64,
    server: &'a mut Server,
    host: &'a Host,
    policy: &'a Policy,
    all: &'a mut Tally,
    /// Ports that do not serve: waiting for them once is enough.
    dead: BTreeSet<u16>,
}

impl Round<'_> {
    /// Every reply against its prediction; the attempts that strangers got accepted for anywhere.
    fn compare(&mut self, sessions: &[Session]) -> Vec<Attempt> {
        let mut relayed = Vec::new();
        for session in sessions {
            let Some(codes) = self.codes(session) else { continue };
            assert_eq!(codes.len(), session.tries.len());
            for (code, tried) in codes.into_iter().zip(&session.tries) {
                let attempt = session.attempt(tried);
                let facts = Facts {
                    existing: EXISTING.iter().map(|d| (*d).to_owned()).collect(),
                    service: ServiceAnswer::parse(self.host.policy),
                    backup_mx: Some(attempts::is_backup(&attempt.rcpt_to)),
                    ..Facts::default()
                };
                let predicted = answer(self.policy, &attempt, &facts);
                self.hold(code, &attempt, &predicted);
                let leaves = predicted.leaves.is_some_and(|(least, _)| least == Leaves::Anywhere);
                if (200..300).contains(&code) && leaves && attempt.login.is_none() {
                    relayed.push(attempt);
                }
            }
        }
        relayed
    }

    fn codes(&mut self, session: &Session) -> Option<Vec<u16>> {
        let port = session.port();
        let mut zone = Map::new();
        session.names(&mut zone);
        fs::write(self.server.path("zone.json"), Value::from(zone).to_string()).unwrap();
        if self.dead.contains(&port) {
            return Some(vec![0; session.tries.len()]);
        }
        let proxied = self.host.proxied.contains(&port);
        let codes = self.server.talk(&session.order(3.0, proxied))?;
        if codes.iter().any(|code| *code != 0) {
            return Some(codes);
        }
        if self.server.log().contains("/smtpd[") && self.server.log().contains(": fatal: ") {
            self.dead.insert(port);
            return Some(codes);
        }
        // a busy machine, or a server that hangs up
        self.server.talk(&session.order(20.0, proxied))
    }

    fn hold(&mut self, code: u16, attempt: &Attempt, predicted: &Answer) {
        if predicted.confidence != Confidence::Certain || predicted.verdict == Verdict::Undecided {
            self.all.undecided += 1;
            self.all.why.extend(predicted.why.iter().map(|why| format!("{why:?}")));
            return;
        }
        let real = verdict(code);
        if predicted.verdict == Verdict::Unavailable {
            self.all.refusing += 1;
        }
        // several refusals may stand for each other where the order is not known
        let refusals = [Verdict::Defer, Verdict::Reject];
        let same = real == predicted.verdict
            || !predicted.why.is_empty() && refusals.contains(&real) && refusals.contains(&predicted.verdict);
        if same {
            self.all.right += 1;
        } else {
            let lines: Vec<String> = predicted.lines.iter().map(ToString::to_string).collect();
            self.wrong(format!("{code}, predicted {:?} by {lines:?}", predicted.verdict), attempt);
        }
    }

    fn wrong(&mut self, what: String, attempt: &Attempt) {
        self.all.wrong(format!("seed {}: {what}", self.seed), format!("{attempt:?}"));
    }

    /// What is certainly open must be accepted as the witness says.
    fn replay(&mut self, found: &[Change]) {
        let certain = found.iter().filter(|c| c.kind == Kind::Open && c.certainty == Confidence::Certain);
        for change in certain.filter(|c| c.trust == Trust::Untrusted) {
            let session = Session::of(&change.witness, self.host);
            let codes = self.codes(&session);
            self.all.witnesses += 1;
            if !codes.as_ref().is_some_and(|codes| codes.iter().all(|code| (200..300).contains(code))) {
                self.wrong(format!("a witness is not accepted: {codes:?}"), &change.witness);
            }
        }
    }

    /// Whoever relayed must be among those that are found.
    fn is_complete(&mut self, relayed: &[Attempt], found: &[Change]) {
        for attempt in relayed {
            let strangers = Everybody::new(self.policy);
            let listed = |change: &&Change| {
                change.kind == Kind::Open
                    && change.listener.port == Some(attempt.port)
                    && change.clients.contains(attempt.client)
            };
            let stranger = self.policy.listeners.iter().any(|listener| {
                use sekisho::relay::Reaching;
                listener.port == Some(attempt.port)
                    && strangers.reached(listener).untrusted.contains(attempt.client)
            });
            if !stranger {
                continue;
            }
            if found.iter().any(|change| listed(&change)) {
                self.all.found += 1;
            } else {
                self.wrong(format!("relayed and not found, port {}", attempt.port), attempt);
            }
        }
    }
}

fn verdict(code: u16) -> Verdict {
    match code {
        0 => Verdict::Unavailable,
        200..300 => Verdict::Permit,
        400..500 => Verdict::Defer,
        _ => Verdict::Reject,
    }
}

/// Writes a device where it can be looked at.
fn keep(folder: &Path, evidence: &sekisho::evidence::DeviceEvidence) {
    for (name, artifact) in &evidence.artifacts {
        let path = folder.join("device").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &artifact.bytes).unwrap();
    }
}
