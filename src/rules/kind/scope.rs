//! `scope`: a device changed that the job does not name (cases P02). `no-scope`: nobody said which devices the job is
//! about, and several changed.

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding};
use crate::rules::Rule;
use crate::rules::view::{ChangeView, DeviceFacts};
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "scope", args: &["artifacts"], read };
pub(super) const NO_SCOPE: Entry =
    Entry { name: "no-scope", args: &["count", "devices"], read: read_no_scope };

/// What counts as a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    /// Something became possible or ceased to be.
    Meaning,
    /// Only the text differs.
    Text,
}

#[derive(Debug)]
struct Scope {
    changed: Changed,
}

#[derive(Debug)]
struct NoScope;

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let words = [("meaning", Changed::Meaning), ("text", Changed::Text)];
    let changed = table.need("changed", "changed = \"meaning\"").and_then(|v| v.one_of(&words))?;
    Some(Box::new(Scope { changed }))
}

fn read_no_scope(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(NoScope))
}

impl Changed {
    /// How surely a device changed in this way.
    fn of(self, facts: &DeviceFacts) -> Option<Confidence> {
        let text = facts.changed_meaning.is_none() && !facts.changed_artifacts.is_empty();
        match self {
            Self::Meaning => facts.changed_meaning,
            Self::Text => text.then_some(Confidence::Certain),
        }
        .filter(|_| facts.compared)
    }
}

impl Kind for Scope {
    fn change(&self, rule: &Rule, view: &ChangeView<'_>) -> Vec<Finding> {
        let Some(scope) = view.change.and_then(|c| c.scope.as_ref()) else { return Vec::new() };
        let outside = view.devices.iter().filter(|(name, _)| !scope.contains(name.as_str()));
        outside
            .filter_map(|(name, facts)| Some((name, facts, self.changed.of(facts)?)))
            .map(|(name, facts, confidence)| {
                let mut finding = Finding::new(&rule.id, rule.severity, confidence, Some(name));
                finding.args.insert("artifacts", Arg::Text(facts.changed_artifacts.join(", ")));
                let [removed, added] = facts.first_lines.clone();
                finding.location = added;
                finding.before = removed;
                finding.named("")
            })
            .collect()
    }
}

impl Kind for NoScope {
    fn change(&self, rule: &Rule, view: &ChangeView<'_>) -> Vec<Finding> {
        if view.change.is_some_and(|c| c.scope.is_some()) {
            return Vec::new();
        }
        let changed = view.devices.iter().filter(|(_, facts)| Changed::Meaning.of(facts).is_some());
        let changed: Vec<&str> = changed.map(|(name, _)| name.as_str()).collect();
        if changed.len() < 2 {
            return Vec::new();
        }
        let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, None);
        finding.args.insert("count", Arg::Count(changed.len() as u64));
        finding.args.insert("devices", Arg::Text(changed.join(", ")));
        vec![finding.named(&changed.join(" "))]
    }
}
