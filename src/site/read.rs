//! Reads `site.toml`: entry by entry, then what the entries say of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::device::{Device, Jump, read_device};
use super::diagnostic::{Rejected, Source};
use super::draft::Draft;
use super::name::Name;
use super::probe::read_probing;
use super::problem::{Problem, Referent};
use super::table::{self, Reader, Table, Value};
use super::value::read_prefix;
use super::zone::{Trust, Zone, Zones};
use super::{Known, Site};
use crate::packet::{AddressSet, Family, Prefix};

/// A zone as read, with the places that later complaints point at.
struct ZoneEntry {
    zone: Zone,
    name_span: Range<usize>,
    networks: Vec<Spanned<Prefix>>,
}

/// Reads a site.
pub(super) fn read_site(source: &Source, known: &Known<'_>) -> Result<Site, Rejected> {
    let site = table::read(source, |reader, root| {
        let draft = Draft::new(reader, source, known);
        let entries: Vec<ZoneEntry> =
            root.tables("zone", "[[zone]]").into_iter().filter_map(|t| read_zone(t, &draft)).collect();
        let devices = root.tables("device", "[[device]]").into_iter().filter_map(|t| {
            let span = t.span();
            Some((read_device(t, &draft)?, span))
        });
        let devices: Vec<(Device, Range<usize>)> = devices.collect();
        let mut site =
            Site { zones: Zones::new(entries.iter().map(|entry| entry.zone.clone())), ..Site::default() };
        if let Some(table) = root.table("site", "[site]") {
            read_head(table, &draft, &mut site);
        }
        if let Some(table) = root.table("probe", "[probe]") {
            site.probing = read_probing(table, &draft);
        }
        if let Some(table) = root.table("rules", "[rules]") {
            site.packs = table.get("packs").and_then(|v| v.each(|pack| draft.pack(pack))).unwrap_or_default();
            table.finish();
        }
        root.finish();
        draft.check_names();
        check_readable(reader, &devices, &site);
        check_networks(reader, &entries, &devices);
        check_rings(reader, &devices);
        site.devices = devices.into_iter().map(|(device, _)| (device.name.clone(), device)).collect();
        Some(site)
    })?;
    Ok(Site { source: Some(source.clone()), ..site })
}

/// Reads `[site]`.
fn read_head(table: Table<'_>, draft: &Draft<'_>, site: &mut Site) {
    site.name = table.get("name").and_then(|v| v.line());
    site.isolate =
        table.get("isolate").and_then(|v| read_sets(&v, Referent::Zone, draft)).unwrap_or_default();
    site.never_together =
        table.get("never_together").and_then(|v| read_sets(&v, Referent::Group, draft)).unwrap_or_default();
    site.require = table.get("require").and_then(|v| v.each(Value::flow)).unwrap_or_default();
    for flow in &site.require {
        draft.refer_flow(flow, &site.zones);
    }
    site.soak = table.get("soak").and_then(|v| v.duration());
    site.known_hosts = table.get("known_hosts").and_then(|v| v.parse(|text| draft.path(text)));
    table.finish();
}

/// Reads lists of at least two different names: `[["a", "b"], ["c", "d"]]`.
fn read_sets(value: &Value<'_>, what: Referent, draft: &Draft<'_>) -> Option<Vec<Spanned<BTreeSet<Name>>>> {
    value.each(|members| {
        let list = members.list()?;
        let names: Vec<Name> = list.iter().filter_map(|member| draft.refer(what, member)).collect();
        let set: BTreeSet<Name> = names.iter().cloned().collect();
        if set.len() < 2 && names.len() == list.len() {
            members.report(Problem::TooFew { key: members.key().to_owned(), least: 2 });
        }
        Some(Spanned::new(members.span(), set))
    })
}

/// Reads one `[[zone]]`.
fn read_zone(table: Table<'_>, draft: &Draft<'_>) -> Option<ZoneEntry> {
    let words = [("untrusted", Trust::Untrusted), ("partner", Trust::Partner), ("trusted", Trust::Trusted)];
    let name_value = table.need("name", "name = \"dmz\"");
    let name = name_value.as_ref().and_then(|v| draft.declare(Referent::Zone, v));
    let trust = table.need("trust", "trust = \"untrusted\"").and_then(|v| v.one_of(&words));
    let networks = match table.get("networks") {
        None => Some(Vec::new()),
        Some(value) => value.filled().and_then(|members| {
            // All are read before one that failed spoils the list, so that each is told.
            let read: Vec<Option<_>> = members.iter().map(read_network).collect();
            read.into_iter().collect()
        }),
    };
    table.finish();
    let networks: Vec<Spanned<Prefix>> = networks?;
    let zone = Zone { name: name?, trust: trust?, networks: networks.iter().map(|n| *n.get_ref()).collect() };
    Some(ZoneEntry { zone, name_span: name_value?.span(), networks })
}

/// A device without platforms is one that is only tested, or tested from.
fn check_readable(reader: &Reader<'_>, devices: &[(Device, Range<usize>)], site: &Site) {
    let unread = devices.iter().filter(|(device, _)| device.platforms.is_empty() && device.probe.is_empty());
    for (_, span) in unread.filter(|(device, _)| site.probing.from.as_ref() != Some(&device.name)) {
        reader.report(span.clone(), Problem::Empty { key: "platforms".to_owned() });
    }
}

fn read_network(value: &Value<'_>) -> Option<Spanned<Prefix>> {
    value.parse(read_prefix).map(|prefix| Spanned::new(value.span(), prefix))
}

/// Every network belongs to one zone, no trusted zone is the internet, and every zone can be met somewhere.
fn check_networks(reader: &Reader<'_>, entries: &[ZoneEntry], devices: &[(Device, Range<usize>)]) {
    let mut owners: BTreeMap<Prefix, &Name> = BTreeMap::new();
    let bound: BTreeSet<&Name> = devices.iter().flat_map(|(device, _)| device.interfaces.values()).collect();
    for entry in entries {
        let zone = &entry.zone;
        for network in &entry.networks {
            let owner = owners.entry(*network.get_ref()).or_insert(&zone.name);
            if **owner != zone.name {
                let (network_text, zone) = (network.get_ref().to_string(), owner.to_string());
                reader.report(network.span(), Problem::SharedNetwork { network: network_text, zone });
            }
        }
        let all: AddressSet = zone.networks.iter().copied().collect();
        if zone.trust == Trust::Trusted && is_internet(&all) {
            let span = entry.networks.first().map_or(entry.name_span.clone(), Spanned::span);
            reader.report(span, Problem::TrustsTheInternet { zone: zone.name.to_string() });
        }
        if zone.networks.is_empty() && !zone.is_rest() && !bound.contains(&zone.name) {
            reader.report(entry.name_span.clone(), Problem::ZoneNowhere { zone: zone.name.to_string() });
        }
    }
}

/// Half of all IPv4 or a sixteenth of IPv6: what counts as "any", however it is written.
fn is_internet(addresses: &AddressSet) -> bool {
    addresses.count(Family::Ipv4) >= 1 << 31 || addresses.count(Family::Ipv6) >= 1 << 124
}

/// No device stands behind itself, and none is reached through itself.
fn check_rings(reader: &Reader<'_>, devices: &[(Device, Range<usize>)]) {
    let spans: BTreeMap<&Name, &Range<usize>> = devices.iter().map(|(d, span)| (&d.name, span)).collect();
    let behind = devices.iter().filter_map(|(d, _)| Some((&d.name, d.behind.as_ref()?)));
    let jump = devices.iter().filter_map(|(d, _)| match d.jump.as_ref()? {
        Jump::Device(name) => Some((&d.name, name)),
        Jump::Account(_) => None,
    });
    for (key, next) in [("behind", behind.collect()), ("jump", jump.collect())] {
        for ring in rings(&next) {
            let path = ring.iter().chain(ring.first()).map(|name| name.to_string()).collect();
            if let Some(span) = ring.first().and_then(|name| spans.get(name)) {
                reader.report((*span).clone(), Problem::Cycle { key: key.to_owned(), path });
            }
        }
    }
}

/// The rings in a relation in which everything has at most one successor; each begins with its first name.
fn rings<'n>(next: &BTreeMap<&'n Name, &'n Name>) -> Vec<Vec<&'n Name>> {
    let mut seen: BTreeSet<&Name> = BTreeSet::new();
    let mut rings = Vec::new();
    for start in next.keys() {
        let mut way: Vec<&Name> = Vec::new();
        let mut at = Some(*start);
        while let Some(name) = at.filter(|name| seen.insert(name)) {
            way.push(name);
            at = next.get(name).copied();
        }
        // The walk ended where it, or an earlier one, has been before; only its own steps close a ring.
        let Some(from) = at.and_then(|name| way.iter().position(|step| *step == name)) else { continue };
        let mut ring = way.split_off(from);
        let least = ring.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(i, _)| i);
        ring.rotate_left(least);
        rings.push(ring);
    }
    rings
}
