//! Two configurations in, what a change opened and closed out.

use super::{Host, drift};
use crate::finding::Confidence;
use crate::reason::Reason;
use crate::relay::{Change, Kind, Trust, Verdict};
use Verdict::{Permit, Reject};

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

/// The witness of the only way to relay for strangers: greeting, sender, recipient.
fn witness(host: &Host) -> (String, String, String) {
    let open = host.open();
    let [one] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!(one.certainty, Confidence::Certain);
    let attempt = one.witness.clone();
    assert_eq!(host.verdict(|a| *a = attempt.clone()), Permit, "the witness can be replayed");
    (attempt.helo.unwrap_or_default(), attempt.mail_from, attempt.rcpt_to)
}

fn relay_list(checks: &str) -> String {
    format!("smtpd_relay_restrictions = permit_mynetworks, {checks}, reject_unauth_destination")
}

#[test]
fn what_a_stranger_must_say() {
    let ordinary = ("client.outside.example".to_owned(), "spam@outside.example".to_owned());
    let sender = |text: &str| (ordinary.0.clone(), text.to_owned(), "x@far.example".to_owned());
    let table = |kind: &str, rows: &str| {
        Host::new(&relay_list(&format!("check_sender_access {kind}:/etc/postfix/t"))).file("t", rows)
    };
    for (kind, rows, says) in [
        ("texthash", "ceo@partner.example OK", "ceo@partner.example"),
        ("texthash", "news@ OK", "news@outside.example"),
        ("texthash", "<> OK", ""),
        ("texthash", "partner.example OK", "nobody@partner.example"),
        ("regexp", "/^ceo[0-9]+@/ OK", "ceo1@outside.example"),
        ("pcre", "/@(?:north|south)\\.partner\\.example$/ OK", "nobody@north.partner.example"),
        ("pcre", "if /@city\\.example\\.jp$/\n/^mayor/ OK\nendif", "mayor@city.example.jp"),
    ] {
        assert_eq!(witness(&table(kind, rows)), sender(says), "{rows}");
    }
    let helo = relay_list("check_helo_access inline:{probe.example=OK}");
    assert_eq!(witness(&Host::new(&helo)).0, "probe.example");
    let recipient = |main: &str, rows: &str| witness(&Host::new(main).file("t", rows)).2;
    let alias = "virtual_alias_domains = fwd.example\nvirtual_alias_maps = pcre:/etc/postfix/t";
    assert_eq!(recipient(alias, "/^(.+)=(.+)@fwd\\.example$/ $1@$2"), "x=far.example@fwd.example");
    let suffix = "relay_domains = regexp:/etc/postfix/t";
    assert_eq!(recipient(suffix, "/partner\\.example$/ ok"), "x@farpartner.example");
    assert_eq!(
        recipient("relay_domains = jp\nparent_domain_matches_subdomains = relay_domains", ""),
        "x@far.jp"
    );
}

#[test]
fn what_the_owner_chose_is_not_open() {
    for (main, rows) in [
        ("virtual_alias_maps = texthash:/etc/postfix/t", "info@city.example.jp boss@partner.example"),
        (
            "virtual_alias_domains = fwd.example\nvirtual_alias_maps = pcre:/etc/postfix/t",
            "/^(.+)@fwd\\.example$/ $1@partner.example",
        ),
        ("relay_domains = regexp:/etc/postfix/t", "/^partner\\.example$/ ok"),
        ("relay_domains = texthash:/etc/postfix/t", "partner.example x\nnorth.example x"),
    ] {
        let open = Host::new(main).file("t", rows).open();
        assert!(open.is_empty(), "{main}: {open:?}");
    }
}

#[test]
fn names_are_given_by_their_owners() {
    let host = |checks: &str| Host::new(&format!("smtpd_peername_lookup = yes\n{}", relay_list(checks)));
    let found = |checks: &str| -> Vec<(Confidence, Option<String>)> {
        let name = |c: &Change| c.needs.name.as_ref().and_then(|n| n.text()).map(str::to_owned);
        host(checks).open().iter().map(|c| (c.certainty, name(c))).collect()
    };
    let one = |certainty, name: &str| vec![(certainty, Some(name.to_owned()))];
    let (certain, possible) = (Confidence::Certain, Confidence::Possible);
    // whoever owns the domain can relay: who that is, nothing here says
    assert_eq!(found("check_client_access inline:{partner.example=OK}"), one(possible, "partner.example"));
    assert_eq!(found("check_client_access inline:{mail.city.example.jp=OK}"), []);
    assert_eq!(found("check_client_access inline:{jp=OK}"), one(certain, "client.far.jp"));
    assert_eq!(found("check_client_access inline:{unknown=OK}"), [(certain, None)]);
    assert_eq!(found("check_reverse_client_hostname_access inline:{partner.example=OK}"), []);
    let suffix = "check_client_access regexp:{{/partner\\.example$/ OK}}";
    assert_eq!(found(suffix).first(), one(certain, "farpartner.example").first());
    let trusted = Host::new("smtpd_peername_lookup = yes\nmynetworks = 127.0.0.0/8 partner.example");
    let open = trusted.open();
    assert!(matches!(open.as_slice(), [one] if one.certainty == possible), "{open:?}");
}

#[test]
fn an_expression_that_no_example_meets_is_not_silent() {
    let shadowed = "/./ DUNNO\n/^ceo@/ OK";
    let host =
        |rows: &str| Host::new(&relay_list("check_sender_access regexp:/etc/postfix/t")).file("t", rows);
    let certainties = |rows: &str| host(rows).open().iter().map(|c| c.certainty).collect::<Vec<_>>();
    assert_eq!(certainties(shadowed), [Confidence::Possible]);
    assert_eq!(certainties("/./ DUNNO\n/^ceo@/ REJECT"), []);
    assert_eq!(certainties("/^ceo@/ OK"), [Confidence::Certain]);
    let same = drift(&host(shadowed), &host(shadowed));
    assert!(same.opened.is_empty() && same.closed.is_empty());
}

#[test]
fn a_wider_right_to_claim_identities_opens() {
    let before = Host::new("smtpd_authorized_xclient_hosts = 203.0.113.9");
    let after = Host::new("smtpd_authorized_xclient_hosts = 203.0.113.0/24");
    let drift = drift(&before, &after);
    let [one] = drift.opened.as_slice() else { panic!("{:?}", drift.opened) };
    assert_eq!(one.clients.to_string(), "203.0.113.0-203.0.113.8 203.0.113.10-203.0.113.255");
    assert_eq!(one.needs.claim, Some(crate::relay::ClaimBy::Xclient));
    assert!(drift.closed.is_empty());
}

#[test]
fn ten_thousand_rows_are_told_apart_quickly_enough() {
    let rows = |extra: &str| -> String {
        let all = (0..10_000).map(|i| format!("user{i}@domain{}.example REJECT\n", i % 700));
        all.chain([extra.to_owned()]).collect()
    };
    let host = |extra: &str| {
        Host::new(&relay_list("check_sender_access texthash:/etc/postfix/t")).file("t", &rows(extra))
    };
    let mut drift = drift(&host(""), &host("ceo@partner.example OK\n"));
    drift.opened.retain(|c| c.trust == Trust::Untrusted);
    let [one] = drift.opened.as_slice() else { panic!("{:?}", drift.opened) };
    assert_eq!(one.witness.mail_from, "ceo@partner.example");
    assert_eq!(one.certainty, Confidence::Certain);
}

#[test]
fn what_else_may_take_mail_is_not_silent() {
    let spawn = || Host::new("").master("2526 inet n - n - - spawn user=nobody argv=/usr/bin/relay");
    let instance = || Host::new("multi_instance_enable = yes\nmulti_instance_directories = /etc/postfix-out");
    let inside = Host::new("").master("127.0.0.1:2526 inet n - n - - spawn user=nobody argv=/usr/bin/relay");
    for host in [spawn, instance] {
        let host = host();
        let gaps = host.model().gaps;
        assert!(matches!(gaps.as_slice(), [one] if matches!(one.reason, Reason::Unread { .. })), "{gaps:?}");
        let found: Vec<_> = host.open().iter().map(|c| c.certainty).collect();
        assert!(!found.is_empty() && found.iter().all(|c| *c == Confidence::Possible), "{found:?}");
        assert!(!drift(&Host::new(""), &host).opened.is_empty());
        let same = drift(&host, &host);
        assert!(same.opened.is_empty() && same.closed.is_empty(), "{:?}", same.opened);
        assert_eq!(host.ext(), Verdict::Reject, "the service that is read answers its own port");
    }
    assert!(inside.open().is_empty(), "nobody outside reaches it: {:?}", inside.open());
}
