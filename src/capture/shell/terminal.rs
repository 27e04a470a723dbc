//! One interactive channel (RFC 4254 sections 6.2 and 6.5): what is sent to it, and what came since.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use tokio::time::{Instant, timeout_at};

use super::super::ssh::{Connection, Phase, SshError};
use super::super::target::Limits;
use super::escape::Strip;

/// Columns that the terminal is said to have: devices that honour it break no line.
pub(super) const COLUMNS: u32 = 512;

/// Rows, likewise.
const ROWS: u32 = 1000;

/// Most bytes at the end of what came that are looked at for a prompt, a pager, a question.
const TAIL: usize = 512;

/// Why nothing more is read.
#[derive(Debug)]
pub(super) enum Stop {
    /// The device sent nothing for too long.
    Hung,
    /// An answer beyond the limit.
    TooLarge,
    /// The device opens no terminal.
    Refused,
    /// The device closed it.
    Closed,
    /// The connection is of no more use.
    Fatal(SshError),
}

/// The channel.
pub(super) struct Terminal<'a> {
    channel: Channel<Msg>,
    connection: &'a Connection,
    limits: &'a Limits,
    deadline: Instant,
    strip: Strip,
    buffer: Vec<u8>,
    /// Bytes of the device so far, those of earlier channels included.
    pub(super) received: u64,
}

impl<'a> Terminal<'a> {
    /// Opens one.
    pub(super) async fn open(
        connection: &'a Connection,
        limits: &'a Limits,
        deadline: Instant,
        received: u64,
    ) -> Result<Self, SshError> {
        let channel = connection.session(limits.idle).await?;
        let lost = |error: russh::Error| connection.lost(&error.to_string());
        channel.request_pty(true, "vt100", COLUMNS, ROWS, 0, 0, &[]).await.map_err(lost)?;
        channel.request_shell(true).await.map_err(lost)?;
        let (strip, buffer) = (Strip::default(), Vec::new());
        Ok(Self { channel, connection, limits, deadline, strip, buffer, received })
    }

    /// What came since the last [`Terminal::clear`].
    pub(super) fn text(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Sends keys as they are.
    pub(super) async fn keys(&mut self, keys: &[u8]) -> Result<(), Stop> {
        let sent = self.channel.data_bytes(keys.to_vec()).await;
        sent.map_err(|error| Stop::Fatal(self.connection.lost(&error.to_string())))
    }

    /// Sends a line.
    pub(super) async fn line(&mut self, line: &str) -> Result<(), Stop> {
        self.keys(format!("{line}\r").as_bytes()).await
    }

    /// Reads until `look` has found in what came something that it waits no longer than so long behind, and nothing more
    /// came in that time.
    pub(super) async fn until(
        &mut self,
        mut look: impl FnMut(&[u8]) -> Option<Duration>,
    ) -> Result<(), Stop> {
        loop {
            let found = look(&self.buffer);
            let until = Instant::now() + found.unwrap_or(self.limits.idle);
            if !self.more(until).await? {
                return if found.is_some() { Ok(()) } else { Err(Stop::Hung) };
            }
        }
    }

    /// Reads the next piece; false if none came until then.
    async fn more(&mut self, until: Instant) -> Result<bool, Stop> {
        loop {
            let message = match timeout_at(until.min(self.deadline), self.channel.wait()).await {
                Ok(Some(message)) => message,
                Ok(None) => {
                    return Err(Stop::Fatal(self.connection.lost("closed in the middle of an answer")));
                }
                Err(_) if Instant::now() >= self.deadline => return Err(Stop::Fatal(self.late())),
                Err(_) => return Ok(false),
            };
            match message {
                ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => {
                    self.take(&data)?;
                    return Ok(true);
                }
                ChannelMsg::Failure => return Err(Stop::Refused),
                ChannelMsg::Close | ChannelMsg::Eof => return Err(Stop::Closed),
                _ => {}
            }
        }
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Stop> {
        self.received += data.len() as u64;
        if self.received > self.limits.device {
            let (address, limit) = (self.connection.address().to_owned(), self.limits.device);
            return Err(Stop::Fatal(SshError::Flood { address, limit }));
        }
        self.strip.push(data, &mut self.buffer);
        if self.buffer.len() > self.limits.artifact {
            return Err(Stop::TooLarge);
        }
        Ok(())
    }

    fn late(&self) -> SshError {
        let (address, seconds) = (self.connection.address().to_owned(), self.limits.total.as_secs());
        SshError::TimedOut { address, phase: Phase::Session, seconds }
    }

    /// Hangs up. No `exit`: on the way out some devices ask whether to save.
    pub(super) async fn close(self) -> u64 {
        let _ = self.channel.close().await;
        self.received
    }
}

/// The last line of what came, without carriage returns before it; `None` where it is longer than any prompt.
pub(super) fn last_line(text: &[u8]) -> Option<&[u8]> {
    let tail = text.get(text.len().saturating_sub(TAIL)..).unwrap_or_default();
    let line = match tail.iter().rposition(|b| *b == b'\n') {
        Some(at) => tail.get(at + 1..).unwrap_or_default(),
        None if tail.len() < text.len() => return None,
        None => tail,
    };
    let begin = line.iter().position(|b| *b != b'\r').unwrap_or(line.len());
    line.get(begin..)
}

/// The end of what came that is looked at.
pub(super) fn tail(text: &[u8]) -> &[u8] {
    text.get(text.len().saturating_sub(TAIL)..).unwrap_or_default()
}
