//! Safeguards of a service: limits of anvil(8), encryption of logins, filters (postconf(5), TLS_README, SASL_README).

use std::sync::Arc;

use super::config::Scope;
use crate::relay::{Auth, Level, Safeguard, Tls};

/// Limits per client; 0 is none.
const LIMITS: [&str; 7] = [
    "smtpd_client_auth_rate_limit",
    "smtpd_client_connection_count_limit",
    "smtpd_client_connection_rate_limit",
    "smtpd_client_message_rate_limit",
    "smtpd_client_new_tls_session_rate_limit",
    "smtpd_client_recipient_rate_limit",
    "smtpd_recipient_limit",
];

/// Restrictions by which a login may only use its own sender addresses.
const LOGIN_MISMATCH: [&str; 2] =
    ["reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch"];

/// Where guards are shown that are no settings themselves.
const SHOWN_AT: [(&str, &str); 4] = [
    ("anvil", "smtpd_client_message_rate_limit"),
    ("check_policy_service", "smtpd_recipient_restrictions"),
    ("permit_sasl_authenticated, reject", "smtpd_client_restrictions"),
    ("reject_sender_login_mismatch", "smtpd_sender_restrictions"),
];

/// The lists of a service.
const LISTS: [&str; 7] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
];

/// Protocol versions, the oldest first. Postfix has not offered SSLv2 since 3.0.
const VERSIONS: [&str; 5] = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// The safeguards of a service. What guards logins is only looked at where there are logins: opportunistic TLS on a port
/// for incoming mail guards nothing.
pub(super) fn safeguards(scope: &Scope<'_, '_>, tls: Tls, auth: Auth) -> Vec<Safeguard> {
    let mut out = Vec::new();
    let mut add = |name: &str, level: Level| {
        // what is no setting stands where the first list stands that could hold it
        let set = SHOWN_AT.iter().find(|(guard, _)| *guard == name).map_or(name, |(_, setting)| setting);
        let value = scope.get(set);
        out.push(Safeguard { name: Arc::from(name), level, value, at: scope.at(set) });
    };
    for name in LIMITS {
        if let Ok(limit) = scope.get(name).parse::<u64>() {
            add(name, Level::Limit((limit > 0).then_some(limit)));
        }
    }
    let filters = scope.words("smtpd_milters");
    add("smtpd_milters", Level::Grade(u32::from(!filters.is_empty())));
    if !filters.is_empty() {
        add("milter_default_action", Level::Grade(u32::from(scope.get("milter_default_action") != "accept")));
    }
    let policies = LISTS.iter().any(|list| asks_service(scope, list));
    add("check_policy_service", Level::Grade(u32::from(policies)));
    add(
        "default_destination_rate_delay",
        Level::Grade(u32::from(is_some_time(&scope.get("default_destination_rate_delay")))),
    );
    // without its counter no limit per client is kept
    let counted = scope.config.service(&["unix"], "anvil").is_some();
    add("anvil", Level::Grade(u32::from(counted)));
    if auth == Auth::No {
        return out;
    }
    let demanded = LISTS.iter().any(|list| demands_login(scope, list));
    add("permit_sasl_authenticated, reject", Level::Grade(u32::from(demanded)));
    let encrypted = match tls {
        Tls::No => 0,
        Tls::Offered => 1,
        Tls::Required | Tls::Implicit => 2,
    };
    add("smtpd_tls_security_level", Level::Grade(encrypted));
    add("smtpd_tls_auth_only", Level::Grade(u32::from(auth == Auth::UnderTls)));
    let named = scope.words("smtpd_sasl_security_options");
    let anonymous = !named.iter().any(|word| word.text.eq_ignore_ascii_case("noanonymous"));
    add("smtpd_sasl_security_options", Level::Grade(u32::from(!anonymous)));
    let protocols = if encrypted == 2 { "smtpd_tls_mandatory_protocols" } else { "smtpd_tls_protocols" };
    if let Some(oldest) = oldest_version(&scope.get(protocols)).filter(|_| encrypted > 0) {
        add(protocols, Level::Grade(oldest));
    }
    let mismatch = |list: &&str| scope.words(list).iter().any(|w| LOGIN_MISMATCH.contains(&w.text.as_str()));
    let own_only = LISTS.iter().any(mismatch) && !scope.words("smtpd_sender_login_maps").is_empty();
    add("reject_sender_login_mismatch", Level::Grade(u32::from(own_only)));
    out
}

/// Whether a list asks a policy service, which may count mails by account.
fn asks_service(scope: &Scope<'_, '_>, list: &str) -> bool {
    scope.words(list).iter().any(|word| word.text == "check_policy_service")
}

/// Whether a list lets only those pass who have logged in, or whom the host trusts.
fn demands_login(scope: &Scope<'_, '_>, list: &str) -> bool {
    let words = scope.words(list);
    let ends = words.last().is_some_and(|word| word.text == "reject");
    let plain = |text: &str| matches!(text, "permit_sasl_authenticated" | "permit_mynetworks" | "reject");
    ends && words.iter().all(|word| plain(&word.text) || word.text.starts_with("reject_"))
        && words.iter().any(|word| word.text == "permit_sasl_authenticated")
}

/// Whether a time value is not zero (`1s`, `2m`).
fn is_some_time(value: &str) -> bool {
    value.chars().any(|c| c.is_ascii_digit() && c != '0')
}

/// The oldest version that a list of protocols admits, as a place in [`VERSIONS`]; `None` where the list is not
/// understood. `>=X` and `<=X` are bounds, `!X` takes away, bare names admit only themselves.
fn oldest_version(list: &str) -> Option<u32> {
    let place = |name: &str| VERSIONS.iter().position(|v| v.eq_ignore_ascii_case(name));
    let mut admitted = [true; VERSIONS.len()];
    let mut only: Vec<usize> = Vec::new();
    for word in list.split([' ', '\t', '\n', ',', ':']).filter(|word| !word.is_empty()) {
        let refused = |at: usize| move |(number, _): &(usize, &mut bool)| *number == at;
        if let Some(name) = word.strip_prefix('!') {
            if let Some(at) = place(name) {
                admitted.iter_mut().enumerate().filter(refused(at)).for_each(|(_, a)| *a = false);
            } else if !name.eq_ignore_ascii_case("SSLv2") {
                return None;
            }
        } else if let Some(name) = word.strip_prefix(">=") {
            let at = place(name)?;
            admitted.iter_mut().take(at).for_each(|a| *a = false);
        } else if let Some(name) = word.strip_prefix("<=") {
            let at = place(name)?;
            admitted.iter_mut().skip(at + 1).for_each(|a| *a = false);
        } else {
            only.push(place(word)?);
        }
    }
    let oldest = (0..VERSIONS.len())
        .find(|at| admitted.get(*at).copied().unwrap_or(false) && (only.is_empty() || only.contains(at)))?;
    u32::try_from(oldest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_of_protocols_are_equal() {
        assert_eq!(oldest_version(">=TLSv1.2"), Some(3));
        assert_eq!(oldest_version("!SSLv2,!SSLv3,!TLSv1,!TLSv1.1"), Some(3));
        assert_eq!(oldest_version("!SSLv2 !SSLv3"), Some(1));
        assert_eq!(oldest_version("TLSv1.3, TLSv1.2"), Some(3));
        assert_eq!(oldest_version(">=SSLv3"), Some(0));
        assert_eq!(oldest_version(""), Some(0));
        assert_eq!(oldest_version(">=TLSv1.2 no_such"), None);
    }
}
