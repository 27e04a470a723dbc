//! Configuration in, verdict out, as a live Postfix 3.7.11 answered, and what is easily read wrongly.

use super::{BASE, Host};
use crate::relay::Verdict;
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
