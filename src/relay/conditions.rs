//! What the conditions of rules mean, and which keys a subject is looked up under.

use std::sync::Arc;

use super::address::{is_host_name, literal_address};
use super::attempt::ClientName;
use super::keys;
use super::policy::{Auth, Sees};
use super::recipient::Class;
use super::rules::{Condition, Dns, DnsQuestion, Lookup, Part, Subject};
use super::run::{Broken, Run};
use super::table::{Content, Found, Table};
use crate::reason::Reason;

/// Name of a client that has no (verified) name.
const UNKNOWN: &str = "unknown";

impl Run<'_> {
    /// Whether a condition holds.
    pub(super) fn holds(&mut self, condition: &Condition) -> Result<bool, Broken> {
        Ok(match condition {
            Condition::Always => true,
            Condition::ClientIn(list) => self.client_in(list)?,
            Condition::ClientIsOwn => self.client_is_own(),
            Condition::ClientNameUnverified => self.client_name() == UNKNOWN,
            Condition::ClientNameMissing => self.reverse_name() == UNKNOWN,
            Condition::LoggedIn => self.login().is_some(),
            Condition::Encrypted => self.encrypted(),
            Condition::CertificateTrusted => self.certificate_trusted(),
            Condition::CertificateIn(tables) => self.certificate_in(tables)?,
            Condition::Greeted => self.greeting().is_some(),
            Condition::HeloMalformed => self.greeting().is_some_and(|helo| !well_formed(&helo)),
            Condition::HeloUnqualified => self.greeting().is_some_and(|helo| !qualified(&helo)),
            Condition::HeloIsNumber => self.greeting().is_some_and(|h| h.parse::<std::net::IpAddr>().is_ok()),
            Condition::SenderIsNull => self.sees(Sees::Sender) && self.sender.is_empty(),
            Condition::SenderUnqualified => {
                self.sees(Sees::Sender) && !self.sender.is_empty() && !address_qualified(&self.sender)
            }
            Condition::SenderUnlisted => self.some_sender() && self.sender_unlisted()?.is_some(),
            Condition::SenderOwned(maps) => self.some_sender() && self.sender_owners(maps)?.is_some(),
            Condition::SenderOwnedByLogin(maps) => self.owned_by_login(maps)?,
            Condition::RecipientHere => self.sees(Sees::Recipient) && self.recipient_here()?,
            Condition::RecipientUnfolded => self.sees(Sees::Recipient) && self.recipient_unfolded()?,
            Condition::RecipientUnqualified => {
                self.sees(Sees::Recipient) && !address_qualified(&self.recipient)
            }
            Condition::RecipientUnlisted => {
                self.sees(Sees::Recipient) && self.recipient_unlisted()?.is_some()
            }
            Condition::ClientNameInRelayDomains => {
                let (routing, name) = (Arc::clone(&self.routing), self.client_name());
                self.domain_in(&routing.relay_domains, &name)?.0
            }
            Condition::Dns(dns) => self.dns(dns)?,
            Condition::Outside(reason) => {
                self.chooser.choose(&format!("condition {reason:?}"), 2, || reason.clone()) == 1
            }
            // a rule about a recipient says nothing while there is none
            Condition::Not(inner) if matches!(**inner, Condition::RecipientHere) => {
                self.sees(Sees::Recipient) && !self.recipient_here()?
            }
            Condition::Held(lookup) => self.held(lookup)?,
            Condition::Passes(list) => self.passes(*list)?,
            Condition::Routable(subject) => self.routable(*subject)?,
            Condition::Not(inner) => !self.holds(inner)?,
            Condition::Any(all) => {
                for one in all {
                    if self.holds(one)? {
                        return Ok(true);
                    }
                }
                false
            }
            Condition::First(all, otherwise) => {
                for (one, decides) in all {
                    if self.holds(one)? {
                        return Ok(*decides);
                    }
                }
                *otherwise
            }
            Condition::All(all) => {
                for one in all {
                    if !self.holds(one)? {
                        return Ok(false);
                    }
                }
                true
            }
        })
    }

    /// Whether a table holds its subject; what is not known of the table is asked once for each subject.
    fn held(&mut self, lookup: &Lookup) -> Result<bool, Broken> {
        Ok(match self.find_subject(lookup)? {
            None | Some(Found::Nothing) => false,
            Some(Found::Row(..) | Found::Joined(_)) => true,
            Some(Found::Broken) => return Err(Broken),
            Some(Found::Unknown(reason)) => {
                let question =
                    format!("held {} {:?} {}", lookup.table.name, lookup.part, self.text(lookup.subject));
                self.chooser.choose(&question, 2, || reason) == 1
            }
        })
    }

    /// What a subject is, for telling questions about it apart.
    fn text(&self, subject: Subject) -> String {
        match subject {
            Subject::Sender => self.sender.clone(),
            Subject::Recipient => self.recipient.clone(),
            Subject::Helo => self.helo.clone().unwrap_or_default(),
            _ => format!("{} {:?}", self.attempt.client, self.attempt.login),
        }
    }

    fn some_sender(&self) -> bool {
        self.sees(Sees::Sender) && !self.sender.is_empty()
    }

    fn greeting(&self) -> Option<String> {
        self.helo.clone().filter(|_| self.sees(Sees::Helo))
    }

    /// The verified name, or `unknown`.
    pub(super) fn client_name(&self) -> String {
        match &self.attempt.name {
            ClientName::Verified(name) if self.listener.looks_up_names => name.to_ascii_lowercase(),
            _ => UNKNOWN.to_owned(),
        }
    }

    fn reverse_name(&self) -> String {
        match &self.attempt.name {
            ClientName::Verified(name) | ClientName::Unverified(name) if self.listener.looks_up_names => {
                name.to_ascii_lowercase()
            }
            _ => UNKNOWN.to_owned(),
        }
    }

    /// The login by now: AUTH comes after the greeting (RFC 4954 section 4), unless the client claims one.
    fn login(&self) -> Option<&str> {
        if !self.sees(Sees::Sender) && !self.claims_by_command() {
            return None;
        }
        let offered = match self.listener.auth {
            Auth::No => false,
            Auth::UnderTls => self.encrypted() || self.attempt.claim.is_some(),
            Auth::Always => true,
        };
        self.attempt.login.as_deref().filter(|_| offered)
    }

    fn client_is_own(&mut self) -> bool {
        let client = self.attempt.client;
        match &self.policy.own_addresses {
            _ if client.is_loopback() => true,
            Some(own) => own.contains(client),
            None => {
                let reason = || Reason::HostFactMissing { fact: "addresses".into() };
                self.chooser.choose(&format!("own address {client}"), 2, reason) == 1
            }
        }
    }

    fn recipient_here(&mut self) -> Result<bool, Broken> {
        let untrusted = self.routing.untrusted_routes;
        let mut mailbox = self.mailbox(Subject::Recipient)?;
        // a server that takes its relay domains off looks at what is left
        let mut left = mailbox.mailbox.matches('%').count();
        while self.routing.routes_are_limited && mailbox.class == Class::Relay && mailbox.routed && left > 0 {
            let Some((local, _)) = mailbox.mailbox.rsplit_once('@') else { break };
            let Some((user, host)) = local.rsplit_once('%') else { break };
            mailbox = self.resolve(&format!("{user}@{host}"))?;
            left -= 1;
        }
        Ok(mailbox.class != Class::Other && (untrusted || !mailbox.routed))
    }

    fn certificate_in(&mut self, tables: &[Arc<Table>]) -> Result<bool, Broken> {
        let Some(print) = self.attempt.certificate.as_ref().filter(|_| self.encrypted()) else {
            return Ok(false);
        };
        let print = print.fingerprint.clone();
        for table in tables {
            match self.look(table, &print, &print) {
                Found::Nothing => {}
                Found::Broken => return Err(Broken),
                Found::Row(..) | Found::Joined(_) => return Ok(true),
                Found::Unknown(reason) => {
                    let question = format!("table {} {print}", table.name);
                    if self.chooser.choose(&question, 2, || reason) == 1 {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Logins that own the sender; the inner `None`: not known which.
    fn sender_owners(&mut self, maps: &[Arc<Table>]) -> Result<Option<Option<String>>, Broken> {
        let mailbox = self.mailbox(Subject::Sender)?;
        Ok(self.find_mailbox(maps, &mailbox.mailbox)?.map(|hit| hit.value))
    }

    fn owned_by_login(&mut self, maps: &[Arc<Table>]) -> Result<bool, Broken> {
        let Some(login) = self.login().map(str::to_owned) else { return Ok(false) };
        Ok(match self.sender_owners(maps)? {
            None => false,
            Some(Some(owners)) => owners
                .split([',', ' ', '\t'])
                .any(|owner| !owner.is_empty() && owner.eq_ignore_ascii_case(&login)),
            Some(None) => {
                let reason = || Reason::ContentsUnknown { name: "sender logins".into() };
                self.chooser.choose(&format!("owner {login}"), 2, reason) == 1
            }
        })
    }

    /// What DNS says; a client that arranges its world has good standing everywhere.
    fn dns(&mut self, dns: &Dns) -> Result<bool, Broken> {
        let Some(domain) = self.dns_subject(dns)? else { return Ok(false) };
        if dns.asks == DnsQuestion::BackupMx
            && let Some(backup) = self.facts.backup_mx
        {
            return Ok(backup);
        }
        if dns.asks == DnsQuestion::Unresolvable && self.facts.existing.contains(&domain) {
            return Ok(false);
        }
        if self.facts.client_arranges && dns.asks != DnsQuestion::BackupMx {
            return Ok(false);
        }
        let question = format!("dns {:?} {:?} {} {domain}", dns.asks, dns.about, dns.text);
        let reason = || Reason::Dns { name: dns.text.to_string() };
        Ok(self.chooser.choose(&question, 2, reason) == 1)
    }

    /// The name or address that DNS is asked about; `None` when the rule does not apply.
    fn dns_subject(&mut self, dns: &Dns) -> Result<Option<String>, Broken> {
        let domain = match dns.about {
            Subject::Client if dns.asks == DnsQuestion::Listed => {
                return Ok(Some(self.attempt.client.to_string()));
            }
            Subject::Client => self.client_name(),
            Subject::ReverseName => self.reverse_name(),
            Subject::Helo => self.greeting().unwrap_or_else(|| UNKNOWN.to_owned()),
            Subject::Sender | Subject::Recipient => {
                let visible = if dns.about == Subject::Sender {
                    self.some_sender()
                } else {
                    self.sees(Sees::Recipient)
                };
                if !visible {
                    return Ok(None);
                }
                let mailbox = self.mailbox(dns.about)?;
                let own = !matches!(mailbox.class, Class::Relay | Class::Other);
                if own && matches!(dns.asks, DnsQuestion::Unresolvable | DnsQuestion::BackupMx) {
                    return Ok(None);
                }
                // where it is not known where a route leads, nobody is a backup for it
                let stays = self.routing.untrusted_routes || self.routing.routes_are_limited;
                if dns.asks == DnsQuestion::BackupMx && mailbox.routed && !stays {
                    return Ok(None);
                }
                mailbox.domain().to_owned()
            }
            Subject::Login | Subject::Certificate => return Ok(None),
        };
        let literal =
            domain.starts_with('[') && !matches!(dns.asks, DnsQuestion::Server | DnsQuestion::Undeliverable);
        Ok((domain != UNKNOWN && !literal).then_some(domain))
    }

    /// Looks a rule's subject up; `None` when there is no subject (yet).
    pub(super) fn find_subject<'t>(&mut self, lookup: &'t Lookup) -> Result<Option<Found<'t>>, Broken> {
        let (keys, subject) = match lookup.subject {
            Subject::Client => self.host_keys(&self.client_name(), lookup),
            Subject::ReverseName => self.host_keys(&self.reverse_name(), lookup),
            Subject::Helo => {
                let Some(helo) = self.greeting() else { return Ok(None) };
                (keys::host(&helo, lookup.parents), helo)
            }
            Subject::Sender if !self.sees(Sees::Sender) => return Ok(None),
            Subject::Sender if self.sender.is_empty() => {
                (vec![(lookup.null_sender_key.to_string(), false)], String::new())
            }
            Subject::Recipient if !self.sees(Sees::Recipient) => return Ok(None),
            Subject::Sender | Subject::Recipient => {
                let mailbox = self.mailbox(lookup.subject)?.mailbox;
                if matches!(lookup.table.content, Content::HostName(_)) && self.is_foreign(&mailbox) {
                    return Ok(Some(Found::Nothing));
                }
                let keys = match lookup.part {
                    Part::Address => keys::access(&mailbox, &self.routing.delimiters, lookup.parents),
                    Part::Whole => vec![(mailbox.clone(), false)],
                    Part::Domain => keys::domain(&mailbox, lookup.parents),
                    Part::Local => keys::local(&mailbox, &self.routing.delimiters),
                };
                (keys, mailbox)
            }
            Subject::Login => {
                let Some(login) = self.login().map(str::to_owned) else { return Ok(None) };
                (vec![(login.clone(), false)], login)
            }
            Subject::Certificate => {
                let shown = self.attempt.certificate.as_ref().filter(|_| self.encrypted());
                let Some(print) = shown.map(|c| c.fingerprint.clone()) else { return Ok(None) };
                (vec![(print.clone(), false)], print)
            }
        };
        let derived = lookup.table.takes_derived_keys();
        for (key, _) in keys.iter().filter(|(key, is_derived)| !key.is_empty() && (derived || !is_derived)) {
            match self.look(&lookup.table, key, &subject) {
                Found::Nothing => {}
                found => return Ok(Some(found)),
            }
        }
        Ok(Some(Found::Nothing))
    }

    fn host_keys(&self, name: &str, lookup: &Lookup) -> (Vec<keys::Key>, String) {
        let mut all = keys::host(name, lookup.parents);
        all.extend(keys::network(self.attempt.client));
        (all, self.attempt.client.to_string())
    }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').filter(|n| !n.is_empty() && !n.ends_with('.')).unwrap_or(name)
}

fn well_formed(helo: &str) -> bool {
    if helo.starts_with('[') {
        return literal_address(helo).is_some();
    }
    let name = without_dot(helo);
    is_host_name(name) || name.parse::<std::net::IpAddr>().is_ok()
}

fn qualified(helo: &str) -> bool {
    if helo.starts_with('[') {
        return literal_address(helo).is_some();
    }
    let name = without_dot(helo);
    is_host_name(name) && name.contains('.')
}

fn address_qualified(address: &str) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    if domain.starts_with('[') && domain.ends_with(']') {
        return true;
    }
    let name = without_dot(domain);
    is_host_name(name) && name.contains('.')
}
