//! `policy-open`: what no rule mentions is let through (cases F03, F04). By meaning: a protocol that no rule names
//! became possible, and a default decides it.

use super::flow_opened::From;
use super::flows::{findings, newly_reaching, within};
use super::{Entry, Kind};
use crate::drift::Group;
use crate::finding::{Confidence, Finding, Witness};
use crate::firewall::Hook;
use crate::packet::{Field, PacketSet};
use crate::rules::Rule;
use crate::rules::view::DeviceView;
use crate::site::table::Table;

/// Protocol numbers that nobody uses (IANA, "Assigned Internet Protocol Numbers": 147 to 252 are unassigned).
const UNUSED: (u128, u128) = (147, 252);

pub(super) const ENTRY: Entry =
    Entry { name: "policy-open", args: &["who", "target", "ports", "count"], read };

#[derive(Debug)]
struct PolicyOpen {
    from: From,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(PolicyOpen { from: From::read(table)? }))
}

impl Kind for PolicyOpen {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let groups = newly_reaching(flows);
        let unmentioned = within(flows, &groups, |flows, group| {
            if group.hook == Hook::Output {
                return PacketSet::FALSE;
            }
            let (from, planned) = (self.from.packets(flows), flows.planned);
            let space = &mut flows.drift.space;
            let unused = space.ranges(Field::Proto, &[UNUSED]);
            let wanted = space.and(from, unused);
            space.diff(wanted, planned)
        });
        let by_default: Vec<Finding> = findings(rule, rule.severity, view.name, flows, &unmentioned)
            .into_iter()
            .filter(decided_by_policy)
            .collect();
        if by_default.is_empty() {
            return Vec::new();
        }
        // where the default is only possible, what rules let through for certain is told by others
        let sure = by_default.iter().any(|finding| finding.confidence == Confidence::Certain);
        let groups: Vec<Group> = groups
            .into_iter()
            .map(|group| if sure { group } else { Group { certain: PacketSet::FALSE, ..group } })
            .collect();
        // the default lets more through than unused protocols: all of it is told here, once, and an example that
        // people know stands for it
        let all = within(flows, &groups, |flows, group| {
            if group.hook == Hook::Output {
                return PacketSet::FALSE;
            }
            let (from, planned) = (self.from.packets(flows), flows.planned);
            flows.drift.space.diff(from, planned)
        });
        for group in &all {
            let space = &mut flows.drift.space;
            let both = space.or(group.certain, group.possible);
            flows.reported = space.or(flows.reported, both);
        }
        findings(rule, rule.severity, view.name, flows, &all)
    }
}

/// Whether the deciding line of the witness is a default rather than a rule.
fn decided_by_policy(finding: &Finding) -> bool {
    matches!(&finding.witness, Some(Witness::Packet(packet)) if packet.after.by_default)
}
