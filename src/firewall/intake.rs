//! What a host throws away before it decides where a packet goes: sources and destinations that cannot be ("martians",
//! RFC 1812, 5.3.7 and 5.3.8), and sources that would not be routed back (RFC 3704).
//!
//! After the kernel's `ip_route_input_slow`, `ip_mc_validate_source` and `fib_validate_source` (net/ipv4/route.c,
//! net/ipv4/fib_frontend.c) and `ip6_rcv_core` (net/ipv6/ip6_input.c); settings: kernel documentation,
//! `networking/ip-sysctl`. What arrives by the loopback interface was routed when it was sent, and is not asked again.

use std::collections::BTreeSet;

use crate::finding::Location;
use crate::host::{self, HostFacts, RouteKind, Setting, routing::WayOut};
use crate::packet::{AddressSet, Atom, Family, Field, NamePattern, Prefix};
use crate::reason::Reason;

use super::test::Test;

/// One reason to throw a packet away.
pub(super) struct Refusal {
    /// Which packets, as they are behind prerouting.
    pub test: Test,
    /// What decides it.
    pub at: Location,
}

/// What a host refuses.
#[derive(Default)]
pub struct Intake {
    /// Of packets to where they were sent.
    as_sent: Vec<Refusal>,
    /// Of packets whose destination was translated.
    translated: Vec<Refusal>,
    /// Sources that come by no interface but the loopback interface, unless a host asks for its address (0.0.0.0) or
    /// 127.0.0.0/8 speaks to everybody.
    pub no_source: AddressSet,
    /// Destinations that are reached by no other interface, before translation.
    pub no_destination: AddressSet,
    /// Interfaces that let in different sources.
    pub apart: Vec<String>,
}

const LOOPBACK: &str = "lo";
const LOOPBACK_V4: &str = "127.0.0.0/8";
const NOBODY: &str = "0.0.0.0/32";
const EVERYBODY: &str = "255.255.255.255/32";
const MULTICAST: &str = "224.0.0.0/4";
/// Protocol number of multicast group management (RFC 3376).
const IGMP: u8 = 2;

impl Intake {
    /// For one host; `ways` are its [`HostFacts::ways_out`].
    pub fn new(host: &HostFacts, ways: Option<&[(WayOut, AddressSet)]>) -> Self {
        if host.takes_all_in {
            // nobody has that address, here or there
            return Self { no_source: set(&[NOBODY]), ..Self::default() };
        }
        let own: AddressSet = host.addresses.iter().flatten().map(|a| Prefix::host(a.address)).collect();
        let facts = Facts { host, ways, own: own.only(Family::Ipv4), names: named(host) };
        let by_path = facts.by_path();
        let (own_off, loopback_off) = (facts.own_refused(), facts.loopback_refused(false));
        let mut no_source =
            set(&[NOBODY, EVERYBODY, MULTICAST, "::1/128", "ff00::/8"]).union(&by_path.common);
        let mut no_destination = set(&[NOBODY, "::1/128", "ff01::/16", "ff11::/16"]);
        if own_off == Test::Always {
            no_source = no_source.union(&facts.own);
        }
        if loopback_off == Test::Always {
            no_source = no_source.union(&set(&[LOOPBACK_V4]));
            no_destination = no_destination.union(&set(&[LOOPBACK_V4]));
        }
        let apart = if by_path.classes.is_empty() { Vec::new() } else { facts.addressed() };
        let refusals = |translated: bool| {
            let mut all = impossible(translated);
            all.push(loopback(facts.loopback_refused(translated)));
            all.push(own_source(&facts.own, own_off.clone()));
            all.extend(by_path.refusals());
            let outside = |Refusal { test, at }| Refusal { test: Test::All(vec![from_outside(), test]), at };
            all.into_iter().map(outside).collect()
        };
        let (as_sent, translated) = (refusals(false), refusals(true));
        Self { as_sent, translated, no_source, no_destination, apart }
    }

    /// The reasons for packets whose destination was translated, or was not.
    pub(super) fn refusals(&self, translated: bool) -> &[Refusal] {
        if translated { &self.translated } else { &self.as_sent }
    }
}

/// The interfaces that have addresses or routes, the loopback interface aside.
fn named(host: &HostFacts) -> BTreeSet<&str> {
    let addresses = host.addresses.iter().flatten().map(|a| a.interface.as_str());
    let routes = host.routes.iter().flatten().flat_map(|r| r.interfaces.iter().map(String::as_str));
    addresses.chain(routes).filter(|name| *name != LOOPBACK).collect()
}

fn by(interface: &str) -> Test {
    Test::Interface(Field::In, NamePattern::Exact(interface.to_owned()))
}

fn from_outside() -> Test {
    Test::Any(vec![Test::Ranges(Field::In, vec![(0, 0)]), by(LOOPBACK)]).negate()
}

fn set(texts: &[&str]) -> AddressSet {
    texts.iter().filter_map(|text| text.parse::<Prefix>().ok()).collect()
}

fn src(texts: &[&str]) -> Test {
    Test::Address(Field::Src, set(texts))
}

fn dst(texts: &[&str]) -> Test {
    Test::Address(Field::Dst, set(texts))
}

fn unknown(fact: impl Into<String>) -> Test {
    Test::Atom(Atom { reason: Reason::HostFactMissing { fact: fact.into() }, occurrence: None })
}

/// What 0.0.0.0 may be the source of: a host that asks for its address (RFC 951) speaks from it, and so do multicast
/// reports.
fn asking() -> Test {
    Test::Any(vec![
        dst(&[EVERYBODY, NOBODY, "224.0.0.0/24"]),
        Test::All(vec![dst(&[MULTICAST]), Test::proto(IGMP)]),
    ])
}

/// Addresses that nobody has.
fn impossible(translated: bool) -> Vec<Refusal> {
    let refusal = |test: Test, what: &str| Refusal { test, at: Location::within("kernel", what) };
    let nobody = Test::All(vec![dst(&[NOBODY]), src(&[NOBODY]).negate()]);
    let inward = if translated {
        // the route to it is looked for on the interface by which the packet came
        Test::All(vec![dst(&["::1/128"]), unknown("way of a packet translated to ::1")])
    } else {
        // interface-local multicast does not leave its host (RFC 4291, 2.7)
        dst(&["::1/128", "ff01::/16", "ff11::/16"])
    };
    vec![
        refusal(src(&[MULTICAST, EVERYBODY]), "source is multicast or broadcast"),
        refusal(Test::All(vec![src(&[NOBODY]), asking().negate()]), "source is 0.0.0.0"),
        refusal(nobody, "destination is 0.0.0.0"),
        refusal(src(&["::1/128", "ff00::/8"]), "source is loopback or multicast"),
        refusal(inward, "destination is loopback"),
    ]
}

/// 127.0.0.0/8 outside of the loopback interface.
fn loopback(refused: Test) -> Refusal {
    let from = Test::All(vec![src(&[LOOPBACK_V4]), dst(&[EVERYBODY]).negate()]);
    let touched = Test::Any(vec![dst(&[LOOPBACK_V4]), from]);
    let at = Location::within("sysctl.txt", "route_localnet = 0");
    Refusal { test: Test::All(vec![touched, refused]), at }
}

fn own_source(own: &AddressSet, refused: Test) -> Refusal {
    let at = Location::within("ip-addr.json", "source is an address of the host");
    Refusal { test: Test::All(vec![Test::Address(Field::Src, own.clone()), refused]), at }
}

struct Facts<'a> {
    host: &'a HostFacts,
    ways: Option<&'a [(WayOut, AddressSet)]>,
    /// IPv4 addresses of interfaces.
    own: AddressSet,
    names: BTreeSet<&'a str>,
}

/// Sources that `rp_filter` refuses: on all interfaces that it is asked for, and on some.
struct ByPath {
    names: Vec<Test>,
    common: AddressSet,
    classes: Vec<(Test, Vec<Test>)>,
}

impl ByPath {
    fn refusals(&self) -> impl Iterator<Item = Refusal> {
        let common = Test::Address(Field::Src, self.common.clone());
        let common = (!self.common.is_empty()).then(|| (common, self.names.clone()));
        common.into_iter().chain(self.classes.iter().cloned()).map(|(test, names)| Refusal {
            test: Test::All(vec![Test::Any(names), test]),
            at: Location::within("sysctl.txt", "rp_filter"),
        })
    }
}

impl Facts<'_> {
    /// Where 127.0.0.0/8 is refused. A rule that translates to it was made by somebody who let it in: then a setting that
    /// is only assumed does not count.
    fn loopback_refused(&self, translated: bool) -> Test {
        let mut setting = self.host.route_localnet.clone();
        if translated {
            setting.assumed = None;
        }
        self.by_interface(&setting, |_, range| match range {
            (_, 0) => Test::Always,
            (1.., _) => Test::Never,
            _ => unknown("net.ipv4.conf.*.route_localnet"),
        })
    }

    /// Where the host's own addresses are refused as sources.
    fn own_refused(&self) -> Test {
        self.by_interface(&self.host.accept_local, |name, range| {
            let (_, strictest) = name.map_or((0, 2), |name| self.host.reverse_path.in_force(name, 2));
            match (range, strictest) {
                ((_, 0), _) => Test::Always,
                ((1.., _), 0) => Test::Never,
                _ => unknown("net.ipv4.conf.*.accept_local"),
            }
        })
    }

    /// A test that depends on a switch of the interface by which a packet arrives. Interfaces without addresses and
    /// routes are one class, without a name.
    fn by_interface(&self, switch: &Setting, test: impl Fn(Option<&str>, (u8, u8)) -> Test) -> Test {
        let others = test(None, self.others(switch));
        let mut classes: Vec<(Test, Vec<Test>)> = Vec::new();
        for name in &self.names {
            let own = test(Some(name), switch.in_force(name, 1));
            if own != others {
                add_to_class(&mut classes, own, name);
            }
        }
        if classes.is_empty() {
            return others;
        }
        let apart = Test::Any(classes.iter().flat_map(|(_, names)| names.iter().cloned()).collect());
        let mut all = vec![Test::All(vec![apart.negate(), others])];
        all.extend(classes.into_iter().map(|(test, names)| Test::All(vec![Test::Any(names), test])));
        Test::Any(all)
    }

    /// What may be in force on interfaces without addresses and routes. A device that was asked told all that it has.
    fn others(&self, switch: &Setting) -> (u8, u8) {
        if switch.each.is_empty() {
            return switch.in_force("", 1);
        }
        let rest = switch.each.keys().filter(|name| *name != LOOPBACK && !self.names.contains(name.as_str()));
        let rest = rest.map(|name| switch.in_force(name, 1));
        let none = Setting { assumed: Some(0), ..switch.clone() }.in_force("", 1);
        rest.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or(none)
    }

    /// Interfaces with an IPv4 address. One without may get one at any time, and is not asked for the way back until
    /// then.
    fn addressed(&self) -> Vec<String> {
        let v4 = self.host.addresses.iter().flatten().filter(|a| a.address.is_ipv4());
        let names: BTreeSet<&str> = v4.map(|a| a.interface.as_str()).filter(|n| *n != LOOPBACK).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    fn by_path(&self) -> ByPath {
        let names = self.addressed();
        let refused: Vec<[AddressSet; 2]> = names.iter().map(|name| self.not_routed_back(name)).collect();
        let sure = refused.iter().map(|[sure, _]| sure.clone());
        let common = sure.reduce(|all, set| all.intersection(&set)).unwrap_or_default();
        let mut classes = Vec::new();
        for (name, [sure, perhaps]) in names.iter().zip(&refused) {
            let own = sure.difference(&common);
            let mut tests = Vec::new();
            if !own.is_empty() {
                tests.push(Test::Address(Field::Src, own));
            }
            if !perhaps.is_empty() {
                let fact = unknown(format!("net.ipv4.conf.{name}.rp_filter"));
                tests.push(Test::All(vec![Test::Address(Field::Src, perhaps.clone()), fact]));
            }
            if !tests.is_empty() {
                add_to_class(&mut classes, Test::Any(tests), name);
            }
        }
        ByPath { names: names.iter().map(|name| by(name)).collect(), common, classes }
    }

    /// Sources that an interface refuses for want of a way back: for certain, and as far as the evidence does not
    /// exclude it.
    fn not_routed_back(&self, name: &str) -> [AddressSet; 2] {
        let (low, high) = self.host.reverse_path.in_force(name, 2);
        let modes = [Mode::Off, Mode::Strict, Mode::Loose].into_iter().enumerate();
        let modes = modes.filter(|(n, _)| (low.into()..=high.into()).contains(n)).map(|(_, mode)| mode);
        // what comes out of an IPsec tunnel is not asked
        let weakest = if self.host.may_decrypt() { Some(Mode::Off) } else { modes.clone().min() };
        let (Some(weakest), Some(strongest)) = (weakest, modes.max()) else { return Default::default() };
        let sure = self.refused(name, weakest, true);
        let perhaps = self.refused(name, strongest, false).difference(&sure);
        [sure, perhaps]
    }

    fn refused(&self, name: &str, mode: Mode, certain: bool) -> AddressSet {
        if mode == Mode::Off && !self.has_custom_local_routes() {
            return AddressSet::none();
        }
        let (low, high) = self.host.accept_local.in_force(name, 1);
        // where they are accepted, a way back is looked for as for others
        let local = if certain { high == 0 } else { low == 0 || mode != Mode::Off };
        let local = self.host.own().filter(|_| local).unwrap_or_default();
        let mut refused = local.union(&self.host.broadcast().unwrap_or_default());
        if mode != Mode::Off {
            refused = refused.union(&self.unanswered(name, mode, certain));
        }
        // 0.0.0.0 and addresses of interfaces have reasons of their own
        refused.only(Family::Ipv4).difference(&set(&[NOBODY])).difference(&self.own)
    }

    /// Sources to which no route leads, or none by this interface.
    fn unanswered(&self, name: &str, mode: Mode, certain: bool) -> AddressSet {
        let Some(ways) = self.ways else {
            return if certain { AddressSet::none() } else { AddressSet::all() };
        };
        let answers = |way: &WayOut| match way {
            WayOut::Nowhere => false,
            WayOut::By(names) => mode == Mode::Loose || names.iter().any(|n| n == name),
        };
        let answered = ways.iter().filter(|(way, _)| answers(way)).map(|(_, set)| set);
        answered.fold(AddressSet::none(), |all, set| all.union(set)).complement()
    }

    /// Local routes that follow from no address: with them the kernel looks a source up even where `rp_filter` is off
    /// (`fib_has_custom_local_routes`).
    fn has_custom_local_routes(&self) -> bool {
        let usual = self.own.union(&host::loopback());
        let local = self.host.routes.iter().flatten().filter(|r| r.kind == RouteKind::Local);
        let mut v4 = local.map(|r| r.destination).filter(|p| p.family() == Family::Ipv4);
        !self.own.is_empty() && v4.any(|p| !AddressSet::from(p).difference(&usual).is_empty())
    }
}

/// How `rp_filter` looks at a source; each refuses what the one before refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    /// 0.
    Off,
    /// 2: some route leads to it.
    Loose,
    /// 1: a route by the same interface leads to it.
    Strict,
}

fn add_to_class(classes: &mut Vec<(Test, Vec<Test>)>, test: Test, name: &str) {
    match classes.iter_mut().find(|(other, _)| *other == test) {
        Some((_, names)) => names.push(by(name)),
        None => classes.push((test, vec![by(name)])),
    }
}
