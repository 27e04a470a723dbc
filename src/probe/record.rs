//! What is kept of a test: what was said and what was answered, nothing that was concluded from it. Conclusions are
//! drawn from it again whenever they are needed.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::matrix::{Attempt, Form};
use super::reply::{Reply, Step};
use super::tls::Encrypted;
use crate::evidence::{Artifact, DeviceEvidence, Proof, Source};

/// Name of the artifact that holds a record, in a snapshot of the phase `probe`.
pub const ARTIFACT: &str = "probe.json";

/// Version of this form. A reader refuses a newer one.
pub const SCHEMA_VERSION: u32 = 2;

/// One test of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The device.
    pub device: String,
    /// The device that it was tested from; `None`: from where the program ran.
    pub vantage: Option<String>,
    /// The foreign domain, and whether somebody declared that it exists.
    pub foreign: (String, bool),
    /// When the first connection was tried.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When the last one ended.
    #[serde(with = "time::serde::rfc3339")]
    pub ended: OffsetDateTime,
    /// Mail targets.
    pub mail: Vec<Dialogue>,
    /// Other targets.
    pub ports: Vec<Knock>,
    /// Attempts and connections that the caps or the time left out.
    pub left_out: usize,
    /// Ports of wide ranges that the change opened and that were never meant to be tried.
    pub untried: usize,
}

/// What was said at one mail target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// Where.
    pub at: SocketAddr,
    /// Somebody declared it; else only the configuration named it.
    pub declared: bool,
    /// The address that the server sees of us, as far as we know.
    pub source: Option<IpAddr>,
    /// The address that the server says it sees.
    pub seen: Option<IpAddr>,
    /// What was said in EHLO.
    pub helo: String,
    /// The TLS under which the attempts were made, if under any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Encrypted>,
    /// How far it came.
    pub end: End,
    /// The greeting.
    pub greeting: Option<Reply>,
    /// What the server offers: keywords of its answer to EHLO, in capitals.
    pub offers: Vec<String>,
    /// The attempts, in order.
    pub attempts: Vec<Tried>,
}

/// How far a dialogue came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum End {
    /// No connection.
    Closed(Met),
    /// The port was to speak TLS from the first byte (RFC 8314 section 3.3), and no handshake came about.
    ImplicitTls,
    /// Connected, and no greeting came.
    NoGreeting,
    /// The server turned us away before any attempt.
    TurnedAway,
    /// Attempts were made.
    Talked,
}

/// What became of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "met", rename_all = "kebab-case")]
pub enum Met {
    /// It came about.
    Connected,
    /// It was refused: nobody listens, or a filter says so.
    Refused,
    /// Nothing came back.
    TimedOut,
    /// Something else; over SSH, why a connection failed is not always told.
    Failed {
        /// The system's words.
        problem: String,
    },
    /// There was no time, or too many connections were made.
    NotTried,
}

/// One attempt and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// What it tries.
    pub form: Form,
    /// MAIL FROM, without angle brackets.
    pub mail_from: String,
    /// RCPT TO, without angle brackets.
    pub rcpt_to: String,
    /// The command that the reply is to.
    pub step: Step,
    /// The reply; `None` when none came.
    pub reply: Option<Reply>,
}

/// One connection to a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knock {
    /// Where.
    pub at: SocketAddr,
    /// The address that the server sees of us, as far as we know.
    pub source: Option<IpAddr>,
    /// The change opened it, says the evidence; else it was declared.
    pub opened: bool,
    /// What became of it.
    pub met: Met,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not there.
    #[error("{ARTIFACT} of {0} is missing")]
    Missing(String),
    /// It is of a newer form.
    #[error("{ARTIFACT} of {device} has schema version {found}; this version reads {SCHEMA_VERSION}")]
    Newer {
        /// The device.
        device: String,
        /// Its version.
        found: u32,
    },
    /// It is no record.
    #[error("{ARTIFACT} of {device} cannot be read: {problem}")]
    Broken {
        /// The device.
        device: String,
        /// The reader's complaint.
        problem: serde_json::Error,
    },
}

impl Dialogue {
    /// The address that the server sees: what it says, else what we know.
    pub fn client(&self) -> Option<IpAddr> {
        self.seen.or(self.source)
    }

    /// Whether the server offers this keyword.
    pub fn is_offered(&self, keyword: &str) -> bool {
        self.offers.iter().any(|offer| offer.split(' ').next() == Some(keyword))
    }

    /// Whether attempts are refused until TLS is spoken (RFC 3207 section 4).
    pub fn demands_tls(&self) -> bool {
        let asked = |t: &Tried| t.reply.as_ref().is_some_and(|reply| reply.code == 530);
        self.is_offered("STARTTLS") && self.attempts.iter().any(asked)
    }
}

impl Tried {
    /// An attempt that was not answered yet.
    pub(super) fn of(attempt: &Attempt) -> Self {
        let Attempt { form, mail_from, rcpt_to } = attempt.clone();
        Self { form, mail_from, rcpt_to, step: Step::Mail, reply: None }
    }
}

impl Record {
    /// As evidence of its device, for the store.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn evidence(&self) -> Result<DeviceEvidence, serde_json::Error> {
        let mut device = DeviceEvidence::new(self.device.clone(), Vec::new(), Source::Snapshot);
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        let artifact = Artifact { bytes: bytes.into(), proof: Proof::Complete };
        device.artifacts.insert(ARTIFACT.to_owned(), artifact);
        Ok(device)
    }

    /// The record that a device's evidence of the phase `probe` holds.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub fn of(device: &DeviceEvidence) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let name = || device.name.clone();
        let broken = |problem| Unreadable::Broken { device: name(), problem };
        let artifact = device.get(ARTIFACT).ok_or_else(|| Unreadable::Missing(name()))?;
        let version: Version = serde_json::from_slice(&artifact.bytes).map_err(broken)?;
        if version.schema_version > SCHEMA_VERSION {
            return Err(Unreadable::Newer { device: name(), found: version.schema_version });
        }
        serde_json::from_slice(&artifact.bytes).map_err(broken)
    }
}
