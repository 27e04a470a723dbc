//! Ways to a mail listener: through the devices in front of its host and through the host's own packet filter, with what
//! translation makes of addresses and ports on the way.
//!
//! A way is followed from the listener outward. What a device lets through is quantified over its own unknowns before it
//! is joined with the next one's, so that equal unknowns of two devices are never taken for the same.

use crate::drift::Moment;
use crate::drift::flows::{plain, space_for};
use crate::firewall::meaning::{Meaning, Passage, TooComplex};
use crate::firewall::{Change, Firewall, Value};
use crate::packet::{AddressRange, AddressSet, Family, Field, PacketSet, Space, proto};
use crate::platform::DeviceModel;
use crate::reach::Trusts;
use crate::reach::clients::Sureness;
use crate::reach::links::{by_names, facing, neighbours, present};
use crate::reason::Reason;
use crate::relay::{Bind, Listener, Trust};
use crate::site::Site;

/// A device that packets pass, or end at.
#[derive(Debug, Clone, Copy)]
pub struct Station<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is known of it.
    pub model: &'a DeviceModel,
}

/// A device without a packet filter of its own.
static NO_FILTER: Firewall = Firewall { tables: Vec::new() };

impl<'a> Station<'a> {
    /// Its packet filter and its host.
    pub fn moment(self) -> Moment<'a> {
        Moment { firewall: self.model.firewall.as_ref().unwrap_or(&NO_FILTER), host: &self.model.host }
    }
}

/// One way to a listener.
#[derive(Debug, Clone)]
pub struct Way {
    /// The station at which packets come in: 0 is the host itself, higher numbers lie further out.
    pub at: usize,
    /// How far those who send them are trusted; `None` where there is no device in front, and only addresses tell.
    pub trust: Option<Trust>,
    /// The packets as they come in there.
    pub packets: PacketSet,
    /// The source addresses that the host sees, where a device replaces them.
    pub seen: Option<AddressSet>,
}

/// The stations before a host, and what passes each of them.
pub struct Ways<'a> {
    /// The host first, then outward.
    pub stations: Vec<Station<'a>>,
    /// Where the packets of every way live.
    pub space: Space,
    stops: Vec<Stop>,
    /// The host's addresses; only asked for where there is a device in front.
    own: AddressSet,
}

/// What is worked out of one station.
struct Stop {
    passages: Vec<Through>,
    trusts: Trusts,
    /// Packets that come by an interface that it has.
    present: PacketSet,
    /// Packets that come by an interface towards the next station outward.
    outward: PacketSet,
    /// Those of them that its neighbours on the link send themselves.
    near: PacketSet,
    /// Packets that leave by an interface towards the next station inward; `None` where that is not known.
    inward: Option<PacketSet>,
}

/// Connections that pass a station with the same changes.
#[derive(Clone)]
struct Through {
    certain: PacketSet,
    possible: PacketSet,
    change: Change,
}

impl<'a> Ways<'a> {
    /// Works out what passes a host and the devices in front of it, the nearest first. `own` are the host's addresses.
    ///
    /// # Errors
    /// [`TooComplex`]
    pub fn of(
        host: Station<'a>,
        fronts: &[Station<'a>],
        own: AddressSet,
        site: &Site,
    ) -> Result<Self, TooComplex> {
        let stations: Vec<Station<'a>> = [host].into_iter().chain(fronts.iter().copied()).collect();
        let moments: Vec<Moment<'a>> = stations.iter().map(|s| s.moment()).collect();
        let mut space = space_for(&moments)?;
        let mut stops = Vec::new();
        for (at, station) in stations.iter().enumerate() {
            let moment = station.moment();
            let meaning = Meaning::of(&mut space, moment.firewall, moment.host)?;
            let passages = if at == 0 { meaning.input } else { meaning.forward };
            let passages = passages.into_iter().flat_map(|passage| through(&mut space, passage)).collect();
            let trusts = Trusts::of(&mut space, site, station.name, moment.host);
            let present = present(&mut space, *station, site);
            let (mut outward, mut near, mut inward) = (PacketSet::FALSE, PacketSet::FALSE, None);
            if let Some(outer) = stations.get(at + 1) {
                let names = facing(*station, *outer, site);
                outward = by_names(&mut space, Field::In, &names);
                near = neighbours(&mut space, *station, &names, &own, site);
            }
            if let Some(inner) = at.checked_sub(1).and_then(|inner| stations.get(inner)) {
                let names = facing(*station, *inner, site);
                inward = (!names.is_empty()).then(|| by_names(&mut space, Field::Out, &names));
            }
            stops.push(Stop { passages, trusts, present, outward, near, inward });
        }
        if space.exhausted() { Err(TooComplex) } else { Ok(Self { stations, space, stops, own }) }
    }

    /// Every way to a listener.
    ///
    /// # Errors
    /// [`TooComplex`]
    pub fn to(&mut self, listener: &Listener, sureness: Sureness) -> Result<Vec<Way>, TooComplex> {
        let wanted = self.wanted(listener);
        let mut set = PacketSet::FALSE;
        let passages = self.stops.first().map(|stop| stop.passages.clone()).unwrap_or_default();
        for through in passages {
            for family in Family::BOTH {
                let part = self.pull(wanted, &through, family, sureness);
                set = self.space.or(set, part);
            }
        }
        let mut ways = Vec::new();
        if self.stops.len() == 1 {
            ways.push(Way { at: 0, trust: None, packets: set, seen: None });
        } else {
            let own = self.space.addresses(Field::Dst, &self.own);
            set = self.space.and(set, own);
            self.collect(0, set, None, sureness, &mut ways);
        }
        if self.space.exhausted() { Err(TooComplex) } else { Ok(ways) }
    }

    /// Connections to a listener, as they are delivered.
    fn wanted(&mut self, listener: &Listener) -> PacketSet {
        let space = &mut self.space;
        let tcp = space.number(Field::Proto, proto::TCP.into());
        let port = listener.port.map_or(PacketSet::TRUE, |port| space.number(Field::Dport, port.into()));
        let bound = match &listener.bind {
            Bind::Any { ipv4, ipv6 } => {
                let of = |on: bool, set: PacketSet| if on { set } else { PacketSet::FALSE };
                let (v4, v6) = (space.family(Family::Ipv4), space.family(Family::Ipv6));
                space.or(of(*ipv4, v4), of(*ipv6, v6))
            }
            Bind::Addresses(set) | Bind::Among(set, _) => space.addresses(Field::Dst, set),
        };
        space.all([tcp, port, bound])
    }

    /// Adds the ways of packets that do what is wanted once they are at a station.
    fn collect(
        &mut self,
        at: usize,
        set: PacketSet,
        seen: Option<&AddressSet>,
        sureness: Sureness,
        out: &mut Vec<Way>,
    ) {
        let Some(stop) = self.stops.get(at).filter(|_| set != PacketSet::FALSE) else { return };
        let (trusts, outward, near, present) = (stop.trusts, stop.outward, stop.near, stop.present);
        let inner = self.space.diff(present, outward);
        let inner = self.space.and(set, inner);
        let near = self.space.and(set, near);
        let direct = self.space.or(inner, near);
        let kinds = [
            (Trust::Untrusted, trusts.untrusted),
            (Trust::Partner, trusts.partner),
            (Trust::Trusted, trusts.trusted),
        ];
        for (trust, theirs) in kinds {
            let mut packets = self.space.and(direct, theirs);
            if trust == Trust::Untrusted && sureness == Sureness::Certain {
                // the internet carries nothing to such addresses; a neighbour at the provider may send it
                let inside = self.space.addresses(Field::Dst, &crate::host::private());
                packets = self.space.diff(packets, inside);
            }
            if packets != PacketSet::FALSE {
                out.push(Way { at, trust: Some(trust), packets, seen: seen.cloned() });
            }
        }
        let onward = self.space.and(set, outward);
        let onward = self.space.forget(onward, Field::In);
        let passages = self.stops.get(at + 1).map(|stop| stop.passages.clone()).unwrap_or_default();
        let inward = self.stops.get(at + 1).and_then(|stop| stop.inward);
        for (through, family) in passages.iter().flat_map(|p| Family::BOTH.map(|family| (p, family))) {
            let part = self.pull(onward, through, family, sureness);
            let part = self.leaving(part, inward, sureness);
            match (seen, source(&through.change, family)) {
                (None, Source::Unknown) if sureness == Sureness::Certain => {}
                (None, Source::Unknown) => {
                    self.collect(at + 1, part, Some(&AddressSet::all().only(family)), sureness, out);
                }
                (None, Source::Given(given)) => self.collect(at + 1, part, Some(&given), sureness, out),
                (seen, _) => self.collect(at + 1, part, seen, sureness, out),
            }
        }
    }

    /// The packets of a family that pass a station and are in `set` afterwards.
    fn pull(&mut self, set: PacketSet, through: &Through, family: Family, sureness: Sureness) -> PacketSet {
        let packets = match sureness {
            Sureness::Certain => through.certain,
            Sureness::Possible => through.possible,
        };
        let only = self.space.family(family);
        let packets = self.space.and(packets, only);
        if packets == PacketSet::FALSE {
            return packets;
        }
        let before = self.unchange(set, &through.change, family, sureness);
        self.space.and(packets, before)
    }

    /// The packets of a family that are in `set` after a change.
    fn unchange(&mut self, set: PacketSet, change: &Change, family: Family, sureness: Sureness) -> PacketSet {
        let space = &mut self.space;
        let mut set = set;
        for (field, value) in change.iter() {
            if !space.depends_on(set, field) {
                continue;
            }
            let is_address = matches!(field, Field::Src | Field::Dst);
            let bits = if is_address { u32::from(family.bits()) } else { field.bits() };
            set = match value {
                Value::Bits { mask, value } => space.before_change(set, &|var| {
                    let shift =
                        (field.first() + bits).checked_sub(1 + var).filter(|_| var >= field.first())?;
                    let constant = if value >> shift & 1 == 1 { PacketSet::TRUE } else { PacketSet::FALSE };
                    (mask >> shift & 1 == 1).then_some(constant)
                }),
                Value::Among { choice, .. }
                    if sureness == Sureness::Certain && !matches!(choice.reason, Reason::RunTime { .. }) =>
                {
                    PacketSet::FALSE
                }
                // one of these, and sooner or later each of them
                Value::Among { ranges, .. } => {
                    let ranges = ranges.iter().copied();
                    let among = if is_address {
                        let ranges =
                            ranges.map(|(first, last)| AddressRange { family, first, last }).collect();
                        space.addresses(field, &ranges)
                    } else {
                        space.ranges(field, &ranges.collect::<Vec<_>>())
                    };
                    let met = space.and(set, among);
                    let only = space.family(family);
                    let met = space.and(met, only);
                    space.forget(met, field)
                }
            };
        }
        set
    }

    /// Those that leave towards the station inward, where the device's routes do not say which way they leave.
    fn leaving(&mut self, set: PacketSet, inward: Option<PacketSet>, sureness: Sureness) -> PacketSet {
        let space = &mut self.space;
        if !space.depends_on(set, Field::Out) {
            return set;
        }
        let legal = inward.unwrap_or_else(|| space.legal());
        let some = space.and(set, legal);
        let some = space.forget(some, Field::Out);
        if sureness == Sureness::Possible {
            return some;
        }
        let misses = space.diff(legal, set);
        let misses = space.forget(misses, Field::Out);
        space.diff(some, misses)
    }
}

/// What passes a station, without its unknowns.
fn through(space: &mut Space, passage: Passage) -> Option<Through> {
    let fresh = space.fresh();
    let tcp = space.number(Field::Proto, proto::TCP.into());
    let packets = space.all([passage.packets, fresh, tcp]);
    // a rate limit lets clients in now and then, which is all that a relay needs
    let at_times = space.at_some_moment(packets);
    let (certain, possible) = (space.certain(at_times), space.possible(packets));
    let [certain, possible] = [certain, possible].map(|set| plain(space, set).0);
    let change = passage.change;
    (possible != PacketSet::FALSE).then_some(Through { certain, possible, change })
}

/// What becomes of a source address.
enum Source {
    /// It stays.
    Kept,
    /// It becomes one of these, sooner or later each of them.
    Given(AddressSet),
    /// Another one, nobody knows which.
    Unknown,
}

fn source(change: &Change, family: Family) -> Source {
    let of = |ranges: &[(u128, u128)]| {
        let ranges = ranges.iter().map(|(first, last)| AddressRange { family, first: *first, last: *last });
        Source::Given(ranges.collect())
    };
    match change.get(Field::Src) {
        None => Source::Kept,
        Some(Value::Bits { mask: u128::MAX, value }) => of(&[(*value, *value)]),
        // a network for a network: which address becomes which is not looked at
        Some(Value::Bits { .. }) => Source::Unknown,
        Some(Value::Among { ranges, choice }) => match choice.reason {
            Reason::RunTime { .. } => of(ranges),
            _ => Source::Unknown,
        },
    }
}
