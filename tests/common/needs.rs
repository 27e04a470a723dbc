//! Tests that need more than a compiler say here what they need, and are skipped loudly where it is absent.

use std::env;
use std::io::{Write, stderr};
use std::process::Command;

/// The need for administrator's rights, beside the names of programs.
pub const ROOT: &str = "root";

/// Whether `test` can run: with all of `needs`, each a program or [`ROOT`]. Says what is missing.
pub fn met(test: &str, needs: &[&str]) -> bool {
    let missing: Vec<&str> = needs.iter().copied().filter(|need| !is_there(need)).collect();
    if !missing.is_empty() {
        skip(test, &missing.join(", "));
    }
    missing.is_empty()
}

/// Says that a test cannot run here, and what would make it run. The test then returns. The line goes past the test
/// harness, which keeps back what a passing test prints.
pub fn skip(test: &str, needs: &str) {
    let _ = stderr().write_all(format!("SKIPPED {test}: needs {needs}\n").as_bytes());
}

/// Whether a program is on the path, or the tests have a right.
pub fn is_there(need: &str) -> bool {
    if need == ROOT {
        return output("id", &["-u"]).as_deref().map(str::trim) == Some("0");
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(need).is_file())
}

/// What a program prints when it ends with status 0.
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}
