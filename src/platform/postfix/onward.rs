//! Where Postfix is told to send mail on: `relayhost`, transports, copies, aliases in other domains (postconf(5),
//! transport(5), virtual(5)).

use std::net::IpAddr;
use std::sync::Arc;

use super::config::Config;
use super::tables::{Tables, Usage};
use crate::finding::Location;
use crate::relay::Onward;

/// Settings that name a next host, bare or behind a transport (`smtp:[host]:port`).
const HOPS: [&str; 7] = [
    "relayhost",
    "default_transport",
    "relay_transport",
    "local_transport",
    "virtual_transport",
    "mailbox_transport",
    "fallback_transport",
];
/// Tables that name one, and how they are written.
const HOP_TABLES: [(&str, Usage); 3] = [
    ("transport_maps", Usage::Transport),
    ("sender_dependent_default_transport_maps", Usage::Map),
    ("sender_dependent_relayhost_maps", Usage::Map),
];
/// Settings and tables that name addresses.
const ADDRESSES: [&str; 2] = ["always_bcc", "luser_relay"];
const ADDRESS_TABLES: [&str; 5] = [
    "recipient_bcc_maps",
    "sender_bcc_maps",
    "virtual_alias_maps",
    "canonical_maps",
    "recipient_canonical_maps",
];

/// Every place that the configuration names.
pub(super) fn onward(config: &Config<'_>, tables: &Tables<'_, '_>) -> Vec<Onward> {
    let scope = config.global();
    let mut out = Vec::new();
    HOPS.iter().for_each(|name| add(&mut out, name, None, hop(&scope.get(name)), &scope.at(name)));
    ADDRESSES.iter().for_each(|name| add(&mut out, name, None, domains(&scope.get(name)), &scope.at(name)));
    let mut of_tables = |name: &str, usage: Usage, read: &dyn Fn(&str) -> Vec<String>| {
        for table in tables.open_all(&scope.words(name), usage) {
            for row in table.rows() {
                let key = row.at.text.split_whitespace().next().map(Arc::from);
                add(&mut out, name, key, read(&row.value), &row.at);
            }
        }
    };
    HOP_TABLES.into_iter().for_each(|(name, usage)| of_tables(name, usage, &hop));
    ADDRESS_TABLES.into_iter().for_each(|name| of_tables(name, Usage::Map, &domains));
    out
}

fn add(out: &mut Vec<Onward>, setting: &str, key: Option<Arc<str>>, to: Vec<String>, at: &Location) {
    let of = |to: String| Onward { setting: setting.into(), key: key.clone(), to: to.into(), at: at.clone() };
    out.extend(to.into_iter().map(of));
}

/// The next host of `[host]:port`, `transport:host`, `transport:[host]:port`.
fn hop(value: &str) -> Vec<String> {
    let value = value.trim();
    let is_transport = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            && !name.contains('.')
    };
    let behind = match value.split_once(':') {
        Some((name, rest)) if is_transport(name) && !rest.chars().all(|c| c.is_ascii_digit()) => rest,
        Some(_) => value,
        // a transport alone names no host
        None if is_transport(value) && !value.starts_with('[') => return Vec::new(),
        None => value,
    };
    let host = match behind.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => behind.split(':').next().unwrap_or_default(),
    };
    named(host)
}

/// The domains of a list of addresses; those of this host's own origin have none.
fn domains(value: &str) -> Vec<String> {
    let addresses = value.split([',', ' ', '\t']).map(str::trim).filter(|a| !a.is_empty());
    addresses.filter_map(|address| address.rsplit_once('@')).flat_map(|(_, domain)| named(domain)).collect()
}

/// A name or address that is meant; not the path of a socket, not a text that a pattern fills in.
fn named(host: &str) -> Vec<String> {
    let host =
        host.trim().trim_matches(['[', ']']).trim_start_matches("IPv6:").trim_end_matches('.').to_lowercase();
    let is_name = host.contains('.') && !host.contains(['/', '$', '%', '(', '*', '\\']);
    if is_name || host.parse::<IpAddr>().is_ok() { vec![host] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hosts_in_every_form() {
        for (text, host) in [
            ("[smtp.carrier.example]:587", "smtp.carrier.example"),
            ("carrier.example", "carrier.example"),
            ("smtp:[192.0.2.1]", "192.0.2.1"),
            ("relay:Carrier.example:26", "carrier.example"),
            ("[2001:db8::1]:25", "2001:db8::1"),
        ] {
            assert_eq!(hop(text), [host], "{text}");
        }
        for text in ["", "smtp", "lmtp:unix:private/dovecot-lmtp", "error:gone", "local:$myhostname", ":"] {
            assert!(hop(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn domains_of_addresses() {
        assert_eq!(domains("a, b@City.example.jp c@far.example"), ["city.example.jp", "far.example"]);
        assert!(domains("$1@$2.example").is_empty() && domains("archive").is_empty());
    }
}
