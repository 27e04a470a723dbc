//! `temporary`: an opening that was to end by now is still there (cases P08).

use super::flows::too_complex;
use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding};
use crate::packet::PacketSet;
use crate::rules::Rule;
use crate::rules::view::DeviceView;
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "temporary", args: &["flow", "until"], read };

#[derive(Debug)]
struct Temporary;

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(Temporary))
}

impl Kind for Temporary {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let (site, name) = (view.site, view.name);
        let (Some(taken), Some(change)) = (view.taken, view.change) else { return Vec::new() };
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let Ok(accepted) = flows.accepted() else { return vec![too_complex(name)] };
        let mut out = Vec::new();
        for expected in change.expect.open.iter().filter(|e| e.device.as_str() == name) {
            let Some(until) = expected.until.as_ref().map(|u| *u.get_ref()).filter(|until| *until < taken)
            else {
                continue;
            };
            for spec in &expected.flows {
                let Some(packets) = flows.declared(site, spec.get_ref()) else { continue };
                let mut meets = |pick: fn(&crate::drift::Group) -> PacketSet| {
                    accepted
                        .iter()
                        .any(|group| flows.drift.space.and(pick(group), packets) != PacketSet::FALSE)
                };
                let confidence = match (meets(|g| g.at_times), meets(|g| g.possible)) {
                    (true, _) => Confidence::Certain,
                    (false, true) => Confidence::Possible,
                    (false, false) => continue,
                };
                let mut finding = Finding::new(&rule.id, rule.severity, confidence, Some(name));
                finding.args.insert("flow", Arg::Text(spec.get_ref().to_string()));
                finding.args.insert("until", Arg::Moment(until));
                out.push(finding.named(&spec.get_ref().to_string()));
            }
        }
        out
    }
}
