//! The evidence store against crashes, tampering, other writers and bad disks.

mod crash;
mod disk;
mod store;

use std::collections::BTreeMap;
use std::path::Path;

use sekisho::evidence::{Algorithms, Artifact, DeviceEvidence, Identity, KeyId, Origin, Proof, Source};
use sekisho::reason::Reason;
use time::OffsetDateTime;
use time::macros::datetime;

pub const NOW: OffsetDateTime = datetime!(2026-11-22 01:02:03 UTC);

/// A device with a file, an artifact in a folder, an absent one, and a failure.
pub fn device(name: &str) -> DeviceEvidence {
    let mut device = DeviceEvidence::new(name, vec!["nftables".to_owned()], Source::Snapshot);
    let artifact = |bytes: &[u8], proof| Artifact { bytes: bytes.into(), proof };
    device.artifacts = BTreeMap::from([
        ("nft.json".to_owned(), artifact(b"{}\n\0\xff", Proof::Complete)),
        ("files/etc/nftables.conf".to_owned(), artifact(b"", Proof::Complete)),
        ("ipset-save.txt".to_owned(), artifact(b"", Proof::Absent)),
        ("ss.txt".to_owned(), artifact(b"half", Proof::Unproven)),
    ]);
    let origin = |command: &str, status| Origin { command: command.to_owned(), status };
    device.origins = BTreeMap::from([
        ("nft.json".to_owned(), origin("nft -j list ruleset", 0)),
        ("files/etc/nftables.conf".to_owned(), origin("cat /etc/nftables.conf", 0)),
        ("ipset-save.txt".to_owned(), origin("ipset save", 66)),
        ("ss.txt".to_owned(), origin("ss -H -lntup", 0)),
    ]);
    let text = |s: &str| s.to_owned();
    device.identity = Identity {
        address: Some(text("192.0.2.1:22")),
        host_key: Some(KeyId { kind: text("ssh-ed25519"), fingerprint: text("SHA256:abc") }),
        banner: Some(text("SSH-2.0-OpenSSH_9.2")),
        algorithms: Some(Algorithms {
            kex: text("curve25519-sha256"),
            host_key: text("ssh-ed25519"),
            cipher: text("aes256-gcm@openssh.com"),
            mac: String::new(),
        }),
    };
    let unproven = Reason::ArtifactUnproven { artifact: text("ss.txt"), expected: text("an end") };
    device.failures = vec![unproven];
    device
}

/// Every file and folder below, sorted, with `/`.
pub fn tree(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}
