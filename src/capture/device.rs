//! One device from the first packet to its evidence: rounds of questions, proof, redaction.

use std::collections::BTreeSet;

use tokio::time::{Instant, timeout_at};

use super::collect::Options;
use super::exec::{self, Asker, Outcome};
use super::frame::Answer;
use super::script::{self, Mark, Question};
use super::shell::{self, Speaker};
use super::ssh::{Connection, Hops, Phase, SshError};
use super::target::Target;
use crate::evidence::{Artifact, DeviceEvidence, Origin, Proof, Source};
use crate::platform::dialogue::Dialogue;
use crate::platform::{ABSENT_STATUS, Ask, How, Platform, with_hosts};
use crate::reason::{Break, Reason};

/// Captures one device. Whatever goes wrong is part of the evidence.
pub(super) async fn capture(target: &Target, options: &Options, hops: &Hops) -> DeviceEvidence {
    let mut options = options.clone();
    options.limits.total = target.timeout.unwrap_or(options.limits.total);
    let options = &options;
    let platforms: Vec<String> = target.platforms.iter().map(|p| p.id().to_owned()).collect();
    let mut evidence = DeviceEvidence::new(target.name.clone(), platforms, Source::Snapshot);
    let deadline = exec::deadline(&options.limits);
    let opening = Connection::open(target, &options.limits, hops);
    match timeout_at(deadline, opening).await {
        Ok(Ok(connection)) => {
            evidence.identity = connection.identity();
            if let Err(problem) = ask_all(&connection, target, options, deadline, &mut evidence).await {
                evidence.failures.insert(0, problem);
            }
            connection.close().await;
        }
        Ok(Err(failure)) => {
            evidence.identity = failure.identity;
            evidence.failures.push(failure.error.reason());
        }
        Err(_) => {
            let (address, seconds) = (target.endpoint.to_string(), options.limits.total.as_secs());
            evidence.identity.address = Some(address.clone());
            let error = SshError::TimedOut { address, phase: Phase::Connect, seconds };
            evidence.failures.push(error.reason());
        }
    }
    evidence
}

/// Asks in rounds until no platform has a further question.
///
/// # Errors
/// Why the device was of no more use before that; what came until then is in the evidence.
async fn ask_all(
    connection: &Connection,
    target: &Target,
    options: &Options,
    deadline: Instant,
    evidence: &mut DeviceEvidence,
) -> Result<(), Reason> {
    let limits = &options.limits;
    let platforms = with_hosts(target.platforms.iter().copied());
    let dialogue = platforms.iter().find_map(|p| p.dialogue());
    let patterns = dialogue.map(shell::patterns).transpose().map_err(|problem| failed(&problem))?;
    let mut asker = match &patterns {
        Some(patterns) => {
            let random = u64::from_le_bytes(random().ok_or_else(no_random)?);
            let (device, password) = ((connection, limits, deadline), target.privilege.clone());
            Way::Speak(Box::new(Speaker::new(device, patterns, password, &evidence.platforms, random)))
        }
        None => {
            let first = random_mark().ok_or_else(no_random)?;
            let mark = move || random_mark().unwrap_or(first.clone());
            Way::Exec(Asker::new(connection, limits, deadline, mark))
        }
    };
    let asked = ask_rounds(&mut asker, (&platforms, dialogue), options, evidence).await;
    if let Way::Speak(speaker) = asker {
        speaker.close().await;
    }
    asked
}

/// Either way to put questions.
enum Way<'a, F> {
    /// As scripts for a POSIX shell.
    Exec(Asker<'a, F>),
    /// To the device's own command line.
    Speak(Box<Speaker<'a>>),
}

impl<F: FnMut() -> Mark> Way<'_, F> {
    async fn ask(&mut self, questions: &[Question]) -> (Vec<Outcome>, Option<SshError>) {
        match self {
            Self::Exec(asker) => asker.ask(questions).await,
            Self::Speak(speaker) => speaker.ask(questions).await,
        }
    }
}

async fn ask_rounds<F: FnMut() -> Mark>(
    asker: &mut Way<'_, F>,
    (platforms, dialogue): (&[&'static dyn Platform], Option<&'static Dialogue>),
    options: &Options,
    evidence: &mut DeviceEvidence,
) -> Result<(), Reason> {
    let limits = &options.limits;
    let mut asked = BTreeSet::new();
    let mut next: Vec<(Ask, &dyn Platform)> =
        platforms.iter().flat_map(|p| p.ask().into_iter().map(|a| (a, *p))).collect();
    for _ in 0..limits.rounds {
        next.retain(|(ask, _)| asked.insert(ask.artifact.clone()));
        for (ask, platform) in next.extract_if(.., |(_, p)| !speaks(*p, dialogue)) {
            Absorb { ask, platform, options, evidence }.outcome(Outcome::Broken(Break::Unaskable));
        }
        if next.is_empty() {
            return Ok(());
        }
        if asked.len() > limits.questions {
            break;
        }
        let questions: Vec<Question> = next.iter().enumerate().map(question).collect();
        let (outcomes, fatal) = asker.ask(&questions).await;
        let useless =
            evidence.artifacts.is_empty() && outcomes.iter().all(|o| matches!(o, Outcome::NotAsked));
        if let Some(error) = fatal.as_ref().filter(|_| useless) {
            return Err(error.reason());
        }
        for ((ask, platform), outcome) in next.drain(..).zip(outcomes) {
            Absorb { ask, platform, options, evidence }.outcome(outcome);
        }
        if let Some(error) = fatal {
            return Err(error.reason());
        }
        next = platforms.iter().flat_map(|p| p.follow(evidence).into_iter().map(|a| (a, *p))).collect();
    }
    next.retain(|(ask, _)| !asked.contains(&ask.artifact));
    if next.is_empty() && asked.len() <= limits.questions {
        return Ok(());
    }
    Err(Reason::TooManyQuestions { asked: asked.len() as u64 })
}

fn question((number, (ask, _)): (usize, &(Ask, &dyn Platform))) -> Question {
    Question { number, artifact: ask.artifact.clone(), how: ask.how.clone() }
}

/// Whether a platform's questions are for this command line, or for a POSIX shell as all others of the device.
fn speaks(platform: &dyn Platform, dialogue: Option<&'static Dialogue>) -> bool {
    match (platform.dialogue(), dialogue) {
        (Some(own), Some(other)) => std::ptr::eq(own, other),
        (None, None) => true,
        _ => false,
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

fn random_mark() -> Option<Mark> {
    random().map(Mark::new)
}

fn no_random() -> Reason {
    failed("the system has no random numbers")
}

fn failed(problem: &str) -> Reason {
    Reason::DeviceFailed { problem: problem.to_owned() }
}

/// Takes one outcome into the evidence.
struct Absorb<'a> {
    ask: Ask,
    platform: &'a dyn Platform,
    options: &'a Options,
    evidence: &'a mut DeviceEvidence,
}

impl Absorb<'_> {
    fn outcome(mut self, outcome: Outcome) {
        let command = self.command();
        let artifact = self.ask.artifact.clone();
        let reason = match outcome {
            Outcome::Answer { answer, stderr, doubt } => return self.answer(answer, &stderr, doubt),
            Outcome::Hung { seconds } => Reason::CommandHung { command, seconds },
            Outcome::TooLarge => self.too_large(),
            Outcome::Broken(by) => Reason::AnswerBroken { artifact, by },
            Outcome::NotAsked => Reason::NotAsked { artifact },
        };
        self.fail(reason);
    }

    fn answer(mut self, answer: Answer, stderr: &str, doubt: Option<Break>) {
        if let Some(reason) = self.refusal(&answer, stderr) {
            return self.fail(reason);
        }
        let absent = answer.status == ABSENT_STATUS;
        let doubts = doubt.or_else(|| self.size_doubt(&answer)).map(|by| self.broken(by));
        let proven = match doubts {
            None if absent => Ok(()),
            None => self.platform.prove(&self.ask.artifact, &answer.bytes),
            Some(reason) => Err(reason),
        };
        let proof = match (&proven, absent) {
            (Ok(()), true) => Proof::Absent,
            (Ok(()), false) => Proof::Complete,
            (Err(_), _) => Proof::Unproven,
        };
        if let Err(reason) = proven {
            self.fail(reason);
            if absent {
                return;
            }
        }
        let origin = Origin { command: self.command(), status: answer.status };
        let bytes = if absent { Vec::new() } else { self.redact(answer.bytes) };
        self.evidence.origins.insert(self.ask.artifact.clone(), origin);
        self.evidence.artifacts.insert(self.ask.artifact, Artifact { bytes: bytes.into(), proof });
    }

    /// Why a status is no answer.
    fn refusal(&self, answer: &Answer, stderr: &str) -> Option<Reason> {
        let file = matches!(self.ask.how, How::File(_));
        let status = match answer.status {
            0 | ABSENT_STATUS => return None,
            script::TOO_LARGE_STATUS if file => return Some(self.too_large()),
            script::NOT_REGULAR_STATUS if file => return Some(self.broken(Break::NotRegular)),
            script::NO_PERMISSION_STATUS if file => return Some(self.broken(Break::NoPermission)),
            other => {
                let said = self.redact(stderr.as_bytes().to_vec());
                let said = String::from_utf8_lossy(&said).into_owned();
                if said.is_empty() { other.to_string() } else { format!("{other}: {said}") }
            }
        };
        Some(Reason::CommandFailed { command: self.command(), status })
    }

    /// A file must come with as many bytes as it has; one that grows while it is read, or whose end is lost,
    /// has not.
    fn size_doubt(&self, answer: &Answer) -> Option<Break> {
        let received = answer.bytes.len() as u64;
        let announced = answer.size.filter(|size| *size != received && answer.status == 0)?;
        Some(Break::Size { announced, received })
    }

    fn broken(&self, by: Break) -> Reason {
        Reason::AnswerBroken { artifact: self.ask.artifact.clone(), by }
    }

    fn too_large(&self) -> Reason {
        let limit = self.options.limits.artifact as u64;
        Reason::ArtifactTooLarge { artifact: self.ask.artifact.clone(), limit }
    }

    fn redact(&self, bytes: Vec<u8>) -> Vec<u8> {
        let platforms: Vec<&str> = self.evidence.platforms.iter().map(String::as_str).collect();
        self.options.redactor.redact(&platforms, &self.ask.artifact, bytes)
    }

    fn command(&self) -> String {
        match &self.ask.how {
            How::Command(command) => command.clone(),
            How::File(path) => format!("cat {path}"),
        }
    }

    fn fail(&mut self, reason: Reason) {
        self.evidence.failures.push(reason);
    }
}
