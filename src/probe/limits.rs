//! How much and how long: a test is neither a scan nor a load, and no server can hold it up.

use std::time::Duration;

/// Limits of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the greeting is there; a server that lets strangers wait on purpose takes some seconds.
    pub greeting: Duration,
    /// Until a reply is whole.
    pub reply: Duration,
    /// Everything over one connection.
    pub session: Duration,
    /// Everything.
    pub total: Duration,
    /// Most relay attempts in all.
    pub attempts: usize,
    /// Most connections in all.
    pub connections: usize,
    /// Longest line of a reply, in bytes (RFC 5321 section 4.5.3.1.5 allows 512).
    pub line: usize,
    /// Most lines of one reply.
    pub lines: usize,
    /// Most bytes from one connection.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(8),
            greeting: Duration::from_secs(30),
            reply: Duration::from_secs(30),
            session: Duration::from_secs(120),
            total: Duration::from_secs(900),
            attempts: 200,
            connections: 80,
            line: 2 << 10,
            lines: 100,
            bytes: 64 << 10,
        }
    }
}
