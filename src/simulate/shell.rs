//! Plays a device's command line on an interactive channel, well or badly.

use std::collections::VecDeque;
use std::time::Duration;

use russh::server::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use super::device::{Fault, Now};
use super::play::Ending;
use super::terminal::Terminal;

/// Silence in the middle of an answer, right behind what looks like the prompt.
const STALL: Duration = Duration::from_millis(450);

/// Why the play ends.
struct Stop(Ending);

/// A command line being played.
pub(super) struct Shell<'a> {
    pub(super) from: ChannelReadHalf,
    pub(super) to: &'a ChannelWriteHalf<Msg>,
    pub(super) now: &'a Now,
    pub(super) terminal: &'a Terminal,
    /// Columns and rows at present.
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// What was typed and not read yet.
    pub(super) typed: VecDeque<u8>,
    /// How often something was shown.
    pub(super) shown: usize,
}

impl Shell<'_> {
    /// Speaks until one side hangs up.
    pub(super) async fn run(mut self) -> Ending {
        match self.speak().await {
            Ok(()) => Ending::Quiet,
            Err(Stop(ending)) => ending,
        }
    }

    async fn speak(&mut self) -> Result<(), Stop> {
        let terminal = self.terminal;
        if let Some(Fault::Noise(noise)) = &self.now.fault {
            self.send(noise).await?;
        }
        self.say(&terminal.banner).await?;
        if let Some(greeting) = &terminal.greeting {
            self.say(&greeting.ask).await?;
            while self.key().await? != greeting.key.bytes().next().unwrap_or(b'\r') {}
            self.say("\n").await?;
        }
        let mut prompt = terminal.user_prompt.as_ref().unwrap_or(&terminal.prompt);
        loop {
            self.say(prompt).await?;
            let line = self.line(terminal.silent).await?;
            let command = line.trim();
            let comment = terminal.comment.as_ref().is_some_and(|c| command.starts_with(c.as_str()));
            if command.is_empty() || comment {
                continue;
            }
            let privileged = prompt == &terminal.prompt;
            match &terminal.escalation {
                Some(escalation) if escalation.command == command && !privileged => {
                    if self.escalate(escalation).await? {
                        prompt = &terminal.prompt;
                    }
                }
                _ => self.command(command, privileged).await?,
            }
        }
    }

    async fn escalate(&mut self, escalation: &super::terminal::Escalation) -> Result<bool, Stop> {
        for _ in 0..escalation.tries.max(1) {
            self.say(&escalation.ask).await?;
            if self.line(true).await? == escalation.password {
                return Ok(true);
            }
        }
        self.say(&escalation.refused).await?;
        Ok(false)
    }

    async fn command(&mut self, command: &str, privileged: bool) -> Result<(), Stop> {
        let terminal = self.terminal;
        match terminal.session.get(command).map(String::as_str) {
            Some("rows") => self.rows = 0,
            Some("columns") => self.columns = 0,
            _ => {
                let known = terminal.commands.get(command).filter(|_| privileged);
                let Some(artifact) = known else { return self.say(&terminal.unknown).await };
                return self.answer(artifact).await;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, artifact: &str) -> Result<(), Stop> {
        let terminal = self.terminal;
        let Some(bytes) = self.now.state.artifacts.get(artifact) else {
            return self.say(&terminal.absent).await;
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let lines = terminal.lines(&text, self.columns);
        let half = lines.len() / 2;
        let (first, second) = lines.split_at_checked(half).unwrap_or_default();
        self.shown += 1;
        match self.now.fault.as_ref() {
            Some(Fault::Hang(at)) if at == artifact => {
                self.page(first).await?;
                std::future::pending().await
            }
            Some(Fault::Cut(at)) if at == artifact => {
                self.page(first).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(Stop(Ending::TearApart))
            }
            Some(Fault::Truncate(at)) if at == artifact => self.page(first).await,
            Some(Fault::Flood(at)) if at == artifact => loop {
                self.send(&[b'x'; 16 << 10]).await?;
            },
            Some(Fault::Forge(at)) if at == artifact => {
                self.page(first).await?;
                // a line that is the prompt, and then nothing for a while
                self.say(&terminal.prompt).await?;
                tokio::time::sleep(STALL).await;
                self.say("\n").await?;
                self.page(second).await
            }
            Some(Fault::Waver(at)) if at == artifact => {
                let less = lines.len().saturating_sub(self.shown);
                self.page(lines.get(..less).unwrap_or_default()).await
            }
            Some(Fault::Fail(at, _)) if at == artifact => self.say(&terminal.unknown).await,
            _ => self.page(&lines).await,
        }
    }

    /// Shows lines, a page at a time.
    async fn page(&mut self, lines: &[String]) -> Result<(), Stop> {
        let terminal = self.terminal;
        let page = self.rows.saturating_sub(1);
        let mut out = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            if page > 0 && number > 0 && number % page == 0 {
                out.extend(terminal.encode(&terminal.pager));
                self.send(&std::mem::take(&mut out)).await?;
                self.key().await?;
                self.send(&terminal.encode(&terminal.wipe)).await?;
            }
            out.extend(terminal.encode(line));
            out.extend(b"\r\n");
        }
        self.send(&out).await
    }

    /// Says a text of the data file, whose lines end in `\n`.
    async fn say(&mut self, text: &str) -> Result<(), Stop> {
        let bytes = self.terminal.encode(&text.replace('\n', "\r\n"));
        self.send(&bytes).await
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), Stop> {
        let (size, pause) = match &self.now.fault {
            Some(Fault::Drip(size, pause)) => ((*size).max(1), *pause),
            _ => (16 << 10, Duration::ZERO),
        };
        for piece in bytes.chunks(size) {
            self.to.data_bytes(piece.to_vec()).await.map_err(|_| Stop(Ending::Quiet))?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }

    /// The next line that is typed.
    async fn line(&mut self, hidden: bool) -> Result<String, Stop> {
        let mut line = Vec::new();
        loop {
            match self.key().await? {
                b'\r' | b'\n' => {
                    self.send(b"\r\n").await?;
                    return Ok(String::from_utf8_lossy(&line).into_owned());
                }
                key => {
                    line.push(key);
                    if !hidden {
                        self.send(&[key]).await?;
                    }
                }
            }
        }
    }

    async fn key(&mut self) -> Result<u8, Stop> {
        loop {
            if let Some(key) = self.typed.pop_front() {
                return Ok(key);
            }
            match self.from.wait().await {
                Some(ChannelMsg::Data { data }) => self.typed.extend(data.iter()),
                None | Some(ChannelMsg::Close | ChannelMsg::Eof) => return Err(Stop(Ending::Quiet)),
                Some(_) => {}
            }
        }
    }
}
