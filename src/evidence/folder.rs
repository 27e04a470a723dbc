//! A plain folder of files read as one device: what somebody copied together, or a case with known truth.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::device::{Artifact, DeviceEvidence, Proof, Source};

/// Largest file that is read from a folder, in bytes; larger ones are an error rather than a truncated artifact.
pub const MAX_FILE: u64 = 64 << 20;

/// Deepest nesting of folders that is followed below a device folder.
const MAX_DEPTH: usize = 32;

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
    /// Folders nest deeper than any device's do.
    #[error("{path}: folders nest deeper than {MAX_DEPTH} levels", path = path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
}

/// Reads every regular file below `folder` as an artifact of a device called `name`.
///
/// Symbolic links are not followed: a folder under review must not point outside itself.
///
/// # Errors
/// The first file or folder that cannot be read whole.
pub fn read_device(folder: &Path, name: &str, platforms: Vec<String>) -> Result<DeviceEvidence, FolderError> {
    let mut device = DeviceEvidence::new(name, platforms, Source::Bare);
    let mut open = vec![(folder.to_path_buf(), String::new(), 0)];
    while let Some((path, prefix, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(FolderError::TooDeep { path });
        }
        let fail = |path: &Path, source| FolderError::Io { path: path.to_path_buf(), source };
        for entry in fs::read_dir(&path).map_err(|e| fail(&path, e))? {
            let entry = entry.map_err(|e| fail(&path, e))?;
            let kind = entry.file_type().map_err(|e| fail(&entry.path(), e))?;
            let artifact = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                open.push((entry.path(), format!("{artifact}/"), depth + 1));
            } else if kind.is_file() {
                let bytes = read_file(&entry.path())?;
                device.artifacts.insert(artifact, Artifact { bytes, proof: Proof::Given });
            }
        }
    }
    Ok(device)
}

fn read_file(path: &Path) -> Result<Vec<u8>, FolderError> {
    let fail = |source| FolderError::Io { path: path.to_path_buf(), source };
    if fs::metadata(path).map_err(fail)?.len() > MAX_FILE {
        return Err(FolderError::TooLarge { path: path.to_path_buf() });
    }
    fs::read(path).map_err(fail)
}
