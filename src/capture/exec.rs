//! Puts questions to a connected device and brings back the answers, whatever the device does in between.
//!
//! A round is one exec request (or several, when it is long). Its answers count as complete only when the
//! channel ended with exit status 0 *and* end of file (RFC 4254 sections 5.3 and 6.10), or when it was us who
//! ended it because one command hung. A hanging command is given up alone; the questions after it get a new
//! channel.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, Sig};
use tokio::time::{Instant, timeout_at};

use super::frame::{Answer, FrameError, FrameReader, StderrReader};
use super::script::{Mark, Question, Script};
use super::ssh::{Connection, Phase, SshError};
use super::target::Limits;
use crate::reason::Break;

/// Most channels of one device that may end badly before the rest is given up.
const MAX_BROKEN: usize = 8;

/// What became of one question.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer.
    Answer {
        /// Standard output, exit status, announced size.
        answer: Answer,
        /// The first bytes of standard error.
        stderr: String,
        /// What was wrong with the end of the channel; such an answer is not proven to be whole.
        doubt: Option<Break>,
    },
    /// The device sent nothing for too long.
    Hung {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The answer is larger than allowed.
    TooLarge,
    /// The answer was cut off, or its frames were not ours.
    Broken(Break),
    /// The question was not put.
    NotAsked,
}

/// Puts questions to one device, one channel at a time.
pub(super) struct Asker<'a, F> {
    connection: &'a Connection,
    limits: &'a Limits,
    deadline: Instant,
    /// A new random mark for each script.
    mark: F,
    /// Bytes of answers so far.
    received: u64,
    broken: usize,
}

/// How a channel ended.
enum End {
    /// Exit status 0 and end of file.
    Proper,
    /// Not like that, and the device's side ended it.
    Improper(Break),
    /// We ended it, because of the question being answered.
    GivenUp(Outcome),
    /// The connection is of no more use.
    Fatal(SshError),
}

impl End {
    /// What makes the answers doubtful that were certain by their frames. Where we gave up one question,
    /// those before it are not touched by it; where we gave up after the last one, the end that proves them
    /// all is missing.
    fn doubt(&self, all: bool) -> Option<Break> {
        match self {
            Self::Proper => None,
            Self::Improper(by) => Some(by.clone()),
            Self::Fatal(_) => Some(Break::Lost),
            Self::GivenUp(_) => all.then_some(Break::NoEnd),
        }
    }
}

impl<'a, F: FnMut() -> Mark> Asker<'a, F> {
    pub(super) fn new(connection: &'a Connection, limits: &'a Limits, deadline: Instant, mark: F) -> Self {
        Self { connection, limits, deadline, mark, received: 0, broken: 0 }
    }

    /// Puts every question; each comes back with what became of it, in order. The error, if any, says why the
    /// device is of no more use; answers from before it stand.
    pub(super) async fn ask(&mut self, questions: &[Question]) -> (Vec<Outcome>, Option<SshError>) {
        let mut outcomes = Vec::with_capacity(questions.len());
        let mut fatal = None;
        while let Some(rest) = questions.get(outcomes.len()..).filter(|r| !r.is_empty()) {
            fatal = fatal.or_else(|| self.exhausted());
            if fatal.is_some() {
                outcomes.extend(rest.iter().map(|_| Outcome::NotAsked));
                break;
            }
            let askable = rest.iter().take_while(|q| q.is_askable()).count();
            let Some(askable) = rest.get(..askable).filter(|a| !a.is_empty()) else {
                outcomes.push(Outcome::Broken(Break::Unaskable));
                continue;
            };
            let (limit, seconds) = (self.limits.artifact as u64, self.limits.total.as_secs().max(1));
            let (script, _) = Script::pack((self.mark)(), limit, seconds, askable);
            fatal = self.run(&script, &mut outcomes).await.err();
        }
        (outcomes, fatal)
    }

    /// Why no further question is put.
    fn exhausted(&self) -> Option<SshError> {
        if self.connection.is_closed() {
            return Some(self.connection.lost("closed by the other side"));
        }
        if Instant::now() >= self.deadline {
            return Some(self.late());
        }
        if self.received > self.limits.device {
            return Some(self.flood());
        }
        (self.broken >= MAX_BROKEN).then(|| SshError::NoShell { address: self.address() })
    }

    /// Runs one script. Adds the outcomes of the questions that are settled by it, at least one.
    ///
    /// # Errors
    /// The script did not start.
    async fn run(&mut self, script: &Script, outcomes: &mut Vec<Outcome>) -> Result<(), SshError> {
        let first = script.questions.first().map_or(0, |q| q.number);
        let numbers = first..first + script.questions.len();
        let mut channel = self.connection.session(self.limits.idle).await?;
        let mut reading = Reading {
            frames: FrameReader::new(&script.mark, numbers, self.limits.artifact),
            stderr: StderrReader::new(&script.mark),
            errors: 0,
            eof: false,
            status: None,
            signal: None,
        };
        let sent = channel.exec(true, script.request()).await;
        let end = match sent {
            Ok(()) => self.read(&mut channel, &mut reading).await,
            Err(error) => End::Fatal(self.connection.lost(&error.to_string())),
        };
        if !matches!(end, End::Proper) {
            // sshd hands the signal to the command's process group; a command that hangs must not stay
            // behind.
            let _ = channel.signal(Sig::TERM).await;
        }
        let _ = channel.close().await;
        self.settle(end, reading, script, outcomes)
    }

    /// Turns what was read into outcomes: the certain answers, then the question at which the channel ended
    /// badly.
    fn settle(
        &mut self,
        end: End,
        mut reading: Reading,
        script: &Script,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), SshError> {
        let answers = reading.frames.take_answers();
        let all = answers.len() == script.questions.len() && reading.frames.is_over();
        let stderr = reading.stderr.finish();
        if let (true, End::GivenUp(Outcome::Broken(by))) = (all, &end) {
            // A mark after the last one: some frame was not ours, and nobody knows which.
            outcomes.extend(answers.iter().map(|_| Outcome::Broken(by.clone())));
            self.broken += 1;
            return Ok(());
        }
        for answer in answers {
            let stderr = stderr.iter().find(|(n, _)| *n == answer.number);
            let stderr = stderr.map(|(_, text)| text.clone()).unwrap_or_default();
            outcomes.push(Outcome::Answer { answer, stderr, doubt: end.doubt(all) });
        }
        if all && matches!(end, End::Proper) {
            return Ok(());
        }
        self.broken += 1;
        if !reading.frames.has_begun() {
            return Err(match end {
                End::Fatal(error) => error,
                _ => SshError::NoShell { address: self.address() },
            });
        }
        if !all {
            outcomes.push(match end {
                End::GivenUp(Outcome::Hung { .. }) if reading.frames.is_holding() => {
                    Outcome::Broken(Break::NoEnd)
                }
                End::GivenUp(outcome) => outcome,
                End::Improper(by) => Outcome::Broken(by),
                End::Fatal(_) => Outcome::Broken(Break::Lost),
                End::Proper => Outcome::Broken(Break::CutOff),
            });
        }
        Ok(())
    }

    async fn read(&mut self, channel: &mut Channel<Msg>, reading: &mut Reading) -> End {
        loop {
            let idle = Instant::now() + self.limits.idle;
            let Ok(message) = timeout_at(idle.min(self.deadline), channel.wait()).await else {
                return self.overdue();
            };
            let Some(message) = message else {
                return End::Fatal(self.connection.lost("closed in the middle of an answer"));
            };
            match message {
                ChannelMsg::Data { data } => {
                    if let Err(end) = self.take(&data, reading) {
                        return end;
                    }
                }
                ChannelMsg::ExtendedData { data, .. } => {
                    self.received += data.len() as u64;
                    if self.received > self.limits.device {
                        return End::Fatal(self.flood());
                    }
                    reading.errors += data.len();
                    if reading.errors > self.limits.artifact {
                        return End::GivenUp(Outcome::TooLarge);
                    }
                    reading.stderr.push(&data);
                }
                ChannelMsg::Failure => {
                    return End::Fatal(SshError::ExecRefused { address: self.address() });
                }
                ChannelMsg::ExitStatus { exit_status } => reading.status = Some(exit_status),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    reading.signal = Some(format!("{signal_name:?}"))
                }
                ChannelMsg::Eof => reading.eof = true,
                ChannelMsg::Close => return reading.end(),
                _ => {}
            }
            // Some servers never close a channel that has nothing more to say.
            if reading.eof && (reading.status.is_some() || reading.signal.is_some()) {
                return reading.end();
            }
        }
    }

    fn take(&mut self, data: &[u8], reading: &mut Reading) -> Result<(), End> {
        self.received += data.len() as u64;
        if self.received > self.limits.device {
            return Err(End::Fatal(self.flood()));
        }
        reading.frames.push(data).map_err(|error| {
            End::GivenUp(match error {
                FrameError::TooLarge => Outcome::TooLarge,
                FrameError::Noise | FrameError::Stray => Outcome::Broken(Break::StrayOutput),
            })
        })
    }

    fn overdue(&self) -> End {
        if Instant::now() < self.deadline {
            return End::GivenUp(Outcome::Hung { seconds: self.limits.idle.as_secs() });
        }
        End::Fatal(self.late())
    }

    fn late(&self) -> SshError {
        let seconds = self.limits.total.as_secs();
        SshError::TimedOut { address: self.address(), phase: Phase::Session, seconds }
    }

    fn flood(&self) -> SshError {
        SshError::Flood { address: self.address(), limit: self.limits.device }
    }

    fn address(&self) -> String {
        self.connection.address().to_owned()
    }
}

/// What came over one channel.
struct Reading {
    frames: FrameReader,
    stderr: StderrReader,
    /// Bytes of standard error.
    errors: usize,
    eof: bool,
    status: Option<u32>,
    signal: Option<String>,
}

impl Reading {
    fn end(&self) -> End {
        match (&self.signal, self.status, self.eof) {
            (Some(name), _, _) => End::Improper(Break::Signal { name: name.clone() }),
            (None, None, _) => End::Improper(Break::NoExitStatus),
            (None, Some(0), true) => End::Proper,
            (None, Some(0), false) => End::Improper(Break::NoEndOfFile),
            (None, Some(status), _) => End::Improper(Break::Status { status }),
        }
    }
}

/// A deadline that leaves `limits.total` from now.
pub(super) fn deadline(limits: &Limits) -> Instant {
    Instant::now() + limits.total.max(Duration::from_millis(1))
}
