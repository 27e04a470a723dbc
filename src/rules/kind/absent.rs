//! `absent`: what the plan expects did not happen (cases P07).

use super::flows::too_complex;
use super::{Entry, Kind};
use crate::drift::Group;
use crate::finding::{Arg, Confidence, Finding};
use crate::firewall::Hook;
use crate::packet::PacketSet;
use crate::rules::Rule;
use crate::rules::view::DeviceView;
use crate::site::flow::Endpoint;
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "absent", args: &["flow"], read };

#[derive(Debug)]
struct Absent;

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(Absent))
}

impl Kind for Absent {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let (site, name) = (view.site, view.name);
        let Some(change) = view.change else { return Vec::new() };
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let Ok(accepted) = flows.accepted() else { return vec![too_complex(name)] };
        let mut out = Vec::new();
        let opens = change.expect.open.iter().map(|e| (e, true));
        let closes = change.expect.close.iter().map(|e| (e, false));
        for (expected, open) in opens.chain(closes).filter(|(e, _)| e.device.as_str() == name) {
            for spec in &expected.flows {
                let Some(packets) = flows.declared(site, spec.get_ref()) else { continue };
                // what the device sends itself is meant only where the flow names it
                let own =
                    matches!(&spec.get_ref().source, Endpoint::Named(source) if source.as_str() == name);
                let mut meets = |group: &Group| {
                    if group.hook == Hook::Output && !own {
                        return false;
                    }
                    let both = flows.drift.space.or(group.certain, group.possible);
                    flows.drift.space.and(both, packets) != PacketSet::FALSE
                };
                let possible = accepted.iter().any(&mut meets);
                // an expected opening that is not there, or an expected closing that still stands
                if possible == open {
                    continue;
                }
                let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(name));
                finding.args.insert("flow", Arg::Text(spec.get_ref().to_string()));
                out.push(finding.named(&format!("{open} {}", spec.get_ref())));
            }
        }
        out
    }
}
