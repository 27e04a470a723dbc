//! What to ask a Postfix host: `postconf` in all its forms, and every table that the relay question reads.
//!
//! Everything only reads. `postfix check` is not run: it creates missing folders. Paths come from the device and are
//! hostile: only plain absolute ones are asked for, quoted, and never a place where secrets live.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::evidence::DeviceEvidence;
use crate::evidence::device::file_artifact;
use crate::platform::{ABSENT_STATUS, Ask};
use crate::reason::Reason;

/// Most files and tables that are asked for.
const MAX_ASKED: usize = 200;

/// Longest path that is asked for, in bytes.
const MAX_PATH: usize = 200;

/// Last line of the answer about compiled tables.
pub(super) const END: &str = "== end";

/// What the reader wanted to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Files, by path.
    pub(super) files: BTreeSet<String>,
    /// Compiled tables, as `type:path`.
    pub(super) compiled: BTreeSet<String>,
    /// Account names.
    pub(super) accounts: bool,
    /// Paths that hold secrets, whatever else names them.
    pub(super) secret: BTreeSet<String>,
}

/// The first round.
pub(super) fn first() -> Vec<Ask> {
    let postconf = |artifact: &str, arguments: &str| Ask::command(artifact, with_tool("postconf", arguments));
    vec![
        postconf("postconf-n.txt", "postconf -n 2>/dev/null"),
        postconf("postconf-M.txt", "postconf -M 2>/dev/null"),
        postconf("postconf-P.txt", "postconf -P 2>/dev/null"),
        postconf("postconf-effective.txt", "postconf 2>/dev/null"),
        postconf("postconf-warnings.txt", "postconf -n 2>&1 >/dev/null"),
        postconf("postconf-m.txt", "postconf -m 2>/dev/null"),
        Ask::file("/etc/postfix/main.cf"),
        Ask::file("/etc/postfix/master.cf"),
    ]
}

/// What the answers so far raise. Compiled tables are one answer, so they wait until all files are there.
pub(super) fn next(got: &DeviceEvidence, wanted: &Wanted) -> Vec<Ask> {
    let mut asks: Vec<Ask> = wanted
        .files
        .iter()
        .filter(|path| is_plain(path) && !is_secret(path, wanted))
        .filter(|path| !got.artifacts.contains_key(&file_artifact(path)))
        .take(MAX_ASKED)
        .map(|path| Ask::file(path))
        .collect();
    if wanted.accounts && !got.artifacts.contains_key("files/etc/passwd") {
        // the names only: nothing else leaves the host
        asks.push(Ask::command("files/etc/passwd", "cut -d: -f1 /etc/passwd"));
    }
    let tables: Vec<&String> = wanted
        .compiled
        .iter()
        .filter(|spec| {
            spec.split_once(':').is_some_and(|(_, path)| is_plain(path) && !is_secret(path, wanted))
        })
        .take(MAX_ASKED)
        .collect();
    if asks.is_empty() && !tables.is_empty() && !got.artifacts.contains_key("postmap-s.txt") {
        asks.push(Ask::command("postmap-s.txt", with_tool("postmap", &dump(&tables))));
    }
    asks
}

/// Whether an answer is structurally whole.
pub(super) fn prove(artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
    let text = String::from_utf8_lossy(bytes);
    let expect = |whole: bool, expected: &str| {
        if whole {
            return Ok(());
        }
        Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected: expected.to_owned() })
    };
    match artifact {
        "postconf-n.txt" => expect(text.ends_with('\n') && text.contains('='), "a last line with its end"),
        "postconf-effective.txt" => {
            let last = text.lines().last().unwrap_or_default();
            let sorted_end = last.split('=').next().unwrap_or_default().trim() > "virtual";
            expect(
                text.ends_with('\n') && text.contains("mail_version =") && sorted_end,
                "parameters up to virtual_*",
            )
        }
        "postconf-M.txt" => expect(
            text.ends_with('\n') && text.lines().all(|line| line.split_whitespace().count() >= 8),
            "services with eight fields",
        ),
        "postmap-s.txt" => expect(text.trim_end().ends_with(END), END),
        _ => Ok(()),
    }
}

/// What makes restored files count: tables are compiled again where they were compiled, then Postfix reads everything
/// again (postmap(1), postalias(1), postfix(1)).
pub(super) fn reload(restored: &[&str]) -> Vec<String> {
    let files = || restored.iter().filter_map(|artifact| artifact.strip_prefix("files"));
    let plain = |path: &&str| !path.ends_with(".cf") && !path.contains("master") && is_plain(path);
    let compile = files().filter(plain).map(|path| {
        let tool = if path.contains("aliases") { "postalias" } else { "postmap" };
        format!("if [ -e {path}.db ] || [ -e {path}.lmdb ]; then {tool} {path}; fi")
    });
    let mut commands: Vec<String> = compile.collect();
    if files().next().is_some() {
        commands.push("postfix reload".to_owned());
    }
    commands
}

/// A command that ends with "absent" where the tool is not installed.
fn with_tool(tool: &str, command: &str) -> String {
    format!(
        "PATH=$PATH:/usr/sbin:/usr/local/sbin; export PATH; \
         command -v {tool} >/dev/null 2>&1 || exit {ABSENT_STATUS}; {command}"
    )
}

/// Prints each compiled table, or why it cannot be read.
fn dump(tables: &[&String]) -> String {
    let mut out = String::from("for t in");
    for table in tables {
        let _ = write!(out, " '{table}'");
    }
    let _ = write!(
        out,
        "; do if e=$(postmap -s \"$t\" 2>&1 >/dev/null); then printf '== postmap -s %s\\n' \"$t\"; \
         postmap -s \"$t\" 2>/dev/null | LC_ALL=C sort; \
         else printf '!! postmap -s %s %s\\n' \"$t\" \"$(printf %s \"$e\" | tr '\\n' ' ')\"; fi; done; echo '{END}'"
    );
    out
}

/// An absolute path of harmless characters, short, without steps upward.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= MAX_PATH
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@=,".contains(&b))
        && !path.split('/').any(|part| part == "..")
}

/// Places where passwords and keys live, and tables that the configuration uses for them.
fn is_secret(path: &str, wanted: &Wanted) -> bool {
    let lower = path.to_ascii_lowercase();
    let parts = [
        "shadow",
        "passwd",
        "password",
        ".key",
        "/private/",
        "/.ssh/",
        "id_rsa",
        "secret",
        "/root/",
        "/proc/",
        "/dev/",
    ];
    wanted.secret.contains(path) || parts.iter().any(|part| lower.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Artifact, Proof, Source};
    use crate::platform::How;

    fn wanted(files: &[&str], compiled: &[&str]) -> Wanted {
        let set = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect();
        Wanted { files: set(files), compiled: set(compiled), ..Wanted::default() }
    }

    #[test]
    fn a_device_cannot_make_us_fetch_what_is_not_ours_to_read() {
        let hostile = [
            "/etc/shadow",
            "/etc/postfix/sasl_passwd",
            "/etc/ssl/private/mail.key",
            "../x",
            "/etc/../etc/x",
            "/tmp/$(id)",
            "/tmp/a'b",
            "/home/a/.ssh/id_ed25519",
        ];
        let got = DeviceEvidence::new("d", vec![], Source::Snapshot);
        assert!(next(&got, &wanted(&hostile, &[])).is_empty());
        let specs: Vec<String> = hostile.iter().map(|path| format!("hash:{path}")).collect();
        let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
        assert!(next(&got, &wanted(&[], &specs)).is_empty());
    }

    #[test]
    fn compiled_tables_are_asked_for_once_all_files_are_there() {
        let mut got = DeviceEvidence::new("d", vec![], Source::Snapshot);
        let wanted = wanted(&["/etc/postfix/nets"], &["hash:/etc/postfix/access"]);
        let first = next(&got, &wanted);
        assert_eq!(first, [Ask::file("/etc/postfix/nets")]);
        let artifact = Artifact { bytes: [].into(), proof: Proof::Complete };
        got.artifacts.insert("files/etc/postfix/nets".into(), artifact.clone());
        let second = next(&got, &wanted);
        assert!(matches!(second.as_slice(), [Ask { artifact, how: How::Command(c) }]
            if artifact == "postmap-s.txt" && c.contains("'hash:/etc/postfix/access'")));
        got.artifacts.insert("postmap-s.txt".into(), artifact);
        assert!(next(&got, &wanted).is_empty());
    }

    #[test]
    fn a_cut_answer_is_not_whole() {
        assert!(prove("postmap-s.txt", b"== postmap -s hash:/x\na\tb\n== end\n").is_ok());
        assert!(prove("postmap-s.txt", b"== postmap -s hash:/x\na\tb\n").is_err());
        assert!(prove("postconf-M.txt", b"smtp inet n - y - - smtpd\n").is_ok());
        assert!(prove("postconf-M.txt", b"smtp inet n - y - - smtpd\nsubmis").is_err());
        assert!(prove("postconf-effective.txt", b"mail_version = 3.7.11\nvirtual_uid_maps =\n").is_ok());
        assert!(prove("postconf-effective.txt", b"mail_version = 3.7.11\nmynetworks = 1\n").is_err());
    }
}
