//! One device's artifacts in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// How it was shown that an artifact is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Exit status 0, the end frame, end of file, and the platform's own structural check.
    Complete,
    /// The device says that there is no such file or that the subsystem is not loaded: nothing to read, and known.
    Absent,
    /// A file given by the user: its bytes are all there is, nothing more can be shown.
    Given,
    /// Not shown to be whole; such an artifact never leads to ALLOW.
    Unproven,
}

/// One named output of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The bytes, after redaction.
    pub bytes: Vec<u8>,
    /// How it was shown that they are all.
    pub proof: Proof,
}

impl Artifact {
    /// The bytes as text; what is not UTF-8 becomes U+FFFD, which no configuration word contains.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// What an absent artifact means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Made by `capture`: every artifact of a platform is there, and an absent one is missing evidence.
    Snapshot,
    /// Files that somebody put together: artifacts of other kinds count as empty, and each such assumption is
    /// listed in the result.
    Bare,
}

/// One device's artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceEvidence {
    /// The device's name (`device` for a bare folder).
    pub name: String,
    /// Platform ids in the order in which they are read.
    pub platforms: Vec<String>,
    /// What an absent artifact means.
    pub source: Source,
    /// Artifact name (`nft.json`, `files/etc/postfix/main.cf`) to artifact.
    pub artifacts: BTreeMap<String, Artifact>,
    /// What failed while this device was captured.
    pub failures: Vec<Reason>,
}

impl DeviceEvidence {
    /// A device without artifacts.
    pub fn new(name: impl Into<String>, platforms: Vec<String>, source: Source) -> Self {
        Self { name: name.into(), platforms, source, artifacts: BTreeMap::new(), failures: Vec::new() }
    }

    /// The artifact, if it is there and the device did not say that it does not exist.
    pub fn get(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.get(name).filter(|a| a.proof != Proof::Absent)
    }

    /// The artifact's text, if it is there.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(Artifact::text)
    }

    /// The text of a file on the device, by its absolute path.
    pub fn file(&self, path: &str) -> Option<Cow<'_, str>> {
        self.text(&file_artifact(path))
    }

    /// Whether the device said that this artifact does not exist there.
    pub fn is_absent(&self, name: &str) -> bool {
        self.artifacts.get(name).is_some_and(|a| a.proof == Proof::Absent)
    }
}

/// The artifact name of a file fetched from the device: `files/` and the absolute path without its first slash.
pub fn file_artifact(path: &str) -> String {
    format!("files/{}", path.trim_start_matches('/'))
}
