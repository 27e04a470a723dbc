//! One device: read, compared, and held against the rules.

use time::OffsetDateTime;

use super::Rule;
use super::judge::evidence;
use super::view::{DeviceFacts, DeviceView, Flows};
use crate::drift::text::{Normaliser, TextDrift};
use crate::drift::{FlowLine, Moment};
use crate::evidence::{DeviceEvidence, Identity};
use crate::finding::Finding;
use crate::platform::{self, Assumption, DeviceModel, Gap};
use crate::probe::{self, Conclusion, Judged, Record};
use crate::reason::Reason;
use crate::site::{Change, Site};

/// One device in two states.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pair<'a> {
    /// Its name.
    pub name: &'a str,
    /// Before: `None` when there is no before state at all, `Some(None)` when that lacks the device.
    pub before: Option<Option<&'a DeviceEvidence>>,
    /// After; `None` when the after state lacks it.
    pub after: Option<&'a DeviceEvidence>,
    /// When the after state was captured.
    pub taken: Option<OffsetDateTime>,
    /// Tests of it from outside.
    pub tests: Tests<'a>,
}

/// Tests of a device from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tests<'a> {
    /// Since when the relay's configuration is what it is, as far as anybody looked; `None` where nobody captured it.
    pub since: Option<OffsetDateTime>,
    /// Those made since then.
    pub records: &'a [&'a Record],
}

/// What is known of a device after it was judged.
#[derive(Debug, Default)]
pub struct DeviceResult {
    /// Its name.
    pub name: String,
    /// Its platforms.
    pub platforms: Vec<String>,
    /// It has a packet filter that was read.
    pub filters_packets: bool,
    /// Every artifact is there and proven.
    pub complete: bool,
    /// Lines that were not understood, after.
    pub unread: Vec<Gap>,
    /// What was taken for granted.
    pub assumptions: Vec<Assumption>,
    /// Flows that became possible.
    pub opened: Vec<FlowLine>,
    /// Flows that ceased to be possible.
    pub closed: Vec<FlowLine>,
    /// Flows that go elsewhere than before.
    pub redirected: Vec<FlowLine>,
    /// Relay attempts that became possible, and that ceased to be.
    pub relay: crate::drift::relay::RelayDrift,
    /// Differences of text.
    pub text: Vec<TextDrift>,
    /// Who it is.
    pub identity: Identity,
    /// What came of tests from outside.
    pub tested: Option<Tested>,
    /// What rules over the whole change need of it.
    pub facts: DeviceFacts,
}

/// What came of the tests of a device, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tested {
    /// A stranger was let through.
    Failed,
    /// They do not say.
    Open,
    /// A relay refused what it must refuse.
    Passed,
}

impl Tested {
    /// `None` without tests. A failed one counts, whatever others say; else a passed one does.
    pub(super) fn of(tests: &[Judged<'_>]) -> Option<Self> {
        let failed = tests.iter().any(|test| test.conclusion == Conclusion::Failed);
        match (failed, tests.iter().any(Judged::proves_relay), tests.is_empty()) {
            (true, ..) => Some(Self::Failed),
            (false, true, _) => Some(Self::Passed),
            (false, false, false) => Some(Self::Open),
            (false, false, true) => None,
        }
    }
}

/// Judges one device.
pub fn judge_device(
    pair: &Pair<'_>,
    site: &Site,
    change: Option<&Change>,
    rules: &[Rule],
) -> (DeviceResult, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut result = DeviceResult { name: pair.name.to_owned(), ..DeviceResult::default() };
    let Some(after) = pair.after else {
        findings.push(evidence(Some(pair.name), Reason::NotCaptured { state: "after".to_owned() }));
        return (result, findings);
    };
    result.platforms.clone_from(&after.platforms);
    result.identity = after.identity.clone();
    let old = pair.before.flatten();
    if pair.before == Some(None) {
        findings.push(evidence(Some(pair.name), Reason::NotCaptured { state: "before".to_owned() }));
    }
    let new_model = platform::read(after);
    let old_model = old.map(platform::read);
    incomplete(pair.name, after, &new_model, &mut findings);
    if let (Some(old), Some(model)) = (old, &old_model) {
        incomplete(pair.name, old, model, &mut findings);
        findings.extend(once(old, after, "after").map(|reason| evidence(Some(pair.name), reason)));
        findings.extend(once(after, old, "before").map(|reason| evidence(Some(pair.name), reason)));
        result.text = Normaliser::of(&after.platforms).compare(old, after);
    }
    result.complete = findings.is_empty();
    result.unread = new_model.gaps.iter().filter(|g| is_unread(&g.reason)).cloned().collect();
    result.assumptions.clone_from(&new_model.assumptions);
    result.filters_packets = new_model.firewall.is_some();
    let tests: Vec<Judged<'_>> =
        pair.tests.records.iter().map(|record| probe::judge(record, Some(&new_model), site)).collect();
    result.tested = Tested::of(&tests);
    let mut view = DeviceView {
        name: pair.name,
        before: old_model.as_ref(),
        after: &new_model,
        flows: None,
        relay: None,
        platforms: &after.platforms,
        text: &result.text,
        site,
        change,
        taken: pair.taken,
        unchanged_since: pair.tests.since,
        tests: &tests,
    };
    let meaningful = old.is_none_or(|old| old.artifacts != after.artifacts) || is_expected(change, pair.name);
    if meaningful {
        match flows(&view) {
            Ok(flows) => view.flows = flows,
            Err(reason) => findings.push(evidence(Some(pair.name), reason)),
        }
    }
    view.relay = crate::drift::relay::between(pair.name, old_model.as_ref(), &new_model, site);
    for rule in rules {
        findings.extend(rule.kind.device(rule, &mut view));
    }
    let relay = view.relay.take().unwrap_or_default();
    let unknown = meaningful && view.flows.is_none() && old_model.as_ref().is_some_and(filters_packets);
    let lines = match view.flows.take() {
        Some(flows) => lines(flows),
        // too much to be evaluated: any packet may pass that did not, and the reverse
        None if unknown && filters_packets(&new_model) => {
            [FlowLine::anything(), FlowLine::anything(), Vec::new()]
        }
        None => Default::default(),
    };
    [result.opened, result.closed, result.redirected] = lines;
    result.relay = relay;
    result.facts = facts(&result, old, after);
    (result, findings)
}

/// The packets of both states; `None` when the device filters none or has no before.
fn flows<'a>(view: &DeviceView<'a>) -> Result<Option<Flows<'a>>, Reason> {
    let Some(firewall) = &view.after.firewall else { return Ok(None) };
    let Some(old) = view.before else { return Ok(None) };
    // a device that has only begun to filter has not opened anything
    let Some(before) = &old.firewall else { return Ok(None) };
    let before = Moment { firewall: before, host: &old.host };
    let after = Moment { firewall, host: &view.after.host };
    Flows::between(view.name, before, after, view.site, view.change)
        .map(Some)
        .map_err(|_| Reason::TooComplex { subject: "packet filter".to_owned() })
}

const fn filters_packets(model: &DeviceModel) -> bool {
    model.firewall.is_some()
}

fn lines(mut flows: Flows<'_>) -> [Vec<FlowLine>; 3] {
    let drift = &mut flows.drift;
    let groups = [drift.opened.clone(), drift.closed.clone(), drift.redirected.clone()];
    let [opened, closed, redirected] = groups;
    [
        drift.lines(&opened, flows.after),
        drift.lines(&closed, flows.before),
        drift.lines(&redirected, flows.after),
    ]
}

fn is_expected(change: Option<&Change>, device: &str) -> bool {
    change.is_some_and(|c| c.expect.open.iter().chain(&c.expect.close).any(|e| e.device.as_str() == device))
}

/// What is missing or unproven in one state of a device.
fn incomplete(name: &str, device: &DeviceEvidence, model: &DeviceModel, findings: &mut Vec<Finding>) {
    let failures = device.failures.iter().cloned();
    let gaps = model.gaps.iter().filter(|g| !is_unread(&g.reason)).map(|g| g.reason.clone());
    findings.extend(failures.chain(gaps).map(|reason| evidence(Some(name), reason)));
    if device.platforms.is_empty() {
        findings.push(evidence(Some(name), Reason::PlatformUnknown));
    }
}

/// Platforms that one state holds and the other, called `state`, neither holds nor is known to be without: what they
/// did there is not known.
fn once<'a>(
    has: &'a DeviceEvidence,
    lacks: &'a DeviceEvidence,
    state: &'a str,
) -> impl Iterator<Item = Reason> + 'a {
    let platforms = has.platforms.iter().filter(|p| !lacks.platforms.contains(p));
    platforms
        .filter(|p| !platform::is_absent(p, lacks))
        .map(|p| Reason::PlatformOnce { platform: p.clone(), state: state.to_owned() })
}

/// Lines that were not understood already widen what is possible; they are counted, not judged once more.
const fn is_unread(reason: &Reason) -> bool {
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

fn facts(result: &DeviceResult, old: Option<&DeviceEvidence>, after: &DeviceEvidence) -> DeviceFacts {
    let key = |device: &DeviceEvidence| device.identity.host_key.as_ref().map(|k| k.fingerprint.clone());
    // where nobody saw the device before, the record did
    let recorded = after.failures.iter().find_map(|failure| match failure {
        Reason::HostKeyChanged { address, expected, .. }
            if after.identity.address.as_ref() == Some(address) =>
        {
            expected.first()?.split(' ').next_back().map(str::to_owned)
        }
        _ => None,
    });
    let moved = !(result.opened.is_empty() && result.closed.is_empty() && result.redirected.is_empty());
    DeviceFacts {
        changed_meaning: moved || result.relay.is_changed(),
        first_lines: result
            .text
            .iter()
            .map(TextDrift::first)
            .find(|lines| lines.iter().any(Option::is_some))
            .unwrap_or_default(),
        changed_artifacts: result.text.iter().map(|t| t.artifact.clone()).collect(),
        host_keys: (old.and_then(key).or(recorded), key(after)),
        has_before: old.is_some(),
    }
}
