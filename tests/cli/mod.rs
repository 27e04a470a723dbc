//! The built program, run as its user runs it.

#[cfg(unix)]
mod gate;
#[cfg(unix)]
mod guard;
#[cfg(unix)]
mod running;
mod trouble;
#[cfg(unix)]
mod watch;

use std::process::{Command, Output};

/// What a run of the program left.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    /// Runs it to its end.
    fn of(command: &mut Command) -> Self {
        Self::read(command.output().unwrap())
    }

    fn read(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code().expect("an exit code"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The same, if it ended with this code.
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}\n{}", self.out, self.err))
    }
}
