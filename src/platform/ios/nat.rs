//! Address translation (IOS IP Addressing Command Reference, `ip nat inside source` and its kin).
//!
//! What comes in by an outside interface is filtered before its destination is translated; what leaves by one is
//! translated before it is filtered ("NAT Order of Operation", Cisco document 6209).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::config::Line;
use super::interface::Interface;
use super::translation::{Kind, To, rule};
use crate::firewall::{Action, End, Rule, Step, Test, Translation, Value};
use crate::packet::{Atom, Family, Field, Prefix};
use crate::platform::cisco::{NotRead, Words};
use crate::platform::network::{Network, Stage, at_run_time, coming, leaving};
use crate::reason::Reason;

/// The translations of a configuration.
#[derive(Debug, Default, Clone)]
pub(super) struct Nat<'a> {
    /// In the order in which they are looked for: ports, addresses, networks, dynamic ones.
    rules: Vec<(u8, Kind<'a>, Line<'a>)>,
    pools: BTreeMap<&'a str, (u128, u128)>,
}

/// What the interfaces are to translation.
struct Sides<'n, 'a> {
    inside: Vec<&'a str>,
    outside: Vec<&'a str>,
    interfaces: &'n BTreeMap<&'a str, Interface<'a>>,
}

impl<'a> Nat<'a> {
    /// Takes a line that begins with `ip nat`.
    pub(super) fn take(&mut self, line: Line<'a>) -> bool {
        let mut words = Words::of(line.text);
        if !words.eat_all(&["ip", "nat"]) {
            return false;
        }
        match words.next() {
            Some("pool") => return self.pool(&mut words),
            Some("inside" | "outside") => {}
            Some("translation" | "log" | "service" | "settings" | "create" | "switchover" | "portmap") => {
                return true;
            }
            _ => return false,
        }
        let inside = line.text.starts_with("ip nat inside");
        match rule(&mut words, inside) {
            Ok((rank, kind)) => self.rules.push((rank, kind, line)),
            Err(NotRead) => return false,
        }
        true
    }

    /// `NAME START END netmask M`.
    fn pool(&mut self, words: &mut Words<'a>) -> bool {
        let (Some(name), Some(start), Some(end)) = (words.next(), words.parse(), words.parse()) else {
            return false;
        };
        let number = |a: Ipv4Addr| u128::from(u32::from(a));
        let (start, end) = (number(start), number(end));
        self.pools.insert(name, (start.min(end), start.max(end)));
        matches!(words.next(), Some("netmask" | "prefix-length"))
    }

    /// Puts the rules into the network.
    pub(super) fn build(mut self, interfaces: &BTreeMap<&'a str, Interface<'a>>, network: &mut Network) {
        self.rules.sort_by_key(|(rank, ..)| *rank);
        let some = |wanted: fn(&Interface<'a>) -> bool| {
            interfaces.values().filter(|i| wanted(i)).map(|i| i.name).collect::<Vec<_>>()
        };
        let sides = Sides { inside: some(|i| i.nat_inside), outside: some(|i| i.nat_outside), interfaces };
        if sides.outside.is_empty() {
            return;
        }
        // translated sources are looked at by nothing but the lists of the outer interfaces
        let outlets = interfaces.values().any(|i| i.nat_outside && !i.outbound.is_empty());
        for (_, kind, line) in &self.rules {
            self.inward(kind, *line, &sides, network);
            if outlets {
                self.outward(kind, *line, &sides, network);
            }
        }
    }

    fn inward(&self, kind: &Kind<'a>, line: Line<'a>, sides: &Sides<'_, 'a>, network: &mut Network) {
        let mut matches = vec![Test::Family(Family::Ipv4), coming(&sides.outside)];
        let at = network.at(line.number, line.text);
        let to = |value| Translation { end: End::Destination, fields: vec![(Field::Dst, value)] };
        match kind {
            Kind::Static(fixed) => {
                matches.push(self.is(Field::Dst, fixed.global, fixed.mask, sides));
                let value = Value::Bits {
                    mask: fixed.mask.into(),
                    value: u128::from(u32::from(fixed.local) & fixed.mask),
                };
                let mut translation = to(if fixed.mask == u32::MAX {
                    Value::number(u32::from(fixed.local).into())
                } else {
                    value
                });
                if let Some((protocol, local, global)) = fixed.port {
                    matches.push(Test::header(protocol));
                    matches.push(one(Field::Dport, global));
                    translation.fields.push((Field::Dport, Value::number(local.into())));
                }
                matches.extend(fixed.conditional.then(|| condition(line)));
                let steps = matches.into_iter().map(Step::Match);
                let act = Step::act(Action::Translate(translation));
                network.push(Stage::Inward, steps.chain([act]).collect(), at);
            }
            Kind::Outside(global, local) => {
                matches.push(address(Field::Src, *global));
                let write = Step::Write(Field::Src, Value::number(u32::from(*local).into()));
                network.push(
                    Stage::Inward,
                    matches.into_iter().map(Step::Match).chain([write]).collect(),
                    at,
                );
            }
            Kind::Sources { to: To::Pool(pool), overload: false, .. } => {
                // an inside host that holds an address of the pool can be reached by it
                matches.push(Test::Ranges(Field::Dst, vec![self.range(pool)]));
                let choice = at_run_time(line.text, "translation of");
                let value =
                    Value::Among { ranges: vec![(0, Family::Ipv4.highest())], choice: choice.clone() };
                let choose = Step::Choose(vec![(Test::Atom(choice), Action::Translate(to(value)))]);
                network.push(
                    Stage::Inward,
                    matches.into_iter().map(Step::Match).chain([choose]).collect(),
                    at,
                );
            }
            Kind::Sources { .. } => {}
            Kind::OutsideSources { list, pool } => {
                let write = Step::Write(Field::Src, self.value(To::Pool(pool), line, sides));
                through(*list, vec![write], Stage::Inward, matches, line, network);
            }
            Kind::Destinations { list, pool } => {
                let choice = at_run_time(line.text, "pool");
                let value = Value::Among { ranges: vec![self.range(pool)], choice };
                let action = Action::Translate(to(value));
                if let Some(chain) = network.list(list, &action, &Action::Return) {
                    let act = Step::act(Action::Jump(chain));
                    network.push(
                        Stage::Inward,
                        matches.into_iter().map(Step::Match).chain([act]).collect(),
                        at,
                    );
                }
            }
        }
    }

    fn outward(&self, kind: &Kind<'a>, line: Line<'a>, sides: &Sides<'_, 'a>, network: &mut Network) {
        let mut matches = vec![
            Test::Family(Family::Ipv4),
            coming(&sides.inside),
            leaving(&sides.outside),
            Test::Bits(Field::Status, 1, 0),
        ];
        let at = network.at(line.number, line.text);
        let done = || Step::Write(Field::Status, Value::Bits { mask: 1, value: 1 });
        let to = match kind {
            Kind::Static(fixed) => fixed.global,
            Kind::Sources { to, .. } => *to,
            Kind::Outside(global, local) => {
                matches.push(address(Field::Dst, *local));
                let write = Step::Write(Field::Dst, Value::number(u32::from(*global).into()));
                network.push(
                    Stage::Outward,
                    matches.into_iter().map(Step::Match).chain([write]).collect(),
                    at,
                );
                return;
            }
            Kind::OutsideSources { .. } | Kind::Destinations { .. } => return,
        };
        let value = self.value(to, line, sides);
        match kind {
            Kind::Static(fixed) => {
                matches.push(self.is(Field::Src, To::Address(fixed.local), fixed.mask, sides));
                let mut writes = vec![match value {
                    Value::Bits { value, .. } if fixed.mask != u32::MAX => {
                        let mask = fixed.mask.into();
                        Step::Write(Field::Src, Value::Bits { mask, value: value & mask })
                    }
                    value => Step::Write(Field::Src, value),
                }];
                if let Some((protocol, local, global)) = fixed.port {
                    matches.push(Test::header(protocol));
                    matches.push(one(Field::Sport, local));
                    writes.push(Step::Write(Field::Sport, Value::number(global.into())));
                }
                matches.extend(fixed.conditional.then(|| condition(line)));
                let steps = matches.into_iter().map(Step::Match).chain(writes).chain([done()]);
                network.push(Stage::Outward, steps.collect(), at);
            }
            Kind::Sources { list, overload, conditional, .. } => {
                matches.extend(conditional.then(|| condition(line)));
                let mut writes = vec![Step::Write(Field::Src, value), done()];
                if *overload {
                    let choice = at_run_time(line.text, "port of");
                    let any = Value::Among { ranges: vec![(0, u16::MAX.into())], choice };
                    writes.push(Step::Write(Field::Sport, any));
                }
                through(*list, writes, Stage::Outward, matches, line, network);
            }
            _ => {}
        }
    }

    fn range(&self, pool: &str) -> (u128, u128) {
        self.pools.get(pool).copied().unwrap_or((0, Family::Ipv4.highest()))
    }

    /// The address in a field is this one.
    fn is(&self, field: Field, to: To<'a>, mask: u32, sides: &Sides<'_, 'a>) -> Test {
        match to {
            To::Address(global) => super::address::masked(global, mask).test(field),
            To::Interface(name) => match sides.address(name) {
                Some(own) => address(field, own),
                None => Test::Atom(own_unknown(name)),
            },
            To::Pool(pool) => Test::Ranges(field, vec![self.range(pool)]),
        }
    }

    fn value(&self, to: To<'a>, line: Line<'a>, sides: &Sides<'_, 'a>) -> Value {
        let any = |ranges, choice| Value::Among { ranges, choice };
        match to {
            To::Address(global) => Value::number(u32::from(global).into()),
            To::Interface(name) => match sides.address(name) {
                Some(own) => Value::number(u32::from(own).into()),
                None => any(vec![(0, Family::Ipv4.highest())], own_unknown(name)),
            },
            To::Pool(pool) => any(vec![self.range(pool)], at_run_time(line.text, "address of")),
        }
    }
}

impl Sides<'_, '_> {
    /// The first address of an interface.
    fn address(&self, name: &str) -> Option<Ipv4Addr> {
        let interface = self.interfaces.get(name).filter(|i| !i.address_unknown)?;
        interface.addresses.iter().find_map(|own| match own.address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        })
    }
}

/// Writes for what a list permits; without one, under a condition that is not read.
fn through(
    list: Option<&str>,
    writes: Vec<Step>,
    stage: Stage,
    mut matches: Vec<Test>,
    line: Line<'_>,
    network: &mut Network,
) {
    let at = network.at(line.number, line.text);
    let rules = vec![Rule { steps: writes, location: at.clone() }];
    let chain = network.chain(format!("line {}", line.number), rules);
    let act = match list {
        Some(list) => network.list(list, &Action::Goto(chain), &Action::Return).map(Action::Jump),
        None => {
            matches.push(condition(line));
            Some(Action::Jump(chain))
        }
    };
    let steps = matches.into_iter().map(Step::Match).chain(act.map(Step::act));
    network.push(stage, steps.collect(), at);
}

fn condition(line: Line<'_>) -> Test {
    Test::Atom(Atom { reason: Reason::Unread { text: line.text.to_owned() }, occurrence: None })
}

fn own_unknown(name: &str) -> Atom {
    Atom { reason: Reason::HostFactMissing { fact: format!("address of {name}") }, occurrence: None }
}

fn address(field: Field, address: Ipv4Addr) -> Test {
    Test::Address(field, Prefix::host(IpAddr::V4(address)).into())
}

fn one(field: Field, port: u16) -> Test {
    Test::Ranges(field, vec![(port.into(), port.into())])
}
