//! After acceptance: where the mail goes, and whether the client chose that.
//!
//! Rewriting is authorisation by the back door: a table whose answer builds the domain from the client's text turns
//! an own address into a relay, and no reply to RCPT TO shows it.

use std::sync::Arc;

use super::recipient::{Class, Mailbox, Rewritten};
use super::routing::{Agent, Leaves, Next, Transport};
use super::rules::Subject;
use super::run::{Broken, Run};
use super::suffix::{is_free, is_public, registrable};
use super::table::{Found, Table};
use super::{address, keys};
use crate::reason::Reason;

/// Most addresses that one recipient is followed into.
pub(super) const MAX_ADDRESSES: usize = 64;

/// Longest address that is followed on; Postfix defers a recipient that aliases make longer
/// (`virtual_alias_address_length_limit`, postconf(5)). Tables that quote again and again double it at every step.
const MAX_LENGTH: usize = 1_000;

/// Most rewriting steps of one address.
const MAX_REWRITES: usize = 16;

/// An address on its way, and whether the client chose its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Onward {
    pub(super) address: String,
    pub(super) free: bool,
}

impl Run<'_> {
    /// Follows an accepted recipient to the most harmful of its ends.
    pub(super) fn follow(&mut self, recipient: &str) -> Result<Leaves, Broken> {
        let routing = Arc::clone(&self.routing);
        if !routing.routers.is_empty() {
            return self.follow_routers(recipient);
        }
        let mut start = Onward { address: recipient.to_owned(), free: true };
        for tables in &routing.canonical {
            for _ in 0..MAX_REWRITES {
                let Some(hit) = self.find_mailbox(tables, &start.address)? else { break };
                let Some(next) = self.apply(&hit, &start).into_iter().next().filter(|n| *n != start) else {
                    break;
                };
                if next.address.len() > MAX_LENGTH {
                    self.cut = true;
                    break;
                }
                start = next;
            }
        }
        let mut ends = Leaves::No;
        let mut copies = self.copies(&start)?;
        copies.push(start);
        let mut seen = Vec::new();
        while let Some(next) = copies.pop() {
            if seen.len() >= MAX_ADDRESSES {
                self.cut = true;
                break;
            }
            if next.address.len() > MAX_LENGTH {
                self.cut = true;
                continue;
            }
            if seen.contains(&next) {
                continue;
            }
            seen.push(next.clone());
            match self.find_mailbox(&routing.aliases, &next.address)? {
                None => ends = ends.max(self.fate(&next)?),
                Some(hit) => {
                    let expanded = self.apply(&hit, &next);
                    if expanded.contains(&next) {
                        ends = ends.max(self.fate(&next)?);
                    }
                    copies.extend(expanded);
                }
            }
        }
        Ok(ends)
    }

    /// Recipients that tables add.
    fn copies(&mut self, to: &Onward) -> Result<Vec<Onward>, Broken> {
        let routing = Arc::clone(&self.routing);
        let mut copies = Vec::new();
        if let Some(hit) = self.find_mailbox(&routing.copies, &to.address)? {
            copies.extend(self.apply(&hit, to));
        }
        if !routing.sender_copies.is_empty() && !self.sender.is_empty() {
            let sender = self.mailbox(Subject::Sender)?.mailbox;
            if let Some(hit) = self.find_mailbox(&routing.sender_copies, &sender)? {
                copies.extend(self.apply(&hit, &Onward { address: sender, free: true }));
            }
        }
        Ok(copies)
    }

    /// The addresses that a hit turns an address into. A directory that the evidence does not hold names its own
    /// addresses, not the client's.
    pub(super) fn apply(&self, hit: &Rewritten, from: &Onward) -> Vec<Onward> {
        let Some(value) = &hit.value else { return Vec::new() };
        let free_domain = match hit.template.rsplit_once('@') {
            Some((_, domain)) => domain.contains('$'),
            None => hit.template.contains('$'),
        };
        let addresses = value.split([',', ' ', '\t', '\n']).filter(|a| !a.is_empty());
        addresses
            .take(MAX_ADDRESSES)
            .map(|address| {
                let address = if let Some(domain) = address.strip_prefix('@') {
                    let user = from.address.rsplit_once('@').map_or(from.address.as_str(), |(user, _)| user);
                    let user = user.strip_suffix(&hit.extension).unwrap_or(user);
                    format!("{user}@{domain}")
                } else {
                    address.to_owned()
                };
                let address = self.routing.forms.complete(&address);
                // a rewritten local part may again hold a route
                Onward { free: free_domain || (from.free && address == from.address), address }
            })
            .collect()
    }

    /// Where one final address goes.
    fn fate(&mut self, to: &Onward) -> Result<Leaves, Broken> {
        let routing = Arc::clone(&self.routing);
        let mailbox = self.resolve(&to.address)?;
        if mailbox.invalid {
            return Ok(Leaves::No);
        }
        let free = to.free || self.is_fresh(mailbox.domain());
        let transport = self.transport(&mailbox)?;
        let own = self.network_end(&mailbox, &transport, free);
        let mut ends = own;
        if mailbox.class == Class::Local && transport.agent == Agent::Deliver {
            for onward in &routing.local_onward {
                ends = ends.max(self.network_end(&mailbox, onward, free));
            }
            if routing.local_fallback_chosen && free {
                let reason = || Reason::Unread { text: "fallback address built from the recipient".into() };
                if self.chooser.choose(&format!("fallback {}", mailbox.mailbox), 2, reason) == 1 {
                    ends = Leaves::Anywhere;
                }
            }
        }
        Ok(ends)
    }

    pub(super) fn network_end(&mut self, mailbox: &Mailbox, transport: &Transport, free: bool) -> Leaves {
        let fresh = free && self.is_fresh(mailbox.domain());
        let stays = if fresh { Leaves::KeptForeign } else { Leaves::No };
        match &transport.agent {
            Agent::Bounce | Agent::PutOff | Agent::Discard => Leaves::No,
            Agent::Deliver | Agent::Unchanged => stays,
            Agent::Unknown(reason) => {
                let question = format!("agent {reason:?}");
                match self.chooser.choose(&question, 2, || reason.clone()) {
                    0 => stays,
                    _ => self.leaving(mailbox, free),
                }
            }
            Agent::Network if transport.next == Next::Loopback => {
                let reason =
                    || Reason::OutsideService { name: "service on this host that mail is handed to".into() };
                match self.chooser.choose("loopback next hop", 2, reason) {
                    0 => stays,
                    _ => self.leaving(mailbox, free),
                }
            }
            Agent::Network => self.leaving(mailbox, free),
        }
    }

    /// Mail leaves for the mailbox's domain: who chose that?
    fn leaving(&self, mailbox: &Mailbox, free: bool) -> Leaves {
        if !free {
            return Leaves::Declared;
        }
        if mailbox.routed && self.names_fresh(&mailbox.mailbox) {
            let limited = self.routing.routes_are_limited;
            return if limited { Leaves::Limited } else { Leaves::Anywhere };
        }
        let domain = mailbox.domain();
        let declared = match mailbox.class {
            Class::Relay => self.routing.relay_domains.names(domain),
            Class::Local => self.routing.local.names(domain) || self.is_own_literal(domain),
            Class::Mailbox => self.routing.mailbox_domains.names(domain),
            Class::Alias | Class::Other => false,
        };
        if declared {
            return Leaves::Declared;
        }
        if self.facts.backup_mx == Some(true) {
            return Leaves::Limited;
        }
        if self.is_fresh(domain) || domain.starts_with('[') { Leaves::Anywhere } else { Leaves::Limited }
    }

    fn is_own_literal(&self, domain: &str) -> bool {
        address::literal_address(domain).is_some_and(|own| self.routing.local_literals.contains(own))
    }

    /// Whether the client chose this domain: no configuration names it.
    pub(super) fn is_fresh(&self, domain: &str) -> bool {
        match &self.facts.fresh_label {
            Some(label) => is_free(domain, label),
            None => {
                registrable(domain).is_some_and(|own| is_public(own) && self.facts.existing.contains(own))
            }
        }
    }

    fn names_fresh(&self, mailbox: &str) -> bool {
        self.facts.fresh_label.as_ref().is_none_or(|label| mailbox.contains(label.as_str()))
    }

    /// The agent and next host of a resolved address.
    pub(super) fn transport(&mut self, mailbox: &Mailbox) -> Result<Transport, Broken> {
        let routing = Arc::clone(&self.routing);
        if self.find_mailbox(&routing.relocated, &mailbox.mailbox)?.is_some() {
            return Ok(Transport { agent: Agent::Bounce, next: Next::Recipient });
        }
        let base = match mailbox.class {
            Class::Alias => return Ok(Transport { agent: Agent::Bounce, next: Next::Recipient }),
            Class::Local => routing.defaults.local.clone(),
            Class::Mailbox => routing.defaults.mailbox.clone(),
            Class::Relay => routing.defaults.relay.clone(),
            Class::Other => self.sender_transport()?.unwrap_or_else(|| routing.defaults.other.clone()),
        };
        let keys = keys::route(&mailbox.mailbox, &routing.delimiters, routing.transport_parents);
        for (key, derived) in keys {
            for table in routing.transports.iter().filter(|t| !derived || t.takes_derived_keys()) {
                if let Some(answer) = self.transport_answer(table, &key, &mailbox.mailbox)? {
                    let agent = match answer.agent {
                        Agent::Unchanged => base.agent.clone(),
                        agent => agent,
                    };
                    let next = if answer.next == Next::Recipient { base.next } else { answer.next };
                    return Ok(Transport { agent, next });
                }
            }
        }
        Ok(base)
    }

    /// What the sender's address makes of the last class's transport.
    pub(super) fn sender_transport(&mut self) -> Result<Option<Transport>, Broken> {
        let routing = Arc::clone(&self.routing);
        if routing.sender_transports.is_empty() || self.sender.is_empty() {
            return Ok(None);
        }
        let completed = routing.forms.complete(&self.sender);
        let hit = self.find_mailbox(&routing.sender_transports, &completed)?;
        Ok(hit.and_then(|hit| routing.transport_answers.get(&hit.template).cloned()))
    }

    fn transport_answer(
        &mut self,
        table: &Table,
        key: &str,
        subject: &str,
    ) -> Result<Option<Transport>, Broken> {
        let unknown = |reason| Transport { agent: Agent::Unknown(reason), next: Next::Recipient };
        Ok(match self.look(table, key, subject) {
            Found::Nothing => None,
            Found::Broken => return Err(Broken),
            Found::Unknown(reason) => {
                let question = format!("table {} {subject}", table.name);
                let hit = self.chooser.choose(&question, 2, || reason.clone()) == 1;
                hit.then(|| unknown(reason))
            }
            Found::Joined(text) => Some(unknown(Reason::Unread { text })),
            Found::Row(row, _) => Some(match self.routing.transport_answers.get(&row.value) {
                Some(transport) => transport.clone(),
                None => unknown(Reason::Unread { text: row.value.to_string() }),
            }),
        })
    }
}
