//! Samples over time: what opened, when at the earliest and at the latest, and what was not seen.
//!
//! A look takes time, and a state was seen at some moment within it. An opening that stands in some looks and not in
//! the one before and the one behind it lasted at least from the end of the first look that saw it to the beginning of
//! the last, and at most from the beginning of the last look before it to the end of the first behind it.

pub mod timeline;
mod watcher;

pub use watcher::{Closed, News, Watcher};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use time::OffsetDateTime;

use crate::evidence::{DeviceEvidence, State};
use crate::finding::{Arg, Confidence, Finding, Severity, Status};
use crate::reason::Reason;
use crate::rules::Rule;
use crate::rules::around::fronts;
use crate::rules::device::{Pair, judge_device};
use crate::rules::judge::{Case, Watched, evidence};
use timeline::{Look, Opening, Seen, openings};

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

/// Every look of a case at every device; empty where nobody looked during the window.
#[derive(Debug)]
pub struct Watch {
    devices: BTreeMap<String, Looks>,
}

/// The looks at one device, in order.
#[derive(Debug)]
struct Looks {
    /// All of them.
    all: Vec<Seen>,
    /// Which of them were during the window: neither before nor after.
    during: Range<usize>,
}

impl Looks {
    fn during(&self) -> &[Seen] {
        self.all.get(self.during.clone()).unwrap_or_default()
    }

    /// No look during the window saw the device whole.
    fn saw_nothing(&self) -> bool {
        !self.during().iter().any(|seen| seen.whole)
    }
}

impl Watch {
    /// Judges every look.
    pub fn of(case: &Case<'_>) -> Self {
        if case.samples.is_empty() {
            return Self { devices: BTreeMap::new() };
        }
        let states = case.before.into_iter().chain(case.samples).chain([case.after]);
        let names: BTreeSet<&String> = states.flat_map(|state| state.devices.keys()).collect();
        Self { devices: names.into_iter().map(|name| (name.clone(), looks(case, name))).collect() }
    }

    /// Openings that some look saw and that are not found at the end, or not as surely: what was open, and how long.
    /// `standing` is what is found at the end.
    pub fn transients(&self, case: &Case<'_>, standing: &[Finding]) -> Vec<Finding> {
        let mut out = Vec::new();
        for (device, looks) in &self.devices {
            for opening in openings(&looks.all) {
                let inner = opening.finding;
                let stands = standing.iter().any(|f| {
                    let same = f.rule == inner.rule && f.fingerprint == inner.fingerprint;
                    same && f.confidence >= inner.confidence
                });
                if !stands {
                    out.extend(told(case, device, &opening));
                }
            }
        }
        out
    }

    /// Devices that the looks during the window were meant to see and none of them saw whole: what went on there is not
    /// in the evidence.
    pub fn unseen(&self) -> Vec<Finding> {
        let unseen = self.devices.iter().filter(|(_, looks)| looks.saw_nothing());
        let counted = unseen.map(|(device, looks)| (device, looks.during().len() as u64));
        let counted = counted.filter(|(_, looks)| *looks > 0);
        counted.map(|(device, looks)| evidence(Some(device), Reason::NeverSeen { looks })).collect()
    }

    /// Spans within the window in which a device was not looked at, or not seen whole; none where nobody watched at all.
    pub fn gaps(&self, case: &Case<'_>) -> Vec<Unwatched> {
        let window = case.change.map(|c| (c.start, c.end));
        let mut out = Vec::new();
        for (device, looks) in &self.devices {
            let (Some(first), Some(last)) = (looks.all.first(), looks.all.last()) else { continue };
            // from the first look on to the last one, whether or not these saw it
            let whole = looks.all.iter().filter(|seen| seen.whole).map(|seen| seen.look);
            let ends = [first.look].into_iter().chain(whole).chain([last.look]);
            for pair in ends.collect::<Vec<Look>>().windows(2) {
                let [from, to] = pair else { continue };
                let (from, to) = match window {
                    Some((start, end)) => (from.ended.max(start), to.started.min(end)),
                    None => (from.ended, to.started),
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
    pub fn watched(&self, case: &Case<'_>) -> Option<Watched> {
        let looks = || self.devices.values().flat_map(|looks| &looks.all);
        let from = looks().map(|seen| seen.look.started).min()?;
        let to = looks().map(|seen| seen.look.ended).max()?;
        let longest_gap = self.gaps(case).iter().map(|g| (g.to - g.from).whole_seconds()).max().unwrap_or(0);
        let during = self.devices.values().flat_map(Looks::during);
        let incomplete: BTreeSet<OffsetDateTime> =
            during.filter(|seen| !seen.whole).map(|seen| seen.look.started).collect();
        let unwatched = self.devices.iter().filter(|(_, looks)| looks.saw_nothing());
        Some(Watched {
            from,
            to,
            samples: case.samples.len(),
            incomplete: incomplete.len(),
            unwatched: unwatched.map(|(device, _)| device.clone()).collect(),
            longest_gap,
        })
    }
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
fn is_opening(finding: &Finding, rules: &[Rule]) -> bool {
    let lets_in = || rules.iter().any(|rule| rule.id == finding.rule && rule.kind.lets_in(finding));
    finding.status == Status::New && finding.severity >= Severity::Medium && lets_in()
}

/// What a look shows of openings. What it did not get is no opening that it saw: a span that nobody saw is told as such.
fn open(device: &DeviceEvidence, lacks: &[Reason], findings: Vec<Finding>, rules: &[Rule]) -> Vec<Finding> {
    let guessed = |f: &Finding| {
        let missing = !f.reasons.is_empty() && f.reasons.iter().all(|reason| lacks.contains(reason));
        device.artifacts.is_empty() || f.confidence == Confidence::Possible && missing
    };
    findings.into_iter().filter(|f| is_opening(f, rules) && !guessed(f)).collect()
}

/// Every look at one device; a state that does not hold it is none.
fn looks(case: &Case<'_>, device: &str) -> Looks {
    let mut row = Vec::new();
    case.before.into_iter().for_each(|state| look(case, device, state, &mut row));
    let first = row.len();
    case.samples.iter().for_each(|state| look(case, device, state, &mut row));
    let during = first..row.len();
    look(case, device, case.after, &mut row);
    Looks { all: row.into_iter().map(|(_, seen)| seen).collect(), during }
}

/// Adds what one state shows of a device.
fn look<'a>(case: &Case<'a>, device: &str, state: &'a State, row: &mut Vec<(Vec<&'a DeviceEvidence>, Seen)>) {
    let (Some((started, ended)), Some(there)) = (state.taken, state.devices.get(device)) else { return };
    let look = Look { started, ended };
    // most looks see what the one before saw
    let evidence: Vec<&DeviceEvidence> =
        [there].into_iter().chain(fronts(device, state, case.site)).collect();
    if let Some((_, last)) = row.last().filter(|(last, _)| *last == evidence) {
        let seen = Seen { look, ..last.clone() };
        return row.push((evidence, seen));
    }
    let pair = Pair { taken: Some(started), ..Pair::of(device, case.before, state, case.site) };
    let (result, findings) = judge_device(&pair, case.site, case.change, case.rules);
    let open = open(there, &result.lacks, findings, case.rules);
    row.push((evidence, Seen { look, open, whole: result.lacks.is_empty() }));
}
