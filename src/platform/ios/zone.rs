//! The zone-based firewall (IOS Security Configuration Guide, "Zone-Based Policy Firewall").
//!
//! Between interfaces of one zone everything passes, between interfaces without a zone too; between different zones, and
//! between a zone and none, only what the policy of a zone pair lets through. To the device itself everything passes,
//! unless a pair names the zone `self`.

use std::collections::BTreeMap;

use super::config::{Line, Section};
use super::interface::Interface;
use super::policy::Policies;
use crate::firewall::{Action, Step, Test};
use crate::packet::Atom;
use crate::platform::cisco::Words;
use crate::platform::network::{Network, Stage, coming, leaving, too_much};
use crate::reason::Reason;

/// Most interfaces in all pairs of zones together.
const MOST: usize = 4_000_000;

/// A pair of zones.
#[derive(Debug)]
struct Pair<'a> {
    from: &'a str,
    to: &'a str,
    policy: Option<&'a str>,
    head: Line<'a>,
}

/// The pairs of zones of a configuration.
#[derive(Debug, Default)]
pub(super) struct Zones<'a> {
    pairs: Vec<Pair<'a>>,
}

impl<'a> Zones<'a> {
    /// Takes `zone-pair security NAME source A destination B`.
    pub(super) fn take(&mut self, section: &Section<'a>) -> bool {
        let mut words = Words::of(section.head.text);
        if !words.eat_all(&["zone-pair", "security"]) {
            return false;
        }
        words.next();
        let (mut from, mut to) = (None, None);
        while let Some(word) = words.next() {
            match word {
                "source" => from = words.next(),
                "destination" => to = words.next(),
                _ => return false,
            }
        }
        let (Some(from), Some(to)) = (from, to) else { return false };
        let mut policy = None;
        for line in &section.below {
            let mut words = Words::of(line.text);
            if words.eat_all(&["service-policy", "type", "inspect"]) {
                policy = words.next();
            } else if !line.text.starts_with("description ") {
                return false;
            }
        }
        self.pairs.push(Pair { from, to, policy, head: section.head });
        true
    }

    /// Puts the rules into the network.
    pub(super) fn build(
        &self,
        interfaces: &BTreeMap<&'a str, Interface<'a>>,
        policies: &Policies<'a>,
        network: &mut Network,
    ) {
        let mut zones: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for interface in interfaces.values() {
            if let Some((zone, _)) = interface.zone {
                zones.entry(zone).or_default().push(interface.name);
            }
        }
        if zones.is_empty() {
            return;
        }
        if self.pairs.len().saturating_mul(interfaces.len()) > MOST {
            let rule = too_much("zone-pair", network.somewhere("zone-pair"));
            return network.push(Stage::Between, rule.steps, rule.location);
        }
        for pair in &self.pairs {
            let at = network.at(pair.head.number, pair.head.text);
            let (from, to) = (zones.get(pair.from), zones.get(pair.to));
            let (stage, matches) = match (from, to) {
                (Some(from), Some(to)) => (Stage::Between, vec![coming(from), leaving(to)]),
                (Some(from), None) if pair.to == "self" => (Stage::Itself, vec![coming(from)]),
                (None, Some(to)) if pair.from == "self" => (Stage::Made, vec![leaving(to)]),
                _ => continue,
            };
            let action = match pair.policy {
                Some(policy) => Action::Jump(policies.chain(policy, network)),
                // what a pair for the device itself does without a policy is not documented
                None if stage != Stage::Between => Action::Unknown(unread(pair.head.text)),
                None => Action::Drop,
            };
            let steps = matches.into_iter().map(Step::Match).chain([Step::act(action)]);
            network.push(stage, steps.collect(), at.clone());
        }
        for (zone, members) in &zones {
            let at = network.somewhere(format!("within zone {zone}"));
            let steps =
                [Step::Match(coming(members)), Step::Match(leaving(members)), Step::act(Action::Accept)];
            network.push(Stage::Between, steps.to_vec(), at);
        }
        let all: Vec<&str> = zones.values().flatten().copied().collect();
        let at = network.somewhere("no zone-pair with a policy between these interfaces");
        let touches = Test::Any(vec![coming(&all), leaving(&all)]);
        let steps = vec![Step::Match(touches), Step::act(Action::Drop)];
        network.push(Stage::Between, steps, at);
    }
}

fn unread(text: &str) -> Atom {
    Atom { reason: Reason::Unread { text: text.to_owned() }, occurrence: None }
}
