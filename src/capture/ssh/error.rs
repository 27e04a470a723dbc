//! Why a connection failed: what, where, and what to do next.

use std::fmt;
use std::io;

use super::super::known_hosts::{Recorded, Verdict};
use crate::evidence::KeyId;
use crate::reason::Reason;

/// Part of a connection, each with its own time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name lookup and TCP.
    Connect,
    /// Identification strings and key exchange (RFC 4253).
    Handshake,
    /// User authentication (RFC 4252).
    Login,
    /// Commands (RFC 4254).
    Session,
}

impl Phase {
    /// Its code in reasons.
    const fn code(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Login => "login",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Handshake => "the SSH handshake",
            Self::Login => "the login",
            Self::Session => "the session",
        })
    }
}

/// Why a device cannot be asked. `address` is the host that failed, which may be one on the way to the
/// device.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// No name, no route, nobody listens.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// `host:port`.
        address: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A hop does not open the way to the next host.
    #[error("{via} does not open a way to {address}: {problem}; is forwarding allowed there?")]
    Tunnel {
        /// The hop.
        via: String,
        /// What should have been reached.
        address: String,
        /// The hop's answer.
        problem: String,
    },
    /// A phase took longer than its limit.
    #[error("{address}: {phase} took longer than {seconds} s")]
    TimedOut {
        /// `host:port`.
        address: String,
        /// Which part.
        phase: Phase,
        /// The limit.
        seconds: u64,
    },
    /// The other side does not speak SSH, or not properly.
    #[error("{address}: {phase} failed: {problem}")]
    Protocol {
        /// `host:port`.
        address: String,
        /// Which part.
        phase: Phase,
        /// What the library says.
        problem: String,
    },
    /// No algorithm that both sides know.
    #[error("{address} knows no {kind} algorithm that is accepted here; it offers {}", theirs.join(", "))]
    NoCommonAlgorithm {
        /// `host:port`.
        address: String,
        /// Kind of algorithm.
        kind: String,
        /// What the device offers.
        theirs: Vec<String>,
    },
    /// The host key is not the one on record. No credential was sent.
    #[error("{address} presents the host key {presented}, {}", describe(verdict))]
    HostKey {
        /// `host:port`.
        address: String,
        /// What it presented.
        presented: KeyId,
        /// What the record says.
        verdict: Verdict,
    },
    /// No way to log in could be tried.
    #[error("cannot log in to {address} as {user}: {}", problems.join("; "))]
    NoCredential {
        /// `host:port`.
        address: String,
        /// Login name.
        user: String,
        /// Why each of the declared ways could not be tried.
        problems: Vec<String>,
    },
    /// The login was refused, and not tried again.
    #[error("{address} refuses the login of {user} ({}); it was not tried again", tried.join(", "))]
    LoginRefused {
        /// `host:port`.
        address: String,
        /// Login name.
        user: String,
        /// What was tried, in order.
        tried: Vec<String>,
    },
    /// The connection ended.
    #[error("{address}: the connection was lost during {phase}: {problem}")]
    Lost {
        /// `host:port`.
        address: String,
        /// When.
        phase: Phase,
        /// How it ended.
        problem: String,
    },
    /// The device sent more than any device has to say.
    #[error("{address} sent more than {limit} bytes")]
    Flood {
        /// `host:port`.
        address: String,
        /// The limit.
        limit: u64,
    },
    /// The server runs no commands.
    #[error("{address} refuses to run commands (SSH exec)")]
    ExecRefused {
        /// `host:port`.
        address: String,
    },
    /// The device's own command line never showed a prompt, or there is none.
    #[error("{address} shows no command prompt")]
    NoPrompt {
        /// `host:port`.
        address: String,
    },
    /// More rights are needed, and there is no password to ask for them.
    #[error("{command} on {address} needs a password, and none was given")]
    NoPrivilege {
        /// `host:port`.
        address: String,
        /// The command that gives them.
        command: String,
    },
    /// More rights were refused, and not asked for again.
    #[error("{address} refuses {command}; it was not tried again")]
    PrivilegeRefused {
        /// `host:port`.
        address: String,
        /// The command that gives them.
        command: String,
    },
    /// The login shell did not start the script, or it broke off again and again.
    #[error("{address}: the login shell does not run a POSIX shell script to its end")]
    NoShell {
        /// `host:port`.
        address: String,
    },
}

impl SshError {
    /// The same as a code for findings and manifests.
    pub fn reason(&self) -> Reason {
        let text = |s: &str| s.to_owned();
        match self {
            Self::Connect { address, source } => {
                Reason::Unreachable { address: text(address), problem: source.to_string() }
            }
            Self::Tunnel { address, problem, .. } => {
                Reason::Unreachable { address: text(address), problem: text(problem) }
            }
            Self::TimedOut { address, phase, seconds } => {
                Reason::TimedOut { address: text(address), phase: text(phase.code()), seconds: *seconds }
            }
            Self::Protocol { address, problem, .. } => {
                Reason::NotSsh { address: text(address), problem: text(problem) }
            }
            Self::NoCommonAlgorithm { address, kind, theirs } => {
                Reason::NoCommonAlgorithm { address: text(address), kind: text(kind), theirs: theirs.clone() }
            }
            Self::HostKey { address, presented, verdict } => host_key_reason(address, presented, verdict),
            Self::NoCredential { address, user, problems } => {
                Reason::NoCredential { address: text(address), user: text(user), problems: problems.clone() }
            }
            Self::LoginRefused { address, user, tried } => {
                Reason::LoginRefused { address: text(address), user: text(user), tried: tried.clone() }
            }
            Self::Lost { address, phase, problem } => {
                let (phase, problem) = (text(phase.code()), text(problem));
                Reason::ConnectionLost { address: text(address), phase, problem }
            }
            Self::Flood { address, limit } => Reason::Flooded { address: text(address), limit: *limit },
            Self::ExecRefused { address } => Reason::ExecRefused { address: text(address) },
            Self::NoPrompt { address } => Reason::NoPrompt { address: text(address) },
            Self::NoPrivilege { address, command } => {
                Reason::NoPrivilege { address: text(address), command: text(command) }
            }
            Self::PrivilegeRefused { address, command } => {
                Reason::PrivilegeRefused { address: text(address), command: text(command) }
            }
            Self::NoShell { address } => Reason::NoShell { address: text(address) },
        }
    }
}

fn host_key_reason(address: &str, presented: &KeyId, verdict: &Verdict) -> Reason {
    let (address, presented) = (address.to_owned(), presented.to_string());
    let names = |all: &[Recorded]| all.iter().map(|r| r.key.to_string()).collect();
    match verdict {
        Verdict::Changed { expected } => {
            Reason::HostKeyChanged { address, presented, expected: names(expected) }
        }
        Verdict::NewType { recorded } => {
            Reason::HostKeyTypeNew { address, presented, expected: names(recorded) }
        }
        Verdict::Revoked(_) => Reason::HostKeyRevoked { address, presented },
        Verdict::Unknown { .. } | Verdict::Same(_) => Reason::HostKeyUnknown { address, presented },
    }
}

fn describe(verdict: &Verdict) -> String {
    let list = |all: &[Recorded]| {
        let one = |r: &Recorded| format!("{} ({}:{})", r.key, r.place.file.display(), r.place.line);
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    match verdict {
        Verdict::Same(_) => "which is on record".to_owned(),
        Verdict::Changed { expected } => format!("but on record is {}; was it replaced?", list(expected)),
        Verdict::NewType { recorded } => {
            format!("of a type that is not on record ({}); compare and record it", list(recorded))
        }
        Verdict::Revoked(at) => format!("which {}:{} marks as revoked", at.file.display(), at.line),
        Verdict::Unknown { authority: None } => "which is not on record; compare and record it".to_owned(),
        Verdict::Unknown { authority: Some(at) } => format!(
            "which is not on record ({}:{} names a certificate authority, but host certificates are not supported)",
            at.file.display(),
            at.line
        ),
    }
}
