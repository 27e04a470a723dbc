//! A state of some devices at one moment, however it was kept: a snapshot, a plain folder, a git revision.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use super::device::{DeviceEvidence, Source};
use super::folder::{self, FolderError, Listing};
use super::git::{self, GitError};
use super::store::{Phase, Selector, Snapshot, Store, StoreError, load, looks_like_snapshot};
use crate::platform;
use crate::reason::Reason;
use crate::site::{Device, Site};

/// Several devices at one moment.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// How the user named it.
    pub label: String,
    /// When capturing began and ended; absent for plain files.
    pub taken: Option<(OffsetDateTime, OffsetDateTime)>,
    /// Phase and change of a snapshot.
    pub phase: Option<(String, Phase)>,
    /// One device's folder, whose platform the user named: a question about this state, not about a change.
    pub alone: bool,
    /// Where a snapshot lies.
    pub folder: Option<PathBuf>,
    /// Devices by name.
    pub devices: BTreeMap<String, DeviceEvidence>,
    /// SHA-256 of the manifest, for a snapshot.
    pub digest: Option<String>,
}

/// What a user wrote for BEFORE or AFTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// `git:REV`.
    Git(String),
    /// `CHG-1:before`.
    Stored(Selector),
    /// A folder.
    Folder(PathBuf),
}

impl Where {
    /// Reads what a user wrote. A folder that exists is a folder even if its name has a colon in it.
    pub fn parse(text: &str) -> Self {
        if let Some(revision) = text.strip_prefix("git:") {
            return Self::Git(revision.to_owned());
        }
        match Selector::parse(text) {
            Some(selector) if !Path::new(text).exists() => Self::Stored(selector),
            _ => Self::Folder(PathBuf::from(text)),
        }
    }
}

/// Why a state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A plain folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A snapshot.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A git revision.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no such folder.
    #[error("{0} is no folder; give a snapshot, a folder of device folders, git:REV, or CHANGE:PHASE")]
    NoFolder(PathBuf),
    /// A folder holds nothing that a platform reads.
    #[error(
        "no device folder with readable artifacts below {0}; name the platform of a single device with --platform"
    )]
    NoDevices(PathBuf),
}

/// What reading a state needs besides its name.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// The site, if one was found.
    pub site: Option<&'a Site>,
    /// Platform of a single device folder, from `--platform`.
    pub platform: Option<&'a str>,
    /// The store, for `CHANGE:PHASE`.
    pub store: &'a Store,
}

impl Door<'_> {
    /// Reads a state.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn read(&self, what: &Where) -> Result<State, StateError> {
        let label = match what {
            Where::Git(revision) => format!("git:{revision}"),
            Where::Stored(selector) => format!("{}:{}", selector.change, selector.phase),
            Where::Folder(folder) => folder.display().to_string(),
        };
        let state = match what {
            Where::Git(revision) => State { devices: self.git(revision)?, ..State::default() },
            Where::Stored(selector) => {
                let found = self.store.find(selector)?;
                let last = found.last().ok_or_else(|| StateError::NoFolder(PathBuf::from(&label)))?;
                State::of(last.load()?)
            }
            Where::Folder(folder) if looks_like_snapshot(folder) => State::of(load(folder)?),
            Where::Folder(folder) if !folder.is_dir() => return Err(StateError::NoFolder(folder.clone())),
            Where::Folder(folder) => {
                State { devices: self.folder(folder)?, alone: self.platform.is_some(), ..State::default() }
            }
        };
        Ok(State { label, ..state })
    }

    /// A plain folder: one device with `--platform`, else one folder a device.
    fn folder(&self, folder: &Path) -> Result<BTreeMap<String, DeviceEvidence>, StateError> {
        if let Some(platform) = self.platform {
            let device = folder::read_device(folder, "device", vec![platform.to_owned()])?;
            return Ok([("device".to_owned(), device)].into());
        }
        let listing = folder::list(folder)?;
        let read = |path: &str| folder::read_file(&folder.join(path)).map_err(StateError::from);
        let mut devices = self.devices(&listing, read)?;
        // what is behind a link is not read, its identity neither
        for (name, device) in devices.iter_mut().filter(|(_, device)| !device.artifacts.is_empty()) {
            device.identity = folder::identity(&folder.join(name))?;
        }
        if devices.is_empty() { Err(StateError::NoDevices(folder.to_path_buf())) } else { Ok(devices) }
    }

    fn git(&self, revision: &str) -> Result<BTreeMap<String, DeviceEvidence>, StateError> {
        let start =
            self.site.and_then(|s| s.source.as_ref()).map_or(Path::new("."), |source| source.folder());
        let tree = git::Tree::open(start, revision)?;
        let devices = self.devices(&tree.list(), |path| tree.read(path).map_err(StateError::from))?;
        if devices.is_empty() {
            Err(StateError::NoDevices(PathBuf::from(format!("git:{revision}"))))
        } else {
            Ok(devices)
        }
    }

    /// The devices of a set of files: those that the site declares with `files` or by a folder of their name, and every
    /// other folder, its platforms known by its artifacts.
    fn devices(
        &self,
        listing: &Listing,
        read: impl Fn(&str) -> Result<Vec<u8>, StateError>,
    ) -> Result<BTreeMap<String, DeviceEvidence>, StateError> {
        let mut out = BTreeMap::new();
        for device in self.site.iter().flat_map(|s| s.devices.values()) {
            let (named, links) = (self.named(device, &listing.files), self.named(device, &listing.links));
            if !(named.is_empty() && links.is_empty()) {
                let mut read = evidence(device.name.as_str(), device.platforms.clone(), &named, &read)?;
                read.failures = not_followed(links);
                out.insert(device.name.to_string(), read);
            }
        }
        let declared = self.site.is_some_and(|s| !s.devices.is_empty());
        let folders = listing.files.iter().filter_map(|f| f.split_once('/').map(|(folder, _)| folder));
        let links = listing.links.iter().map(|link| link.split('/').next().unwrap_or(link));
        for name in folders.chain(links).collect::<BTreeSet<&str>>() {
            if out.contains_key(name) {
                continue;
            }
            let mut device = evidence(name, Vec::new(), &below(&listing.files, name), &read)?;
            device.platforms = platform::detect(&device);
            device.failures = not_followed(below(&listing.links, name));
            // without a declaration every folder is a device, and one that nothing reads is told, not passed over; a site
            // that declares its devices may lie among other folders, and hidden ones belong to other programs
            if !((declared || name.starts_with('.')) && device.platforms.is_empty()) {
                out.insert(name.to_owned(), device);
            }
        }
        Ok(out)
    }

    /// Artifact name and file of what belongs to a declared device.
    fn named(&self, device: &Device, files: &[String]) -> Vec<(String, String)> {
        // paths in site.toml are relative to it, and a repository's tree begins where site.toml lies
        let root = self.site.and_then(|s| s.source.as_ref()).map_or(Path::new(""), |source| source.folder());
        let mapped = device.files.iter().filter_map(|(artifact, file)| {
            let file = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
            files.contains(&file).then(|| (artifact.clone(), file))
        });
        let mapped: Vec<(String, String)> = mapped.collect();
        if mapped.is_empty() { below(files, device.name.as_str()) } else { mapped }
    }
}

/// Artifact name and file of everything in a device's folder; a link in the folder's place is all there is.
fn below(files: &[String], device: &str) -> Vec<(String, String)> {
    let inside = |f: &'_ str| match f.strip_prefix(device)? {
        "" => Some(device.to_owned()),
        rest => rest.strip_prefix('/').filter(|a| *a != folder::DEVICE_FILE).map(str::to_owned),
    };
    files.iter().filter_map(|f| Some((inside(f)?, f.clone()))).collect()
}

fn not_followed(links: Vec<(String, String)>) -> Vec<Reason> {
    links.into_iter().map(|(_, path)| Reason::NotFollowed { path }).collect()
}

fn evidence(
    name: &str,
    platforms: Vec<String>,
    files: &[(String, String)],
    read: &impl Fn(&str) -> Result<Vec<u8>, StateError>,
) -> Result<DeviceEvidence, StateError> {
    let mut device = DeviceEvidence::new(name, platforms, Source::Bare);
    for (artifact, file) in files {
        let bytes = read(file)?;
        let proof = super::Proof::Given;
        device.artifacts.insert(artifact.clone(), super::Artifact { bytes: bytes.into(), proof });
    }
    Ok(device)
}

impl State {
    /// Lets artifacts that an earlier state holds as well take no memory of their own: most samples of a window are like
    /// the one before.
    pub fn share(&mut self, earlier: &Self) {
        for (name, device) in &mut self.devices {
            let Some(old) = earlier.devices.get(name) else { continue };
            for (name, artifact) in &mut device.artifacts {
                if let Some(same) = old.artifacts.get(name).filter(|old| old.bytes == artifact.bytes) {
                    artifact.bytes = Arc::clone(&same.bytes);
                }
            }
        }
    }

    /// The state of a snapshot.
    pub fn of(snapshot: Snapshot) -> Self {
        let manifest = snapshot.manifest;
        Self {
            label: snapshot.folder.display().to_string(),
            taken: Some((manifest.started, manifest.ended)),
            phase: Some((manifest.change, manifest.phase)),
            alone: false,
            folder: Some(snapshot.folder),
            devices: snapshot.devices.into_iter().map(|d| (d.name.clone(), d)).collect(),
            digest: Some(snapshot.digest),
        }
    }
}
