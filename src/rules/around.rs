//! What stands around a mail server: the devices in front of it, and what was there before.

use super::device::Pair;
use crate::drift::relay::{Earlier, Place};
use crate::evidence::{DeviceEvidence, State};
use crate::platform::{self, DeviceModel};
use crate::reach::ways::Station;
use crate::site::Site;

/// The devices in front of one, the nearest first, as far as a state holds them one behind the other.
pub fn fronts<'a>(name: &str, state: &'a State, site: &Site) -> Vec<&'a DeviceEvidence> {
    let mut out: Vec<&DeviceEvidence> = Vec::new();
    let mut inner = name;
    while let Some(front) = site.devices.get(inner).and_then(|device| device.behind.as_ref()) {
        let seen = front.as_str() == name || out.iter().any(|device| device.name == front.as_str());
        let Some(device) = state.devices.get(front.as_str()).filter(|_| !seen) else { break };
        out.push(device);
        inner = &device.name;
    }
    out
}

/// The device with those in front of it, before and after.
pub(super) fn places<'m>(
    pair: &Pair<'m>,
    models: [Option<&'m DeviceModel>; 2],
    around: &'m [Vec<DeviceModel>; 2],
) -> [Option<Place<'m>>; 2] {
    let place = |state: usize| {
        let evidence = pair.fronts.get(state).into_iter().flatten();
        let fronts = evidence.zip(around.get(state).into_iter().flatten());
        let fronts = fronts.map(|(device, model)| Station { name: &device.name, model });
        // who filters no packets stands in nobody's way
        let fronts: Vec<Station<'m>> = fronts.take_while(|front| front.model.firewall.is_some()).collect();
        let model = models.get(state).copied().flatten();
        model.map(|model| Place { host: Station { name: pair.name, model }, fronts, blind: false })
    };
    let (before, now) = (place(0), place(1));
    let known = now.as_ref().map_or(0, |now| now.fronts.len());
    [before.map(|place| Place { blind: place.fronts.len() < known, ..place }), now]
}

/// What is known of the mail relay before.
pub(super) fn earlier<'m>(
    pair: &Pair<'_>,
    old: Option<&DeviceEvidence>,
    before: Option<Place<'m>>,
    after: &DeviceEvidence,
) -> Earlier<'m> {
    let alike = || {
        let [then, now] = &pair.fronts;
        let all =
            old.into_iter().chain(then.iter().copied()).zip([after].into_iter().chain(now.iter().copied()));
        then.len() == now.len() && all.into_iter().all(|(old, new)| is_alike(old, new))
    };
    match (old, before) {
        (_, Some(place)) if place.host.model.relay.is_some() && alike() => Earlier::Same(place),
        (_, Some(place)) if place.host.model.relay.is_some() => Earlier::There(place),
        (Some(old), Some(_)) if platform::had_no_relay(old, after) => Earlier::Nothing,
        _ => Earlier::Unknown,
    }
}

/// Whether two states of a device are read alike, whatever the rules.
pub(super) fn is_alike(old: &DeviceEvidence, new: &DeviceEvidence) -> bool {
    old.artifacts == new.artifacts
        && old.platforms == new.platforms
        && (old.source, old.whole) == (new.source, new.whole)
}
