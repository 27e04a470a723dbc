//! Random restriction lists.

use super::dice::Dice;
use super::generate::Host;
use super::tables::{self, Key};

/// Parameters with their words.
pub(super) type Lists = Vec<(&'static str, Vec<String>)>;

/// Answers of access tables, the usual ones more often.
const ANSWERS: &[&str] = &[
    "OK",
    "OK",
    "OK",
    "REJECT",
    "REJECT",
    "DUNNO",
    "DUNNO",
    "550 go away",
    "450 later",
    "RELAY",
    "1700000000",
    "554",
    "permit_mynetworks",
    "permit_mynetworks, reject",
    "reject_unauth_destination",
    "permit",
    "reject",
    "DEFER later",
    "DEFER_IF_PERMIT later",
    "DEFER_IF_REJECT later",
    "PREPEND X-Seen: yes",
    "HOLD",
    "DISCARD",
    "FILTER smtp:[127.0.0.1]:10024",
    "REDIRECT soumu@city.example",
    "WARN seen",
    "INFO seen",
    "internal",
    "outsiders",
    "no_such_word",
    "permit_sasl_authenticated, reject",
    "ok then",
    "check_sender_access static:OK",
];

/// The lists of main.cf.
pub(super) fn lists(dice: &mut Dice, host: &mut Host) -> Lists {
    let mut out = Lists::new();
    if dice.percent(60) {
        out.push(("smtpd_restriction_classes", vec!["internal".into(), "outsiders".into()]));
        let inside =
            ["permit_mynetworks, reject", "permit", "permit_mynetworks", "reject_unauth_destination, permit"];
        out.push(("internal", vec![dice.word(&inside).to_owned()]));
        let mut words = some(dice, host, 2);
        if dice.percent(25) {
            // a table alone: the list that names the class says what it is about
            let key = *dice.one(&[Key::Client, Key::Helo, Key::Sender, Key::Recipient]);
            words.insert(0, tables::access(dice, host, key, ANSWERS));
        }
        out.push(("outsiders", if words.is_empty() { vec!["reject".into()] } else { words }));
    }
    for name in ["smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions"] {
        if dice.percent(25) {
            let number = 1 + dice.below(2);
            out.push((name, some(dice, host, number)));
        }
    }
    let guards = ["reject_unauth_destination", "defer_unauth_destination", "reject_unauth_destination"];
    if dice.percent(75) {
        let mut words = vec!["permit_mynetworks".to_owned()];
        let number = [0, 1, 1, 2][dice.below(4)];
        words.extend(some(dice, host, number));
        words.extend(ending(dice, &guards));
        out.push(("smtpd_relay_restrictions", words));
    } else if dice.percent(40) {
        out.push(("smtpd_relay_restrictions", Vec::new()));
    }
    if dice.percent(50) {
        let number = 1 + dice.below(3);
        let mut words = some(dice, host, number);
        words.extend(ending(dice, &guards));
        out.push(("smtpd_recipient_restrictions", words));
    }
    out
}

/// How a list ends: mostly as it should.
fn ending(dice: &mut Dice, guards: &[&str]) -> Vec<String> {
    match dice.below(12) {
        0 => vec!["permit".into()],
        1 => Vec::new(),
        2 => vec!["reject".into()],
        3 => vec!["warn_if_reject".into(), "reject_unauth_destination".into()],
        4 => vec!["permit_auth_destination".into(), "reject".into()],
        _ => vec![(dice.word(guards)).to_owned()],
    }
}

fn some(dice: &mut Dice, host: &mut Host, number: usize) -> Vec<String> {
    (0..number).flat_map(|_| restriction(dice, host)).collect()
}

fn restriction(dice: &mut Dice, host: &mut Host) -> Vec<String> {
    const PLAIN: &[&str] = &[
        "permit_mynetworks",
        "permit_sasl_authenticated",
        "permit_inet_interfaces",
        "permit_auth_destination",
        "reject_unauth_destination",
        "reject_non_fqdn_recipient",
        "reject_non_fqdn_sender",
        "reject_non_fqdn_helo_hostname",
        "reject_invalid_helo_hostname",
        "reject_unlisted_sender",
        "reject_unlisted_recipient",
        "reject_unauth_pipelining",
        "reject_unknown_client_hostname",
        "reject_unknown_reverse_client_hostname",
        "reject_unknown_helo_hostname",
        "reject_unknown_sender_domain",
        "reject_unknown_recipient_domain",
        "reject_sender_login_mismatch",
        "reject_known_sender_login_mismatch",
        "reject_unauthenticated_sender_login_mismatch",
        "reject_plaintext_session",
        "permit_naked_ip_address",
        "permit_tls_clientcerts",
        "permit_mx_backup",
        "defer_if_permit",
        "defer_if_reject",
        "check_relay_domains",
        "internal",
        "outsiders",
        "defer",
        "no_such_restriction",
        "REJECT_UNAUTH_DESTINATION",
    ];
    let mut words = if dice.percent(8) { vec!["warn_if_reject".to_owned()] } else { Vec::new() };
    let table = |dice: &mut Dice, host: &mut Host, key| tables::access(dice, host, key, ANSWERS);
    let named: [(&str, Key); 6] = [
        ("check_client_access", Key::Client),
        ("check_helo_access", Key::Helo),
        ("check_sender_access", Key::Sender),
        ("check_recipient_access", Key::Recipient),
        ("check_sender_access", Key::Sender),
        ("check_recipient_access", Key::Recipient),
    ];
    match dice.below(20) {
        0..=9 => words.push((dice.word(PLAIN)).to_owned()),
        10..=16 => {
            let (name, key) = *dice.one(&named);
            words.extend([name.to_owned(), table(dice, host, key)]);
        }
        17 => words.extend(match dice.below(6) {
            0 => ["check_policy_service".into(), "inet:127.0.0.1:10031".into()],
            1 => ["check_sasl_access".into(), table(dice, host, Key::Login)],
            2 => ["check_reverse_client_hostname_access".into(), table(dice, host, Key::Client)],
            3 => ["permit_dnswl_client".into(), "wl.zone.example".into()],
            4 => ["reject_rbl_client".into(), "bl.zone.example".into()],
            _ => ["check_sender_mx_access".into(), "cidr:{{203.0.113.0/24 REJECT}}".into()],
        }),
        18 => words.push(table(dice, host, Key::Recipient)),
        _ => words
            .extend(["check_client_access".to_owned(), format!("{{ {} }}", table(dice, host, Key::Client))]),
    }
    words
}
