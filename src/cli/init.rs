//! `init`: a commented site.toml, an example of a change, a folder for rules, and .gitignore.

use std::io::Write;
use std::path::PathBuf;

use super::CliError;
use super::exit::Exit;
use crate::report::Lang;
use crate::report::text::escape;
use crate::report::words::init as words;
use crate::site::init;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder to write into; made if it is absent
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

/// Writes what is not there yet, and says what it wrote.
pub(super) fn run(args: &Args, lang: Lang) -> Result<Exit, CliError> {
    let outcomes = init::write(&args.folder).map_err(|error| {
        let path = escape(&error.path.display().to_string());
        CliError::Usage(words::failed(&path, &error.source.to_string(), lang))
    })?;
    let mut out = anstream::stdout().lock();
    for (path, outcome) in outcomes {
        let path = escape(&args.folder.join(path).display().to_string());
        writeln!(out, "{}", words::file(outcome, &path, lang))?;
    }
    writeln!(out, "{}", words::next(lang))?;
    Ok(Exit::Allow)
}
