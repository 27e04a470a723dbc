//! `saved`: what the device loads when it starts means something else than what it runs (cases P04).
//!
//! Nobody knows from here whether a device loads the file at all. Where both meant the same before the work, they are
//! meant to be the same; where they did not (a host whose rules docker or fail2ban make), nothing is said.

use super::flow_opened::From;
use super::flows::{findings, newly_reaching, too_complex, within};
use super::{Entry, Kind};
use crate::drift::{FlowDrift, Moment};
use crate::finding::{Arg, Confidence, Finding};
use crate::firewall::{Firewall, Hook};
use crate::packet::PacketSet;
use crate::platform::DeviceModel;
use crate::rules::Rule;
use crate::rules::view::{DeviceView, Flows};
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "saved", args: &["who", "target", "ports", "count"], read };

#[derive(Debug)]
struct Saved {
    /// Only what would open; from here. Else any difference that opens nothing from there.
    opens: bool,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let words = [("opens", true), ("differs", false)];
    let opens = table.need("saved", "saved = \"opens\"").and_then(|v| v.one_of(&words))?;
    Some(Box::new(Saved { opens }))
}

impl Kind for Saved {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        // without a difference in the evidence there is none here either
        if view.flows.is_none() || !view.before.is_some_and(in_step) {
            return Vec::new();
        }
        // rules that were saved before and are no longer
        let nothing = Firewall::default();
        let Some((running, saved)) = moments(view.after).or_else(|| emptied(view.after, &nothing)) else {
            return Vec::new();
        };
        let Ok(mut flows) = Flows::between(view.name, running, saved, view.site, None) else {
            return vec![too_complex(view.name)];
        };
        let groups = newly_reaching(&mut flows);
        let opening = within(&mut flows, &groups, |flows, group| {
            if group.hook == Hook::Output { PacketSet::FALSE } else { From::Untrusted.packets(flows) }
        });
        if self.opens {
            // it is not open yet, so no packet is an example of it
            let found = findings(rule, rule.severity, view.name, &mut flows, &opening).into_iter();
            return found.map(|finding| Finding { witness: None, ..finding }).collect();
        }
        if !opening.is_empty() || flows.drift.is_empty() {
            return Vec::new();
        }
        let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(view.name));
        let lines = flows.drift.opened.len() + flows.drift.closed.len() + flows.drift.redirected.len();
        finding.args.insert("count", Arg::Count(lines as u64));
        vec![finding.named("differs")]
    }
}

/// Whether what runs and what is saved mean the same.
fn in_step(model: &DeviceModel) -> bool {
    let drift = moments(model).and_then(|(running, saved)| FlowDrift::between(running, saved).ok());
    drift.is_some_and(|drift| drift.is_empty())
}

fn emptied<'a>(model: &'a DeviceModel, nothing: &'a Firewall) -> Option<(Moment<'a>, Moment<'a>)> {
    let firewall = model.firewall.as_ref().filter(|_| model.nothing_saved)?;
    Some((Moment { firewall, host: &model.host }, Moment { firewall: nothing, host: &model.host }))
}

fn moments(model: &DeviceModel) -> Option<(Moment<'_>, Moment<'_>)> {
    let running = Moment { firewall: model.firewall.as_ref()?, host: &model.host };
    Some((running, Moment { firewall: model.saved.as_ref()?, host: &model.host }))
}
