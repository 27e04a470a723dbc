//! Writing a snapshot so that a reader sees all of it or none, whatever happens in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::macros::format_description;

use super::error::{StoreError, write_error};
use super::manifest::{ArtifactRecord, DeviceRecord, Manifest, SCHEMA_VERSION, sha256};
use super::name::{Names, check_change};
use super::read::{self, Entry, LAST};
use super::{Faults, MANIFEST, Phase, Step, Store};
use crate::evidence::{Artifact, DeviceEvidence, Proof};
use crate::os;

/// How long a second writer waits for the first to finish.
const PATIENCE: Duration = Duration::from_secs(2);

/// Beginning of the name of a snapshot that is not whole yet.
const TEMPORARY: &str = ".tmp-";

const LOCK: &str = ".lock";

/// A snapshot being written. Devices may be added from several threads at once. Dropped unfinished, it leaves
/// nothing.
#[derive(Debug)]
pub struct SnapshotWriter {
    change: PathBuf,
    temporary: PathBuf,
    faults: Hook,
    /// Held as long as the writer lives.
    _lock: File,
    progress: Mutex<Progress>,
}

struct Hook(Faults);

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug)]
struct Progress {
    names: Names,
    /// Folders made so far, below the snapshot; each must become durable.
    folders: BTreeSet<PathBuf>,
    /// `None` while a device is being written, and for good if that failed.
    devices: BTreeMap<String, Option<DeviceRecord>>,
    /// The manifest without its devices and end; `None` once the snapshot is finished.
    manifest: Option<Manifest>,
}

impl SnapshotWriter {
    pub(super) fn begin(
        store: &Store,
        change: &str,
        phase: Phase,
        now: OffsetDateTime,
    ) -> Result<Self, StoreError> {
        check_change(change)?;
        let folder = store.root.join(change);
        let at = |step| (store.faults)(step).map_err(|e| write_error(&folder, e));
        at(Step::Begin)?;
        fs::create_dir_all(&folder).map_err(|e| write_error(&folder, e))?;
        for made in [Some(store.root.as_path()), store.root.parent()].into_iter().flatten() {
            if !made.as_os_str().is_empty() {
                os::sync_dir(made).map_err(|e| write_error(made, e))?;
            }
        }
        let lock = lock(&folder)?;
        clean(&folder)?;
        let last = read::last_leniently(&folder)?;
        let (sequence, previous) = last.map_or((1, None), |(sequence, digest)| (sequence + 1, Some(digest)));
        let temporary = folder.join(format!("{TEMPORARY}{}", std::process::id()));
        fs::create_dir(&temporary).map_err(|e| write_error(&temporary, e))?;
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            tool: concat!("sekisho ", env!("CARGO_PKG_VERSION")).to_owned(),
            change: change.to_owned(),
            phase,
            sequence,
            started: now.to_offset(time::UtcOffset::UTC),
            ended: now.to_offset(time::UtcOffset::UTC),
            previous,
            devices: Vec::new(),
        };
        let progress = Progress {
            names: Names::new(),
            folders: BTreeSet::new(),
            devices: BTreeMap::new(),
            manifest: Some(manifest),
        };
        let faults = Hook(store.faults.clone());
        Ok(Self { change: folder, temporary, faults, _lock: lock, progress: Mutex::new(progress) })
    }

    /// Writes one device's artifacts and makes them durable.
    ///
    /// # Errors
    /// The device is already there, or the disk refuses.
    pub fn add(&self, device: &DeviceEvidence) -> Result<(), StoreError> {
        let files = self.reserve(device)?;
        let mut artifacts = BTreeMap::new();
        for ((name, artifact), file) in device.artifacts.iter().zip(files) {
            if let Some(file) = &file {
                self.write(&self.temporary.join(file), &artifact.bytes)?;
            }
            artifacts.insert(name.clone(), record(device, name, artifact, file));
        }
        let record = DeviceRecord {
            name: device.name.clone(),
            platforms: device.platforms.clone(),
            identity: device.identity.clone(),
            artifacts,
            failures: device.failures.clone(),
        };
        self.lock_progress().devices.insert(device.name.clone(), Some(record));
        Ok(())
    }

    /// Writes the manifest and gives the snapshot its name. From then on it is there, whole.
    ///
    /// # Errors
    /// A device could not be written, or the disk refuses; then nothing is there.
    pub fn finish(&self, now: OffsetDateTime) -> Result<Entry, StoreError> {
        let mut progress = self.lock_progress();
        let mut manifest = progress.manifest.clone().ok_or(StoreError::Finished)?;
        manifest.ended = now.to_offset(time::UtcOffset::UTC);
        for (name, record) in &progress.devices {
            manifest.devices.push(record.clone().ok_or_else(|| StoreError::Incomplete(name.clone()))?);
        }
        let path = self.temporary.join(MANIFEST);
        self.step(Step::Manifest, &path)?;
        let mut bytes = serde_json::to_vec_pretty(&manifest).map_err(|e| write_error(&path, e.into()))?;
        bytes.push(b'\n');
        write_durably(&path, &bytes)?;
        self.step(Step::Folders, &self.temporary)?;
        // Deepest first, so that no folder is durable before what is in it.
        for folder in progress.folders.iter().rev().chain([&self.temporary]) {
            os::sync_dir(folder).map_err(|e| write_error(folder, e))?;
        }
        let folder = free_name(&self.change, manifest.phase, manifest.started);
        self.step(Step::Rename, &folder)?;
        fs::rename(&self.temporary, &folder).map_err(|e| write_error(&folder, e))?;
        progress.manifest = None;
        self.step(Step::Finish, &self.change)?;
        os::sync_dir(&self.change).map_err(|e| write_error(&self.change, e))?;
        // A hint for the next writer; without it that one looks for itself.
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let _ = fs::write(self.change.join(LAST), name);
        Ok(Entry::new(folder, &manifest, sha256(&bytes)))
    }

    /// Gives each artifact of a device its file, and the device its place.
    fn reserve(&self, device: &DeviceEvidence) -> Result<Vec<Option<String>>, StoreError> {
        let mut progress = self.lock_progress();
        if progress.manifest.is_none() {
            return Err(StoreError::Finished);
        }
        if progress.devices.contains_key(&device.name) {
            return Err(StoreError::DuplicateDevice(device.name.clone()));
        }
        progress.devices.insert(device.name.clone(), None);
        let folder = progress.names.device(&device.name);
        let mut files = Vec::with_capacity(device.artifacts.len());
        for (name, artifact) in &device.artifacts {
            let there = artifact.proof != Proof::Absent;
            files.push(there.then(|| progress.names.artifact(&folder, name)));
        }
        for file in files.iter().flatten() {
            let path = self.temporary.join(file);
            let above = path.ancestors().skip(1).take_while(|p| *p != self.temporary);
            progress.folders.extend(above.map(Path::to_path_buf));
        }
        Ok(files)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        self.step(Step::Write, path)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| write_error(folder, e))?;
        }
        self.step(Step::Sync, path)?;
        write_durably(path, bytes)
    }

    fn step(&self, step: Step, path: &Path) -> Result<(), StoreError> {
        (self.faults.0)(step).map_err(|e| write_error(path, e))
    }

    fn lock_progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if self.lock_progress().manifest.is_some() {
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

fn record(device: &DeviceEvidence, name: &str, artifact: &Artifact, file: Option<String>) -> ArtifactRecord {
    let bytes: &[u8] = if file.is_some() { &artifact.bytes } else { &[] };
    let origin = device.origins.get(name);
    ArtifactRecord {
        file,
        sha256: sha256(bytes),
        bytes: bytes.len() as u64,
        command: origin.map(|o| o.command.clone()),
        status: origin.map(|o| o.status),
        proof: artifact.proof.clone(),
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|e| write_error(path, e))
}

/// Takes the change's lock. The system lets go of it when its holder dies, however it dies.
fn lock(change: &Path) -> Result<File, StoreError> {
    let path = change.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| write_error(&path, e))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(StoreError::Busy { change: change.to_path_buf() });
            }
            Err(fs::TryLockError::Error(e)) => return Err(write_error(&path, e)),
        }
    }
}

/// Removes what writers left behind that never finished. Only the holder of the lock calls this.
fn clean(change: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(change).map_err(|e| write_error(change, e))? {
        let entry = entry.map_err(|e| write_error(change, e))?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(|e| write_error(&path, e))?;
        }
    }
    Ok(())
}

/// `<phase>-<UTC time>`, with a number behind it if another snapshot of that second is there.
fn free_name(change: &Path, phase: Phase, started: OffsetDateTime) -> PathBuf {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = started.format(form).unwrap_or_else(|_| started.unix_timestamp().to_string());
    let plain = change.join(format!("{phase}-{time}"));
    let numbered = (2u32..).map(|n| change.join(format!("{phase}-{time}-{n}")));
    let mut candidates = std::iter::once(plain.clone()).chain(numbered);
    candidates.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or(plain)
}
