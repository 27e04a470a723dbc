//! Vendor-neutral rulesets and their meaning as packet sets.
//!
//! A [`Firewall`] is what readers make of a device: tables of chains of rules, some chains hooked into the path of a
//! packet. `walk` is the one place that says what rules do; it runs over a *domain*, either all packets at once
//! ([`meaning`]) or one concrete packet ([`trace`]), so that both answers come from the same semantics. [`path`] is
//! the way through the host: hooks in order, translation before routing, routing before filtering.
//!
//! The model follows Linux netfilter (nft(8), iptables(8), iptables-extensions(8)); other makes are translated into
//! it by their readers.

pub mod align;
mod calls;
pub mod change;
pub mod intake;
pub mod limits;
pub mod meaning;
mod owned;
pub mod path;
pub mod query;
pub mod region;
pub mod test;
pub mod trace;
mod walk;

use std::sync::Arc;

use crate::finding::Location;
use crate::packet::{Atom, Family, Field, NamePattern};

pub use change::{Change, Value};
pub use limits::Limit;
pub use test::{AddressKind, Test};

/// All packet filters of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firewall {
    /// Tables in the order in which they were read.
    pub tables: Vec<Table>,
}

/// Chains that may jump to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name as its tool shows it (`inet filter`, `iptables nat`).
    pub name: String,
    /// The families whose packets it sees.
    pub families: Vec<Family>,
    /// The chains; a [`ChainId`] is a place in this list.
    pub chains: Vec<Chain>,
}

/// Place of a chain in its table.
pub type ChainId = usize;

/// An ordered list of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where it is hooked in; `None` for a chain that is only jumped to.
    pub base: Option<Base>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// How a chain is hooked into the path of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The hook.
    pub hook: Hook,
    /// Chains of one hook run from the lowest priority to the highest.
    pub priority: i32,
    /// What kind of chain it is.
    pub kind: ChainKind,
    /// What happens to packets that no rule decided: true means they go on.
    pub accept: bool,
    /// Interfaces an ingress chain is for; empty elsewhere.
    pub devices: Vec<NamePattern>,
    /// Where the policy is written.
    pub location: Location,
}

/// A point on the path of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Right behind the network card.
    Ingress,
    /// Before routing.
    Prerouting,
    /// On the way to the host itself.
    Input,
    /// Through the host.
    Forward,
    /// Made on the host.
    Output,
    /// Before it leaves.
    Postrouting,
}

/// What kind of base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// Sees every packet.
    Filter,
    /// Sees the first packet of a connection, and may translate it.
    Nat,
}

/// Conntrack looks at packets at this priority of prerouting and output (`NF_IP_PRI_CONNTRACK`).
pub const CONNTRACK_PRIORITY: i32 = -200;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// Where it is written.
    pub location: Location,
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// The rest of the rule is only for packets that match.
    Match(Test),
    /// Writes a field.
    Write(Field, Value),
    /// Writes the value of one mark into the other.
    Copy {
        /// The mark read.
        from: Field,
        /// The mark written.
        to: Field,
    },
    /// Takes the packet out of connection tracking; without effect once it is tracked.
    Notrack,
    /// The first option whose test holds decides what happens; packets that match none leave the rule.
    Choose(Vec<(Test, Action)>),
}

impl Step {
    /// Collects the atoms in it.
    pub fn atoms(&self, out: &mut Vec<Atom>) {
        match self {
            Self::Match(test) => test.atoms(out),
            Self::Choose(options) => {
                for (test, action) in options {
                    test.atoms(out);
                    if let Action::Unknown(atom) | Action::Outside(atom) = action {
                        out.push(atom.clone());
                    }
                }
            }
            Self::Write(_, Value::Among { choice, .. }) => out.push(choice.clone()),
            Self::Write(..) | Self::Copy { .. } | Self::Notrack => {}
        }
    }

    /// Does the same with every packet.
    pub fn act(action: Action) -> Self {
        Self::Choose(vec![(Test::Always, action)])
    }
}

/// What happens to a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Done with this base chain; the next base chain still sees the packet.
    Accept,
    /// Gone.
    Drop,
    /// Gone, and its sender is told.
    Reject,
    /// Through another chain and back.
    Jump(ChainId),
    /// Through another chain and from there to this chain's caller.
    Goto(ChainId),
    /// Back to the caller; in a base chain, to its policy.
    Return,
    /// On to the next rule.
    Continue,
    /// Fields are rewritten and the packet is accepted by this (nat) chain.
    Translate(Translation),
    /// Something this program does not follow. The packet may go on to the next rule, be accepted or be dropped.
    Unknown(Atom),
    /// The packet is accepted or dropped by something outside (a queue, a proxy).
    Outside(Atom),
}

/// How an address or port is rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Translation {
    /// Which end.
    pub end: End,
    /// The new values of the fields; fields not named stay as they are.
    pub fields: Vec<(Field, Value)>,
}

/// The end of a connection that is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Destination (`dnat`, `redirect`).
    Destination,
    /// Source (`snat`, `masquerade`).
    Source,
}

impl Firewall {
    /// Every name and pattern of an interface that a rule mentions.
    pub fn interface_patterns(&self) -> Vec<NamePattern> {
        let mut out = Vec::new();
        for chain in self.tables.iter().flat_map(|t| &t.chains) {
            out.extend(chain.base.iter().flat_map(|b| b.devices.iter().cloned()));
            for step in chain.rules.iter().flat_map(|r| &r.steps) {
                match step {
                    Step::Match(test) => test.interface_patterns(&mut out),
                    Step::Choose(options) => {
                        options.iter().for_each(|(test, _)| test.interface_patterns(&mut out));
                    }
                    Step::Write(..) | Step::Copy { .. } | Step::Notrack => {}
                }
            }
        }
        out.sort();
        out.dedup();
        out
    }

    /// One named list by itself: what is forwarded is what it lets through. `None` when there is no such list.
    pub fn alone(&self, name: &str) -> Option<Self> {
        let listed = |chain: &Chain| chain.base.is_none() && chain.name == name;
        let tables = self.tables.iter().filter(|table| table.chains.iter().any(listed));
        let tables: Vec<Table> = tables
            .map(|table| {
                let mut table = table.clone();
                for chain in &mut table.chains {
                    let location = Location::within(name, "end of the list");
                    chain.base = listed(chain).then(|| Base {
                        hook: Hook::Forward,
                        priority: 0,
                        kind: ChainKind::Filter,
                        accept: false,
                        devices: Vec::new(),
                        location,
                    });
                }
                table
            })
            .collect();
        (!tables.is_empty()).then_some(Self { tables })
    }

    /// The base chains of a hook in the order in which they run.
    pub fn base_chains(&self, hook: Hook) -> Vec<(&Table, ChainId, &Base)> {
        let mut out: Vec<(&Table, ChainId, &Base)> = Vec::new();
        for table in &self.tables {
            for (id, chain) in table.chains.iter().enumerate() {
                out.extend(chain.base.iter().filter(|b| b.hook == hook).map(|base| (table, id, base)));
            }
        }
        out.sort_by_key(|(_, _, base)| base.priority);
        out
    }
}

/// A location for the policy of a chain that the artifact does not write on a line of its own.
pub fn policy_location(file: &Arc<str>, chain: &str, accept: bool) -> Location {
    Location::within(Arc::clone(file), format!("{chain} policy {}", if accept { "accept" } else { "drop" }))
}
