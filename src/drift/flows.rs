//! Which packets became possible, and which stopped being possible, as exact sets.
//!
//! Both states are evaluated in one space, unknowns as variables of their own; the difference is taken first and the
//! unknowns are quantified afterwards, so that what is unknown but unchanged cancels out.

use crate::firewall::meaning::{Meaning, Passage, TooComplex};
use crate::firewall::{Change, Firewall, Hook};
use crate::host::HostFacts;
use crate::packet::{Field, Interfaces, Limits, NamePattern, PacketSet, Space};

/// One device's packet filter at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Its rules.
    pub firewall: &'a Firewall,
    /// Its host.
    pub host: &'a HostFacts,
}

/// Packets that reach the same kind of place with the same translation.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where they go: input, forward or output.
    pub hook: Hook,
    /// What translation makes of their destination.
    pub target: Change,
    /// Packets for which it is certain.
    pub certain: PacketSet,
    /// Further packets for which the evidence does not exclude it.
    pub possible: PacketSet,
    /// The packets are TCP openings with further flags beside SYN, for which more is possible than for a plain SYN.
    pub odd_flags: bool,
}

/// The difference between two moments. Sets are of fresh packets as they arrive, without atoms.
pub struct FlowDrift {
    /// Where the sets live.
    pub space: Space,
    /// Accepted after, and not before.
    pub opened: Vec<Group>,
    /// Accepted before, and not after.
    pub closed: Vec<Group>,
    /// Accepted before and after, and delivered somewhere else than before.
    pub redirected: Vec<Group>,
    /// Everything that is accepted after.
    pub accepted: Vec<Group>,
}

/// The names of interfaces that any of several moments mentions, numbered once.
///
/// # Errors
/// [`TooComplex`] when there are too many.
pub fn interfaces(moments: &[Moment<'_>]) -> Result<Interfaces, TooComplex> {
    let patterns = moments.iter().flat_map(|moment| {
        let addresses = moment.host.addresses.iter().flatten().map(|a| a.interface.clone());
        let routes = moment.host.routes.iter().flatten().flat_map(|r| r.interfaces.iter().cloned());
        let exact: Vec<NamePattern> = addresses.chain(routes).map(NamePattern::Exact).collect();
        moment.firewall.interface_patterns().into_iter().chain(exact)
    });
    Interfaces::new(patterns).ok_or(TooComplex)
}

impl FlowDrift {
    /// Compares two moments of a device; without a before, everything that is accepted counts as opened.
    ///
    /// # Errors
    /// [`TooComplex`] when the limits are hit; then nothing is known.
    pub fn between(
        before: Option<Moment<'_>>,
        after: Moment<'_>,
        limits: Limits,
    ) -> Result<Self, TooComplex> {
        let moments: Vec<Moment<'_>> = before.into_iter().chain([after]).collect();
        let mut space = Space::new(limits, interfaces(&moments)?);
        let fresh = space.fresh();
        let before = match before {
            Some(moment) => Side::of(&mut space, moment, fresh)?,
            None => Side { places: Vec::new(), accepted: PacketSet::FALSE },
        };
        let after = Side::of(&mut space, after, fresh)?;
        let none = Vec::new;
        let mut drift = Self { opened: none(), closed: none(), redirected: none(), accepted: none(), space };
        for place in &after.places {
            let old = before.place(place).map_or(PacketSet::FALSE, |p| p.packets);
            let reached = drift.space.diff(place.packets, old);
            let opened = drift.space.diff(reached, before.accepted);
            let redirected = drift.space.and(reached, before.accepted);
            let opened = drift.groups(place, opened);
            drift.opened.extend(opened);
            let redirected = drift.groups(place, redirected);
            drift.redirected.extend(redirected);
            let accepted = drift.groups(place, place.packets);
            drift.accepted.extend(accepted);
        }
        for place in &before.places {
            let closed = drift.space.diff(place.packets, after.accepted);
            let closed = drift.groups(place, closed);
            drift.closed.extend(closed);
        }
        if drift.space.exhausted() { Err(TooComplex) } else { Ok(drift) }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty() && self.redirected.is_empty()
    }

    fn groups(&mut self, place: &Place, packets: PacketSet) -> Vec<Group> {
        if packets == PacketSet::FALSE {
            return Vec::new();
        }
        let certain = self.space.certain(packets);
        let possible = self.space.possible(packets);
        let (certain, odd_certain) = self.plain(certain);
        let (possible, odd_possible) = self.plain(possible);
        let both = [(certain, possible, false), (odd_certain, odd_possible, true)];
        let groups = both.into_iter().map(|(certain, possible, odd_flags)| {
            let possible = self.space.diff(possible, certain);
            Group { hook: place.hook, target: place.target.clone(), certain, possible, odd_flags }
        });
        groups.filter(|g| g.certain != PacketSet::FALSE || g.possible != PacketSet::FALSE).collect()
    }

    /// Takes out of a set of fresh packets what every fresh packet has: its connection state follows from the other
    /// fields, a TCP packet opens a connection, marks are zero.
    fn plain(&mut self, set: PacketSet) -> (PacketSet, PacketSet) {
        let mut set = set;
        for field in [Field::State, Field::Fragment, Field::Mark, Field::CtMark, Field::Status, Field::Local]
        {
            set = self.space.forget(set, field);
        }
        self.space.plain_opening(set)
    }
}

/// Packets by where they go.
#[derive(Debug, Clone)]
struct Place {
    hook: Hook,
    target: Change,
    packets: PacketSet,
}

struct Side {
    places: Vec<Place>,
    accepted: PacketSet,
}

impl Side {
    fn of(space: &mut Space, moment: Moment<'_>, fresh: PacketSet) -> Result<Self, TooComplex> {
        let meaning = Meaning::of(space, moment.firewall, moment.host)?;
        let mut side = Self { places: Vec::new(), accepted: PacketSet::FALSE };
        let hooks =
            [(Hook::Input, meaning.input), (Hook::Forward, meaning.forward), (Hook::Output, meaning.output)];
        for (hook, passages) in hooks {
            for Passage { packets, change } in passages {
                let packets = space.and(packets, fresh);
                side.accepted = space.or(side.accepted, packets);
                let target = target(&change);
                match side.places.iter_mut().find(|p| p.hook == hook && p.target == target) {
                    Some(place) => place.packets = space.or(place.packets, packets),
                    None => side.places.push(Place { hook, target, packets }),
                }
            }
        }
        Ok(side)
    }

    fn place(&self, other: &Place) -> Option<&Place> {
        self.places.iter().find(|p| p.hook == other.hook && p.target == other.target)
    }
}

/// What a change does to the destination.
fn target(change: &Change) -> Change {
    let mut target = Change::default();
    for (field, value) in change.iter().filter(|(f, _)| matches!(f, Field::Dst | Field::Dport)) {
        target.set(field, value.clone());
    }
    target
}
