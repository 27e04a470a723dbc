//! What a check can say: a [`Finding`] with its severity, confidence, witness and the lines that cause it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::drift::FlowLine;
use crate::reason::Reason;

/// A place in an artifact: the line that decides something.
///
/// `file` is the artifact's name below the device's folder (`files/etc/postfix/main.cf`, `nft.json`), `line` is
/// 1-based and absent where the artifact has no lines a person would count (JSON), and `text` is the line
/// itself as the device gave it. Device text is hostile: only `report` may print it, escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// Artifact name below the device's folder.
    pub file: Arc<str>,
    /// 1-based line number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The text found there.
    pub text: Arc<str>,
}

impl Location {
    /// A place with a line number.
    pub fn at(file: impl Into<Arc<str>>, line: u32, text: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: Some(line), text: text.into() }
    }

    /// A place in an artifact that has no countable lines.
    pub fn within(file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: None, text: text.into() }
    }
}

impl fmt::Display for Location {
    /// `file:line: text`, for machine-readable answers. Terminal output goes through `report`, which escapes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.strip_prefix("files/").map_or(self.file.to_string(), |path| format!("/{path}"));
        match self.line {
            Some(line) => write!(f, "{file}:{line}: {}", self.text),
            None => write!(f, "{file}: {}", self.text),
        }
    }
}

/// How bad a finding is. Ordered: `Info < Medium < High < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing, never blocks by default.
    Info,
    /// Evidence or hygiene lost.
    Medium,
    /// A guard removed, or exposure likely.
    High,
    /// A stranger can use it now.
    Critical,
}

/// Whether the evidence proves a finding or only fails to exclude it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Cannot be excluded by the evidence.
    Possible,
    /// Follows from the evidence.
    Certain,
}

/// Whether a finding is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was not there before, or there is no before.
    New,
    /// It was there before too.
    Standing,
    /// It was there during the window, and no longer at its end.
    Passed,
}

/// A value that a rule's text names: `{device}`, `{target}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Arg {
    /// Text of a device or a user; `report` escapes it.
    Text(String),
    /// A number.
    Count(u64),
    /// A moment.
    Moment(#[serde(with = "time::serde::rfc3339")] OffsetDateTime),
    /// Two moments.
    Between {
        /// The earlier one.
        #[serde(with = "time::serde::rfc3339")]
        from: OffsetDateTime,
        /// The later one.
        #[serde(with = "time::serde::rfc3339")]
        to: OffsetDateTime,
    },
    /// Seconds.
    Seconds {
        /// How many.
        seconds: i64,
    },
    /// Why something is not known.
    Reason(Reason),
    /// Words that differ by language.
    Phrase(Phrase),
    /// Several values in a row.
    List(Vec<Arg>),
    /// The title of another rule, with its values.
    Title {
        /// Id of the rule.
        rule: String,
        /// Its values.
        args: BTreeMap<&'static str, Arg>,
    },
}

/// Words that differ by language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "phrase", rename_all = "kebab-case")]
pub enum Phrase {
    /// Anybody on the internet.
    Anybody,
    /// Neighbours in public networks, or a few named networks.
    Networks {
        /// The networks.
        networks: Vec<String>,
    },
    /// Partners.
    Partners,
    /// The device itself.
    Itself,
    /// Everything that is judged together.
    Everything,
    /// The client writes a sender in this domain.
    SenderIn {
        /// The domain.
        domain: String,
    },
    /// The client writes exactly this sender.
    Sender {
        /// The address.
        address: String,
    },
    /// The client writes a sender without a domain.
    BareSender,
    /// The client writes the null sender.
    NullSender,
    /// The client says this HELO.
    Helo {
        /// The name.
        name: String,
    },
    /// The client writes the recipient in this form.
    RecipientForm {
        /// An example.
        example: String,
    },
    /// The client sends a PROXY protocol header with this address.
    ProxyHeader {
        /// The address it claims.
        claims: String,
    },
    /// The client sends XCLIENT with this address.
    Xclient {
        /// The address it claims.
        claims: String,
    },
    /// Devices on the way give the client another address.
    Translated {
        /// The devices.
        through: String,
        /// The address that the server sees.
        seen: String,
    },
    /// The client's address has this name in DNS.
    ClientName {
        /// The name.
        name: String,
    },
    /// The client uses STARTTLS.
    Tls,
    /// Any protocol.
    AnyProtocol,
    /// What happens to an attempt or a connection.
    Outcome {
        /// As in [`Decided`].
        verdict: String,
        /// SMTP reply code.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
}

/// The concrete thing that proves a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Witness {
    /// A packet.
    Packet(PacketWitness),
    /// A mail-relay attempt.
    Relay(RelayWitness),
    /// Something of the evidence itself: two host keys, a time.
    Fact {
        /// What it was before.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<String>,
        /// What it is after.
        after: String,
    },
}

/// A packet that was refused before and is accepted after, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PacketWitness {
    /// `input`, `forward`, `output`.
    pub hook: &'static str,
    /// Interface it arrives by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iif: Option<String>,
    /// `tcp`, `udp`, `icmp`, `icmpv6` or a number.
    pub proto: String,
    /// Source address.
    pub src: String,
    /// Source port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    /// Destination address as it arrives.
    pub dst: String,
    /// Destination port as it arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    /// ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// What translation makes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<crate::firewall::query::Translated>,
    /// The programs that wait for it on the host; none where the evidence does not say, or it goes elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listening: Option<Vec<String>>,
    /// What happened to it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Decided>,
    /// What happens to it after.
    pub after: Decided,
}

/// A relay attempt and its replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelayWitness {
    /// Client address.
    pub client: String,
    /// Address of the listener.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// HELO name.
    pub helo: String,
    /// Whether TLS is used.
    pub tls: bool,
    /// Envelope sender.
    pub mail_from: String,
    /// Envelope recipient.
    pub rcpt_to: String,
    /// What devices on the way make of the connection: the addresses and the port that the host sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<crate::firewall::query::Translated>,
    /// What happened to it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Decided>,
    /// What happens to it after.
    pub after: Decided,
}

/// A verdict with the line that decides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// `accept`, `drop`, `reject`, `permit`, `defer`, `unavailable`, `undecided`.
    pub verdict: String,
    /// SMTP reply code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Location>,
    /// No rule decided: a default did.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_default: bool,
    /// Every step up to the one that decides, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<ProofStep>,
}

/// One step of what was decided: a device that a connection passes, or an entry of a list that a mail server asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofStep {
    /// The device, where it is not the finding's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// `forward`, `input`; `client`, `helo`, `sender`, `relay`, `recipient`.
    pub stage: &'static str,
    /// `accept`, `drop`, `reject`, `undecided`; `pass` (the next entry is asked), `permit`, `refuse`.
    pub result: &'static str,
    /// The line, and the row of a table that it looked up.
    pub lines: Vec<Location>,
    /// What translation makes of the connection there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<crate::firewall::query::Translated>,
}

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Id of the rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is proven.
    pub confidence: Confidence,
    /// Whether it is new.
    pub status: Status,
    /// The device; `None` for findings about the change as a whole.
    pub device: Option<String>,
    /// What proves it.
    pub witness: Option<Witness>,
    /// The line that causes it, after.
    pub location: Option<Location>,
    /// The line that stood in its place before.
    pub before: Option<Location>,
    /// All flows of the finding, as readable lines.
    pub flows: Vec<FlowLine>,
    /// What is not known, for a finding that is only possible.
    pub reasons: Vec<Reason>,
    /// What the rule's texts name.
    pub args: BTreeMap<&'static str, Arg>,
    /// Stable name of the finding: rule, device and meaning, never line numbers.
    pub fingerprint: String,
}

impl Finding {
    /// A finding of a rule; the rest is set field by field.
    pub fn new(rule: &str, severity: Severity, confidence: Confidence, device: Option<&str>) -> Self {
        Self {
            rule: rule.to_owned(),
            severity,
            confidence,
            status: Status::New,
            device: device.map(str::to_owned),
            witness: None,
            location: None,
            before: None,
            flows: Vec::new(),
            reasons: Vec::new(),
            args: device.map(|d| ("device", Arg::Text(d.to_owned()))).into_iter().collect(),
            fingerprint: String::new(),
        }
    }

    /// Names the finding by what it means: `meaning` must be the same whenever the same thing is found again.
    #[must_use]
    pub fn named(mut self, meaning: &str) -> Self {
        let mut hash = Sha256::new();
        for part in ["v1", &self.rule, self.device.as_deref().unwrap_or(""), meaning] {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        self.fingerprint = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self
    }
}
