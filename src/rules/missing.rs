//! What the evidence of a device lacks, and which of it is worth saying.

use std::collections::BTreeSet;

use super::device::Pair;
use crate::evidence::{DeviceEvidence, Source};
use crate::platform::{self, DeviceModel};
use crate::reason::Reason;

/// What is missing or unproven in one state of a device.
pub(super) fn lacks(device: &DeviceEvidence, model: &DeviceModel) -> Vec<Reason> {
    let failures = device.failures.iter().cloned();
    let gaps = model.gaps.iter().filter(|g| !is_unread(&g.reason)).map(|g| g.reason.clone());
    let unknown = device.platforms.is_empty().then_some(Reason::PlatformUnknown);
    failures.chain(gaps).chain(unknown).collect()
}

/// The same of the state before, where there is to be one.
pub(super) fn lacks_before(
    pair: &Pair<'_>,
    after: &DeviceEvidence,
    model: Option<&DeviceModel>,
) -> Vec<Reason> {
    match (pair.before, model) {
        (Some(Some(old)), Some(model)) => lacks(old, model)
            .into_iter()
            .chain(once(after, old, "before"))
            .chain(read_by_none(old, after))
            .collect(),
        (Some(_), _) => vec![Reason::NotCaptured { state: "before".to_owned() }],
        (None, _) => Vec::new(),
    }
}

/// Whether anything came of what was asked of a device. Files that a user gave are what they are.
pub(super) fn came(device: &DeviceEvidence) -> bool {
    device.failures.is_empty() || !device.artifacts.is_empty()
}

/// Of what is missing, what does not follow from something else: an artifact that did not come because the connection
/// failed, or whose own failure is told.
pub(super) fn causes(lacks: &[Reason]) -> Vec<&Reason> {
    let failed = lacks.iter().any(Reason::is_of_connection);
    let told = |artifact: &str| {
        let others = lacks.iter().filter(|other| !matches!(other, Reason::ArtifactMissing { .. }));
        others.into_iter().any(|other| other.artifact() == Some(artifact))
    };
    let follows = |reason: &&Reason| match reason {
        Reason::ArtifactMissing { artifact } => failed || told(artifact),
        Reason::NotAsked { .. } => failed,
        _ => false,
    };
    lacks.iter().filter(|reason| !follows(reason)).collect()
}

/// Whether one state of a device holds all that is asked of it.
pub fn is_whole(device: &DeviceEvidence) -> bool {
    lacks(device, &platform::read(device)).is_empty()
}

/// Platforms that one state holds and the other, called `state`, neither holds nor is known to be without: what they
/// did there is not known.
pub(super) fn once<'a>(
    has: &'a DeviceEvidence,
    lacks: &'a DeviceEvidence,
    state: &'a str,
) -> impl Iterator<Item = Reason> + 'a {
    let platforms = has.platforms.iter().filter(|p| !lacks.platforms.contains(p));
    platforms
        .filter(|p| !platform::is_absent(p, lacks))
        .map(|p| Reason::PlatformOnce { platform: p.clone(), state: state.to_owned() })
}

/// Artifacts that somebody put into the device's folder, that differ, and that nothing would look at.
fn read_by_none<'a>(old: &'a DeviceEvidence, new: &'a DeviceEvidence) -> impl Iterator<Item = Reason> + 'a {
    let names: BTreeSet<&String> = old.artifacts.keys().chain(new.artifacts.keys()).collect();
    let given = old.source == Source::Bare && new.source == Source::Bare;
    let differ = move |name: &&String| old.artifacts.get(*name) != new.artifacts.get(*name);
    let foreign = move |name: &&String| [old, new].iter().all(|device| platform::is_foreign(name, device));
    let names = names.into_iter().filter(move |_| given).filter(differ).filter(foreign);
    names.map(|name| Reason::ReadByNone { artifact: name.clone() })
}

/// Lines that were not understood already widen what is possible; they are counted, not judged once more.
pub(super) const fn is_unread(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::Unread { .. }
            | Reason::ContentsUnknown { .. }
            | Reason::RunTime { .. }
            | Reason::NotModelled { .. }
            | Reason::OutsideService { .. }
            | Reason::Dns { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(artifact: &str) -> Reason {
        Reason::ArtifactMissing { artifact: artifact.to_owned() }
    }

    #[test]
    fn what_follows_from_a_failure_is_not_told_again() {
        let cut = Reason::NotAsked { artifact: "nft.json".to_owned() };
        let failed =
            Reason::Unreachable { address: "192.0.2.1:22".to_owned(), problem: "no route".to_owned() };
        let alone = [missing("nft.json"), missing("ss.txt")];
        assert_eq!(causes(&alone).len(), 2);
        let named = [cut.clone(), missing("nft.json"), missing("ss.txt")];
        assert_eq!(causes(&named), [&cut, &missing("ss.txt")]);
        let all = [failed.clone(), cut, missing("nft.json"), missing("ss.txt")];
        assert_eq!(causes(&all), [&failed]);
    }
}
