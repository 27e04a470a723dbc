//! Tests that need more than a compiler say here what they need, and are skipped loudly where it is absent.

use std::env;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::Command;
use std::sync::Once;

/// The need for administrator's rights, beside the names of programs.
pub const ROOT: &str = "root";

/// Debian packages of the programs that tests ask for.
const PACKAGES: &[&str] = &[
    "openssh-server",
    "openssh-client",
    "nftables",
    "iptables",
    "ipset",
    "postfix",
    "iproute2",
    "procps",
    "git",
    "python3",
    "zsh",
    "tcsh",
    "fish",
    "mksh",
    "busybox",
];

/// Installs what tests ask for, once, where that is possible without asking anybody: on Debian, as root.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if !is_there(ROOT) || !Path::new("/etc/debian_version").exists() {
            return;
        }
        let _ = stderr().write_all(b"installing what the tests need (apt-get)\n");
        let steps = format!(
            "timeout 300 apt-get update -qq; timeout 900 apt-get install -y -qq --no-install-recommends {}",
            PACKAGES.join(" ")
        );
        let _ = Command::new("sh").args(["-c", &steps]).env("DEBIAN_FRONTEND", "noninteractive").output();
    });
}

/// Whether `test` can run: with all of `needs`, each a program or [`ROOT`]. Installs what is missing where it can, and
/// says what is missing then.
pub fn met(test: &str, needs: &[&str]) -> bool {
    if needs.iter().any(|need| !is_there(need)) {
        install();
    }
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
