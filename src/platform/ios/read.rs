//! From the text of a configuration to the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{self, Config, Line, Section};
use super::entry::Context;
use super::interface::Interface;
use super::lists::Lists;
use super::nat::Nat;
use super::object::Objects;
use super::policy::Policies;
use super::service::Services;
use super::zone::Zones;
use super::{RUNNING, SAVED, global};
use crate::evidence::{DeviceEvidence, Proof, Source};
use crate::finding::Location;
use crate::firewall::{Action, Firewall, Step, Test};
use crate::host::{HostFacts, InterfaceAddress};
use crate::packet::{Atom, Family, State};
use crate::platform::netfilter::digest;
use crate::platform::network::{self, Network, Stage, at_run_time, coming, leaving};
use crate::platform::{Assumption, DeviceModel, Gap, Saved};
use crate::reason::Reason;

/// Reads the artifacts of a device.
pub(super) fn read(evidence: &DeviceEvidence, model: &mut DeviceModel) {
    if model.firewall.is_some() {
        return;
    }
    let artifact = evidence.get(RUNNING);
    let reason = match artifact {
        None => Some(Reason::ArtifactMissing { artifact: RUNNING.to_owned() }),
        Some(artifact) if artifact.proof == Proof::Unproven => {
            let expected = "a last line `end`".to_owned();
            Some(Reason::ArtifactUnproven { artifact: RUNNING.to_owned(), expected })
        }
        Some(_) => None,
    };
    model.gaps.extend(reason.iter().map(|reason| Gap { reason: reason.clone(), location: None }));
    let text = artifact.map(crate::evidence::Artifact::text).unwrap_or_default();
    let doubt = reason.map(|_| "not in the evidence");
    let (firewall, host) = configuration(&text, RUNNING, doubt, &mut model.gaps);
    (model.firewall, model.host) = (Some(firewall), host);
    if evidence.source == Source::Bare && artifact.is_some() && !config::is_whole(&text) {
        model.assumptions.push(Assumption::ConfigurationWhole);
    }
    // lines that are not understood there are told of the running configuration already
    let saved = evidence.text(SAVED).filter(|text| config::is_whole(text));
    model.saved.extend(saved.map(|text| {
        let firewall = configuration(&text, SAVED, None, &mut Vec::new()).0;
        Saved { by: SAVED, firewall }
    }));
}

/// What a configuration holds, part by part.
#[derive(Default)]
struct Parts<'a> {
    objects: Objects<'a>,
    lists: Lists<'a>,
    times: BTreeMap<&'a str, String>,
    interfaces: BTreeMap<&'a str, Interface<'a>>,
    policies: Policies<'a>,
    zones: Zones<'a>,
    nat: Nat<'a>,
    services: Services<'a>,
    /// Lists of traffic for which a crypto map holds, by its name.
    tunnels: BTreeMap<&'a str, Vec<&'a str>>,
    control: Vec<Line<'a>>,
    forwards_v6: bool,
    unread: Vec<Line<'a>>,
}

fn configuration(text: &str, file: &str, doubt: Option<&str>, gaps: &mut Vec<Gap>) -> (Firewall, HostFacts) {
    let file: Arc<str> = file.into();
    let config = config::read(text);
    let mut parts = Parts::default();
    parts.read(&config);
    let unread = parts.unread.iter().chain(parts.interfaces.values().flat_map(|i| &i.unread));
    for line in unread {
        let location = Some(Location::at(Arc::clone(&file), line.number, line.text));
        gaps.push(Gap { reason: Reason::Unread { text: line.text.to_owned() }, location });
    }
    let addresses = parts.addresses();
    let lists = std::mem::take(&mut parts.lists);
    let context = Context { objects: &parts.objects, times: &parts.times };
    let lists = lists.finish(&context, &file, gaps);
    let mut network = Network::new(file, lists);
    parts.build(&mut network);
    let unread: Vec<&str> = parts.unread.iter().map(|line| line.text).chain(doubt).collect();
    let whole = doubt.is_none() && config.endless.is_none();
    (network.finish(&unread, whole), network::host(addresses))
}

impl<'a> Parts<'a> {
    fn read(&mut self, config: &Config<'a>) {
        // whether a word names a list may depend on what stands further down
        let rest: Vec<&Section<'a>> =
            config.sections.iter().filter(|section| !self.lists.take(section)).collect();
        for section in rest {
            if !self.section(section) {
                self.unread.push(section.head);
            }
        }
        self.unread.extend(config.endless);
    }

    fn section(&mut self, section: &Section<'a>) -> bool {
        let text = section.head.text;
        if let Some(interface) = Interface::read(section) {
            match self.interfaces.get_mut(interface.name) {
                Some(known) => known.merge(interface),
                None => {
                    self.interfaces.insert(interface.name, interface);
                }
            }
            return true;
        }
        if let Some(name) = text.strip_prefix("time-range ") {
            let says: Vec<&str> = section.below.iter().map(|line| line.text).collect();
            self.times.insert(name.trim(), says.join("; "));
            return true;
        }
        if text.starts_with("crypto map ") || text.starts_with("crypto dynamic-map ") {
            return self.tunnel(section);
        }
        if text.starts_with("control-plane") {
            let polices = section.below.iter().filter(|line| line.text.starts_with("service-policy"));
            self.control.extend(polices);
            return true;
        }
        if text == "ipv6 unicast-routing" {
            self.forwards_v6 = true;
            return true;
        }
        if text.starts_with("ip port-map ") {
            self.policies.port_maps.push(text);
            return true;
        }
        // inspection opens ways for answers only; where it is bound, the interface says so
        if text.starts_with("ip inspect ") || text.starts_with("ipv6 inspect ") {
            return true;
        }
        let lists = &self.lists;
        self.objects.take(section)
            || self.policies.take(section)
            || self.zones.take(section)
            || self.nat.take(section.head)
            || self.services.take(section, &|name| lists.has(name))
            || global::is_harmless(text)
    }

    /// `crypto map NAME N ipsec-isakmp`, with `match address LIST`.
    fn tunnel(&mut self, section: &Section<'a>) -> bool {
        let name = section.head.text.split_whitespace().nth(2).unwrap_or_default();
        let lists = section.below.iter().filter_map(|line| line.text.strip_prefix("match address "));
        self.tunnels.entry(name).or_default().extend(lists.map(str::trim));
        true
    }

    /// The device's own addresses; `None` where an interface has one that the configuration does not tell.
    fn addresses(&self) -> Option<Vec<InterfaceAddress>> {
        let mut up = self.interfaces.values().filter(|i| i.down.is_none());
        if up.clone().any(|i| i.address_unknown) {
            return None;
        }
        let mut all: Vec<InterfaceAddress> = up.by_ref().flat_map(|i| i.addresses.iter().cloned()).collect();
        all.sort();
        Some(all)
    }

    fn build(&self, network: &mut Network) {
        for interface in self.interfaces.values() {
            self.inlet(interface, network);
            outlet(interface, network);
        }
        self.nat.clone().build(&self.interfaces, network);
        for line in &self.control {
            let policy = line.text.rsplit(' ').next().unwrap_or_default();
            let says = self.policies.quality.get(policy).map(digest).unwrap_or_default();
            let drops = Test::Atom(at_run_time(format!("control-plane {} {says}", line.text), "device"));
            let at = network.at(line.number, line.text);
            network.push(Stage::Itself, vec![Step::Choose(vec![(drops, Action::Drop)])], at);
        }
        if !self.forwards_v6 {
            let at = network.somewhere("no ipv6 unicast-routing");
            let steps = vec![Step::Match(Test::Family(Family::Ipv6)), Step::act(Action::Drop)];
            network.push(Stage::Between, steps, at);
        }
        self.zones.build(&self.interfaces, &self.policies, network);
        self.services.build(network);
    }

    fn inlet(&self, interface: &Interface<'a>, network: &mut Network) {
        let side = || coming(&[interface.name]);
        if let Some(down) = interface.down {
            let at = network.at(down.number, format!("{}: {}", interface.name, down.text).as_str());
            return network.push(Stage::Inlet, vec![Step::Match(side()), Step::act(Action::Drop)], at);
        }
        let policing = interface.policies.iter().filter(|(name, _)| self.polices(name)).map(|(_, line)| line);
        for line in interface.may_drop.iter().chain(policing) {
            drop_at_times(Stage::Inlet, interface.name, side(), *line, network);
        }
        if let Some((name, line)) = interface.crypto {
            // what a tunnel is for, and comes without it, is dropped
            for list in self.tunnels.get(name).into_iter().flatten() {
                let at = network.at(line.number, line.text);
                let drops = Action::Outside(at_run_time(line.text, interface.name));
                if let Some(chain) = network.list(list, &drops, &Action::Return) {
                    let steps = vec![Step::Match(side()), Step::act(Action::Jump(chain))];
                    network.push(Stage::Inlet, steps, at);
                }
            }
        }
        for line in &interface.unread {
            unread(Stage::Inlet, interface.name, side(), *line, network);
        }
        inspected(Stage::Inlet, interface, side(), network);
        for (list, line) in &interface.inbound {
            let at = network.at(line.number, line.text);
            network.bind(Stage::Inlet, vec![side()], list, at);
        }
    }

    /// Whether a policy map may drop packets.
    fn polices(&self, name: &str) -> bool {
        let Some(lines) = self.policies.quality.get(name) else { return true };
        lines.iter().any(|line| {
            let word = line.split_whitespace().next().unwrap_or_default();
            matches!(word, "police" | "drop" | "service-policy" | "admit")
        })
    }
}

fn outlet(interface: &Interface<'_>, network: &mut Network) {
    let side = || leaving(&[interface.name]);
    if let Some(down) = interface.down {
        let at = network.at(down.number, format!("{}: {}", interface.name, down.text).as_str());
        return network.push(Stage::Outlet, vec![Step::Match(side()), Step::act(Action::Drop)], at);
    }
    for line in &interface.unread {
        unread(Stage::Outlet, interface.name, side(), *line, network);
    }
    inspected(Stage::Outlet, interface, side(), network);
    for (list, line) in &interface.outbound {
        let at = network.at(line.number, line.text);
        network.bind(Stage::Outlet, vec![side()], list, at);
    }
}

/// Inspection lets answers through that the lists would stop.
fn inspected(stage: Stage, interface: &Interface<'_>, side: Test, network: &mut Network) {
    let bound = if stage == Stage::Inlet { &interface.inbound } else { &interface.outbound };
    let Some(line) = interface.inspects.filter(|_| !bound.is_empty()) else { return };
    let answers = Test::State(vec![State::Established, State::Related]);
    let act = Action::Unknown(at_run_time(line.text, interface.name));
    let at = network.at(line.number, line.text);
    network.push(stage, vec![Step::Match(side), Step::Match(answers), Step::act(act)], at);
}

fn drop_at_times(stage: Stage, interface: &str, side: Test, line: Line<'_>, network: &mut Network) {
    let drops = Test::Atom(at_run_time(line.text, interface));
    let at = network.at(line.number, line.text);
    network.push(stage, vec![Step::Match(side), Step::Choose(vec![(drops, Action::Drop)])], at);
}

fn unread(stage: Stage, interface: &str, side: Test, line: Line<'_>, network: &mut Network) {
    let reason = Reason::Unread { text: line.text.to_owned() };
    let atom = Atom { reason, occurrence: Some((format!("{interface} {stage:?}"), 0)) };
    let at = network.at(line.number, line.text);
    network.push(stage, vec![Step::Match(side), Step::act(Action::Unknown(atom))], at);
}
