//! `platforms`: what can be read, and what is asked for it.

use super::CliError;
use super::check::Console;
use super::exit::Exit;
use super::global::{Colour, Global};
use crate::platform::{REGISTRY, with_hosts};
use crate::report::words::explain as words;

/// Prints every platform with the first questions that a capture puts to a device of it.
pub(super) fn run(global: &Global) -> Result<Exit, CliError> {
    let mut text = String::new();
    for platform in REGISTRY {
        text.push_str(&words::platform(platform.id(), platform.signs(), global.lang()));
        for asked in with_hosts([*platform]).iter().flat_map(|p| p.ask()) {
            text.push_str(&words::question(&asked));
        }
    }
    text.push_str(words::further(global.lang()));
    Console::Out.write(&text, Colour::Never)?;
    Ok(Exit::Allow)
}
