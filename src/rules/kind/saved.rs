//! `saved`: what the device loads when it starts means something else than what it runs (cases P04).
//!
//! Nobody knows from here whether a device loads the file at all. Where both meant the same before the work, they are
//! meant to be the same; where they did not, nothing is said. What docker, fail2ban and the like make while the device
//! runs is left out of both.

use super::flow_opened::From;
use super::flows::{findings, newly_reaching, too_complex, within};
use super::{Entry, Kind};
use crate::drift::{FlowDrift, Moment};
use crate::finding::{Arg, Confidence, Finding};
use crate::firewall::{Firewall, Hook};
use crate::packet::PacketSet;
use crate::platform::{DeviceModel, FILES};
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
        let Some(before) = view.before.filter(|_| view.flows.is_some()) else { return Vec::new() };
        let saved = view.after.saved.iter().filter(|saved| in_step(before, saved.by));
        let mut found: Vec<Finding> = saved.flat_map(|saved| self.of(rule, view, &saved.firewall)).collect();
        // rules that were saved in files before and are no longer
        if view.after.nothing_saved && in_step(before, FILES) {
            found.extend(self.of(rule, view, &Firewall::default()));
        }
        found
    }
}

impl Saved {
    fn of(&self, rule: &Rule, view: &DeviceView<'_>, saved: &Firewall) -> Vec<Finding> {
        let Some(both) = Both::of(view.after, saved) else { return Vec::new() };
        let [running, saved] = both.moments(view.after);
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

/// What runs and what is saved, without what other programs make and unmake in it.
struct Both {
    running: Firewall,
    saved: Firewall,
}

impl Both {
    fn of(model: &DeviceModel, saved: &Firewall) -> Option<Self> {
        let running = model.firewall.as_ref()?;
        Some(Self { running: running.without_owned(saved), saved: saved.without_owned(saved) })
    }

    const fn moments<'a>(&'a self, model: &'a DeviceModel) -> [Moment<'a>; 2] {
        let host = &model.host;
        [Moment { firewall: &self.running, host }, Moment { firewall: &self.saved, host }]
    }
}

/// Whether what runs and what is saved mean the same.
fn in_step(model: &DeviceModel, by: &str) -> bool {
    let saved = model.saved.iter().find(|saved| saved.by == by);
    saved.and_then(|saved| Both::of(model, &saved.firewall)).is_some_and(|both| {
        let [running, saved] = both.moments(model);
        FlowDrift::between(running, saved).is_ok_and(|drift| drift.is_empty())
    })
}
