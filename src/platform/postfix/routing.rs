//! Address classes, rewriting and delivery: trivial-rewrite(8), cleanup(8), ADDRESS_CLASS_README.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::config::{Config, Scope};
use super::host::{self, Interface};
use super::tables::{Tables, Usage};
use super::{bind, lists, transport};
use crate::packet::address::{AddressSet, Prefix};
use crate::reason::Reason;
use crate::relay::address::{Forms, Refuses};
use crate::relay::{Agent, Defaults, DomainList, Next, Routing, Table, Transport};

/// What trivial-rewrite and one cleanup service make of an address.
pub(super) fn routing(
    config: &Config<'_>,
    tables: &Tables<'_, '_>,
    cleanup: &str,
    maps_addresses: bool,
    own: Option<&[Interface]>,
) -> Routing {
    let rewrite = config.service(&["unix"], &config.global().get("rewrite_service_name"));
    let resolve = rewrite.map_or_else(|| config.global(), |service| config.scope(service));
    let cleanup = config.service(&["unix"], cleanup);
    let clean = cleanup.map_or_else(|| config.global(), |service| config.scope(service));
    let open = |scope: &Scope<'_, '_>, name: &str, usage| tables.open_all(&scope.words(name), usage);
    let transports = open(&resolve, "transport_maps", Usage::Transport);
    let sender_transports = open(&resolve, "sender_dependent_default_transport_maps", Usage::Map);
    let answers = answers(config, transports.iter().chain(&sender_transports));
    let mapped = |names: &[&str]| -> Vec<Arc<Table>> {
        let all = names.iter().flat_map(|name| open(&clean, name, Usage::Map));
        all.filter(|_| maps_addresses).collect()
    };
    let canonical = |name: &str, classes: &str, class: &str| -> Vec<Arc<Table>> {
        let applies = clean.words(classes).iter().any(|w| w.text == class) || clean.get(classes).is_empty();
        if applies { mapped(&[name]) } else { Vec::new() }
    };
    let (local_onward, local_fallback_chosen) = onward(config);
    Routing {
        forms: forms(&resolve),
        percent_domains: DomainList::default(),
        percent_to_the_end: false,
        every_address_counts: false,
        routes_are_limited: false,
        routers: Vec::new(),
        delimiters: resolve.get("recipient_delimiter").into(),
        untrusted_routes: config.global().flag("allow_untrusted_routing"),
        local: lists::exact_domains(&resolve, tables, "mydestination"),
        local_literals: literals(&resolve, own),
        alias_domains: lists::exact_domains(&resolve, tables, "virtual_alias_domains"),
        mailbox_domains: lists::exact_domains(&resolve, tables, "virtual_mailbox_domains"),
        relay_domains: lists::parent_domains(&resolve, tables, "relay_domains"),
        canonical: vec![
            canonical("recipient_canonical_maps", "recipient_canonical_classes", "envelope_recipient"),
            canonical("canonical_maps", "canonical_classes", "envelope_recipient"),
        ],
        aliases: mapped(&["virtual_alias_maps"]),
        copies: mapped(&["recipient_bcc_maps"]),
        sender_copies: mapped(&["sender_bcc_maps"]),
        relocated: open(&resolve, "relocated_maps", Usage::Map),
        transports,
        transport_parents: lists::parents(&resolve, "transport_maps"),
        transport_answers: answers,
        sender_transports,
        defaults: defaults(config, &resolve),
        local_onward,
        local_fallback_chosen,
    }
}

fn forms(scope: &Scope<'_, '_>) -> Forms {
    let host_name = host_name(scope);
    let some = |text: String| Some(text).filter(|t| !t.is_empty()).map(Box::from);
    let origin = if scope.flag("append_at_myorigin") { some(origin(scope)) } else { None };
    let dot_domain = if scope.flag("append_dot_mydomain") { some(scope.get("mydomain")) } else { None };
    Forms {
        takes_postmaster: true,
        refuses: Refuses::default(),
        percent_hack: scope.flag("allow_percent_hack"),
        bang_path: scope.flag("swap_bangpath"),
        dequote: scope.flag("resolve_dequoted_address"),
        null_domain: scope.flag("resolve_null_domain"),
        numeric_domain: scope.flag("resolve_numeric_domain"),
        origin,
        dot_domain,
        host_name: host_name.into(),
        empty_address: scope.get("empty_address_recipient").into(),
    }
}

fn host_name(scope: &Scope<'_, '_>) -> String {
    let name = scope.get("myhostname");
    if name.is_empty() {
        scope.config.gap(Reason::HostFactMissing { fact: "myhostname".into() }, None);
        return "localhost".to_owned();
    }
    name
}

/// `myorigin`, which may name a file (Debian: `/etc/mailname`).
fn origin(scope: &Scope<'_, '_>) -> String {
    let value = scope.get("myorigin");
    if !value.starts_with('/') {
        return value;
    }
    match scope.config.file(&value) {
        Some(text) => text.lines().next().unwrap_or_default().trim().to_owned(),
        None => {
            scope.config.gap(Reason::ContentsUnknown { name: value }, Some(scope.at("myorigin")));
            host_name(scope)
        }
    }
}

/// Addresses whose literals are local: what is listened on, loopback, and what stands for the host elsewhere.
fn literals(scope: &Scope<'_, '_>, own: Option<&[Interface]>) -> AddressSet {
    let listening = own.map(|own| host::addresses(&bind::own_interfaces(scope, own))).unwrap_or_default();
    let proxies = scope.words("proxy_interfaces");
    let named = proxies.iter().filter_map(|w| w.text.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    named.map(Prefix::host).collect::<AddressSet>().union(&listening)
}

fn answers<'t>(
    config: &Config<'_>,
    tables: impl Iterator<Item = &'t Arc<Table>>,
) -> BTreeMap<Arc<str>, Transport> {
    let mut answers = BTreeMap::new();
    for row in tables.flat_map(|table| table.rows()) {
        answers.entry(Arc::clone(&row.value)).or_insert_with(|| transport::read(config, &row.value, None));
    }
    answers
}

fn defaults(config: &Config<'_>, scope: &Scope<'_, '_>) -> Defaults {
    let relayhost = scope.get("relayhost");
    let relayhost = Some(relayhost.as_str()).filter(|r| !r.is_empty());
    let of = |name: &str, relayhost| transport::read(config, &scope.get(name), relayhost);
    Defaults {
        local: of("local_transport", None),
        mailbox: of("virtual_transport", None),
        relay: of("relay_transport", relayhost),
        other: of("default_transport", relayhost),
    }
}

/// What local(8) hands on to: mailbox and fallback transports; and whether mail for unknown users goes to an address
/// that is built from theirs (`luser_relay`).
fn onward(config: &Config<'_>) -> (Vec<Transport>, bool) {
    let service = config.services.iter().find(|s| &*s.kind == "unix" && &*s.command == "local");
    let scope = service.map_or_else(|| config.global(), |service| config.scope(service));
    let mut onward: Vec<Transport> = ["mailbox_transport", "fallback_transport"]
        .iter()
        .map(|name| scope.get(name))
        .filter(|value| !value.is_empty())
        .map(|value| transport::read(config, &value, None))
        .collect();
    if ["mailbox_transport_maps", "fallback_transport_maps"].iter().any(|name| !scope.get(name).is_empty()) {
        let reason = Reason::ContentsUnknown { name: "mailbox_transport_maps".into() };
        onward.push(Transport { agent: Agent::Unknown(reason), next: Next::Recipient });
    }
    let at = scope.at("luser_relay");
    let luser = at.text.split_once('=').map_or("", |(_, value)| value);
    let domain = luser.rsplit_once('@').map_or("", |(_, domain)| domain);
    let chosen =
        ["$local", "$extension", "$recipient", "$user", "$domain", "${"].iter().any(|v| domain.contains(v));
    (onward, chosen)
}
