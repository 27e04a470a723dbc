//! `unsaved`: what a front end has saved and what it runs differ in a part in which they did not before the work (cases
//! P04, P05).

use std::collections::BTreeSet;

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding};
use crate::platform::Unsaved as Part;
use crate::rules::Rule;
use crate::rules::view::DeviceView;
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "unsaved", args: &["parts", "count"], read };

/// So many parts are named.
const SHOWN: usize = 3;

#[derive(Debug)]
struct Unsaved {
    /// Only where more may get in once what is saved is loaded; else only where nothing more does.
    opens: bool,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let words = [("opens", true), ("differs", false)];
    let opens = table.need("unsaved", "unsaved = \"opens\"").and_then(|v| v.one_of(&words))?;
    Some(Box::new(Unsaved { opens }))
}

impl Kind for Unsaved {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let (Some(before), Some(now)) = (view.before, &view.after.unsaved) else { return Vec::new() };
        let nothing = BTreeSet::new();
        let known = before.unsaved.as_ref().unwrap_or(&nothing);
        let differed = |part: &Part| known.iter().any(|k| (&k.part, k.saved) == (&part.part, part.saved));
        let new = now.iter().filter(|part| part.opens == self.opens && !differed(part));
        let parts: Vec<String> =
            new.map(|part| format!("{} {}", if part.saved { "+" } else { "-" }, part.part)).collect();
        if parts.is_empty() {
            return Vec::new();
        }
        // what is saved is no ruleset: it is certain that it differs, and not what gets through
        let confidence = if self.opens { Confidence::Possible } else { Confidence::Certain };
        let mut finding = Finding::new(&rule.id, rule.severity, confidence, Some(view.name));
        let more = parts.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!("; +{more}") } else { String::new() };
        let shown = parts.get(..SHOWN).unwrap_or(&parts).join("; ");
        finding.args.insert("parts", Arg::Text(format!("{shown}{more}")));
        finding.args.insert("count", Arg::Count(parts.len() as u64));
        vec![finding.named(&parts.join("\n"))]
    }
}
