//! Carries a plan out, within the caps, and keeps what was answered.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use super::dial::{Closed, Dial, Opened};
use super::limits::Limits;
use super::matrix::{Attempt, literal};
use super::plan::{Knocking, Mailing, Plan};
use super::record::{Dialogue, End, Knock, Met, Record, SCHEMA_VERSION, Tried};
use super::talk::talk;
use super::tls::Begun;
use crate::host::private;
use crate::packet::Prefix;

/// Attempts over one connection: servers slow down and hang up after some refusals.
const AT_ONCE: usize = 8;

/// Connections to one mail target.
const CONNECTIONS: usize = 3;

/// Carries plans out; the caps hold for all of them together.
pub struct Tester<'d, D> {
    dial: &'d D,
    limits: Limits,
    /// What is declared of the addresses that servers see.
    source: Vec<IpAddr>,
    vantage: Option<String>,
    attempts: usize,
    connections: usize,
    deadline: Instant,
}

impl<'d, D: Dial> Tester<'d, D> {
    /// Connections are made by `dial`, at the device `vantage` or here; servers see `source`, where that is declared.
    pub fn new(dial: &'d D, vantage: Option<&str>, source: &[IpAddr], limits: Limits) -> Self {
        let deadline = Instant::now() + limits.total;
        let (attempts, connections) = (limits.attempts, limits.connections);
        let (source, vantage) = (source.to_vec(), vantage.map(str::to_owned));
        Self { dial, limits, source, vantage, attempts, connections, deadline }
    }

    /// Tests one device.
    pub async fn test(&mut self, plan: &Plan, clock: impl Fn() -> OffsetDateTime) -> Record {
        let mut record = Record {
            schema_version: SCHEMA_VERSION,
            device: plan.device.clone(),
            vantage: self.vantage.clone(),
            foreign: plan.foreign.clone(),
            started: clock(),
            ended: clock(),
            mail: Vec::new(),
            ports: Vec::new(),
            left_out: 0,
            untried: plan.untried,
        };
        for mailing in &plan.mail {
            let dialogue = self.mail(mailing, &mut record.left_out).await;
            record.mail.push(dialogue);
        }
        for knocking in &plan.ports {
            let knock = self.knock(knocking, &mut record.left_out).await;
            record.ports.push(knock);
        }
        record.ended = clock();
        record
    }

    /// Makes the attempts at one mail target: in clear, and where TLS is demanded under TLS.
    async fn mail(&mut self, mailing: &Mailing, left_out: &mut usize) -> Dialogue {
        let implicit = mailing.implicit_tls.then_some(Begun::Implicit);
        let (clear, skipped) = self.dialogue(mailing, implicit).await;
        if !clear.demands_tls() {
            *left_out += skipped;
            return clear;
        }
        let (mut encrypted, more) = self.dialogue(mailing, Some(Begun::Starttls)).await;
        if encrypted.tls.is_none() || encrypted.end != End::Talked {
            *left_out += skipped;
            return clear;
        }
        *left_out += more;
        // what is offered in clear is offered too, but for the way to TLS
        let beside = clear.offers.into_iter().filter(|offer| offer != "STARTTLS");
        let beside: Vec<String> = beside.filter(|offer| !encrypted.offers.contains(offer)).collect();
        encrypted.offers.extend(beside);
        encrypted.greeting = encrypted.greeting.or(clear.greeting);
        encrypted
    }

    /// One pass of the attempts, and how many were left out.
    async fn dialogue(&mut self, mailing: &Mailing, tls: Option<Begun>) -> (Dialogue, usize) {
        let mut dialogue = Dialogue {
            at: mailing.at,
            declared: mailing.declared,
            source: None,
            seen: None,
            helo: String::new(),
            tls: None,
            end: End::Closed(Met::NotTried),
            greeting: None,
            offers: Vec::new(),
            attempts: Vec::new(),
        };
        let mut waiting: &[Attempt] = &mailing.attempts;
        for number in 0..CONNECTIONS {
            let now = waiting.get(..AT_ONCE.min(self.attempts).min(waiting.len())).unwrap_or_default();
            if now.is_empty() {
                break;
            }
            let opened = match self.connect(mailing.at).await {
                Ok(opened) => opened,
                Err(Closed(met)) if number == 0 => {
                    dialogue.end = End::Closed(met);
                    break;
                }
                Err(_) => break,
            };
            dialogue.source = self.source_of(mailing.at, opened.local);
            dialogue.helo = literal(dialogue.source.unwrap_or(IpAddr::from([127, 0, 0, 1])));
            let done = self.talk(opened, now, tls, &mut dialogue).await;
            if dialogue.end == End::ImplicitTls {
                // what was not said here can still be predicted
                dialogue.attempts = mailing.attempts.iter().map(Tried::of).collect();
                return (dialogue, 0);
            }
            // one may have been made that is not over and done with
            self.attempts = self.attempts.saturating_sub((done + 1).min(now.len()));
            waiting = waiting.get(done..).unwrap_or_default();
        }
        let talked = matches!(dialogue.end, End::Talked | End::Closed(Met::NotTried));
        (dialogue, if talked { waiting.len() } else { 0 })
    }

    /// Makes some attempts over one connection; what was answered until the time was up stays.
    async fn talk(
        &self,
        opened: Opened,
        attempts: &[Attempt],
        tls: Option<Begun>,
        dialogue: &mut Dialogue,
    ) -> usize {
        let before = dialogue.attempts.len();
        let talking = talk(opened.stream, attempts, tls, dialogue, &self.limits);
        if let Ok(done) = timeout(self.left(self.limits.session), talking).await {
            return done;
        }
        let done = dialogue.attempts.len().saturating_sub(before);
        // the one that was under way is not made again
        dialogue.attempts.extend(attempts.get(done).map(Tried::of));
        done + 1
    }

    async fn knock(&mut self, knocking: &Knocking, left_out: &mut usize) -> Knock {
        let opened = self.connect(knocking.at).await;
        let local = opened.as_ref().ok().and_then(|o| o.local);
        let met = match opened {
            Ok(_) => Met::Connected,
            Err(Closed(met)) => met,
        };
        *left_out += usize::from(met == Met::NotTried);
        Knock { at: knocking.at, source: self.source_of(knocking.at, local), opened: knocking.opened, met }
    }

    async fn connect(&mut self, to: SocketAddr) -> Result<Opened, Closed> {
        let left = self.left(self.limits.connect);
        if self.connections == 0 || left.is_zero() {
            return Err(Closed(Met::NotTried));
        }
        self.connections -= 1;
        timeout(left, self.dial.dial(to)).await.unwrap_or(Err(Closed(Met::TimedOut)))
    }

    fn left(&self, limit: Duration) -> Duration {
        limit.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    /// The address that a server sees: what is declared, else our end of the connection, unless that is an inside
    /// address and the server's is not. Somebody translates it then, and nobody knows to what.
    fn source_of(&self, to: SocketAddr, local: Option<IpAddr>) -> Option<IpAddr> {
        let declared = self.source.iter().copied().find(|address| address.is_ipv4() == to.is_ipv4());
        // a provider's shared addresses (RFC 6598) are translated as private ones are
        let shared = "100.64.0.0/10".parse::<Prefix>();
        let is_shared = |address| shared.as_ref().is_ok_and(|shared| shared.contains(address));
        let inside = |address: IpAddr| private().contains(address) || is_shared(address);
        declared.or_else(|| local.filter(|local| !inside(*local) || inside(to.ip())))
    }
}
