//! What a snapshot says about itself: one JSON object, `schema_version` 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::Phase;
use crate::evidence::{Identity, Proof};
use crate::reason::Reason;

/// Version of this form. A reader refuses a newer one.
pub const SCHEMA_VERSION: u32 = 1;

/// A snapshot's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Program and version that wrote it.
    pub tool: String,
    /// Id of the change.
    pub change: String,
    /// Phase of the snapshot.
    pub phase: Phase,
    /// 1 for the first snapshot of the change, then without holes.
    pub sequence: u64,
    /// When capturing began.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    pub ended: OffsetDateTime,
    /// SHA-256 of the previous manifest of this change, in hex; absent in the first.
    pub previous: Option<String>,
    /// The devices, sorted by name.
    pub devices: Vec<DeviceRecord>,
}

/// What a manifest says about a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRecord {
    /// Its name.
    pub name: String,
    /// Platform ids, in the order in which they are read.
    pub platforms: Vec<String>,
    /// Address, host key, server identification, negotiated algorithms.
    pub identity: Identity,
    /// Artifact name to artifact.
    pub artifacts: BTreeMap<String, ArtifactRecord>,
    /// What failed.
    pub failures: Vec<Reason>,
}

/// What a manifest says about an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactRecord {
    /// Its file below the snapshot, with `/`; absent when the device said that there is no such thing.
    pub file: Option<String>,
    /// SHA-256 of the file, in hex (of no bytes, when there is none).
    pub sha256: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// What was run.
    pub command: Option<String>,
    /// What it ended with.
    pub status: Option<u32>,
    /// How it was shown to be whole.
    pub proof: Proof,
}

/// SHA-256 (FIPS 180-4) in hex.
pub fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}
