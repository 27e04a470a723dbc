//! The evidence store: snapshots on disk, whole or not there at all.
//!
//! ```text
//! <store>/redaction.key                       what hides secrets; beside the snapshots, never inside them
//! <store>/<change>/.lock                      held by the one writer
//! <store>/<change>/<phase>-<UTC time>/        one snapshot
//!         manifest.json                       see [`manifest`]
//!         <device>/<artifact>                 bytes after redaction
//! ```
//! A snapshot is written under a temporary name in the same folder, every file and folder of it is made durable, then it
//! is renamed (rename(2) is atomic) and the change's folder is made durable. Each manifest carries the digest of the one
//! before it, so that a snapshot in the middle cannot be lost, replaced or reordered unnoticed.

mod error;
mod key;
pub mod manifest;
mod name;
mod read;
mod write;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use error::{ChangeIdFault, KeyFault, StoreError, Tampering};
pub use name::check_change as check_change_id;
pub use read::{Entry, Snapshot, beside, load, looks_like_snapshot};
pub use write::SnapshotWriter;

use error::io_error;

/// Folder of the store, unless another one is named.
pub const STORE: &str = ".sekisho";

/// Name of the manifest in a snapshot's folder.
pub const MANIFEST: &str = "manifest.json";

/// Name of the manifest's signature, where there is one.
pub const SIGNATURE: &str = "manifest.json.sig";

/// When a snapshot was taken: before the job, while it ran, after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the job began.
    Before,
    /// While it ran; there may be many.
    During,
    /// After it ended.
    After,
    /// A test from outside, whenever it was made; its artifacts are records of [`crate::probe`], no configuration.
    Probe,
}

impl Phase {
    /// The word in folder names and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
            Self::Probe => "probe",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no phase; say before, during or after")]
pub struct NoPhase(String);

impl FromStr for Phase {
    type Err = NoPhase;

    fn from_str(text: &str) -> Result<Self, NoPhase> {
        let phases = [Self::Before, Self::During, Self::After, Self::Probe];
        phases.into_iter().find(|p| p.word() == text).ok_or_else(|| NoPhase(text.to_owned()))
    }
}

/// A change and a phase, as in `CHG-1:before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The change's id.
    pub change: String,
    /// The phase.
    pub phase: Phase,
}

impl Selector {
    /// Reads `CHANGE:PHASE`; `None` for anything else, which may be a path then.
    pub fn parse(text: &str) -> Option<Self> {
        let (change, phase) = text.rsplit_once(':')?;
        name::check_change(change).ok()?;
        // tests are no state of a device
        let phase = phase.parse().ok().filter(|phase| *phase != Phase::Probe)?;
        Some(Self { change: change.to_owned(), phase })
    }
}

/// A moment in the writing of a snapshot, for tests of what happens when the machine stops right there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making the temporary folder.
    Begin,
    /// Writing an artifact.
    Write,
    /// Making it durable.
    Sync,
    /// Writing the manifest.
    Manifest,
    /// Making the folders durable.
    Folders,
    /// Renaming the snapshot to its final name.
    Rename,
    /// Making the new name durable.
    Finish,
}

/// Called before each [`Step`]; an error counts as the disk's.
pub type Faults = Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>;

/// A folder of snapshots.
#[derive(Clone)]
pub struct Store {
    root: PathBuf,
    faults: Faults,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Store {
    /// The store in this folder, which need not be there yet: writing makes it, reading finds nothing.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), faults: Arc::new(|_| Ok(())) }
    }

    /// The same store on a disk that fails as told; for tests.
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The key that hides secrets, made at first use from `random`. Readable by its owner only.
    ///
    /// # Errors
    /// The key file is unreadable, damaged, or readable by others; or it cannot be made.
    pub fn redaction_key(
        &self,
        random: impl FnOnce() -> io::Result<[u8; 32]>,
    ) -> Result<[u8; 32], StoreError> {
        key::read_or_make(&self.root, random)
    }

    /// Begins a snapshot at the time `now`. Waits a moment for another writer of the same change to finish;
    /// cleans up what a crash left behind.
    ///
    /// # Errors
    /// The change's id cannot be a folder's name, another writer is busy, or the disk refuses.
    pub fn begin(
        &self,
        change: &str,
        phase: Phase,
        now: OffsetDateTime,
    ) -> Result<SnapshotWriter, StoreError> {
        SnapshotWriter::begin(self, change, phase, now)
    }

    /// Every snapshot of a change in the order in which they were taken, their chain checked.
    ///
    /// # Errors
    /// No such change, or its chain was tampered with.
    pub fn snapshots(&self, change: &str) -> Result<Vec<Entry>, StoreError> {
        name::check_change(change)?;
        read::chain(&self.root.join(change), change)
    }

    /// The snapshots that a selector means: the latest for `before` and `after`, all in order for `during`.
    ///
    /// # Errors
    /// There is none, or the change's chain was tampered with.
    pub fn find(&self, selector: &Selector) -> Result<Vec<Entry>, StoreError> {
        let Selector { change, phase } = selector;
        let mut found: Vec<Entry> =
            self.snapshots(change)?.into_iter().filter(|e| e.phase == *phase).collect();
        if *phase != Phase::During {
            found.drain(..found.len().saturating_sub(1));
        }
        if found.is_empty() {
            return Err(StoreError::NoSnapshot { change: change.clone(), phase: *phase });
        }
        Ok(found)
    }

    /// Ids of the changes in the store, sorted.
    ///
    /// # Errors
    /// The store is there and cannot be read.
    pub fn changes(&self) -> Result<Vec<String>, StoreError> {
        let listing = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|e| io_error(&self.root, e))?,
        };
        let mut changes = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|e| io_error(&self.root, e))?;
            let folder = entry.file_type().is_ok_and(|t| t.is_dir());
            let id = entry.file_name().into_string().unwrap_or_default();
            if folder && name::check_change(&id).is_ok() {
                changes.push(id);
            }
        }
        changes.sort();
        Ok(changes)
    }
}
