//! The command line: one file a command.

mod capture;
mod check;
mod colour;
mod demo;
mod diff;
pub mod exit;
mod explain;
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

use clap::{Parser, Subcommand};

use exit::Exit;
use global::Global;

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
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The user can mend it: a bad option or path.
    #[error("{0}")]
    Usage(String),
    /// A declaration file is wrong; the text shows every problem at its place.
    #[error("{0}")]
    Declaration(String),
    /// Something that has an exit code of its own.
    #[error("{1}")]
    Exit(Exit, String),
    /// Writing the answer failed.
    #[error("cannot write the answer: {0}")]
    Output(#[from] std::io::Error),
}

impl CliError {
    /// What the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Declaration(_) => Exit::Usage,
            Self::Exit(exit, _) => *exit,
            Self::Output(_) => Exit::Internal,
        }
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
        Command::Watch(args) => watch::run(args, global),
        Command::Check(args) => check::run(args, global),
        Command::Probe(args) => probe::run(args, global),
        Command::Rollback(args) => rollback::run(args, global),
        Command::Trace(args) => trace::run(args),
        Command::Explain(args) => explain::run(args, global),
        Command::Rules => rules::run(global),
        Command::Platforms => platforms::run(global),
    }
}

/// The error for a platform that nobody knows.
fn unknown_platform(name: &str) -> CliError {
    let known: Vec<&str> = crate::platform::REGISTRY.iter().map(|p| p.id()).collect();
    let near = crate::site::near::nearest(name, known.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    CliError::Usage(format!("unknown platform {name:?}: use one of {}{near}", known.join(", ")))
}
