//! One entry of an access list (IOS Security Command Reference, `permit (IP)`, `permit (IPv6)`; NX-OS Security Command
//! Reference, `permit (IPv4)`).
//!
//! Fragments behind the first have no ports: an entry that permits by ports permits them by addresses alone, one that
//! denies by ports does not stop them ("Access Control Lists and IP Fragments", Cisco document 8014).

use std::collections::BTreeMap;

use super::address::{Mask, Nets, nets};
use super::object::{Objects, Service, icmp};
use crate::firewall::Test;
use crate::packet::{Atom, Family, Field, State, proto};
use crate::platform::cisco::{NotRead, Ports, Words, established, names, ports};
use crate::platform::netfilter::not_modelled;
use crate::reason::Reason;

/// What entries refer to.
pub(super) struct Context<'a> {
    pub objects: &'a Objects<'a>,
    /// Time ranges by name: what they say.
    pub times: &'a BTreeMap<&'a str, String>,
}

/// What an entry asks of a packet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What every fragment shows.
    pub layer3: Vec<Test>,
    /// What only a packet with its transport header shows.
    pub layer4: Vec<Test>,
    /// It is for fragments behind the first.
    pub fragments: bool,
    /// It asks for more than the source.
    pub beyond_source: bool,
    /// Something in it was not understood: it may ask for more.
    pub unread: bool,
}

impl Asked {
    /// The tests of an entry that permits or denies.
    pub(super) fn tests(self, permit: bool, text: &str) -> Vec<Test> {
        let first = || Test::Ranges(Field::Fragment, vec![(0, 0)]);
        let later = || Test::Ranges(Field::Fragment, vec![(1, 1)]);
        let mut tests = self.layer3;
        match (self.fragments, self.layer4.is_empty(), permit) {
            (true, ..) => tests.push(later()),
            (false, true, _) => {}
            (false, false, true) => {
                let whole = Test::All(self.layer4);
                tests.push(Test::Any(vec![later(), whole]));
            }
            (false, false, false) => {
                tests.push(first());
                tests.extend(self.layer4);
            }
        }
        if self.unread {
            let reason = Reason::Unread { text: text.to_owned() };
            tests.push(Test::Atom(Atom { reason, occurrence: None }));
        }
        tests
    }

    /// What is known of the rest is kept.
    fn read(&mut self, result: Result<(), NotRead>) {
        self.unread |= result.is_err();
    }
}

/// A standard entry behind `permit` or `deny`: a source.
pub(super) fn standard(words: &mut Words<'_>, context: &Context<'_>) -> Asked {
    let mut asked = Asked { layer3: vec![Test::Family(Family::Ipv4)], ..Asked::default() };
    let result = (|| {
        let source = if words.eat("object-group") {
            context.objects.network(words.next().ok_or(NotRead)?, Family::Ipv4)?
        } else {
            nets(words, Family::Ipv4, Mask::Wildcard)?.0
        };
        asked.layer3.push(source.test(Field::Src));
        if words.eat("log") || words.is_empty() { Ok(()) } else { Err(NotRead) }
    })();
    asked.read(result);
    asked
}

/// An extended entry behind `permit` or `deny`.
pub(super) fn extended(words: &mut Words<'_>, family: Family, context: &Context<'_>) -> Asked {
    let asked = Asked { layer3: vec![Test::Family(family)], ..Asked::default() };
    let mut reader = Reader { words, family, context, asked, protocol: None };
    let result = reader.all();
    let mut asked = reader.asked;
    asked.read(result);
    asked
}

struct Reader<'r, 'w> {
    words: &'r mut Words<'w>,
    family: Family,
    context: &'r Context<'r>,
    asked: Asked,
    protocol: Option<u8>,
}

impl Reader<'_, '_> {
    fn all(&mut self) -> Result<(), NotRead> {
        let word = self.words.next().ok_or(NotRead)?;
        if word == "object-group" {
            let services = self.context.objects.service(self.words.next().ok_or(NotRead)?)?;
            self.services(&services);
        } else if !names::is_any_protocol(word) {
            let number = names::protocol(word, self.family).ok_or(NotRead)?;
            self.protocol = Some(number);
            self.asked.beyond_source = true;
            self.asked.layer3.push(Test::proto(number));
        }
        self.end(Field::Src, Field::Sport)?;
        self.end(Field::Dst, Field::Dport)?;
        while let Some(word) = self.words.next() {
            self.option(word)?;
        }
        Ok(())
    }

    /// One of several services.
    fn services(&mut self, services: &[Service]) {
        self.asked.beyond_source |= services.iter().any(|s| s.protocol.is_some());
        let protocols = services.iter().map(|s| s.layer3().unwrap_or(Test::Always));
        self.asked.layer3.push(Test::Any(protocols.collect()));
        if services.iter().any(|service| !service.layer4().is_empty()) {
            let each = services.iter().map(|s| Test::All(s.layer3().into_iter().chain(s.layer4()).collect()));
            self.asked.layer4.push(Test::Any(each.collect()));
        }
    }

    /// An address, and ports where the protocol has them.
    fn end(&mut self, address: Field, port: Field) -> Result<(), NotRead> {
        let nets = self.nets(address)?;
        if !nets.is_all(self.family) {
            self.asked.beyond_source |= address == Field::Dst;
            self.asked.layer3.push(nets.test(address));
        }
        let with_ports = self.protocol.filter(|number| proto::WITH_PORTS.contains(number));
        if let (Some(number), Some(ports)) = (with_ports, self.ports()?) {
            self.asked.beyond_source = true;
            self.asked.layer4.push(Test::proto(number));
            self.asked.layer4.push(Test::Ranges(port, ports));
        }
        Ok(())
    }

    fn nets(&mut self, field: Field) -> Result<Nets, NotRead> {
        if self.words.eat("object-group") || self.words.eat("addrgroup") || self.words.eat("net-group") {
            let name = self.words.next().ok_or(NotRead)?;
            let group = self.context.objects.network(name, self.family);
            self.asked.unread |= group.is_err();
            return Ok(group.unwrap_or_else(|NotRead| Nets::all(self.family)));
        }
        let (nets, alone) = nets(self.words, self.family, Mask::Wildcard)?;
        if alone && self.family == Family::Ipv4 {
            // no more than this address, if the device takes the line at all
            self.asked.unread = true;
            self.asked.beyond_source |= field == Field::Dst;
        }
        Ok(nets)
    }

    fn ports(&mut self) -> Result<Option<Ports>, NotRead> {
        let tcp = self.protocol == Some(proto::TCP);
        if self.words.eat("portgroup") || self.words.eat("port-group") {
            return self.context.objects.ports(self.words.next().ok_or(NotRead)?, tcp).map(Some);
        }
        ports(self.words, &|word| names::port(word, tcp))
    }

    fn option(&mut self, word: &str) -> Result<(), NotRead> {
        let is_icmp = matches!(self.protocol, Some(proto::ICMP | proto::ICMPV6));
        match word {
            "log" | "log-input" => {
                // a tag of one's own may follow
                if matches!(self.words.rest(), [tag] if !matches!(*tag, "fragments" | "established")) {
                    self.words.next();
                }
            }
            "count" | "counter" | "reflect" | "nexthop1" | "nexthop2" | "nexthop3" => {
                return self.beside(word);
            }
            "capture" | "police" | "hardware-count" | "hw-count" => {}
            "sequence" => {
                let _: u32 = self.words.parse().ok_or(NotRead)?;
            }
            "established" if self.protocol == Some(proto::TCP) => self.asked.layer4.push(established()),
            "fragments" => self.asked.fragments = true,
            "time-range" => self.time()?,
            "match-any" | "match-all" if self.protocol == Some(proto::TCP) => {
                self.flags(word == "match-all")?
            }
            "ack" | "fin" | "psh" | "rst" | "syn" | "urg" if self.protocol == Some(proto::TCP) => {
                let bit = flag(word).ok_or(NotRead)?;
                self.asked.layer4.push(Test::proto(proto::TCP));
                self.asked.layer4.push(Test::Bits(Field::Flags, bit, bit));
                // several of these in one line: devices differ
                if self.words.peek().and_then(flag).is_some() {
                    return Err(NotRead);
                }
            }
            "dscp" | "precedence" | "tos" | "ttl" | "packet-length" | "vlan" | "flow-label" | "cos" => {
                self.packet_pure(word)?;
            }
            "option"
            | "routing"
            | "routing-type"
            | "mobility"
            | "mobility-type"
            | "dest-option"
            | "hbh"
            | "dest-option-type"
            | "auth"
            | "undetermined-transport" => self.rare(word),
            _ if is_icmp => {
                let mut words = Words::of(word);
                let (kind, code) = icmp(&mut words, self.family)?;
                let code =
                    code.or_else(|| if word.parse::<u8>().is_ok() { self.words.parse() } else { None });
                let service = Service {
                    protocol: self.protocol,
                    source: None,
                    destination: None,
                    icmp: Some((kind, code)),
                };
                self.asked.layer4.extend(service.layer3());
                self.asked.layer4.extend(service.layer4());
            }
            _ if self.protocol == Some(2) => self.asked.layer4.push(not_modelled(format!("igmp {word}"))),
            _ => return Err(NotRead),
        }
        Ok(())
    }

    /// What decides nothing about the packet itself; it has a value of its own.
    fn beside(&mut self, word: &str) -> Result<(), NotRead> {
        if word.starts_with("nexthop") {
            for known in ["vrf", "ipv4", "ipv6"] {
                if self.words.eat(known) {
                    self.words.next().ok_or(NotRead)?;
                }
            }
            return Ok(());
        }
        if word != "count" || self.words.rest().len() == 1 {
            self.words.next().ok_or(NotRead)?;
        }
        if self.words.eat("timeout") {
            self.words.next().ok_or(NotRead)?;
        }
        Ok(())
    }

    fn time(&mut self) -> Result<(), NotRead> {
        let name = self.words.next().ok_or(NotRead)?;
        let says = self.context.times.get(name).ok_or(NotRead)?;
        let reason = Reason::RunTime { text: format!("time-range {says}") };
        self.asked.layer3.push(Test::Atom(Atom { reason, occurrence: None }));
        Ok(())
    }

    /// `match-any +ack +rst`, `match-all +syn -ack`.
    fn flags(&mut self, all: bool) -> Result<(), NotRead> {
        let mut tests = Vec::new();
        while let Some((sign, name)) = self.words.peek().and_then(|w| w.split_at_checked(1)) {
            let Some(bit) = flag(name).filter(|_| matches!(sign, "+" | "-")) else { break };
            self.words.next();
            tests.push(Test::Bits(Field::Flags, bit, if sign == "+" { bit } else { 0 }));
        }
        if tests.is_empty() {
            return Err(NotRead);
        }
        self.asked.layer4.push(Test::proto(proto::TCP));
        self.asked.layer4.push(if all { Test::All(tests) } else { Test::Any(tests) });
        Ok(())
    }

    /// A match on a part of the packet that is not modelled.
    fn packet_pure(&mut self, word: &str) -> Result<(), NotRead> {
        let mut text = format!("{word} {}", self.words.next().ok_or(NotRead)?);
        let values = match text.rsplit(' ').next() {
            Some("range") => 2,
            Some("eq" | "neq" | "lt" | "gt") => 1,
            _ => 0,
        };
        for _ in 0..values {
            text = format!("{text} {}", self.words.next().ok_or(NotRead)?);
        }
        self.asked.layer3.push(not_modelled(text));
        Ok(())
    }

    /// A match on what plain packets lack.
    fn rare(&mut self, word: &str) {
        let with_value = matches!(word, "option" | "routing-type" | "mobility-type" | "dest-option-type");
        let value = if with_value { self.words.next() } else { None };
        let text = format!("{word} {}", value.unwrap_or_default()).trim_end().to_owned();
        let reason = Reason::NotModelled { text };
        self.asked.layer3.push(Test::Rare(Atom { reason, occurrence: None }));
    }
}

fn flag(name: &str) -> Option<u128> {
    use crate::packet::flag;
    let bit = match name {
        "ack" => flag::ACK,
        "fin" => flag::FIN,
        "psh" => flag::PSH,
        "rst" => flag::RST,
        "syn" => flag::SYN,
        "urg" => flag::URG,
        _ => return None,
    };
    Some(bit.into())
}

/// What `evaluate NAME` permits: answers to what a `reflect` entry of that name has let out. What begins here is none.
pub(super) fn answers(name: &str) -> Vec<Test> {
    let reason = Reason::RunTime { text: format!("evaluate {name}") };
    let known = Test::State(vec![State::Established, State::Related]);
    vec![known, Test::Atom(Atom { reason, occurrence: None })]
}
