//! What can go wrong with the store: what, where, and what to do next.

use std::io;
use std::path::{Path, PathBuf};

use super::Phase;

/// How evidence differs from what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// A recorded file is gone.
    #[error("it is missing")]
    Missing,
    /// A file that was never recorded.
    #[error("it was not part of the snapshot")]
    Extra,
    /// Not a regular file, or not a folder.
    #[error("it is not what it was: a link, a folder, or something else in a file's place")]
    Kind,
    /// Other bytes.
    #[error("its content differs: recorded are {recorded} bytes, sha256 {sha256}")]
    Content {
        /// Recorded size.
        recorded: u64,
        /// Recorded digest.
        sha256: String,
    },
    /// The manifest is no manifest.
    #[error("it cannot be read: {0}")]
    Manifest(String),
    /// The manifest belongs elsewhere.
    #[error("it says that it belongs to {0}")]
    Misplaced(String),
    /// A snapshot before this one is missing, replaced or out of order.
    #[error("the chain is broken before it: a snapshot is missing, was replaced, or was moved")]
    Chain,
}

/// What is wrong with a change's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeIdFault {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// Too long for a folder's name.
    #[error("it is longer than 128 bytes")]
    TooLong,
    /// Characters that some file system or shell reads differently.
    #[error("only letters, digits and ._-+@ are allowed")]
    Characters,
    /// Hidden, or cut off by some file systems.
    #[error("it may not begin or end with a dot")]
    Dot,
    /// A name that means something else.
    #[error("the name is reserved")]
    Reserved,
}

/// What is wrong with the key that hides secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Others can read it.
    #[error("can be read by others: chmod 600 it, and take the secrets as known if they were")]
    Readable,
    /// It is no key.
    #[error("is damaged: restore it, or remove it (old digests then compare as unknown)")]
    Damaged,
}

/// Why the store cannot do what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Evidence is not what it was. Nothing is concluded from it.
    #[error("{snapshot} was tampered with: {file}: {problem}", snapshot = snapshot.display())]
    Tampered {
        /// The snapshot's folder.
        snapshot: PathBuf,
        /// The file below it.
        file: String,
        /// What differs.
        problem: Tampering,
    },
    /// The manifest was written by a newer version.
    #[error("{path} has schema version {found}; this version reads {known}: use the version that wrote it", path = path.display())]
    Schema {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Nothing of this phase was captured.
    #[error("there is no snapshot {phase} of {change}; run `sekisho capture --phase {phase}`")]
    NoSnapshot {
        /// The change.
        change: String,
        /// The phase.
        phase: Phase,
    },
    /// Nothing of this change was captured.
    #[error("there is no change {change} in {store}", store = store.display())]
    NoChange {
        /// The change.
        change: String,
        /// The store.
        store: PathBuf,
    },
    /// The change's id cannot be a folder's name.
    #[error("{id:?} cannot be a change id: {problem}")]
    ChangeId {
        /// The id.
        id: String,
        /// What is wrong with it.
        problem: ChangeIdFault,
    },
    /// Two devices of one name in one snapshot.
    #[error("device {0:?} is captured twice in one snapshot; give each device its own name")]
    DuplicateDevice(String),
    /// Another run writes to the same change.
    #[error("another run is writing to {change}; wait for it, or capture into another store", change = change.display())]
    Busy {
        /// The change's folder.
        change: PathBuf,
    },
    /// No space.
    #[error("no space left for {path}: free some, or name another store with --store", path = path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The store cannot be written to.
    #[error("{path} may not be written ({source}): mend its rights, or name another store with --store", path = path.display())]
    ReadOnly {
        /// What was being written.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The key that hides secrets can be read by others, or is damaged.
    #[error("the redaction key {path} {problem}", path = path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        problem: KeyFault,
    },
    /// A device is not wholly in the snapshot.
    #[error("device {0:?} could not be written, so the snapshot is given up; capture again")]
    Incomplete(String),
    /// The snapshot was already finished.
    #[error("this snapshot is already finished")]
    Finished,
    /// Any other refusal of the file system.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
}

/// Sorts a refusal of the file system by what can be done about it.
pub(super) fn io_error(path: &Path, source: io::Error) -> StoreError {
    let path = path.to_path_buf();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        _ => StoreError::Io { path, source },
    }
}

/// The same for writing, where missing rights have a way out.
pub(super) fn write_error(path: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly { path: path.to_path_buf(), source }
        }
        _ => io_error(path, source),
    }
}
