//! The command line: one file a command.

mod diff;
pub mod exit;
mod init;
pub mod progress;
mod trace;

use clap::{Parser, Subcommand};

use crate::report::Lang;
use exit::Exit;

/// Change-window checkpoint: what became reachable, and what became relayable, while you worked.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented site.toml, an example of a change, a folder for rules, and .gitignore
    Init(init::Args),
    /// What happens to packets or relay attempts, and by which lines
    Trace(trace::Args),
    /// What changed between two states, in text and in meaning
    Diff(diff::Args),
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The user can mend it: a bad option, path or declaration.
    #[error("{0}")]
    Usage(String),
    /// Writing the answer failed.
    #[error("cannot write the answer: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs one command.
///
/// # Errors
/// What the user did wrong, or what could not be written.
pub fn run(cli: Cli) -> Result<Exit, CliError> {
    let lang = Lang::from_locale(|name| std::env::var(name).ok());
    match cli.command {
        Command::Init(args) => init::run(&args, lang),
        Command::Trace(args) => trace::run(&args),
        Command::Diff(args) => diff::run(&args),
    }
}
