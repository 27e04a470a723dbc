//! Routers: where an address goes, and whether it is known (Exim specification, chapters 3 and 15 to 22).

use super::acl::local_user;
use super::config::{Driver, ListKind, Value};
use super::expand::Expansion;
use super::lookups;
use super::reader::Reader;
use super::split::items;
use crate::finding::Location;
use crate::platform::mta::{
    all, any, held, not, pattern_row, patterns, to_host, to_mailbox, to_recipient, unread,
};
use crate::reason::Reason;
use crate::relay::{
    Agent, Condition, Dns, DnsQuestion, Does, Next, Parents, Part, Router, Subject, Transport,
};

impl Reader<'_> {
    /// The routers in order.
    pub(super) fn routers(&self) -> Vec<Router> {
        self.config.routers.iter().flat_map(|driver| self.router(driver)).collect()
    }

    fn router(&self, driver: &Driver) -> Vec<Router> {
        let at = driver
            .get("driver")
            .map_or_else(|| Location::within("exim", driver.name.as_str()), |v| v.at.clone());
        let condition = self.precondition(driver, &at);
        let no_more = !driver.flag("more", true);
        let verifies = driver.flag("verify", true) && driver.flag("verify_recipient", true);
        let only_verify = driver.flag("verify_only", false);
        let make = |condition: Condition, does: Does| Router {
            condition,
            of_children: None,
            does,
            verifies,
            at: at.clone(),
        };
        if only_verify {
            let reason = Reason::Unread { text: format!("{}: verify_only", driver.name) };
            return vec![make(all([condition, unread("verify_only")]), Does::Unknown(reason))];
        }
        let fails = driver.flag("fail_verify", false) || driver.flag("fail_verify_recipient", false);
        let parts = match driver.text("driver") {
            "accept" => vec![(Condition::Always, Does::Send(self.transport(driver)))],
            "dnslookup" => {
                let text = format!("{}: dnslookup", driver.name);
                let dns = Dns {
                    asks: DnsQuestion::Unresolvable,
                    about: Subject::Recipient,
                    text: text.as_str().into(),
                };
                // it passes over address literals
                vec![(all([not(literal(&at)), not(Condition::Dns(dns))]), Does::Send(to_recipient()))]
            }
            "ipliteral" => {
                vec![(literal(&at), Does::Send(to_recipient()))]
            }
            "manualroute" => vec![self.manual(driver, &at)],
            "redirect" => self.redirect(driver),
            other => {
                let reason = Reason::Unread { text: format!("{}: driver = {other}", driver.name) };
                vec![(unread(other), Does::Unknown(reason))]
            }
        };
        // a forwarding file of the user's own tells nothing about who may send
        let mut out = Vec::new();
        if !(driver.text("driver") == "redirect" && driver.get("file").is_some()) {
            for (extra, does) in parts {
                let does = if fails { Does::Fail(550) } else { does };
                out.push(make(all([condition.clone(), extra]), does));
            }
        }
        if no_more {
            out.push(make(condition, Does::Fail(550)));
        }
        out
    }

    fn precondition(&self, driver: &Driver, at: &Location) -> Condition {
        let mut parts = Vec::new();
        let affix = ["local_part_suffix", "local_part_prefix"].into_iter().find_map(|name| {
            driver.get(name).map(|v| (v.text.as_str(), driver.flag(&format!("{name}_optional"), false)))
        });
        for (name, Value { text, at }) in &driver.options {
            parts.push(match name.as_str() {
                "domains" => self.list(ListKind::Domain, text, Subject::Recipient, at),
                "local_parts" => self.list(ListKind::LocalPart, text, Subject::Recipient, at),
                "senders" => self.list(ListKind::Address, text, Subject::Sender, at),
                "condition" => self.truth(text, at),
                "require_files" => self.required(text, at),
                "address_test" | "expn" => continue,
                _ => continue,
            });
        }
        if driver.flag("check_local_user", false) && driver.get("check_local_user").is_some() {
            let optional = affix.is_some_and(|(_, optional)| optional);
            parts.push(local_user(self, affix.map(|(text, _)| text), optional, at));
        } else if let Some((text, false)) = affix {
            let table = patterns(text, vec![pattern_row(&lookups::affix(text), text, true, at)]);
            parts.push(held(Subject::Recipient, Part::Local, Parents::No, table));
        }
        all(parts)
    }

    /// Whether files exist that a router requires; paths that depend on the user are not known.
    fn required(&self, text: &str, at: &Location) -> Condition {
        let Some(known) = self.expand(text, at).known() else { return unread(text) };
        all(items(&known)
            .iter()
            .filter(|i| i.starts_with(['/', '+']))
            .map(|i| self.exists(i.trim_start_matches('+'))))
    }

    /// What a router's transport does with the mail.
    fn transport(&self, driver: &Driver) -> Transport {
        let name = driver.text("transport");
        let unknown = |text: String| Transport {
            agent: Agent::Unknown(Reason::Unread { text }),
            next: Next::Recipient,
        };
        let Some(name) = self.expand(name, &Location::within("exim", name)).known() else {
            return unknown(format!("transport = {name}"));
        };
        let Some(transport) = self.config.transports.get(&name) else {
            return if name.is_empty() { to_mailbox() } else { unknown(format!("transport = {name}")) };
        };
        match transport.text("driver") {
            "appendfile" | "pipe" | "autoreply" => to_mailbox(),
            // by default LMTP hands over to the mailboxes of this host
            "lmtp" => to_mailbox(),
            "smtp" if transport.text("protocol") == "lmtp" => to_mailbox(),
            "smtp" if transport.text("hosts").contains('$') => to_recipient(),
            "smtp" => to_host(),
            other => unknown(format!("{name}: driver = {other}")),
        }
    }

    /// `route_list`, `route_data`.
    fn manual(&self, driver: &Driver, at: &Location) -> (Condition, Does) {
        let deliver = self
            .config
            .transports
            .get(driver.text("transport"))
            .is_some_and(|t| matches!(t.text("driver"), "appendfile" | "pipe" | "autoreply" | "lmtp"));
        let send = if deliver { to_mailbox() } else { to_host() };
        if let Some(Value { text, at }) = driver.get("route_list") {
            let one = |rule: &str| {
                let pattern = rule.split_whitespace().next().unwrap_or_default().trim_matches('"').to_owned();
                self.list(ListKind::Domain, &pattern.replace(':', "::"), Subject::Recipient, at)
            };
            let text = if text.starts_with('<') { text.clone() } else { format!("<; {text}") };
            return (any(items(&text).iter().map(|rule| one(rule))), Does::Send(send));
        }
        let data = driver.text("route_data");
        match self.expand(data, at) {
            Expansion::Fail => (crate::platform::mta::never(), Does::Send(send)),
            Expansion::If(condition, yes, no) => {
                let says = |e: &Expansion| match e {
                    Expansion::Fail => false,
                    e => e.known().is_none_or(|t| !t.trim().is_empty()),
                };
                let condition = match (says(&yes), says(&no)) {
                    (true, true) => Condition::Always,
                    (true, false) => *condition,
                    (false, true) => not(*condition),
                    (false, false) => crate::platform::mta::never(),
                };
                (condition, Does::Send(send))
            }
            other => match other.known() {
                Some(text) if text.trim().is_empty() => (crate::platform::mta::never(), Does::Send(send)),
                Some(_) => (Condition::Always, Does::Send(send)),
                None => (unread(data), Does::Send(send)),
            },
        }
    }
}

/// The domain is an address literal.
fn literal(at: &Location) -> Condition {
    let table = patterns("literal", vec![pattern_row(r"^\[.*\]$", "literal", true, at)]);
    held(Subject::Recipient, Part::Domain, Parents::No, table)
}
