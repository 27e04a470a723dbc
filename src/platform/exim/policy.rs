//! From one Exim configuration to the neutral relay policy: listeners, stages, routing (Exim specification, 13).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::ask::DAEMON;
use super::reader::{FileState, Reader};
use super::split::items;
use crate::finding::Location;
use crate::packet::address::{AddressSet, Prefix};
use crate::platform::exim::config::ListKind;
use crate::platform::mta::{listener, not};
use crate::platform::services;
use crate::relay::address::{Forms, Refuses};
use crate::relay::{
    Action, Auth, Bind, DomainList, DomainMatch, Entry, Listed, Listener, Parents, Policy, Refusal,
    RefusalKind, Routing, Rule, RuleList, Sees, Stage, StageKind, Step, Tls,
};

/// Most listeners.
const MAX_LISTENERS: usize = 64;

/// Where a daemon listens.
struct Door {
    bind: Bind,
    port: u16,
    at: Location,
}

impl Reader<'_> {
    /// The whole policy.
    pub(super) fn policy(self) -> (Policy, Vec<crate::platform::Gap>, BTreeSet<String>) {
        for at in self.config.unread.clone() {
            self.gap(crate::reason::Reason::Unread { text: at.text.to_string() }, Some(at));
        }
        let listeners: Vec<Listener> = self.doors().iter().map(|door| self.listener(door)).collect();
        let mut policy = self.policy.into_inner();
        policy.listeners = listeners;
        policy.own_addresses = self.own;
        (policy, self.gaps.into_inner(), self.wanted.into_inner())
    }

    fn listener(&self, door: &Door) -> Listener {
        self.port.set(Some(door.port));
        // lists may speak of the port
        self.lists.borrow_mut().clear();
        let routing = Arc::new(self.routing());
        let name = door.port.to_string();
        let mut listener = listener(&name, &door.at, door.bind.clone(), Some(door.port), routing);
        listener.stages = self.stages();
        let twice = self.config.twice.clone();
        listener.refuses = twice.map(|at| Refusal { kind: RefusalKind::BadParameter, at });
        listener.tls = self.tls(door.port);
        if let Some(at) = self.offers_login() {
            listener.auth = if self.login_under_tls() { Auth::UnderTls } else { Auth::Always };
            listener.auth_at = at;
        }
        let accounts = vec![Arc::clone(&self.accounts)];
        listener.listed = Arc::new(Listed { local: accounts, ..Listed::default() });
        self.port.set(None);
        listener
    }

    fn stages(&self) -> Vec<Stage> {
        let checks = self.host_checks();
        let checks = self.policy.borrow_mut().add_list(RuleList { name: "connection".into(), rules: checks });
        let mut stages = vec![Stage { kind: StageKind::Client, list: checks, sees: Sees::Helo }];
        for (option, kind, sees) in [
            ("acl_smtp_connect", StageKind::Client, Sees::Client),
            ("acl_smtp_helo", StageKind::Helo, Sees::Helo),
            ("acl_smtp_mail", StageKind::Sender, Sees::Sender),
            ("acl_smtp_rcpt", StageKind::Relay, Sees::Recipient),
        ] {
            if option == "acl_smtp_rcpt" || self.config.text(option).is_some_and(|t| !t.is_empty()) {
                stages.push(Stage { kind, list: self.acl_option(option), sees });
            }
        }
        stages.push(self.unqualified());
        stages
    }

    /// Names without a domain are taken from the hosts that may write them.
    fn unqualified(&self) -> Stage {
        let mut rules = Vec::new();
        let bare = |subject| {
            let table = crate::platform::mta::patterns(
                "address without domain",
                vec![crate::platform::mta::pattern_row(
                    "^[^@]*$",
                    "bare",
                    true,
                    &Location::within("exim", "address"),
                )],
            );
            crate::platform::mta::held(subject, crate::relay::Part::Whole, Parents::No, table)
        };
        for (option, subject) in [
            ("sender_unqualified_hosts", crate::relay::Subject::Sender),
            ("recipient_unqualified_hosts", crate::relay::Subject::Recipient),
        ] {
            if let Some(value) = self.config.main.get(option) {
                let hosts = self.list(ListKind::Host, &value.text, crate::relay::Subject::Client, &value.at);
                let refused = crate::platform::mta::all([bare(subject), not(hosts)]);
                rules.push(Rule { step: Step::If(refused, Action::Refuse(501)), at: value.at.clone() });
            }
        }
        let list = self.policy.borrow_mut().add_list(RuleList { name: "unqualified".into(), rules });
        Stage { kind: StageKind::Recipient, list, sees: Sees::Recipient }
    }

    fn tls(&self, port: u16) -> Tls {
        let implicit = self.config.text("tls_on_connect_ports").unwrap_or_default();
        if items(implicit).iter().any(|item| port_number(item) == Some(port)) {
            return Tls::Implicit;
        }
        let advertised = self.config.text("tls_advertise_hosts").unwrap_or("*");
        if advertised.is_empty() { Tls::No } else { Tls::Offered }
    }

    fn routing(&self) -> Routing {
        let routers = self.routers();
        let hosts_name = self.host_name.clone().unwrap_or_else(|| "localhost".to_owned());
        let percent = self.config.main.get("percent_hack_domains");
        let percent_domains =
            percent.map_or_else(DomainList::default, |value| self.plain_domains(&value.text, &value.at));
        let unqualified = ["sender_unqualified_hosts", "recipient_unqualified_hosts"]
            .iter()
            .any(|option| self.config.text(option).is_some_and(|t| !t.is_empty()));
        let literals = self.config.text("allow_domain_literals").is_some_and(|t| t != "false");
        let first = self.domains.borrow().iter().next().map(|(name, _)| name.clone());
        let origin =
            self.qualify.clone().filter(|q| !q.is_empty()).or(first).unwrap_or_else(|| hosts_name.clone());
        Routing {
            forms: Forms {
                percent_hack: false,
                bang_path: false,
                dequote: false,
                origin: Some(origin.into()),
                host_name: hosts_name.into(),
                refuses: Refuses {
                    bare: !unqualified,
                    literals: !literals,
                    doubled: true,
                    ..Refuses::default()
                },
                ..Forms::default()
            },
            percent_domains,
            percent_to_the_end: self.percent_list().is_some(),
            relay_domains: self.declared(),
            routers,
            ..Routing::default()
        }
    }

    /// Every domain that the configuration names.
    fn declared(&self) -> DomainList {
        let entry = |(name, at): &(String, Location)| Entry {
            matches: DomainMatch::Name(name.as_str().into()),
            excludes: false,
            at: at.clone(),
        };
        DomainList::new("domains", Parents::No, self.domains.borrow().iter().map(entry).collect())
    }

    /// A domain list for the one place where it is no condition.
    fn plain_domains(&self, text: &str, at: &Location) -> DomainList {
        let known = self.expand(text, at).known().unwrap_or_else(|| "*".to_owned());
        let mut entries = Vec::new();
        for item in items(&known) {
            let bare = item.trim_start_matches('!').trim();
            let matches = match bare.strip_prefix('+') {
                Some(name) => match self.config.lists.get(&(ListKind::Domain, name.to_owned())) {
                    Some(value) => {
                        let inner = self.expand(&value.text, &value.at).known().unwrap_or_default();
                        entries.extend(items(&inner).iter().map(|item| self.domain_entry(item, &value.at)));
                        continue;
                    }
                    None => continue,
                },
                None => self.domain_entry(bare, at),
            };
            entries.push(Entry { excludes: item.starts_with('!'), ..matches });
        }
        DomainList::new("percent_hack_domains", Parents::Dotted, entries)
    }

    fn domain_entry(&self, item: &str, at: &Location) -> Entry<DomainMatch> {
        let matches = match item {
            "*" => DomainMatch::Table(crate::platform::mta::constant("*", "*", at)),
            "@" => DomainMatch::Table(crate::platform::mta::host_name_table(self.host_name.as_deref(), at)),
            _ => match item.strip_prefix('*').filter(|t| t.starts_with('.')) {
                Some(below) => DomainMatch::Name(below.into()),
                None if item.contains(['*', '^', ';', '/']) => {
                    DomainMatch::Unknown(crate::reason::Reason::Unread { text: item.to_owned() })
                }
                None => DomainMatch::Name(item.into()),
            },
        };
        Entry { matches, excludes: false, at: at.clone() }
    }

    /// Addresses and ports, from the configuration and the daemon's command line.
    fn doors(&self) -> Vec<Door> {
        let (ports_at, mut ports) =
            match self.config.main.get("daemon_smtp_ports").or(self.config.main.get("daemon_smtp_port")) {
                Some(value) => (value.at.clone(), items(&value.text)),
                None => (Location::within("exim", "daemon_smtp_ports = smtp"), vec!["smtp".to_owned()]),
            };
        let interfaces = self.config.main.get("local_interfaces");
        let mut bound = interfaces
            .map_or_else(Vec::new, |v| items(&self.expand(&v.text, &v.at).known().unwrap_or_default()));
        let mut at = interfaces.map_or(ports_at.clone(), |v| v.at.clone());
        if let FileState::Text(text) = self.file(DAEMON)
            && let Some((list, line)) = command_line(&text)
        {
            at = line;
            let all = items(&list);
            if all.iter().all(|item| port_number(item).is_some()) { ports = all } else { bound = all }
        }
        let ports: Vec<u16> = ports.iter().filter_map(|p| port_number(p)).collect();
        if bound.is_empty() {
            bound = vec!["::0".to_owned(), "0.0.0.0".to_owned()];
        }
        self.merge(&bound, &ports, &at)
    }

    fn merge(&self, bound: &[String], ports: &[u16], at: &Location) -> Vec<Door> {
        let mut doors: Vec<Door> = Vec::new();
        let mut put = |address: IpAddr, port: u16| {
            let found = doors.iter_mut().find(|door| door.port == port);
            let any = address.is_unspecified();
            let (v4, v6) = (any && address.is_ipv4(), any && address.is_ipv6());
            let one = if any { AddressSet::none() } else { AddressSet::from(Prefix::host(address)) };
            let Some(door) = found else {
                let bind = if any { Bind::Any { ipv4: v4, ipv6: v6 } } else { Bind::Addresses(one) };
                doors.push(Door { bind, port, at: at.clone() });
                return;
            };
            door.bind = match &door.bind {
                Bind::Any { ipv4, ipv6 } => Bind::Any { ipv4: *ipv4 || v4, ipv6: *ipv6 || v6 },
                Bind::Addresses(_) if any => Bind::Any { ipv4: v4, ipv6: v6 },
                Bind::Addresses(set) => Bind::Addresses(set.union(&one)),
                other => other.clone(),
            };
        };
        let mut unknown = false;
        for item in bound.iter().take(MAX_LISTENERS) {
            match interface(item) {
                Some((address, Some(port))) => put(address, port),
                Some((address, None)) => {
                    ports.iter().take(MAX_LISTENERS).for_each(|port| put(address, *port))
                }
                None => unknown = true,
            }
        }
        if unknown {
            let reason = crate::reason::Reason::Unread { text: at.text.to_string() };
            self.gap(reason.clone(), Some(at.clone()));
            let everywhere = || Bind::Among(AddressSet::all(), reason.clone());
            doors.extend(ports.iter().map(|port| Door { bind: everywhere(), port: *port, at: at.clone() }));
        }
        doors
    }
}

/// `address`, `address.port`, `[address]:port`; IPv6 too.
fn interface(item: &str) -> Option<(IpAddr, Option<u16>)> {
    let item = item.trim();
    if let Some((address, port)) = item.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = port.trim_start_matches([':', '.']);
        let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
        return Some((address.parse().ok()?, port));
    }
    if let Ok(address) = item.parse::<IpAddr>() {
        return Some((address, None));
    }
    let (address, port) = item.rsplit_once('.')?;
    Some((address.parse().ok()?, Some(port.parse().ok()?)))
}

fn port_number(text: &str) -> Option<u16> {
    text.trim().parse().ok().or_else(|| services::port(text.trim()))
}

/// The list behind `-oX` in the daemon's options.
fn command_line(text: &str) -> Option<(String, Location)> {
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.trim();
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        if !matches!(name, "SMTPLISTENEROPTIONS" | "COMMONOPTIONS" | "EXIMSERVICE" | "QUEUERUNNER") {
            continue;
        }
        let value = value.trim().trim_matches(['\'', '"']);
        if let Some((_, rest)) = value.split_once("-oX") {
            let rest = rest.trim_start();
            let quoted = rest.strip_prefix('"').or_else(|| rest.strip_prefix('\''));
            let list = match quoted {
                Some(inner) => inner.split(['"', '\'']).next().unwrap_or_default(),
                None => rest.split_whitespace().next().unwrap_or_default(),
            };
            let at = Location::at(crate::evidence::device::file_artifact(DAEMON), number, line);
            return Some((list.to_owned(), at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_in_every_spelling() {
        let parsed = |text: &str| interface(text).map(|(a, p)| (a.to_string(), p));
        assert_eq!(parsed("127.0.0.1"), Some(("127.0.0.1".into(), None)));
        assert_eq!(parsed("127.0.0.1.10025"), Some(("127.0.0.1".into(), Some(10025))));
        assert_eq!(parsed("[192.0.2.1]:587"), Some(("192.0.2.1".into(), Some(587))));
        assert_eq!(parsed("::1"), Some(("::1".into(), None)));
        assert_eq!(parsed("::1.26"), Some(("::1".into(), Some(26))));
        assert_eq!(parsed("mail"), None);
    }

    #[test]
    fn the_daemon_s_own_list_of_ports() {
        let text = "# -oX 1\nSMTPLISTENEROPTIONS='-oX 25:587:10025 -oP /run/exim4/exim.pid'\n";
        assert_eq!(command_line(text).unwrap().0, "25:587:10025");
        assert!(command_line("SMTPLISTENEROPTIONS=''\n").is_none());
        let always = not(not(crate::relay::Condition::Always));
        assert!(matches!(always, crate::relay::Condition::Always));
    }
}
