//! Openings from looks: which findings came and went, and within which bounds.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use crate::finding::Finding;

/// One look at a device: it was seen at some moment between these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Beginning.
    pub started: OffsetDateTime,
    /// End.
    pub ended: OffsetDateTime,
}

/// Something that was open for a time.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// What was open.
    pub finding: &'a Finding,
    /// It cannot have opened before this.
    pub earliest: OffsetDateTime,
    /// It cannot have closed after this.
    pub latest: OffsetDateTime,
    /// It was open at least so long.
    pub least: Duration,
}

impl Opening<'_> {
    /// It was open at most so long.
    pub fn most(&self) -> Duration {
        self.latest - self.earliest
    }
}

/// The openings in a row of looks; looks without findings known are passed over: they neither open nor close anything.
pub fn openings<'a>(looks: &[(Look, Option<&'a [Finding]>)]) -> Vec<Opening<'a>> {
    let seen: Vec<(Look, &[Finding])> =
        looks.iter().filter_map(|(look, found)| Some((*look, (*found)?))).collect();
    let key = |f: &Finding| (f.rule.clone(), f.fingerprint.clone());
    let mut names: BTreeMap<(String, String), &'a Finding> = BTreeMap::new();
    for (_, findings) in &seen {
        for finding in *findings {
            names.entry(key(finding)).or_insert(finding);
        }
    }
    let mut out = Vec::new();
    for (name, finding) in names {
        let there: Vec<bool> = seen.iter().map(|(_, found)| found.iter().any(|f| key(f) == name)).collect();
        let mut from = 0;
        while let Some(first) = there.iter().skip(from).position(|t| *t).map(|at| at + from) {
            let run = there.iter().skip(first).take_while(|t| **t).count();
            let last = first + run - 1;
            from = last + 1;
            let look = |at: usize| seen.get(at).map(|(look, _)| *look);
            let (Some(opened), Some(closing)) = (look(first), look(last)) else { continue };
            // an opening that the last look still sees is no passed one
            let Some(closed) = look(last + 1) else { continue };
            let before = first.checked_sub(1).and_then(look);
            let least = (closing.started - opened.ended).max(Duration::ZERO);
            let earliest = before.map_or(opened.started, |look| look.started);
            out.push(Opening { finding, earliest, latest: closed.ended, least });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Confidence, Severity};

    fn look(start: i64) -> Look {
        let at = |s| OffsetDateTime::from_unix_timestamp(s).unwrap();
        Look { started: at(start), ended: at(start + 2) }
    }

    #[test]
    fn bounds_of_an_opening() {
        let open =
            [Finding::new("open-relay", Severity::Critical, Confidence::Certain, Some("mx1")).named("x")];
        let none: [Finding; 0] = [];
        let looks = [
            (look(0), Some(&none[..])),
            (look(60), Some(&open[..])),
            (look(120), None),
            (look(180), Some(&open[..])),
            (look(240), Some(&none[..])),
            (look(300), Some(&open[..])),
        ];
        let found = openings(&looks);
        assert_eq!(found.len(), 1, "the second one still stands");
        assert_eq!(found[0].earliest.unix_timestamp(), 0);
        assert_eq!(found[0].latest.unix_timestamp(), 242);
        assert_eq!(found[0].least.whole_seconds(), 180 - 62);
        assert_eq!(found[0].most().whole_seconds(), 242);
    }

    #[test]
    fn a_single_look_proves_no_duration() {
        let open = [Finding::new("x", Severity::High, Confidence::Certain, None).named("x")];
        let none: [Finding; 0] = [];
        let looks = [(look(0), Some(&none[..])), (look(60), Some(&open[..])), (look(120), Some(&none[..]))];
        assert_eq!(openings(&looks)[0].least, Duration::ZERO);
    }
}
