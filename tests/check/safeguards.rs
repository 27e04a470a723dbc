//! Logins offered to strangers, and safeguards that hold back less (cases R12, R13).

use super::check;

const MAIN: &str = "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = $myhostname\n\
                    mynetworks = 127.0.0.0/8\nsmtpd_tls_security_level = may\n";
const MASTER: &str = "smtp inet n - y - - smtpd\n\
                      submission inet n - y - - smtpd\n  -o smtpd_tls_security_level=encrypt\n  -o smtpd_sasl_auth_enable=yes\n\
                      smtp unix - - y - - smtp\n";

/// Rules of findings where main.cf gains `main` and master.cf has this replaced.
fn found(earlier: &str, main: &str, [old, new]: [&str; 2]) -> Vec<String> {
    let (before, after) = (format!("{MAIN}{earlier}"), format!("{MAIN}{main}"));
    assert!(MASTER.contains(old));
    let master = MASTER.replace(old, new);
    let (cf, services) = ("files/etc/postfix/main.cf", "files/etc/postfix/master.cf");
    let answer = check(&[(cf, &before), (services, MASTER)], &[(cf, &after), (services, &master)]);
    let findings = answer.result["findings"].as_array().unwrap().iter();
    findings
        .filter(|f| f["rule"] == "guard-weakened" || f["rule"] == "smtp-auth-exposed")
        .map(|f| format!("{} {}", f["rule"].as_str().unwrap(), f["args"]["listener"].as_str().unwrap()))
        .collect()
}

const SAME: [&str; 2] = ["", ""];

#[test]
fn logins_that_strangers_could_not_try() {
    assert_eq!(found("", "smtpd_sasl_auth_enable = yes\n", SAME), ["smtp-auth-exposed smtp (25)"]);
    assert!(found("", "smtpd_sasl_auth_enable = no\n", SAME).is_empty());
    let local = ["submission inet", "127.0.0.1:submission inet"];
    assert!(found("", "", local).is_empty(), "only from the host itself");
}

#[test]
fn limits_that_are_gone_or_ten_times_as_high() {
    let limit = "smtpd_client_message_rate_limit = 100\n";
    let weakened = ["guard-weakened smtp (25), submission (587)"];
    assert_eq!(found(limit, "", SAME), weakened);
    assert_eq!(found(limit, "smtpd_client_message_rate_limit = 1000\n", SAME), weakened);
    assert!(found(limit, "smtpd_client_message_rate_limit = 200\n", SAME).is_empty());
    assert!(found(limit, "smtpd_client_message_rate_limit = 10\n", SAME).is_empty());
    assert_eq!(found("smtpd_milters = inet:127.0.0.1:8891\n", "", SAME), weakened);
}

#[test]
fn logins_less_well_guarded() {
    let encrypted = "smtpd_tls_security_level=encrypt";
    let weakened = ["guard-weakened submission (587)"];
    // the level, and with it that logins come under TLS only
    assert_eq!(found("", "", [encrypted, "smtpd_tls_security_level=may"]).len(), 2);
    assert_eq!(found("", "smtpd_sasl_security_options =\n", SAME), weakened);
    let (new, old) =
        ("smtpd_tls_mandatory_protocols = >=TLSv1.2\n", "smtpd_tls_mandatory_protocols = >=TLSv1\n");
    assert_eq!(found(new, old, SAME), weakened);
    let equal = "smtpd_tls_mandatory_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1\n";
    assert!(found(new, equal, SAME).is_empty() && found(equal, new, SAME).is_empty());
    // port 25 takes mail in clear, as mail exchangers do
    assert!(found("", "smtpd_tls_security_level = none\n", SAME).is_empty());
}

/// Rules and places of findings about mail that goes elsewhere.
fn diverted(earlier: &str, main: &str) -> Vec<String> {
    let (before, after) = (format!("{MAIN}{earlier}"), format!("{MAIN}{main}"));
    let cf = "files/etc/postfix/main.cf";
    let services = ("files/etc/postfix/master.cf", MASTER);
    let answer = check(&[(cf, &before), services], &[(cf, &after), services]);
    let findings = answer.result["findings"].as_array().unwrap().iter();
    let found = findings.filter(|f| f["rule"] == "mail-flow-diverted");
    found
        .map(|f| format!("{} {}", f["args"]["what"].as_str().unwrap(), f["args"]["to"].as_str().unwrap()))
        .collect()
}

#[test]
fn mail_that_goes_where_none_went() {
    let carrier = "relayhost = [smtp.carrier.example]:587\n";
    assert_eq!(diverted("", carrier), ["relayhost smtp.carrier.example"]);
    assert_eq!(diverted("", "always_bcc = archive@far.example\n"), ["always_bcc far.example"]);
    let copies = "recipient_bcc_maps = inline:{mayor@city.example.jp=x@far.example}\n";
    assert_eq!(diverted("", copies).len(), 1);
    let aliases = "virtual_alias_maps = inline:{info@mx.city.example.jp=info@far.example}\n";
    assert_eq!(diverted("", aliases).len(), 1);
    assert_eq!(diverted("", "transport_maps = inline:{city.example.jp=smtp:[192.0.2.99]}\n").len(), 1);
}

#[test]
fn mail_that_goes_where_it_went_or_stays_is_not_diverted() {
    let bare = "relayhost = smtp.carrier.example\n";
    assert!(diverted(bare, "relayhost = [smtp.carrier.example]:587\n").is_empty(), "the same host");
    assert!(diverted("", "relayhost = [10.1.2.25]\n").is_empty(), "inside");
    assert!(diverted("", "always_bcc = archive\n").is_empty(), "a mailbox of its own");
    assert!(diverted("", "always_bcc = archive@mx.city.example.jp\n").is_empty());
    let local = "virtual_alias_maps = inline:{info@mx.city.example.jp=soumu}\n";
    assert!(diverted("", local).is_empty());
    assert!(diverted("", "transport_maps = inline:{x.example=error:gone}\n").is_empty());
    let gone = "relayhost = [smtp.carrier.example]\n";
    assert!(diverted(gone, "").is_empty(), "no further place");
}

#[test]
fn guards_beside_the_limits() {
    let service = "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10040\n";
    let weakened = ["guard-weakened smtp (25), submission (587)"];
    assert_eq!(found(service, "", SAME), weakened);
    assert_eq!(found("default_destination_rate_delay = 1s\n", "", SAME), weakened);
    assert!(found("", "default_destination_rate_delay = 1s\n", SAME).is_empty());
    let login = "smtpd_sasl_auth_enable=yes";
    let demanded =
        "smtpd_sasl_auth_enable=yes\n  -o smtpd_client_restrictions=permit_sasl_authenticated,reject";
    assert!(found("", "", [login, demanded]).is_empty(), "stricter");
    let owned = "smtpd_sender_login_maps = inline:{a@city.example.jp=a}\n\
                 smtpd_sender_restrictions = reject_sender_login_mismatch\n";
    let listed = "smtpd_sender_restrictions = reject_sender_login_mismatch\n";
    // without its table the restriction holds nobody to anything
    assert_eq!(found(owned, listed, SAME), ["guard-weakened submission (587)"]);
    let moved = "smtpd_sender_login_maps = inline:{a@city.example.jp=a}\n\
                 smtpd_recipient_restrictions = reject_sender_login_mismatch\n";
    assert!(found(owned, moved, SAME).is_empty(), "in another list");
}
