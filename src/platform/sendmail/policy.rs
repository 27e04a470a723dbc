//! The rules of check_relay, check_mail and check_rcpt, as m4 writes them, in neutral words (cf/m4/proto.m4, cf/README).

use std::sync::Arc;

use super::access::{Access, Says};
use super::features::{Daemon, Features};
use crate::finding::Location;
use crate::packet::address::{AddressSet, Prefix};
use crate::platform::mta::{self, all, any, held, host_name_table, keyed, not, unread};
use crate::platform::services;
use crate::reason::Reason;
use crate::relay::{
    Action, Auth, Bind, ClientList, ClientMatch, Condition, Dns, DnsQuestion, Entry, Listed, Listener,
    Parents, Part, Policy, Routing, Rule, RuleList, Sees, Stage, StageKind, Step, Subject, Table, Tls,
};

/// What is known of one host's Sendmail.
pub(super) struct Host<'h> {
    pub(super) features: Features,
    /// `None`: used, and not in the evidence.
    pub(super) access: Option<Access>,
    pub(super) access_used: bool,
    /// Local domains and relay domains; `None`: not in the evidence.
    pub(super) local: Option<Vec<(String, Location)>>,
    pub(super) relay: Option<Vec<(String, Location)>>,
    pub(super) aliases: Option<Arc<Table>>,
    pub(super) accounts: Arc<Table>,
    pub(super) virtual_users: Option<Arc<Table>>,
    pub(super) own: Option<AddressSet>,
    pub(super) at: &'h Location,
}

/// Answers of the access map, and what they do.
type Answers = (fn(Says) -> bool, Action);

/// What the access map refuses with, for the time being and for good.
const REFUSALS: [Answers; 2] = [
    (|says| matches!(says, Says::Refuse(..500)), Action::Refuse(450)),
    (|says| matches!(says, Says::Refuse(500..)), Action::Refuse(550)),
];

impl Host<'_> {
    pub(super) fn policy(&self) -> Policy {
        let mut policy = Policy { own_addresses: self.own.clone(), ..Policy::default() };
        let routing = Arc::new(self.routing());
        for daemon in self.daemons() {
            let listener = self.listener(&mut policy, &daemon, &routing);
            policy.listeners.push(listener);
        }
        policy
    }

    fn daemons(&self) -> Vec<Daemon> {
        let mut out = self.features.daemons.clone();
        let plain = |port: &str| Daemon {
            options: [("port".to_owned(), port.to_owned())].into_iter().collect(),
            at: self.at.clone(),
        };
        if out.is_empty() {
            out.push(plain("smtp"));
        }
        if !self.features.has("no_default_msa") {
            out.push(plain("587"));
        }
        out
    }

    fn listener(&self, policy: &mut Policy, daemon: &Daemon, routing: &Arc<Routing>) -> Listener {
        let option = |name: &str| daemon.options.get(name).map_or("", String::as_str);
        let port = Some(option("port")).filter(|p| !p.is_empty()).unwrap_or("smtp");
        let number = port.parse().ok().or_else(|| services::port(port));
        let at = &daemon.at;
        let name = number.map_or_else(|| port.to_owned(), |n: u16| n.to_string());
        let mut listener =
            mta::listener(&name, at, bind(option("addr"), option("family")), number, Arc::clone(routing));
        let flags = Some(option("m")).filter(|m| !m.is_empty()).unwrap_or_else(|| option("modifiers"));
        let needs_login = flags.contains('a');
        let mut add = |kind, name: &str, rules, sees| {
            let list = policy.add_list(RuleList { name: name.into(), rules });
            Stage { kind, list, sees }
        };
        listener.stages = vec![
            add(StageKind::Client, "check_relay", self.check_relay(), Sees::Client),
            add(StageKind::Sender, "check_mail", self.check_mail(needs_login), Sees::Sender),
            add(StageKind::Relay, "check_rcpt", self.check_rcpt(), Sees::Recipient),
        ];
        listener.tls = match self.features.define("confSERVER_CERT") {
            _ if flags.contains('s') => Tls::Implicit,
            Some(_) => Tls::Offered,
            None => Tls::No,
        };
        let offers = self.features.trusts_login || self.features.define("confAUTH_MECHANISMS").is_some();
        let clear = !self.features.define("confAUTH_OPTIONS").unwrap_or_default().contains('p');
        listener.auth = match (offers, clear) {
            (false, _) => Auth::No,
            (true, true) => Auth::Always,
            (true, false) => Auth::UnderTls,
        };
        let privacy = self.features.define("confPRIVACY_FLAGS").unwrap_or_default();
        listener.helo_required = privacy.contains("needmailhelo") || privacy.contains("goaway");
        listener.gates =
            self.features.filters.iter().map(|f| Reason::OutsideService { name: f.clone() }).collect();
        listener.refuses_unlisted_recipient = true;
        let elsewhere =
            ["MAIL_HUB", "LOCAL_RELAY", "LUSER_RELAY"].iter().any(|n| self.features.define(n).is_some());
        let mut local = vec![Arc::clone(&self.accounts)];
        local.extend(self.aliases.clone());
        listener.listed = Arc::new(Listed {
            local: if elsewhere { Vec::new() } else { local },
            rewritten: self.virtual_users.iter().cloned().collect(),
            ..Listed::default()
        });
        listener
    }

    fn rule(&self, condition: Condition, action: Action) -> Rule {
        Rule { step: Step::If(condition, action), at: self.at.clone() }
    }

    /// A rule that a feature brings.
    fn of(&self, feature: &str, condition: Condition, action: Action) -> Rule {
        let at = self.features.places.get(feature).unwrap_or(self.at).clone();
        Rule { step: Step::If(condition, action), at }
    }

    /// Whether the access map says so of the client: an answer for its name comes before one for its address.
    fn of_client(&self, access: &Access, is: fn(Says) -> bool) -> Condition {
        let named = |list| all([not(Condition::ClientNameUnverified), self.clients(list)]);
        let other = named(access.names(&|says| !is(says)));
        any([named(access.names(&is)), all([not(other), self.clients(access.addresses(&is))])])
    }

    fn clients(&self, list: ClientList) -> Condition {
        Condition::ClientIn(Arc::new(list))
    }

    /// What is refused when somebody connects.
    fn check_relay(&self) -> Vec<Rule> {
        let mut out = Vec::new();
        if let Some(access) = &self.access {
            for (is, action) in REFUSALS {
                out.push(self.rule(self.of_client(access, is), action));
            }
        } else if self.access_used {
            out.push(self.rule(Condition::Always, Action::Continue));
        }
        for name in ["dnsbl", "enhdnsbl"].iter().filter(|n| self.features.has(n)) {
            let dns = Dns { asks: DnsQuestion::Listed, about: Subject::Client, text: (*name).into() };
            out.push(self.rule(Condition::Dns(dns), Action::Refuse(550)));
        }
        if self.features.has("require_rdns") {
            let trusted = self.trusted_addresses();
            out.push(self.rule(all([Condition::ClientNameUnverified, not(trusted)]), Action::Refuse(550)));
        }
        out
    }

    /// What is refused of senders.
    fn check_mail(&self, needs_login: bool) -> Vec<Rule> {
        let mut out = Vec::new();
        if needs_login {
            out.push(self.rule(not(Condition::LoggedIn), Action::Refuse(530)));
        }
        let mut accepted = mta::never();
        if let Some(access) = &self.access {
            let from = |is: &dyn Fn(Says) -> bool| {
                any([
                    held(Subject::Sender, Part::Address, Parents::No, access.keys("from", true, false, is)),
                    held(Subject::Sender, Part::Domain, Parents::Bare, access.keys("from", true, true, is)),
                ])
            };
            accepted = from(&|says| says == Says::Accept || says == Says::Relay);
            out.push(self.rule(self.of_client(access, discards), Action::Discard));
            for (is, action) in REFUSALS.into_iter().chain([(discards as fn(Says) -> bool, Action::Discard)])
            {
                let others = access.keys("from", true, false, &|says| !is(says));
                let whole = held(Subject::Sender, Part::Address, Parents::No, others);
                out.push(self.rule(all([not(Condition::SenderIsNull), not(whole), from(&is)]), action));
            }
        }
        if !self.features.has("accept_unresolvable_domains") {
            let dns = Dns {
                asks: DnsQuestion::Unresolvable,
                about: Subject::Sender,
                text: "domain of the sender".into(),
            };
            let condition = all([not(Condition::SenderIsNull), not(accepted), Condition::Dns(dns)]);
            out.push(self.rule(condition, Action::Refuse(553)));
        }
        out
    }

    /// Who may send to whom.
    fn check_rcpt(&self) -> Vec<Rule> {
        let mut out = Vec::new();
        if let Some(at) = &self.features.own_rules {
            let action = Action::Unknown(Reason::Unread { text: at.text.to_string() });
            out.push(Rule { step: Step::If(Condition::Always, action), at: at.clone() });
        }
        if let Some(access) = self.access.as_ref().filter(|_| self.features.has("blocklist_recipients")) {
            let to = |domains, is: &dyn Fn(Says) -> bool| {
                let (part, parents) =
                    if domains { (Part::Domain, Parents::Bare) } else { (Part::Address, Parents::No) };
                held(Subject::Recipient, part, parents, access.keys("to", true, domains, is))
            };
            for (is, action) in REFUSALS.into_iter().chain([(discards as fn(Says) -> bool, Action::Discard)])
            {
                let kept = to(false, &|says| !is(says));
                out.push(self.rule(any([to(false, &is), all([not(kept), to(true, &is)])]), action));
            }
        }
        if self.features.has("promiscuous_relay") {
            out.push(self.of("promiscuous_relay", Condition::Always, Action::Permit));
            return out;
        }
        if self.features.trusts_login {
            out.push(self.rule(Condition::LoggedIn, Action::Permit));
        }
        out.push(self.rule(Condition::RecipientHere, Action::Permit));
        if self.features.has("relay_based_on_MX") {
            let dns = Dns {
                asks: DnsQuestion::BackupMx,
                about: Subject::Recipient,
                text: "relay_based_on_MX".into(),
            };
            out.push(self.of("relay_based_on_MX", Condition::Dns(dns), Action::Permit));
        }
        let relays = self.access.as_ref().and_then(Access::relays_at);
        let named = self.relay.iter().flatten().map(|(_, at)| at).next();
        let at = relays.or(named).unwrap_or(self.at).clone();
        let trusted = any([Condition::ClientIsOwn, self.trusted_addresses()]);
        out.push(Rule { step: Step::If(trusted, Action::Permit), at });
        out.extend(self.by_sender());
        out.extend(self.by_name());
        out.push(self.rule(Condition::Always, Action::Refuse(550)));
        out
    }

    /// Networks of class R and of the access map.
    fn trusted_addresses(&self) -> Condition {
        let mut parts = Vec::new();
        match &self.relay {
            Some(relay) => {
                let entry = |(name, at): &(String, Location)| {
                    let prefix = super::access::network(name)?;
                    Some(Entry {
                        matches: ClientMatch::Addresses(AddressSet::from(prefix)),
                        excludes: false,
                        at: at.clone(),
                    })
                };
                let entries: Vec<_> = relay.iter().filter_map(entry).collect();
                if !entries.is_empty() {
                    parts.push(self.clients(ClientList::new("class R", Parents::No, entries)));
                }
            }
            None => parts.push(self.unknown_clients("/etc/mail/relay-domains")),
        }
        match &self.access {
            Some(access) => parts.push(self.clients(access.addresses(&|says| says == Says::Relay))),
            None if self.access_used => parts.push(self.unknown_clients("/etc/mail/access")),
            None => {}
        }
        any(parts)
    }

    fn unknown_clients(&self, name: &str) -> Condition {
        let reason = Reason::ContentsUnknown { name: name.to_owned() };
        mta::clients(name, Parents::No, ClientMatch::Unknown(reason), self.at)
    }

    /// Relaying by what MAIL FROM says: anybody can write it.
    fn by_sender(&self) -> Vec<Rule> {
        let mut out = Vec::new();
        if self.features.has("relay_local_from") {
            let names = self.local_names();
            let own = host_name_table(self.features.define("confDOMAIN_NAME"), self.at);
            let local = any([
                held(Subject::Sender, Part::Domain, Parents::No, names),
                held(Subject::Sender, Part::Domain, Parents::No, own),
            ]);
            out.push(self.of("relay_local_from", local, Action::Permit));
        }
        if let Some(argument) = self.features.features.get("relay_mail_from") {
            let relay = |says| says == Says::Relay;
            match &self.access {
                Some(access) => {
                    let mut parts = vec![held(
                        Subject::Sender,
                        Part::Whole,
                        Parents::No,
                        access.keys("from", false, false, &relay),
                    )];
                    if argument == "domain" {
                        let table = access.keys("from", false, true, &relay);
                        parts.push(held(Subject::Sender, Part::Domain, Parents::Bare, table));
                    }
                    out.push(self.of("relay_mail_from", any(parts), Action::Permit));
                }
                None => out.push(self.rule(unread("relay_mail_from"), Action::Permit)),
            }
        }
        out
    }

    /// Relaying by the client's name, once its address is known to have it.
    fn by_name(&self) -> Vec<Rule> {
        let hosts_only = self.features.has("relay_hosts_only");
        let mut out = vec![self.rule(Condition::ClientNameUnverified, Action::Refuse(550))];
        let entry = |(name, at): &(String, Location)| Entry {
            matches: ClientMatch::Name(name.as_str().into()),
            excludes: false,
            at: at.clone(),
        };
        let mut lists = Vec::new();
        if let Some(local) = &self.local {
            lists.push(ClientList::new("class w", Parents::No, local.iter().map(entry).collect()));
        }
        if let Some(relay) = &self.relay {
            let names = relay.iter().filter(|(name, _)| super::access::network(name).is_none());
            let parents = if hosts_only { Parents::No } else { Parents::Bare };
            lists.push(ClientList::new("class R", parents, names.map(entry).collect()));
        }
        if let Some(domain) = self.own_domain().filter(|_| self.features.has("relay_entire_domain")) {
            lists.push(ClientList::new("class m", Parents::Bare, vec![entry(&(domain, self.at.clone()))]));
        }
        if let Some(access) = &self.access {
            lists.push(access.names(&|says| says == Says::Relay));
        }
        out.extend(lists.into_iter().map(|list| self.rule(self.clients(list), Action::Permit)));
        out
    }

    /// `$m`: what stands behind the first dot of the host's own name.
    pub(super) fn own_domain(&self) -> Option<String> {
        let name = self.features.define("confDOMAIN_NAME")?;
        name.split_once('.').map(|(_, domain)| domain.to_lowercase())
    }

    fn local_names(&self) -> Arc<Table> {
        match &self.local {
            Some(local) => keyed("class w", local.iter().map(|(name, at)| (name.as_str(), at.clone()))),
            None => mta::unknown_table("/etc/mail/local-host-names"),
        }
    }
}

fn discards(says: Says) -> bool {
    says == Says::Discard
}

fn bind(address: &str, family: &str) -> Bind {
    if let Ok(address) = address.parse::<std::net::IpAddr>() {
        return match address.is_unspecified() {
            true => Bind::Any { ipv4: address.is_ipv4(), ipv6: address.is_ipv6() },
            false => Bind::Addresses(Prefix::host(address).into()),
        };
    }
    match address {
        "" if family == "inet6" => Bind::Any { ipv4: false, ipv6: true },
        "" => Bind::Any { ipv4: true, ipv6: false },
        "localhost" => Bind::Addresses(crate::host::loopback()),
        name => Bind::Among(AddressSet::all(), Reason::Dns { name: name.to_owned() }),
    }
}
