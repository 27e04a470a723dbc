//! One look after another while the window is open: what has opened and what has closed since the last one.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use time::{Duration, OffsetDateTime};

use super::open;
use super::timeline::{Look, Seen, key};
use crate::evidence::{DeviceEvidence, State};
use crate::finding::Finding;
use crate::reason::Reason;
use crate::rules::around::fronts;
use crate::rules::device::{Pair, judge_device};
use crate::rules::judge::Case;
use crate::rules::missing::is_whole;

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
    /// What that look saw of it and of the devices in front of it, and what is open as far as the looks so far tell.
    evidence: Vec<DeviceEvidence>,
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
            let last = is_whole(evidence).then_some(Look { started, ended });
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
            let all: Vec<&DeviceEvidence> =
                [evidence].into_iter().chain(fronts(name, state, case.site)).collect();
            if device.evidence.iter().eq(all.iter().copied()) {
                device.see_again(look);
                device.sight(name, Vec::new(), &mut news);
                continue;
            }
            let pair = Pair { taken: Some(started), ..Pair::of(name, case.before, state, case.site) };
            let (result, findings) = judge_device(&pair, case.site, case.change, case.rules);
            let open = open(evidence, &result.lacks, findings, case.rules);
            let whole = result.lacks.is_empty();
            device.see(&Seen { look, open, whole }, &mut news);
            if whole {
                device.evidence = all.into_iter().cloned().collect();
            }
            device.sight(name, result.lacks, &mut news);
        }
        news
    }
}

impl Device {
    /// Whether it can be seen whole, where that is news.
    fn sight(&mut self, name: &str, lacks: Vec<Reason>, news: &mut News) {
        let blind = !lacks.is_empty();
        match (std::mem::replace(&mut self.blind, blind), blind) {
            (false, true) => news.blind.push((name.to_owned(), lacks)),
            (true, false) => news.back.push(name.to_owned()),
            _ => {}
        }
    }

    fn see_again(&mut self, look: Look) {
        self.last = Some(look);
        for standing in self.open.values_mut() {
            standing.last_seen = look.started;
        }
    }

    fn see(&mut self, seen: &Seen, news: &mut News) {
        let look = seen.look;
        let open = |k: &(String, String)| seen.open.iter().any(|f| key(f) == *k);
        // what a look did not see whole has not closed
        let gone: Vec<_> = self.open.keys().filter(|k| seen.whole && !open(k)).cloned().collect();
        for standing in gone.iter().filter_map(|k| self.open.remove(k)) {
            let least = (standing.last_seen - standing.first_seen).max(Duration::ZERO);
            let most = look.ended - standing.earliest;
            news.closed.push(Closed { finding: standing.finding, earliest: standing.earliest, least, most });
        }
        let earliest = self.last.map_or(look.started, |last| last.started);
        for finding in &seen.open {
            let standing = Standing {
                finding: finding.clone(),
                earliest,
                first_seen: look.ended,
                last_seen: look.started,
            };
            match self.open.entry(key(finding)) {
                Entry::Vacant(free) => {
                    news.opened.push(finding.clone());
                    free.insert(standing);
                }
                Entry::Occupied(mut there) => match finding.confidence.cmp(&there.get().finding.confidence) {
                    Ordering::Less => {}
                    Ordering::Equal => there.get_mut().last_seen = look.started,
                    // now it is sure
                    Ordering::Greater => {
                        news.opened.push(finding.clone());
                        let earliest = there.get().earliest;
                        there.insert(Standing { earliest, ..standing });
                    }
                },
            }
        }
        if seen.whole {
            self.last = Some(look);
        }
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
        let after = Decided {
            verdict: "accept".to_owned(),
            code: None,
            line: None,
            by_default: false,
            steps: Vec::new(),
        };
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
            listening: None,
            before: None,
            after,
        };
        let finding = Finding::new("port-exposed", Severity::Critical, Confidence::Certain, Some("fw"));
        Finding { witness: Some(Witness::Packet(witness)), ..finding }.named(name)
    }

    fn seen(start: i64, whole: bool, open: Vec<Finding>) -> Seen {
        Seen { look: look(start), open, whole }
    }

    #[test]
    fn an_opening_is_told_once_and_its_end_with_bounds() {
        let mut device = Device { last: Some(look(0)), ..Device::default() };
        let mut news = News::default();
        device.see(&seen(60, true, vec![opening("a")]), &mut news);
        assert_eq!((news.opened.len(), news.closed.len()), (1, 0));
        device.see_again(look(120));
        device.see(&seen(180, true, vec![opening("a")]), &mut news);
        assert_eq!((news.opened.len(), news.closed.len()), (1, 0));
        device.see(&seen(240, true, Vec::new()), &mut news);
        let closed = &news.closed[0];
        assert_eq!(closed.earliest.unix_timestamp(), 0);
        assert_eq!((closed.least.whole_seconds(), closed.most.whole_seconds()), (180 - 62, 242));
    }

    #[test]
    fn a_look_that_is_not_whole_tells_what_it_saw_and_ends_nothing() {
        let mut device = Device { last: Some(look(0)), ..Device::default() };
        let mut news = News::default();
        device.see(&seen(60, false, Vec::new()), &mut news);
        device.see(&seen(120, false, vec![opening("a")]), &mut news);
        device.see(&seen(180, false, Vec::new()), &mut news);
        assert_eq!((news.opened.len(), news.closed.len()), (1, 0));
        device.see(&seen(240, true, Vec::new()), &mut news);
        assert_eq!((news.closed[0].earliest.unix_timestamp(), news.closed[0].most.whole_seconds()), (0, 242));
    }

    #[test]
    fn what_becomes_sure_is_told_again() {
        let mut device = Device::default();
        let mut news = News::default();
        let maybe = Finding { confidence: Confidence::Possible, ..opening("a") };
        for finding in [maybe.clone(), opening("a"), maybe] {
            device.see(&seen(60, true, vec![finding]), &mut news);
        }
        let told: Vec<Confidence> = news.opened.iter().map(|f| f.confidence).collect();
        assert_eq!(told, [Confidence::Possible, Confidence::Certain]);
    }

    #[test]
    fn a_device_is_blind_and_back_once() {
        let mut device = Device::default();
        let mut news = News::default();
        for lacks in [vec![Reason::PlatformUnknown], vec![Reason::PlatformUnknown], vec![], vec![]] {
            device.sight("fw", lacks, &mut news);
        }
        assert_eq!((news.blind.len(), news.back), (1, vec!["fw".to_owned()]));
    }

    #[test]
    fn what_nobody_comes_through_is_no_opening() {
        let rules = crate::rules::load(&[], |_| unreachable!()).unwrap();
        let is_opening = |finding: &Finding| super::super::is_opening(finding, &rules);
        assert!(is_opening(&opening("a")));
        assert!(!is_opening(&Finding { witness: None, ..opening("a") }));
        let Some(Witness::Packet(mut lost)) = opening("a").witness else { unreachable!() };
        lost.after.verdict = "drop".to_owned();
        assert!(!is_opening(&Finding { witness: Some(Witness::Packet(lost)), ..opening("a") }));
        assert!(!is_opening(&Finding { status: Status::Standing, ..opening("a") }));
        // a flow that is lost lets nobody in, even where it may still pass; a login has no attempt that shows it
        assert!(!is_opening(&Finding { rule: "required-flow-lost".to_owned(), ..opening("a") }));
        let login = Finding { rule: "smtp-auth-exposed".to_owned(), witness: None, ..opening("a") };
        assert!(is_opening(&login));
        assert!(!is_opening(&Finding { rule: "guard-weakened".to_owned(), ..login }));
    }

    #[test]
    fn what_a_look_did_not_get_is_no_opening_that_it_saw() {
        let rules = crate::rules::load(&[], |_| unreachable!()).unwrap();
        let mut device = DeviceEvidence::new("fw", Vec::new(), crate::evidence::Source::Snapshot);
        let missing = Reason::ArtifactMissing { artifact: "nft.json".to_owned() };
        let unread = Reason::Unread { text: "x".to_owned() };
        let maybe = |reasons: &[Reason]| Finding {
            confidence: Confidence::Possible,
            reasons: reasons.to_vec(),
            ..opening("a")
        };
        let found = [
            opening("a"),
            maybe(std::slice::from_ref(&missing)),
            maybe(&[missing.clone(), unread]),
            maybe(&[]),
        ];
        let lacks = [missing];
        assert!(open(&device, &lacks, found.to_vec(), &rules).is_empty(), "nothing came at all");
        let proof = crate::evidence::Proof::Complete;
        device.artifacts.insert("ss.txt".to_owned(), crate::evidence::Artifact { bytes: [].into(), proof });
        let kept = open(&device, &lacks, found.to_vec(), &rules);
        assert_eq!(kept, [found[0].clone(), found[2].clone(), found[3].clone()]);
    }
}
