//! Interfaces: addresses, what they let in and out, their side of translation, their zone.

use std::net::IpAddr;

use super::config::{Line, Section};
use crate::host::InterfaceAddress;
use crate::packet::{Family, Prefix};
use crate::platform::cisco::Words;

/// One interface.
#[derive(Debug, Default)]
pub(super) struct Interface<'a> {
    pub name: &'a str,
    pub addresses: Vec<InterfaceAddress>,
    /// It has an address that the configuration does not tell.
    pub address_unknown: bool,
    /// `shutdown`, and where.
    pub down: Option<Line<'a>>,
    /// Access lists for what comes in.
    pub inbound: Vec<(&'a str, Line<'a>)>,
    /// Access lists for what goes out.
    pub outbound: Vec<(&'a str, Line<'a>)>,
    /// Zone, and where.
    pub zone: Option<(&'a str, Line<'a>)>,
    pub nat_inside: bool,
    pub nat_outside: bool,
    /// Inspection opens ways for answers.
    pub inspects: Option<Line<'a>>,
    /// Lines that may drop packets at any moment: source checks, policing.
    pub may_drop: Vec<Line<'a>>,
    /// The name of a `crypto map`.
    pub crypto: Option<(&'a str, Line<'a>)>,
    /// Service policies: their names.
    pub policies: Vec<(&'a str, Line<'a>)>,
    pub ipv6: bool,
    /// Lines that nobody knows.
    pub unread: Vec<Line<'a>>,
}

impl<'a> Interface<'a> {
    /// Reads a section that begins with `interface`.
    pub(super) fn read(section: &Section<'a>) -> Option<Self> {
        let name = section.head.text.strip_prefix("interface ")?.trim();
        // a kind of link may stand behind the name
        let name = name.split_whitespace().next()?;
        let mut interface = Self { name, ..Self::default() };
        section.below.iter().for_each(|line| interface.line(*line));
        Some(interface)
    }

    /// Adds what another section of the same interface says.
    pub(super) fn merge(&mut self, other: Self) {
        self.addresses.extend(other.addresses);
        self.address_unknown |= other.address_unknown;
        self.down = other.down.or(self.down);
        self.inbound.extend(other.inbound);
        self.outbound.extend(other.outbound);
        self.zone = other.zone.or(self.zone);
        self.nat_inside |= other.nat_inside;
        self.nat_outside |= other.nat_outside;
        self.inspects = other.inspects.or(self.inspects);
        self.may_drop.extend(other.may_drop);
        self.crypto = other.crypto.or(self.crypto);
        self.policies.extend(other.policies);
        self.ipv6 |= other.ipv6;
        self.unread.extend(other.unread);
    }

    fn line(&mut self, line: Line<'a>) {
        let mut words = Words::of(line.text);
        if words.eat("no") {
            if words.eat("shutdown") {
                self.down = None;
            }
            // what is taken away is not there: a listing shows only differences from defaults
            return;
        }
        let known = match words.next() {
            Some("ip" | "ipv4") => self.ip(&mut words, line),
            Some("ipv6") => self.ipv6(&mut words, line),
            Some("shutdown") => {
                self.down = Some(line);
                true
            }
            Some("zone-member") if words.eat("security") => {
                self.zone = words.next().map(|zone| (zone, line));
                self.zone.is_some()
            }
            Some("standby" | "vrrp" | "glbp") => self.shared(&mut words),
            Some("crypto") if words.eat("map") => {
                self.crypto = words.next().map(|name| (name, line));
                self.crypto.is_some()
            }
            Some("service-policy") => {
                let kind = words.eat("type");
                let mut rest = words.rest().iter().rev();
                self.policies.extend(rest.next().filter(|_| !kind).map(|name| (*name, line)));
                !kind
            }
            Some("traffic-shape" | "rate-limit" | "storm-control" | "authentication" | "dot1x") => {
                self.may_drop.push(line);
                true
            }
            Some(word) => HARMLESS.contains(&word),
            None => true,
        };
        if !known {
            self.unread.push(line);
        }
    }

    /// Lines that begin with `ip`.
    fn ip(&mut self, words: &mut Words<'a>, line: Line<'a>) -> bool {
        match words.next() {
            Some("address") => self.address(words),
            Some("unnumbered") => true,
            Some("access-group") => self.group(words, line),
            Some("port") if words.eat("access-group") => self.group(words, line),
            Some("nat") => match (words.next(), words.is_empty()) {
                (Some("inside"), true) => {
                    self.nat_inside = true;
                    true
                }
                (Some("outside"), true) => {
                    self.nat_outside = true;
                    true
                }
                _ => false,
            },
            Some("inspect") => {
                self.inspects = Some(line);
                true
            }
            Some("verify" | "admission" | "rsvp" | "ips" | "audit" | "urlfilter") => {
                self.may_drop.push(line);
                true
            }
            Some("policy") => words.eat("route-map"),
            Some(word) => HARMLESS_IP.contains(&word),
            None => false,
        }
    }

    fn ipv6(&mut self, words: &mut Words<'a>, line: Line<'a>) -> bool {
        self.ipv6 = true;
        match words.next() {
            Some("traffic-filter" | "access-group") => self.group(words, line),
            Some("port") if words.eat("traffic-filter") => self.group(words, line),
            Some("address") => {
                let word = words.next().unwrap_or_default();
                let kind = words.next();
                match (word.parse::<Prefix>(), word.split_once('/'), kind) {
                    (_, None, Some("link-local")) => self.own(word, Family::Ipv6.bits()),
                    (_, Some((address, length)), None | Some("anycast")) => match length.parse() {
                        Ok(length) => self.own(address, length),
                        Err(_) => self.address_unknown = true,
                    },
                    _ => self.address_unknown = true,
                }
                true
            }
            Some("inspect") => {
                self.inspects = Some(line);
                true
            }
            Some("verify" | "snooping" | "source-guard") => {
                self.may_drop.push(line);
                true
            }
            Some(word) => HARMLESS_IP.contains(&word),
            None => false,
        }
    }

    /// `A MASK [secondary]`, `A/LEN`; `dhcp`, `negotiated`, `pool X` are not known.
    fn address(&mut self, words: &mut Words<'a>) -> bool {
        let word = words.next().unwrap_or_default();
        if let Some((address, length)) = word.split_once('/') {
            match length.parse() {
                Ok(length) => self.own(address, length),
                Err(_) => self.address_unknown = true,
            }
            return true;
        }
        match words.next().and_then(|mask| mask.parse::<std::net::Ipv4Addr>().ok()).map(u32::from) {
            Some(mask) if mask.leading_ones() == mask.count_ones() => {
                self.own(word, u8::try_from(mask.leading_ones()).unwrap_or(32));
            }
            _ => self.address_unknown = true,
        }
        true
    }

    fn own(&mut self, address: &str, prefix: u8) {
        match address.parse::<IpAddr>().ok().filter(|a| prefix <= Family::of(*a).bits()) {
            Some(address) => {
                self.addresses.push(InterfaceAddress { interface: self.name.to_owned(), address, prefix });
            }
            None => self.address_unknown = true,
        }
    }

    /// `N ip A`: an address that several devices share; whoever has it answers for it.
    fn shared(&mut self, words: &mut Words<'a>) -> bool {
        let _: Option<u32> = words.parse();
        if words.eat("ip") || words.eat("ipv6") {
            match words.next() {
                Some(address) if address.parse::<IpAddr>().is_ok() => {
                    self.own(address, if address.contains(':') { 128 } else { 32 })
                }
                _ => self.address_unknown = true,
            }
        }
        true
    }

    /// `NAME in`, `NAME out`.
    fn group(&mut self, words: &mut Words<'a>, line: Line<'a>) -> bool {
        let Some(name) = words.next().filter(|name| *name != "common") else { return false };
        match (words.next(), words.is_empty()) {
            (Some("in" | "ingress"), true) => self.inbound.push((name, line)),
            (Some("out" | "egress"), true) => self.outbound.push((name, line)),
            _ => return false,
        }
        true
    }
}

/// First words of lines that let through and stop no packet.
const HARMLESS: &[&str] = &[
    "arp",
    "auto",
    "autostate",
    "backup",
    "bandwidth",
    "beacon",
    "bfd",
    "carrier-delay",
    "cdp",
    "channel-group",
    "channel-protocol",
    "clns",
    "clock",
    "clockrate",
    "controller",
    "crc",
    "dampening",
    "default",
    "delay",
    "description",
    "dialer",
    "dialer-group",
    "down-when-looped",
    "dsl",
    "dsu",
    "duplex",
    "encapsulation",
    "end",
    "errdisable",
    "ethernet",
    "exit",
    "fair-queue",
    "flow-sampler",
    "flowcontrol",
    "frame-relay",
    "framing",
    "full-duplex",
    "glbp",
    "half-duplex",
    "hold-queue",
    "isdn",
    "isis",
    "keepalive",
    "l2protocol-tunnel",
    "lacp",
    "lldp",
    "load-interval",
    "load-balancing",
    "logging",
    "lsap",
    "mab",
    "macro",
    "mdix",
    "media-type",
    "mls",
    "mop",
    "mpls",
    "mtu",
    "name",
    "negotiation",
    "nsf",
    "ntp",
    "nv",
    "ospfv3",
    "peer",
    "performance",
    "pim",
    "platform",
    "plim",
    "power",
    "ppp",
    "pppoe",
    "pppoe-client",
    "priority-queue",
    "pulse-time",
    "pvc",
    "qos",
    "queue-set",
    "random-detect",
    "rmon",
    "router",
    "rxspeed",
    "serial",
    "service-module",
    "snmp",
    "source",
    "spanning-tree",
    "speed",
    "srr-queue",
    "switchport",
    "tag-switching",
    "timeout",
    "trust",
    "tunnel",
    "tx-ring-limit",
    "txspeed",
    "udld",
    "vlan-id",
    "vlan-range",
    "vpdn",
    "vrf",
    "waas",
    "wrr-queue",
    "xconnect",
    "no",
];

/// The same behind `ip` or `ipv6`.
const HARMLESS_IP: &[&str] = &[
    "accounting",
    "arp",
    "authentication",
    "bandwidth-percent",
    "broadcast-address",
    "cef",
    "cgmp",
    "dampening-change",
    "dampening-interval",
    "ddns",
    "dhcp",
    "directed-broadcast",
    "dns",
    "eigrp",
    "enable",
    "flow",
    "hello-interval",
    "helper-address",
    "hold-time",
    "igmp",
    "irdp",
    "load-sharing",
    "local-proxy-arp",
    "mask-reply",
    "mfib",
    "mld",
    "mobile",
    "mrm",
    "mroute-cache",
    "mtu",
    "multicast",
    "nbar",
    "nd",
    "next-hop-self",
    "nhrp",
    "ospf",
    "pim",
    "probe",
    "proxy-arp",
    "redirects",
    "rip",
    "route-cache",
    "router",
    "rtp",
    "sap",
    "security",
    "split-horizon",
    "summary-address",
    "tcp",
    "unnumbered",
    "unreachables",
    "virtual-reassembly",
    "virtual-reassembly-out",
    "vrf",
    "wccp",
    "forwarding",
];
