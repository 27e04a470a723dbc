//! A git revision as a set of files, read through the `git` program (git-ls-tree(1), git-cat-file(1)). No hook, filter
//! or configuration of the repository runs: only objects are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::folder::Listing;

/// Most files of a revision.
pub const MAX_FILES: usize = 100_000;
/// Largest file, in bytes.
pub const MAX_FILE: usize = 64 << 20;

/// Why a revision could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program is not there.
    #[error("cannot run git: {0}; git:REV needs the git program")]
    Missing(#[source] std::io::Error),
    /// It complained.
    #[error("git: {0}")]
    Refused(String),
    /// The revision is larger than any configuration repository.
    #[error("revision {0} holds more than {MAX_FILES} files")]
    TooMany(String),
    /// No such file.
    #[error("no file {0} in this revision")]
    NoFile(String),
    /// A file is too large.
    #[error("{0} is larger than {MAX_FILE} bytes; is it a configuration file?")]
    TooLarge(String),
}

/// The files of a revision, below the folder that was asked from.
#[derive(Debug)]
pub struct Tree {
    folder: PathBuf,
    objects: BTreeMap<String, String>,
    links: Vec<String>,
}

impl Tree {
    /// Lists the files of a revision below `folder`.
    ///
    /// # Errors
    /// [`GitError`]
    pub fn open(folder: &Path, revision: &str) -> Result<Self, GitError> {
        // a revision that begins with a dash would be an option
        if revision.starts_with('-') || revision.is_empty() {
            return Err(GitError::Refused(format!("{revision:?} is no revision")));
        }
        let listed = run(folder, &["ls-tree", "-r", "-z", "--end-of-options", revision])?;
        let (mut objects, mut links) = (BTreeMap::new(), Vec::new());
        for entry in listed.split(|b| *b == 0).filter(|e| !e.is_empty()) {
            // MODE SP TYPE SP OBJECT TAB PATH
            let text = String::from_utf8_lossy(entry);
            let Some((head, path)) = text.split_once('\t') else { continue };
            let mut head = head.split(' ');
            let (mode, kind, object) = (head.next(), head.next(), head.next());
            match (mode, kind, object) {
                (Some("100644" | "100755"), Some("blob"), Some(object)) => {
                    objects.insert(path.to_owned(), object.to_owned());
                }
                // symbolic links (mode 120000) and other repositories (160000)
                _ => links.push(path.to_owned()),
            }
            if objects.len() + links.len() > MAX_FILES {
                return Err(GitError::TooMany(revision.to_owned()));
            }
        }
        Ok(Self { folder: folder.to_path_buf(), objects, links })
    }

    /// What it holds.
    pub fn list(&self) -> Listing {
        Listing { files: self.objects.keys().cloned().collect(), links: self.links.clone() }
    }

    /// Whether it holds this file.
    pub fn holds(&self, path: &str) -> bool {
        self.objects.contains_key(path)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// [`GitError`]
    pub fn read(&self, path: &str) -> Result<Vec<u8>, GitError> {
        let object = self.objects.get(path).ok_or_else(|| GitError::NoFile(path.to_owned()))?;
        let bytes = run(&self.folder, &["cat-file", "blob", object])?;
        if bytes.len() > MAX_FILE { Err(GitError::TooLarge(path.to_owned())) } else { Ok(bytes) }
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(GitError::Missing)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(GitError::Refused(complaint.trim().to_owned()))
}
