//! Options that every command knows, and what they lead to: site, store, language, time.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::CliError;
use super::declared::Declared;
use crate::evidence::{Door, STORE, State, Store, Where};
use crate::finding::Severity;
use crate::report::words::errors as words;
use crate::report::{Lang, Style};
use crate::rules::Rule;
use crate::site::Change;

/// Options that every command knows.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The site.toml that counts; else the one beside or above the evidence (of two states, the one before)
    #[arg(long, value_name = "FILE", global = true)]
    pub site: Option<PathBuf>,
    /// The change.toml that counts; else the one beside site.toml
    #[arg(long, value_name = "FILE", global = true)]
    pub change: Option<PathBuf>,
    /// Folder of the evidence store; else .sekisho, and for demo a temporary one
    #[arg(long, value_name = "FOLDER", global = true)]
    pub store: Option<PathBuf>,
    /// Language of what is printed; else by the locale
    #[arg(long, value_enum, global = true)]
    pub lang: Option<Lang>,
    /// Where results go besides the terminal: FORMAT=PATH, formats table and json; `-` is standard output
    #[arg(long, value_name = "FORMAT=PATH", global = true)]
    pub output: Vec<String>,
    /// Findings from this severity on block
    #[arg(long, value_name = "SEVERITY", default_value = "high", value_parser = severity, global = true)]
    pub fail_on: Severity,
    /// Exit 0 where 1 would be due, and say so
    #[arg(long, global = true)]
    pub report_only: bool,
    /// When to colour: auto follows the terminal, NO_COLOR and CLICOLOR
    #[arg(long, value_enum, default_value_t = Colour::Auto, global = true)]
    pub color: Colour,
    /// No progress and no summary on the terminal
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Take this for the present time (tests)
    #[arg(long, value_name = "TIME", value_parser = moment, hide = true, global = true)]
    pub now: Option<OffsetDateTime>,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// Where the terminal can.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

fn severity(text: &str) -> Result<Severity, String> {
    match text {
        "info" => Ok(Severity::Info),
        "medium" => Ok(Severity::Medium),
        "high" => Ok(Severity::High),
        "critical" => Ok(Severity::Critical),
        other => Err(format!("{other:?} is none of info, medium, high, critical")),
    }
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|e| format!("{e}; write it as 2026-11-22T01:00:00+09:00"))
}

/// Where a format goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The format.
    pub format: Format,
    /// The file; `None` is standard output.
    pub path: Option<PathBuf>,
}

/// Formats of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table for a terminal.
    Table,
    /// JSON.
    Json,
}

impl Global {
    /// The language of what is printed.
    pub fn lang(&self) -> Lang {
        self.lang.unwrap_or_else(|| Lang::from_locale(|name| std::env::var(name).ok()))
    }

    /// The present time.
    pub fn now(&self) -> OffsetDateTime {
        self.now.unwrap_or_else(OffsetDateTime::now_utc)
    }

    /// The store.
    pub fn store(&self) -> Store {
        Store::open(self.store_folder())
    }

    /// The store's folder.
    pub fn store_folder(&self) -> &Path {
        self.store.as_deref().unwrap_or(Path::new(STORE))
    }

    /// Where results go.
    ///
    /// # Errors
    /// A word that is no format, or two results on standard output.
    pub fn outputs(&self) -> Result<Vec<Output>, CliError> {
        let outputs = self.output.iter().map(|text| {
            let (format, path) = text.split_once('=').unwrap_or((text, "-"));
            let format = match format {
                "table" => Format::Table,
                "json" => Format::Json,
                other => {
                    return Err(CliError::Usage(words::no_format(other, self.lang())));
                }
            };
            Ok(Output { format, path: (path != "-").then(|| PathBuf::from(path)) })
        });
        let outputs: Vec<Output> = outputs.collect::<Result<_, _>>()?;
        if outputs.iter().filter(|o| o.path.is_none()).count() > 1 {
            return Err(CliError::Usage(words::one_output(self.lang()).to_owned()));
        }
        Ok(outputs)
    }

    /// How values are written: times in the offset of the change, else in Japan's for Japanese, else in UTC.
    pub fn style<'a>(&self, change: Option<&Change>, rules: &'a [Rule]) -> Style<'a> {
        let lang = self.lang();
        let offset = match (change, lang) {
            (Some(change), _) => change.start.offset(),
            (None, Lang::Ja) => UtcOffset::from_hms(9, 0, 0).unwrap_or(UtcOffset::UTC),
            (None, Lang::En) => UtcOffset::UTC,
        };
        Style { lang, offset, rules }
    }

    /// Reads a state that a user named.
    ///
    /// # Errors
    /// What keeps it from being read; tampered evidence is exit 4.
    pub fn state(&self, text: &str, declared: &Declared, platform: Option<&str>) -> Result<State, CliError> {
        let store = self.store();
        let site = declared.path.as_ref().map(|_| &declared.site);
        Ok(Door { site, platform, store: &store }.read(&Where::parse(text))?)
    }
}

/// Whether a result can be written there, as far as that shows before: the folder is there, and no folder is in the way.
///
/// # Errors
/// It cannot.
pub fn may_write(path: &Path) -> Result<(), CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let kind = match (folder.is_dir(), path.is_dir()) {
        (false, _) => std::io::ErrorKind::NotFound,
        (true, true) => std::io::ErrorKind::IsADirectory,
        (true, false) => return Ok(()),
    };
    Err(CliError::Write(path.to_path_buf(), kind.into()))
}

/// Writes one result: into a file by way of a temporary one beside it, or to standard output.
///
/// # Errors
/// The disk or the other end of a pipe refuses.
pub fn write_output(output: &Output, text: &str) -> Result<(), CliError> {
    let Some(path) = &output.path else {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        return Ok(super::colour::unless_gone(written)?);
    };
    let fail = |e: std::io::Error| CliError::Write(path.clone(), e);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path)).map_err(fail)
}
