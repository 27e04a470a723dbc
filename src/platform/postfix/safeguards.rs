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

/// Protocol versions, the oldest first. Postfix has not offered SSLv2 since 3.0.
const VERSIONS: [&str; 5] = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// The safeguards of a service. What guards logins is only looked at where there are logins: opportunistic TLS on a port
/// for incoming mail guards nothing.
pub(super) fn safeguards(scope: &Scope<'_, '_>, tls: Tls, auth: Auth) -> Vec<Safeguard> {
    let mut out = Vec::new();
    let mut add = |name: &str, level: Level| {
        let value = scope.get(name);
        out.push(Safeguard { name: Arc::from(name), level, value, at: scope.at(name) });
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
    if auth == Auth::No {
        return out;
    }
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
    let senders = scope.words("smtpd_sender_restrictions");
    let own_only = senders.iter().any(|word| LOGIN_MISMATCH.contains(&word.text.as_str()));
    add("smtpd_sender_restrictions", Level::Grade(u32::from(own_only)));
    out
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
