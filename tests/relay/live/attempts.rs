//! Who tries what: clients with their names, greetings, senders, recipients in every form.

use std::net::IpAddr;

use sekisho::relay::{Attempt, ClaimBy, ClientName};
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::generate::Host;

/// A client, the name of its address, and whether the name has the address.
const CLIENTS: [(&str, &str, bool); 8] = [
    ("198.51.100.10", "host10.attacker.example", true),
    ("198.51.100.66", "mail.city.example", false),
    ("203.0.113.200", "", false),
    ("2001:db8:ffff::10", "", false),
    ("192.0.2.200", "", false),
    ("10.1.2.3", "", false),
    ("10.2.3.4", "", false),
    ("127.0.0.1", "localhost", true),
];

const HELOS: [Option<&str>; 7] = [
    Some("host10.attacker.example"),
    Some("host10.attacker.example"),
    Some("localhost"),
    Some("city.example"),
    Some("[192.0.2.25]"),
    Some("198.51.100.10"),
    None,
];

const SENDERS: [&str; 11] = [
    "spam@carrier.example",
    "spam@carrier.example",
    "soumu@city.example",
    "nobody@city.example",
    "",
    "soumu",
    "soumu+x@city.example",
    "u@partner.example",
    "SOUMU@CITY.EXAMPLE",
    "u@sub.city.example",
    "MAILER-DAEMON@mx.city.example",
];

const RECIPIENTS: [&str; 44] = [
    "u@backup.example",
    "u@backup.example",
    "u%outside.example@backup.example",
    "u@primary.example",
    "victim@outside.example",
    "victim@outside.example",
    "user@carrier.example",
    "soumu@city.example",
    "ghost@city.example",
    "soumu+lists@city.example",
    "kacho@mx.city.example",
    "postmaster@city.example",
    "postmaster",
    "u@partner.example",
    "ghost@partner.example",
    "u@sub.partner.example",
    "u@secret.partner.example",
    "ann@ward.example",
    "ghost@ward.example",
    "x@old.example",
    "taro@school.example",
    "ghost@school.example",
    "x@class.example",
    "all@city.example",
    "victim%outside.example@city.example",
    "victim%outside.example@partner.example",
    "outside.example!victim@city.example",
    "outside.example!victim",
    "@city.example:victim@outside.example",
    "\"victim@outside.example\"@city.example",
    "\"victim@outside.example\"",
    "\"victim%outside.example\"",
    "victim@outside.example@city.example",
    "victim%outside.example",
    "victim=outside.example@city.example",
    "victim--outside.example@city.example",
    "victim@[192.0.2.25]",
    "soumu@[192.0.2.25]",
    "victim%outside.example@[192.0.2.25]",
    "u@[203.0.113.99]",
    "victim+city.example@outside.example",
    "VICTIM@OUTSIDE.EXAMPLE",
    "victim@mx.outside.example",
    "soumu",
];

/// Mail hosts of domains that the host serves for others.
const MAIL_HOSTS: [(&str, &[&str]); 2] = [
    ("backup.example MX", &["10 mail.backup.example", "20 mx.city.example"]),
    ("primary.example MX", &["10 mx.city.example", "20 mail.primary.example"]),
];

/// Whether the host is a backup for the domain of a recipient, as DNS has it.
pub(super) fn is_backup(recipient: &str) -> bool {
    recipient.ends_with("@backup.example")
}

/// Attempts that share one connection.
pub(super) struct Session {
    first: Attempt,
    implicit: bool,
    pub(super) tries: Vec<(String, String)>,
}

impl Session {
    /// One that plays a single attempt.
    pub(super) fn of(attempt: &Attempt, host: &Host) -> Self {
        let tries = vec![(attempt.mail_from.clone(), attempt.rcpt_to.clone())];
        Self { first: attempt.clone(), implicit: host.implicit.contains(&attempt.port), tries }
    }

    /// The attempt that a try stands for.
    pub(super) fn attempt(&self, (sender, recipient): &(String, String)) -> Attempt {
        Attempt { mail_from: sender.clone(), rcpt_to: recipient.clone(), ..self.first.clone() }
    }

    pub(super) fn port(&self) -> u16 {
        self.first.port
    }

    /// Where the connection really comes from, and the name of that address.
    fn from(&self) -> IpAddr {
        self.first.claim.as_ref().map_or(self.first.client, |claim| claim.from)
    }

    /// What the other side is told.
    pub(super) fn order(&self, patience: f64, proxied: bool) -> Value {
        let (first, claim) = (&self.first, self.first.claim.as_ref());
        // a header names both ends in one family
        let (kind, end) =
            if first.client.is_ipv6() { ("TCP6", "2001:db8:d::25") } else { ("TCP4", "192.0.2.25") };
        let header = match claim {
            Some(claim) if claim.by == ClaimBy::ProxyHeader => {
                format!("PROXY {kind} {} {end} 40000 {}", first.client, first.port)
            }
            // an honest front says who it speaks for
            _ if proxied => format!("PROXY {kind} {} {end} 40000 {}", first.client, first.port),
            _ => String::new(),
        };
        let client_name = match &first.name {
            ClientName::Verified(name) => format!("NAME={name} REVERSE_NAME={name}"),
            ClientName::Unverified(name) => format!("NAME=[UNAVAILABLE] REVERSE_NAME={name}"),
            ClientName::Missing => "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]".to_owned(),
        };
        let xclient = claim.filter(|claim| claim.by == ClaimBy::Xclient).map(|_| {
            let address = if first.client.is_ipv6() {
                format!("IPV6:{}", first.client)
            } else {
                first.client.to_string()
            };
            let login = first.login.as_ref().map_or(String::new(), |login| format!(" LOGIN={login}"));
            format!("ADDR={address} {client_name}{login}")
        });
        let claimed = xclient.is_some();
        json!({
            "client": self.from().to_string(), "server": first.server.to_string(), "port": first.port, "header": header,
            "implicit": self.implicit, "tls": first.tls, "helo": first.helo, "xclient": xclient.unwrap_or_default(),
            "login": first.login.as_ref().filter(|_| !claimed), "tries": self.tries, "patience": patience,
        })
    }

    /// What DNS knows: the names that its client has, and whose mail host this is.
    pub(super) fn names(&self, zone: &mut Map<String, Value>) {
        zone.extend(MAIL_HOSTS.iter().map(|(question, hosts)| ((*question).to_owned(), json!(hosts))));
        zone.insert("mx.city.example A".into(), json!(["192.0.2.25"]));
        if self.first.claim.as_ref().is_some_and(|claim| claim.by == ClaimBy::Xclient) {
            return;
        }
        add_name(zone, self.first.client, &self.first.name);
    }
}

fn add_name(zone: &mut Map<String, Value>, address: IpAddr, name: &ClientName) {
    let Some(text) = name.text() else { return };
    let reverse = match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa PTR")
        }
        IpAddr::V6(v6) => {
            let digits: Vec<String> = v6
                .octets()
                .iter()
                .rev()
                .flat_map(|b| [format!("{:x}", b & 15), format!("{:x}", b >> 4)])
                .collect();
            format!("{}.ip6.arpa PTR", digits.join("."))
        }
    };
    zone.insert(reverse, json!([text]));
    let kind = if address.is_ipv6() { "AAAA" } else { "A" };
    let forward =
        if matches!(name, ClientName::Verified(_)) { address.to_string() } else { "192.0.2.99".to_owned() };
    let forward_kind = if matches!(name, ClientName::Verified(_)) { kind } else { "A" };
    zone.insert(format!("{text} {forward_kind}"), json!([forward]));
}

/// Some sessions with a host, each with so many senders and recipients.
pub(super) fn sessions(dice: &mut Dice, host: &Host, number: usize, of: (usize, usize)) -> Vec<Session> {
    (0..number).map(|_| session(dice, host, of)).collect()
}

fn session(dice: &mut Dice, host: &Host, (senders, recipients): (usize, usize)) -> Session {
    let (address, name, verified) = *dice.one(&CLIENTS);
    let client: IpAddr = address.parse().unwrap();
    let name = match (name, verified) {
        ("", _) => ClientName::Missing,
        (name, true) => ClientName::Verified(name.into()),
        (name, false) => ClientName::Unverified(name.into()),
    };
    let server = match address {
        "127.0.0.1" => "127.0.0.1",
        "2001:db8:ffff::10" => "2001:db8:d::25",
        _ => "192.0.2.25",
    };
    let port = *dice.one(&host.ports);
    let implicit = host.implicit.contains(&port);
    let tls = implicit || dice.percent(if port == 25 { 20 } else { 60 });
    let first = Attempt {
        client,
        name,
        server: server.parse().unwrap(),
        port,
        helo: dice.one(&HELOS).map(str::to_owned),
        tls,
        certificate: None,
        login: dice.percent(15).then(|| "soumu".to_owned()),
        mail_from: String::new(),
        rcpt_to: String::new(),
        claim: None,
    };
    // logins and encryption need EHLO
    let helo = if tls || first.login.is_some() {
        first.helo.or_else(|| Some("localhost".into()))
    } else {
        first.helo
    };
    let chosen = dice.some(&SENDERS, senders);
    let mut tries = Vec::new();
    for sender in chosen {
        let chosen = dice.some(&RECIPIENTS, recipients);
        tries.extend(chosen.into_iter().map(|to| ((*sender).to_owned(), (*to).to_owned())));
    }
    Session { first: Attempt { helo, ..first }, implicit, tries }
}
