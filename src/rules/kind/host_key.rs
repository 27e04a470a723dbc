//! `host-key`: a device answers with another host key (cases D01).

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding, Witness};
use crate::rules::Rule;
use crate::rules::view::ChangeView;
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "host-key", args: &["before", "after"], read };

#[derive(Debug)]
struct HostKey;

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(HostKey))
}

impl Kind for HostKey {
    fn change(&self, rule: &Rule, view: &ChangeView<'_>) -> Vec<Finding> {
        let declared = |device: &str, key: &str| {
            let expected = view.change.into_iter().flat_map(|c| &c.expect.host_key);
            expected.into_iter().any(|e| e.device.as_str() == device && e.fingerprint == key)
        };
        let mut out = Vec::new();
        for (device, facts) in view.devices {
            let (Some(before), Some(after)) = &facts.host_keys else { continue };
            if before == after || declared(device, after) {
                continue;
            }
            let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(device));
            finding.args.insert("before", Arg::Text(before.clone()));
            finding.args.insert("after", Arg::Text(after.clone()));
            finding.witness = Some(Witness::Fact { before: Some(before.clone()), after: after.clone() });
            out.push(finding.named(after));
        }
        out
    }
}
