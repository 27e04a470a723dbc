//! One device's artifacts in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// How it was shown that an artifact is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Exit status 0, the end frame, end of file, and the platform's own structural check.
    Complete,
    /// The device says that there is no such file or that the subsystem is not loaded: nothing to read, and
    /// known.
    Absent,
    /// A file given by the user: its bytes are all there is, nothing more can be shown.
    Given,
    /// Not shown to be whole; such an artifact never leads to ALLOW.
    Unproven,
}

/// One named output of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The bytes, after redaction; shared by states that hold the same.
    pub bytes: Arc<[u8]>,
    /// How it was shown that they are all.
    pub proof: Proof,
}

impl Artifact {
    /// The bytes as text; what is not UTF-8 becomes U+FFFD, which no configuration word contains.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// Where an artifact came from: what was run on the device, and what it ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The command, or `cat PATH` for a file.
    pub command: String,
    /// Its exit status.
    pub status: u32,
}

/// A public key by name: enough to recognise it, not enough to forge anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId {
    /// Key type as in known_hosts, such as `ssh-ed25519` (RFC 8709, RFC 4253 section 6.6).
    #[serde(rename = "type")]
    pub kind: String,
    /// `SHA256:` and the unpadded base64 of the SHA-256 of the key blob, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.fingerprint)
    }
}

/// Algorithms that one SSH connection agreed on (RFC 4253 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Algorithms {
    /// Key exchange.
    pub kex: String,
    /// Host key signature.
    pub host_key: String,
    /// Cipher.
    pub cipher: String,
    /// Message authentication; empty where the cipher does it itself.
    pub mac: String,
}

impl Algorithms {
    /// How old they are: the oldest of them counts (RFC 9142 for key exchange, RFC 8332 for `ssh-rsa`, RFC 8758 for RC4).
    pub fn age(&self) -> Age {
        const OLD: [&str; 12] = [
            "diffie-hellman-group14-sha1",
            "diffie-hellman-group-exchange-sha1",
            "ssh-rsa",
            "aes128-cbc",
            "aes192-cbc",
            "aes256-cbc",
            "hmac-sha1",
            "hmac-sha1-etm@openssh.com",
            "hmac-sha1-96",
            "hmac-md5",
            "hmac-md5-96",
            "rijndael-cbc@lysator.liu.se",
        ];
        const OLDEST: [&str; 4] = ["diffie-hellman-group1-sha1", "3des-cbc", "ssh-dss", "arcfour"];
        let all = [&self.kex, &self.host_key, &self.cipher, &self.mac];
        let any = |known: &[&str]| all.iter().any(|name| known.contains(&name.as_str()));
        match (any(&OLDEST), any(&OLD)) {
            (true, _) => Age::Legacy2005,
            (false, true) => Age::Legacy2012,
            (false, false) => Age::Modern,
        }
    }
}

/// How old the algorithms of a connection may be. Anything but [`Age::Modern`] is the owner's own decision, for one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Age {
    /// What RFC 9142 leaves standing.
    #[default]
    Modern,
    /// And `diffie-hellman-group14-sha1`, group exchange with SHA-1, CBC ciphers, `hmac-sha1`.
    Legacy2012,
    /// And `diffie-hellman-group1-sha1`, `3des-cbc`, `ssh-dss`.
    Legacy2005,
}

/// Who the device is, as far as the connection shows it. Everything is absent in a plain folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// `host:port` that was connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The host key that it presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key: Option<KeyId>,
    /// Its SSH identification string (RFC 4253 section 4.2), with its software version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// What the connection agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Algorithms>,
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
    /// Artifact name to what was run for it; empty for a plain folder.
    pub origins: BTreeMap<String, Origin>,
    /// Who the device is, as far as a connection showed it.
    pub identity: Identity,
    /// What failed while this device was captured.
    pub failures: Vec<Reason>,
    /// The files are all there are: a pattern of `include` that matches none of them matches none.
    pub whole: bool,
}

impl DeviceEvidence {
    /// A device without artifacts.
    pub fn new(name: impl Into<String>, platforms: Vec<String>, source: Source) -> Self {
        Self {
            name: name.into(),
            platforms,
            source,
            artifacts: BTreeMap::new(),
            origins: BTreeMap::new(),
            identity: Identity::default(),
            failures: Vec::new(),
            whole: false,
        }
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

/// The artifact name of a file fetched from the device: `files/` and the absolute path without its first
/// slash.
pub fn file_artifact(path: &str) -> String {
    format!("files/{}", path.trim_start_matches('/'))
}
