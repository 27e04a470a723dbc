//! Arguments in, exit code out.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use sekisho::cli::{self, Cli, CliError, exit::Exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Allow.into() };
        }
    };
    match cli::run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let text = error.to_string();
            // a rejected declaration already says which file it is about
            let text = if matches!(error, CliError::Declaration(_)) { text } else { format!("sekisho: {text}\n") };
            let _ = anstream::stderr().write_all(escape_lines(&text).as_bytes());
            error.exit().into()
        }
    }
}

/// Makes every line harmless for a terminal.
fn escape_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", sekisho::report::text::escape(line))).collect()
}
