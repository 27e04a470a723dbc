//! A mail host made of configuration texts, and what is asked of it.

mod evidence;
mod exposure;
mod verdicts;

use crate::evidence::{Artifact, DeviceEvidence, Proof, Source};
use crate::platform::{DeviceModel, Platform};
use crate::relay::{
    Attempt, Change, ClientName, Drift, Everybody, Facts, Kind, Side, Trust, Verdict, answer, compare,
    exposures,
};

/// The laboratory's main.cf: later settings in a test replace these.
const BASE: &str = "compatibility_level = 3.6\nmyhostname = mail.city.example.jp\nmydomain = city.example.jp\n\
    myorigin = $mydomain\nmydestination = city.example.jp, localhost\n\
    mynetworks = 127.0.0.0/8 10.1.0.0/16 [::1]/128\nlocal_recipient_maps =\nsmtpd_peername_lookup = no\n\
    smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination\n";

const MASTER: &str = "smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\nrelay unix - - y - - smtp\n\
    local unix - n n - - local\nvirtual unix - n n - - virtual\nlmtp unix - - y - - lmtp\n\
    cleanup unix n - y - 0 cleanup\nrewrite unix - - y - - trivial-rewrite\n";

pub(super) struct Host {
    main: String,
    master: String,
    files: Vec<(String, String)>,
    source: Source,
}

impl Host {
    pub(super) fn new(main: &str) -> Self {
        Self {
            main: format!("{BASE}{main}\n"),
            master: MASTER.into(),
            files: Vec::new(),
            source: Source::Bare,
        }
    }

    fn bare(main: &str) -> Self {
        Self { main: main.into(), ..Self::new("") }
    }

    pub(super) fn file(mut self, name: &str, text: &str) -> Self {
        let name = if name.contains('/') || name.ends_with(".txt") {
            name.to_owned()
        } else {
            format!("files/etc/postfix/{name}")
        };
        self.files.push((name, text.to_owned()));
        self
    }

    fn master(mut self, lines: &str) -> Self {
        self.master = format!("{MASTER}{lines}\n");
        self
    }

    pub(super) fn evidence(&self) -> DeviceEvidence {
        let mut device = DeviceEvidence::new("mx1", vec!["postfix".into()], self.source);
        let addresses = r#"[{"addr_info":[{"local":"127.0.0.1","prefixlen":8},{"local":"::1","prefixlen":128}]},
            {"addr_info":[{"local":"192.0.2.25","prefixlen":24},{"local":"2001:db8::25","prefixlen":64}]}]"#;
        let own = [
            ("files/etc/postfix/main.cf", self.main.as_str()),
            ("files/etc/postfix/master.cf", &self.master),
            ("ip-addr.json", addresses),
            ("files/etc/passwd", "root\nsoumu\n"),
            ("files/etc/aliases", "postmaster: root\n"),
        ];
        let all = own.into_iter().chain(self.files.iter().map(|(n, t)| (n.as_str(), t.as_str())));
        for (name, text) in all {
            let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
            device.artifacts.insert(name.to_owned(), artifact);
        }
        device
    }

    pub(super) fn model(&self) -> DeviceModel {
        let mut model = DeviceModel::default();
        super::Postfix.read(&self.evidence(), &mut model);
        model
    }

    fn verdict(&self, change: impl Fn(&mut Attempt)) -> Verdict {
        let model = self.model();
        let mut attempt = Attempt {
            client: "203.0.113.5".parse().unwrap(),
            name: ClientName::Missing,
            server: "192.0.2.25".parse().unwrap(),
            port: 25,
            helo: Some("probe.example".into()),
            tls: false,
            certificate: None,
            login: None,
            mail_from: "a@foreign.example".into(),
            rcpt_to: "victim@far.example".into(),
            claim: None,
        };
        change(&mut attempt);
        if attempt.client.is_ipv6() {
            attempt.server = "2001:db8::25".parse().unwrap();
        }
        answer(model.relay.as_ref().unwrap(), &attempt, &Facts::default()).verdict
    }

    /// Foreign to foreign.
    fn ext(&self) -> Verdict {
        self.verdict(|_| {})
    }

    /// Forged local sender to foreign.
    fn forged(&self) -> Verdict {
        self.verdict(|a| a.mail_from = "nobody@city.example.jp".into())
    }

    fn from(&self, client: &str) -> Verdict {
        self.verdict(|a| a.client = client.parse().unwrap())
    }

    fn to(&self, recipient: &str) -> Verdict {
        self.verdict(|a| a.rcpt_to = recipient.to_owned())
    }

    pub(super) fn exposures(&self) -> Vec<Change> {
        let policy = self.model().relay.unwrap();
        let reaching = Everybody::new(&policy);
        exposures(Side { policy: &policy, reaching: &reaching })
    }

    fn open(&self) -> Vec<Change> {
        self.exposures().into_iter().filter(|c| c.kind == Kind::Open && c.trust == Trust::Untrusted).collect()
    }
}

fn drift(before: &Host, after: &Host) -> Drift {
    let (before, after) = (before.model().relay.unwrap(), after.model().relay.unwrap());
    let (old, new) = (Everybody::new(&before), Everybody::new(&after));
    compare(Some(Side { policy: &before, reaching: &old }), Some(Side { policy: &after, reaching: &new }))
}
