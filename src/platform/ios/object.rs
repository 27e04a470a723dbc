//! Object groups: named addresses, services and ports, which may hold each other (IOS Security Command Reference,
//! `object-group`; NX-OS Security Command Reference, `object-group ip address`).

use std::cell::Cell;
use std::collections::BTreeMap;

use super::address::{Mask, Nets, nets};
use super::config::{Line, Section};
use crate::firewall::Test;
use crate::packet::{Family, Field};
use crate::platform::cisco::{NotRead, Ports, Words, merged, names, ports};

/// The object groups of a configuration.
#[derive(Debug, Default)]
pub(super) struct Objects<'a> {
    groups: BTreeMap<&'a str, Group<'a>>,
    read: Cell<usize>,
}

#[derive(Debug)]
struct Group<'a> {
    kind: Kind,
    members: Vec<Line<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Network(Family, Mask),
    Service(Family),
    Ports,
}

/// What a packet must be to belong to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    /// The protocol; `None` for any.
    pub protocol: Option<u8>,
    /// Source ports.
    pub source: Option<Ports>,
    /// Destination ports.
    pub destination: Option<Ports>,
    /// ICMP type and code.
    pub icmp: Option<(u8, Option<u8>)>,
}

/// Deepest nesting that is followed.
const DEEPEST: usize = 16;
/// Most members that are read for all uses of groups together; what comes later counts as not understood.
const MOST: usize = 1_000_000;

impl<'a> Objects<'a> {
    /// Takes a section if it is an object group. A group that is written twice is one.
    pub(super) fn take(&mut self, section: &Section<'a>) -> bool {
        let mut words = Words::of(section.head.text);
        if !words.eat("object-group") {
            return false;
        }
        let kind = match words.next() {
            Some("network") => Kind::Network(Family::Ipv4, Mask::Netmask),
            Some("v6-network") => Kind::Network(Family::Ipv6, Mask::Netmask),
            Some("service") => Kind::Service(Family::Ipv4),
            Some("v6-service") => Kind::Service(Family::Ipv6),
            Some("ip") if words.eat("address") => Kind::Network(Family::Ipv4, Mask::Wildcard),
            Some("ipv6") if words.eat("address") => Kind::Network(Family::Ipv6, Mask::Wildcard),
            Some("ip") if words.eat("port") => Kind::Ports,
            _ => return false,
        };
        let (Some(name), true) = (words.next(), words.is_empty()) else { return false };
        let group = self.groups.entry(name).or_insert_with(|| Group { kind, members: Vec::new() });
        let members = section.below.iter().filter(|line| !line.text.starts_with("description "));
        group.members.extend(members.copied());
        true
    }

    /// The addresses of a group.
    ///
    /// # Errors
    /// There is no such group, or something in it is not understood.
    pub(super) fn network(&self, name: &str, family: Family) -> Result<Nets, NotRead> {
        let mut all = Vec::new();
        self.walk(name, DEEPEST, &mut |kind, words| match kind {
            Kind::Network(own, mask) if own == family => {
                all.push(nets(words, family, mask)?.0);
                Ok(())
            }
            _ => Err(NotRead),
        })?;
        // no device takes an empty group into a list
        if all.is_empty() { Err(NotRead) } else { Ok(all.into_iter().collect()) }
    }

    /// The services of a group.
    ///
    /// # Errors
    /// As for [`Objects::network`].
    pub(super) fn service(&self, name: &str) -> Result<Vec<Service>, NotRead> {
        let mut all = Vec::new();
        self.walk(name, DEEPEST, &mut |kind, words| match kind {
            Kind::Service(family) => services(words, family, &mut all),
            _ => Err(NotRead),
        })?;
        if all.is_empty() { Err(NotRead) } else { Ok(all) }
    }

    /// The ports of a group.
    ///
    /// # Errors
    /// As for [`Objects::network`].
    pub(super) fn ports(&self, name: &str, tcp: bool) -> Result<Ports, NotRead> {
        let mut all = Ports::new();
        self.walk(name, DEEPEST, &mut |kind, words| {
            let read = ports(words, &|word| names::port(word, tcp))?;
            all.extend(read.filter(|_| kind == Kind::Ports).ok_or(NotRead)?);
            Ok(())
        })?;
        if all.is_empty() { Err(NotRead) } else { Ok(merged(all)) }
    }

    /// Shows every member of a group, and of those within it, to a reader.
    fn walk(&self, name: &str, depth: usize, read: &mut Reader<'_>) -> Result<(), NotRead> {
        let depth = depth.checked_sub(1).ok_or(NotRead)?;
        let group = self.groups.get(name).ok_or(NotRead)?;
        for member in &group.members {
            self.read.set(self.read.get() + 1);
            if self.read.get() > MOST {
                return Err(NotRead);
            }
            let mut words = Words::of(member.text);
            numbered(&mut words);
            if words.eat("group-object") {
                self.walk(words.next().ok_or(NotRead)?, depth, read)?;
            } else {
                read(group.kind, &mut words)?;
            }
            if !words.is_empty() {
                return Err(NotRead);
            }
        }
        Ok(())
    }
}

/// What reads the members of groups of a kind.
type Reader<'r> = dyn FnMut(Kind, &mut Words<'_>) -> Result<(), NotRead> + 'r;

/// Takes the number in front of a member, where there is one (NX-OS).
fn numbered(words: &mut Words<'_>) {
    let number = words.peek().is_some_and(|word| word.parse::<u32>().is_ok());
    if number && words.rest().len() > 1 {
        words.next();
    }
}

/// `ip`, `tcp [source PORTS] [PORTS]`, `tcp-udp ...`, `icmp [TYPE [CODE]]`, a protocol.
fn services(words: &mut Words<'_>, family: Family, out: &mut Vec<Service>) -> Result<(), NotRead> {
    let word = words.next().ok_or(NotRead)?;
    let plain = |protocol| Service { protocol, source: None, destination: None, icmp: None };
    if names::is_any_protocol(word) {
        out.push(plain(None));
        return Ok(());
    }
    let protocols = match word {
        "tcp-udp" => vec![6, 17],
        word => vec![names::protocol(word, family).ok_or(NotRead)?],
    };
    let start = words.clone();
    for protocol in protocols {
        *words = start.clone();
        let mut service = plain(Some(protocol));
        if matches!(protocol, 6 | 17) {
            let number = |word: &str| names::port(word, protocol == 6);
            let spec = |words: &mut Words<'_>| match ports(words, &number)? {
                Some(ports) => Ok(Some(ports)),
                // a port alone means equal to it
                None => Ok(words
                    .next()
                    .map(|w| number(w).ok_or(NotRead))
                    .transpose()?
                    .map(|p| vec![(p.into(), p.into())])),
            };
            if words.eat("source") {
                service.source = spec(words)?;
            }
            service.destination = spec(words)?;
        } else if matches!(protocol, 1 | 58) && !words.is_empty() {
            service.icmp = Some(icmp(words, family)?);
        }
        out.push(service);
    }
    Ok(())
}

/// A type by name, or by number with an optional code.
///
/// # Errors
/// Neither.
pub(super) fn icmp(words: &mut Words<'_>, family: Family) -> Result<(u8, Option<u8>), NotRead> {
    if let Some(kind) = words.parse() {
        return Ok((kind, words.parse()));
    }
    let named = words.peek().and_then(|word| names::icmp(word, family)).ok_or(NotRead)?;
    words.next();
    Ok(named)
}

impl Service {
    /// The protocol, which every fragment shows.
    pub(super) fn layer3(&self) -> Option<Test> {
        self.protocol.map(Test::proto)
    }

    /// What only a packet with its transport header shows.
    pub(super) fn layer4(&self) -> Vec<Test> {
        let mut tests = Vec::new();
        tests.extend(self.source.clone().map(|ports| Test::Ranges(Field::Sport, ports)));
        tests.extend(self.destination.clone().map(|ports| Test::Ranges(Field::Dport, ports)));
        if let Some((kind, code)) = self.icmp {
            let one = |value: u8| vec![(value.into(), value.into())];
            tests.push(Test::Ranges(Field::IcmpType, one(kind)));
            tests.extend(code.map(|code| Test::Ranges(Field::IcmpCode, one(code))));
        }
        tests
    }
}
