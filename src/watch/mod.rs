//! Samples over time: what opened, when at the earliest and at the latest, and what was not seen.
//!
//! A look takes time, and a state was seen at some moment within it. An opening that stands in some looks and not in
//! the one before and the one behind it lasted at least from the end of the first look that saw it to the beginning of
//! the last, and at most from the beginning of the last look before it to the end of the first behind it.

pub mod timeline;
mod watcher;

pub use watcher::{Closed, News, Watcher};

use time::OffsetDateTime;

use crate::evidence::{DeviceEvidence, State};
use crate::finding::{Arg, Finding, Severity, Status, Witness};
use crate::rules::device::{Pair, judge_device};
use crate::rules::judge::{Case, Watched};
use crate::rules::verdict::EVIDENCE;
use timeline::{Look, Opening, openings};

/// The rule whose findings say that something was open for a time.
pub const TRANSIENT: &str = "transient-opening";

/// A span in which a device was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unwatched {
    /// The device.
    pub device: String,
    /// End of the last look.
    pub from: OffsetDateTime,
    /// Beginning of the next one.
    pub to: OffsetDateTime,
}

/// What was found at one device in one look.
struct Seen {
    look: Look,
    /// `None` when the device could not be looked at.
    findings: Option<Vec<Finding>>,
}

/// Openings that were there in some look and are closed at the end: what was open, and how long.
pub fn transients(case: &Case<'_>, standing: &[Finding]) -> Vec<Finding> {
    let mut out = Vec::new();
    for device in case.after.devices.keys() {
        let looks = looks(case, device);
        for opening in openings(&looks.iter().map(|s| (s.look, s.findings.as_deref())).collect::<Vec<_>>()) {
            let stands = standing
                .iter()
                .any(|f| f.rule == opening.finding.rule && f.fingerprint == opening.finding.fingerprint);
            if !stands {
                out.extend(told(case, device, &opening));
            }
        }
    }
    out
}

/// The opening itself, and that it was one.
fn told(case: &Case<'_>, device: &str, opening: &Opening<'_>) -> Vec<Finding> {
    let inner = Finding { status: Status::Passed, ..opening.finding.clone() };
    let Some(rule) = case.rules.iter().find(|r| r.id == TRANSIENT) else { return vec![inner] };
    // as bad as what was open, at most as bad as the rule says
    let severity = rule.severity.min(inner.severity.max(Severity::Medium));
    let mut finding = Finding::new(TRANSIENT, severity, inner.confidence, Some(device));
    finding.args.insert("span", Arg::Between { from: opening.earliest, to: opening.latest });
    finding.args.insert("least", Arg::Seconds { seconds: opening.least.whole_seconds() });
    finding.args.insert("most", Arg::Seconds { seconds: opening.most().whole_seconds() });
    finding.args.insert("what", Arg::Title { rule: inner.rule.clone(), args: inner.args.clone() });
    finding.witness = inner.witness.clone();
    finding.location = inner.location.clone();
    finding.reasons = inner.reasons.clone();
    let meaning = format!("{} {}", inner.rule, inner.fingerprint);
    vec![finding.named(&meaning), inner]
}

/// New, and with somebody or something that comes through: neither what is missing nor what is refused was ever open.
fn is_opening(finding: &Finding) -> bool {
    let after = match &finding.witness {
        Some(Witness::Packet(packet)) => &packet.after,
        Some(Witness::Relay(attempt)) => &attempt.after,
        _ => return false,
    };
    let refused = matches!(after.verdict.as_str(), "drop" | "reject" | "defer" | "unavailable");
    !refused && finding.status == Status::New && finding.severity >= Severity::Medium
}

/// Every look at one device, in order: before, during, after.
fn looks(case: &Case<'_>, device: &str) -> Vec<Seen> {
    if case.samples.is_empty() {
        return Vec::new();
    }
    let before = case.before.and_then(|state| state.devices.get(device));
    let mut last: Option<(&DeviceEvidence, Option<Vec<Finding>>)> = None;
    let mut seen = Vec::new();
    for state in case.before.into_iter().chain(case.samples).chain([case.after]) {
        let Some((started, ended)) = state.taken else { continue };
        let there = state.devices.get(device);
        // most looks see what the one before saw
        let findings = match (&last, there) {
            (Some((evidence, findings)), Some(there)) if *evidence == there => findings.clone(),
            _ => {
                let (before, taken) = (Some(before), Some(started));
                let pair = Pair { name: device, before, after: there, taken, ..Pair::default() };
                let (_, findings) = judge_device(&pair, case.site, case.change, case.rules);
                let whole = !findings.iter().any(|f| f.rule == EVIDENCE);
                whole.then(|| findings.into_iter().filter(is_opening).collect())
            }
        };
        last = there.map(|there| (there, findings.clone()));
        seen.push(Seen { look: Look { started, ended }, findings });
    }
    seen
}

/// Spans within the window in which a device was not looked at; none where nobody watched at all.
pub fn gaps(case: &Case<'_>) -> Vec<Unwatched> {
    if case.samples.is_empty() {
        return Vec::new();
    }
    let window = case.change.map(|c| (c.start, c.end));
    let mut out = Vec::new();
    for device in case.after.devices.keys() {
        let seen = |state: &State| {
            let whole = state.devices.get(device).is_some_and(|d| d.failures.is_empty());
            state.taken.filter(|_| whole)
        };
        let looks: Vec<_> =
            case.before.into_iter().chain(case.samples).chain([case.after]).filter_map(seen).collect();
        for pair in looks.windows(2) {
            let [(_, from), (to, _)] = pair else { continue };
            let (from, to) = match window {
                Some((start, end)) => ((*from).max(start), (*to).min(end)),
                None => (*from, *to),
            };
            if from < to {
                out.push(Unwatched { device: device.clone(), from, to });
            }
        }
    }
    out.sort();
    out
}

/// How the window was watched; `None` when nobody looked.
pub fn watched(case: &Case<'_>) -> Option<Watched> {
    if case.samples.is_empty() {
        return None;
    }
    let taken = || case.before.into_iter().chain(case.samples).chain([case.after]).filter_map(|s| s.taken);
    let (from, to) = (taken().map(|(s, _)| s).min()?, taken().map(|(_, e)| e).max()?);
    let longest = gaps(case).iter().map(|g| (g.to - g.from).whole_seconds()).max().unwrap_or(0);
    Some(Watched { from, to, samples: case.samples.len(), longest_gap: longest })
}
