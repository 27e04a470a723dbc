//! `flow-opened`: packets of some services that became possible (cases F01, F05 to F12).

use super::flows::{findings, newly_reaching, within};
use super::{Entry, Kind};
use crate::drift::Group;
use crate::finding::{Finding, Severity};
use crate::firewall::Hook;
use crate::packet::{CoverLimits, Field, PacketSet};
use crate::rules::view::{DeviceView, Flows};
use crate::rules::{Rule, pack, service};
use crate::site::table::{Table, Value};

/// Sets of at most this many source addresses count as few.
const FEW: u128 = 16;

pub(super) const ENTRY: Entry =
    Entry { name: "flow-opened", args: &["who", "target", "ports", "count"], read };

/// Where packets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Untrusted,
    Partner,
    Anywhere,
}

impl From {
    pub(super) fn read(table: &Table<'_>) -> Option<Self> {
        let words =
            [("untrusted", Self::Untrusted), ("partner", Self::Partner), ("anywhere", Self::Anywhere)];
        table.need("from", "from = \"untrusted\"").and_then(|v| v.one_of(&words))
    }

    pub(super) const fn packets(self, flows: &Flows<'_>) -> PacketSet {
        match self {
            Self::Untrusted => flows.trusts.untrusted,
            Self::Partner => flows.trusts.partner,
            Self::Anywhere => PacketSet::TRUE,
        }
    }
}

#[derive(Debug)]
struct FlowOpened {
    from: From,
    services: Vec<service::Service>,
    /// Only to the device itself.
    to_itself: bool,
    /// Only where one of these processes listens.
    processes: Vec<String>,
    /// Only where something listens.
    listening: bool,
    /// Only what no rule further up reported.
    remainder: bool,
    few_sources: Option<Severity>,
    without_plan: Option<Severity>,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let flag = |key| table.get(key).and_then(|v| v.flag()).unwrap_or(false);
    let severity = |key| table.get(key).and_then(|v| pack::severity(&v));
    let kind = FlowOpened {
        from: From::read(table)?,
        services: table.get("services").map_or(Some(Vec::new()), |v| service::read(&v))?,
        to_itself: table
            .get("to")
            .map_or(Some(false), |v| v.one_of(&[("itself", true), ("anything", false)]))?,
        processes: table.get("processes").map_or(Some(Vec::new()), |v| v.each(Value::line))?,
        listening: flag("listening"),
        remainder: flag("remainder"),
        few_sources: severity("few_sources"),
        without_plan: severity("without_plan"),
    };
    Some(Box::new(kind))
}

impl Kind for FlowOpened {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let plan = view.change.is_some();
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let groups = newly_reaching(flows);
        let groups = within(flows, &groups, |flows, group| self.wanted(flows, group));
        let severity = if plan { rule.severity } else { self.without_plan.unwrap_or(rule.severity) };
        let mut out = Vec::new();
        match self.few_sources.filter(|few| *few < severity) {
            None => out.extend(findings(rule, severity, view.name, flows, &groups)),
            Some(few) => {
                let narrow = within(flows, &groups, narrow_part);
                let wide = within(flows, &groups, |flows, group| !narrow_part(flows, group));
                out.extend(findings(rule, severity, view.name, flows, &wide));
                out.extend(findings(rule, few, view.name, flows, &narrow));
            }
        }
        for group in &groups {
            let space = &mut flows.drift.space;
            let both = space.or(group.certain, group.possible);
            flows.reported = space.or(flows.reported, both);
        }
        out
    }
}

impl FlowOpened {
    fn wanted(&self, flows: &mut Flows<'_>, group: &Group) -> PacketSet {
        if group.hook == Hook::Output || (self.to_itself && group.hook != Hook::Input) {
            return PacketSet::FALSE;
        }
        let from = self.from.packets(flows);
        let services = service::packets(&self.services, &mut flows.drift.space, &group.target);
        let listening = self.listeners(flows, group);
        let (planned, reported) = (flows.planned, flows.reported);
        let space = &mut flows.drift.space;
        let wanted = space.all([from, services, listening]);
        let wanted = space.diff(wanted, planned);
        if self.remainder { space.diff(wanted, reported) } else { wanted }
    }

    /// Packets for a socket of the host on which something (or one of some processes) listens.
    fn listeners(&self, flows: &mut Flows<'_>, group: &Group) -> PacketSet {
        if !self.listening && self.processes.is_empty() {
            return PacketSet::TRUE;
        }
        if group.hook != Hook::Input {
            return PacketSet::FALSE;
        }
        let host = flows.after.host;
        let sockets = host.sockets.iter().flatten().filter(|socket| {
            self.processes.is_empty() || socket.process.as_ref().is_some_and(|p| self.processes.contains(p))
        });
        let space = &mut flows.drift.space;
        let mut any = PacketSet::FALSE;
        for socket in sockets {
            let protocol = if socket.protocol == "tcp" { 6 } else { 17 };
            let protocol = space.number(Field::Proto, protocol);
            let port = space.number(Field::Dport, socket.port.into());
            let address = match socket.address {
                Some(address) => space.addresses(Field::Dst, &crate::packet::Prefix::host(address).into()),
                None => socket.family.map_or(PacketSet::TRUE, |family| space.family(family)),
            };
            let one = space.all([protocol, port, address]);
            any = space.or(any, one);
        }
        any
    }
}

/// The packets of a group that only few sources can send.
fn narrow_part(flows: &mut Flows<'_>, group: &Group) -> PacketSet {
    let space = &mut flows.drift.space;
    let all = space.or(group.certain, group.possible);
    let mut narrow = PacketSet::FALSE;
    for flow in space.cover(all, CoverLimits::default()) {
        let count = |ranges: &[(u128, u128)]| {
            ranges.iter().fold(0u128, |n, r| n.saturating_add((r.1 - r.0).saturating_add(1)))
        };
        let few = flow.get(Field::Src).is_some_and(|ranges| count(ranges) <= FEW);
        if few && flow.exact {
            let part = space.box_set(&flow);
            narrow = space.or(narrow, part);
        }
    }
    narrow
}
