//! Replies of a mail server (RFC 5321 section 4.2), read with bounds on everything: the server may be anybody's.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::limits::Limits;

/// Longest text of a reply that is kept, in characters.
const KEPT: usize = 400;

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Its code, 200 to 599.
    pub code: u16,
    /// Its text, one line a line, cut where it is long. Hostile until `report` has escaped it.
    pub text: String,
}

/// Which command a reply is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
}

impl Reply {
    /// Whether the command was accepted.
    pub const fn is_positive(&self) -> bool {
        self.code >= 200 && self.code < 300
    }

    /// The enhanced status code (RFC 3463): class, subject, detail.
    pub fn enhanced(&self) -> Option<(u16, u16, u16)> {
        let mut parts = self.text.split_whitespace().next()?.splitn(3, '.').map(str::parse);
        match (parts.next()?, parts.next()?, parts.next()?) {
            (Ok(class), Ok(subject), Ok(detail)) => Some((class, subject, detail)),
            _ => None,
        }
    }
}

/// Why no further reply can be had from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It ended.
    Ended,
    /// It sends what is no reply, more than one at a time, or too much.
    Garbage,
}

/// Reads replies from a connection. Time limits are the caller's.
pub(super) struct Replies<R> {
    stream: R,
    /// Bytes that came and were not read yet.
    pending: Vec<u8>,
    line: usize,
    lines: usize,
    left: usize,
}

impl<R: AsyncRead + Unpin> Replies<R> {
    pub(super) fn new(stream: R, limits: &Limits) -> Self {
        let Limits { line, lines, bytes, .. } = *limits;
        Self { stream, pending: Vec::new(), line, lines, left: bytes }
    }

    /// The connection; what was not read yet is gone.
    pub(super) fn into_inner(self) -> R {
        self.stream
    }

    /// Whether something came that nobody asked for: from then on no reply can be told from another.
    pub(super) fn is_ahead(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The next reply, every line of it.
    pub(super) async fn next(&mut self) -> Result<Reply, Trouble> {
        let mut code = None;
        let mut text = String::new();
        for _ in 0..self.lines {
            let line = self.line().await?;
            let (number, is_last, words) = parts(&line).ok_or(Trouble::Garbage)?;
            if *code.get_or_insert(number) != number {
                return Err(Trouble::Garbage);
            }
            let room = KEPT.saturating_sub(text.chars().count());
            if !text.is_empty() && room > 0 {
                text.push('\n');
            }
            text.extend(words.chars().take(room));
            if is_last {
                return Ok(Reply { code: number, text });
            }
        }
        Err(Trouble::Garbage)
    }

    /// The next line, without its end. Bare line feeds are let through.
    async fn line(&mut self) -> Result<String, Trouble> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.pending.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return if line.len() > self.line {
                    Err(Trouble::Garbage)
                } else {
                    Ok(String::from_utf8_lossy(&line).into_owned())
                };
            }
            if self.pending.len() > self.line || self.left == 0 {
                return Err(Trouble::Garbage);
            }
            let mut buffer = [0; 1024];
            let read = self.stream.read(&mut buffer).await.map_err(|_| Trouble::Ended)?;
            // a line that breaks off is no line
            let new = buffer.get(..read).filter(|new| !new.is_empty()).ok_or(Trouble::Ended)?;
            self.left = self.left.saturating_sub(read);
            self.pending.extend_from_slice(new);
        }
    }
}

/// Code, whether it is the last line, and text.
fn parts(line: &str) -> Option<(u16, bool, &str)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
    let (mark, words) = match rest.chars().next() {
        None => (' ', ""),
        Some(mark @ (' ' | '-')) => (mark, rest.get(1..)?),
        Some(_) => return None,
    };
    (200..600).contains(&code).then_some((code, mark == ' ', words))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (Result<Reply, Trouble>, bool) {
        let mut replies = Replies::new(bytes, &Limits::default());
        let reply = replies.next().await;
        (reply, replies.is_ahead())
    }

    #[tokio::test]
    async fn replies_in_every_form() {
        let reply = read(b"250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1\r\n").await.0.unwrap();
        assert_eq!((reply.code, reply.text.as_str()), (250, "mx.example\nPIPELINING\nSIZE 1"));
        assert_eq!(read(b"220\n").await.0.unwrap().text, "");
        let refused = read(b"554 5.7.1 <x@y>: Relay access denied\r\n").await.0.unwrap();
        assert_eq!(refused.enhanced(), Some((5, 7, 1)));
        assert_eq!(Reply { code: 550, text: "no relaying here 5.7.1".into() }.enhanced(), None);
        assert!(read(b"250 ok\r\n250 ok\r\n").await.1, "a second reply that nobody asked for");
    }

    #[tokio::test]
    async fn what_is_no_reply() {
        for bytes in [
            &b"250-a\r\n550 b\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"2500 ok\r\n",
            b"099 ok\r\n",
            b"+50 ok\r\n",
            b"25\xff ok\r\n",
            &[b'2'; 9000],
            &b"250-more\r\n".repeat(200),
        ] {
            assert_eq!(read(bytes).await.0, Err(Trouble::Garbage), "{}", String::from_utf8_lossy(bytes));
        }
        for bytes in [&b""[..], b"250 o", b"250-a\r\n"] {
            assert_eq!(read(bytes).await.0, Err(Trouble::Ended));
        }
        let long = [&b"250-"[..], &[b'x'; 900], b"\r\n250 end\r\n"].concat();
        assert_eq!(read(&long).await.0.unwrap().text.chars().count(), KEPT);
    }
}
