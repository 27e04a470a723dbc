//! Policy maps and class maps that inspect (IOS Security Command Reference, `policy-map type inspect`, `class-map type
//! inspect`): classes in order, what none of them takes is dropped.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::config::{Line, Section};
use crate::firewall::{Action, ChainId, Rule, Step, Test};
use crate::packet::{Atom, Field, State, proto};
use crate::platform::cisco::{Words, names};
use crate::platform::netfilter::digest;
use crate::platform::network::{Network, at_run_time};
use crate::reason::Reason;

/// The maps of a configuration.
#[derive(Debug, Default)]
pub(super) struct Policies<'a> {
    policies: BTreeMap<&'a str, Vec<Class<'a>>>,
    classes: BTreeMap<&'a str, ClassMap<'a>>,
    /// Policies for quality of service: their lines.
    pub quality: BTreeMap<&'a str, Vec<&'a str>>,
    /// `ip port-map` lines: names of applications stand for other ports too.
    pub port_maps: Vec<&'a str>,
    made: RefCell<BTreeMap<String, ChainId>>,
}

#[derive(Debug)]
struct Class<'a> {
    name: &'a str,
    action: Option<Done>,
    head: Line<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// With a session: what begins none is looked at.
    Inspected,
    Passes,
    Dropped,
    /// It passes, as far as something deeper agrees.
    Deeper,
}

#[derive(Debug, Default)]
struct ClassMap<'a> {
    any: bool,
    asks: Vec<&'a str>,
}

/// Most class maps that one class is followed into.
const DEEPEST: usize = 64;

/// One thing that a class asks for.
enum Ask<'a> {
    List(&'a str),
    Test(Test),
}

impl<'a> Policies<'a> {
    /// Takes a section if it is a policy map or a class map.
    pub(super) fn take(&mut self, section: &Section<'a>) -> bool {
        let mut words = Words::of(section.head.text);
        match words.next() {
            Some("policy-map") => {}
            Some("class-map") => return self.class_map(&mut words, section),
            _ => return false,
        }
        if !words.eat("type") {
            let lines = section.below.iter().map(|line| line.text).collect();
            self.quality.insert(words.next().unwrap_or_default(), lines);
            return true;
        }
        if words.next() != Some("inspect") || words.rest().len() != 1 {
            // of other kinds, and of deeper layers, only what names them is of interest
            return true;
        }
        let mut classes: Vec<Class<'a>> = Vec::new();
        for line in &section.below {
            let mut below = Words::of(line.text);
            if below.eat("class") {
                let _ = below.eat_all(&["type", "inspect"]);
                classes.push(Class { name: below.next().unwrap_or_default(), action: None, head: *line });
                continue;
            }
            let done = match below.next() {
                Some("inspect") => Done::Inspected,
                Some("pass") => Done::Passes,
                Some("drop") => Done::Dropped,
                Some("description") => continue,
                _ => Done::Deeper,
            };
            if let Some(class) = classes.last_mut() {
                class.action =
                    Some(if done == Done::Deeper { Done::Deeper } else { class.action.unwrap_or(done) });
            }
        }
        self.policies.insert(words.next().unwrap_or_default(), classes);
        true
    }

    fn class_map(&mut self, words: &mut Words<'a>, section: &Section<'a>) -> bool {
        if words.eat("type") && words.next() != Some("inspect") {
            return true;
        }
        let mut map = ClassMap { any: false, asks: section.below.iter().map(|line| line.text).collect() };
        let mut name = None;
        while let Some(word) = words.next() {
            match word {
                "match-any" => map.any = true,
                "match-all" => {}
                word => name = Some(word),
            }
        }
        if let Some(name) = name {
            self.classes.insert(name, map);
        }
        true
    }

    /// The chain of a policy: what it lets through is accepted, the rest is gone. What belongs to a session may be let
    /// through by that.
    pub(super) fn chain(&self, name: &str, network: &mut Network) -> ChainId {
        if let Some(id) = self.made.borrow().get(name) {
            return *id;
        }
        let mut rules = Vec::new();
        let mut rule = |tests: Vec<Test>, action: Action, at: crate::finding::Location| {
            let steps = tests.into_iter().map(Step::Match).chain([Step::act(action)]).collect();
            rules.push(Rule { steps, location: at });
        };
        let sessions = at_run_time("session", "policy");
        let at = network.somewhere(format!("policy-map {name}: sessions"));
        let known = Test::State(vec![State::Established, State::Related]);
        rule(vec![known], Action::Outside(sessions), at);
        let Some(classes) = self.policies.get(name) else {
            let at = network.somewhere(format!("policy-map {name} does not exist"));
            rule(Vec::new(), Action::Outside(unread(&format!("policy-map {name}"))), at);
            return self.keep(name, rules, network);
        };
        for class in classes {
            let at = network.at(class.head.number, class.head.text);
            let action = match class.action {
                Some(Done::Passes | Done::Inspected) => Action::Accept,
                Some(Done::Dropped) | None => Action::Drop,
                Some(Done::Deeper) => {
                    Action::Outside(unread(&format!("{} {}", class.head.text, self.text(class.name))))
                }
            };
            let stray = (class.action == Some(Done::Inspected)).then(|| {
                // what belongs to no session and begins none: an answer nobody asked for, the middle of nothing
                let begins = Test::State(vec![State::Invalid]);
                (Some(begins), Action::Outside(at_run_time("inspection", "policy")))
            });
            for (state, action) in stray.into_iter().chain([(None, action)]) {
                let ways = match class.name {
                    "class-default" => vec![(Vec::new(), action)],
                    name => self.class(name, &action, network),
                };
                for (tests, action) in ways {
                    rule(state.clone().into_iter().chain(tests).collect(), action, at.clone());
                }
            }
        }
        let at = network.somewhere(format!("policy-map {name}: class-default drops"));
        rule(Vec::new(), Action::Drop, at);
        self.keep(name, rules, network)
    }

    fn keep(&self, name: &str, rules: Vec<Rule>, network: &mut Network) -> ChainId {
        let id = network.chain(format!("policy-map {name}"), rules);
        self.made.borrow_mut().insert(name.to_owned(), id);
        id
    }

    /// What a class says, as something that is the same as long as it says the same.
    fn text(&self, class: &str) -> String {
        self.classes.get(class).map(|map| digest(&map.asks)).unwrap_or_default()
    }

    /// Ways to belong to a class, and what then happens.
    fn class(&self, name: &str, action: &Action, network: &mut Network) -> Vec<(Vec<Test>, Action)> {
        let Some(map) = self.classes.get(name) else {
            return vec![(vec![Test::Atom(unread(&format!("class-map {name}")))], action.clone())];
        };
        let asks = self.asks(map, map.any, &mut BTreeSet::new());
        if map.any {
            let each = asks.into_iter().map(|ask| self.one(vec![ask], action, network));
            return each.collect();
        }
        if asks.is_empty() {
            // a class that asks for nothing: devices differ
            return vec![(vec![Test::Atom(unread(&format!("empty class-map {name}")))], action.clone())];
        }
        vec![self.one(asks, action, network)]
    }

    /// All of these together.
    fn one(&self, asks: Vec<Ask<'a>>, action: &Action, network: &mut Network) -> (Vec<Test>, Action) {
        let mut tests = Vec::new();
        let mut lists = Vec::new();
        for ask in asks {
            match ask {
                Ask::Test(test) => tests.push(test),
                Ask::List(list) => lists.push(list),
            }
        }
        let mut then = action.clone();
        let last = lists.len();
        for (at, list) in lists.into_iter().rev().enumerate() {
            match network.list(list, &then, &Action::Return) {
                // the first list of all comes back to the next class, one behind another to the class before
                Some(chain) if at + 1 == last => then = Action::Jump(chain),
                Some(chain) => then = Action::Goto(chain),
                None => tests.push(Test::Atom(unread(&format!("access-list {list}")))),
            }
        }
        (tests, then)
    }

    /// What a class asks for; of classes that it names, each is read once, as asking twice is asking once.
    fn asks(&self, map: &ClassMap<'a>, any: bool, seen: &mut BTreeSet<&'a str>) -> Vec<Ask<'a>> {
        let mut out = Vec::new();
        for text in &map.asks {
            let mut words = Words::of(text);
            if words.next() == Some("description") {
                continue;
            }
            match (words.next(), words.next(), words.next()) {
                (Some("access-group"), Some("name"), Some(list)) => out.push(Ask::List(list)),
                (Some("access-group"), Some(list), None) => out.push(Ask::List(list)),
                (Some("protocol"), Some(name), None) => out.push(Ask::Test(self.protocol(name))),
                (Some("class-map"), Some(name), None) => match self.classes.get(name) {
                    Some(inner) if inner.any == any || inner.asks.len() == 1 => {
                        if seen.len() < DEEPEST && seen.insert(name) {
                            out.extend(self.asks(inner, any, seen));
                        } else if !seen.contains(name) {
                            out.push(Ask::Test(Test::Atom(unread(text))));
                        }
                    }
                    _ => out.push(Ask::Test(Test::Atom(unread(&format!("{text} {}", self.text(name)))))),
                },
                _ => out.push(Ask::Test(Test::Atom(unread(text)))),
            }
        }
        out
    }

    /// An application is known by its usual ports ("Port to Application Mapping").
    fn protocol(&self, name: &str) -> Test {
        let ports = |number: u8, ports: &[u16]| {
            let ranges = ports.iter().map(|p| (u128::from(*p), u128::from(*p))).collect();
            Test::All(vec![Test::header(number), Test::Ranges(Field::Dport, ranges)])
        };
        let (tcp, udp) = (|p: u16| ports(proto::TCP, &[p]), |p: u16| ports(proto::UDP, &[p]));
        let test = match name {
            "tcp" => return Test::proto(proto::TCP),
            "udp" => return Test::proto(proto::UDP),
            "icmp" => return Test::Any(vec![Test::proto(proto::ICMP), Test::proto(proto::ICMPV6)]),
            "dns" => Test::Any(vec![tcp(53), udp(53)]),
            "http" | "https" | "smtp" | "ssh" | "telnet" | "ftp" | "pop3" | "bgp" => {
                let name = if name == "http" { "www" } else { name };
                match names::port(name, true) {
                    Some(port) => tcp(port),
                    None => return Test::Atom(unread(&format!("match protocol {name}"))),
                }
            }
            "tftp" => udp(69),
            "ntp" => udp(123),
            "snmp" => udp(161),
            "snmptrap" => udp(162),
            "syslog" => udp(514),
            _ => return Test::Atom(unread(&format!("match protocol {name}"))),
        };
        if self.port_maps.is_empty() {
            return test;
        }
        let mapped = Test::Atom(unread(&format!("ip port-map {name} {}", digest(&self.port_maps))));
        Test::Any(vec![test, mapped])
    }
}

fn unread(text: &str) -> Atom {
    Atom { reason: Reason::Unread { text: text.to_owned() }, occurrence: None }
}
