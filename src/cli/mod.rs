//! The command line: one file a command.

pub mod exit;
pub mod progress;
mod trace;

use clap::{Parser, Subcommand};

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
    /// What happens to packets or relay attempts, and by which lines
    Trace(trace::Args),
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
    match cli.command {
        Command::Trace(args) => trace::run(&args),
    }
}
