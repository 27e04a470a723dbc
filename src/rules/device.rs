//! One device: read, compared, and held against the rules.

use time::OffsetDateTime;

use super::Rule;
use super::judge::evidence;
use super::view::{DeviceFacts, DeviceView, Flows};
use crate::drift::text::{Normaliser, TextDrift};
use crate::drift::{FlowLine, Moment};
use crate::evidence::{DeviceEvidence, Identity};
use crate::finding::{Confidence, Finding, Witness};
use crate::host::HostFacts;
use crate::platform::{self, Assumption, DeviceModel, Gap};
use crate::reason::Reason;
use crate::site::{Change, Site};

/// One device in two states.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// Its name.
    pub name: &'a str,
    /// Before: `None` when there is no before state at all, `Some(None)` when that lacks the device.
    pub before: Option<Option<&'a DeviceEvidence>>,
    /// After; `None` when the after state lacks it.
    pub after: Option<&'a DeviceEvidence>,
    /// When the after state was captured.
    pub taken: Option<OffsetDateTime>,
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
    /// Every artifact is there and proven, in both states.
    pub complete: bool,
    /// What the state after lacks of this device; without any, that look saw it whole.
    pub lacks: Vec<Reason>,
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
    /// What rules over the whole change need of it.
    pub facts: DeviceFacts,
}

/// Judges one device.
pub fn judge_device(
    pair: &Pair<'_>,
    site: &Site,
    change: Option<&Change>,
    rules: &[Rule],
) -> (DeviceResult, Vec<Finding>) {
    let mut result = DeviceResult { name: pair.name.to_owned(), ..DeviceResult::default() };
    let Some(after) = pair.after else {
        result.lacks.push(Reason::NotCaptured { state: "after".to_owned() });
        return (result, vec![evidence(Some(pair.name), Reason::NotCaptured { state: "after".to_owned() })]);
    };
    result.platforms.clone_from(&after.platforms);
    result.identity = after.identity.clone();
    let old = pair.before.flatten();
    let new_model = platform::read(after);
    let old_model = old.map(platform::read);
    result.lacks = lacks(after, &new_model);
    let mut old_lacks = Vec::new();
    if pair.before == Some(None) {
        old_lacks.push(Reason::NotCaptured { state: "before".to_owned() });
    }
    if let (Some(old), Some(model)) = (old, &old_model) {
        old_lacks.extend(lacks(old, model));
        result.lacks.extend(once(old, after, "after"));
        old_lacks.extend(once(after, old, "before"));
        result.text = Normaliser::of(&after.platforms).compare(old, after);
    }
    result.complete = result.lacks.is_empty() && old_lacks.is_empty();
    result.unread = new_model.gaps.iter().filter(|g| is_unread(&g.reason)).cloned().collect();
    result.assumptions.clone_from(&new_model.assumptions);
    result.filters_packets = new_model.firewall.is_some();
    let mut view = DeviceView {
        name: pair.name,
        before: old_model.as_ref(),
        after: &new_model,
        flows: None,
        relay: None,
        text: &result.text,
        site,
        change,
        taken: pair.taken,
    };
    let meaningful = old.is_none_or(|old| old.artifacts != after.artifacts) || is_expected(change, pair.name);
    if meaningful {
        match flows(&view) {
            Ok(flows) => view.flows = flows,
            Err(reason) => result.lacks.push(reason),
        }
    }
    let lacking = result.lacks.iter().chain(&old_lacks).cloned();
    let mut findings: Vec<Finding> = lacking.map(|reason| evidence(Some(pair.name), reason)).collect();
    view.relay = crate::drift::relay::between(pair.name, old_model.as_ref(), &new_model, site);
    for rule in rules {
        findings.extend(rule.kind.device(rule, &mut view));
    }
    if let Some(unlike) = old_model.as_ref().and_then(|old| unlike(&old.host, &new_model.host)) {
        findings.iter_mut().for_each(|finding| unsettle(finding, &unlike));
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

/// A fact that decides where packets go, and that only one state holds: their ways differ by what is not known, too.
fn unlike(old: &HostFacts, new: &HostFacts) -> Option<Reason> {
    let facts = [
        ("ip addr", old.addresses.is_some(), new.addresses.is_some()),
        ("ip route", old.routes.is_some(), new.routes.is_some()),
    ];
    let (fact, ..) = facts.into_iter().find(|(_, old, new)| old != new)?;
    Some(Reason::HostFactMissing { fact: fact.to_owned() })
}

/// A finding about packets that is not certain after all.
fn unsettle(finding: &mut Finding, why: &Reason) {
    if matches!(finding.witness, Some(Witness::Packet(_))) && finding.confidence == Confidence::Certain {
        finding.confidence = Confidence::Possible;
        finding.reasons.push(why.clone());
    }
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
fn lacks(device: &DeviceEvidence, model: &DeviceModel) -> Vec<Reason> {
    let failures = device.failures.iter().cloned();
    let gaps = model.gaps.iter().filter(|g| !is_unread(&g.reason)).map(|g| g.reason.clone());
    let unknown = device.platforms.is_empty().then_some(Reason::PlatformUnknown);
    failures.chain(gaps).chain(unknown).collect()
}

/// Whether one state of a device holds all that is asked of it.
pub fn is_whole(device: &DeviceEvidence) -> bool {
    lacks(device, &platform::read(device)).is_empty()
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
