//! `policy-open`: what no rule mentions is let through (CASES F03, F04). By meaning: a protocol that no rule names
//! became possible, and a default decides it.

use super::flow_opened::From;
use super::flows::{findings, newly_reaching, within};
use super::{Entry, Kind};
use crate::finding::{Finding, Witness};
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
        let mut out = findings(rule, rule.severity, view.name, flows, &unmentioned);
        out.retain(decided_by_policy);
        if !out.is_empty() {
            // the default lets everything else through as well: told once, here
            for group in within(flows, &groups, |_, group| {
                if group.hook == Hook::Output { PacketSet::FALSE } else { PacketSet::TRUE }
            }) {
                let from = self.from.packets(flows);
                let space = &mut flows.drift.space;
                let both = space.or(group.certain, group.possible);
                let both = space.and(both, from);
                flows.reported = space.or(flows.reported, both);
            }
        }
        out
    }
}

/// Whether the deciding line of the witness is a default rather than a rule.
fn decided_by_policy(finding: &Finding) -> bool {
    matches!(&finding.witness, Some(Witness::Packet(packet)) if packet.after.by_default)
}
