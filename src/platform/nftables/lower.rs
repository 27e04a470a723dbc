//! From the syntax of nft to vendor-neutral rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ast::{self, Data, Expr, Nat, Op, Statement, Verdict};
use super::key::{Key, Leaf, key};
use super::special::rare;
use super::unknown::not_modelled;
use super::value::{Found, Sets, member, relation, single};
use super::{nat, render, write, writes};
use crate::finding::Location;
use crate::firewall::{Action, Base, Chain, ChainId, ChainKind, Hook, Rule, Step, Table, Test};
use crate::host::HostFacts;
use crate::packet::{Family, Field, NamePattern, State};
use crate::platform::Gap;
use crate::platform::netfilter::effects::Effects;
use crate::platform::netfilter::{Doubt, Occurrences, digest, doubtful_chains};
use crate::reason::Reason;

/// Turns one table into its vendor-neutral form; `None` for families that no IP packet meets. What cannot be hooked in
/// where it belongs becomes chains that may do anything.
pub(super) fn table(
    table: &ast::Table,
    file: &Arc<str>,
    shared: Shared<'_>,
    gaps: &mut Vec<Gap>,
) -> Option<Table> {
    let Shared { host, effects } = shared;
    let families = match table.family.as_str() {
        "ip" => vec![Family::Ipv4],
        "ip6" => vec![Family::Ipv6],
        "inet" | "netdev" => Family::BOTH.to_vec(),
        "arp" => return None,
        _ => return bridged(table, file, host),
    };
    let filled = writes::filled(table);
    let places = table.chains.iter().enumerate().map(|(id, chain)| (chain.name.as_str(), id)).collect();
    let surroundings = Surroundings { table, families: &families, file, host, effects, filled, places };
    let mut chains: Vec<Chain> = table.chains.iter().map(|chain| surroundings.chain(chain, gaps)).collect();
    let unhooked = table
        .chains
        .iter()
        .zip(&chains)
        .filter(|(ast, chain)| !table.dormant && ast.base.is_some() && chain.base.is_none());
    let unhooked: Vec<&ast::Chain> = unhooked.map(|(ast, _)| ast).collect();
    if !unhooked.is_empty() {
        let text = format!("table {} {}", table.family, table.name);
        let doubt = Doubt {
            place: format!("{text} {}", digest(table)),
            location: Location::within(Arc::clone(file), text.clone()),
            reason: Reason::Unread { text },
            only: Vec::new(),
        };
        chains.extend(doubtful_chains(&doubt));
    }
    Some(Table { name: format!("{} {}", table.family, table.name), families, chains })
}

/// A table of the bridge family, or of one that is not known. Its chains see frames on their way through a bridge, before
/// IP does; they are not followed, and meet what comes or goes by an interface that is a bridge.
fn bridged(table: &ast::Table, file: &Arc<str>, host: &HostFacts) -> Option<Table> {
    let decides = !table.dormant && table.chains.iter().any(|c| c.base.is_some());
    let only = match (&host.bridges, table.family.as_str()) {
        (Some(bridges), "bridge") if bridges.is_empty() => return None,
        (Some(bridges), "bridge") => bridges.iter().cloned().map(NamePattern::Exact).collect(),
        _ => Vec::new(),
    };
    decides.then(|| {
        let name = format!("{} {}", table.family, table.name);
        let text = format!("table {name}");
        let doubt = Doubt {
            place: format!("{text} {}", digest(table)),
            location: Location::within(Arc::clone(file), text.clone()),
            reason: Reason::NotModelled { text },
            only,
        };
        Table { name, families: Family::BOTH.to_vec(), chains: doubtful_chains(&doubt) }
    })
}

/// What all tables of a host share.
#[derive(Clone, Copy)]
pub(in crate::platform) struct Shared<'a> {
    pub host: &'a HostFacts,
    /// What rules write that others read.
    pub effects: &'a Effects,
}

/// What all rules of a table share.
pub(super) struct Surroundings<'a> {
    pub table: &'a ast::Table,
    pub families: &'a [Family],
    pub file: &'a Arc<str>,
    pub host: &'a HostFacts,
    effects: &'a Effects,
    /// Sets that rules fill while packets pass.
    filled: BTreeSet<&'a str>,
    places: BTreeMap<&'a str, ChainId>,
}

impl Surroundings<'_> {
    /// Names the rules that fill a set of this table while packets pass.
    fn writers_of(&self, set: &str) -> String {
        self.effects.of([writes::set_of(self.table, set).as_str()])
    }

    fn chain(&self, chain: &ast::Chain, gaps: &mut Vec<Gap>) -> Chain {
        let place = format!("{} {} {}", self.table.family, self.table.name, chain.name);
        let base =
            chain.base.as_ref().filter(|_| !self.table.dormant && !self.table.unclear).and_then(|base| {
                let known = self.base(base, chain, &place);
                if known.is_none() {
                    let text = format!("{place}: hook {} {:?}", base.hook, base.priority);
                    gaps.push(Gap { reason: Reason::Unread { text }, location: None });
                }
                known
            });
        let rules = chain.rules.iter().map(|rule| {
            let location = match rule.line {
                0 => Location::within(Arc::clone(self.file), format!("{place}: {}", rule.text)),
                line => Location::at(Arc::clone(self.file), line, rule.text.as_str()),
            };
            (rule, location)
        });
        let mut occurrences = Occurrences::of_chain(place.clone());
        let rules = rules
            .map(|(rule, location)| {
                let mut reader =
                    RuleReader { around: self, occurrences: &mut occurrences, unread: Vec::new() };
                let steps = reader.steps(rule);
                gaps.extend(
                    reader.unread.into_iter().map(|reason| Gap { reason, location: Some(location.clone()) }),
                );
                Rule { steps, location }
            })
            .collect();
        Chain { name: chain.name.clone(), base, rules }
    }

    fn base(&self, base: &ast::Base, chain: &ast::Chain, place: &str) -> Option<Base> {
        let hook = match base.hook.as_str() {
            "ingress" => Hook::Ingress,
            "prerouting" => Hook::Prerouting,
            "input" => Hook::Input,
            "forward" => Hook::Forward,
            "output" => Hook::Output,
            "postrouting" | "egress" => Hook::Postrouting,
            _ => return None,
        };
        let kind = if base.kind == "nat" { ChainKind::Nat } else { ChainKind::Filter };
        let policy = format!("{place}: policy {}", if base.accept { "accept" } else { "drop" });
        let location = match chain.line {
            0 => Location::within(Arc::clone(self.file), policy),
            line => Location::at(Arc::clone(self.file), line, policy),
        };
        let devices: Vec<NamePattern> = base.devices.iter().map(|d| NamePattern::Exact(d.clone())).collect();
        // such a chain is for some interfaces, and nobody knows for which
        if hook == Hook::Ingress && devices.is_empty() {
            return None;
        }
        Some(Base { hook, priority: base.priority?, kind, accept: base.accept, devices, location })
    }
}

/// Reads the statements of one rule.
pub(super) struct RuleReader<'a, 'o> {
    pub around: &'a Surroundings<'a>,
    pub occurrences: &'o mut Occurrences,
    pub(super) unread: Vec<Reason>,
}

impl RuleReader<'_, '_> {
    fn steps(&mut self, rule: &ast::Rule) -> Vec<Step> {
        let mut steps = Vec::new();
        for statement in &rule.statements {
            match statement {
                Statement::Match { left, op, right } => {
                    steps.push(Step::Match(self.matching(left, *op, right)))
                }
                Statement::Verdict(verdict) => {
                    let action = self.action(verdict);
                    steps.push(Step::act(action));
                }
                Statement::VerdictMap { key, data } => steps.push(self.verdict_map(key, data)),
                Statement::Nat { kind, family, address, port } => {
                    let family = family.as_deref();
                    steps.extend(nat::steps(
                        self,
                        *kind,
                        family,
                        address.as_ref(),
                        port.as_ref(),
                        &rule.text,
                    ));
                }
                Statement::Set { key, value } => steps.extend(write::steps(self, key, value, &rule.text)),
                Statement::Notrack => steps.push(Step::Notrack),
                Statement::Nothing | Statement::Remember { .. } => {}
                Statement::RunTime(text) => {
                    let refers_to = self.objects(text);
                    let atom = self.occurrences.atom_of(Reason::RunTime { text: text.clone() }, &refers_to);
                    steps.push(Step::Match(Test::Atom(atom)));
                }
                Statement::Limit(text, limit) => {
                    let atom = self.occurrences.atom(Reason::RunTime { text: text.clone() });
                    steps.push(Step::Match(Test::Limit(atom, limit.clone())));
                }
                Statement::Taken(text) => {
                    let atom = self.occurrences.atom(Reason::OutsideService { name: text.clone() });
                    steps.push(Step::Match(Test::Atom(atom)));
                }
                Statement::Outside(text) => {
                    let atom = self.occurrences.atom(Reason::OutsideService { name: text.clone() });
                    steps.push(Step::act(Action::Outside(atom)));
                }
                Statement::Unread(text) => {
                    let action = Action::Unknown(self.unread_atom(text));
                    steps.push(Step::act(action));
                    // what stands behind it is covered: anything may happen
                    break;
                }
            }
        }
        steps
    }

    /// The test that a match makes.
    fn matching(&mut self, left: &Expr, op: Op, right: &Expr) -> Test {
        let key = key(left);
        let text = || format!("{} {}", render::expr(left), render::expr(right)).replace('\n', " ");
        let text = match op {
            Op::Implicit | Op::Eq => text(),
            op => format!("{op:?} {}", text()).to_lowercase(),
        };
        let writers = writes::read(left, self.around.effects);
        match &key.leaf {
            Leaf::NotModelled => return not_modelled(text, writers),
            Leaf::Frame if !writers.is_empty() => return not_modelled(text, writers),
            Leaf::Rare => return rare(op, right, text),
            Leaf::Group(field) => return self.group(*field, op, right, text),
            Leaf::RunTime => {
                return Test::Atom(self.occurrences.atom_of(Reason::RunTime { text }, &writers));
            }
            Leaf::RouteBack(same_interface) => return self.route_back(*same_interface, op, right, &text),
            _ => {}
        }
        match relation(&key, op, right, self) {
            Some(test) => self.guard(&key, test, &text),
            None => Test::Atom(self.unread_atom_of(&text, &writers)),
        }
    }

    /// The test, where the part it looks at is there.
    pub(super) fn guard(&self, key: &Key, test: Test, text: &str) -> Test {
        let mut all = key.all_guards();
        all.push(test);
        let guarded = Test::All(all);
        if key.any_transport {
            let elsewhere = Test::All(vec![
                Test::has_ports().negate(),
                Test::Ranges(Field::Fragment, vec![(0, 0)]),
                not_modelled(format!("{text} without ports"), String::new()),
            ]);
            return Test::Any(vec![guarded, elsewhere]);
        }
        if key.original {
            // the tuple of a new connection is the packet as it arrived; that of an older one is not known
            let fresh = Test::State(vec![State::New]);
            let older = Test::All(vec![
                Test::State(vec![State::Established, State::Related]),
                not_modelled(text.to_owned(), String::new()),
            ]);
            return Test::Any(vec![Test::All(vec![fresh, Test::Arriving(Box::new(guarded))]), older]);
        }
        guarded
    }

    pub(super) fn action(&mut self, verdict: &Verdict) -> Action {
        let place = |name: &str| self.around.places.get(name).copied();
        match verdict {
            Verdict::Accept => Action::Accept,
            Verdict::Drop => Action::Drop,
            Verdict::Reject => Action::Reject,
            Verdict::Continue => Action::Continue,
            Verdict::Return => Action::Return,
            Verdict::Jump(name) => match place(name) {
                Some(id) => Action::Jump(id),
                None => Action::Unknown(self.unread_atom(&format!("jump {name}"))),
            },
            Verdict::Goto(name) => match place(name) {
                Some(id) => Action::Goto(id),
                None => Action::Unknown(self.unread_atom(&format!("goto {name}"))),
            },
        }
    }

    fn verdict_map(&mut self, left: &Expr, data: &Expr) -> Step {
        let text = format!("{} vmap {}", render::expr(left), render::expr(data));
        let key = key(left);
        let (elements, open) = match data {
            Expr::Set(elements) => (elements.clone(), false),
            Expr::SetRef(name) => match self.find(name) {
                Found::Closed(set) => (set.elements.clone(), false),
                Found::Open(set) => (set.elements.clone(), true),
                Found::Missing => (Vec::new(), true),
            },
            _ => (Vec::new(), true),
        };
        let mut options = Vec::new();
        let mut fallback = None;
        for element in &elements {
            let Some(Data::Verdict(verdict)) = &element.value else {
                return Step::act(Action::Unknown(self.unread_atom(&text)));
            };
            let action = self.action(verdict);
            if matches!(&element.key, Expr::Word(word) if word == "*") {
                fallback = Some(action);
                continue;
            }
            let Some(test) = single(&key.leaf, &element.key) else {
                return Step::act(Action::Unknown(self.unread_atom(&text)));
            };
            options.push((self.guard(&key, test, &text), action));
        }
        if open {
            let reason = Reason::ContentsUnknown { name: render::expr(data) };
            let writers = match data {
                Expr::SetRef(name) => self.around.writers_of(name),
                _ => String::new(),
            };
            options.push((Test::Always, Action::Unknown(self.occurrences.atom_of(reason, &writers))));
        }
        options.extend(fallback.map(|action| (Test::All(key.all_guards()), action)));
        Step::Choose(options)
    }

    /// Tests of a map's keys with the values they give; `None` where the map is not fully known.
    pub(super) fn map_options(&mut self, left: &Expr, data: &Expr) -> Option<Vec<(Test, Expr)>> {
        let key = key(left);
        let elements = match data {
            Expr::Set(elements) => elements.clone(),
            Expr::SetRef(name) => match self.find(name) {
                Found::Closed(set) => set.elements.clone(),
                Found::Open(_) | Found::Missing => return None,
            },
            _ => return None,
        };
        let options = elements.into_iter().map(|element| {
            let test = member(&key.leaf, &element.key, self)?;
            match element.value {
                Some(Data::Value(value)) => Some((self.guard(&key, test, "map"), value)),
                _ => None,
            }
        });
        options.collect()
    }
}

impl Sets for RuleReader<'_, '_> {
    fn find(&self, name: &str) -> Found<'_> {
        match self.around.table.sets.get(name) {
            None => Found::Missing,
            Some(set) if set.open || self.around.filled.contains(name) => Found::Open(set),
            Some(set) => Found::Closed(set),
        }
    }

    fn more(&mut self, name: &str) -> Test {
        let reason = Reason::ContentsUnknown { name: format!("@{name}") };
        Test::Atom(self.occurrences.atom_of(reason, &self.around.writers_of(name)))
    }
}

/// The kinds of translation by their ends.
pub(super) const fn is_destination(kind: Nat) -> bool {
    matches!(kind, Nat::Destination | Nat::Redirect)
}
