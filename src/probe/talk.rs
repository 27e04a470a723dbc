//! The dialogue with a mail server: EHLO, then MAIL FROM, RCPT TO, RSET for every attempt, then QUIT (RFC 5321 section
//! 3.3), under TLS where the server demands it. The commands are an enumeration without DATA, and nothing else is ever
//! written.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use super::dial::Stream;
use super::limits::Limits;
use super::matrix::{Attempt, literal};
use super::record::{Dialogue, End, Tried};
use super::reply::{Replies, Reply, Step, Trouble};
use super::tls::{Begun, Encrypted, handshake};

/// Most keywords of a server's offer that are kept, and the longest.
const MAX_OFFERS: usize = 40;
const MAX_OFFER: usize = 80;

/// Time for saying goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// Everything that is ever said.
#[derive(Debug, Clone, Copy)]
enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    Mail(&'a str),
    Rcpt(&'a str),
    Rset,
    Starttls,
    Quit,
}

impl Command<'_> {
    /// The line, without its end; `None` for an address that would make it another command.
    fn line(self) -> Option<String> {
        let line = match self {
            Self::Ehlo(name) => format!("EHLO {name}"),
            Self::Helo(name) => format!("HELO {name}"),
            Self::Mail(address) => format!("MAIL FROM:<{address}>"),
            Self::Rcpt(address) => format!("RCPT TO:<{address}>"),
            Self::Rset => "RSET".to_owned(),
            Self::Starttls => "STARTTLS".to_owned(),
            Self::Quit => "QUIT".to_owned(),
        };
        line.chars().all(|c| c == ' ' || c.is_ascii_graphic()).then_some(line)
    }
}

/// What a server said before the first attempt.
struct Welcome {
    greeting: Reply,
    /// To EHLO or HELO.
    answer: Reply,
}

/// One connection.
struct Line<'l> {
    replies: Replies<ReadHalf<Box<dyn Stream>>>,
    write: WriteHalf<Box<dyn Stream>>,
    limits: &'l Limits,
    /// The greeting came before TLS.
    greeted: bool,
}

/// The connection under TLS, and its version; `None` where none comes about.
async fn encrypted(
    stream: Box<dyn Stream>,
    begun: Begun,
    into: &mut Dialogue,
    limits: &Limits,
) -> Option<(Box<dyn Stream>, String)> {
    let server = into.at.ip();
    if begun == Begun::Implicit {
        return timeout(limits.greeting, handshake(stream, server)).await.ok()?;
    }
    let mut line = Line::new(stream, limits);
    let welcome = line.greet(&into.helo).await.ok()?;
    into.greeting = into.greeting.take().or(Some(welcome.greeting));
    line.say(Command::Starttls).await.ok().filter(|reply| reply.code == 220 && !line.replies.is_ahead())?;
    let stream = line.replies.into_inner().unsplit(line.write);
    timeout(limits.greeting, handshake(stream, server)).await.ok()?
}

/// Makes attempts over one connection, as long as the server goes along, and puts the answers into `into`. Returns how
/// many of them are over and done with; the first one always is.
pub(super) async fn talk(
    stream: Box<dyn Stream>,
    attempts: &[Attempt],
    tls: Option<Begun>,
    into: &mut Dialogue,
    limits: &Limits,
) -> usize {
    let stream = match tls {
        None => Some((stream, None)),
        Some(begun) => encrypted(stream, begun, into, limits).await.map(|(s, v)| (s, Some((begun, v)))),
    };
    let Some((stream, version)) = stream else {
        // without its handshake nothing was said
        let first = into.attempts.is_empty();
        if first && tls == Some(Begun::Implicit) {
            into.end = End::ImplicitTls;
        }
        return if first { attempts.len() } else { 0 };
    };
    let is_wrapped = version.is_some();
    into.tls =
        version.map(|(begun, version)| Encrypted { begun, version, verified: false }).or(into.tls.take());
    let mut line = Line::new(stream, limits);
    line.greeted = is_wrapped && tls == Some(Begun::Starttls);
    let is_first = into.attempts.is_empty();
    match line.greet(&into.helo).await {
        Ok(welcome) if is_first => {
            into.greeting = into.greeting.take().or(Some(welcome.greeting));
            // who does not know his own address says another one, which may be said back
            let said_back = |address: &IpAddr| into.source.is_none() && literal(*address) == into.helo;
            let seen = welcome.answer.text.lines().next().and_then(seen);
            into.seen = seen.filter(|address| !said_back(address));
            into.offers = offers(&welcome.answer);
            into.end = End::Talked;
        }
        Ok(_) => {}
        Err((end, reply)) if is_first => {
            (into.end, into.greeting) = (end, reply);
            return attempts.len();
        }
        Err(_) => return 0,
    }
    let mut done = 0;
    for attempt in attempts {
        let (tried, goes_on) = line.attempt(attempt).await;
        let is_answered = tried.reply.as_ref().is_some_and(|reply| reply.code != 421);
        if is_answered || done == 0 {
            into.attempts.push(tried);
            done += 1;
        }
        if !goes_on {
            return done;
        }
    }
    let _ = timeout(FAREWELL, line.say(Command::Quit)).await;
    done
}

impl<'l> Line<'l> {
    fn new(stream: Box<dyn Stream>, limits: &'l Limits) -> Self {
        let (read, write) = split(stream);
        Self { replies: Replies::new(read, limits), write, limits, greeted: false }
    }

    /// Greeting and EHLO; else how far it came. Behind STARTTLS there is no second greeting (RFC 3207 section 4.2).
    async fn greet(&mut self, helo: &str) -> Result<Welcome, (End, Option<Reply>)> {
        let greeting = if self.greeted {
            Reply { code: 220, text: String::new() }
        } else {
            let greeting = timeout(self.limits.greeting, self.replies.next()).await;
            let Ok(Ok(greeting)) = greeting else { return Err((End::NoGreeting, None)) };
            greeting
        };
        if greeting.code != 220 {
            return Err((End::TurnedAway, Some(greeting)));
        }
        let answer = match self.say(Command::Ehlo(helo)).await {
            // servers that know no extensions refuse EHLO (RFC 5321 section 3.2)
            Ok(reply) if !reply.is_positive() => self.say(Command::Helo(helo)).await,
            other => other,
        };
        match answer {
            Ok(answer) if answer.is_positive() => Ok(Welcome { greeting, answer }),
            Ok(refusal) => Err((End::TurnedAway, Some(refusal))),
            Err(_) => Err((End::TurnedAway, Some(greeting))),
        }
    }

    /// One attempt, and whether the server goes along after it.
    async fn attempt(&mut self, attempt: &Attempt) -> (Tried, bool) {
        let mut tried = Tried::of(attempt);
        for (step, command) in
            [(Step::Mail, Command::Mail(&attempt.mail_from)), (Step::Rcpt, Command::Rcpt(&attempt.rcpt_to))]
        {
            tried.step = step;
            tried.reply = self.say(command).await.ok();
            match &tried.reply {
                None => return (tried, false),
                Some(reply) if reply.code == 421 => return (tried, false),
                Some(reply) if !reply.is_positive() => break,
                Some(_) => {}
            }
        }
        let reset = self.say(Command::Rset).await;
        let goes_on = reset.is_ok_and(|reply| reply.is_positive());
        (tried, goes_on)
    }

    async fn say(&mut self, command: Command<'_>) -> Result<Reply, Trouble> {
        if self.replies.is_ahead() {
            return Err(Trouble::Garbage);
        }
        let line = command.line().ok_or(Trouble::Garbage)?;
        let exchange = async {
            let written = self.write.write_all(format!("{line}\r\n").as_bytes()).await;
            written.map_err(|_| Trouble::Ended)?;
            self.write.flush().await.map_err(|_| Trouble::Ended)?;
            self.replies.next().await
        };
        timeout(self.limits.reply, exchange).await.unwrap_or(Err(Trouble::Ended))
    }
}

/// The client's address in an answer to EHLO, where the server says it: `Hello [198.51.100.7]`. The last one counts, for
/// the greeting may be said back in front of it.
fn seen(line: &str) -> Option<IpAddr> {
    let (_, inside) = line.rsplit_once('[')?;
    let (address, _) = inside.split_once(']')?;
    address.strip_prefix("IPv6:").unwrap_or(address).parse().ok()
}

fn offers(answer: &Reply) -> Vec<String> {
    let offers = answer.text.lines().skip(1).take(MAX_OFFERS);
    let plain =
        |line: &str| line.chars().filter(|c| *c == ' ' || c.is_ascii_graphic()).take(MAX_OFFER).collect();
    offers
        .map(|line| {
            let line: String = plain(line);
            line.trim().to_ascii_uppercase()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_makes_another_command() {
        assert_eq!(Command::Rcpt("a@b").line().as_deref(), Some("RCPT TO:<a@b>"));
        for bad in ["a@b>\r\nDATA", "a\nDATA", "a\0", "é@b"] {
            assert_eq!(Command::Rcpt(bad).line(), None, "{bad:?}");
        }
    }

    #[test]
    fn the_address_that_a_server_says() {
        assert_eq!(seen("mx Hello [10.0.0.1] [198.51.100.7]"), "198.51.100.7".parse().ok());
        assert_eq!(seen("mx Hello x [IPv6:2001:db8::7], pleased"), "2001:db8::7".parse().ok());
        assert_eq!(seen("mx.city.example.jp"), None);
    }
}
