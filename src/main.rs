//! Arguments in, exit code out.

use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;
use sekisho::cli::{self, Cli, CliError, exit::Exit};

fn main() -> ExitCode {
    panic::set_hook(Box::new(confess));
    caught(run).into()
}

/// A panic must look like nothing but our own failure, least of all like a verdict.
fn caught(work: impl FnOnce() -> Exit) -> Exit {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Exit::Internal)
}

fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Allow };
        }
    };
    match cli::run(&cli) {
        Ok(exit) => exit,
        Err(error) => {
            let text = error.say(cli.lang());
            // a rejected declaration already says which file it is about
            let text =
                if matches!(error, CliError::Declaration(_)) { text } else { format!("sekisho: {text}\n") };
            say(&text);
            error.exit()
        }
    }
}

/// Says where we failed. What was written to the store until then is whole or not there.
fn confess(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    let payload = panic.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message =
        message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    say(&format!(
        "sekisho: our own failure{place}: {message}\n\
         Nothing was judged. Please report it with the command line; the evidence store is as it was.\n\
         sekisho 自身の障害です。判定は行っていません。保存済みの証拠はそのままです。\n"
    ));
}

/// Writes to standard error, every line made harmless for a terminal.
fn say(text: &str) {
    let lines: String =
        text.lines().map(|line| format!("{}\n", sekisho::report::text::escape(line))).collect();
    let _ = anstream::stderr().write_all(lines.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_our_own_failure_and_no_verdict() {
        assert_eq!(caught(|| panic!("on purpose")).code(), 70);
        // devices are judged in threads of their own
        let threads = || std::thread::scope(|scope| scope.spawn(|| panic!("on purpose")).join());
        assert_eq!(
            caught(|| threads().map_or_else(|why| panic::resume_unwind(why), |()| Exit::Allow)).code(),
            70
        );
        assert_eq!(caught(|| Exit::Deny).code(), 1);
    }
}
