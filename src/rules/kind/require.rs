//! `require`: a flow that the site needs is no longer possible (CASES P17).

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Finding};
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
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let (site, name) = (view.site, view.name);
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let mut out = Vec::new();
        for required in &site.require {
            let Some(needed) = flows.declared(site, required.get_ref()) else { continue };
            let closed = flows.drift.closed.clone();
            let (mut certain, mut possible, mut line) = (false, false, None);
            for group in &closed {
                let sure = flows.drift.space.and(group.certain, needed);
                let perhaps = flows.drift.space.and(group.possible, needed);
                certain |= sure != PacketSet::FALSE;
                possible |= perhaps != PacketSet::FALSE;
                if let Some(before) = flows.before.filter(|_| line.is_none()) {
                    let lost = crate::drift::Group { certain: sure, possible: perhaps, ..group.clone() };
                    line = flows.drift.lines(&[lost], before).into_iter().next();
                }
            }
            if certain || possible {
                let confidence = if certain { Confidence::Certain } else { Confidence::Possible };
                let mut finding = Finding::new(&rule.id, rule.severity, confidence, Some(name));
                finding.args.insert("flow", Arg::Text(required.get_ref().to_string()));
                finding.flows.extend(line);
                out.push(finding.named(&required.get_ref().to_string()));
            }
        }
        out
    }
}
