//! `isolate`: a flow between zones that the site keeps apart (cases F11).

use super::flows::{findings, newly_reaching, within};
use super::{Entry, Kind};
use crate::finding::{Arg, Finding};
use crate::firewall::Hook;
use crate::host::routing::WayOut;
use crate::packet::{AddressSet, Field, NamePattern, PacketSet};
use crate::rules::Rule;
use crate::rules::view::{DeviceView, Flows};
use crate::site::Site;
use crate::site::table::Table;

pub(super) const ENTRY: Entry =
    Entry { name: "isolate", args: &["from", "to", "who", "target", "ports", "count"], read };

#[derive(Debug)]
struct Isolate;

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(Isolate))
}

impl Kind for Isolate {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let (site, name) = (view.site, view.name);
        let Some(flows) = view.flows.as_mut() else { return Vec::new() };
        let groups = newly_reaching(flows);
        let mut out = Vec::new();
        for zones in &site.isolate {
            for from in zones.get_ref() {
                for to in zones.get_ref().iter().filter(|to| *to != from) {
                    let source = zone_sources(flows, site, name, from.as_str());
                    let destination = zone_destinations(flows, site, name, to.as_str());
                    let crossing = within(flows, &groups, |flows, group| {
                        if group.hook == Hook::Input {
                            PacketSet::FALSE
                        } else {
                            flows.drift.space.and(source, destination)
                        }
                    });
                    let found = findings(rule, rule.severity, name, flows, &crossing).into_iter().map(
                        |mut finding| {
                            finding.args.insert("from", Arg::Text(from.to_string()));
                            finding.args.insert("to", Arg::Text(to.to_string()));
                            finding
                        },
                    );
                    out.extend(found);
                }
            }
        }
        out
    }
}

/// Packets whose source belongs to a zone.
fn zone_sources(flows: &mut Flows<'_>, site: &Site, device: &str, zone: &str) -> PacketSet {
    let bound = site.interfaces(device);
    let space = &mut flows.drift.space;
    let mut all = PacketSet::FALSE;
    for number in 1..=space.interfaces().last() {
        let Some(name) = space.interfaces().name(number) else { continue };
        let sources = site.zones.sources(&bound, Some(&name));
        let Some(set) = sources.iter().find(|(n, _)| n.as_str() == zone).map(|(_, set)| set) else {
            continue;
        };
        let sources = space.addresses(Field::Src, set);
        let interface = space.number(Field::In, number);
        let both = space.and(sources, interface);
        all = space.or(all, both);
    }
    all
}

/// Packets whose destination belongs to a zone: by its networks, or by the interface that they leave by, unless the
/// networks of another zone hold it. Without routes a packet may leave by any interface.
fn zone_destinations(flows: &mut Flows<'_>, site: &Site, device: &str, zone: &str) -> PacketSet {
    let bound = site.interfaces(device);
    let mut addresses = site.zones.addresses(zone).unwrap_or_default();
    let is_bound = |name: &String| bound.get(name.as_str()).is_some_and(|z| z.as_str() == zone);
    for (way, destinations) in flows.after.host.ways_out().unwrap_or_default() {
        if matches!(&way, WayOut::By(names) if names.iter().any(is_bound)) {
            addresses = addresses.union(&destinations);
        }
    }
    let space = &mut flows.drift.space;
    let mut all = if addresses == AddressSet::none() {
        PacketSet::FALSE
    } else {
        space.addresses(Field::Dst, &addresses)
    };
    let others = site.zones.iter().filter(|other| other.name.as_str() != zone);
    let others: AddressSet = others
        .filter_map(|other| site.zones.addresses(other.name.as_str()))
        .fold(AddressSet::none(), |all, set| all.union(&set));
    let others = space.addresses(Field::Dst, &others);
    for name in bound.keys().filter(|name| is_bound(name)) {
        let out = space.interface(Field::Out, &NamePattern::Exact(name.clone()));
        let out = space.diff(out, others);
        all = space.or(all, out);
    }
    all
}
