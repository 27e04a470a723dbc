//! The way of a packet through a host: hooks in order, translation before routing, routing before filtering.
//!
//! Netfilter's order: prerouting (raw, conntrack, mangle, destination translation), routing decision, input or forward,
//! postrouting (source translation).

use crate::finding::Location;
use crate::host::{self, HostFacts, routing::WayOut};
use crate::packet::{AddressSet, Atom, Family, Field, NamePattern, State};
use crate::reason::Reason;

use super::change::{Change, Value};
use super::intake::{Intake, Refusal};
use super::test::{AddressKind, Test};
use super::walk::{Branch, By, Decision, Domain, base_chain, joined};
use super::{CONNTRACK_PRIORITY, Firewall, Hook};

/// The addresses behind each kind, worked out once.
pub(super) struct Kinds {
    local: Option<AddressSet>,
    broadcast: Option<AddressSet>,
    anycast: Option<AddressSet>,
    delivered: Option<AddressSet>,
}

impl Kinds {
    pub(super) fn new(host: &HostFacts) -> Self {
        // 0.0.0.0/8 counts as broadcast for `fib ... type` and addrtype (kernel: inet_addr_type)
        let zero = crate::packet::AddressRange { family: Family::Ipv4, first: 0, last: 0x00ff_ffff };
        let broadcast = host.broadcast().map(|b| b.union(&[zero].into_iter().collect()));
        Self { local: host.own(), broadcast, anycast: host.anycast(), delivered: host.delivered() }
    }

    pub(super) fn get(&self, kind: AddressKind) -> Option<AddressSet> {
        match kind {
            AddressKind::Local => self.local.clone(),
            AddressKind::Broadcast => self.broadcast.clone(),
            AddressKind::Multicast => Some(host::multicast()),
            AddressKind::Anycast => self.anycast.clone(),
            AddressKind::Unicast => {
                let own = self.local.as_ref()?.union(self.broadcast.as_ref()?);
                Some(own.union(&host::multicast()).union(self.anycast.as_ref()?).complement())
            }
        }
    }
}

/// A firewall on a host, ready to be followed.
pub(super) struct Path<'a> {
    firewall: &'a Firewall,
    host: &'a HostFacts,
    pub(super) kinds: Kinds,
    ways_out: Option<Vec<(WayOut, AddressSet)>>,
    intake: Intake,
}

/// Where a packet starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// On an interface; `local` says where it is delivered if that is known otherwise.
    Arriving { local: Option<bool> },
    /// On the host itself.
    Made,
}

/// What got through, by where it was going.
pub(super) struct Passed<F> {
    pub input: Vec<Branch<F>>,
    pub forward: Vec<Branch<F>>,
    pub output: Vec<Branch<F>>,
}

/// Branches for the host itself, and for elsewhere.
type InwardOnward<F> = (Vec<Branch<F>>, Vec<Branch<F>>);

impl<'a> Path<'a> {
    pub(super) fn new(firewall: &'a Firewall, host: &'a HostFacts) -> Self {
        let ways_out = host.ways_out();
        let intake = Intake::new(host, ways_out.as_deref());
        Self { firewall, host, kinds: Kinds::new(host), ways_out, intake }
    }

    /// Whether the interface by which packets leave follows from the destination.
    pub(super) const fn knows_ways_out(&self) -> bool {
        self.ways_out.is_some()
    }

    /// Sends packets along the path.
    pub(super) fn follow<D: Domain>(
        &self,
        domain: &mut D,
        branch: Branch<D::Flow>,
        start: Start,
    ) -> Passed<D::Flow> {
        let mut passed = Passed { input: Vec::new(), forward: Vec::new(), output: Vec::new() };
        match start {
            Start::Made => {
                let live = self.leave(domain, vec![branch]);
                let live = self.hook(domain, Hook::Output, live);
                passed.output = self.hook(domain, Hook::Postrouting, live);
            }
            Start::Arriving { local } => {
                let live = self.hook(domain, Hook::Ingress, vec![branch]);
                let live = self.hook(domain, Hook::Prerouting, live);
                let live = self.taken_in(domain, live);
                let (inward, onward) = self.route(domain, live, local);
                passed.input = self.hook(domain, Hook::Input, inward);
                let onward = self.forwarded(domain, onward);
                let onward = self.leave(domain, onward);
                let onward = self.hook(domain, Hook::Forward, onward);
                passed.forward = self.hook(domain, Hook::Postrouting, onward);
            }
        }
        passed
    }

    fn hook<D: Domain>(
        &self,
        domain: &mut D,
        hook: Hook,
        live: Vec<Branch<D::Flow>>,
    ) -> Vec<Branch<D::Flow>> {
        domain.enter(hook);
        let tracked = matches!(hook, Hook::Prerouting | Hook::Output);
        let mut live = live;
        let mut hidden = false;
        for (table, id, base) in self.firewall.base_chains(hook) {
            if tracked && !hidden && base.priority < CONNTRACK_PRIORITY {
                hidden = true;
                live.iter_mut().for_each(|b| hide_state(&mut b.change));
            }
            if hidden && base.priority >= CONNTRACK_PRIORITY {
                hidden = false;
                live.iter_mut().for_each(|b| show_state(&mut b.change));
                live = joined(domain, live);
            }
            live = base_chain(domain, table, id, base, live);
        }
        if hidden {
            live.iter_mut().for_each(|b| show_state(&mut b.change));
            live = joined(domain, live);
        }
        live
    }

    /// What the host does not throw away before it routes.
    fn taken_in<D: Domain>(&self, domain: &mut D, live: Vec<Branch<D::Flow>>) -> Vec<Branch<D::Flow>> {
        let mut out = Vec::new();
        for branch in live {
            let mut rest = vec![branch];
            let translated = rest.iter().any(|b| b.change.has(Field::Dst));
            for Refusal { test, at } in self.intake.refusals(translated) {
                rest = self.drop_where(domain, rest, test, at);
            }
            out.extend(rest);
        }
        out
    }

    /// Parts packets into those for the host itself and those for elsewhere.
    fn route<D: Domain>(
        &self,
        domain: &mut D,
        live: Vec<Branch<D::Flow>>,
        told: Option<bool>,
    ) -> InwardOnward<D::Flow> {
        let (mut inward, mut onward) = (Vec::new(), Vec::new());
        for branch in live {
            let test = match (&self.kinds.delivered, branch.change.get(Field::Dst)) {
                _ if branch.change.has(Field::Local) => Test::Always,
                (_, None) if told.is_some() => {
                    if told == Some(true) {
                        Test::Always
                    } else {
                        Test::Never
                    }
                }
                (Some(delivered), _) => Test::Address(Field::Dst, delivered.clone()),
                (None, None) => Test::Ranges(Field::Local, vec![(1, 1)]),
                (None, Some(target)) => Test::Atom(Atom {
                    reason: Reason::HostFactMissing { fact: "local addresses".into() },
                    occurrence: Some((format!("{target:?}"), 0)),
                }),
            };
            let (yes, no) = domain.split(&branch, &test);
            inward.extend(yes.map(|flow| Branch { flow, change: branch.change.clone() }));
            onward.extend(no.map(|flow| Branch { flow, change: branch.change }));
        }
        (inward, onward)
    }

    /// What is left of packets for elsewhere on a host that does not forward, or perhaps does not.
    fn forwarded<D: Domain>(&self, domain: &mut D, live: Vec<Branch<D::Flow>>) -> Vec<Branch<D::Flow>> {
        let mut out = live;
        for family in Family::BOTH {
            let fact = match family {
                Family::Ipv4 => "net.ipv4.ip_forward",
                Family::Ipv6 => "net.ipv6.conf.all.forwarding",
            };
            let Some(blocked) = self.not_forwarded(family, fact) else { continue };
            let test = Test::All(vec![Test::Family(family), blocked]);
            out = self.drop_where(domain, out, &test, &Location::within("sysctl.txt", format!("{fact} = 0")));
        }
        out
    }

    /// Packets that the host does not forward; `None` when it forwards all. For IPv4 the interface by which a packet
    /// arrives may differ from the others (ip-sysctl, `forwarding`).
    fn not_forwarded(&self, family: Family, fact: &str) -> Option<Test> {
        let blocked = |forwards: Option<bool>| match forwards {
            Some(true) => Test::Never,
            Some(false) => Test::Always,
            None => Test::Atom(Atom {
                reason: Reason::HostFactMissing { fact: fact.to_owned() },
                occurrence: None,
            }),
        };
        let others = self.host.forwarding(family);
        let each = self.host.forwarding_each.iter().filter(|_| family == Family::Ipv4);
        let apart: Vec<(Test, Test)> = each
            .filter(|(_, own)| Some(**own) != others)
            .map(|(name, own)| {
                (Test::Interface(Field::In, NamePattern::Exact(name.clone())), blocked(Some(*own)))
            })
            .collect();
        if apart.is_empty() {
            return (others != Some(true)).then(|| blocked(others));
        }
        let named = Test::Any(apart.iter().map(|(name, _)| name.clone()).collect());
        let mut tests = vec![Test::All(vec![named.negate(), blocked(others)])];
        tests.extend(apart.into_iter().map(|(name, blocked)| Test::All(vec![name, blocked])));
        Some(Test::Any(tests))
    }

    fn drop_where<D: Domain>(
        &self,
        domain: &mut D,
        live: Vec<Branch<D::Flow>>,
        test: &Test,
        at: &Location,
    ) -> Vec<Branch<D::Flow>> {
        let mut out = Vec::new();
        for branch in live {
            let (yes, no) = domain.split(&branch, test);
            if let Some(flow) = yes {
                domain.decide(
                    &Branch { flow, change: branch.change.clone() },
                    Decision::Drop,
                    By::Policy(at),
                );
            }
            out.extend(no.map(|flow| Branch { flow, change: branch.change }));
        }
        out
    }

    /// Parts packets by the interface they will leave by; those without a way out are dropped.
    fn leave<D: Domain>(&self, domain: &mut D, live: Vec<Branch<D::Flow>>) -> Vec<Branch<D::Flow>> {
        let Some(ways) = &self.ways_out else { return live };
        let mut out = Vec::new();
        for branch in live {
            let mut rest = Some(branch);
            for (way, destinations) in ways {
                let Some(branch) = rest.take() else { break };
                let (yes, no) = domain.split(&branch, &Test::Address(Field::Dst, destinations.clone()));
                rest = no.map(|flow| Branch { flow, change: branch.change.clone() });
                let Some(flow) = yes else { continue };
                let mut branch = Branch { flow, change: branch.change };
                match way {
                    WayOut::By(names) => {
                        branch.change.set(Field::Out, out_value(names, domain));
                        out.push(branch);
                    }
                    WayOut::Nowhere => {
                        let at = Location::within("ip-route.json", "no route");
                        domain.decide(&branch, Decision::Drop, By::Policy(&at));
                    }
                }
            }
        }
        joined(domain, out)
    }
}

fn out_value<D: Domain>(names: &[String], domain: &D) -> Value {
    match names {
        [name] => Value::number(domain.interface(name)),
        names => {
            let numbers = names.iter().map(|name| domain.interface(name));
            let mut ranges: Vec<(u128, u128)> = numbers.map(|n| (n, n)).collect();
            ranges.sort_unstable();
            ranges.dedup();
            let reason = Reason::RunTime { text: format!("multipath route by {}", names.join(", ")) };
            Value::Among { ranges, choice: Atom { reason, occurrence: Some(("route".into(), 0)) } }
        }
    }
}

/// Before conntrack has looked, every packet reads as invalid.
fn hide_state(change: &mut Change) {
    change.set(Field::State, Value::number(State::Invalid.number()));
}

fn show_state(change: &mut Change) {
    if change.get(Field::State) == Some(&Value::number(State::Invalid.number())) {
        change.unset(Field::State);
    }
}
