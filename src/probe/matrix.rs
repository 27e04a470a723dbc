//! The attempts: what abuse of relays is made of (RFC 2505 section 2.1), and one ordinary mail to hold them against.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Most own domains that are tried as forged senders.
const MAX_DOMAINS: usize = 3;

/// Local part of the addresses that belong to nobody.
const NOBODY: &str = "sekisho-test";

/// Foreign domain where none is declared: one that IANA keeps for examples.
pub(super) const EXAMPLE: &str = "example.net";

/// What an attempt tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// No relaying: from a stranger to the server's own postmaster. Whoever is refused even this is shut out as a client,
    /// and other refusals say nothing about relaying.
    Ordinary,
    /// From a stranger to a stranger.
    Foreign,
    /// The sender writes a mailbox of the server's own that exists.
    ForgedExisting,
    /// The sender writes a mailbox of the server's own that does not exist.
    ForgedInvented,
    /// The null sender (RFC 5321 section 4.5.5).
    NullSender,
    /// `user%foreign@own`.
    Percent,
    /// `foreign!user@own`.
    Bang,
    /// `"user@foreign"@own`.
    Quoted,
    /// `@own:user@foreign` (RFC 5321 appendix C).
    SourceRoute,
}

impl Form {
    /// Whether the recipient is written in the server's own domain, so that a server may well take it for a mailbox.
    pub const fn is_routed(self) -> bool {
        matches!(self, Self::Percent | Self::Bang | Self::Quoted | Self::SourceRoute)
    }
}

/// One attempt, without angle brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What it tries.
    pub form: Form,
    /// MAIL FROM; empty for the null sender.
    pub mail_from: String,
    /// RCPT TO.
    pub rcpt_to: String,
}

/// What attempts are made of.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// Domains of the server's own, the most important first.
    pub own: &'a [String],
    /// A mailbox of one's own that exists.
    pub mailbox: Option<&'a str>,
    /// A foreign domain.
    pub foreign: &'a str,
}

impl Words<'_> {
    /// Every attempt at a server with this address, in order.
    pub fn attempts(&self, server: IpAddr) -> Vec<Attempt> {
        // a server whose domains nobody knows is at least the one for its address (RFC 5321 section 4.1.3)
        let literal = [literal(server)];
        let own = if self.own.is_empty() { &literal } else { self.own };
        let own: Vec<&str> = own.iter().take(MAX_DOMAINS).map(String::as_str).collect();
        let first = own.first().copied().unwrap_or_default();
        let foreign = format!("{NOBODY}@{}", self.foreign);
        let attempt = |form, mail_from: &str, rcpt_to: String| Attempt {
            form,
            mail_from: mail_from.to_owned(),
            rcpt_to,
        };
        let mut out = vec![
            attempt(Form::Ordinary, &foreign, format!("postmaster@{first}")),
            attempt(Form::Foreign, &foreign, foreign.clone()),
        ];
        for domain in &own {
            let mine = self.mailbox.filter(|m| m.rsplit_once('@').is_some_and(|(_, d)| d == *domain));
            let existing = mine.map_or_else(|| format!("postmaster@{domain}"), str::to_owned);
            out.push(attempt(Form::ForgedExisting, &existing, foreign.clone()));
            out.push(attempt(Form::ForgedInvented, &format!("{NOBODY}@{domain}"), foreign.clone()));
        }
        let there = self.foreign;
        out.extend([
            attempt(Form::NullSender, "", foreign.clone()),
            attempt(Form::Percent, &foreign, format!("{NOBODY}%{there}@{first}")),
            attempt(Form::Bang, &foreign, format!("{there}!{NOBODY}@{first}")),
            attempt(Form::Quoted, &foreign, format!("\"{NOBODY}@{there}\"@{first}")),
            attempt(Form::SourceRoute, &foreign, format!("@{first}:{foreign}")),
        ]);
        out
    }
}

/// An address as a domain literal (RFC 5321 section 4.1.3).
pub(super) fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempts_in_order() {
        let own = ["city.example.jp".to_owned(), "edu.example.jp".to_owned()];
        let words = Words { own: &own, mailbox: Some("info@edu.example.jp"), foreign: "example.net" };
        let all = words.attempts("203.0.113.10".parse().unwrap());
        let shown: Vec<String> = all.iter().map(|a| format!("{}>{}", a.mail_from, a.rcpt_to)).collect();
        assert_eq!(
            shown,
            [
                "sekisho-test@example.net>postmaster@city.example.jp",
                "sekisho-test@example.net>sekisho-test@example.net",
                "postmaster@city.example.jp>sekisho-test@example.net",
                "sekisho-test@city.example.jp>sekisho-test@example.net",
                "info@edu.example.jp>sekisho-test@example.net",
                "sekisho-test@edu.example.jp>sekisho-test@example.net",
                ">sekisho-test@example.net",
                "sekisho-test@example.net>sekisho-test%example.net@city.example.jp",
                "sekisho-test@example.net>example.net!sekisho-test@city.example.jp",
                "sekisho-test@example.net>\"sekisho-test@example.net\"@city.example.jp",
                "sekisho-test@example.net>@city.example.jp:sekisho-test@example.net",
            ]
        );
        let nameless = Words { own: &[], ..words }.attempts("2001:db8::10".parse().unwrap());
        assert_eq!(nameless[0].rcpt_to, "postmaster@[IPv6:2001:db8::10]");
    }
}
