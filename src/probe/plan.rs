//! What to try at one device: its declared targets, the listeners that its configuration names at the same addresses,
//! and the ports there that the change opened.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::matrix::{Attempt, EXAMPLE, Words};
use crate::drift::FlowLine;
use crate::packet::Prefix;
use crate::relay::{self, Bind, Listener, Policy, Protocol, Tls};
use crate::site::probe::Spoken;
use crate::site::{Device, Probing};

/// The port of submission under TLS from the first byte (RFC 8314 section 3.3).
const SUBMISSIONS: u16 = 465;

/// Most ports that one opened range is tried at.
const MAX_RANGE: u16 = 8;

/// What to try at one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The device.
    pub device: String,
    /// The foreign domain, and whether somebody declared that it exists.
    pub foreign: (String, bool),
    /// Mail targets.
    pub mail: Vec<Mailing>,
    /// Other targets.
    pub ports: Vec<Knocking>,
    /// Opened ports that are too many to be tried, range by range.
    pub untried: usize,
}

/// Attempts at one mail target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailing {
    /// Where.
    pub at: SocketAddr,
    /// Somebody declared it; else only the configuration names it.
    pub declared: bool,
    /// TLS is spoken there from the first byte.
    pub implicit_tls: bool,
    /// What to try.
    pub attempts: Vec<Attempt>,
}

/// A connection to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knocking {
    /// Where.
    pub at: SocketAddr,
    /// The change opened it; else it is declared.
    pub opened: bool,
}

/// The plan for a device. `policy` is its relay policy and `opened` what the change opened, where there is evidence;
/// `only`, where given, narrows it to these places.
pub fn plan(
    device: &Device,
    probing: &Probing,
    policy: Option<&Policy>,
    opened: &[FlowLine],
    only: Option<&[SocketAddr]>,
) -> Plan {
    let addresses: BTreeSet<IpAddr> = device.probe.iter().map(|target| target.address).collect();
    let declared =
        |spoken| device.probe.iter().filter(move |t| t.spoken == spoken).flat_map(|target| target.sockets());
    // declared, and TLS from the first byte
    let mut mail: BTreeMap<SocketAddr, (bool, bool)> =
        declared(Spoken::Smtp).map(|at| (at, (true, at.port() == SUBMISSIONS))).collect();
    for listener in policy.iter().flat_map(|p| &p.listeners).filter(|l| l.protocol == Protocol::Smtp) {
        for address in addresses.iter().filter(|a| serves(listener, **a)) {
            let Some(port) = listener.port else { continue };
            let implicit_tls = listener.tls == Tls::Implicit;
            let at = mail.entry(SocketAddr::new(*address, port)).or_insert((false, implicit_tls));
            at.1 = implicit_tls;
        }
    }
    let (fresh, untried) = opened_at(opened, &addresses);
    let mut ports: BTreeMap<SocketAddr, bool> = fresh.into_iter().map(|at| (at, true)).collect();
    for at in declared(Spoken::Tcp) {
        ports.entry(at).or_insert(false);
    }
    let wanted = |at: &SocketAddr| only.is_none_or(|only| only.contains(at));
    let foreign = probing.foreign.as_deref().unwrap_or(EXAMPLE);
    let own = own_domains(device, policy);
    let words = Words { own: &own, mailbox: probing.mailbox.as_deref(), foreign };
    ports.retain(|at, _| wanted(at) && !mail.contains_key(at));
    mail.retain(|at, _| wanted(at));
    let mailing = |(at, (declared, implicit_tls))| Mailing {
        at,
        declared,
        implicit_tls,
        attempts: words.attempts(SocketAddr::ip(&at)),
    };
    Plan {
        device: device.name.to_string(),
        foreign: (foreign.to_owned(), probing.foreign.is_some()),
        mail: mail.into_iter().map(mailing).collect(),
        ports: ports.into_iter().map(|(at, opened)| Knocking { at, opened }).collect(),
        untried,
    }
}

impl Plan {
    /// Whether nothing is to be tried.
    pub fn is_empty(&self) -> bool {
        self.mail.is_empty() && self.ports.is_empty()
    }
}

/// Whether somebody outside may meet this listener at this address. Where the address is not one of the host's own, it is
/// translated on the way, and any listener that is not bound to loopback may be behind it.
fn serves(listener: &Listener, address: IpAddr) -> bool {
    let outside = |set: &crate::packet::AddressSet| !set.difference(&crate::host::loopback()).is_empty();
    match &listener.bind {
        Bind::Any { ipv4, ipv6 } => {
            if address.is_ipv4() {
                *ipv4
            } else {
                *ipv6
            }
        }
        Bind::Addresses(set) | Bind::Among(set, _) => set.contains(address) || outside(set),
    }
}

/// The domains that the device handles mail for: as declared, else as configured.
fn own_domains(device: &Device, policy: Option<&Policy>) -> Vec<String> {
    if !device.mail_domains.is_empty() {
        return device.mail_domains.iter().cloned().collect();
    }
    let mut own: Vec<String> = Vec::new();
    for domain in policy.iter().flat_map(|p| &p.listeners).flat_map(relay::own_domains) {
        let is_name = crate::site::endpoint::read_domain(&domain).is_ok();
        if is_name && !own.contains(&domain) {
            own.push(domain);
        }
    }
    own
}

/// Ports that became reachable at some addresses, and how many of a wide range are left out.
fn opened_at(lines: &[FlowLine], addresses: &BTreeSet<IpAddr>) -> (BTreeSet<SocketAddr>, usize) {
    let mut out = BTreeSet::new();
    let mut untried = 0;
    for line in lines.iter().filter(|l| l.hook != "output" && l.proto.as_deref().is_none_or(|p| p == "tcp")) {
        let holds = |address: &&IpAddr| {
            line.dst.as_ref().is_none_or(|all| all.iter().any(|d| contains(d, **address)))
        };
        for address in addresses.iter().filter(holds) {
            match &line.dport {
                None => untried += usize::from(u16::MAX),
                Some(ranges) => {
                    for (first, last) in ranges.iter().filter_map(|range| ports(range)) {
                        let end = last.min(first.saturating_add(MAX_RANGE - 1));
                        out.extend((first.max(1)..=end).map(|port| SocketAddr::new(*address, port)));
                        untried += usize::from(last - end);
                    }
                }
            }
        }
    }
    (out, untried)
}

fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// Whether a prefix or a range `a-b` holds an address.
fn contains(text: &str, address: IpAddr) -> bool {
    match text.split_once('-') {
        Some((first, last)) => {
            let bounds = first.parse::<IpAddr>().ok().zip(last.parse::<IpAddr>().ok());
            bounds.is_some_and(|(first, last)| {
                first.is_ipv4() == address.is_ipv4() && (first..=last).contains(&address)
            })
        }
        None => text.parse::<Prefix>().is_ok_and(|prefix| prefix.contains(address)),
    }
}
