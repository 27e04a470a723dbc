//! `gap`: a span within the window in which nobody looked (CASES P01, P09).

use std::time::Duration;

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding};
use crate::rules::Rule;
use crate::rules::view::ChangeView;
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "gap", args: &["from", "to", "span"], read };

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
        let long = view.gaps.iter().filter(|gap| (gap.to - gap.from) > self.longest);
        long.map(|gap| {
            let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(&gap.device));
            finding.args.insert("from", Arg::Moment(gap.from));
            finding.args.insert("to", Arg::Moment(gap.to));
            finding.args.insert("span", Arg::Seconds { seconds: (gap.to - gap.from).whole_seconds() });
            finding.named(&gap.from.to_string())
        })
        .collect()
    }
}
