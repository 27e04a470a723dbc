//! Names of protocols, ports and ICMP types in Cisco's access lists (IOS Security Command Reference, `access-list
//! (IP extended)`; ASA CLI Configuration Guide, "Protocols and Applications"). A name that is not here is not guessed.

use crate::packet::Family;

/// Number of a protocol by name or number; `None` for `ip` is told apart by [`is_any_protocol`].
pub(in crate::platform) fn protocol(word: &str, family: Family) -> Option<u8> {
    Some(match word {
        "icmp" if family == Family::Ipv6 => 58,
        "icmp" => 1,
        "icmp6" | "icmpv6" => 58,
        "igmp" => 2,
        "ipinip" => 4,
        "igrp" => 9,
        "tcp" => 6,
        "udp" => 17,
        "gre" => 47,
        "esp" | "ipsec" => 50,
        "ah" | "ahp" => 51,
        "eigrp" => 88,
        "ospf" => 89,
        "nos" => 94,
        "pim" => 103,
        "pcp" => 108,
        "snp" => 109,
        "vrrp" => 112,
        "sctp" => 132,
        number => number.parse().ok()?,
    })
}

/// Whether a word stands for every protocol.
pub(in crate::platform) fn is_any_protocol(word: &str) -> bool {
    matches!(word, "ip" | "ipv4" | "ipv6")
}

/// Port of a name, as TCP (`true`) or UDP use it.
pub(in crate::platform) fn port(word: &str, tcp: bool) -> Option<u16> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let both = BOTH.iter().find(|(name, _)| *name == word);
    let own = if tcp { TCP } else { UDP }.iter().find(|(name, _)| *name == word);
    own.or(both).map(|(_, port)| *port)
}

const BOTH: &[(&str, u16)] = &[
    ("cifs", 3020),
    ("discard", 9),
    ("domain", 53),
    ("echo", 7),
    ("http", 80),
    ("isakmp", 500),
    ("kerberos", 750),
    ("nfs", 2049),
    ("non500-isakmp", 4500),
    ("ntp", 123),
    ("pim-auto-rp", 496),
    ("sip", 5060),
    ("sunrpc", 111),
    ("tacacs", 49),
    ("talk", 517),
    ("www", 80),
];

const TCP: &[(&str, u16)] = &[
    ("aol", 5190),
    ("bgp", 179),
    ("chargen", 19),
    ("citrix-ica", 1494),
    ("cmd", 514),
    ("connectedapps-plain", 15001),
    ("connectedapps-tls", 15002),
    ("ctiqbe", 2748),
    ("daytime", 13),
    ("drip", 3949),
    ("exec", 512),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("gopher", 70),
    ("h323", 1720),
    ("hostname", 101),
    ("https", 443),
    ("ident", 113),
    ("imap4", 143),
    ("irc", 194),
    ("klogin", 543),
    ("kshell", 544),
    ("ldap", 389),
    ("ldaps", 636),
    ("login", 513),
    ("lotusnotes", 1352),
    ("lpd", 515),
    ("msrpc", 135),
    ("netbios-ssn", 139),
    ("nntp", 119),
    ("onep-plain", 15001),
    ("onep-tls", 15002),
    ("pcanywhere-data", 5631),
    ("pop2", 109),
    ("pop3", 110),
    ("pptp", 1723),
    ("rsh", 514),
    ("rtsp", 554),
    ("smtp", 25),
    ("sqlnet", 1521),
    ("ssh", 22),
    ("syslog", 514),
    ("tacacs-ds", 63),
    ("telnet", 23),
    ("time", 37),
    ("uucp", 540),
    ("whois", 43),
];

const UDP: &[(&str, u16)] = &[
    ("biff", 512),
    ("bootpc", 68),
    ("bootps", 67),
    ("dnsix", 195),
    ("mobile-ip", 434),
    ("nameserver", 42),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ss", 139),
    ("pcanywhere-status", 5632),
    ("radius", 1645),
    ("radius-acct", 1646),
    ("rip", 520),
    ("ripv6", 521),
    ("secureid-udp", 5510),
    ("snmp", 161),
    ("snmptrap", 162),
    ("syslog", 514),
    ("tftp", 69),
    ("time", 37),
    ("vxlan", 4789),
    ("who", 513),
    ("xdmcp", 177),
];

/// ICMP type, and code where the name means one.
pub(in crate::platform) fn icmp(word: &str, family: Family) -> Option<(u8, Option<u8>)> {
    let table = if family == Family::Ipv4 { ICMP } else { ICMPV6 };
    table.iter().find(|(name, ..)| *name == word).map(|(_, kind, code)| (*kind, *code))
}

type Named = (&'static str, u8, Option<u8>);

const ICMP: &[Named] = &[
    ("administratively-prohibited", 3, Some(13)),
    ("alternate-address", 6, None),
    ("conversion-error", 31, None),
    ("dod-host-prohibited", 3, Some(10)),
    ("dod-net-prohibited", 3, Some(9)),
    ("echo", 8, None),
    ("echo-reply", 0, None),
    ("general-parameter-problem", 12, Some(0)),
    ("host-isolated", 3, Some(8)),
    ("host-precedence-unreachable", 3, Some(14)),
    ("host-redirect", 5, Some(1)),
    ("host-tos-redirect", 5, Some(3)),
    ("host-tos-unreachable", 3, Some(12)),
    ("host-unknown", 3, Some(7)),
    ("host-unreachable", 3, Some(1)),
    ("information-reply", 16, None),
    ("information-request", 15, None),
    ("mask-reply", 18, None),
    ("mask-request", 17, None),
    ("mobile-redirect", 32, None),
    ("net-redirect", 5, Some(0)),
    ("net-tos-redirect", 5, Some(2)),
    ("net-tos-unreachable", 3, Some(11)),
    ("net-unreachable", 3, Some(0)),
    ("network-unknown", 3, Some(6)),
    ("no-room-for-option", 12, Some(2)),
    ("option-missing", 12, Some(1)),
    ("packet-too-big", 3, Some(4)),
    ("parameter-problem", 12, None),
    ("port-unreachable", 3, Some(3)),
    ("precedence-unreachable", 3, Some(15)),
    ("protocol-unreachable", 3, Some(2)),
    ("reassembly-timeout", 11, Some(1)),
    ("redirect", 5, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("source-quench", 4, None),
    ("source-route-failed", 3, Some(5)),
    ("time-exceeded", 11, None),
    ("timestamp-reply", 14, None),
    ("timestamp-request", 13, None),
    ("traceroute", 30, None),
    ("ttl-exceeded", 11, Some(0)),
    ("unreachable", 3, None),
];

const ICMPV6: &[Named] = &[
    ("beyond-scope", 1, Some(2)),
    ("echo", 128, None),
    ("echo-reply", 129, None),
    ("echo-request", 128, None),
    ("header", 4, Some(0)),
    ("hop-limit", 3, Some(0)),
    ("mld-query", 130, None),
    ("mld-reduction", 132, None),
    ("mld-report", 131, None),
    ("mldv2", 143, None),
    ("nd-na", 136, None),
    ("nd-ns", 135, None),
    ("neighbor-redirect", 137, None),
    ("next-header", 4, Some(1)),
    ("no-admin", 1, Some(1)),
    ("no-route", 1, Some(0)),
    ("packet-too-big", 2, None),
    ("parameter-option", 4, Some(2)),
    ("parameter-problem", 4, None),
    ("port-unreachable", 1, Some(4)),
    ("reassembly-timeout", 3, Some(1)),
    ("redirect", 137, None),
    ("renum-command", 138, Some(0)),
    ("renum-result", 138, Some(1)),
    ("renum-seq-number", 138, Some(255)),
    ("router-advertisement", 134, None),
    ("router-renumbering", 138, None),
    ("router-solicitation", 133, None),
    ("time-exceeded", 3, None),
    ("unreachable", 1, None),
];
