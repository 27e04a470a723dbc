//! `together`: groups that may not change in one window did (cases P03).

use std::collections::BTreeSet;

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding};
use crate::rules::Rule;
use crate::rules::view::{ChangeView, DeviceFacts};
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "together", args: &["groups", "devices"], read };

#[derive(Debug)]
struct Together;

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(Together))
}

impl Kind for Together {
    fn change(&self, rule: &Rule, view: &ChangeView<'_>) -> Vec<Finding> {
        let changed = |device: &str| {
            let facts = view.devices.get(device).filter(|f| f.compared);
            let sure = |f: &DeviceFacts| f.changed_meaning == Some(Confidence::Certain);
            facts.is_some_and(|f| sure(f) || !f.changed_artifacts.is_empty())
        };
        let mut out = Vec::new();
        for groups in &view.site.never_together {
            let mut touched: BTreeSet<&str> = BTreeSet::new();
            let mut devices: BTreeSet<&str> = BTreeSet::new();
            for group in groups.get_ref() {
                let members = view.site.group(group.as_str()).map(|d| d.name.as_str()).filter(|d| changed(d));
                for device in members {
                    touched.insert(group.as_str());
                    devices.insert(device);
                }
            }
            if touched.len() >= 2 {
                let list = |set: &BTreeSet<&str>| set.iter().copied().collect::<Vec<_>>().join(", ");
                let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, None);
                finding.args.insert("groups", Arg::Text(list(&touched)));
                finding.args.insert("devices", Arg::Text(list(&devices)));
                out.push(finding.named(&list(&touched)));
            }
        }
        out
    }
}
