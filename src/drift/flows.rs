//! Which packets became possible, and which stopped being possible, as exact sets.
//!
//! Both states are evaluated in one space, unknowns as variables of their own; the difference is taken first and the
//! unknowns are quantified afterwards, so that what is unknown but unchanged cancels out.

use crate::firewall::limits::implications;
use crate::firewall::meaning::{Meaning, Passage, TooComplex};
use crate::firewall::region::Region;
use crate::firewall::{Change, Firewall, Hook};
use crate::host::HostFacts;
use crate::packet::{CoverLimits, Field, Interfaces, Limits, NamePattern, PacketSet, Space};

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
    /// Packets that get through at some moment, and never did on the other side: the certain ones, and those that a rate
    /// limit, a time of day or another thing that changes by itself lets in now and then.
    pub at_times: PacketSet,
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
    /// How long the sets may become in writing.
    pub cover: CoverLimits,
}

/// The names of interfaces that any of several moments mentions, numbered once.
///
/// # Errors
/// [`TooComplex`] when there are too many.
pub fn interfaces(moments: &[Moment<'_>]) -> Result<Interfaces, TooComplex> {
    let patterns = moments.iter().flat_map(|moment| {
        let addresses = moment.host.addresses.iter().flatten().map(|a| a.interface.clone());
        let routes = moment.host.routes.iter().flatten().flat_map(|r| r.interfaces.iter().cloned());
        // what the loopback interface brings is judged apart from what comes from outside
        let loopback = std::iter::once("lo".to_owned());
        let exact: Vec<NamePattern> =
            addresses.chain(routes).chain(loopback).map(NamePattern::Exact).collect();
        moment.firewall.interface_patterns().into_iter().chain(exact)
    });
    Interfaces::new(patterns).ok_or(TooComplex)
}

impl FlowDrift {
    /// Compares two moments of a device.
    ///
    /// # Errors
    /// [`TooComplex`] when the limits are hit; then nothing is known.
    pub fn between(before: Moment<'_>, after: Moment<'_>) -> Result<Self, TooComplex> {
        let limits = limits(&[before, after]);
        let mut space = Space::new(limits, interfaces(&[before, after])?);
        let region = (before.host.without_sockets() == after.host.without_sockets())
            .then(|| Region::between(&mut space, before.firewall, after.firewall, after.host))
            .flatten();
        let known = known(&mut space, before.firewall, after.firewall);
        let before = Side::of(&mut space, before, region.as_ref())?;
        let after = Side::of(&mut space, after, region.as_ref())?;
        let mut drift = Self::of(space);
        for place in &after.places {
            let old = before.place(place).map_or(PacketSet::FALSE, |p| p.packets);
            let reached = drift.space.diff(place.packets, old);
            let opened = drift.space.diff(reached, before.accepted);
            let redirected = drift.space.and(reached, before.accepted);
            let opened = groups(&mut drift.space, place, opened, before.accepted, known);
            drift.opened.extend(opened);
            let redirected = groups(&mut drift.space, place, redirected, old, known);
            drift.redirected.extend(redirected);
        }
        for place in &before.places {
            let closed = drift.space.diff(place.packets, after.accepted);
            let closed = groups(&mut drift.space, place, closed, after.accepted, known);
            drift.closed.extend(closed);
        }
        if drift.space.exhausted() { Err(TooComplex) } else { Ok(drift) }
    }

    const fn of(space: Space) -> Self {
        Self {
            space,
            opened: Vec::new(),
            closed: Vec::new(),
            redirected: Vec::new(),
            cover: CoverLimits::USUAL,
        }
    }

    /// Everything that a device lets in: its difference from one that lets in nothing. What the device itself sends is
    /// left out.
    ///
    /// # Errors
    /// [`TooComplex`] when the limits are hit; then nothing is known.
    pub fn exposure(moment: Moment<'_>) -> Result<Self, TooComplex> {
        let mut drift = Self::of(space_for(&[moment])?);
        let accepted = Self::accepted(&mut drift.space, moment)?;
        drift.opened = accepted.into_iter().filter(|group| group.hook != Hook::Output).collect();
        let boxes = rules(&[moment]).saturating_mul(BOXES_FOR_A_RULE);
        drift.cover.boxes = drift.cover.boxes.max(boxes.min(MOST_BOXES));
        drift.cover.ranges = drift.cover.ranges.max(drift.cover.boxes.saturating_mul(RANGES_FOR_A_BOX));
        Ok(drift)
    }

    /// Everything that a moment lets through; `space` may hold other sets of the same interfaces.
    ///
    /// # Errors
    /// [`TooComplex`] when the limits are hit; then nothing is known.
    pub fn accepted(space: &mut Space, moment: Moment<'_>) -> Result<Vec<Group>, TooComplex> {
        let side = Side::of(space, moment, None)?;
        let mut out = Vec::new();
        for place in &side.places {
            out.extend(groups(space, place, place.packets, PacketSet::FALSE, PacketSet::TRUE));
        }
        if space.exhausted() { Err(TooComplex) } else { Ok(out) }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty() && self.redirected.is_empty()
    }
}

/// A space for the sets of some moments.
///
/// # Errors
/// [`TooComplex`] when they name too many interfaces.
pub fn space_for(moments: &[Moment<'_>]) -> Result<Space, TooComplex> {
    Ok(Space::new(limits(moments), interfaces(moments)?))
}

/// Long rulesets may use more than short ones: some hundred nodes for every rule, measured.
fn limits(moments: &[Moment<'_>]) -> Limits {
    let rules = rules(moments);
    let usual = Limits::default();
    Limits {
        nodes: usual.nodes.saturating_add(rules.saturating_mul(300)).min(MOST_NODES),
        steps: usual.steps.saturating_add(u64::try_from(rules).unwrap_or(u64::MAX).saturating_mul(20_000)),
    }
}

fn rules(moments: &[Moment<'_>]) -> usize {
    let chains = moments.iter().flat_map(|m| &m.firewall.tables).flat_map(|t| &t.chains);
    chains.map(|chain| chain.rules.len()).sum()
}

/// About 2 GB.
const MOST_NODES: usize = 80_000_000;
/// What all rules together let in takes about as many boxes as there are rules, measured.
const BOXES_FOR_A_RULE: usize = 4;
/// Some hundred MB.
const MOST_BOXES: usize = 500_000;
const RANGES_FOR_A_BOX: usize = 40;

/// What is known of the unknowns of both sides: a stricter limit admits nothing that the looser one does not.
fn known(space: &mut Space, before: &Firewall, after: &Firewall) -> PacketSet {
    implications(before, after).into_iter().fold(PacketSet::TRUE, |all, (strict, loose)| {
        let (strict, loose) = (space.atom(&strict), space.atom(&loose));
        let implied = space.or(!strict, loose);
        space.and(all, implied)
    })
}

/// Parts packets of a place by how sure they are. `never` are the packets that get through on the other side, `known` what
/// is known of the unknowns.
fn groups(
    space: &mut Space,
    place: &Place,
    packets: PacketSet,
    never: PacketSet,
    known: PacketSet,
) -> Vec<Group> {
    let packets = space.and(packets, known);
    if packets == PacketSet::FALSE {
        return Vec::new();
    }
    let certain = space.or(packets, !known);
    let certain = space.certain(certain);
    let possible = space.possible(packets);
    let (at_times, other_times) = (space.at_some_moment(packets), space.at_some_moment(never));
    let at_times = space.diff(at_times, other_times);
    let at_times = space.certain(at_times);
    let at_times = space.or(at_times, certain);
    let sure = plain(space, certain);
    // mostly all three are the same
    let [possible, at_times] =
        [possible, at_times].map(|set| if set == certain { sure } else { plain(space, set) });
    let certain = sure;
    let both = [(certain.0, possible.0, at_times.0, false), (certain.1, possible.1, at_times.1, true)];
    let groups = both.into_iter().map(|(certain, possible, at_times, odd_flags)| {
        let possible = space.diff(possible, certain);
        Group { hook: place.hook, target: place.target.clone(), certain, possible, at_times, odd_flags }
    });
    groups.filter(|g| g.certain != PacketSet::FALSE || g.possible != PacketSet::FALSE).collect()
}

/// Takes out of a set of fresh packets what every fresh packet has: its connection state follows from the other fields, a
/// TCP packet opens a connection, marks are zero.
pub fn plain(space: &mut Space, set: PacketSet) -> (PacketSet, PacketSet) {
    let of_all = [Field::State, Field::Fragment, Field::Mark, Field::CtMark, Field::Status, Field::Local];
    let set = space.forget_all(set, &of_all);
    space.plain_opening(set)
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
    fn of(space: &mut Space, moment: Moment<'_>, region: Option<&Region>) -> Result<Self, TooComplex> {
        let fresh = space.fresh();
        let meaning = Meaning::within(space, moment.firewall, moment.host, region)?;
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
