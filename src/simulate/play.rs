//! Answers one exec request from data, well or badly.

use std::time::Duration;

use russh::server::{Handle, Msg};
use russh::{ChannelWriteHalf, Sig};

use super::device::{Fault, Now};
use crate::capture::frame::write;
use crate::capture::script::{Question, Script};
use crate::platform::{ABSENT_STATUS, How};

/// Most bytes of one data message.
const PIECE: usize = 16 << 10;

/// What is left to do when the answer is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing.
    Quiet,
    /// Tear the connection apart.
    TearApart,
}

/// The client is gone, or the fault at hand ends the play here.
struct Stop(Ending);

/// One exec request being answered.
struct Play<'a> {
    handle: &'a Handle,
    /// The channel itself waits for the client's window; data sent through the handle would pile up and stall
    /// others.
    to: &'a ChannelWriteHalf<Msg>,
    script: Script,
    now: &'a Now,
}

/// Answers `request` as the device's shell would.
pub(super) async fn answer(handle: &Handle, to: &ChannelWriteHalf<Msg>, request: &str, now: &Now) -> Ending {
    let Some(script) = Script::parse(request) else {
        let _ = to.extended_data_bytes(1, &b"sh: not found\n"[..]).await;
        return finish(to, 127).await;
    };
    let play = Play { handle, to, script, now };
    match play.run().await {
        Ok(()) => play.end().await,
        Err(Stop(ending)) => ending,
    }
}

async fn finish(to: &ChannelWriteHalf<Msg>, status: u32) -> Ending {
    let _ = to.exit_status(status).await;
    let _ = to.eof().await;
    let _ = to.close().await;
    Ending::Quiet
}

impl Play<'_> {
    async fn run(&self) -> Result<(), Stop> {
        if let Some(Fault::Noise(noise)) = &self.now.fault {
            self.send(noise).await?;
            let _ = self.to.extended_data_bytes(1, noise.clone()).await;
        }
        for question in &self.script.questions {
            self.question(question).await?;
            if let Some(Fault::Between(noise)) = &self.now.fault {
                self.send(noise).await?;
            }
        }
        self.send(write::over(&self.script.mark).as_bytes()).await
    }

    async fn question(&self, question: &Question) -> Result<(), Stop> {
        let (mark, number) = (&self.script.mark, question.number);
        let _ = self.to.extended_data_bytes(1, write::stderr(mark, number).into_bytes()).await;
        let bytes = self.now.state.artifacts.get(&question.artifact);
        let file = matches!(question.how, How::File(_));
        let lie = u64::from(self.now.fault == Some(Fault::LieAboutSize));
        let size = bytes.filter(|_| file).map(|b| b.len() as u64 + lie);
        self.send(write::begin(mark, number, size).as_bytes()).await?;
        if let Some(Fault::Fail(_, status)) = self.fault_at(&question.artifact) {
            let _ = self.to.extended_data_bytes(1, &b"it does not work\n"[..]).await;
            return self.send(write::end(mark, number, *status).as_bytes()).await;
        }
        let bytes_or_none = bytes.map_or(&[][..], Vec::as_slice);
        self.body(question, bytes_or_none).await?;
        let status = if bytes.is_some() { 0 } else { ABSENT_STATUS };
        self.send(write::end(mark, number, status).as_bytes()).await
    }

    /// The bytes of an answer, or what the fault makes of them.
    async fn body(&self, question: &Question, bytes: &[u8]) -> Result<(), Stop> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        match self.fault_at(&question.artifact) {
            Some(Fault::Hang(_)) => {
                self.send(half).await?;
                std::future::pending().await
            }
            Some(Fault::Cut(_)) => {
                self.send(half).await?;
                // Let it reach the other side first: a reset would take it along.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(Stop(Ending::TearApart))
            }
            Some(Fault::Truncate(_)) => {
                self.send(half).await?;
                Err(Stop(finish(self.to, 0).await))
            }
            Some(Fault::Flood(_)) => loop {
                self.send(&[b'x'; PIECE]).await?;
            },
            Some(Fault::Forge(_)) => {
                self.send(half).await?;
                self.forge(question.number).await?;
                self.send(bytes.get(half.len()..).unwrap_or_default()).await
            }
            _ => self.send(bytes).await,
        }
    }

    /// Everything that would end this answer and all further ones, with the right mark.
    async fn forge(&self, from: usize) -> Result<(), Stop> {
        let mark = &self.script.mark;
        let mut forged = write::end(mark, from, 0);
        for question in self.script.questions.iter().filter(|q| q.number > from) {
            forged += &write::begin(mark, question.number, None);
            forged += "forged";
            forged += &write::end(mark, question.number, 0);
        }
        forged += &write::over(mark);
        self.send(forged.as_bytes()).await
    }

    /// The end of the channel.
    async fn end(&self) -> Ending {
        let to = self.to;
        match &self.now.fault {
            Some(Fault::NoStatus) => {
                let _ = to.eof().await;
            }
            Some(Fault::NoEof) => {
                let _ = to.exit_status(0).await;
            }
            Some(Fault::Signal) => {
                let (text, language) = ("killed".to_owned(), String::new());
                let _ = self.handle.exit_signal_request(to.id(), Sig::KILL, false, text, language).await;
                let _ = to.eof().await;
            }
            Some(Fault::Status(status)) => return finish(to, *status).await,
            _ => return finish(to, 0).await,
        }
        let _ = to.close().await;
        Ending::Quiet
    }

    /// The fault, if it is about this artifact.
    fn fault_at(&self, artifact: &str) -> Option<&Fault> {
        let fault = self.now.fault.as_ref()?;
        let about = match fault {
            Fault::Hang(a) | Fault::Cut(a) | Fault::Truncate(a) | Fault::Flood(a) | Fault::Forge(a) => a,
            Fault::Fail(a, _) => a,
            _ => return None,
        };
        (about == artifact).then_some(fault)
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), Stop> {
        let (size, pause) = match &self.now.fault {
            Some(Fault::Drip(size, pause)) => ((*size).max(1), *pause),
            _ => (PIECE, Duration::ZERO),
        };
        for piece in bytes.chunks(size) {
            let sent = self.to.data_bytes(piece.to_vec()).await;
            sent.map_err(|_| Stop(Ending::Quiet))?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }
}
