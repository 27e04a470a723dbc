//! Hosts that decide by an ordered list of routers where mail goes: one list answers both whether an address is known
//! and where its mail ends up.

use std::sync::Arc;

use super::policy::{ListId, Sees};
use super::recipient::Rewritten;
use super::route::{MAX_ADDRESSES, Onward};
use super::routing::{Agent, Does, Leaves, Next, Routing, Transport};
use super::rules::{Action, Lookup, Subject};
use super::run::{Broken, Flow, MAX_DEPTH, Run};
use super::table::Found;
use crate::finding::Location;

/// Where the routers take one address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hop {
    /// To an agent.
    To(Transport),
    /// It becomes others.
    Became(Rewritten),
    /// It is thrown away.
    Nowhere,
    /// Nowhere: refused with this code.
    Refused(u16),
}

impl Routing {
    /// What routers replace addresses by.
    pub(super) fn redirects(&self) -> impl Iterator<Item = &Lookup> {
        self.routers
            .iter()
            .filter_map(|r| if let Does::Redirect(lookup) = &r.does { Some(lookup) } else { None })
    }
}

impl Run<'_> {
    /// Whether a list of rules permits.
    pub(super) fn passes(&mut self, list: ListId) -> Result<bool, Broken> {
        if self.nested >= MAX_DEPTH {
            return Err(Broken);
        }
        self.nested += 1;
        let flow = self.list(list, 0);
        self.nested -= 1;
        match flow {
            Flow::Permit => Ok(true),
            Flow::Refuse(code) if code < 500 => Err(Broken),
            Flow::Refuse(_) | Flow::Continue => Ok(false),
        }
    }

    /// Whether an address is a syntax error to this server.
    pub(super) fn is_refused_form(&self) -> bool {
        let refuses = self.routing.forms.refuses;
        let doubled = |raw: &str| domains(raw) > 1;
        let quoted = |raw: &str| raw.rsplit_once('@').is_some_and(|(local, _)| local.contains('"'));
        let bad = |address: &str, raw: &str| {
            !address.is_empty()
                && ((refuses.bare && domains(raw) == 0 && !address.eq_ignore_ascii_case("postmaster"))
                    || (refuses.doubled && doubled(raw))
                    || (refuses.quoted && quoted(raw))
                    || (refuses.literals && address.rsplit('@').next().is_some_and(|d| d.starts_with('['))))
        };
        let (sender, recipient) = (&self.attempt.mail_from, &self.attempt.rcpt_to);
        (refuses.bare_sender && !sender.is_empty() && domains(sender) == 0)
            || (refuses.bang && recipient.contains('!') && !quoted(recipient))
            || bad(&self.sender, sender)
            || bad(&self.recipient, recipient)
    }

    /// Whether the domain of an address is certainly somebody else's.
    pub(super) fn is_foreign(&self, mailbox: &str) -> bool {
        self.is_fresh(mailbox.rsplit_once('@').map_or("", |(_, domain)| domain))
    }

    /// Whether the routers take an address somewhere. The null sender always passes.
    pub(super) fn routable(&mut self, subject: Subject) -> Result<bool, Broken> {
        let needs = if subject == Subject::Sender { Sees::Sender } else { Sees::Recipient };
        if !self.sees(needs) || (subject == Subject::Sender && self.sender.is_empty()) {
            return Ok(true);
        }
        let address = if subject == Subject::Sender { self.sender.clone() } else { self.recipient.clone() };
        let mut open = vec![self.routing.forms.complete(&address)];
        let (mut seen, mut refused) = (Vec::new(), false);
        let every = self.routing.every_address_counts;
        while let Some(address) = open.pop() {
            if seen.len() >= MAX_ADDRESSES {
                self.cut = true;
                break;
            }
            if seen.contains(&address) {
                continue;
            }
            seen.push(address.clone());
            match self.hop(&address, seen.len() > 1, true)?.0 {
                Hop::To(transport) if matches!(transport.agent, Agent::Bounce | Agent::PutOff) => {
                    refused = true
                }
                Hop::To(_) | Hop::Nowhere if every => {}
                Hop::To(_) | Hop::Nowhere => return Ok(true),
                Hop::Refused(code) if code < 500 => return Err(Broken),
                Hop::Refused(_) => refused = true,
                Hop::Became(Rewritten { value: None, .. }) => return Ok(true),
                Hop::Became(hit) => {
                    let from = Onward { address, free: false };
                    open.extend(self.apply(&hit, &from).into_iter().map(|to| to.address));
                }
            }
        }
        Ok(!refused)
    }

    /// Follows a recipient through the routers to the most harmful of its ends.
    pub(super) fn follow_routers(&mut self, recipient: &str) -> Result<Leaves, Broken> {
        let mut open = vec![Onward { address: recipient.to_owned(), free: true }];
        let (mut seen, mut ends) = (Vec::new(), Leaves::No);
        while let Some(next) = open.pop() {
            if seen.len() >= MAX_ADDRESSES {
                self.cut = true;
                break;
            }
            if seen.contains(&next) {
                continue;
            }
            seen.push(next.clone());
            let (hop, at) = self.hop(&next.address, seen.len() > 1, false)?;
            // where no rule permitted it, the first router that took it did
            if self.lines.is_empty() {
                self.lines.extend(at);
            }
            match hop {
                Hop::To(transport) => {
                    let mailbox = self.resolve(&next.address)?;
                    let free = next.free || self.is_fresh(mailbox.domain());
                    ends = ends.max(self.network_end(&mailbox, &transport, free));
                }
                Hop::Became(hit) => open.extend(self.apply(&hit, &next)),
                Hop::Refused(_) | Hop::Nowhere => {}
            }
        }
        Ok(ends)
    }

    /// Where the routers take one address, and which of them; `child`: it came out of another address.
    fn hop(
        &mut self,
        address: &str,
        child: bool,
        verifying: bool,
    ) -> Result<(Hop, Option<Location>), Broken> {
        let recipient = std::mem::replace(&mut self.recipient, address.to_owned());
        let mailbox = self.recipient_mailbox.take();
        let hop = self.first_router(address, child, verifying);
        self.recipient = recipient;
        self.recipient_mailbox = mailbox;
        hop
    }

    fn first_router(
        &mut self,
        address: &str,
        child: bool,
        verifying: bool,
    ) -> Result<(Hop, Option<Location>), Broken> {
        let routing = Arc::clone(&self.routing);
        for router in routing.routers.iter().filter(|r| r.verifies || !verifying) {
            let condition = router.of_children.as_ref().filter(|_| child).unwrap_or(&router.condition);
            if !self.holds(condition)? {
                continue;
            }
            let hop = match &router.does {
                Does::Send(transport) => Hop::To(transport.clone()),
                Does::Fail(code) => Hop::Refused(*code),
                Does::Unknown(reason) => {
                    Hop::To(Transport { agent: Agent::Unknown(reason.clone()), next: Next::Recipient })
                }
                Does::Redirect(lookup) => match self.redirect(lookup, address)? {
                    Some(hop) => hop,
                    None => continue,
                },
            };
            return Ok((hop, Some(router.at.clone())));
        }
        Ok((Hop::Refused(550), None))
    }

    /// What a redirection makes of the address; `None` when it has nothing to say.
    fn redirect(&mut self, lookup: &Lookup, address: &str) -> Result<Option<Hop>, Broken> {
        let (value, template) = match self.find_subject(lookup)? {
            None | Some(Found::Nothing) => return Ok(None),
            Some(Found::Broken) => return Err(Broken),
            Some(Found::Unknown(reason)) => {
                let question = format!("redirect {} {address}", lookup.table.name);
                if self.chooser.choose(&question, 2, || reason) == 0 {
                    return Ok(None);
                }
                (None, Arc::from(""))
            }
            Some(Found::Joined(text)) => (Some(text.clone()), Arc::from(text.as_str())),
            Some(Found::Row(row, value)) => (Some(value.into_owned()), Arc::clone(&row.value)),
        };
        let hop = match lookup.actions.get(&template) {
            Some(Action::Continue) => return Ok(None),
            Some(Action::Refuse(code)) => Hop::Refused(*code),
            Some(Action::Hold | Action::Discard) => Hop::Nowhere,
            Some(Action::Unknown(reason)) => {
                Hop::To(Transport { agent: Agent::Unknown(reason.clone()), next: Next::Recipient })
            }
            // an address that becomes itself goes on to the next router
            _ if value
                .as_deref()
                .is_some_and(|v| self.routing.forms.complete(v).eq_ignore_ascii_case(address)) =>
            {
                return Ok(None);
            }
            _ => Hop::Became(Rewritten { value, template, extension: String::new() }),
        };
        Ok(Some(hop))
    }
}

/// How many domains an address names, source route and quotes aside.
fn domains(address: &str) -> usize {
    let address = match address.split_once(':') {
        Some((route, address)) if route.starts_with('@') && !route.contains('"') => address,
        _ => address,
    };
    let (mut quoted, mut escaped, mut found) = (false, false, 0);
    for c in address.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '@' if !quoted => found += 1,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_counted_outside_of_quotes_and_routes() {
        for (address, expected) in [
            ("a@b.example", 1),
            ("a", 0),
            ("\"a@b.example\"", 0),
            ("\"a\\\"@x\"@b.example", 1),
            ("a@b.example@c.example", 2),
            ("@x.example,@y.example:a@b.example", 1),
            ("@x.example:a", 0),
        ] {
            assert_eq!(domains(address), expected, "{address}");
        }
    }
}
