//! Configuration in, verdict out: the rows of CASES part C (measured on a live 3.7.11), and the traps of RELAY 1.

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

use Verdict::{Defer, Permit, Reject, Unavailable};

const V6: &str = "2001:db8:9::5";
const NEIGHBOUR: &str = "192.0.2.77";

#[test]
fn baseline() {
    let host = Host::new("");
    assert_eq!((host.ext(), host.forged()), (Reject, Reject));
    assert_eq!(host.to("soumu@city.example.jp"), Permit);
    assert_eq!(host.from("10.1.1.9"), Permit);
    assert!(host.exposures().is_empty());
}

#[test]
fn mynetworks() {
    for (main, ext, v6, neighbour) in [
        ("mynetworks = 0.0.0.0/0 [::]/0", Permit, Permit, Permit),
        ("mynetworks = 0.0.0.0/1 128.0.0.0/1", Permit, Reject, Permit),
        ("mynetworks = [::]/0", Reject, Permit, Reject),
        ("mynetworks = 10.9.9.1/32", Reject, Reject, Reject),
        ("mynetworks = !192.0.2.77 192.0.2.0/24", Reject, Reject, Reject),
        ("mynetworks = 192.0.2.0/24 !192.0.2.77", Reject, Reject, Permit),
        ("mynetworks = 10.0.0.0/8\nmynetworks = 0.0.0.0/0", Permit, Reject, Permit),
        ("mynetworks = 10.0.0.0/8\n# office\n  203.0.113.0/24", Permit, Reject, Reject),
        ("x_nets = 203.0.113.0/24\nmynetworks = $x_nets", Permit, Reject, Reject),
        ("mynetworks =\nmynetworks_style = class", Reject, Reject, Reject),
        ("mynetworks = 192.0.2.25/0", Defer, Reject, Defer),
        ("mynetworks = 0.0.0.0/0 192.0.2.25/0", Permit, Reject, Permit),
        ("mynetworks = 2001:db8::/16", Defer, Defer, Defer),
        ("mynetworks = [::ffff:0.0.0.0]/96", Reject, Reject, Reject),
        ("mynetworks = static:anything", Permit, Permit, Permit),
    ] {
        let host = Host::new(main);
        assert_eq!((host.ext(), host.from(V6), host.from(NEIGHBOUR)), (ext, v6, neighbour), "{main}");
    }
    assert_eq!(Host::new("mynetworks = 10.9.9.1/32").from("10.9.9.1"), Permit);
}

#[test]
fn mynetworks_style() {
    let unset: String =
        BASE.lines().filter(|l| !l.starts_with("mynetworks")).map(|l| format!("{l}\n")).collect();
    for (style, ext, neighbour) in [
        ("mynetworks_style = class", Reject, Permit),
        ("mynetworks_style = subnet", Reject, Permit),
        ("mynetworks_style = host", Reject, Reject),
        ("", Reject, Reject),
        ("compatibility_level = 1", Reject, Permit),
    ] {
        let host = Host::bare(&format!("{unset}{style}\n"));
        assert_eq!((host.ext(), host.from(NEIGHBOUR)), (ext, neighbour), "{style}");
    }
}

#[test]
fn a_later_override_wins() {
    let host =
        Host::new("").master("2525 inet n - y - - smtpd -o mynetworks=10.0.0.0/8 -o mynetworks=0.0.0.0/0");
    assert_eq!((host.verdict(|a| a.port = 2525), host.ext()), (Permit, Reject));
}

#[test]
fn the_service_that_will_not_start() {
    for relay in [
        "permit_mynetworks, permit",
        "permit_mynetworks",
        "",
        "static:permit",
        "permit_mynetworks, warn_if_reject reject_unauth_destination",
        "permit, reject_unauth_destination",
        "check_client_access static:reject",
        "reject_unauth_pipelining",
    ] {
        let host = Host::new(&format!("smtpd_relay_restrictions = {relay}"));
        assert_eq!((host.ext(), host.forged()), (Unavailable, Unavailable), "{relay}");
        assert!(host.exposures().is_empty(), "{relay}");
        assert!(host.model().relay.unwrap().listeners.first().unwrap().refuses.is_some());
    }
    for recipient in ["permit_mynetworks, permit", "permit, reject_unauth_destination"] {
        let main = format!("smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = {recipient}");
        assert_eq!(Host::new(&main).ext(), Unavailable, "{recipient}");
    }
}

#[test]
fn restriction_lists() {
    for (main, ext, forged) in [
        (
            "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination",
            Reject,
            Reject,
        ),
        (
            "smtpd_relay_restrictions = permit\nsmtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination",
            Reject,
            Reject,
        ),
        (
            "smtpd_relay_restrictions = permit\nsmtpd_recipient_restrictions = permit_mynetworks, check_recipient_access static:OK, reject",
            Permit,
            Permit,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_sender_access inline:{city.example.jp=OK}, reject_unauth_destination",
            Reject,
            Permit,
        ),
        ("smtpd_recipient_restrictions = check_sender_access inline:{city.example.jp=OK}", Reject, Reject),
        ("smtpd_sender_restrictions = check_sender_access inline:{city.example.jp=OK}", Reject, Reject),
        (
            "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks, check_sender_access inline:{city.example.jp=OK}, reject_unauth_destination",
            Reject,
            Permit,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_helo_access inline:{probe.example=OK}, reject_unauth_destination",
            Permit,
            Permit,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_client_access cidr:{{0.0.0.0/0 OK}}, reject_unauth_destination",
            Permit,
            Permit,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_recipient_access regexp:{{/@/ OK}}, reject_unauth_destination",
            Permit,
            Permit,
        ),
        ("smtpd_relay_restrictions = permit_mynetworks, defer_unauth_destination", Defer, Defer),
        ("soft_bounce = yes", Defer, Defer),
        ("smtpd_relay_restrictions = permit_inet_interfaces, reject_unauth_destination", Reject, Reject),
        ("smtpd_relay_restrictions = permit_auth_destination, reject", Reject, Reject),
        ("smtpd_relay_restrictions = defer_if_permit", Defer, Defer),
        (
            "smtpd_restriction_classes = c\nc = permit_mynetworks, reject\nsmtpd_relay_restrictions = c",
            Reject,
            Reject,
        ),
        (
            "smtpd_restriction_classes = c\nc = permit\nsmtpd_relay_restrictions = c, reject_unauth_destination",
            Permit,
            Permit,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_client_access { static:OK }, reject_unauth_destination",
            Defer,
            Defer,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_reverse_client_hostname_access static:OK, reject_unauth_destination",
            Defer,
            Defer,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_client_access static:permit_mynetworks, reject_unauth_destination",
            Reject,
            Reject,
        ),
        (
            "smtpd_relay_restrictions = permit_mynetworks, check_client_access static:HOLD, reject_unauth_destination",
            Reject,
            Reject,
        ),
        ("smtpd_recipient_restrictions = permit", Reject, Reject),
    ] {
        let host = Host::new(main);
        assert_eq!((host.ext(), host.forged()), (ext, forged), "{main}");
    }
    let cidr = "smtpd_relay_restrictions = permit_mynetworks, check_client_access cidr:{{0.0.0.0/0 OK}}, reject_unauth_destination";
    assert_eq!(Host::new(cidr).from(V6), Reject);
}

#[test]
fn destinations() {
    for (main, ext) in [
        ("relay_domains = static:all", Permit),
        ("relay_domains = static:no", Permit),
        ("relay_domains = regexp:{{/./ OK}}", Permit),
        ("relay_domains = example", Permit),
        ("mydestination = regexp:{{/./ OK}}", Permit),
        ("virtual_mailbox_domains = static:all", Permit),
        ("relay_domains = *", Reject),
        ("relay_domains = partner.example", Reject),
        ("relay_domains = example\nparent_domain_matches_subdomains =", Reject),
    ] {
        assert_eq!(Host::new(main).ext(), ext, "{main}");
    }
    let partner = "relay_domains = partner.example";
    assert_eq!(Host::new(partner).to("u@partner.example"), Permit);
    assert_eq!(Host::new(partner).to("victim%far.example@partner.example"), Reject);
    let routing = format!("{partner}\nallow_untrusted_routing = yes");
    assert_eq!(Host::new(&routing).ext(), Reject);
    assert_eq!(Host::new(&routing).to("victim%far.example@partner.example"), Permit);
}

#[test]
fn listeners() {
    let host = Host::new("").master(
        "2525 inet n - y - - smtpd\n10025 inet n - y - - smtpd -o mynetworks=0.0.0.0/0\n\
         127.0.0.1:10026 inet n - y - - smtpd -o mynetworks=0.0.0.0/0\n\
         submission inet n - y - - smtpd -o smtpd_relay_restrictions=permit_sasl_authenticated,reject -o smtpd_tls_security_level=encrypt\n\
         10027 unix n - y - - smtpd -o mynetworks=0.0.0.0/0\n#2526 inet n - y - - smtpd -o mynetworks=0.0.0.0/0",
    );
    let at = |port| host.verdict(|a| a.port = port);
    assert_eq!(
        (at(2525), at(10025), at(10026), at(10027), at(2526)),
        (Reject, Permit, Unavailable, Unavailable, Unavailable)
    );
    assert_eq!(host.verdict(|a| (a.port, a.tls) = (587, true)), Reject);
    let local = host.verdict(|a| {
        (a.port, a.tls, a.rcpt_to) = (587, true, "soumu@city.example.jp".into());
    });
    assert_eq!(local, Reject);
    let ports: Vec<_> = host.open().iter().map(|c| c.listener.port).collect();
    assert_eq!(ports, [Some(10025)]);
    assert_eq!(Host::new("mynetworks = 0.0.0.0/0\ninet_interfaces = loopback-only").ext(), Unavailable);
}

#[test]
fn claimed_identities() {
    let proxy = Host::new("").master("2525 inet n - y - - smtpd -o smtpd_upstream_proxy_protocol=haproxy");
    assert_eq!(proxy.verdict(|a| a.port = 2525), Reject);
    let found = proxy.open();
    let one = found.first().unwrap();
    assert_eq!(one.listener.port, Some(2525));
    assert_eq!(one.needs.claim, Some(crate::relay::ClaimBy::ProxyHeader));
    assert_eq!(one.witness.client.to_string(), "127.0.0.1");
    assert_eq!(one.witness.claim.as_ref().unwrap().from.to_string(), "198.51.100.77");

    let xclient = Host::new("smtpd_authorized_xclient_hosts = 0.0.0.0/0");
    assert_eq!(xclient.ext(), Reject);
    assert_eq!(xclient.open().first().unwrap().needs.claim, Some(crate::relay::ClaimBy::Xclient));
    assert!(Host::new("smtpd_authorized_xclient_hosts = 127.0.0.1").open().is_empty());
}

#[test]
fn what_dns_decides_is_undecided() {
    let host = Host::new(
        "smtpd_relay_restrictions = permit_mynetworks, permit_mx_backup, reject_unauth_destination",
    );
    assert_eq!(host.ext(), Verdict::Undecided);
    assert_eq!(host.to("soumu@city.example.jp"), Permit);
    let found = host.exposures();
    assert_eq!(found.iter().map(|c| c.kind).collect::<Vec<_>>(), [Kind::Limited]);
}

#[test]
fn harmless_changes_open_and_close_nothing() {
    let base = || Host::new("mynetworks = 127.0.0.0/8 10.1.0.0/16");
    for main in [
        "mynetworks = 10.1.0.0/17, 10.1.128.0/17,\n  # comment\n  127.0.0.0/8",
        "mynetworks = 10.1.0.0/16 127.0.0.0/8\nnets = 0.0.0.0/0",
        "smtpd_relay_restrictions = permit_mynetworks,\n permit_sasl_authenticated\n reject_unauth_destination\nmynetworks = 127.0.0.0/8 10.1.0.0/16",
        "mynetworks = 127.0.0.0/8 10.1.0.0/16\nsmtpd_sender_restrictions = check_sender_access inline:{city.example.jp=OK}",
        "mynetworks = 127.0.0.0/8 10.1.0.0/16\nsmtpd_helo_restrictions = check_helo_access inline:{probe.example=OK}",
        "mynetworks = 127.0.0.0/8 10.1.0.0/16\nsmtpd_relay_restrictions = permit_mynetworks, defer_unauth_destination",
    ] {
        let drift = drift(&base(), &Host::new(main));
        assert!(drift.opened.is_empty() && drift.closed.is_empty(), "{main}: {drift:?}");
    }
}

#[test]
fn a_forged_sender_is_the_finding() {
    let before = Host::new("");
    let main = "smtpd_relay_restrictions = permit_mynetworks,\n  check_sender_access hash:/etc/postfix/sender_ok,\n  reject_unauth_destination";
    let after = Host::new(main).file("sender_ok", "# ours\n\ncity.example.jp OK\n");
    let drift = drift(&before, &after);
    let untrusted: Vec<&Change> = drift.opened.iter().filter(|c| c.trust == Trust::Untrusted).collect();
    let [one] = untrusted.as_slice() else { panic!("{untrusted:?}") };
    assert_eq!((one.kind, one.certainty), (Kind::Open, crate::finding::Confidence::Certain));
    assert_eq!(one.witness.mail_from, "nobody@city.example.jp");
    assert_eq!(one.witness.rcpt_to, "x@far.example");
    assert_eq!(one.witness.client.to_string(), "198.51.100.77");
    assert_eq!(one.before.as_ref().unwrap().verdict, Reject);
    let lines: Vec<String> = one.after.as_ref().unwrap().lines.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "/etc/postfix/main.cf:11: check_sender_access hash:/etc/postfix/sender_ok,",
            "/etc/postfix/sender_ok:3: city.example.jp OK"
        ]
    );
    let turned = self::drift(&after, &before);
    assert_eq!((turned.opened.len(), turned.closed.len()), (0, drift.opened.len()));
}

#[test]
fn an_outage_is_not_an_opening() {
    let drift = drift(&Host::new(""), &Host::new("smtpd_relay_restrictions = permit_mynetworks, permit"));
    assert!(drift.opened.is_empty());
    assert_eq!(drift.refusing.len(), 1);
    assert!(drift.closed.iter().any(|c| c.trust == Trust::Trusted), "the office can no longer send");
}
