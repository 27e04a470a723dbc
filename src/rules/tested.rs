//! Which tests from outside count: those made since the relay's configuration is what it is after.
//!
//! An edit is not seen, only its effect in the next look. The configuration is what it is after since the first of the
//! last looks that all see the same; a test counts if it began when that look was over. One made earlier may have met
//! the configuration of before. A state that nobody captured (a repository) has no such moment, and no test of it counts.

use time::OffsetDateTime;

use super::judge::Case;
use crate::evidence::{DeviceEvidence, State};
use crate::platform::Normaliser;
use crate::platform::configures_relay;
use crate::probe::Record;

/// Since when a device's relay configuration is what it is after; `None` where nobody captured it.
pub(super) fn unchanged_since(case: &Case<'_>, device: &str) -> Option<OffsetDateTime> {
    let (_, mut since) = case.after.taken?;
    let mut later = case.after.devices.get(device)?;
    for state in case.samples.iter().rev().chain(case.before) {
        let Some((_, ended)) = state.taken else { break };
        // a look that did not see the device says nothing of it
        let Some(earlier) = seen(state, device) else { continue };
        if !same(earlier, later) {
            break;
        }
        (since, later) = (ended, earlier);
    }
    Some(since)
}

/// Tests of a device that count.
pub(super) fn since<'a>(case: &Case<'a>, device: &str, since: Option<OffsetDateTime>) -> Vec<&'a Record> {
    let of_device = case.tests.iter().filter(|record| record.device == device);
    of_device.filter(|record| since.is_some_and(|since| record.started >= since)).collect()
}

fn seen<'s>(state: &'s State, device: &str) -> Option<&'s DeviceEvidence> {
    state.devices.get(device).filter(|evidence| evidence.failures.is_empty())
}

/// Whether the relay's configuration is the same in both, volatile parts aside.
fn same(earlier: &DeviceEvidence, later: &DeviceEvidence) -> bool {
    let drift = Normaliser::of(&later.platforms).compare(earlier, later);
    !drift.iter().any(|text| configures_relay(&text.artifact, &later.platforms))
}
