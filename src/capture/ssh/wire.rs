//! The byte stream below SSH: what the server calls itself, how much it may send, and a way to cut it.
//!
//! russh keeps a session running for as long as its stream lives, drops the stream's owner or not, and does
//! not count bytes that belong to no channel. Both are settled here, where no peer can get around it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use std::future::Future;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::gate::Seen;

/// Most bytes before the identification string is given up as unreadable (RFC 4253 section 4.2 allows 255 a
/// line).
const MAX_IDENTIFICATION: usize = 8 << 10;

/// How much the other side may still send.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicU64,
    spent: AtomicBool,
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), spent: AtomicBool::new(false) }
    }

    /// Allows this much from now on.
    pub(super) fn set(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether the other side sent more than it may.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(bytes), Ordering::Relaxed);
        if bytes > left {
            self.spent.store(true, Ordering::Relaxed);
        }
        bytes <= left
    }
}

/// A stream that ends when its owner goes away.
pub(super) struct Wire<S> {
    stream: S,
    owner: oneshot::Receiver<()>,
    cut: bool,
    budget: Arc<Budget>,
    seen: Arc<Seen>,
    /// Bytes until the identification string is found.
    beginning: Option<Vec<u8>>,
}

impl<S> Wire<S> {
    /// Wraps a stream. Dropping the sender cuts it.
    pub(super) fn new(stream: S, budget: Arc<Budget>, seen: Arc<Seen>) -> (Self, oneshot::Sender<()>) {
        let (alive, owner) = oneshot::channel();
        (Self { stream, owner, cut: false, budget, seen, beginning: Some(Vec::new()) }, alive)
    }

    fn check_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.cut = self.cut || Pin::new(&mut self.owner).poll(cx).is_ready();
        if self.cut { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn look(&mut self, bytes: &[u8]) {
        let Some(beginning) = &mut self.beginning else { return };
        beginning.extend_from_slice(bytes);
        let lines = beginning.split(|b| *b == b'\n');
        let whole = lines.clone().count().saturating_sub(1);
        if let Some(line) = lines.take(whole).find(|l| l.starts_with(b"SSH-")) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.seen.set_banner(String::from_utf8_lossy(line).into_owned());
            self.beginning = None;
        } else if beginning.len() > MAX_IDENTIFICATION {
            self.beginning = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        wire.check_cut(cx)?;
        let before = buf.filled().len();
        let polled = Pin::new(&mut wire.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = polled {
            let new = buf.filled().get(before..).unwrap_or_default();
            if !wire.budget.take(new.len() as u64) {
                return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
            }
            wire.look(new);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        wire.check_cut(cx)?;
        Pin::new(&mut wire.stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        wire.check_cut(cx)?;
        Pin::new(&mut wire.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
