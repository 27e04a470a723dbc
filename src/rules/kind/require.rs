//! `require`: a flow that the site needs is no longer possible (cases P17).

use super::flows::{within, witness};
use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding, Witness};
use crate::packet::PacketSet;
use crate::rules::Rule;
use crate::rules::view::DeviceView;
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "require", args: &["flow"], read };

#[derive(Debug)]
struct Require;

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(Require))
}

impl Kind for Require {
    /// What is lost lets nothing in, even where its fate is not known.
    fn lets_in(&self, _: &Finding) -> bool {
        false
    }

    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let (site, name) = (view.site, view.name);
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let mut out = Vec::new();
        for required in &site.require {
            let Some(needed) = flows.declared(site, required.get_ref()) else { continue };
            let closed = flows.drift.closed.clone();
            let groups = within(flows, &closed, |_, _| needed);
            let certain = groups.iter().any(|g| g.certain != PacketSet::FALSE);
            if groups.is_empty() {
                continue;
            }
            let confidence = if certain { Confidence::Certain } else { Confidence::Possible };
            let mut finding = Finding::new(&rule.id, rule.severity, confidence, Some(name));
            finding.args.insert("flow", Arg::Text(required.get_ref().to_string()));
            let (packet, reasons) = witness(flows, &groups);
            if let Some(packet) = packet {
                finding.location = packet.after.line.clone();
                finding.before = packet.before.as_ref().and_then(|b| b.line.clone());
                finding.witness = Some(Witness::Packet(packet));
            }
            if !certain {
                finding.reasons = reasons;
            }
            finding.flows = flows.drift.lines(&groups, flows.before);
            out.push(finding.named(&required.get_ref().to_string()));
        }
        out
    }
}
