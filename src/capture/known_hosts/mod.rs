//! Whether a host key is the one on record, strictly.
//!
//! Follows the section SSH_KNOWN_HOSTS FILE FORMAT of sshd(8) and OpenSSH's own behaviour where the page is
//! silent. It exists because the helper that comes with russh accepts a key marked `@revoked`, takes a stale
//! line beside a valid one for a change, knows no wildcards, and gives up on one broken line. Nothing is ever
//! accepted here that is not on record, and nothing is recorded but by [`trust`], which somebody must call on
//! purpose.

mod line;
#[cfg(test)]
mod tests;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::PublicKey;

use crate::evidence::KeyId;
use crate::os;
use line::{Line, Marker};

/// Largest known_hosts file that is read, in bytes.
pub const MAX_FILE: u64 = 16 << 20;

/// Port whose entries carry no port (RFC 4253 section 4).
const SSH_PORT: u16 = 22;

/// Why a known_hosts file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KnownHostsError {
    /// The file system refused.
    #[error("cannot use the known hosts file {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The file is larger than any known_hosts file.
    #[error("{path} is larger than {MAX_FILE} bytes; name the right known_hosts file", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The key cannot be written as a line.
    #[error("the host key cannot be recorded: {0}")]
    Key(String),
}

/// A line of a known_hosts file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// 1-based line number.
    pub line: usize,
}

/// A key on record for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Type and fingerprint.
    pub key: KeyId,
    /// Where it is recorded.
    pub place: Place,
}

/// What the record says about a presented key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This very key is on record for this host.
    Same(Place),
    /// The host is on record, but only with keys of other types.
    NewType {
        /// What is on record.
        recorded: Vec<Recorded>,
    },
    /// The host is on record with another key of this type: a replaced device, or somebody in between.
    Changed {
        /// What is on record, keys of the presented type first.
        expected: Vec<Recorded>,
    },
    /// The key is marked as revoked for this host.
    Revoked(Place),
    /// Nothing is on record for this host.
    Unknown {
        /// A `@cert-authority` line that matches the host. Host certificates are not supported, so it vouches
        /// for nothing here.
        authority: Option<Place>,
    },
}

/// The lines of one or several known_hosts files.
#[derive(Debug, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    broken: Vec<Place>,
    /// Lookup name and fingerprint of keys that a plan announces.
    announced: Vec<(String, String, Place)>,
}

impl KnownHosts {
    /// A record without any line: every host is unknown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the lines of a file that must be there.
    ///
    /// # Errors
    /// The file is missing, unreadable or too large.
    pub fn read(&mut self, path: &Path) -> Result<(), KnownHostsError> {
        let fail = |source| KnownHostsError::Io { path: path.to_path_buf(), source };
        let mut bytes = Vec::new();
        fs::File::open(path).and_then(|f| f.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(fail)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(KnownHostsError::TooLarge { path: path.to_path_buf() });
        }
        self.add(path, &bytes);
        Ok(())
    }

    /// Adds the lines of a file if it exists, such as the user's `~/.ssh/known_hosts`.
    ///
    /// # Errors
    /// The file is there and cannot be read, or is too large.
    pub fn read_if_exists(&mut self, path: &Path) -> Result<(), KnownHostsError> {
        match self.read(path) {
            Err(KnownHostsError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Adds lines from memory; `file` only names them in answers.
    pub fn add(&mut self, file: &Path, bytes: &[u8]) {
        let file: Arc<Path> = Arc::from(file);
        for (index, text) in bytes.split(|b| *b == b'\n').enumerate() {
            let place = Place { file: Arc::clone(&file), line: index + 1 };
            match Line::parse(&String::from_utf8_lossy(text), &place) {
                Ok(Some(line)) => self.lines.push(line),
                Ok(None) => {}
                Err(line::Broken) => self.broken.push(place),
            }
        }
    }

    /// Adds a key that a plan announces, by its fingerprint (`SHA256:...`): whoever wrote the plan has compared it.
    pub fn announce(&mut self, host: &str, port: u16, fingerprint: &str, place: Place) {
        self.announced.push((lookup_name(host, port), fingerprint.to_owned(), place));
    }

    /// Lines that could not be read and therefore vouch for nothing.
    pub fn broken(&self) -> &[Place] {
        &self.broken
    }

    /// What the record says about `key` presented by `host` on `port`.
    ///
    /// As in OpenSSH any equal line accepts (so does an announced key), a revoked key is refused whatever else is on record, and a host
    /// on an unusual port that has no line of its own is accepted with the key recorded for its plain name.
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> Verdict {
        let Some((blob, presented)) = line::blob_and_id(key) else {
            return Verdict::Unknown { authority: None };
        };
        let name = lookup_name(host, port);
        let plain = lookup_name(host, SSH_PORT);
        let revoked = |l: &&Line| {
            l.marker == Marker::Revoked && l.blob == blob && (l.matches(&name) || l.matches(&plain))
        };
        if let Some(line) = self.lines.iter().find(revoked) {
            return Verdict::Revoked(line.place.clone());
        }
        let announced =
            self.announced.iter().find(|(of, key, _)| *of == name && *key == presented.fingerprint);
        if let Some((.., place)) = announced {
            return Verdict::Same(place.clone());
        }
        let known: Vec<&Line> = self.plain_lines(&name).collect();
        let same = known.iter().copied().find(|l| l.blob == blob);
        let same =
            same.or_else(|| self.plain_lines(&plain).filter(|_| known.is_empty()).find(|l| l.blob == blob));
        if let Some(line) = same {
            return Verdict::Same(line.place.clone());
        }
        let (same_type, others): (Vec<&Line>, Vec<&Line>) =
            known.into_iter().partition(|l| l.key.kind == presented.kind);
        let changed = !same_type.is_empty();
        let recorded: Vec<Recorded> = same_type.into_iter().chain(others).map(Line::recorded).collect();
        match (changed, recorded.is_empty()) {
            (true, _) => Verdict::Changed { expected: recorded },
            (false, false) => Verdict::NewType { recorded },
            (false, true) => Verdict::Unknown { authority: self.authority(&name) },
        }
    }

    /// Key types on record for a host, in the order of the lines: the ones to ask the server for first,
    /// because a server that has several keys presents the type that the client prefers (RFC 4253 section
    /// 7.1).
    pub fn types(&self, host: &str, port: u16) -> Vec<String> {
        let of = |name: &str| -> Vec<String> {
            let mut kinds = Vec::new();
            for line in self.plain_lines(name) {
                if !kinds.contains(&line.key.kind) {
                    kinds.push(line.key.kind.clone());
                }
            }
            kinds
        };
        let kinds = of(&lookup_name(host, port));
        if kinds.is_empty() { of(&lookup_name(host, SSH_PORT)) } else { kinds }
    }

    fn plain_lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |l| l.marker == Marker::None && l.matches(name))
    }

    fn authority(&self, name: &str) -> Option<Place> {
        let found = self.lines.iter().find(|l| l.marker == Marker::CertAuthority && l.matches(name));
        found.map(|l| l.place.clone())
    }
}

/// The files that OpenSSH reads (UserKnownHostsFile and GlobalKnownHostsFile in ssh_config(5)), there or not.
pub fn usual_files() -> Vec<PathBuf> {
    let user = std::env::home_dir().map(|home| home.join(".ssh"));
    let user = user.into_iter().flat_map(|d| [d.join("known_hosts"), d.join("known_hosts2")]);
    user.chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]).collect()
}

/// Type and SHA-256 fingerprint of a key.
pub fn key_id(key: &PublicKey) -> KeyId {
    line::blob_and_id(key).map_or_else(
        || KeyId { kind: key.algorithm().as_str().to_owned(), fingerprint: String::new() },
        |(_, id)| id,
    )
}

/// The line that records `key` for a host, without a line end.
///
/// # Errors
/// The key has no OpenSSH form.
pub fn line_for(host: &str, port: u16, key: &PublicKey) -> Result<String, KnownHostsError> {
    let mut bare = key.clone();
    bare.set_comment("");
    let key = bare.to_openssh().map_err(|e| KnownHostsError::Key(e.to_string()))?;
    Ok(format!("{} {}", lookup_name(host, port), key.trim_end()))
}

/// Records `key` for a host at the end of `path`, creating the file (mode 0600) if need be. Only for a person
/// who has compared the fingerprint; nothing in capture calls this.
///
/// # Errors
/// The key has no OpenSSH form, or the file cannot be written.
pub fn trust(path: &Path, host: &str, port: u16, key: &PublicKey) -> Result<(), KnownHostsError> {
    let line = line_for(host, port, key)?;
    append(path, &line).map_err(|source| KnownHostsError::Io { path: path.to_path_buf(), source })
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = match os::create_private(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).append(true).open(path)?
        }
        other => other?,
    };
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let start = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{start}{line}\n").as_bytes())?;
    file.sync_all()
}

/// The name under which a host is looked up: lower case, with brackets and port when the port is unusual.
fn lookup_name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == SSH_PORT { host } else { format!("[{host}]:{port}") }
}
