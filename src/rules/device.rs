//! One device: read, compared, and held against the rules.

use time::OffsetDateTime;

use super::Rule;
use super::around::{earlier, fronts, places};
use super::judge::evidence;
use super::missing::{came, causes, is_unread, lacks, lacks_before, once};
use super::view::{DeviceFacts, DeviceView, Flows};
use crate::drift::text::TextDrift;
use crate::drift::{Certainty, FlowLine, Moment};
use crate::evidence::{DeviceEvidence, Identity, Source, State};
use crate::finding::{Confidence, Finding, Witness};
use crate::host::HostFacts;
use crate::platform::Normaliser;
use crate::platform::{self, Assumption, DeviceModel, Gap};
use crate::probe::{self, Conclusion, Judged, Record};
use crate::reason::Reason;
use crate::site::{Change, Site};

/// One device in two states.
#[derive(Debug, Clone, Default)]
pub struct Pair<'a> {
    /// Its name.
    pub name: &'a str,
    /// Before: `None` when there is no before state at all, `Some(None)` when that lacks the device.
    pub before: Option<Option<&'a DeviceEvidence>>,
    /// After; `None` when the after state lacks it.
    pub after: Option<&'a DeviceEvidence>,
    /// The devices in front of it, the nearest first, before and after.
    pub fronts: [Vec<&'a DeviceEvidence>; 2],
    /// When the after state was captured.
    pub taken: Option<OffsetDateTime>,
    /// Tests of it from outside.
    pub tests: Tests<'a>,
    /// The one list of it that is looked at.
    pub filter: Option<&'a str>,
}

impl Pair<'_> {
    /// One state of it.
    fn read(&self, state: &DeviceEvidence) -> DeviceModel {
        let model = platform::read(state);
        match self.filter {
            Some(filter) => model.alone(filter).unwrap_or_default(),
            None => model,
        }
    }
}

impl<'a> Pair<'a> {
    /// A device in two states, with the devices in front of it. `before` is `None` when there is no before state.
    pub fn of(name: &'a str, before: Option<&'a State>, after: &'a State, site: &Site) -> Self {
        Self {
            name,
            before: before.map(|state| state.devices.get(name)),
            after: after.devices.get(name),
            fronts: [before, Some(after)]
                .map(|state| state.map(|state| fronts(name, state, site)).unwrap_or_default()),
            ..Self::default()
        }
    }
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
    let Some(after) = pair.after else {
        let missing = Reason::NotCaptured { state: "after".to_owned() };
        let (name, lacks) = (pair.name.to_owned(), vec![missing.clone()]);
        let result = DeviceResult { name, lacks, ..DeviceResult::default() };
        return (result, vec![evidence(Some(pair.name), missing)]);
    };
    let old = pair.before.flatten();
    let new_model = pair.read(after);
    let old_model = old.map(|old| pair.read(old));
    let mut result = seen(pair.name, after, &new_model);
    result.lacks = lacks(after, &new_model);
    result.lacks.extend(old.iter().flat_map(|old| once(old, after, "after")));
    let old_lacks = lacks_before(pair, after, old_model.as_ref());
    result.text = old.map(|old| Normaliser::of(&after.platforms).compare(old, after)).unwrap_or_default();
    result.complete = result.lacks.is_empty() && old_lacks.is_empty();
    let records = pair.tests.records.iter();
    let tests: Vec<Judged<'_>> = records.map(|record| probe::judge(record, Some(&new_model), site)).collect();
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
            Err(reason) => result.lacks.push(reason),
        }
    }
    let lacking = causes(&old_lacks).into_iter().chain(causes(&result.lacks));
    let mut findings: Vec<Finding> = lacking.map(|why| evidence(Some(pair.name), why.clone())).collect();
    // where nothing came anything is possible, and what is missing says so already
    let all_came = came(after) && old.is_none_or(came);
    let apart = view.flows.take_if(|_| !all_came);
    view.before = view.before.filter(|_| old.is_some_and(came));
    let around = pair.fronts.each_ref().map(|all| all.iter().map(|d| platform::read(d)).collect::<Vec<_>>());
    let [before, now] = places(pair, [view.before, Some(&new_model)], &around);
    let earlier = earlier(old, before, after);
    view.relay = now.and_then(|now| crate::drift::relay::between(earlier, now, site));
    findings.extend(rules.iter().flat_map(|rule| rule.kind.device(rule, &mut view)));
    if let Some(unlike) = old_model.as_ref().and_then(|old| unlike(&old.host, &new_model.host)) {
        findings.iter_mut().for_each(|finding| unsettle(finding, &unlike));
    }
    result.relay = view.relay.take().unwrap_or_default();
    let filtered = result.filters_packets && old_model.as_ref().is_some_and(filters_packets);
    let flows = view.flows.take().or(apart);
    [result.opened, result.closed, result.redirected] = lines(flows, meaningful && filtered);
    result.facts = facts(&result, old, after);
    (result, findings)
}

/// What the state after shows by itself.
pub(super) fn seen(name: &str, after: &DeviceEvidence, model: &DeviceModel) -> DeviceResult {
    DeviceResult {
        name: name.to_owned(),
        platforms: after.platforms.clone(),
        identity: after.identity.clone(),
        unread: model.gaps.iter().filter(|g| is_unread(&g.reason)).cloned().collect(),
        filters_packets: filters_packets(model),
        assumptions: model.assumptions.clone(),
        ..DeviceResult::default()
    }
}

/// A fact that decides where packets go, and that only one state holds: their ways differ by what is not known, too.
fn unlike(old: &HostFacts, new: &HostFacts) -> Option<Reason> {
    let facts = [
        ("ip addr", old.addresses.is_some(), new.addresses.is_some()),
        ("ip route", old.routes.is_some(), new.routes.is_some()),
        ("rp_filter", !old.reverse_path.is_unknown(), !new.reverse_path.is_unknown()),
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

/// What opened, closed and goes elsewhere; `filtered` where both states filter packets that may differ.
fn lines(flows: Option<Flows<'_>>, filtered: bool) -> [Vec<FlowLine>; 3] {
    let Some(mut flows) = flows else {
        // too much to be evaluated: any packet may pass that did not, and the reverse
        let anything = || filtered.then(FlowLine::anything).unwrap_or_default();
        return [anything(), anything(), Vec::new()];
    };
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

fn facts(result: &DeviceResult, old: Option<&DeviceEvidence>, after: &DeviceEvidence) -> DeviceFacts {
    let key = |device: &DeviceEvidence| device.identity.host_key.as_ref().map(|k| k.fingerprint.clone());
    // the record knows the key that is meant, also where the state before has met another one already
    let recorded = after.failures.iter().find_map(|failure| match failure {
        Reason::HostKeyChanged { address, expected, .. }
            if after.identity.address.as_ref() == Some(address) =>
        {
            expected.first()?.split(' ').next_back().map(str::to_owned)
        }
        _ => None,
    });
    let lines = result.opened.iter().chain(&result.closed).chain(&result.redirected);
    let moved = lines.map(|line| match line.certainty {
        Certainty::Certain => Confidence::Certain,
        Certainty::Possible => Confidence::Possible,
    });
    // what only one snapshot holds did not come with the other
    let both = |name: &str| {
        [old, Some(after)]
            .into_iter()
            .flatten()
            .all(|d| d.source == Source::Bare || d.artifacts.contains_key(name))
    };
    let changed = result.text.iter().map(|t| t.artifact.clone()).filter(|name| both(name));
    // what a device in front does to a mail server is not the server's own change
    let itself = old.is_none() || !result.text.is_empty();
    let relaying = result.relay.changed().filter(|_| itself);
    DeviceFacts {
        changed_meaning: moved.chain(relaying).max(),
        first_lines: result
            .text
            .iter()
            .map(TextDrift::first)
            .find(|lines| lines.iter().any(Option::is_some))
            .unwrap_or_default(),
        changed_artifacts: changed.collect(),
        host_keys: (recorded.or(old.and_then(key)), key(after)),
        algorithms: (
            old.and_then(|device| device.identity.algorithms.clone()),
            after.identity.algorithms.clone(),
        ),
        compared: old.is_some_and(came) && came(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Artifact, KeyId, Proof};

    fn unreachable() -> Reason {
        Reason::Unreachable { address: "192.0.2.1:22".to_owned(), problem: "no route".to_owned() }
    }

    /// A device with this ruleset, or of which nothing came for this reason.
    fn device(ruleset: Result<&str, Reason>) -> DeviceEvidence {
        let mut device = DeviceEvidence::new("fw", vec!["nftables".to_owned()], Source::Bare);
        match ruleset {
            Ok(text) => {
                let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Complete };
                device.artifacts.insert("nft.txt".to_owned(), artifact);
            }
            Err(reason) => device.failures.push(reason),
        }
        device
    }

    fn judged(before: &DeviceEvidence, after: &DeviceEvidence) -> (DeviceResult, Vec<Finding>) {
        let rules = super::super::load(&[], |_| unreachable!()).unwrap();
        let pair = Pair { name: "fw", before: Some(Some(before)), after: Some(after), ..Pair::default() };
        judge_device(&pair, &Site::default(), None, &rules)
    }

    #[test]
    fn a_device_of_which_nothing_came_is_said_and_not_guessed_at() {
        let there =
            device(Ok("table inet t { chain c { type filter hook input priority 0; policy drop; } }"));
        let gone = device(Err(unreachable()));
        for (before, after) in [(&there, &gone), (&gone, &there)] {
            let (result, findings) = judged(before, after);
            let reasons: Vec<&Reason> = findings.iter().flat_map(|f| &f.reasons).collect();
            assert!(reasons.contains(&&unreachable()), "{reasons:?}");
            assert!(findings.iter().all(|f| f.rule == "evidence-incomplete"), "{findings:?}");
            assert!(!result.complete && !result.facts.compared);
            assert!(!(result.opened.is_empty() && result.closed.is_empty()));
        }
    }

    #[test]
    fn the_record_knows_the_key_that_is_meant() {
        let key = KeyId { kind: "ssh-ed25519".to_owned(), fingerprint: "SHA256:new".to_owned() };
        let address = "192.0.2.1:22".to_owned();
        let mut refused = device(Err(Reason::HostKeyChanged {
            address: address.clone(),
            presented: key.to_string(),
            expected: vec!["ssh-ed25519 SHA256:old".to_owned()],
        }));
        refused.identity.address = Some(address);
        refused.identity.host_key = Some(key);
        // the state before has met the wrong key already
        let (result, _) = judged(&refused, &refused);
        let keys = (Some("SHA256:old".to_owned()), Some("SHA256:new".to_owned()));
        assert_eq!(result.facts.host_keys, keys);
    }
}
