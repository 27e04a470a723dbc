//! `fixtures/postfix/<name>/`: a configuration, and the reply that each attempt gets. Every reply was given by a real
//! Postfix 3.7 too (see `live`, which replays some of these folders on every run).
//!
//! `main.cf`, the network services of `master.cf`, tables, and `expect.toml`: `open` are the ports through which
//! strangers can relay for certain, `verdicts` the replies to the attempts of [`PROBES`], `attempt` further ones, each
//! a change of the first: also from a client with a name, or one that claims to be another (`claim`, really `from`).

use std::fs;
use std::path::{Path, PathBuf};

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::finding::Confidence;
use sekisho::platform;
use sekisho::relay::{
    Attempt, Claim, ClaimBy, ClientName, Everybody, Facts, Kind, Policy, Side, Trust, Verdict, answer,
    exposures,
};

/// Services that every mail server has beside those of the network.
pub const SERVICES: &[&str] = &[
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "verify unix - - n - 1 verify",
    "flush unix n - n 1000? 0 flush",
    "proxymap unix - - n - - proxymap",
    "proxywrite unix - - n - 1 proxymap",
    "smtp unix - - n - - smtp",
    "relay unix - - n - - smtp",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "local unix - n n - - local",
    "virtual unix - n n - - virtual",
    "lmtp unix - - n - - lmtp",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "postlog unix-dgram n - n - 1 postlogd",
];

const FOREIGN: &str = "a@foreign.example";
const VICTIM: &str = "victim@far.example";

/// Name, client, sender, recipient.
const PROBES: [(&str, &str, &str, &str); 6] = [
    ("ext", "203.0.113.5", FOREIGN, VICTIM),
    ("forged", "203.0.113.5", "nobody@city.example.jp", VICTIM),
    ("v6", "2001:db8:9::5", FOREIGN, VICTIM),
    ("neighbour", "192.0.2.77", FOREIGN, VICTIM),
    ("inside", "10.1.1.9", FOREIGN, VICTIM),
    ("local", "203.0.113.5", FOREIGN, "soumu@city.example.jp"),
];

/// One folder.
pub struct Fixture {
    pub name: String,
    /// Its files, but for what is expected.
    pub files: Vec<(String, String)>,
    pub open: Vec<u16>,
    /// What is tried, and what the server says.
    pub attempts: Vec<(Attempt, Verdict)>,
}

/// Every folder, sorted by name.
pub fn all() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/postfix");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.iter().map(|folder| read(folder)).collect()
}

fn read(folder: &Path) -> Fixture {
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = fs::read_to_string(&path).unwrap();
        if file == "master.cf" {
            text += &(SERVICES.join("\n") + "\n");
        }
        files.push((file, text));
    }
    files.sort();
    let expected = files.iter().position(|(file, _)| file == "expect.toml").expect("expect.toml");
    let expected: toml::Table = files.remove(expected).1.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(expected["cases"].as_array().is_some_and(|cases| !cases.is_empty()), "{name}: cases");
    let ports = expected["open"].as_array().unwrap().iter();
    let open = ports.map(|port| u16::try_from(port.as_integer().unwrap()).unwrap()).collect();
    let mut attempts = Vec::new();
    for (probe, said) in expected["verdicts"].as_table().unwrap() {
        let (_, client, from, to) = PROBES.iter().find(|(name, ..)| name == probe).expect("a known probe");
        attempts.push((attempt(client, 25, Some("probe.example"), from, to), verdict(said)));
    }
    for more in expected.get("attempt").and_then(toml::Value::as_array).into_iter().flatten() {
        let text = |key: &str, otherwise| more.get(key).map_or(otherwise, |value| value.as_str().unwrap());
        let port = more.get("port").map_or(25, |port| u16::try_from(port.as_integer().unwrap()).unwrap());
        let helo = Some(text("helo", "probe.example")).filter(|helo| *helo != "none");
        let (from, to) = (text("mail_from", FOREIGN), text("rcpt_to", VICTIM));
        let mut tried = attempt(text("client", "203.0.113.5"), port, helo, from, to);
        tried.name = match (text("name", ""), text("forged_name", "")) {
            ("", "") => ClientName::Missing,
            ("", forged) => ClientName::Unverified(forged.to_owned()),
            (name, _) => ClientName::Verified(name.to_owned()),
        };
        tried.claim = more.get("claim").map(|claim| Claim {
            by: if claim.as_str() == Some("xclient") { ClaimBy::Xclient } else { ClaimBy::ProxyHeader },
            from: text("from", "203.0.113.5").parse().unwrap(),
        });
        attempts.push((tried, verdict(&more["verdict"])));
    }
    Fixture { name, files, open, attempts }
}

fn verdict(text: &toml::Value) -> Verdict {
    match text.as_str().unwrap() {
        "permit" => Verdict::Permit,
        "reject" => Verdict::Reject,
        "defer" => Verdict::Defer,
        "unavailable" => Verdict::Unavailable,
        "undecided" => Verdict::Undecided,
        other => panic!("no verdict: {other}"),
    }
}

fn attempt(client: &str, port: u16, helo: Option<&str>, from: &str, to: &str) -> Attempt {
    let server = if client.contains(':') { "2001:db8:d::25" } else { "192.0.2.25" };
    Attempt {
        client: client.parse().unwrap(),
        name: ClientName::Missing,
        server: server.parse().unwrap(),
        port,
        helo: helo.map(str::to_owned),
        tls: false,
        certificate: None,
        login: None,
        mail_from: from.to_owned(),
        rcpt_to: to.to_owned(),
        claim: None,
    }
}

/// The policy of a host with these files, and no output of any program beside them.
fn policy(fixture: &Fixture) -> Policy {
    let mut device = DeviceEvidence::new("mx", vec!["postfix".into()], Source::Bare);
    let addresses = r#"[{"addr_info":[{"local":"127.0.0.1","prefixlen":8},{"local":"::1","prefixlen":128}]},
        {"addr_info":[{"local":"192.0.2.25","prefixlen":24},{"local":"2001:db8:d::25","prefixlen":64}]}]"#;
    let own = [
        ("ip-addr.json".to_owned(), addresses.to_owned()),
        ("postconf-effective.txt".to_owned(), "mail_version = 3.7.11\n".to_owned()),
    ];
    let files = fixture.files.iter().map(|(name, text)| (format!("files/etc/postfix/{name}"), text.clone()));
    for (name, text) in files.chain(own) {
        device.artifacts.insert(name, Artifact { bytes: text.into_bytes().into(), proof: Proof::Given });
    }
    platform::read(&device).relay.expect("a policy")
}

#[test]
fn every_fixture_is_judged_as_it_says() {
    let mut wrong = Vec::new();
    let fixtures = all();
    assert!(fixtures.len() > 80, "the folders of the laboratory");
    for fixture in &fixtures {
        let policy = policy(fixture);
        for (attempt, expected) in &fixture.attempts {
            let got = answer(&policy, attempt, &Facts::default());
            if got.verdict != *expected {
                wrong
                    .push(format!("{}: {:?}, expected {expected:?}: {attempt:?}", fixture.name, got.verdict));
            }
        }
        let found = exposures(Side { policy: &policy, reaching: &Everybody::new(&policy) });
        let certain = found.iter().filter(|c| c.kind == Kind::Open && c.certainty == Confidence::Certain);
        let mut ports: Vec<u16> =
            certain.filter(|c| c.trust == Trust::Untrusted).filter_map(|c| c.listener.port).collect();
        ports.sort_unstable();
        ports.dedup();
        if ports != fixture.open {
            wrong.push(format!("{}: open {ports:?}, expected {:?}", fixture.name, fixture.open));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
