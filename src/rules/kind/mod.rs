//! Kinds of rules: one file each, registered by one line in [`ENTRIES`].

mod absent;
mod any_any;
mod evidence;
mod flow_opened;
mod flows;
mod gap;
mod host_key;
mod isolate;
mod old_algorithms;
mod policy_open;
mod probe;
mod relay;
mod require;
mod saved;
mod scope;
mod temporary;
mod together;
mod transient;
mod unsaved;

use std::fmt::Debug;

use super::Rule;
use super::view::{ChangeView, DeviceView};
use crate::finding::{Finding, Witness};
use crate::probe::Judged;
use crate::site::table::Table;

/// What a kind of rule looks for. A kind looks at devices, or at the change as a whole, or at neither (findings of its
/// rules are then made where their subject is known: evidence, samples).
pub trait Kind: Debug + Send + Sync {
    /// Findings about one device.
    fn device(&self, _rule: &Rule, _view: &mut DeviceView<'_>) -> Vec<Finding> {
        Vec::new()
    }

    /// Whether a finding of it says that somebody or something comes through now: what a watch looks out for.
    fn lets_in(&self, finding: &Finding) -> bool {
        let passes = |verdict: &str| !matches!(verdict, "drop" | "reject" | "defer" | "unavailable");
        match &finding.witness {
            Some(Witness::Packet(packet)) => passes(&packet.after.verdict),
            Some(Witness::Relay(attempt)) => passes(&attempt.after.verdict),
            Some(Witness::Fact { .. }) | None => false,
        }
    }

    /// Findings about the change as a whole.
    fn change(&self, _rule: &Rule, _view: &ChangeView<'_>) -> Vec<Finding> {
        Vec::new()
    }

    /// Findings about one test from outside.
    fn tested(&self, _rule: &Rule, _test: &Judged<'_>) -> Vec<Finding> {
        Vec::new()
    }
}

/// One line of the table of kinds.
pub struct Entry {
    /// Name in `kind = "..."`.
    pub name: &'static str,
    /// Values that its findings give to texts, besides `{device}`.
    pub args: &'static [&'static str],
    /// Reads the parameters of a rule; `None` only after a complaint.
    pub read: fn(&Table<'_>) -> Option<Box<dyn Kind>>,
}

/// Every kind, sorted by name.
pub static ENTRIES: &[Entry] = &[
    absent::ENTRY,
    any_any::ENTRY,
    evidence::ENTRY,
    flow_opened::ENTRY,
    gap::ENTRY,
    host_key::ENTRY,
    isolate::ENTRY,
    scope::NO_SCOPE,
    old_algorithms::ENTRY,
    policy_open::ENTRY,
    probe::ENTRY,
    relay::ENTRY,
    require::ENTRY,
    saved::ENTRY,
    scope::ENTRY,
    temporary::ENTRY,
    together::ENTRY,
    transient::ENTRY,
    unsaved::ENTRY,
];
