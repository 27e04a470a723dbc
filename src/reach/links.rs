//! Which interfaces of two devices lie on the same link, and who is on a link already.

use std::collections::BTreeSet;

use super::ways::Station;
use crate::packet::{AddressSet, Field, PacketSet, Prefix, Space};
use crate::site::Site;

/// The interfaces of a station that lie on a link with another one: they share a network, or a zone that both name.
pub fn facing(station: Station<'_>, other: Station<'_>, site: &Site) -> Vec<String> {
    let (own, others) = (&station.model.host.addresses, &other.model.host.addresses);
    let zones = site.interfaces(other.name);
    let mut names: Vec<String> = Vec::new();
    for address in own.iter().flatten().filter(|a| !a.address.is_loopback()) {
        let link = Prefix::new(address.address, address.prefix);
        let shares =
            link.is_some_and(|link| others.iter().flatten().any(|other| link.contains(other.address)));
        if shares && !names.contains(&address.interface) {
            names.push(address.interface.clone());
        }
    }
    for (name, zone) in site.interfaces(station.name) {
        let known = own.as_ref().is_none_or(|own| own.iter().any(|a| a.interface == name));
        if known && zones.values().any(|other| *other == zone) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Packets by interfaces; all that come by some interface where none is named.
pub(super) fn by_names(space: &mut Space, field: Field, names: &[String]) -> PacketSet {
    let numbers: Vec<(u128, u128)> =
        names.iter().map(|n| space.interfaces().number(n)).map(|n| (n, n)).collect();
    if numbers.is_empty() {
        let last = space.interfaces().last();
        return space.ranges(field, &[(1, last)]);
    }
    let sets: Vec<PacketSet> = numbers.into_iter().map(|range| space.ranges(field, &[range])).collect();
    space.any(sets)
}

/// Packets that come by an interface of a station: one with an address or a route, or one that somebody declared. Others
/// are only named by rules. All interfaces where none is known.
pub(super) fn present(space: &mut Space, station: Station<'_>, site: &Site) -> PacketSet {
    let host = &station.model.host;
    let Some(addresses) = &host.addresses else { return by_names(space, Field::In, &[]) };
    let addressed = addresses.iter().map(|a| a.interface.clone());
    let routed = host.routes.iter().flatten().flat_map(|route| route.interfaces.iter().cloned());
    let declared = site.interfaces(station.name).into_keys();
    let names: BTreeSet<String> = addressed.chain(routed).chain(declared).filter(|n| n != "lo").collect();
    by_names(space, Field::In, &names.into_iter().collect::<Vec<_>>())
}

/// Packets that hosts on a station's own links send: they meet no device in front of it.
pub(super) fn neighbours(
    space: &mut Space,
    station: Station<'_>,
    names: &[String],
    own: &AddressSet,
    site: &Site,
) -> PacketSet {
    let Some(addresses) = &station.model.host.addresses else {
        // the networks of the zone that it stands in
        let zones = site.zones.networks();
        let around = zones.into_values().filter(|zone| !zone.intersection(own).is_empty());
        let around = around.fold(AddressSet::none(), |all, zone| all.union(&zone));
        return space.addresses(Field::Src, &around);
    };
    let mut near = PacketSet::FALSE;
    for address in addresses.iter().filter(|a| names.is_empty() || names.contains(&a.interface)) {
        let Some(link) = Prefix::new(address.address, address.prefix) else { continue };
        let there = by_names(space, Field::In, std::slice::from_ref(&address.interface));
        let sources = space.addresses(Field::Src, &link.into());
        let both = space.and(there, sources);
        near = space.or(near, both);
    }
    near
}

/// The addresses of a host as others reach it.
pub fn own_addresses(station: Station<'_>, site: &Site) -> AddressSet {
    let own = station.model.host.own();
    let own = own.or_else(|| station.model.relay.as_ref()?.own_addresses.clone());
    let declared = || site.devices.get(station.name)?.literal_address().map(|a| Prefix::host(a).into());
    own.or_else(declared).unwrap_or_default().difference(&crate::host::loopback())
}
