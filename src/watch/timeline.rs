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

/// What one look brought.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When.
    pub look: Look,
    /// What was open in it, as far as it could see.
    pub open: Vec<Finding>,
    /// It saw the device whole: what is not among `open` was not open.
    pub whole: bool,
}

/// Something that was open for a time.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// What was open: the surest of the findings that say so.
    pub finding: &'a Finding,
    /// It cannot have opened before this.
    pub earliest: OffsetDateTime,
    /// It cannot have closed after this, as far as anybody has looked.
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

/// What names an opening from one look to the next.
pub fn key(finding: &Finding) -> (String, String) {
    (finding.rule.clone(), finding.fingerprint.clone())
}

/// The openings in a row of looks, also those that nobody has seen closed. A look that did not see the device whole may
/// show an opening, and neither closes one nor says that there was none yet.
pub fn openings(seen: &[Seen]) -> Vec<Opening<'_>> {
    let mut rows: BTreeMap<(String, String), Vec<Option<&Finding>>> = BTreeMap::new();
    for (at, look) in seen.iter().enumerate() {
        for finding in &look.open {
            let row = rows.entry(key(finding)).or_insert_with(|| vec![None; seen.len()]);
            if let Some(place) = row.get_mut(at) {
                *place = Some(finding);
            }
        }
    }
    rows.values().flat_map(|row| runs(seen, row)).collect()
}

/// The openings of one name: `row` is what each look found of it.
fn runs<'a>(seen: &'a [Seen], row: &[Option<&'a Finding>]) -> Vec<Opening<'a>> {
    let mut out = Vec::new();
    let mut run: Vec<(Look, &Finding)> = Vec::new();
    // the last look that shows that it was not open yet
    let mut before: Option<Look> = None;
    for (seen, found) in seen.iter().zip(row) {
        match found {
            Some(finding) => run.push((seen.look, finding)),
            None if seen.whole => {
                out.extend(opening(&run, before, seen.look.ended));
                run.clear();
                before = Some(seen.look);
            }
            None => {}
        }
    }
    // nobody has seen this one closed
    out.extend(seen.last().and_then(|last| opening(&run, before, last.look.ended)));
    out
}

fn opening<'a>(
    run: &[(Look, &'a Finding)],
    before: Option<Look>,
    latest: OffsetDateTime,
) -> Option<Opening<'a>> {
    let sure = run.iter().map(|(_, finding)| finding.confidence).max()?;
    let surest: Vec<_> = run.iter().filter(|(_, finding)| finding.confidence == sure).collect();
    let ((opened, finding), (closing, _), (first, _)) = (surest.first()?, surest.last()?, run.first()?);
    let least = (closing.started - opened.ended).max(Duration::ZERO);
    let earliest = before.map_or(first.started, |look| look.started);
    Some(Opening { finding, earliest, latest, least })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Confidence, Severity};

    fn look(start: i64) -> Look {
        let at = |s| OffsetDateTime::from_unix_timestamp(s).unwrap();
        Look { started: at(start), ended: at(start + 2) }
    }

    fn relay(confidence: Confidence) -> Finding {
        Finding::new("open-relay", Severity::Critical, confidence, Some("mx1")).named("x")
    }

    /// A look each minute: whether it saw the device whole, and how surely the relay was open in it.
    fn looks(row: &[(bool, Option<Confidence>)]) -> Vec<Seen> {
        let seen = (0..).zip(row).map(|(minute, (whole, open))| Seen {
            look: look(minute * 60),
            open: open.map(relay).into_iter().collect(),
            whole: *whole,
        });
        seen.collect()
    }

    const OPEN: Option<Confidence> = Some(Confidence::Certain);
    const MAYBE: Option<Confidence> = Some(Confidence::Possible);

    #[test]
    fn bounds_of_an_opening() {
        let looks =
            looks(&[(true, None), (true, OPEN), (false, None), (true, OPEN), (true, None), (true, OPEN)]);
        let found = openings(&looks);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].latest.unix_timestamp(), 302, "nobody has seen the second one closed");
        assert_eq!(found[0].earliest.unix_timestamp(), 0);
        assert_eq!(found[0].latest.unix_timestamp(), 242);
        assert_eq!(found[0].least.whole_seconds(), 180 - 62);
        assert_eq!(found[0].most().whole_seconds(), 242);
    }

    #[test]
    fn a_single_look_proves_no_duration() {
        let looks = looks(&[(true, None), (true, OPEN), (true, None)]);
        assert_eq!(openings(&looks)[0].least, Duration::ZERO);
    }

    #[test]
    fn a_look_that_is_not_whole_shows_an_opening_and_ends_none() {
        let seen = looks(&[(true, None), (false, None), (false, OPEN), (false, None), (true, None)]);
        let found = openings(&seen);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].earliest.unix_timestamp(), found[0].latest.unix_timestamp()),
            (0, 242),
            "neither the look before it nor the one behind it could see"
        );
        // a last look that cannot see closes nothing, and what was seen is not lost
        let seen = looks(&[(true, None), (true, OPEN), (false, None)]);
        assert_eq!(openings(&seen).len(), 1);
    }

    #[test]
    fn the_surest_look_counts() {
        let seen = looks(&[(true, None), (true, MAYBE), (true, OPEN), (true, MAYBE), (true, None)]);
        let found = openings(&seen);
        assert_eq!((found.len(), found[0].finding.confidence), (1, Confidence::Certain));
        assert_eq!(found[0].least, Duration::ZERO, "one look is sure");
        assert_eq!(found[0].most().whole_seconds(), 242);
        let seen = looks(&[(true, None), (true, OPEN), (true, MAYBE)]);
        assert_eq!(openings(&seen)[0].finding.confidence, Confidence::Certain);
    }
}
