//! What nftables and iptables share: both front ends feed one kernel, so a host with either is asked for both.

mod ask;
pub(super) mod effects;
mod firewalld;
mod native;
mod read;
mod ufw;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::finding::Location;
use crate::firewall::{
    Action, AddressKind, Base, Chain, ChainKind, End, Hook, Rule, Step, Table, Test, Translation, Value,
};
use crate::host::HostFacts;
use crate::packet::{Atom, Family, Field, NamePattern, Prefix};
use crate::reason::Reason;

pub(super) use ask::{NOISE, UNORDERED, ask, prove, restore};
pub(super) use read::read;

/// Numbers the occurrences of equal unknown texts within one chain, so that each is an atom of its own and still the
/// same atom in another state of the same ruleset.
#[derive(Debug, Default)]
pub(super) struct Occurrences {
    place: String,
    seen: std::collections::BTreeMap<Reason, u32>,
}

impl Occurrences {
    /// For a chain.
    pub(super) fn of_chain(place: impl Into<String>) -> Self {
        Self { place: place.into(), seen: std::collections::BTreeMap::new() }
    }

    /// The next atom with this reason.
    pub(super) fn atom(&mut self, reason: Reason) -> Atom {
        self.atom_of(reason, "")
    }

    /// The next atom with this reason, which stands for the same only as long as what it refers to is the same.
    pub(super) fn atom_of(&mut self, reason: Reason, refers_to: &str) -> Atom {
        let seen = self.seen.entry(reason.clone()).or_insert(0);
        *seen += 1;
        Atom { reason, occurrence: Some((format!("{}{refers_to}", self.place), *seen)) }
    }
}

/// A match that depends on the packet alone, on a part that is not modelled.
pub(super) fn not_modelled(text: impl Into<String>) -> Test {
    Test::Atom(Atom { reason: Reason::NotModelled { text: text.into() }, occurrence: None })
}

/// The kind of frame a packet came in (`meta pkttype`, `-m pkttype`): that of its address, except where somebody sent a
/// strange frame. For packets made on the host it is not modelled.
pub(super) fn frame_kind(word: &str) -> Option<Test> {
    let multicast = || Test::Kind(Field::Dst, AddressKind::Multicast);
    let broadcast = || Test::Kind(Field::Dst, AddressKind::Broadcast);
    let usual = match word {
        "multicast" => multicast(),
        "broadcast" => broadcast(),
        "host" | "unicast" => Test::Any(vec![multicast(), broadcast()]).negate(),
        _ => return None,
    };
    let reason = Reason::NotModelled { text: "frame of another kind than its address".into() };
    let strange = || Test::Rare(Atom { reason: reason.clone(), occurrence: None });
    let made_here = || Test::Ranges(Field::In, vec![(0, 0)]);
    let arriving = Test::Any(vec![
        Test::All(vec![usual.clone(), strange().negate()]),
        Test::All(vec![usual.negate(), strange()]),
    ]);
    Some(Test::Any(vec![
        Test::All(vec![made_here().negate(), arriving]),
        Test::All(vec![made_here(), not_modelled(format!("pkttype {word}"))]),
    ]))
}

/// `redirect`: the packet is delivered to the host, at the first address of the interface it came by.
pub(super) fn redirect(ports: Option<Value>, host: &HostFacts, families: &[Family]) -> Vec<(Test, Action)> {
    own_address(host, families, Field::In, |dst| {
        let mut fields = vec![(Field::Dst, dst), (Field::Local, Value::number(1))];
        fields.extend(ports.clone().map(|p| (Field::Dport, p)));
        Translation { end: End::Destination, fields }
    })
}

/// `masquerade`: the source becomes the first address of the interface the packet leaves by.
pub(super) fn masquerade(ports: Option<Value>, host: &HostFacts, families: &[Family]) -> Vec<(Test, Action)> {
    own_address(host, families, Field::Out, |src| {
        let mut fields = vec![(Field::Src, src)];
        fields.extend(ports.clone().map(|p| (Field::Sport, p)));
        Translation { end: End::Source, fields }
    })
}

/// One option for each interface with an address, and one for interfaces that the evidence does not know.
fn own_address(
    host: &HostFacts,
    families: &[Family],
    interface: Field,
    translation: impl Fn(Value) -> Translation,
) -> Vec<(Test, Action)> {
    let mut options = Vec::new();
    for family in families {
        let mut done: Vec<&str> = Vec::new();
        for own in host.addresses.iter().flatten().filter(|a| Family::of(a.address) == *family) {
            if done.contains(&own.interface.as_str()) {
                continue;
            }
            done.push(&own.interface);
            let name = Test::Interface(interface, NamePattern::Exact(own.interface.clone()));
            let test = Test::All(vec![Test::Family(*family), name]);
            let (address, _) = Prefix::host(own.address).bounds();
            options.push((test, Action::Translate(translation(Value::number(address)))));
        }
        let choice = Atom {
            reason: Reason::HostFactMissing { fact: "own address".into() },
            occurrence: Some((format!("{interface:?}"), 0)),
        };
        let any = Value::Among { ranges: vec![(0, family.highest())], choice };
        options.push((Test::Family(*family), Action::Translate(translation(any))));
    }
    options
}

/// `a`, `a-b` of addresses or ports as the value of a field.
pub(super) fn value_of_ranges(ranges: Vec<(u128, u128)>, text: &str, occurrences: &mut Occurrences) -> Value {
    match ranges.as_slice() {
        [(first, last)] if first == last => Value::number(*first),
        _ => {
            let choice = occurrences.atom(Reason::RunTime { text: text.to_owned() });
            Value::Among { ranges, choice }
        }
    }
}

/// A table in which anything may happen to any packet.
pub(super) fn doubt(file: &Arc<str>, reason: Reason) -> Table {
    doubt_in(file, reason, &Family::BOTH)
}

fn doubt_in(file: &Arc<str>, reason: Reason, families: &[Family]) -> Table {
    let location = Location::within(Arc::clone(file), "not in the evidence");
    let chains = doubtful_chains(&Doubt { reason, place: file.to_string(), location, only: Vec::new() });
    Table { name: file.to_string(), families: families.to_vec(), chains }
}

/// Something that may accept or drop packets, nobody knows which.
pub(super) struct Doubt {
    /// Why nobody knows.
    pub reason: Reason,
    /// What tells it from others: equal doubts at equal places do the same.
    pub place: String,
    /// Where it is written.
    pub location: Location,
    /// The interfaces by which packets come or leave that it may meet; empty for all.
    pub only: Vec<NamePattern>,
}

/// Chains that decide in the place of what is not known.
pub(super) fn doubtful_chains(doubt: &Doubt) -> Vec<Chain> {
    let Doubt { reason, place, location, only } = doubt;
    let chains = [Hook::Input, Hook::Forward, Hook::Output].map(|hook| {
        let atom = Atom { reason: reason.clone(), occurrence: Some((format!("{place} {hook:?}"), 0)) };
        let met =
            only.iter().flat_map(|name| [Field::In, Field::Out].map(|f| Test::Interface(f, name.clone())));
        let met = if only.is_empty() { Test::Always } else { Test::Any(met.collect()) };
        let act = Step::Choose(vec![(met, Action::Outside(atom))]);
        Chain {
            name: format!("{hook:?}"),
            base: Some(Base {
                hook,
                priority: 0,
                kind: ChainKind::Filter,
                accept: true,
                devices: Vec::new(),
                location: location.clone(),
            }),
            rules: vec![Rule { steps: vec![act], location: location.clone() }],
        }
    });
    chains.to_vec()
}

/// Puts an unknown rule in front of every base chain: statements that were not read may insert a rule anywhere, change a
/// policy or take rules away. The same doubt in another state is the same only where `unread` is the same.
pub(super) fn doubt_everywhere(tables: &mut [Table], file: &Arc<str>, unread: &[&str]) {
    let text = format!("{file}: {} statements {}", unread.len(), digest(unread));
    for table in tables {
        for chain in table.chains.iter_mut().filter(|chain| chain.base.is_some()) {
            let atom = Atom {
                reason: Reason::Unread { text: text.clone() },
                occurrence: Some((format!("{} {}", table.name, chain.name), 0)),
            };
            let location = Location::within(Arc::clone(file), text.clone());
            chain.rules.insert(0, Rule { steps: vec![Step::act(Action::Unknown(atom))], location });
        }
    }
}

/// A short name for contents: equal contents have equal names.
pub(super) fn digest(contents: impl std::fmt::Debug) -> String {
    let hash = Sha256::digest(format!("{contents:?}").as_bytes());
    data_encoding::HEXLOWER.encode(hash.get(..8).unwrap_or(&hash))
}
