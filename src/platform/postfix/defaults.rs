//! Defaults of the parameters that decide relaying, as `postconf -d` of Postfix 3.7 prints them, and where older
//! versions differ (postconf(5)). A captured `postconf` output wins over this table.

use std::cmp::Ordering;

/// A Postfix version: major, minor.
pub(super) type Version = (u32, u32);

/// Newest version whose restriction names are known here.
pub(super) const NEWEST_KNOWN: Version = (3, 10);

/// Sorted by name.
const DEFAULTS: &[(&str, &str)] = &[
    ("access_map_defer_code", "450"),
    ("access_map_reject_code", "554"),
    ("alias_maps", "hash:/etc/aliases, nis:mail.aliases"),
    ("allow_percent_hack", "yes"),
    ("allow_untrusted_routing", "no"),
    ("always_bcc", ""),
    ("append_at_myorigin", "yes"),
    ("append_dot_mydomain", "${{$compatibility_level} <level {1} ? {yes} : {no}}"),
    ("canonical_classes", "envelope_sender, envelope_recipient, header_sender, header_recipient"),
    ("compatibility_level", "0"),
    ("config_directory", "/etc/postfix"),
    ("data_directory", "/var/lib/postfix"),
    ("default_database_type", "hash"),
    ("default_transport", "smtp"),
    ("defer_code", "450"),
    ("empty_address_recipient", "MAILER-DAEMON"),
    ("inet_interfaces", "all"),
    ("inet_protocols", "all"),
    ("local_recipient_maps", "proxy:unix:passwd.byname $alias_maps"),
    ("local_transport", "local:$myhostname"),
    ("milter_default_action", "tempfail"),
    ("mydestination", "$myhostname, localhost.$mydomain, localhost"),
    ("mynetworks_style", "${{$compatibility_level} <level {2} ? {subnet} : {host}}"),
    ("myorigin", "$myhostname"),
    ("non_fqdn_reject_code", "504"),
    (
        "parent_domain_matches_subdomains",
        "debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,qmqpd_authorized_clients,\
         relay_domains,smtpd_access_maps",
    ),
    ("postscreen_access_list", "permit_mynetworks"),
    ("postscreen_blacklist_action", "ignore"),
    ("postscreen_denylist_action", "${postscreen_blacklist_action?{$postscreen_blacklist_action}:{ignore}}"),
    ("reject_code", "554"),
    ("relay_domains", "${{$compatibility_level} <level {2} ? {$mydestination} : {}}"),
    ("relay_domains_reject_code", "554"),
    ("relay_transport", "relay"),
    ("resolve_dequoted_address", "yes"),
    ("smtpd_client_auth_rate_limit", "0"),
    ("smtpd_client_connection_count_limit", "50"),
    ("smtpd_client_connection_rate_limit", "0"),
    ("smtpd_client_message_rate_limit", "0"),
    ("smtpd_client_new_tls_session_rate_limit", "0"),
    ("smtpd_client_recipient_rate_limit", "0"),
    ("smtpd_delay_reject", "yes"),
    ("smtpd_null_access_lookup_key", "<>"),
    ("smtpd_peername_lookup", "yes"),
    ("smtpd_recipient_limit", "1000"),
    ("smtpd_reject_unlisted_recipient", "yes"),
    ("smtpd_relay_before_recipient_restrictions", "${{$compatibility_level} <level {3.6} ? {no} : {yes}}"),
    (
        "smtpd_relay_restrictions",
        "${{$compatibility_level} <level {1} ? {} : {permit_mynetworks, permit_sasl_authenticated, \
         defer_unauth_destination}}",
    ),
    ("smtpd_sasl_security_options", "noanonymous"),
    ("smtpd_service_name", "smtpd"),
    ("smtpd_tls_mandatory_protocols", ">=TLSv1"),
    ("smtpd_tls_protocols", ">=TLSv1"),
    ("cleanup_service_name", "cleanup"),
    ("rewrite_service_name", "rewrite"),
    ("swap_bangpath", "yes"),
    ("unknown_address_reject_code", "450"),
    ("virtual_alias_domains", "$virtual_alias_maps"),
    ("virtual_alias_maps", "$virtual_maps"),
    ("virtual_mailbox_domains", "$virtual_mailbox_maps"),
    ("virtual_transport", "virtual"),
];

/// The default of a parameter, empty when it has none that is known here.
pub(super) fn default(name: &str, version: Option<Version>) -> &'static str {
    if let Some(old) = version.and_then(|version| older(name, version)) {
        return old;
    }
    DEFAULTS.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
}

/// Defaults before the compatibility level existed (3.0), and before the relay list did (2.10).
fn older(name: &str, version: Version) -> Option<&'static str> {
    if version.cmp(&(3, 0)) != Ordering::Less {
        return None;
    }
    Some(match name {
        "smtpd_relay_restrictions" if version < (2, 10) => "",
        "smtpd_relay_restrictions" => {
            "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"
        }
        "smtpd_relay_before_recipient_restrictions" => "no",
        "mynetworks_style" => "subnet",
        "relay_domains" => "$mydestination",
        "append_dot_mydomain" => "yes",
        _ => return None,
    })
}

/// `3.7.11` to (3, 7).
pub(super) fn version(text: &str) -> Option<Version> {
    let mut numbers = text.trim().split(['.', '-']).map(|n| n.parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version("3.7.11"), Some((3, 7)));
        assert_eq!(version("2.10.1"), Some((2, 10)));
        assert_eq!(version("3.9-20240101"), Some((3, 9)));
        assert_eq!(version(""), None);
        assert_eq!(default("smtpd_relay_restrictions", Some((2, 8))), "");
        assert!(default("smtpd_relay_restrictions", Some((2, 11))).contains("defer_unauth_destination"));
        assert_eq!(default("nosuch", None), "");
    }
}
