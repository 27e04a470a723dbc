//! What one device lets in, whatever was there before.

use super::device::{DeviceResult, seen};
use super::missing::{came, lacks};
use crate::drift::relay::{self, Earlier};
use crate::drift::{FlowDrift, FlowLine, Moment};
use crate::evidence::DeviceEvidence;
use crate::platform;
use crate::reason::Reason;
use crate::site::Site;

/// What a device lets in: all of it counts as opened.
pub fn expose(name: &str, device: &DeviceEvidence, site: &Site) -> DeviceResult {
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
    result.relay = relay::between(name, Earlier::Nothing, &model, site).unwrap_or_default();
    result
}
