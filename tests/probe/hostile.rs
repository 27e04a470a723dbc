//! Mail servers that misbehave: each is survived within its limits, and none ever hears DATA.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sekisho::probe::{
    Accord, Closed, Conclusion, Dial, End, Form, Judged, Limits, Met, Opened, Plan, Reality, Record, Tester,
    Why, judge, plan,
};
use sekisho::site::{Known, Site, Source};
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::common::block_on;

const CLIENT: &str = "198.51.100.7";

/// What a server says: to the connection itself (`None`), and to each line. Nothing is silence.
type Script = fn(Option<&str>) -> Say;

enum Say {
    Bytes(Vec<u8>),
    Nothing,
    /// These bytes, and the end.
    Last(&'static [u8]),
    /// The same bytes for ever.
    Flood(&'static [u8]),
}

fn say(text: &str) -> Say {
    Say::Bytes(format!("{text}\r\n").into_bytes())
}

/// A server, and every line that it heard.
struct Server {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<usize>>::default());
        let (lines, count) = (Arc::clone(&heard), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                tokio::spawn(serve(stream, script, Arc::clone(&lines)));
            }
        });
        Self { address, heard, connections }
    }
}

async fn serve(stream: TcpStream, script: Script, heard: Arc<Mutex<Vec<String>>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut next = None;
    loop {
        match script(next.as_deref()) {
            Say::Bytes(bytes) => {
                if write.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Say::Nothing => {}
            Say::Last(bytes) => {
                let _ = write.write_all(bytes).await;
                return;
            }
            Say::Flood(bytes) => while write.write_all(bytes).await.is_ok() {},
        }
        let Ok(Some(line)) = lines.next_line().await else { return };
        heard.lock().unwrap().push(line.clone());
        next = Some(line);
    }
}

/// Whatever is asked for lies at the server; it sees us as a stranger.
struct ToServer(SocketAddr);

impl Dial for ToServer {
    async fn dial(&self, _: SocketAddr) -> Result<Opened, Closed> {
        let stream = TcpStream::connect(self.0).await.map_err(|_| Closed(Met::Refused))?;
        Ok(Opened { stream: Box::new(stream), local: CLIENT.parse().ok() })
    }
}

fn limits() -> Limits {
    let short = Duration::from_millis(400);
    let session = Duration::from_secs(3);
    Limits {
        connect: session,
        greeting: short,
        reply: short,
        session,
        total: 4 * session,
        ..Limits::default()
    }
}

fn site(targets: &str) -> Site {
    let text = format!(
        "[[device]]\nname = \"appliance\"\nplatforms = []\nmail_domains = [\"city.example.jp\"]\nprobe = [{targets}]\n"
    );
    Site::parse(&Source::new("site.toml", text), &Known::default()).unwrap()
}

fn plan_of(site: &Site) -> Plan {
    plan(site.devices.values().next().unwrap(), &site.probing, None, &[], None)
}

/// The test of an appliance that nobody can read; what must hold of any test is held here.
fn test(script: Script, limits: Limits, targets: &str) -> (Record, Vec<String>, usize) {
    block_on(async {
        let server = Server::start(script).await;
        let site = site(targets);
        let start = Instant::now();
        let dial = ToServer(server.address);
        let mut tester = Tester::new(&dial, None, &[], limits.clone());
        let record = tester.test(&plan_of(&site), || OffsetDateTime::UNIX_EPOCH).await;
        assert!(start.elapsed() < limits.total + Duration::from_secs(2), "{:?}", start.elapsed());
        assert!(serde_json::to_vec(&record).unwrap().len() < 64 << 10, "what is kept is bounded");
        assert_eq!(Record::of(&record.evidence().unwrap()).unwrap(), record, "it reads back as it was");
        let heard = server.heard.lock().unwrap().clone();
        for line in &heard {
            let verb = line.split([' ', ':']).next().unwrap();
            assert!(
                ["EHLO", "HELO", "MAIL", "RCPT", "RSET", "STARTTLS", "QUIT"].contains(&verb),
                "said {line:?}"
            );
        }
        let connections = *server.connections.lock().unwrap();
        (record, heard, connections)
    })
}

const ONE: &str = "\"smtp 203.0.113.10:25\"";

fn judged(record: &Record) -> Judged<'_> {
    judge(record, None, Box::leak(Box::new(site(ONE))))
}

/// Why nothing is concluded; nothing is, and the test never counts as passed.
#[track_caller]
fn doubts(record: &Record) -> Vec<Why> {
    let judged = judged(record);
    assert_eq!(judged.conclusion, Conclusion::Open, "{:?}", judged.doubts);
    assert!(!judged.proves_relay());
    judged.doubts.iter().map(|doubt| doubt.why).collect()
}

/// A server that knows its trade, but for what `odd` says otherwise.
fn closed(line: Option<&str>) -> Say {
    match line {
        None => say("220 mx.city.example.jp ESMTP"),
        Some(line) if line.starts_with("EHLO") => {
            say("250-mx.city.example.jp\r\n250-PIPELINING\r\n250 8BITMIME")
        }
        Some("RCPT TO:<postmaster@city.example.jp>") => say("250 2.1.5 Ok"),
        Some(line) if line.starts_with("RCPT") => say("554 5.7.1 Relay access denied"),
        Some("QUIT") => Say::Last(b"221 2.0.0 Bye\r\n"),
        Some(_) => say("250 2.0.0 Ok"),
    }
}

#[test]
fn an_appliance_that_refuses_passes_and_one_that_relays_fails() {
    let (record, heard, connections) = test(closed, limits(), ONE);
    let passed = judged(&record);
    assert!(passed.proves_relay() && passed.doubts.is_empty(), "{:?}", passed.doubts);
    let count = |verb: &str| heard.iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!((count("MAIL"), count("RCPT"), count("RSET"), connections), (9, 9, 9, 2));
    assert!(heard.contains(&format!("EHLO [{CLIENT}]")) && heard.last().unwrap() == "QUIT");

    let open: Script = |line| match line {
        Some(line) if line.starts_with("RCPT") && !line.contains('%') => say("250 2.1.5 Ok"),
        other => closed(other),
    };
    let (record, ..) = test(open, limits(), ONE);
    assert_eq!(judged(&record).conclusion, Conclusion::Failed);

    // `user%foreign` may be a mailbox to a server that nobody can read
    let percent: Script = |line| match line {
        Some(line) if line.starts_with("RCPT") && line.contains('%') => say("250 2.1.5 Ok"),
        other => closed(other),
    };
    let (record, ..) = test(percent, limits(), ONE);
    assert_eq!(doubts(&record), [Why::Unclear]);
}

#[test]
fn silence_flood_and_nonsense_are_survived() {
    let (record, ..) = test(|_| Say::Nothing, limits(), ONE);
    assert_eq!((&record.mail[0].end, doubts(&record)), (&End::NoGreeting, vec![Why::NoGreeting]));
    for flood in
        [&b"220-more and more\r\n"[..], b"xxxxxxxxxxxxxxxxxxxxxxxx", b"220 ok\r\n220 ok\r\n", b"\0\xff\n"]
    {
        let flooding: &'static [u8] = flood;
        let script: Script = match flooding.first() {
            Some(b'x') => |_| Say::Flood(b"xxxxxxxxxxxxxxxxxxxxxxxx"),
            Some(0) => |_| Say::Flood(b"\0\xff\n"),
            _ if flooding.starts_with(b"220-") => |_| Say::Flood(b"220-more and more\r\n"),
            _ => |_| Say::Flood(b"220 ok\r\n220 ok\r\n"),
        };
        let (record, heard, _) = test(script, limits(), ONE);
        assert!(
            !doubts(&record).is_empty() && heard.iter().all(|line| !line.starts_with("RCPT")),
            "{heard:?}"
        );
    }
    let (record, ..) = test(|_| say("HTTP/1.1 400 Bad Request"), limits(), ONE);
    assert_eq!(doubts(&record), [Why::NoGreeting]);
}

#[test]
fn a_server_that_hangs_or_hangs_up_in_the_middle_proves_nothing() {
    let hangs: Script = |line| match line {
        Some(line) if line.starts_with("RCPT TO:<sekisho-test@") => Say::Nothing,
        other => closed(other),
    };
    let (record, _, connections) = test(hangs, limits(), ONE);
    assert!(doubts(&record).contains(&Why::Unanswered) && connections <= 3);
    let breaks_off: Script = |line| match line {
        Some(line) if line.starts_with("RCPT TO:<sekisho-test@") => Say::Last(b"554 5.7.1 Rel"),
        other => closed(other),
    };
    let (record, _, connections) = test(breaks_off, limits(), ONE);
    let reality: Vec<Reality> = judged(&record).places[0].told.iter().map(|told| told.reality).collect();
    assert!(!reality.contains(&Reality::Refused), "half a refusal is none: {reality:?}");
    assert!(doubts(&record).contains(&Why::Unanswered) && connections <= 3);
    let busy: Script = |line| match line {
        Some(line) if line.starts_with("RCPT TO:<sekisho-test@") => {
            Say::Last(b"421 4.7.0 Too many errors\r\n")
        }
        other => closed(other),
    };
    let (record, ..) = test(busy, limits(), ONE);
    assert!(doubts(&record).contains(&Why::Unanswered));
    assert!(doubts(&record).iter().any(|why| matches!(why, Why::LeftOut { .. })), "{:?}", doubts(&record));
}

#[test]
fn replies_that_run_ahead_are_not_taken_for_answers() {
    // the refusal that was meant for RCPT stands behind the answer to MAIL, and RCPT itself is accepted
    let ahead: Script = |line| match line {
        Some(line) if line.starts_with("MAIL") => say("250 2.1.0 Ok\r\n554 5.7.1 Relay access denied"),
        Some(line) if line.starts_with("RCPT") => say("250 2.1.5 Ok"),
        other => closed(other),
    };
    let (record, heard, _) = test(ahead, limits(), ONE);
    assert!(doubts(&record).contains(&Why::Unanswered), "{:?}", doubts(&record));
    assert!(heard.iter().all(|line| !line.starts_with("RCPT")), "{heard:?}");
}

#[test]
fn what_a_server_says_cannot_reach_the_terminal() {
    let escapes: Script = |line| match line {
        Some(line) if line.starts_with("RCPT") => say("554 5.7.1 \u{1b}]0;owned\u{7}\u{1b}[2J denied"),
        other => closed(other),
    };
    let (record, ..) = test(escapes, limits(), ONE);
    let judged = judged(&record);
    let tested = sekisho::report::probe::Tested { judged: &judged, basis: None, findings: &[] };
    let style =
        sekisho::report::Style { lang: sekisho::report::Lang::Ja, offset: time::UtcOffset::UTC, rules: &[] };
    let words = sekisho::report::probe::render(tested, style);
    assert!(!words.contains('\u{1b}') && !words.contains('\u{7}') && words.contains("owned"), "{words}");
}

#[test]
fn tls_that_is_not_spoken_is_said() {
    let demanding: Script = |line| match line {
        Some(line) if line.starts_with("EHLO") => say("250-mx.city.example.jp\r\n250 STARTTLS"),
        Some(line) if line.starts_with("MAIL") => say("530 5.7.0 Must issue a STARTTLS command first"),
        other => closed(other),
    };
    let (record, ..) = test(demanding, limits(), ONE);
    assert!(doubts(&record).contains(&Why::TlsNotSpoken), "{:?}", doubts(&record));
    let (record, heard, _) = test(closed, limits(), "\"smtp 203.0.113.10:465\"");
    assert_eq!((&record.mail[0].end, doubts(&record)), (&End::ImplicitTls, vec![Why::TlsNotSpoken]));
    assert!(heard.is_empty(), "nothing is said in clear to a port that speaks TLS");
}

#[test]
fn refusals_for_other_reasons_prove_nothing() {
    let unknown_domain: Script = |line| match line {
        Some(line) if line.starts_with("MAIL FROM:<sekisho-test@example.net>") => {
            say("450 4.1.8 Sender address rejected: Domain not found")
        }
        other => closed(other),
    };
    let (record, ..) = test(unknown_domain, limits(), ONE);
    assert!(doubts(&record).contains(&Why::DomainRefused), "{:?}", doubts(&record));
    let blocked: Script = |line| match line {
        Some(line) if line.starts_with("RCPT") => say("554 5.7.1 Client host blocked"),
        other => closed(other),
    };
    let (record, ..) = test(blocked, limits(), ONE);
    assert_eq!(doubts(&record), [Why::TurnedAway], "postmaster is refused too");
    let greylisted: Script = |line| match line {
        Some(line) if line.starts_with("RCPT TO:<sekisho-test@example.net>") => {
            say("450 4.7.1 Try again later")
        }
        other => closed(other),
    };
    let (record, ..) = test(greylisted, limits(), ONE);
    assert_eq!(doubts(&record), [Why::PutOff]);
    let (record, ..) = test(|_| say("554 no service for you"), limits(), ONE);
    assert_eq!(doubts(&record), [Why::TurnedAway]);
}

#[test]
fn a_server_that_sees_us_inside_concludes_nothing() {
    let inside: Script = |line| match line {
        Some(line) if line.starts_with("EHLO") => {
            say("250 mx.city.example.jp Hello [198.51.100.7] [10.0.0.1]")
        }
        Some(line) if line.starts_with("RCPT") => say("250 2.1.5 Ok"),
        other => closed(other),
    };
    let (record, ..) = test(inside, limits(), ONE);
    let client = "10.0.0.1".parse().unwrap();
    assert!(doubts(&record).contains(&Why::Inside { client }), "{:?}", doubts(&record));
    let xclient: Script = |line| match line {
        Some(line) if line.starts_with("EHLO") => say("250-mx.city.example.jp\r\n250 XCLIENT NAME ADDR"),
        other => closed(other),
    };
    let (record, ..) = test(xclient, limits(), ONE);
    assert_eq!(doubts(&record), [Why::Xclient]);
}

#[test]
fn the_caps_hold() {
    let many = "\"smtp 203.0.113.10:2000-2029\", \"tcp 203.0.113.10:3000-3029\"";
    let few = Limits { attempts: 20, connections: 25, ..limits() };
    let (record, heard, connections) = test(closed, few, many);
    let attempts = heard.iter().filter(|line| line.starts_with("RCPT")).count();
    assert!(attempts == 20 && connections <= 25, "{attempts} attempts, {connections} connections");
    assert!(
        matches!(doubts(&record).last(), Some(Why::LeftOut { count }) if *count > 200),
        "{:?}",
        doubts(&record)
    );
    let brief = Limits { total: Duration::from_secs(1), ..limits() };
    let (record, ..) = test(|_| Say::Nothing, brief, many);
    assert!(doubts(&record).iter().any(|why| matches!(why, Why::LeftOut { .. })));
}

#[test]
fn nobody_there_is_not_the_same_as_refused() {
    let site = site(ONE);
    let nobody = block_on(async {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let dial = ToServer(free);
        let mut tester = Tester::new(&dial, None, &[], limits());
        tester.test(&plan_of(&site), || OffsetDateTime::UNIX_EPOCH).await
    });
    assert_eq!(doubts(&nobody), [Why::NotReached]);
    assert_eq!(judged(&nobody).places[0].told.len(), 0);
    let foreign = |record: &Record| {
        let judged = judged(record);
        judged.places[0].told.iter().find(|t| t.tried.form == Form::Foreign).map(|told| told.accord)
    };
    assert_eq!(foreign(&test(closed, limits(), ONE).0), Some(Accord::Open), "without a model nothing agrees");
}
