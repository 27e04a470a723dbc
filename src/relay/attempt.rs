//! One attempt to hand over a mail, and what a host answers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Serialize;

use super::routing::Leaves;
use crate::finding::{Confidence, Location};
use crate::reason::Reason;

/// One attempt, up to RCPT TO. It can be replayed on a live server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Attempt {
    /// The client's address, as the server believes it (see `claim`).
    pub client: IpAddr,
    /// The client's name.
    pub name: ClientName,
    /// The address that is connected to.
    pub server: IpAddr,
    /// The port that is connected to.
    pub port: u16,
    /// What is said in HELO or EHLO; `None` without a greeting.
    pub helo: Option<String>,
    /// Whether STARTTLS is used.
    pub tls: bool,
    /// Certificate that the client shows under TLS.
    pub certificate: Option<Certificate>,
    /// Login name, when logged in.
    pub login: Option<String>,
    /// MAIL FROM, without the angle brackets; empty is the null sender.
    pub mail_from: String,
    /// RCPT TO, without the angle brackets.
    pub rcpt_to: String,
    /// How `client` and `login` are claimed, when the connection comes from somewhere else.
    pub claim: Option<Claim>,
}

/// The name of a client's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum ClientName {
    /// The address has no name.
    Missing,
    /// The address has this name, but the name does not have the address: its owner can write anything.
    Unverified(String),
    /// Name and address point at each other.
    Verified(String),
}

impl ClientName {
    /// The name, where there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Missing => None,
            Self::Unverified(name) | Self::Verified(name) => Some(name),
        }
    }
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Certificate {
    /// Fingerprint, as tables hold it.
    pub fingerprint: String,
    /// Whether an authority signed it that the server trusts; `None`: not known.
    pub trusted: Option<bool>,
}

/// A claimed identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Claim {
    /// How it is claimed.
    pub by: ClaimBy,
    /// Where the connection really comes from.
    pub from: IpAddr,
}

/// How an identity is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimBy {
    /// A PROXY header in front of the dialogue.
    ProxyHeader,
    /// The XCLIENT command.
    Xclient,
    /// Nobody claims anything: a device on the way gives the connection another source address.
    Translation,
}

/// What is known of the world outside the host when an attempt is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The client arranges the world as it can: its address is on no black list, its domains exist and verify.
    pub client_arranges: bool,
    /// Foreign domains that are known to exist.
    pub existing: BTreeSet<String>,
    /// Whether this host is a backup mail host of the recipient's domain.
    pub backup_mx: Option<bool>,
    /// What every policy service answers.
    pub service: Option<ServiceAnswer>,
    /// First label of domains that are certainly foreign: no configuration names them.
    pub fresh_label: Option<String>,
}

/// What a policy service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceAnswer {
    /// No opinion.
    Pass,
    /// The stage is passed.
    Permit,
    /// Refused with this code.
    Refuse(u16),
    /// A later permit becomes a temporary refusal.
    DeferIfPermit,
    /// A later refusal becomes a temporary one.
    DeferIfReject,
    /// Accepted and thrown away.
    Discard,
}

impl ServiceAnswer {
    /// Reads an answer of the policy delegation protocol (`DUNNO`, `OK`, `REJECT`, `DEFER`, a reply code, ...).
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?.to_ascii_uppercase();
        Some(match word.as_str() {
            "DUNNO" | "PREPEND" | "INFO" | "WARN" | "BCC" | "FILTER" => Self::Pass,
            "OK" | "PERMIT" | "RELAY" => Self::Permit,
            "REJECT" => Self::Refuse(554),
            "DEFER" => Self::Refuse(450),
            "DEFER_IF_PERMIT" => Self::DeferIfPermit,
            "DEFER_IF_REJECT" => Self::DeferIfReject,
            "DISCARD" => Self::Discard,
            code => Self::Refuse(code.parse().ok().filter(|c| (400..600).contains(c))?),
        })
    }
}

/// What a host answers to RCPT TO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// 2xx.
    Permit,
    /// 4xx.
    Defer,
    /// 5xx.
    Reject,
    /// Nothing listens there, or the service does not serve.
    Unavailable,
    /// The evidence does not decide.
    Undecided,
}

/// The answer to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the host answers.
    pub verdict: Verdict,
    /// Whether the evidence proves it.
    pub confidence: Confidence,
    /// Reply code, where it is known.
    pub code: Option<u16>,
    /// The rule that decided, and the table row.
    pub lines: Vec<Location>,
    /// What is not known.
    pub why: Vec<Reason>,
    /// Where the mail would end up: the least and the most harmful end that is possible; `None`: not accepted.
    pub leaves: Option<(Leaves, Leaves)>,
}
