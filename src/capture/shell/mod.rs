//! Captures devices that run no commands over SSH: their own command line is spoken to, by the data that the platform
//! brings ([`Dialogue`]).
//!
//! Nothing is set on a device but what the platform says counts for this session only. An answer is whole only if its end
//! was shown (`session.rs`), and if the platform finds its own mark in it or two reads in a row gave the same.

mod decode;
mod escape;
mod patterns;
mod session;
mod terminal;
mod wrap;

use tokio::time::Instant;

use super::exec::Outcome;
use super::frame::Answer;
use super::script::Question;
use super::ssh::{Connection, SshError};
use super::target::{Limits, SecretSource};
use crate::platform::dialogue::Dialogue;
use crate::platform::{ABSENT_STATUS, How, Normaliser};
use crate::reason::Break;
use patterns::{Complaint, Patterns};
use session::{Fail, Session};
use terminal::{COLUMNS, Stop, Terminal};

/// Longest command.
const MAX_COMMAND: usize = 200;

/// Most command lines of one device that may end badly before the rest is given up.
const MAX_BROKEN: usize = 4;

/// Most reads of an artifact that has no mark of its end.
const READS: usize = 3;

/// How much longer everything is waited for once something was not understood.
const PATIENT: u32 = 4;

/// Characters of a complaint that are kept, for messages.
const MAX_COMPLAINT: usize = 200;

/// Status of an answer that is a complaint.
const COMPLAINT: u32 = 1;

/// Puts questions to the command line of one device, one at a time.
pub(super) struct Speaker<'a> {
    connection: &'a Connection,
    limits: &'a Limits,
    deadline: Instant,
    patterns: &'a Patterns,
    password: Option<SecretSource>,
    normaliser: Normaliser,
    random: u64,
    session: Option<Session<'a>>,
    /// Bytes of command lines that are closed.
    received: u64,
    broken: usize,
}

/// The patterns of a dialogue.
///
/// # Errors
/// One does not compile.
pub(super) fn patterns(dialogue: &'static Dialogue) -> Result<Patterns, String> {
    Patterns::of(dialogue).map_err(|e| e.to_string())
}

/// A text as it came, and what is doubtful about it.
struct Read {
    bytes: Vec<u8>,
    doubt: Option<Break>,
}

impl<'a> Speaker<'a> {
    /// For a connected device. `platforms` are its platforms, whose noise makes no two reads different; `random` is a
    /// random number.
    pub(super) fn new(
        (connection, limits, deadline): (&'a Connection, &'a Limits, Instant),
        patterns: &'a Patterns,
        password: Option<SecretSource>,
        platforms: &[String],
        random: u64,
    ) -> Self {
        let normaliser = Normaliser::of(platforms);
        let (session, received, broken) = (None, 0, 0);
        Self {
            connection,
            limits,
            deadline,
            patterns,
            password,
            normaliser,
            random,
            session,
            received,
            broken,
        }
    }

    /// Puts every question; each comes back with what became of it, in order. The error, if any, says why the device is
    /// of no more use; answers from before it stand.
    pub(super) async fn ask(&mut self, questions: &[Question]) -> (Vec<Outcome>, Option<SshError>) {
        let mut outcomes = Vec::with_capacity(questions.len());
        let mut fatal = None;
        for question in questions {
            let asked = match (&fatal, command(question)) {
                (Some(_), _) => Ok(Outcome::NotAsked),
                (None, None) => Ok(Outcome::Broken(Break::Unaskable)),
                (None, Some(command)) => self.question(&question.artifact, question.number, command).await,
            };
            outcomes.push(asked.unwrap_or_else(|(outcome, error)| {
                fatal = Some(error);
                outcome
            }));
        }
        (outcomes, fatal)
    }

    async fn question(
        &mut self,
        artifact: &str,
        number: usize,
        command: &str,
    ) -> Result<Outcome, (Outcome, SshError)> {
        let mut earlier: Option<String> = None;
        let twice = self.patterns.dialogue.twice.contains(&artifact);
        for again in (0..READS).rev() {
            let raw = match self.read(command).await? {
                Ok(raw) => raw,
                Err(outcome) => return Ok(outcome),
            };
            match self.patterns.complaint(&raw) {
                Some(Complaint::Absent) => return Ok(answer(number, Vec::new(), ABSENT_STATUS, "", None)),
                Some(Complaint::Error(line)) => {
                    let line = decode::decode(line, &self.patterns.encodings);
                    let said: String = String::from_utf8_lossy(&line).chars().take(MAX_COMPLAINT).collect();
                    return Ok(answer(number, Vec::new(), COMPLAINT, &said, None));
                }
                None => {}
            }
            let read = self.text(artifact, raw);
            let plain = self.normaliser.text(artifact, &String::from_utf8_lossy(&read.bytes));
            if !twice || earlier.as_ref() == Some(&plain) {
                return Ok(answer(number, read.bytes, 0, "", read.doubt));
            }
            if again == 0 {
                return Ok(answer(number, read.bytes, 0, "", Some(Break::Unstable)));
            }
            earlier = Some(plain);
        }
        Ok(Outcome::Broken(Break::Unstable))
    }

    /// Output as UTF-8, broken lines joined.
    fn text(&self, artifact: &str, raw: Vec<u8>) -> Read {
        let bytes = decode::decode(raw, &self.patterns.encodings);
        let wrap = self.patterns.dialogue.wrap.as_ref().filter(|wrap| wrap.artifacts.contains(&artifact));
        let (Some(_), Some(breaking)) = (wrap, &self.patterns.breaking) else {
            return Read { bytes, doubt: None };
        };
        let (text, doubt) = match std::str::from_utf8(&bytes) {
            Ok(text) => wrap::rejoin(text, breaking, COLUMNS as usize),
            // characters of an unknown width: nobody knows which lines are full
            Err(_) => return Read { bytes, doubt: Some(wrapped(breaking.columns)) },
        };
        Read { bytes: text.into_bytes(), doubt: doubt.map(wrapped) }
    }

    /// The output of a command. What is not understood is asked for once more, with patience.
    ///
    /// # Errors
    /// Inside: the question is settled without an answer. Outside: the device is of no more use, too.
    async fn read(&mut self, command: &str) -> Result<Result<Vec<u8>, Outcome>, (Outcome, SshError)> {
        for patience in [1, PATIENT] {
            let session = match self.session().await {
                Ok(session) => session,
                Err(error) => return Err((Outcome::NotAsked, error)),
            };
            let outcome = match session.ask(command, patience).await {
                Ok(bytes) => return Ok(Ok(bytes)),
                Err(Fail::Stray) => {
                    if session.recover().await.is_ok() {
                        continue;
                    }
                    Outcome::Broken(Break::StrayOutput)
                }
                Err(Fail::Stop(Stop::Hung)) => Outcome::Hung { seconds: self.limits.idle.as_secs() },
                Err(Fail::Stop(Stop::TooLarge)) => Outcome::TooLarge,
                Err(Fail::Stop(Stop::Closed | Stop::Refused)) => Outcome::Broken(Break::CutOff),
                Err(Fail::Stop(Stop::Fatal(error))) => return Err((Outcome::Broken(Break::Lost), error)),
            };
            self.hang_up().await;
            return Ok(Err(outcome));
        }
        Ok(Err(Outcome::Broken(Break::StrayOutput)))
    }

    /// The command line, opened where there is none.
    async fn session(&mut self) -> Result<&mut Session<'a>, SshError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        Ok(self.session.insert(session))
    }

    async fn open(&mut self) -> Result<Session<'a>, SshError> {
        let address = || self.connection.address().to_owned();
        if self.connection.is_closed() {
            return Err(self.connection.lost("closed by the other side"));
        }
        if self.broken >= MAX_BROKEN {
            return Err(SshError::NoPrompt { address: address() });
        }
        let no_prompt = |stop: Stop| match stop {
            Stop::Fatal(error) => error,
            _ => SshError::NoPrompt { address: self.connection.address().to_owned() },
        };
        let terminal = Terminal::open(self.connection, self.limits, self.deadline, self.received).await?;
        self.random = self.random.wrapping_add(1);
        let mut session = Session::learn(terminal, self.patterns, self.random).await.map_err(no_prompt)?;
        let escalation = self.patterns.dialogue.escalation.as_ref().filter(|_| !session.is_privileged());
        if let Some(escalation) = escalation {
            let command = escalation.command.to_owned();
            let password = match &self.password {
                Some(password) => password.fetch().await,
                None => None,
            };
            let Some(password) = password else {
                return Err(SshError::NoPrivilege { address: address(), command });
            };
            if !session.escalate(&command, &password).await.map_err(no_prompt)? {
                return Err(SshError::PrivilegeRefused { address: address(), command });
            }
        }
        for setting in self.patterns.dialogue.session {
            // a device that does not know it shows its pager and breaks its lines, which is read as well
            match session.ask(setting, 1).await {
                Ok(_) => {}
                Err(Fail::Stray) => session.recover().await.map_err(no_prompt)?,
                Err(Fail::Stop(stop)) => return Err(no_prompt(stop)),
            }
        }
        Ok(session)
    }

    async fn hang_up(&mut self) {
        self.broken += 1;
        if let Some(session) = self.session.take() {
            self.received = session.close().await;
        }
    }

    /// Ends the command line.
    pub(super) async fn close(mut self) {
        self.hang_up().await;
    }
}

const fn wrapped(columns: usize) -> Break {
    Break::Wrapped { columns: columns as u64 }
}

fn answer(number: usize, bytes: Vec<u8>, status: u32, said: &str, doubt: Option<Break>) -> Outcome {
    let answer = Answer { number, bytes, size: None, status };
    Outcome::Answer { answer, stderr: said.to_owned(), doubt }
}

/// The command of a question that a command line can be asked: one line of printable ASCII.
fn command(question: &Question) -> Option<&str> {
    let How::Command(command) = &question.how else { return None };
    let printable = command.len() <= MAX_COMMAND && command.bytes().all(|b| (0x20..0x7f).contains(&b));
    printable.then_some(command)
}
