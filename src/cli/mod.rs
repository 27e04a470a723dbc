//! The command line: one file a command.

mod capture;
mod check;
mod colour;
mod declared;
mod demo;
mod diff;
pub mod exit;
mod explain;
mod exposure;
pub mod global;
mod guard;
mod init;
mod platforms;
mod probe;
pub mod progress;
mod rollback;
mod rules;
mod snapshot;
mod targets;
mod trace;
mod watch;
mod window;

use std::io::ErrorKind;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use exit::Exit;
use global::Global;

use crate::capture::known_hosts::KnownHostsError;
use crate::evidence::{StateError, StoreError};
use crate::report::Lang;
use crate::report::words::errors as words;

/// Change-window checkpoint: what became reachable, and what became relayable, while you worked.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, about, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole incident on this machine with nothing set up: captured before, during, after, and judged
    Demo(demo::Args),
    /// Write a commented site.toml, an example of a change, a folder for rules, and .gitignore
    Init(init::Args),
    /// One host, no preparation: capture it, run a command, look meanwhile, capture again, judge
    Guard(guard::Args),
    /// The devices of a change into a snapshot
    Capture(capture::Args),
    /// What changed between two states, in text and in meaning
    Diff(diff::Args),
    /// Everything that devices let in, whatever was there before
    Exposure(exposure::Args),
    /// Look again and again while the window is open, tell at once what opened, and judge at its end
    Watch(watch::Args),
    /// The gate: rules over state and drift, verdict, exit code
    Check(check::Args),
    /// Try declared targets for real, from here or from another place: ports, and relay attempts that stop after RCPT TO
    Probe(probe::Args),
    /// Print what restores the state before; nothing is run
    Rollback(rollback::Args),
    /// What happens to packets or relay attempts, and by which lines
    Trace(trace::Args),
    /// One rule in full: what it finds, why that matters, what to do
    Explain(explain::Args),
    /// The rules that apply here
    Rules,
    /// What can be read, and what is asked for it
    Platforms,
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum CliError {
    /// The user can mend it: a bad option or path. In words already.
    Usage(String),
    /// A declaration file is wrong; the text shows every problem at its place.
    Declaration(String),
    /// Something that has an exit code of its own, in words already.
    Exit(Exit, String),
    /// A state cannot be read, or the store does not do what is asked of it.
    Evidence(StateError),
    /// A known_hosts file cannot be used.
    KnownHosts(KnownHostsError),
    /// A file that the user named cannot be read.
    Read(PathBuf, std::io::Error),
    /// A file cannot be written.
    Write(PathBuf, std::io::Error),
    /// Writing the answer failed.
    Output(std::io::Error),
}

impl CliError {
    /// What the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Declaration(_) | Self::KnownHosts(_) | Self::Read(..) => Exit::Usage,
            Self::Exit(exit, _) => *exit,
            Self::Evidence(StateError::Store(error)) => match error {
                StoreError::Tampered { .. } => Exit::Tampered,
                StoreError::ChangeId { .. } | StoreError::DuplicateDevice(_) | StoreError::Key { .. } => {
                    Exit::Usage
                }
                StoreError::Finished => Exit::Internal,
                // evidence is missing, or could not be kept
                _ => Exit::Undecided,
            },
            Self::Evidence(_) => Exit::Usage,
            // a path that cannot be written to is the user's; a disk that fails is nobody's
            Self::Write(_, error) => match error.kind() {
                ErrorKind::NotFound
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem => Exit::Usage,
                _ => Exit::Internal,
            },
            Self::Output(_) => Exit::Internal,
        }
    }

    /// In words, not escaped yet.
    pub fn say(&self, lang: Lang) -> String {
        match self {
            Self::Usage(text) | Self::Declaration(text) | Self::Exit(_, text) => text.clone(),
            Self::Evidence(error) => words::state(error, lang),
            Self::KnownHosts(error) => words::known_hosts(error, lang),
            Self::Read(path, error) => words::cannot_read(path, error, lang),
            Self::Write(path, error) => words::cannot_write(path, error, lang),
            Self::Output(error) => words::cannot_answer(error, lang),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        Self::Evidence(error)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Evidence(StateError::Store(error))
    }
}

impl From<KnownHostsError> for CliError {
    fn from(error: KnownHostsError) -> Self {
        Self::KnownHosts(error)
    }
}

impl Cli {
    /// The language of what is printed.
    pub fn lang(&self) -> Lang {
        self.global.lang()
    }
}

/// Runs one command.
///
/// # Errors
/// What the user did wrong, or what could not be read or written.
pub fn run(cli: &Cli) -> Result<Exit, CliError> {
    let global = &cli.global;
    match &cli.command {
        Command::Demo(args) => demo::run(args, global),
        Command::Init(args) => init::run(args, global.lang()),
        Command::Guard(args) => guard::run(args, global),
        Command::Capture(args) => capture::run(args, global),
        Command::Diff(args) => diff::run(args, global),
        Command::Exposure(args) => exposure::run(args, global),
        Command::Watch(args) => watch::run(args, global),
        Command::Check(args) => check::run(args, global),
        Command::Probe(args) => probe::run(args, global),
        Command::Rollback(args) => rollback::run(args, global),
        Command::Trace(args) => trace::run(args, global.lang()),
        Command::Explain(args) => explain::run(args, global),
        Command::Rules => rules::run(global),
        Command::Platforms => platforms::run(global),
    }
}

/// The error for a platform that nobody knows.
fn unknown_platform(name: &str, lang: Lang) -> CliError {
    let known: Vec<&str> = crate::platform::REGISTRY.iter().map(|p| p.id()).collect();
    let near = crate::site::near::nearest(name, known.iter().copied());
    CliError::Usage(words::unknown_platform(name, &known, near, lang))
}
