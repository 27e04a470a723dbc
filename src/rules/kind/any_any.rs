//! `any-any`: nearly all ports from nearly everywhere, however it is written (cases F02). By meaning: half of all IPv4
//! addresses or a sixteenth of IPv6 as sources, nine ports of ten.

use super::flow_opened::From;
use super::flows::{findings, newly_reaching};
use super::{Entry, Kind};
use crate::drift::Group;
use crate::finding::{Finding, Witness};
use crate::firewall::Hook;
use crate::packet::{Family, Field, Packet, PacketSet, proto};
use crate::rules::Rule;
use crate::rules::view::{DeviceView, Flows};
use crate::site::table::Table;

/// Nine of ten.
const NEARLY_ALL_PORTS: u128 = 58_982;

pub(super) const ENTRY: Entry = Entry { name: "any-any", args: &["who", "target", "ports", "count"], read };

#[derive(Debug)]
struct AnyAny {
    from: From,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(AnyAny { from: From::read(table)? }))
}

impl Kind for AnyAny {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let groups = newly_reaching(flows);
        let groups = groups.into_iter().filter(|group| group.hook != Hook::Output);
        let wide: Vec<Group> = groups.map(|group| self.wide_part(flows, group)).collect();
        let wide: Vec<Group> = wide
            .into_iter()
            .filter(|g| g.certain != PacketSet::FALSE || g.possible != PacketSet::FALSE)
            .collect();
        let mut out = findings(rule, rule.severity, view.name, flows, &wide);
        // a default that lets everything through is a rule of its own
        out.retain(|f| !matches!(&f.witness, Some(Witness::Packet(packet)) if packet.after.by_default));
        if !out.is_empty() {
            for group in &wide {
                let space = &mut flows.drift.space;
                let both = space.or(group.certain, group.possible);
                flows.reported = space.or(flows.reported, both);
            }
        }
        out
    }
}

impl AnyAny {
    /// What of a group is nearly everything: the certain packets if they alone are, the possible ones if both are.
    fn wide_part(&self, flows: &mut Flows<'_>, group: Group) -> Group {
        let certain = self.wide(flows, group.certain);
        let both = flows.drift.space.or(group.certain, group.possible);
        let both = self.wide(flows, both);
        let possible = flows.drift.space.and(group.possible, both);
        Group { certain, possible, ..group }
    }

    /// The packets of a set if they are nearly everything for one destination.
    fn wide(&self, flows: &mut Flows<'_>, all: PacketSet) -> PacketSet {
        let (from, planned) = (self.from.packets(flows), flows.planned);
        let space = &mut flows.drift.space;
        let all = space.and(all, from);
        let all = space.diff(all, planned);
        for family in Family::BOTH {
            let only = space.family(family);
            let tcp = space.number(Field::Proto, proto::TCP.into());
            let part = space.all([all, only, tcp]);
            let Some(sample) = space.witness(part, &[], &crate::drift::lines::typical(family)) else {
                continue;
            };
            if is_wide(space, part, &sample, family) {
                return all;
            }
        }
        PacketSet::FALSE
    }
}

/// Whether half of all sources reach nine ports of ten at the sample's destination, by the sample's interface.
fn is_wide(space: &mut crate::packet::Space, set: PacketSet, sample: &Packet, family: Family) -> bool {
    let destination = crate::packet::Prefix::host(sample.dst());
    let destination = space.addresses(Field::Dst, &destination.into());
    let interface = space.number(Field::In, sample.get(Field::In));
    let mut set = space.all([set, destination, interface]);
    for field in [Field::In, Field::Dst, Field::Out, Field::Proto, Field::Sport] {
        set = space.forget(set, field);
    }
    let enough = if family == Family::Ipv4 { 1u128 << 31 } else { 1u128 << 124 };
    space.sources_with_ports(set, family, NEARLY_ALL_PORTS) >= enough
}
