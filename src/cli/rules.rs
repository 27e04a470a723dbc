//! `rules`: the rules that apply here, weightiest first within the order of their packs.

use super::CliError;
use super::check::Console;
use super::exit::Exit;
use super::global::{Colour, Global};
use crate::report::words::explain as words;

/// Prints one line a rule.
pub(super) fn run(global: &Global) -> Result<Exit, CliError> {
    let declared = global.declared(std::path::Path::new("."))?;
    Console::Out.write(&words::list(&declared.rules, global.lang()), Colour::Never)?;
    Ok(Exit::Allow)
}
