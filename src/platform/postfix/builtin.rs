//! The restrictions that smtpd(8) knows by name.

use super::restrictions::Builder;
use super::tables::Usage;
use crate::relay::{Action, Condition, Dns, DnsQuestion, Step, Subject};

/// Whether a restriction takes a word behind it.
pub(super) enum Argument {
    /// None.
    None,
    /// A table or server; without it smtpd answers 451.
    Needed,
    /// A DNS zone; without it the restriction does nothing.
    Optional,
}

/// Restrictions with an argument.
pub(super) fn argument(name: &str) -> Argument {
    if name == "check_policy_service"
        || name == "sleep"
        || access(name).is_some()
        || name == "check_etrn_access"
    {
        return Argument::Needed;
    }
    if matches!(
        name,
        "reject_rbl"
            | "reject_rbl_client"
            | "permit_dnswl_client"
            | "reject_rhsbl_client"
            | "permit_rhswl_client"
            | "reject_rhsbl_reverse_client"
            | "reject_rhsbl_helo"
            | "reject_rhsbl_sender"
            | "reject_rhsbl_recipient"
    ) {
        return Argument::Optional;
    }
    Argument::None
}

/// `check_*_access`: what is looked up, and whether it is looked up for the hosts behind it (`_mx_`, `_ns_`, `_a_`).
pub(super) fn access(name: &str) -> Option<(Subject, bool)> {
    let inner = name.strip_prefix("check_")?.strip_suffix("_access")?;
    let (inner, server) = ["_mx", "_ns", "_a"]
        .iter()
        .find_map(|suffix| inner.strip_suffix(suffix))
        .map_or((inner, false), |inner| (inner, true));
    let subject = match inner {
        "client" => Subject::Client,
        "reverse_client_hostname" => Subject::ReverseName,
        "helo" => Subject::Helo,
        "sender" => Subject::Sender,
        "recipient" => Subject::Recipient,
        "sasl" if !server => Subject::Login,
        "ccert" if !server => Subject::Certificate,
        _ => return None,
    };
    Some((subject, server))
}

/// A question to DNS about the hosts behind a name.
pub(super) fn server(about: Subject, text: &str) -> Condition {
    dns(DnsQuestion::Server, about, text)
}

fn dns(asks: DnsQuestion, about: Subject, text: &str) -> Condition {
    Condition::Dns(Dns { asks, about, text: text.into() })
}

/// Black and white lists. A white list never permits relaying.
pub(super) fn dns_list(name: &str, zone: &str) -> Vec<Step> {
    use DnsQuestion::{Listed, NameListed};
    let text = format!("{name} {zone}");
    let refuse = |condition| vec![Step::If(condition, Action::Refuse(554))];
    match name {
        "permit_dnswl_client" | "permit_rhswl_client" => {
            let asks = if name == "permit_dnswl_client" { Listed } else { NameListed };
            let listed = dns(asks, Subject::Client, &text);
            vec![Step::If(Condition::All(vec![Condition::RecipientHere, listed]), Action::Permit)]
        }
        "reject_rhsbl_client" => refuse(dns(NameListed, Subject::Client, &text)),
        "reject_rhsbl_reverse_client" => refuse(dns(NameListed, Subject::ReverseName, &text)),
        "reject_rhsbl_helo" => refuse(dns(NameListed, Subject::Helo, &text)),
        "reject_rhsbl_sender" => refuse(dns(NameListed, Subject::Sender, &text)),
        "reject_rhsbl_recipient" => refuse(dns(NameListed, Subject::Recipient, &text)),
        _ => refuse(dns(Listed, Subject::Client, &text)),
    }
}

/// Restrictions without argument; `None` for a name that is not one.
pub(super) fn plain(builder: &Builder<'_, '_, '_>, name: &str) -> Option<Vec<Step>> {
    general(builder, name)
        .or_else(|| client_and_helo(builder, name))
        .or_else(|| sender(builder, name))
        .or_else(|| recipient(builder, name))
}

fn code(builder: &Builder<'_, '_, '_>, name: &str, otherwise: u16) -> u16 {
    builder.scope.get(name).parse().unwrap_or(otherwise)
}

fn one(condition: Condition, action: Action) -> Vec<Step> {
    vec![Step::If(condition, action)]
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn general(builder: &Builder<'_, '_, '_>, name: &str) -> Option<Vec<Step>> {
    Some(match name {
        "permit" => one(Condition::Always, Action::Permit),
        "reject" => one(Condition::Always, Action::Refuse(code(builder, "reject_code", 554))),
        "defer" => one(Condition::Always, Action::Refuse(code(builder, "defer_code", 450))),
        "defer_if_permit" => one(Condition::Always, Action::DeferIfPermit),
        "defer_if_reject" => one(Condition::Always, Action::DeferIfReject),
        "reject_plaintext_session" => one(not(Condition::Encrypted), Action::Refuse(450)),
        // a client that speaks the protocol never meets these
        "reject_unauth_pipelining" | "reject_multi_recipient_bounce" => Vec::new(),
        _ => return None,
    })
}

fn client_and_helo(builder: &Builder<'_, '_, '_>, name: &str) -> Option<Vec<Step>> {
    let unqualified = || code(builder, "non_fqdn_reject_code", 504);
    Some(match name {
        "reject_unknown_client" | "reject_unknown_client_hostname" => {
            one(Condition::ClientNameUnverified, Action::Refuse(450))
        }
        "reject_unknown_reverse_client_hostname" => one(Condition::ClientNameMissing, Action::Refuse(450)),
        "permit_inet_interfaces" => one(Condition::ClientIsOwn, Action::Permit),
        "permit_mynetworks" => one(Condition::ClientIn(builder.mynetworks.clone()), Action::Permit),
        "reject_maps_rbl" => {
            let zones = builder.scope.words("maps_rbl_domains");
            zones.iter().flat_map(|zone| dns_list("reject_rbl_client", &zone.text)).collect()
        }
        "reject_invalid_hostname" | "reject_invalid_helo_hostname" => {
            one(Condition::HeloMalformed, Action::Refuse(501))
        }
        "reject_non_fqdn_hostname" | "reject_non_fqdn_helo_hostname" => {
            one(Condition::HeloUnqualified, Action::Refuse(unqualified()))
        }
        "reject_unknown_hostname" | "reject_unknown_helo_hostname" => {
            let mut steps = one(Condition::HeloMalformed, Action::Refuse(501));
            let missing = dns(DnsQuestion::Unresolvable, Subject::Helo, name);
            steps.extend(one(Condition::All(vec![Condition::Greeted, missing]), Action::Refuse(450)));
            steps
        }
        "permit_naked_ip_address" => one(Condition::HeloIsNumber, Action::Permit),
        "permit_sasl_authenticated" if builder.auth => one(Condition::LoggedIn, Action::Permit),
        "permit_sasl_authenticated" => Vec::new(),
        "permit_tls_clientcerts" | "permit_tls_all_clientcerts" => {
            let words = builder.scope.words("relay_clientcerts");
            let tables = builder.tables.open_all(&words, Usage::Map);
            let mut steps = Vec::new();
            if name == "permit_tls_all_clientcerts" {
                steps.extend(one(Condition::CertificateTrusted, Action::Permit));
            }
            if !tables.is_empty() {
                steps.extend(one(Condition::CertificateIn(tables), Action::Permit));
            }
            steps
        }
        _ => return None,
    })
}

fn sender(builder: &Builder<'_, '_, '_>, name: &str) -> Option<Vec<Step>> {
    let logins = || {
        let tables = builder.tables.open_all(&builder.scope.words("smtpd_sender_login_maps"), Usage::Map);
        (builder.auth && !tables.is_empty()).then_some(tables)
    };
    let named = || not(Condition::SenderIsNull);
    // logged in, and the sender is not the login's own
    let foreign = |known_only: bool| -> Vec<Step> {
        let Some(maps) = logins() else { return Vec::new() };
        let mut all = vec![Condition::LoggedIn, named(), not(Condition::SenderOwnedByLogin(maps.clone()))];
        if known_only {
            all.push(Condition::SenderOwned(maps));
        }
        one(Condition::All(all), Action::Refuse(553))
    };
    // not logged in, and the sender is somebody's own
    let owned = || -> Vec<Step> {
        let Some(maps) = logins() else { return Vec::new() };
        let all = vec![not(Condition::LoggedIn), Condition::SenderOwned(maps)];
        one(Condition::All(all), Action::Refuse(553))
    };
    Some(match name {
        "reject_unknown_address" | "reject_unknown_sender_domain" => {
            one(dns(DnsQuestion::Unresolvable, Subject::Sender, name), Action::Refuse(450))
        }
        "reject_unverified_sender" => {
            one(dns(DnsQuestion::Undeliverable, Subject::Sender, name), Action::Refuse(450))
        }
        "reject_non_fqdn_sender" => {
            one(Condition::SenderUnqualified, Action::Refuse(code(builder, "non_fqdn_reject_code", 504)))
        }
        "reject_authenticated_sender_login_mismatch" => foreign(false),
        "reject_unauthenticated_sender_login_mismatch" => owned(),
        "reject_sender_login_mismatch" => foreign(false).into_iter().chain(owned()).collect(),
        "reject_known_sender_login_mismatch" => foreign(true).into_iter().chain(owned()).collect(),
        "reject_unlisted_sender" if builder.checks_listing => {
            one(Condition::SenderUnlisted, Action::Refuse(550))
        }
        "reject_unlisted_sender" => Vec::new(),
        _ => return None,
    })
}

fn recipient(builder: &Builder<'_, '_, '_>, name: &str) -> Option<Vec<Step>> {
    let relay_code = || code(builder, "relay_domains_reject_code", 554);
    let elsewhere = || not(Condition::RecipientHere);
    Some(match name {
        "permit_mx_backup" => {
            let backup = dns(DnsQuestion::BackupMx, Subject::Recipient, name);
            vec![Step::If(Condition::RecipientHere, Action::Permit), Step::If(backup, Action::Permit)]
        }
        "permit_auth_destination" => one(Condition::RecipientHere, Action::Permit),
        "reject_unauth_destination" => one(elsewhere(), Action::Refuse(relay_code())),
        "defer_unauth_destination" => one(elsewhere(), Action::Refuse(relay_code().saturating_sub(100))),
        "check_relay_domains" => vec![
            Step::If(Condition::ClientNameInRelayDomains, Action::Permit),
            Step::If(Condition::RecipientHere, Action::Permit),
            Step::If(Condition::Always, Action::Refuse(relay_code())),
        ],
        "reject_unknown_recipient_domain" => {
            one(dns(DnsQuestion::Unresolvable, Subject::Recipient, name), Action::Refuse(450))
        }
        "reject_unverified_recipient" => {
            one(dns(DnsQuestion::Undeliverable, Subject::Recipient, name), Action::Refuse(450))
        }
        "reject_non_fqdn_recipient" => {
            one(Condition::RecipientUnqualified, Action::Refuse(code(builder, "non_fqdn_reject_code", 504)))
        }
        "check_recipient_maps" | "reject_unlisted_recipient" if builder.checks_listing => {
            one(Condition::RecipientUnlisted, Action::Refuse(550))
        }
        "check_recipient_maps" | "reject_unlisted_recipient" => Vec::new(),
        _ => return None,
    })
}
