//! What routers and firewalls have in common that are no Linux hosts: named lists bound to interfaces, translation,
//! services of their own. A reader fills a [`Network`]; what comes out is one table of a vendor-neutral ruleset.
//!
//! The way of a packet: what an interface lets in (`Hook::Ingress`), translation of destinations, routing, then either
//! what is let through to the device and what its services answer (`Hook::Input`), or what is let through between
//! interfaces, translation of sources, what an interface lets out (all three at `Hook::Forward`).

mod list;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Location;
use crate::firewall::{Action, Base, Chain, ChainId, ChainKind, Firewall, Hook, Rule, Step, Table, Test};
use crate::host::{HostFacts, InterfaceAddress, Setting};
use crate::packet::{Atom, Family, Field, NamePattern};
use crate::reason::Reason;

use super::netfilter::digest;

pub(super) use list::{Act, Entry, List};

/// A point of the way at which a network device does something, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// What comes in by an interface, as it arrives.
    Inlet,
    /// Destinations are translated.
    Inward,
    /// What is let through to the device itself.
    Itself,
    /// What its services answer.
    Services,
    /// What is let through from one side to another.
    Between,
    /// Sources are translated.
    Outward,
    /// What goes out by an interface.
    Outlet,
    /// What the device itself sends.
    Made,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Inlet,
        Self::Inward,
        Self::Itself,
        Self::Services,
        Self::Between,
        Self::Outward,
        Self::Outlet,
        Self::Made,
    ];

    /// Hook, priority, name of the chain, what is said where no rule of it decides.
    const fn place(self) -> (Hook, i32, &'static str, &'static str) {
        match self {
            Self::Inlet => (Hook::Ingress, 0, "interface in", "no filter on the interface they come in by"),
            Self::Inward => (Hook::Prerouting, 0, "translate in", "no translation"),
            Self::Itself => (Hook::Input, 0, "device itself", "no filter in front of the device itself"),
            Self::Services => (Hook::Input, 10, "services", "no filter in front of the device itself"),
            Self::Between => (Hook::Forward, 0, "between sides", "no filter between the interfaces"),
            Self::Outward => (Hook::Forward, 10, "translate out", "no translation"),
            Self::Outlet => (Hook::Forward, 20, "interface out", "no filter on the interface they leave by"),
            Self::Made => (Hook::Output, 0, "device sends", "no filter on what the device sends"),
        }
    }
}

/// A network device's packet filter while it is read.
pub(super) struct Network {
    file: Arc<str>,
    lists: BTreeMap<String, List>,
    chains: Vec<Chain>,
    made: BTreeMap<String, Vec<(Action, Action, ChainId)>>,
    stages: BTreeMap<Stage, Vec<Rule>>,
    /// Entries of lists that were made into rules.
    copied: usize,
}

/// Most entries of lists that are made into rules: each use of a list is a copy of it.
const MOST_COPIED: usize = 2_000_000;

impl Network {
    /// With all of a device's named lists; each can be judged alone, bound or not.
    pub(super) fn new(file: Arc<str>, lists: BTreeMap<String, List>) -> Self {
        let (chains, made, stages) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut network = Self { file, lists, chains, made, stages, copied: 0 };
        let names: Vec<String> = network.lists.keys().cloned().collect();
        for name in names {
            network.list(&name, &Action::Accept, &Action::Drop);
        }
        network
    }

    /// A named list.
    pub(super) fn get(&self, name: &str) -> Option<&List> {
        self.lists.get(name)
    }

    /// A place in the configuration that has no line.
    pub(super) fn somewhere(&self, text: impl Into<Arc<str>>) -> Location {
        Location::within(Arc::clone(&self.file), text)
    }

    /// A line of the configuration.
    pub(super) fn at(&self, number: u32, text: &str) -> Location {
        Location::at(Arc::clone(&self.file), number, text)
    }

    /// A rule at a stage.
    pub(super) fn push(&mut self, stage: Stage, steps: Vec<Step>, location: Location) {
        self.stages.entry(stage).or_default().push(Rule { steps, location });
    }

    /// A chain of rules that others lead to.
    pub(super) fn chain(&mut self, name: String, rules: Vec<Rule>) -> ChainId {
        self.chains.push(Chain { name, base: None, rules });
        self.chains.len() - 1
    }

    /// The chain that does this with what a list permits and with what it denies; `None` when there is no such list.
    pub(super) fn list(&mut self, name: &str, permit: &Action, deny: &Action) -> Option<ChainId> {
        let list = self.lists.get(name)?;
        let known = self.made.get(name).into_iter().flatten();
        if let Some((.., id)) = known.into_iter().find(|(p, d, _)| p == permit && d == deny) {
            return Some(*id);
        }
        self.copied = self.copied.saturating_add(list.entries.len());
        let rules = if self.copied > MOST_COPIED {
            vec![too_much(name, self.somewhere(name))]
        } else {
            list.rules(permit, deny)
        };
        let variants = self.made.get(name).map_or(0, Vec::len);
        // no name of a list has a blank in it
        let title = if variants == 0 { name.to_owned() } else { format!("{name} variant {variants}") };
        let id = self.chain(title, rules);
        self.made.entry(name.to_owned()).or_default().push((permit.clone(), deny.clone(), id));
        Some(id)
    }

    /// Sends what matches through a list: what it permits goes on, what it denies is gone. A list that does not exist
    /// lets everything through.
    pub(super) fn bind(&mut self, stage: Stage, matches: Vec<Test>, list: &str, location: Location) {
        let family = self.lists.get(list).map(|list| Test::Family(list.family));
        let action = self.list(list, &Action::Accept, &Action::Drop).map_or(Action::Accept, Action::Goto);
        let steps = matches.into_iter().chain(family).map(Step::Match).chain([Step::act(action)]);
        self.push(stage, steps.collect(), location);
    }

    /// The ruleset. `unread` are the lines of which nobody knows what they do to packets: equal lines in another state
    /// do the same. Of a configuration that is not whole, the lists may be cut too.
    pub(super) fn finish(mut self, unread: &[&str], whole: bool) -> Firewall {
        let file = Arc::clone(&self.file);
        if !whole {
            for chain in &mut self.chains {
                chain.rules.insert(0, doubt(&file, &chain.name, unread));
            }
        }
        for stage in Stage::ALL {
            let (hook, priority, name, default) = stage.place();
            let mut rules = self.stages.remove(&stage).unwrap_or_default();
            let filters = !matches!(stage, Stage::Inward | Stage::Outward | Stage::Services);
            if filters && !unread.is_empty() {
                rules.insert(0, doubt(&file, name, unread));
            }
            // the first and the last word on every packet is said even where nothing filters
            if rules.is_empty() && !matches!(stage, Stage::Inlet) {
                continue;
            }
            let location = Location::within(Arc::clone(&file), default);
            let (kind, devices) = (ChainKind::Filter, Vec::new());
            let base = Some(Base { hook, priority, kind, accept: true, devices, location });
            self.chains.push(Chain { name: name.to_owned(), base, rules });
        }
        let table =
            Table { name: "configuration".to_owned(), families: Family::BOTH.to_vec(), chains: self.chains };
        Firewall { tables: vec![table] }
    }
}

/// In the place of what is too long to be followed: anything may happen.
pub(super) fn too_much(subject: &str, location: Location) -> Rule {
    let reason = Reason::TooComplex { subject: subject.to_owned() };
    let atom = Atom { reason, occurrence: Some((subject.to_owned(), 0)) };
    Rule { steps: vec![Step::act(Action::Unknown(atom))], location }
}

fn doubt(file: &Arc<str>, chain: &str, unread: &[&str]) -> Rule {
    let text = match unread {
        [line] => (*line).to_owned(),
        lines => format!("{} lines {}", lines.len(), digest(lines)),
    };
    let reason = Reason::Unread { text: text.clone() };
    let atom = Atom { reason, occurrence: Some((chain.to_owned(), 0)) };
    Rule { steps: vec![Step::act(Action::Unknown(atom))], location: Location::within(Arc::clone(file), text) }
}

/// What is certain of any network device; routes are not known.
pub(super) fn host(addresses: Option<Vec<InterfaceAddress>>) -> HostFacts {
    // what Linux would refuse as a source or destination is not refused for certain
    let fixed = |value| Setting { all: Some(value), assumed: Some(value), ..Setting::default() };
    HostFacts {
        addresses,
        forwarding_v4: Some(true),
        forwarding_v6: Some(true),
        reverse_path: fixed(0),
        route_localnet: fixed(1),
        accept_local: fixed(1),
        tcp_loose: Some(false),
        ..HostFacts::default()
    }
}

/// Packets that come in by one of some interfaces.
pub(super) fn coming(interfaces: &[&str]) -> Test {
    by(Field::In, interfaces)
}

/// Packets that leave by one of some interfaces.
pub(super) fn leaving(interfaces: &[&str]) -> Test {
    by(Field::Out, interfaces)
}

fn by(field: Field, interfaces: &[&str]) -> Test {
    let named = |name: &&str| Test::Interface(field, NamePattern::Exact((*name).to_owned()));
    match interfaces {
        [one] => named(one),
        several => Test::Any(several.iter().map(named).collect()),
    }
}

/// What the configuration leaves to the moment.
pub(super) fn at_run_time(text: impl Into<String>, place: &str) -> Atom {
    Atom { reason: Reason::RunTime { text: text.into() }, occurrence: Some((place.to_owned(), 0)) }
}
