//! From states to a verdict: every device is read, compared and held against the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;

use super::device::{DeviceResult, Pair, Tested, Tests, judge_device};
use super::tested;
use super::verdict::{EVIDENCE, Verdict, verdict};
use super::view::{ChangeView, DeviceFacts};
use super::{Over, Rule};
use crate::evidence::State;
use crate::finding::{Arg, Confidence, Finding, Phrase, Severity};
use crate::probe::{self, Record};
use crate::reason::Reason;
use crate::site::{Change, Site};
use crate::watch::Watch;

/// Everything that is judged together.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Before the window.
    pub before: Option<&'a State>,
    /// What was seen during the window, in order.
    pub samples: &'a [State],
    /// After the window.
    pub after: &'a State,
    /// What the site declares.
    pub site: &'a Site,
    /// What the change declares.
    pub change: Option<&'a Change>,
    /// Tests from outside, as the store holds them.
    pub tests: &'a [Record],
    /// The rules.
    pub rules: &'a [Rule],
    /// Findings from this severity on block.
    pub fail_on: Severity,
}

/// What came of it.
#[derive(Debug)]
pub struct Judged {
    /// The answer.
    pub verdict: Verdict,
    /// All findings, the weightiest first.
    pub findings: Vec<Finding>,
    /// Devices by name.
    pub devices: Vec<DeviceResult>,
    /// How the window was watched; `None` when nobody looked.
    pub watched: Option<Watched>,
    /// What came of tests from outside that count, the worst of all devices; `None` when there were none.
    pub tested: Option<Tested>,
}

/// How a window was watched.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Watched {
    /// First look.
    #[serde(with = "time::serde::rfc3339")]
    pub from: OffsetDateTime,
    /// Last look.
    #[serde(with = "time::serde::rfc3339")]
    pub to: OffsetDateTime,
    /// Number of looks.
    pub samples: usize,
    /// How many of them did not see every device whole.
    pub incomplete: usize,
    /// Devices that none of them saw whole.
    pub unwatched: Vec<String>,
    /// Longest span between two looks, in seconds.
    pub longest_gap: i64,
}

/// Judges a case.
pub fn judge(case: &Case<'_>) -> Judged {
    let names: BTreeSet<&str> = case
        .after
        .devices
        .keys()
        .chain(case.before.iter().flat_map(|s| s.devices.keys()))
        .map(String::as_str)
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    let (devices, mut findings): (Vec<_>, Vec<_>) =
        in_parallel(&names, |name| device(case, name)).into_iter().unzip();
    let mut findings: Vec<Finding> = findings.drain(..).flatten().collect();
    let facts: BTreeMap<String, DeviceFacts> =
        devices.iter().map(|d: &DeviceResult| (d.name.clone(), d.facts.clone())).collect();
    let watch = Watch::of(case);
    let gaps = watch.gaps(case);
    let unread = unread_tests(case);
    let view = ChangeView {
        devices: &facts,
        site: case.site,
        change: case.change,
        tests: &unread,
        captured: case.after.taken.map(|(_, ended)| ended),
        gaps: &gaps,
    };
    findings.extend(case.rules.iter().flat_map(|rule| rule.kind.change(rule, &view)));
    findings.extend(watch.transients(case, &findings));
    findings.extend(watch.unseen());
    findings.extend(missing(case, &devices));
    sort(&mut findings);
    Judged {
        verdict: verdict(&findings, case.fail_on),
        tested: devices.iter().filter_map(|d| d.tested).chain(Tested::of(&unread)).min(),
        findings,
        devices,
        watched: watch.watched(case),
    }
}

/// One device of a case.
fn device(case: &Case<'_>, name: &str) -> (DeviceResult, Vec<Finding>) {
    let unchanged = tested::unchanged_since(case, name);
    let records = tested::since(case, name, unchanged);
    let pair = Pair {
        name,
        before: case.before.map(|state| state.devices.get(name)),
        after: case.after.devices.get(name),
        taken: case.after.taken.map(|(started, _)| started),
        tests: Tests { since: unchanged, records: &records },
        filter: None,
    };
    judge_device(&pair, case.site, case.change, case.rules)
}

/// Tests of devices that nobody can read: made after everything else was captured.
fn unread_tests<'a>(case: &Case<'a>) -> Vec<probe::Judged<'a>> {
    let ended = case.after.taken.map(|(_, ended)| ended);
    let unread = case.site.devices.values().filter(|device| device.platforms.is_empty());
    let records = unread.flat_map(|device| tested::since(case, device.name.as_str(), ended));
    records.map(|record| probe::judge(record, None, case.site)).collect()
}

/// What the evidence as a whole lacks.
fn missing(case: &Case<'_>, devices: &[DeviceResult]) -> Vec<Finding> {
    let mut reasons: Vec<(Option<&str>, Reason)> = Vec::new();
    if devices.is_empty() {
        reasons.push((None, Reason::NothingToCheck));
    }
    if case.rules.is_empty() {
        reasons.push((None, Reason::NoRules));
    }
    for (declared, device) in &case.site.devices {
        // what nobody can read is only missed where the change is about it; of a device out of scope that can be read, it
        // must be known that it did not change
        let in_scope =
            case.change.and_then(|c| c.scope.as_ref()).is_some_and(|scope| scope.contains(declared));
        let wanted = in_scope || !device.platforms.is_empty();
        if wanted && !devices.is_empty() && !devices.iter().any(|d| d.name == declared.as_str()) {
            reasons.push((Some(declared.as_str()), Reason::NotCaptured { state: case.after.label.clone() }));
        }
    }
    // rules over drift say nothing without a before; what they would say cannot be known. Whether a single mail server
    // relays is a question that its state alone answers
    let answered = case.after.alone && !devices.iter().any(|d| d.filters_packets);
    let unknown = case.before.is_none() && !devices.is_empty() && !answered;
    if unknown && case.rules.iter().any(|r| r.over == Over::Drift) {
        reasons.push((None, Reason::NoBefore));
    }
    reasons.into_iter().map(|(device, reason)| evidence(device, reason)).collect()
}

/// A finding that something needed is not in the evidence.
pub fn evidence(device: Option<&str>, reason: Reason) -> Finding {
    let mut finding = Finding::new(EVIDENCE, Severity::High, Confidence::Possible, device);
    finding.args.insert("reason", Arg::Reason(reason.clone()));
    if device.is_none() {
        finding.args.insert("device", Arg::Phrase(Phrase::Everything));
    }
    let meaning = format!("{reason:?}");
    finding.reasons.push(reason);
    finding.named(&meaning)
}

/// The weightiest first; equal findings in a fixed order. Of missing evidence a device that failed comes first, and an
/// artifact that is not there last.
fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        let key = |f: &Finding| {
            let missing = f.reasons.iter().filter(|_| f.rule == EVIDENCE);
            let failed = missing.clone().any(Reason::is_of_connection);
            let absent = missing.clone().any(|reason| matches!(reason, Reason::ArtifactMissing { .. }));
            (
                std::cmp::Reverse((f.severity, f.confidence)),
                (f.status, !failed),
                f.device.clone(),
                f.rule.clone(),
                (absent, f.fingerprint.clone()),
            )
        };
        key(a).cmp(&key(b))
    });
    findings.dedup_by(|a, b| a.fingerprint == b.fingerprint && a.rule == b.rule && a.device == b.device);
}

/// Applies a function to every name on all processors; results come in the order of the names.
fn in_parallel<T: Send>(names: &[&str], work: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let workers =
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(names.len().max(1));
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, T>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(name) = names.get(index) else { break };
                    let result = work(name);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Artifact, DeviceEvidence, Proof, Source};

    fn judged(before: Option<&State>, after: &State) -> Judged {
        let rules = crate::rules::load(&[], |_| unreachable!()).unwrap();
        let (site, fail_on) = (Site::default(), Severity::High);
        judge(&Case {
            before,
            samples: &[],
            after,
            site: &site,
            change: None,
            rules: &rules,
            fail_on,
            tests: &[],
        })
    }

    fn state(devices: impl IntoIterator<Item = DeviceEvidence>) -> State {
        let devices = devices.into_iter().map(|device| (device.name.clone(), device)).collect();
        State { devices, ..State::default() }
    }

    #[test]
    fn a_device_that_failed_is_said_before_what_is_missing_elsewhere() {
        let lacking = DeviceEvidence::new("a", vec!["nftables".to_owned()], Source::Snapshot);
        let mut failed = DeviceEvidence { name: "z".to_owned(), ..lacking.clone() };
        let reason =
            Reason::Unreachable { address: "192.0.2.1:22".to_owned(), problem: "no route".to_owned() };
        failed.failures.push(reason.clone());
        let state = state([lacking, failed]);
        let judged = judged(Some(&state), &state);
        assert_eq!(judged.findings[0].reasons, [reason]);
        assert_eq!(judged.findings.iter().filter(|f| f.device.as_deref() == Some("z")).count(), 1);
        assert!(judged.findings.len() > 2, "what the other one lacks is told too");
    }

    #[test]
    fn a_device_out_of_scope_that_nobody_looked_at_may_have_changed() {
        use crate::site::{Known, Source as Text};
        let known = Known { platforms: &["nftables"], packs: &["default"], home: None };
        let device = |name: &str| format!("[[device]]\nname = \"{name}\"\nplatforms = [\"nftables\"]\n");
        let text = format!("[site]\nname = \"t\"\n{}{}", device("fw"), device("fw2"));
        let site = Site::parse(&Text::new("site.toml", text), &known).unwrap();
        let change = "[change]\nid = \"C-1\"\nstart = 1970-01-01T00:00:00Z\nend = 1970-01-01T01:00:00Z\n\
            [scope]\ndevices = [\"fw\"]\n";
        let change = Change::parse(&Text::new("change.toml", change), Some(&site)).unwrap();
        let rules = crate::rules::load(&[], |_| unreachable!()).unwrap();
        let device = |name: &str| {
            let mut device = DeviceEvidence::new(name, vec!["nftables".to_owned()], Source::Bare);
            let artifact = Artifact { bytes: "table inet t {\n}\n".as_bytes().into(), proof: Proof::Given };
            device.artifacts.insert("nft.txt".to_owned(), artifact);
            device
        };
        let verdict = |state: &State| {
            let (before, after, change) = (Some(state), state, Some(&change));
            let fail_on = Severity::High;
            judge(&Case {
                before,
                samples: &[],
                after,
                site: &site,
                change,
                rules: &rules,
                fail_on,
                tests: &[],
            })
            .verdict
        };
        assert_eq!(verdict(&state([device("fw"), device("fw2")])), Verdict::Allow);
        assert_eq!(verdict(&state([device("fw")])), Verdict::Undecided);
    }

    #[test]
    fn without_a_before_nothing_is_known_to_be_unchanged() {
        let relay = |clients: &str| {
            let mut device = DeviceEvidence::new("mx", vec!["postfix".to_owned()], Source::Bare);
            let config = format!(
                "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmynetworks = {clients}\n"
            );
            let master = "smtp inet n - n - - smtpd\n";
            for (name, text) in [("main.cf", config.as_str()), ("master.cf", master)] {
                let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
                device.artifacts.insert(format!("files/etc/postfix/{name}"), artifact);
            }
            state([device])
        };
        let unchanged = judged(None, &relay("127.0.0.0/8"));
        assert_eq!(unchanged.verdict, Verdict::Undecided);
        assert_eq!(unchanged.findings[0].reasons, [Reason::NoBefore]);
        let alone = State { alone: true, ..relay("127.0.0.0/8") };
        assert_eq!(judged(None, &alone).verdict, Verdict::Allow, "a question about one state");
        let open = relay("0.0.0.0/0");
        assert_eq!(judged(None, &open).verdict, Verdict::Deny);
        let empty = judged(None, &state([]));
        assert_eq!(empty.findings[0].reasons, [Reason::NothingToCheck]);
    }
}
