//! One look after another while the window is open: what has opened and what has closed since the last one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use time::{Duration, OffsetDateTime};

use super::is_opening;
use super::timeline::Look;
use crate::evidence::{DeviceEvidence, State};
use crate::finding::Finding;
use crate::reason::Reason;
use crate::rules::device::{Pair, judge_device};
use crate::rules::judge::Case;
use crate::rules::verdict::EVIDENCE;

/// What one look brought to light.
#[derive(Debug, Default)]
pub struct News {
    /// Openings that the look before did not see.
    pub opened: Vec<Finding>,
    /// Openings that are gone.
    pub closed: Vec<Closed>,
    /// Devices that could not be looked at, and why.
    pub blind: Vec<(String, Vec<Reason>)>,
    /// Devices that can be looked at again.
    pub back: Vec<String>,
}

/// An opening that is gone, and how long it was there.
#[derive(Debug)]
pub struct Closed {
    /// What was open.
    pub finding: Finding,
    /// It cannot have opened before this.
    pub earliest: OffsetDateTime,
    /// It was open at least so long.
    pub least: Duration,
    /// It was open at most so long.
    pub most: Duration,
}

/// Remembers what the looks so far have seen.
#[derive(Debug, Default)]
pub struct Watcher {
    devices: BTreeMap<String, Device>,
}

/// One device as last seen.
#[derive(Debug, Default)]
struct Device {
    /// The last look that saw it whole.
    last: Option<Look>,
    /// What that look saw, and what was open in it.
    evidence: Option<DeviceEvidence>,
    open: BTreeMap<(String, String), Standing>,
    blind: bool,
}

/// An opening that stands.
#[derive(Debug)]
struct Standing {
    finding: Finding,
    earliest: OffsetDateTime,
    first_seen: OffsetDateTime,
    last_seen: OffsetDateTime,
}

impl Watcher {
    /// Begins with the look that was taken before the window, if there was one.
    pub fn new(before: Option<&State>) -> Self {
        let mut watcher = Self::default();
        let Some((state, (started, ended))) = before.and_then(|state| Some((state, state.taken?))) else {
            return watcher;
        };
        for (name, evidence) in &state.devices {
            let last = evidence.failures.is_empty().then_some(Look { started, ended });
            watcher.devices.insert(name.clone(), Device { last, ..Device::default() });
        }
        watcher
    }

    /// Takes in one look at all devices.
    pub fn look(&mut self, case: &Case<'_>, state: &State) -> News {
        let mut news = News::default();
        let Some((started, ended)) = state.taken else { return news };
        let look = Look { started, ended };
        for (name, evidence) in &state.devices {
            let device = self.devices.entry(name.clone()).or_default();
            if device.evidence.as_ref() == Some(evidence) {
                device.see_again(look);
                if std::mem::take(&mut device.blind) {
                    news.back.push(name.clone());
                }
                continue;
            }
            let before = case.before.map(|b| b.devices.get(name));
            let (after, taken) = (Some(evidence), Some(started));
            let pair = Pair { name, before, after, taken, ..Pair::default() };
            let (_, findings) = judge_device(&pair, case.site, case.change, case.rules);
            let missing: Vec<Reason> =
                findings.iter().filter(|f| f.rule == EVIDENCE).flat_map(|f| f.reasons.clone()).collect();
            let blind = !missing.is_empty();
            if blind != device.blind {
                device.blind = blind;
                if blind {
                    news.blind.push((name.clone(), missing));
                } else {
                    news.back.push(name.clone());
                }
            }
            // what cannot be seen has neither opened nor closed
            if !blind {
                device.see(look, findings.into_iter().filter(is_opening).collect(), &mut news);
                device.evidence = Some(evidence.clone());
            }
        }
        news
    }
}

impl Device {
    fn see_again(&mut self, look: Look) {
        self.last = Some(look);
        for standing in self.open.values_mut() {
            standing.last_seen = look.started;
        }
    }

    fn see(&mut self, look: Look, findings: Vec<Finding>, news: &mut News) {
        let key = |f: &Finding| (f.rule.clone(), f.fingerprint.clone());
        let gone: Vec<_> =
            self.open.keys().filter(|k| !findings.iter().any(|f| key(f) == **k)).cloned().collect();
        for standing in gone.iter().filter_map(|k| self.open.remove(k)) {
            let least = (standing.last_seen - standing.first_seen).max(Duration::ZERO);
            let most = look.ended - standing.earliest;
            news.closed.push(Closed { finding: standing.finding, earliest: standing.earliest, least, most });
        }
        let earliest = self.last.map_or(look.started, |last| last.started);
        for finding in findings {
            match self.open.entry(key(&finding)) {
                Entry::Occupied(mut there) => there.get_mut().last_seen = look.started,
                Entry::Vacant(free) => {
                    news.opened.push(finding.clone());
                    free.insert(Standing {
                        finding,
                        earliest,
                        first_seen: look.ended,
                        last_seen: look.started,
                    });
                }
            }
        }
        self.last = Some(look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Confidence, Decided, PacketWitness, Severity, Status, Witness};

    fn look(start: i64) -> Look {
        let at = |s| OffsetDateTime::from_unix_timestamp(s).unwrap();
        Look { started: at(start), ended: at(start + 2) }
    }

    fn opening(name: &str) -> Finding {
        let after = Decided { verdict: "accept".to_owned(), code: None, line: None, by_default: false };
        let witness = PacketWitness {
            hook: "input",
            iif: None,
            proto: "tcp".to_owned(),
            src: "198.51.100.7".to_owned(),
            sport: None,
            dst: "203.0.113.1".to_owned(),
            dport: Some(22),
            icmp_type: None,
            translated: None,
            before: None,
            after,
        };
        let finding = Finding::new("port-exposed", Severity::Critical, Confidence::Certain, Some("fw"));
        Finding { witness: Some(Witness::Packet(witness)), ..finding }.named(name)
    }

    #[test]
    fn an_opening_is_told_once_and_its_end_with_bounds() {
        let mut device = Device { last: Some(look(0)), ..Device::default() };
        let mut news = News::default();
        device.see(look(60), vec![opening("a")], &mut news);
        assert_eq!((news.opened.len(), news.closed.len()), (1, 0));
        device.see_again(look(120));
        device.see(look(180), vec![opening("a")], &mut news);
        assert_eq!((news.opened.len(), news.closed.len()), (1, 0));
        device.see(look(240), Vec::new(), &mut news);
        let closed = &news.closed[0];
        assert_eq!(closed.earliest.unix_timestamp(), 0);
        assert_eq!((closed.least.whole_seconds(), closed.most.whole_seconds()), (180 - 62, 242));
    }

    #[test]
    fn what_nobody_comes_through_is_no_opening() {
        assert!(is_opening(&opening("a")));
        assert!(!is_opening(&Finding { witness: None, ..opening("a") }));
        let Some(Witness::Packet(mut lost)) = opening("a").witness else { unreachable!() };
        lost.after.verdict = "drop".to_owned();
        assert!(!is_opening(&Finding { witness: Some(Witness::Packet(lost)), ..opening("a") }));
        assert!(!is_opening(&Finding { status: Status::Standing, ..opening("a") }));
    }
}
