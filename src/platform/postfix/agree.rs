//! The same configuration in several forms: files, and what `postconf` prints of them (postconf(1)). Where they
//! disagree, nobody knows which one runs.

use std::collections::{BTreeMap, BTreeSet};

use super::defaults;
use super::maincf::{Settings, same_value};
use super::mastercf::Service;
use crate::evidence::{DeviceEvidence, Proof, Source};
use crate::finding::Location;
use crate::platform::Gap;
use crate::reason::Reason;

/// What `postconf -P` prints: the overrides of all services, as `name/type/parameter = value`.
pub(super) const OVERRIDES: &str = "postconf-P.txt";

/// Notes an artifact that is missing from a snapshot, or not provably whole.
pub(super) fn proven(evidence: &DeviceEvidence, artifact: &str, gaps: &mut BTreeSet<Gap>) {
    let name = || artifact.to_owned();
    match evidence.artifacts.get(artifact).map(|a| &a.proof) {
        Some(Proof::Unproven) => {
            let reason = Reason::ArtifactUnproven { artifact: name(), expected: "the whole output".into() };
            gaps.insert(Gap { reason, location: None });
        }
        None if evidence.source == Source::Snapshot => {
            gaps.insert(Gap { reason: Reason::ArtifactMissing { artifact: name() }, location: None });
        }
        _ => {}
    }
}

/// main.cf with line numbers, unless `postconf -n` says otherwise: then that, and a gap.
pub(super) fn settings(raw: Settings, printed: Settings, main: &str, gaps: &mut BTreeSet<Gap>) -> Settings {
    let mut different = BTreeMap::new();
    for (name, setting) in printed.iter() {
        if raw.get(name).is_none_or(|r| !same_value(r.value(), setting.value())) {
            different.insert(name.to_owned(), setting.at(0));
        }
    }
    for (name, setting) in raw.iter() {
        let matters =
            !defaults::default(name, None).is_empty() || name.starts_with("smtpd_") || name == "mynetworks";
        if matters && printed.get(name).is_none() {
            different.insert(name.to_owned(), setting.at(0));
        }
    }
    if different.is_empty() {
        return raw;
    }
    for (name, at) in different {
        let reason =
            Reason::Contradiction { what: name, first: main.to_owned(), second: "postconf-n.txt".into() };
        gaps.insert(Gap { reason, location: Some(at) });
    }
    printed
}

/// master.cf against `postconf -M`.
pub(super) fn services(raw: &[Service], printed: &[Service], master: &str, gaps: &mut BTreeSet<Gap>) {
    let key = |s: &Service| {
        let overrides: Vec<(String, String)> =
            s.overrides.iter().map(|o| (o.name.clone(), o.value.split_whitespace().collect())).collect();
        (s.name.clone(), s.kind.clone(), s.command.clone(), overrides)
    };
    let keys = |all: &[Service]| all.iter().map(key).collect::<BTreeSet<_>>();
    let (ours, theirs) = (keys(raw), keys(printed));
    for (name, kind, ..) in ours.symmetric_difference(&theirs) {
        let reason = Reason::Contradiction {
            what: format!("{name}/{kind}"),
            first: master.to_owned(),
            second: "postconf-M.txt".into(),
        };
        let location = raw.iter().find(|s| s.name == *name && s.kind == *kind).map(|s| s.at.clone());
        gaps.insert(Gap { reason, location });
    }
}

/// What is set against `postconf`, which prints the values in effect.
pub(super) fn with_effective(explicit: &Settings, effective: &Settings, gaps: &mut BTreeSet<Gap>) {
    for (name, setting) in explicit.iter() {
        let other = effective.get(name).filter(|other| !same_value(setting.value(), other.value()));
        if let Some(other) = other {
            contradict(name.to_owned(), setting.at(0), other.at(0), gaps);
        }
    }
}

/// The overrides of master.cf against `postconf -P`.
pub(super) fn with_overrides(services: &[Service], printed: &Settings, gaps: &mut BTreeSet<Gap>) {
    let mut ours = BTreeMap::new();
    for service in services {
        for set in &service.overrides {
            ours.insert(format!("{}/{}/{}", service.name, service.kind, set.name), set);
        }
    }
    for (name, set) in &ours {
        match printed.get(name) {
            Some(other) if same_value(&set.value, other.value()) => {}
            Some(other) => contradict(name.clone(), set.at.clone(), other.at(0), gaps),
            None => contradict(name.clone(), set.at.clone(), Location::within(OVERRIDES, ""), gaps),
        }
    }
    for (name, other) in printed.iter().filter(|(name, _)| !ours.contains_key(*name)) {
        contradict(name.to_owned(), Location::within("master.cf", ""), other.at(0), gaps);
    }
}

/// Two places say different things.
fn contradict(what: String, first: Location, second: Location, gaps: &mut BTreeSet<Gap>) {
    let reason =
        Reason::Contradiction { what, first: first.file.to_string(), second: second.file.to_string() };
    gaps.insert(Gap { reason, location: Some(second) });
}
