//! `explain`: one rule in full.

use super::CliError;
use super::check::Console;
use super::exit::Exit;
use super::global::{Colour, Global};
use crate::report::words::explain as words;
use crate::site::near::nearest;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id of the rule, as findings name it
    #[arg(value_name = "ID")]
    id: String,
}

/// Prints what a rule looks for, why it matters and what to do.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let declared = global.declared(std::path::Path::new("."))?;
    let Some(rule) = declared.rules.iter().find(|rule| rule.id == args.id) else {
        let near = nearest(&args.id, declared.rules.iter().map(|rule| rule.id.as_str()));
        return Err(CliError::Usage(words::unknown(&args.id, near, global.lang())));
    };
    Console::Out.write(&words::full(rule, global.lang()), Colour::Never)?;
    Ok(Exit::Allow)
}
