//! What one device lets in, whatever was there before.

use super::around::fronts;
use super::device::{DeviceResult, seen};
use super::missing::{came, lacks};
use crate::drift::relay::{self, Earlier, Place};
use crate::drift::{FlowDrift, FlowLine, Moment};
use crate::evidence::{DeviceEvidence, State};
use crate::platform;
use crate::reach::ways::Station;
use crate::reason::Reason;
use crate::site::Site;

/// What a device lets in: all of it counts as opened.
pub fn expose(name: &str, device: &DeviceEvidence, state: &State, site: &Site) -> DeviceResult {
    let model = platform::read(device);
    let mut result = seen(name, device, &model);
    result.lacks = lacks(device, &model);
    result.facts.compared = came(device);
    if let Some(firewall) = &model.firewall {
        let moment = Moment { firewall, host: &model.host };
        match FlowDrift::exposure(moment) {
            Ok(mut drift) => {
                let groups = drift.opened.clone();
                result.opened = drift.lines(&groups, moment);
            }
            Err(_) => {
                result.lacks.push(Reason::TooComplex { subject: "packet filter".to_owned() });
                result.opened = FlowLine::anything();
            }
        }
    }
    result.complete = result.lacks.is_empty();
    let around: Vec<_> =
        fronts(name, state, site).into_iter().map(|d| (&d.name, platform::read(d))).collect();
    let fronts = around.iter().map(|(name, model)| Station { name, model });
    // who filters no packets stands in nobody's way
    let fronts = fronts.take_while(|front| front.model.firewall.is_some()).collect();
    let place = Place { host: Station { name, model: &model }, fronts, blind: false };
    result.relay = relay::between(Earlier::Nothing, place, site).unwrap_or_default();
    result
}
