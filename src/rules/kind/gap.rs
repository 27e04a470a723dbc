//! `gap`: spans within the window in which nobody looked (cases P01, P09); a device's longest one is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding};
use crate::rules::Rule;
use crate::rules::view::ChangeView;
use crate::site::table::Table;
use crate::watch::Unwatched;

pub(super) const ENTRY: Entry = Entry { name: "gap", args: &["between", "length", "count"], read };

#[derive(Debug)]
struct Gap {
    longest: Duration,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let longest = table.need("longest", "longest = \"120s\"").and_then(|v| v.duration())?;
    Some(Box::new(Gap { longest }))
}

impl Kind for Gap {
    fn change(&self, rule: &Rule, view: &ChangeView<'_>) -> Vec<Finding> {
        let mut devices: BTreeMap<&str, Vec<&Unwatched>> = BTreeMap::new();
        for gap in view.gaps.iter().filter(|gap| (gap.to - gap.from) > self.longest) {
            devices.entry(&gap.device).or_default().push(gap);
        }
        let longest = devices.into_iter().filter_map(|(device, gaps)| {
            let longest = gaps.iter().max_by_key(|gap| gap.to - gap.from)?;
            let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(device));
            finding.args.insert("between", Arg::Between { from: longest.from, to: longest.to });
            finding
                .args
                .insert("length", Arg::Seconds { seconds: (longest.to - longest.from).whole_seconds() });
            finding.args.insert("count", Arg::Count(gaps.len() as u64));
            Some(finding.named(""))
        });
        longest.collect()
    }
}
