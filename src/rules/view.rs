//! What rules look at: one device, or the change as a whole.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::drift::text::TextDrift;
use crate::drift::{FlowDrift, Group, Moment};
use crate::evidence::Algorithms;
use crate::finding::{Confidence, Location};
use crate::firewall::meaning::TooComplex;
use crate::packet::{AddressSet, Field, PacketSet, Prefix, Space};
use crate::platform::DeviceModel;
use crate::reach::Trusts;
use crate::site::flow::Protocol;
use crate::site::resolve::Flow;
use crate::site::{Change, FlowSpec, Site};

/// One device before and after.
pub struct DeviceView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Before; `None` when there is no before state.
    pub before: Option<&'a DeviceModel>,
    /// After.
    pub after: &'a DeviceModel,
    /// Packets; `None` when the device filters none, or the rules were too much to evaluate.
    pub flows: Option<Flows<'a>>,
    /// Relay attempts; `None` when the device is no mail server.
    pub relay: Option<crate::drift::relay::RelayDrift>,
    /// Ids of its platforms, after.
    pub platforms: &'a [String],
    /// Differences of text.
    pub text: &'a [TextDrift],
    /// What the site declares.
    pub site: &'a Site,
    /// What the change declares.
    pub change: Option<&'a Change>,
    /// When the after state was captured.
    pub taken: Option<OffsetDateTime>,
    /// Since when the relay's configuration is what it is after; `None` where nobody captured it.
    pub unchanged_since: Option<OffsetDateTime>,
    /// Tests from outside that were made since then.
    pub tests: &'a [crate::probe::Judged<'a>],
}

/// Packets of one device.
pub struct Flows<'a> {
    /// The difference.
    pub drift: FlowDrift,
    /// The earlier moment.
    pub before: Moment<'a>,
    /// The later moment.
    pub after: Moment<'a>,
    /// Packets by the trust of their source.
    pub trusts: Trusts,
    /// Packets that the plan expects to be let through.
    pub planned: PacketSet,
    /// Packets that rules further up have reported.
    pub reported: PacketSet,
}

impl<'a> Flows<'a> {
    /// Compares two moments of a device.
    ///
    /// # Errors
    /// [`TooComplex`]
    pub fn between(
        name: &str,
        before: Moment<'a>,
        after: Moment<'a>,
        site: &Site,
        change: Option<&Change>,
    ) -> Result<Self, TooComplex> {
        let mut drift = FlowDrift::between(before, after)?;
        let trusts = Trusts::of(&mut drift.space, site, name, after.host);
        let mut planned = PacketSet::FALSE;
        for expected in change.iter().flat_map(|c| &c.expect.open).filter(|e| e.device.as_str() == name) {
            for spec in &expected.flows {
                if let Ok(flow) = site.resolve_expected(spec.get_ref(), |name| addresses(site, name.as_str()))
                {
                    let set = flow_set(&mut drift.space, &flow);
                    planned = drift.space.or(planned, set);
                }
            }
        }
        let reported = PacketSet::FALSE;
        Ok(Self { drift, before, after, trusts, planned, reported })
    }

    /// Everything that the later moment lets through.
    ///
    /// # Errors
    /// [`TooComplex`]
    pub fn accepted(&mut self) -> Result<Vec<Group>, TooComplex> {
        FlowDrift::accepted(&mut self.drift.space, self.after)
    }

    /// The packets that a declared flow names; `None` when a name in it has no addresses.
    pub fn declared(&mut self, site: &Site, spec: &FlowSpec) -> Option<PacketSet> {
        let flow = site.resolve(spec, |name| addresses(site, name.as_str())).ok()?;
        Some(flow_set(&mut self.drift.space, &flow))
    }
}

/// The declared address of a device.
pub fn addresses(site: &Site, name: &str) -> Option<AddressSet> {
    site.devices.get(name)?.literal_address().map(|a| Prefix::host(a).into())
}

/// The packets of a flow.
pub fn flow_set(space: &mut Space, flow: &Flow) -> PacketSet {
    let source = space.addresses(Field::Src, &flow.source);
    let destination = space.addresses(Field::Dst, &flow.destination);
    let protocol = match flow.protocol {
        Protocol::Any => PacketSet::TRUE,
        Protocol::Number(number) => space.number(Field::Proto, number.into()),
    };
    let ports = match &flow.ports {
        None => PacketSet::TRUE,
        Some(ports) => {
            let ranges: Vec<(u128, u128)> =
                ports.ranges().iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
            space.ranges(Field::Dport, &ranges)
        }
    };
    space.all([source, destination, protocol, ports])
}

/// What is known of a device besides its meaning.
#[derive(Debug, Clone, Default)]
pub struct DeviceFacts {
    /// Its meaning differs from before, and how surely.
    pub changed_meaning: Option<Confidence>,
    /// Names of the artifacts whose text differs; what one state lacks does not.
    pub changed_artifacts: Vec<String>,
    /// The first line that was removed, and the first that was added.
    pub first_lines: [Option<Location>; 2],
    /// Host key fingerprint before and after.
    pub host_keys: (Option<String>, Option<String>),
    /// What the connections before and after agreed on.
    pub algorithms: (Option<Algorithms>, Option<Algorithms>),
    /// Both states hold something of it.
    pub compared: bool,
}

/// The change as a whole.
pub struct ChangeView<'a> {
    /// Devices by name.
    pub devices: &'a BTreeMap<String, DeviceFacts>,
    /// What the site declares.
    pub site: &'a Site,
    /// What the change declares.
    pub change: Option<&'a Change>,
    /// Tests from outside of devices that nobody can read.
    pub tests: &'a [crate::probe::Judged<'a>],
    /// When the after state was wholly captured; `None` where nobody captured it.
    pub captured: Option<OffsetDateTime>,
    /// Spans within the window in which a device was not looked at.
    pub gaps: &'a [crate::watch::Unwatched],
}
