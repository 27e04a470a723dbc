//! What the device itself answers: terminal lines, web, SNMP, TFTP, and who may ask (IOS Configuration Fundamentals and
//! Network Management Command References: `access-class`, `transport input`, `ip http`, `snmp-server`, `tftp-server`).
//!
//! The web servers, SNMP and TFTP are off where nothing switches them on. Which terminal line takes a connection is a
//! matter of which are free.

use std::collections::BTreeMap;

use super::config::{Line, Section};
use crate::finding::Location;
use crate::firewall::{Action, Rule, Step, Test};
use crate::packet::{Atom, Family, Field, proto};
use crate::platform::cisco::Words;
use crate::platform::network::{Network, Stage, at_run_time};
use crate::reason::Reason;

/// The services of a configuration.
#[derive(Debug, Default)]
pub(super) struct Services<'a> {
    terminals: Vec<Terminal<'a>>,
    web: BTreeMap<&'static str, Web<'a>>,
    /// Lists for the web servers: family, name, where.
    web_lists: Vec<(Family, &'a str, Line<'a>)>,
    /// Ways to ask by SNMP: the list, if any, and where.
    snmp: Vec<(Option<&'a str>, Line<'a>)>,
    snmp_off: bool,
    tftp: Vec<(Option<&'a str>, Line<'a>)>,
    ssh_ports: Vec<u16>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Web<'a> {
    on: Option<Line<'a>>,
    port: Option<u16>,
}

/// Some terminal lines.
#[derive(Debug)]
struct Terminal<'a> {
    head: Line<'a>,
    /// Protocols let in; `None` where nothing says it, and devices differ.
    transport: Option<Vec<&'a str>>,
    lists: [Option<(&'a str, Line<'a>)>; 2],
}

/// The two ways to a terminal line.
const SHELLS: [(&str, u16); 2] = [("telnet", 23), ("ssh", 22)];

impl<'a> Services<'a> {
    /// Takes a section if it is about a service.
    pub(super) fn take(&mut self, section: &Section<'a>, is_list: &dyn Fn(&str) -> bool) -> bool {
        let line = section.head;
        let mut words = Words::of(line.text);
        let off = words.eat("no");
        match words.next() {
            Some("line") => {
                if matches!(words.peek(), Some("vty")) && !off {
                    self.terminals.push(Terminal::read(section));
                }
                true
            }
            Some("ip") if words.eat("http") => self.web(&mut words, line, off),
            Some("ip") if words.eat_all(&["ssh", "port"]) => {
                self.ssh_ports.extend(words.parse::<u16>());
                true
            }
            Some("snmp-server") => {
                self.snmp(&mut words, line, off);
                true
            }
            Some("tftp-server") => {
                let list = words
                    .rest()
                    .iter()
                    .skip(1)
                    .last()
                    .copied()
                    .filter(|name| is_list(name) || is_number(name));
                if !off {
                    self.tftp.push((list, line));
                }
                true
            }
            _ => false,
        }
    }

    /// Behind `ip http`.
    fn web(&mut self, words: &mut Words<'a>, line: Line<'a>, off: bool) -> bool {
        match words.next() {
            Some(kind @ ("server" | "secure-server")) => {
                let kind = if kind == "server" { "server" } else { "secure-server" };
                self.web.entry(kind).or_default().on = (!off).then_some(line);
            }
            Some("port") => self.web.entry("server").or_default().port = words.parse(),
            Some("secure-port") => self.web.entry("secure-server").or_default().port = words.parse(),
            Some("access-class") if !off => {
                let family = if words.eat("ipv6") { Family::Ipv6 } else { Family::Ipv4 };
                let _ = words.eat("ipv4");
                self.web_lists.extend(words.next().map(|name| (family, name, line)));
            }
            // who may log in, and how, does not decide about packets
            _ => {}
        }
        true
    }

    /// Behind `snmp-server`.
    fn snmp(&mut self, words: &mut Words<'a>, line: Line<'a>, off: bool) {
        if off {
            self.snmp_off |= words.is_empty();
            return;
        }
        let list = match words.next() {
            Some("community") => {
                // NAME [view V] [ro|rw] [ipv6 LIST] [LIST]
                words.next();
                let last = words.rest().last().copied();
                let plain = |word: &&str| !matches!(word.to_ascii_lowercase().as_str(), "ro" | "rw");
                let view = words.rest().len() == 2 && words.peek() == Some("view");
                last.filter(plain).filter(|_| !view)
            }
            Some("group" | "user") => words.rest().windows(2).find_map(|pair| match pair {
                ["access", name] => Some(*name),
                _ => None,
            }),
            _ => return,
        };
        self.snmp.push((list, line));
    }

    /// Puts the rules into the network.
    pub(super) fn build(&self, network: &mut Network) {
        for (shell, port) in SHELLS {
            let mut ports = vec![port];
            if shell == "ssh" {
                ports.extend(&self.ssh_ports);
            }
            self.shell(shell, &ports, network);
        }
        for (kind, port) in [("server", 80), ("secure-server", 443)] {
            let web = self.web.get(kind).copied().unwrap_or_default();
            let matches = service(proto::TCP, &[web.port.unwrap_or(port)]);
            let Some(on) = web.on else {
                let at = network.somewhere(format!("no ip http {kind}"));
                network.push(Stage::Services, acting(matches, Action::Reject), at);
                continue;
            };
            for (family, name, line) in &self.web_lists {
                let at = network.at(line.number, line.text);
                let matches = matches.iter().cloned().chain([Test::Family(*family)]).collect();
                network.bind(Stage::Services, matches, name, at);
            }
            let at = network.at(on.number, on.text);
            network.push(Stage::Services, acting(matches, Action::Accept), at);
        }
        let snmp = if self.snmp_off { &[][..] } else { &self.snmp };
        either(snmp, &service(proto::UDP, &[161]), "no snmp-server", network);
        either(&self.tftp, &service(proto::UDP, &[69]), "no tftp-server", network);
    }

    /// One of the two shells.
    fn shell(&self, shell: &str, ports: &[u16], network: &mut Network) {
        let serving: Vec<&Terminal<'a>> =
            self.terminals.iter().filter(|t| t.serves(shell) != Some(false)).collect();
        let Some((last, others)) = serving.split_last() else {
            let at = network.somewhere(format!("no line vty takes {shell}"));
            return network.push(Stage::Services, acting(service(proto::TCP, ports), Action::Reject), at);
        };
        let mut options = Vec::new();
        for terminal in others {
            if terminal.same(last, shell) {
                continue;
            }
            let takes = at_run_time(format!("{} takes the connection", terminal.head.text), "lines");
            options.push((Test::Atom(takes), Action::Goto(terminal.chain(shell, network))));
        }
        options.push((Test::Always, Action::Goto(last.chain(shell, network))));
        let matches = service(proto::TCP, ports).into_iter().map(Step::Match);
        let at = network.at(last.head.number, last.head.text);
        network.push(Stage::Services, matches.chain([Step::Choose(options)]).collect(), at);
    }
}

impl<'a> Terminal<'a> {
    fn read(section: &Section<'a>) -> Self {
        let mut terminal = Self { head: section.head, transport: None, lists: [None, None] };
        for line in &section.below {
            let mut words = Words::of(line.text);
            let off = words.eat("no");
            let place = usize::from(words.eat("ipv6"));
            match words.next() {
                Some("access-class") if words.rest().contains(&"in") && !off => {
                    if let (Some(list), Some(name)) = (terminal.lists.get_mut(place), words.next()) {
                        *list = Some((name, *line));
                    }
                }
                Some("transport") if words.eat("input") => {
                    terminal.transport = Some(if off { Vec::new() } else { words.rest().to_vec() });
                }
                _ => {}
            }
        }
        terminal
    }

    /// Whether it lets a shell in.
    fn serves(&self, shell: &str) -> Option<bool> {
        self.transport.as_ref().map(|list| list.iter().any(|word| *word == shell || *word == "all"))
    }

    /// Whether another does the same with a shell.
    fn same(&self, other: &Self, shell: &str) -> bool {
        let names = |t: &Self| [0, 1].map(|at| t.lists.get(at).and_then(|l| l.map(|(name, _)| name)));
        self.serves(shell) == other.serves(shell) && names(self) == names(other)
    }

    fn chain(&self, shell: &str, network: &mut Network) -> usize {
        let mut rules = Vec::new();
        let at = network.at(self.head.number, self.head.text);
        if self.serves(shell).is_none() {
            let fact = "what terminal lines let in by default".to_owned();
            let usual = Test::Atom(Atom {
                reason: Reason::HostFactMissing { fact },
                occurrence: Some((shell.to_owned(), 0)),
            });
            rules.push(Rule { steps: acting(vec![usual.negate()], Action::Reject), location: at.clone() });
        }
        for (list, family) in self.lists.iter().zip(Family::BOTH) {
            let Some((name, line)) = list else { continue };
            let location = network.at(line.number, line.text);
            let more = network.get(name).is_some_and(|list| list.beyond_source);
            if more {
                // what a terminal line compares beyond the source differs between devices
                let reason = Reason::NotModelled { text: line.text.to_owned() };
                let atom = Atom { reason, occurrence: None };
                let steps = acting(vec![Test::Family(family)], Action::Unknown(atom));
                rules.push(Rule { steps, location: location.clone() });
            }
            let action =
                network.list(name, &Action::Accept, &Action::Drop).map_or(Action::Accept, Action::Goto);
            rules.push(Rule { steps: acting(vec![Test::Family(family)], action), location });
        }
        rules.push(Rule { steps: vec![Step::act(Action::Accept)], location: at });
        network.chain(format!("{} {shell}", self.head.text), rules)
    }
}

/// Several ways to ask for one service: each has a list of its own, and one that lets a packet in suffices.
fn either(ways: &[(Option<&str>, Line<'_>)], matches: &[Test], none: &str, network: &mut Network) {
    let matches = matches.to_vec();
    let mut open: Option<Location> = None;
    for (list, line) in ways {
        let at = network.at(line.number, line.text);
        let chain = list.and_then(|name| network.list(name, &Action::Accept, &Action::Return));
        match chain {
            Some(chain) => network.push(Stage::Services, acting(matches.clone(), Action::Jump(chain)), at),
            None => open = Some(at),
        }
    }
    match open {
        Some(at) => network.push(Stage::Services, acting(matches, Action::Accept), at),
        None => {
            let at = network.somewhere(if ways.is_empty() {
                none.to_owned()
            } else {
                format!("{none} for others")
            });
            network.push(Stage::Services, acting(matches, Action::Drop), at);
        }
    }
}

/// The first packet of a question to ports of the device.
fn service(protocol: u8, ports: &[u16]) -> Vec<Test> {
    let mut ranges: Vec<(u128, u128)> = ports.iter().map(|p| (u128::from(*p), u128::from(*p))).collect();
    ranges.sort_unstable();
    vec![Test::header(protocol), Test::Ranges(Field::Dport, crate::platform::cisco::merged(ranges))]
}

fn acting(matches: Vec<Test>, action: Action) -> Vec<Step> {
    matches.into_iter().map(Step::Match).chain([Step::act(action)]).collect()
}

fn is_number(word: &str) -> bool {
    word.parse::<u32>().is_ok()
}
