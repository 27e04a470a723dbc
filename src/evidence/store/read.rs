//! Reading snapshots back: every byte is held against the manifest before anything is concluded from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::OffsetDateTime;

use super::error::{StoreError, Tampering, io_error};
use super::manifest::{ArtifactRecord, DeviceRecord, Manifest, SCHEMA_VERSION, sha256};
use super::name::is_inside;
use super::{MANIFEST, Phase, SIGNATURE};
use crate::evidence::{Artifact, DeviceEvidence, Origin, Proof, Source};

/// Largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 256 << 20;

/// Largest hint that is read, in bytes.
const MAX_HINT: u64 = 4 << 10;

/// Deepest nesting of folders below a snapshot.
const MAX_DEPTH: usize = 40;

/// A snapshot in the store, not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its folder.
    pub folder: PathBuf,
    /// Its phase.
    pub phase: Phase,
    /// When capturing began.
    pub started: OffsetDateTime,
    /// Its place in the chain, from 1.
    pub sequence: u64,
    /// SHA-256 of its manifest, in hex.
    pub digest: String,
    previous: Option<String>,
}

impl Entry {
    pub(super) fn new(folder: PathBuf, manifest: &Manifest, digest: String) -> Self {
        Self {
            folder,
            phase: manifest.phase,
            started: manifest.started,
            sequence: manifest.sequence,
            digest,
            previous: manifest.previous.clone(),
        }
    }

    /// Reads it whole and checks every byte.
    ///
    /// # Errors
    /// Something differs from what was recorded, or cannot be read.
    pub fn load(&self) -> Result<Snapshot, StoreError> {
        load(&self.folder)
    }
}

/// A snapshot whose every byte is as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its folder.
    pub folder: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
    /// SHA-256 of the manifest, in hex.
    pub digest: String,
    /// The devices' evidence, in the order of the manifest.
    pub devices: Vec<DeviceEvidence>,
}

/// Whether a folder is a snapshot, or was one: its name counts too, so that one without its manifest is no
/// plain folder.
pub fn looks_like_snapshot(folder: &Path) -> bool {
    let there = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok();
    there(MANIFEST)
        || there(SIGNATURE)
        || folder.file_name().is_some_and(|n| is_snapshot_name(&n.to_string_lossy()))
}

/// Reads a snapshot whole and checks every byte.
///
/// # Errors
/// A file is missing, added, or differs from what was recorded; the manifest is damaged or too new; or something cannot
/// be read.
pub fn load(folder: &Path) -> Result<Snapshot, StoreError> {
    let (manifest, digest) = read_manifest(folder)?;
    let check = Check { folder };
    check.files(&manifest)?;
    let devices = manifest.devices.iter().map(|d| check.device(d)).collect::<Result<_, _>>()?;
    Ok(Snapshot { folder: folder.to_path_buf(), manifest, digest, devices })
}

/// Every snapshot of a change in order, the chain checked.
pub(super) fn chain(folder: &Path, change: &str) -> Result<Vec<Entry>, StoreError> {
    if !folder.is_dir() {
        let store = folder.parent().unwrap_or(folder).to_path_buf();
        return Err(StoreError::NoChange { change: change.to_owned(), store });
    }
    let mut entries = Vec::new();
    for snapshot in snapshot_folders(folder)? {
        entries.push(head(&snapshot, change)?);
    }
    entries.sort_by_key(|e| e.sequence);
    let mut expected = (1, None);
    for entry in &entries {
        if (entry.sequence, &entry.previous) != (expected.0, &expected.1) {
            return Err(tampered(&entry.folder, MANIFEST, Tampering::Chain));
        }
        expected = (entry.sequence + 1, Some(entry.digest.clone()));
    }
    Ok(entries)
}

/// Every snapshot of a snapshot's change, in order: from where the snapshot itself lies, the chain checked.
///
/// # Errors
/// The chain was tampered with, or a snapshot on its own was taken out of it.
pub fn beside(snapshot: &Path, change: &str) -> Result<Vec<Entry>, StoreError> {
    let whole = std::path::absolute(snapshot).map_err(|e| io_error(snapshot, e))?;
    let folder = whole.parent().unwrap_or(&whole);
    chain(folder, change)
}

/// Name of the file that names the last snapshot of a change, so that a watch need not read thousands of manifests
/// before each sample. Only a hint: it counts where it fits what is there.
pub(super) const LAST: &str = ".last";

/// Sequence and manifest digest of the last snapshot, for the next one to refer to. A damaged snapshot must not keep
/// an engineer from capturing; readers will find it.
pub(super) fn last_leniently(folder: &Path) -> Result<Option<(u64, String)>, StoreError> {
    let snapshots = snapshot_folders(folder)?;
    let hinted = read_at_most(&folder.join(LAST), MAX_HINT).unwrap_or_default();
    let hinted = String::from_utf8(hinted).unwrap_or_default();
    let hinted = snapshots.iter().find(|s| s.file_name().is_some_and(|name| *name == *hinted));
    // The chain has no holes, so the last of n snapshots has the number n.
    let hinted = hinted.and_then(|s| sequence_and_digest(s)).filter(|(n, _)| *n == snapshots.len() as u64);
    let search =
        || snapshots.iter().filter_map(|s| sequence_and_digest(s)).max_by_key(|(sequence, _)| *sequence);
    Ok(hinted.or_else(search))
}

fn sequence_and_digest(snapshot: &Path) -> Option<(u64, String)> {
    let bytes = manifest_bytes(snapshot).ok()?;
    let head: Head = serde_json::from_slice(&bytes).ok()?;
    Some((head.sequence, sha256(&bytes)))
}

/// What a chain needs of a manifest.
#[derive(Deserialize)]
struct Head {
    change: String,
    phase: Phase,
    sequence: u64,
    #[serde(with = "time::serde::rfc3339")]
    started: OffsetDateTime,
    previous: Option<String>,
}

fn head(folder: &Path, change: &str) -> Result<Entry, StoreError> {
    let bytes = manifest_bytes(folder)?;
    let head: Head = parse(folder, &bytes)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if head.change != change {
        return Err(tampered(folder, MANIFEST, Tampering::Misplaced(head.change)));
    }
    if name.split('-').next() != Some(head.phase.word()) {
        return Err(tampered(folder, MANIFEST, Tampering::Misplaced(head.phase.to_string())));
    }
    Ok(Entry {
        folder: folder.to_path_buf(),
        phase: head.phase,
        started: head.started,
        sequence: head.sequence,
        digest: sha256(&bytes),
        previous: head.previous,
    })
}

fn read_manifest(folder: &Path) -> Result<(Manifest, String), StoreError> {
    let bytes = manifest_bytes(folder)?;
    let manifest = parse(folder, &bytes)?;
    Ok((manifest, sha256(&bytes)))
}

fn manifest_bytes(folder: &Path) -> Result<Vec<u8>, StoreError> {
    let path = folder.join(MANIFEST);
    match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            fs::metadata(folder).map_err(|e| io_error(folder, e))?;
            Err(tampered(folder, MANIFEST, Tampering::Missing))
        }
        Err(e) => Err(io_error(&path, e)),
        Ok(m) if !m.is_file() => Err(tampered(folder, MANIFEST, Tampering::Kind)),
        Ok(m) if m.len() > MAX_MANIFEST => {
            Err(tampered(folder, MANIFEST, Tampering::Manifest("it is too large".to_owned())))
        }
        Ok(_) => read_at_most(&path, MAX_MANIFEST),
    }
}

fn parse<'a, T: Deserialize<'a>>(folder: &Path, bytes: &'a [u8]) -> Result<T, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: u32,
    }
    let bad = |e: serde_json::Error| tampered(folder, MANIFEST, Tampering::Manifest(e.to_string()));
    let version: Version = serde_json::from_slice(bytes).map_err(bad)?;
    if version.schema_version > SCHEMA_VERSION {
        let (path, found) = (folder.join(MANIFEST), version.schema_version);
        return Err(StoreError::Schema { path, found, known: SCHEMA_VERSION });
    }
    serde_json::from_slice(bytes).map_err(bad)
}

/// Folders below a change that are, or were, snapshots.
fn snapshot_folders(change: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(change).map_err(|e| io_error(change, e))? {
        let entry = entry.map_err(|e| io_error(change, e))?;
        if is_snapshot_name(&entry.file_name().to_string_lossy()) {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// `<phase>-<YYYYMMDD>T<HHMMSS>Z`, with or without a number behind it.
fn is_snapshot_name(name: &str) -> bool {
    let mut parts = name.split('-');
    let phase = parts.next().is_some_and(|p| p.parse::<Phase>().is_ok());
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let time = parts.next().and_then(|t| t.strip_suffix('Z')?.split_once('T'));
    let time =
        time.is_some_and(|(day, hour)| day.len() == 8 && hour.len() == 6 && digits(day) && digits(hour));
    phase && time && parts.next().is_none_or(digits) && parts.next().is_none()
}

fn tampered(folder: &Path, file: &str, problem: Tampering) -> StoreError {
    StoreError::Tampered { snapshot: folder.to_path_buf(), file: file.to_owned(), problem }
}

fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|f| f.take(limit + 1).read_to_end(&mut bytes));
    read.map_err(|e| io_error(path, e))?;
    Ok(bytes)
}

/// Holds a snapshot's folder against its manifest.
struct Check<'a> {
    folder: &'a Path,
}

impl Check<'_> {
    /// Every recorded file once and inside, and no other file or folder.
    fn files(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let mut expected = BTreeSet::from([MANIFEST, SIGNATURE]);
        let bad = |text: String| tampered(self.folder, MANIFEST, Tampering::Manifest(text));
        let mut names = BTreeSet::new();
        for device in &manifest.devices {
            if !names.insert(&device.name) {
                return Err(bad(format!("device {:?} stands twice", device.name)));
            }
            for file in device.artifacts.values().filter_map(|a| a.file.as_deref()) {
                if !is_inside(file) || !expected.insert(file) {
                    return Err(bad(format!("file {file:?} is outside or stands twice")));
                }
            }
        }
        self.nothing_else(&expected)
    }

    fn nothing_else(&self, expected: &BTreeSet<&str>) -> Result<(), StoreError> {
        let folders: BTreeSet<&str> =
            expected.iter().flat_map(|f| f.match_indices('/').filter_map(|(at, _)| f.get(..at))).collect();
        let mut open = vec![(self.folder.to_path_buf(), String::new(), 0)];
        while let Some((path, prefix, depth)) = open.pop() {
            for entry in fs::read_dir(&path).map_err(|e| io_error(&path, e))? {
                let entry = entry.map_err(|e| io_error(&path, e))?;
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                let kind = entry.file_type().map_err(|e| io_error(&entry.path(), e))?;
                let problem = match (kind.is_dir(), kind.is_file()) {
                    (true, _) if folders.contains(name.as_str()) && depth < MAX_DEPTH => {
                        open.push((entry.path(), format!("{name}/"), depth + 1));
                        continue;
                    }
                    (_, true) if expected.contains(name.as_str()) => continue,
                    _ if expected.contains(name.as_str()) || folders.contains(name.as_str()) => {
                        Tampering::Kind
                    }
                    _ => Tampering::Extra,
                };
                return Err(tampered(self.folder, &name, problem));
            }
        }
        Ok(())
    }

    fn device(&self, record: &DeviceRecord) -> Result<DeviceEvidence, StoreError> {
        let mut device = DeviceEvidence::new(record.name.clone(), record.platforms.clone(), Source::Snapshot);
        device.identity = record.identity.clone();
        device.failures = record.failures.clone();
        device.origins = origins(record);
        for (name, artifact) in &record.artifacts {
            let bytes = self.artifact(artifact)?;
            device
                .artifacts
                .insert(name.clone(), Artifact { bytes: bytes.into(), proof: artifact.proof.clone() });
        }
        Ok(device)
    }

    fn artifact(&self, record: &ArtifactRecord) -> Result<Vec<u8>, StoreError> {
        let Some(file) = &record.file else {
            // What has no file has no bytes: anything else would be evidence that nobody can check.
            let empty = record.proof == Proof::Absent && record.bytes == 0;
            let problem = || Tampering::Manifest("an artifact without a file is not absent".to_owned());
            return if empty { Ok(Vec::new()) } else { Err(tampered(self.folder, MANIFEST, problem())) };
        };
        let path = self.folder.join(file);
        let differs = |problem| tampered(self.folder, file, problem);
        let content = || Tampering::Content { recorded: record.bytes, sha256: record.sha256.clone() };
        let metadata = match fs::symlink_metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(differs(Tampering::Missing)),
            other => other.map_err(|e| io_error(&path, e))?,
        };
        if !metadata.is_file() {
            return Err(differs(Tampering::Kind));
        }
        if metadata.len() != record.bytes {
            return Err(differs(content()));
        }
        let bytes = read_at_most(&path, record.bytes)?;
        if sha256(&bytes) != record.sha256 { Err(differs(content())) } else { Ok(bytes) }
    }
}

fn origins(record: &DeviceRecord) -> BTreeMap<String, Origin> {
    let origin = |a: &ArtifactRecord| Some(Origin { command: a.command.clone()?, status: a.status? });
    record.artifacts.iter().filter_map(|(name, a)| Some((name.clone(), origin(a)?))).collect()
}
