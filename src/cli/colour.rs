//! Colour on terminals that can, and only there. Colour is never the only sign: the word stands there too.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::global::Colour;
use crate::rules::Verdict;

/// The text with its first word, the verdict, in colour.
pub(super) fn paint(text: &str, verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Allow => AnsiColor::Green,
        Verdict::Deny => AnsiColor::Red,
        Verdict::Undecided => AnsiColor::Yellow,
    };
    let style = Style::new().fg_color(Some(colour.into())).bold();
    match text.split_once("  ") {
        Some((name, rest)) => format!("{style}{name}{style:#}  {rest}"),
        None => text.to_owned(),
    }
}

fn choice(colour: Colour) -> anstream::ColorChoice {
    match colour {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::Always,
        Colour::Never => anstream::ColorChoice::Never,
    }
}

/// Writes to standard output. A reader that has gone away is no error: the exit code still tells the verdict.
pub(super) fn to_stdout(text: &str, colour: Colour) -> io::Result<()> {
    let mut out = anstream::AutoStream::new(io::stdout(), choice(colour));
    unless_gone(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes to standard error.
pub(super) fn to_stderr(text: &str, colour: Colour) -> io::Result<()> {
    let mut out = anstream::AutoStream::new(io::stderr(), choice(colour));
    unless_gone(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Passes over a reader that has gone away.
pub(super) fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
