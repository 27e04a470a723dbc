//! Whose mailbox an address is, as one host sees it: class of its domain, membership in lists, known or unknown.

use std::sync::Arc;

use super::lists::{About, ClientList, DomainList, Member, Question};
use super::routing::{Agent, Transport};
use super::rules::Subject;
use super::run::{Broken, Run};
use super::table::{Found, Table};
use super::{address, keys};
use crate::finding::Location;
use crate::reason::Reason;

/// An address as the host resolves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// `user@domain` after own domains were taken off, lower case.
    pub(super) mailbox: String,
    /// Class of the domain.
    pub(super) class: Class,
    /// Whether a route is left in the local part.
    pub(super) routed: bool,
    /// Whether the domain is no domain.
    pub(super) invalid: bool,
    /// What put the domain into its class.
    pub(super) at: Option<Location>,
}

/// Class of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Local,
    Alias,
    Mailbox,
    Relay,
    Other,
}

impl Mailbox {
    /// What stands behind the last `@`.
    pub(super) fn domain(&self) -> &str {
        self.mailbox.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A hit in an address table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// The answer; `None` when the evidence does not hold it.
    pub(super) value: Option<String>,
    /// The answer before groups were filled in.
    pub(super) template: Arc<str>,
    /// Extension that was taken off to find it.
    pub(super) extension: String,
}

impl Run<'_> {
    /// Sender or recipient, resolved once.
    pub(super) fn mailbox(&mut self, subject: Subject) -> Result<Mailbox, Broken> {
        let (cached, text) = match subject {
            Subject::Sender => (&self.sender_mailbox, &self.sender),
            _ => (&self.recipient_mailbox, &self.recipient),
        };
        if let Some(mailbox) = cached {
            return Ok(mailbox.clone());
        }
        let completed = self.routing.forms.complete(text);
        let mailbox = self.resolve(&completed)?;
        match subject {
            Subject::Sender => self.sender_mailbox = Some(mailbox.clone()),
            _ => self.recipient_mailbox = Some(mailbox.clone()),
        }
        Ok(mailbox)
    }

    /// Resolves a completed address and finds its class.
    pub(super) fn resolve(&mut self, completed: &str) -> Result<Mailbox, Broken> {
        let routing = Arc::clone(&self.routing);
        let completed = &self.without_percents(completed)?;
        let mut failed = None;
        let mut local_at = None;
        let resolved = routing.forms.resolve(completed, &mut |domain| match self.is_local(domain) {
            Ok((is, at)) => {
                local_at = at.or(local_at.take());
                is
            }
            Err(broken) => {
                failed = Some(broken);
                false
            }
        });
        if let Some(broken) = failed {
            return Err(broken);
        }
        let domain = resolved.domain().to_owned();
        let (mut class, mut at) = (Class::Other, None);
        if resolved.local {
            (class, at) = (Class::Local, local_at);
        } else if !resolved.invalid {
            let lists = [
                (Class::Alias, &routing.alias_domains),
                (Class::Mailbox, &routing.mailbox_domains),
                (Class::Relay, &routing.relay_domains),
            ];
            for (candidate, list) in lists {
                let (is, where_) = self.domain_in(list, &domain)?;
                if is {
                    (class, at) = (candidate, where_);
                    break;
                }
            }
        }
        Ok(Mailbox {
            mailbox: resolved.mailbox,
            class,
            routed: resolved.routed,
            invalid: resolved.invalid,
            at,
        })
    }

    /// Whether the recipient has a route that one of its domains took off.
    pub(super) fn recipient_unfolded(&mut self) -> Result<bool, Broken> {
        let completed = self.routing.forms.complete(&self.recipient);
        Ok(self.without_percents(&completed)? != completed)
    }

    /// `user%host@domain` turned into `user@host` for the domains that do so, again and again.
    fn without_percents(&mut self, address: &str) -> Result<String, Broken> {
        let routing = Arc::clone(&self.routing);
        let mut address = address.to_owned();
        if routing.percent_domains.entries().is_empty() {
            return Ok(address);
        }
        let mut all = false;
        while let Some((local, domain)) = address.rsplit_once('@') {
            let Some((user, host)) = local.rsplit_once('%') else { break };
            if !all && !self.domain_in(&routing.percent_domains, domain)?.0 {
                break;
            }
            all = routing.percent_to_the_end;
            address = format!("{user}@{host}");
        }
        Ok(address)
    }

    /// Whether a domain or literal is delivered to local accounts.
    fn is_local(&mut self, domain: &str) -> Result<(bool, Option<Location>), Broken> {
        let routing = Arc::clone(&self.routing);
        let domain = domain.strip_suffix('.').filter(|d| !d.is_empty()).unwrap_or(domain);
        if let Some(address) = address::literal_address(domain) {
            if routing.local_literals.contains(address) {
                return Ok((true, None));
            }
            if self.policy.own_addresses.is_none() && !address.is_loopback() {
                let reason = || Reason::HostFactMissing { fact: "addresses".into() };
                let is = self.chooser.choose(&format!("own address {address}"), 2, reason) == 1;
                return Ok((is, None));
            }
        }
        self.domain_in(&routing.local, domain)
    }

    /// Whether a domain is in a list.
    pub(super) fn domain_in(
        &mut self,
        list: &DomainList,
        domain: &str,
    ) -> Result<(bool, Option<Location>), Broken> {
        match list.find(domain) {
            Member::Decided(is, at) => Ok((is, at.cloned())),
            Member::Ask(questions, is, at) => {
                let keys = keys::host(domain, list.parents());
                match self.ask(&list.name, &questions, &[keys], domain)? {
                    Some(question) => Ok((question.member, Some(question.at.clone()))),
                    None => Ok((is, at.cloned())),
                }
            }
        }
    }

    /// Whether the client is in a list.
    pub(super) fn client_in(&mut self, list: &ClientList) -> Result<bool, Broken> {
        let (address, name) = (self.attempt.client, self.client_name());
        match list.find(address, &name) {
            Member::Decided(is, _) => Ok(is),
            Member::Ask(questions, is, _) => {
                let by_name = keys::host(&name.to_ascii_lowercase(), list.parents());
                let by_address = vec![(address.to_string(), false)];
                let found = self.ask(&list.name, &questions, &[by_name, by_address], &address.to_string())?;
                Ok(found.map_or(is, |question| question.member))
            }
        }
    }

    /// The first question that holds, each asked with every kind of key.
    fn ask<'l>(
        &mut self,
        list: &str,
        questions: &[Question<'l>],
        keys: &[Vec<keys::Key>],
        subject: &str,
    ) -> Result<Option<Question<'l>>, Broken> {
        for question in questions {
            let holds = match question.about {
                About::Fails => return Err(Broken),
                About::Unknown(reason) => {
                    let text = format!("list {list} {subject} {reason:?}");
                    self.chooser.choose(&text, 2, || reason.clone()) == 1
                }
                About::Table(table) => self.table_holds(table, keys, subject)?,
            };
            if holds {
                return Ok(Some(*question));
            }
        }
        Ok(None)
    }

    fn table_holds(&mut self, table: &Table, keys: &[Vec<keys::Key>], subject: &str) -> Result<bool, Broken> {
        for (key, _) in keys.iter().flatten().filter(|(_, derived)| !derived || table.takes_derived_keys()) {
            match self.look(table, key, subject) {
                Found::Nothing => {}
                Found::Row(..) | Found::Joined(_) => return Ok(true),
                Found::Broken => return Err(Broken),
                Found::Unknown(reason) => {
                    let text = format!("table {} {subject}", table.name);
                    return Ok(self.chooser.choose(&text, 2, || reason) == 1);
                }
            }
        }
        Ok(false)
    }

    /// Looks a mailbox up in address tables: all tables by the whole address, then all by the next key.
    pub(super) fn find_mailbox(
        &mut self,
        tables: &[Arc<Table>],
        mailbox: &str,
    ) -> Result<Option<Rewritten>, Broken> {
        if tables.is_empty() || mailbox.is_empty() {
            return Ok(None);
        }
        let routing = Arc::clone(&self.routing);
        let domain = mailbox.rsplit_once('@').map_or("", |(_, domain)| domain);
        let origin = routing.forms.origin.as_deref().is_some_and(|o| o.eq_ignore_ascii_case(domain));
        let local = origin || self.is_local(domain)?.0;
        for ((key, derived), extension) in keys::mailbox(mailbox, &routing.delimiters, local) {
            for table in tables.iter().filter(|t| !derived || t.takes_derived_keys()) {
                match self.look(table, &key, mailbox) {
                    Found::Nothing => {}
                    Found::Broken => return Err(Broken),
                    Found::Unknown(reason) => {
                        let question = format!("table {} {mailbox}", table.name);
                        if self.chooser.choose(&question, 2, || reason) == 1 {
                            return Ok(Some(Rewritten { value: None, template: "".into(), extension }));
                        }
                    }
                    Found::Joined(value) => {
                        let template = value.as_str().into();
                        return Ok(Some(Rewritten { value: Some(value), template, extension }));
                    }
                    Found::Row(row, value) => {
                        let template = Arc::clone(&row.value);
                        let value = Some(value.into_owned());
                        return Ok(Some(Rewritten { value, template, extension }));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The reply code when the sender is an unknown mailbox of an own domain.
    pub(super) fn sender_unlisted(&mut self) -> Result<Option<u16>, Broken> {
        let mailbox = self.mailbox(Subject::Sender)?;
        let listed = Arc::clone(&self.listener.listed);
        if self.find_mailbox(&listed.rewritten_senders, &mailbox.mailbox)?.is_some() {
            return Ok(None);
        }
        self.unlisted(&mailbox)
    }

    /// The reply code when the recipient is an unknown mailbox of an own domain.
    pub(super) fn recipient_unlisted(&mut self) -> Result<Option<u16>, Broken> {
        let mailbox = self.mailbox(Subject::Recipient)?;
        self.unlisted(&mailbox)
    }

    fn unlisted(&mut self, mailbox: &Mailbox) -> Result<Option<u16>, Broken> {
        let listed = Arc::clone(&self.listener.listed);
        if self.find_mailbox(&listed.rewritten, &mailbox.mailbox)?.is_some() {
            return Ok(None);
        }
        match self.transport(mailbox)? {
            Transport { agent: Agent::Bounce, .. } => return Ok(Some(550)),
            Transport { agent: Agent::PutOff, .. } => return Ok(Some(450)),
            _ => {}
        }
        let tables = match mailbox.class {
            Class::Local => &listed.local,
            Class::Mailbox => &listed.virtual_mailboxes,
            Class::Relay => &listed.relay,
            Class::Alias | Class::Other => return Ok(None),
        };
        let user = mailbox.mailbox.rsplit_once('@').map_or("", |(user, _)| user);
        let reserved =
            mailbox.class == Class::Local && ["postmaster", "mailer-daemon", "double-bounce"].contains(&user);
        if tables.is_empty() || reserved || self.find_mailbox(tables, &mailbox.mailbox)?.is_some() {
            return Ok(None);
        }
        Ok(Some(550))
    }
}
