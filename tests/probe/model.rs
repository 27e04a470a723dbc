//! What the configuration adds to a test: listeners that nobody declared, and answers where the test cannot ask.

use std::net::SocketAddr;

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source as Kind};
use sekisho::platform::{self, DeviceModel};
use sekisho::probe::{
    Conclusion, Dialogue, End, Form, Judged, Met, Plan, Record, Reply, Step, Tried, Why, judge, plan,
};
use sekisho::site::{Known, Site, Source};
use time::OffsetDateTime;

pub(super) const MAIN: &str = "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = city.example.jp\n\
    mynetworks = 127.0.0.0/8\nsmtpd_peername_lookup = no\nrelay_domains =\nalias_maps =\nlocal_recipient_maps =\n\
    inet_interfaces = all\nsmtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n";

const FORGED: &str = " -o { smtpd_relay_restrictions = check_sender_access inline:{city.example.jp=OK}, \
    reject_unauth_destination }";

pub(super) fn model(master: &str) -> DeviceModel {
    platform::read(&evidence(MAIN, master))
}

pub(super) fn evidence(main: &str, master: &str) -> DeviceEvidence {
    let mut device = DeviceEvidence::new("mx1", vec!["postfix".to_owned()], Kind::Bare);
    for (name, text) in [("main.cf", main), ("master.cf", master)] {
        let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
        device.artifacts.insert(format!("files/etc/postfix/{name}"), artifact);
    }
    device
}

pub(super) fn site() -> Site {
    let text = "[[device]]\nname = \"mx1\"\nplatforms = [\"postfix\"]\nmail_domains = [\"city.example.jp\"]\n\
        probe = [\"smtp 203.0.113.10:25\"]\n[probe]\nforeign = \"far.example\"\n";
    let known = Known { platforms: &["postfix"], ..Known::default() };
    Site::parse(&Source::new("site.toml", text), &known).unwrap()
}

pub(super) fn plan_of(site: &Site, model: &DeviceModel) -> Plan {
    plan(site.devices.values().next().unwrap(), &site.probing, model.relay.as_ref(), &[], None)
}

/// A test in which port 25 refused whatever it must, and nothing could be said elsewhere.
pub(super) fn record(plan: &Plan, elsewhere: &End) -> Record {
    let dialogue = |at: SocketAddr, declared: bool, attempts: &[sekisho::probe::Attempt]| {
        let tried = attempts.iter().map(|attempt| {
            let (code, text) = match attempt.form {
                Form::Ordinary => (250, "2.1.5 Ok"),
                _ => (554, "5.7.1 Relay access denied"),
            };
            let reply = (at.port() == 25).then(|| Reply { code, text: text.to_owned() });
            let (mail_from, rcpt_to) = (attempt.mail_from.clone(), attempt.rcpt_to.clone());
            Tried { form: attempt.form, mail_from, rcpt_to, step: Step::Rcpt, reply }
        });
        Dialogue {
            at,
            declared,
            source: "198.51.100.7".parse().ok(),
            seen: None,
            helo: "[198.51.100.7]".to_owned(),
            end: if at.port() == 25 { End::Talked } else { elsewhere.clone() },
            greeting: None,
            tls: None,
            offers: Vec::new(),
            attempts: tried.collect(),
        }
    };
    let now = OffsetDateTime::UNIX_EPOCH;
    Record {
        schema_version: 1,
        device: plan.device.clone(),
        vantage: None,
        foreign: plan.foreign.clone(),
        started: now,
        ended: now,
        mail: plan.mail.iter().map(|m| dialogue(m.at, m.declared, &m.attempts)).collect(),
        ports: Vec::new(),
        left_out: 0,
        untried: plan.untried,
    }
}

fn why(judged: &Judged<'_>) -> Vec<Why> {
    judged.doubts.iter().map(|doubt| doubt.why).collect()
}

#[test]
fn a_port_that_speaks_only_tls_is_held_to_its_configuration() {
    let site = site();
    let tls = "smtp inet n - n - - smtpd\n10465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes";
    let closed = model(&format!("{tls}\n"));
    let plan = plan_of(&site, &closed);
    let ports: Vec<(u16, bool, bool)> =
        plan.mail.iter().map(|m| (m.at.port(), m.declared, m.implicit_tls)).collect();
    assert_eq!(ports, [(25, true, false), (10465, false, true)], "the configuration names the second");
    let made = record(&plan, &End::ImplicitTls);
    let judged = judge(&made, Some(&closed), &site);
    assert_eq!((judged.conclusion, judged.tested, why(&judged)), (Conclusion::Passed, 1, vec![]));
    // a forged sender would be relayed there: the test that could not ask does not pass
    let open = model(&format!("{tls}{FORGED}\n"));
    let judged = judge(&made, Some(&open), &site);
    assert_eq!((judged.conclusion, why(&judged)), (Conclusion::Open, vec![Why::TlsNotSpoken]));
    assert!(judge(&made, None, &site).conclusion == Conclusion::Open, "and without a configuration neither");
}

#[test]
fn only_a_declared_listener_must_be_reached() {
    let site = site();
    let model = model("smtp inet n - n - - smtpd\n2525 inet n - n - - smtpd\n");
    let plan = plan_of(&site, &model);
    let mut made = record(&plan, &End::Closed(Met::TimedOut));
    assert!(judge(&made, Some(&model), &site).proves_relay());
    made.mail[1].declared = true;
    assert_eq!(why(&judge(&made, Some(&model), &site)), [Why::NotReached]);
}

#[test]
fn what_is_not_the_servers_own_refusal_is_no_test() {
    let site = site();
    let model = model("smtp inet n - n - - smtpd\n");
    let plan = plan_of(&site, &model);
    let mut made = record(&plan, &End::ImplicitTls);
    assert!(judge(&made, Some(&model), &site).proves_relay());
    // nobody knows what the server sees of us
    made.mail[0].source = None;
    assert_eq!(why(&judge(&made, Some(&model), &site)), [Why::SourceUnknown]);
    // it says that it sees somebody of its own
    made.mail[0].seen = "127.0.0.1".parse().ok();
    assert!(matches!(why(&judge(&made, Some(&model), &site))[..], [Why::Inside { .. }]));
}
