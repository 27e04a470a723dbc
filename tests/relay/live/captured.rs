//! The evidence of a running server, as `capture` would take it, as files alone, or as `postconf` alone.

use std::fs;

use sekisho::evidence::device::file_artifact;
use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::platform::{self, ABSENT_STATUS, How};

use super::dice::Dice;
use super::server::Server;

/// Artifacts in one of the forms that a device folder may have.
pub(super) fn evidence(dice: &mut Dice, server: &Server) -> DeviceEvidence {
    let whole = snapshot(server);
    let keep: fn(&str) -> bool = match dice.below(4) {
        0 => |name| name.starts_with("files/") || name == "ip-addr.json",
        1 => |name| !name.ends_with("/main.cf") && !name.ends_with("/master.cf"),
        _ => return whole,
    };
    let mut device = DeviceEvidence::new("mx", vec!["postfix".into()], Source::Bare);
    let kept =
        whole.artifacts.into_iter().filter(|(name, artifact)| keep(name) && artifact.proof != Proof::Absent);
    device.artifacts = kept.map(|(name, a)| (name, Artifact { proof: Proof::Given, ..a })).collect();
    device
}

/// Every question of the platform, answered by the server.
fn snapshot(server: &Server) -> DeviceEvidence {
    let mut device = DeviceEvidence::new("mx", vec!["postfix".into()], Source::Snapshot);
    let postfix = platform::by_id("postfix").unwrap();
    for platform in platform::with_hosts([postfix]) {
        let mut asks = platform.ask();
        while !asks.is_empty() {
            for ask in &asks {
                let (status, bytes) = match &ask.how {
                    How::Command(command) => {
                        let done = server.run(command);
                        (done.status.code().unwrap(), done.stdout)
                    }
                    How::File(path) => file(server, path),
                };
                let proof = match status {
                    0 => platform.prove(&ask.artifact, &bytes).map_or(Proof::Unproven, |()| Proof::Complete),
                    s if u32::try_from(s) == Ok(ABSENT_STATUS) => Proof::Absent,
                    _ => Proof::Unproven,
                };
                device.artifacts.insert(ask.artifact.clone(), Artifact { bytes: bytes.into(), proof });
            }
            asks = platform.follow(&device);
            asks.retain(|ask| !device.artifacts.contains_key(&ask.artifact));
        }
    }
    let passwd = file_artifact("/etc/passwd");
    assert!(device.artifacts.get(&passwd).is_none_or(|a| a.proof == Proof::Complete));
    device
}

fn file(server: &Server, path: &str) -> (i32, Vec<u8>) {
    let own = path.strip_prefix("/etc/postfix/").map(|name| server.path("etc-postfix").join(name));
    let absent = i32::try_from(ABSENT_STATUS).unwrap();
    fs::read(own.unwrap_or_else(|| path.into())).map_or((absent, Vec::new()), |bytes| (0, bytes))
}
