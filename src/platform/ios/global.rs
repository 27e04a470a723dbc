//! Lines outside of interfaces that let through and stop no packet: who may log in, routing, names, clocks, logs. Any
//! other line that no reader takes counts as not understood.

/// First words.
const HARMLESS: &[&str] = &[
    "aaa", "alias", "archive", "aqm-register-fnf", "arp", "async-bootp", "atm", "authentication", "banner", "bfd", "bgp",
    "boot", "boot-end-marker", "boot-start-marker", "bridge", "buffers", "call", "call-home", "card", "cdp", "cef",
    "chat-script", "clock", "clns", "config-register", "configuration", "controller", "cpu", "crypto", "default",
    "device-sensor", "device-tracking", "diagnostic", "dial-peer", "dialer", "dialer-list", "diameter", "domain", "dot1x",
    "downward-compatible-config", "dspfarm", "eap", "enable", "end", "errdisable", "ethernet", "event", "exception", "exec",
    "file", "flow", "frame-relay", "fabric", "gatekeeper", "gateway", "glbp", "hardware", "hostname", "hw-module", "identity",
    "interface-range", "isdn", "isis", "ixi", "kerberos", "key", "kron", "l2", "l2tp", "l2tp-class", "lacp", "ldap",
    "license", "lldp", "location", "logging", "login", "mac", "mac-address-table", "map-class", "master-voip",
    "memory", "memory-size", "menu", "mls", "mmi", "monitor", "mpls", "multilink", "network-clock",
    "network-clock-participate", "network-clock-select", "network-policy", "nls", "nsf", "ntp", "nv", "object", "parser",
    "parameter-map", "password", "performance", "platform", "port-channel", "port-profile", "power", "power-supply",
    "printer", "priority-list", "privilege", "process", "process-max-time", "prompt", "pseudowire-class", "ptp", "qos",
    "queue-list", "radius", "radius-server", "random-detect-group", "redundancy", "resource", "resume-string", "rmon",
    "route-map", "route-tag", "router", "rsvp", "rtr", "sampler", "scheduler", "sdm", "security", "service",
    "service-routing", "service-template", "set", "shell", "sip-ua", "snmp", "spanning-tree", "stackwise-virtual",
    "standby", "state-machine", "stcapp", "subscriber", "switch", "syslog", "system", "table-map", "tacacs",
    "tacacs-server", "tag-switching", "telephony-service", "template", "terminal", "time-range", "track", "transceiver",
    "translation-rule", "upgrade", "username", "version", "vlan", "vlan2", "voice", "voice-card", "voice-port", "vpdn",
    "vpdn-group", "vrf", "vtp", "vxlan", "wavelength", "wsma", "x25", "xconnect", "zone", "cns", "class", "feature",
    "feature-set", "virtual-service", "install", "netconf", "netconf-yang", "restconf", "telemetry", "utd", "vty",
    "rommon", "sla", "ospfv3", "voip", "avb", "ap", "wireless", "crypto-engine", "hsrp", "udld", "system-id", "test",
    "tftp", "trunk", "vmps", "web-console", "yang-interfaces", "lldp-med", "no", "copp", "cts", "epm", "iox",
];

/// Second words behind `ip` and `ipv6`.
const HARMLESS_IP: &[&str] = &[
    "access-list", "accounting", "accounting-list", "accounting-threshold", "address-pool", "admission", "alias", "arp",
    "as-path", "audit", "bgp", "bgp-community", "bootp", "cef", "classless", "community-list", "cr", "ddns",
    "default-gateway", "default-network", "device", "dhcp", "dhcp-client", "dns", "domain", "domain-list", "domain-lookup",
    "domain-name", "domain-proxy", "eigrp", "explicit-path", "extcommunity-list", "finger", "flow", "flow-aggregation",
    "flow-cache", "flow-export", "flow-top-talkers", "forward-protocol", "ftp", "gdp", "gratuitous-arps", "host", "hp-host",
    "icmp", "identd", "igmp", "ips", "irdp", "kerberos", "local", "mfib", "mld", "mobile", "mroute", "mrm", "msdp",
    "multicast", "multicast-routing", "name-server", "nbar", "nhrp", "ospf", "pim", "prefix-list", "radius", "rcmd", "reflexive-list",
    "rip", "route", "router", "routing", "rsvp", "rtcp", "rtsp", "sap", "scp", "sdr", "sla", "slb", "spd", "ssh",
    "subnet-zero", "tacacs", "tcp", "telnet", "tftp", "trigger-authentication", "urlfilter", "unicast-routing", "vrf", "wccp", "neighbor",
    "nd", "hop-limit", "source-route", "general-prefix", "address", "cftp", "snooping", "arp-inspection", "traceroute", "multicast-routing",
    "bandwidth", "options", "visibility", "virtual-reassembly", "virtual-reassembly-out", "load-sharing", "mroute-cache",
];

/// Whether a line is known to let through and to stop no packet.
pub(super) fn is_harmless(text: &str) -> bool {
    let text = text.strip_prefix("no ").unwrap_or(text);
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some("ip" | "ipv4" | "ipv6"), Some(second)) => HARMLESS_IP.contains(&second),
        // the listing begins with these words before the first line of the configuration
        (Some("Building" | "Current" | "Using" | "Load" | "Time"), _) => true,
        (Some(first), _) => HARMLESS.contains(&first),
        (None, _) => true,
    }
}
