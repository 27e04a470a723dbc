//! A plain folder of files read as one device: what somebody copied together, or a case with known truth.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::device::{Artifact, DeviceEvidence, Identity, KeyId, Proof, Source};
use crate::reason::Reason;

/// Largest file that is read from a folder, in bytes; larger ones are an error rather than a truncated
/// artifact.
pub const MAX_FILE: u64 = 64 << 20;

/// A file in a device's folder that says who the device is; it is no artifact.
pub const DEVICE_FILE: &str = "device.toml";

/// Deepest nesting of folders that is followed below a device folder.
pub const MAX_DEPTH: usize = 32;

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The file system refused.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// What was being read.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// A file is larger than [`MAX_FILE`].
    #[error("{path} is larger than {MAX_FILE} bytes; is it a configuration file?", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file that says who the device is cannot be read.
    #[error("{path}: {problem}", path = path.display())]
    DeviceFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Folders nest deeper than any device's do.
    #[error("{path}: folders nest deeper than {MAX_DEPTH} levels", path = path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
}

/// What [`DEVICE_FILE`] says: what a connection would have shown of the device, for evidence without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceFile {
    /// `host:port`.
    pub address: Option<String>,
    /// Type of the host key, such as `ssh-ed25519`.
    pub host_key_type: Option<String>,
    /// Its fingerprint, `SHA256:...`.
    pub host_key: Option<String>,
    /// What a simulator makes the host key from.
    pub host_key_seed: Option<String>,
    /// The SSH server's identification string.
    pub banner: Option<String>,
}

impl DeviceFile {
    /// Reads a device folder's file; one without it says nothing.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        let path = folder.join(DEVICE_FILE);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            _ => return Ok(Self::default()),
        }
        let bytes = read_file(&path)?;
        Self::parse(&bytes).map_err(|e| FolderError::DeviceFile { path, problem: e.to_string() })
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// What makes it no such file.
    pub fn parse(bytes: &[u8]) -> Result<Self, toml::de::Error> {
        toml::from_slice(bytes)
    }

    fn identity(&self) -> Identity {
        let key = |fingerprint: &String| KeyId {
            kind: self.host_key_type.clone().unwrap_or_default(),
            fingerprint: fingerprint.clone(),
        };
        Identity {
            address: self.address.clone(),
            host_key: self.host_key.as_ref().map(key),
            banner: self.banner.clone(),
            algorithms: None,
        }
    }
}

/// What a device folder's [`DEVICE_FILE`] says of its identity.
///
/// # Errors
/// The file is there and cannot be read.
pub fn identity(folder: &Path) -> Result<Identity, FolderError> {
    Ok(DeviceFile::read(folder)?.identity())
}

/// What lies below a folder or in a revision, as paths with `/`, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Regular files.
    pub files: Vec<String>,
    /// What is not followed: symbolic links and repositories within the repository. A tree under review must not point
    /// outside itself.
    pub links: Vec<String>,
}

/// What lies below `folder`.
///
/// # Errors
/// The first folder that cannot be listed.
pub fn list(folder: &Path) -> Result<Listing, FolderError> {
    let mut out = Listing::default();
    let mut open = vec![(folder.to_path_buf(), String::new(), 0)];
    while let Some((path, prefix, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(FolderError::TooDeep { path });
        }
        let fail = |path: &Path, source| FolderError::Io { path: path.to_path_buf(), source };
        for entry in fs::read_dir(&path).map_err(|e| fail(&path, e))? {
            let entry = entry.map_err(|e| fail(&path, e))?;
            let kind = entry.file_type().map_err(|e| fail(&entry.path(), e))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                open.push((entry.path(), format!("{name}/"), depth + 1));
            } else if kind.is_file() {
                out.files.push(name);
            } else {
                out.links.push(name);
            }
        }
    }
    out.files.sort();
    out.links.sort();
    Ok(out)
}

/// Reads every regular file below `folder` as an artifact of a device called `name`; a [`DEVICE_FILE`] gives
/// it an identity.
///
/// What is not followed is a failure of the device.
///
/// # Errors
/// The first file or folder that cannot be read whole.
pub fn read_device(folder: &Path, name: &str, platforms: Vec<String>) -> Result<DeviceEvidence, FolderError> {
    let mut device = DeviceEvidence::new(name, platforms, Source::Bare);
    device.identity = DeviceFile::read(folder)?.identity();
    let listing = list(folder)?;
    for artifact in listing.files.into_iter().filter(|name| name != DEVICE_FILE) {
        let bytes = read_file(&folder.join(&artifact))?;
        device.artifacts.insert(artifact, Artifact { bytes: bytes.into(), proof: Proof::Given });
    }
    device.failures = listing.links.into_iter().map(|path| Reason::NotFollowed { path }).collect();
    Ok(device)
}

/// Reads a file whole.
///
/// # Errors
/// It cannot be read, or is larger than [`MAX_FILE`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, FolderError> {
    let fail = |source| FolderError::Io { path: path.to_path_buf(), source };
    if fs::metadata(path).map_err(fail)?.len() > MAX_FILE {
        return Err(FolderError::TooLarge { path: path.to_path_buf() });
    }
    fs::read(path).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_device_and_its_device_file_is_no_artifact() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("nft.json", "{}");
        write("files/etc/device.toml", "x");
        let bare = read_device(folder.path(), "fw", vec!["nftables".to_owned()]).unwrap();
        assert_eq!(bare.artifacts.keys().collect::<Vec<_>>(), ["files/etc/device.toml", "nft.json"]);
        assert_eq!((bare.source, &bare.identity), (Source::Bare, &Identity::default()));
        write(
            "device.toml",
            "host_key_type = \"ssh-ed25519\"\nhost_key = \"SHA256:x\"\nbanner = \"SSH-2.0-y\"",
        );
        let known = read_device(folder.path(), "fw", Vec::new()).unwrap();
        assert_eq!(known.artifacts, bare.artifacts);
        assert_eq!(known.identity.host_key.unwrap().to_string(), "ssh-ed25519 SHA256:x");
        assert_eq!(known.identity.banner.as_deref(), Some("SSH-2.0-y"));
        write("device.toml", "host_kye = \"typo\"");
        let error = read_device(folder.path(), "fw", Vec::new()).unwrap_err();
        assert!(error.to_string().contains("host_kye"), "{error}");
    }
}
