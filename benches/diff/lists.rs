//! Lists of rules shaped like real ones, and the forms in which a host shows them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Ports that most rules are about.
const USUAL: [u16; 14] = [22, 25, 53, 80, 123, 161, 443, 445, 514, 3306, 3389, 5432, 8080, 8443];
/// Lengths of prefixes, as often as they occur.
const LENGTHS: [u32; 12] = [8, 12, 16, 16, 20, 22, 24, 24, 24, 24, 26, 28];
/// First bytes of addresses.
const FIRST: [u32; 8] = [10, 10, 10, 10, 172, 192, 198, 203];
/// Rules that differ.
const CHANGES: usize = 20;

/// A prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Net {
    address: u32,
    length: u32,
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address(), self.length)
    }
}

impl Net {
    fn address(self) -> std::net::Ipv4Addr {
        self.address.into()
    }

    fn nft(self) -> String {
        if self.length == 32 { self.address().to_string() } else { self.to_string() }
    }

    fn json(self) -> String {
        match self.length {
            32 => format!(r#""{}""#, self.address()),
            length => format!(r#"{{"prefix": {{"addr": "{}", "len": {length}}}}}"#, self.address()),
        }
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// From; `None` for anywhere.
    pub(crate) source: Option<Net>,
    /// To.
    pub(crate) target: Net,
    /// `tcp` or `udp`.
    pub(crate) protocol: &'static str,
    /// First and last port.
    pub(crate) ports: (u16, u16),
    /// Whether it lets through.
    pub(crate) permit: bool,
}

/// A list of rules.
pub(crate) struct List {
    /// In order.
    pub(crate) rules: Vec<Rule>,
}

/// Numbers without a pattern, the same in every run (xorshift64*, Marsaglia and Vigna).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        u32::try_from(high * u64::from(end) >> 32).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(u32::try_from(all.len()).unwrap()) as usize]
    }

    fn net(&mut self) -> Net {
        let length = if self.below(2) == 0 { 32 } else { self.of(&LENGTHS) };
        let address = self.of(&FIRST) << 24 | self.below(1 << 24);
        Net { address: address >> (32 - length) << (32 - length), length }
    }

    fn ports(&mut self) -> (u16, u16) {
        let low = 1_024 + u16::try_from(self.below(60_000)).unwrap();
        match self.below(10) {
            0..6 => {
                let port = self.of(&USUAL);
                (port, port)
            }
            6..8 => (low, low),
            _ => (low, low + self.of(&[1, 9, 99, 999])),
        }
    }

    fn rule(&mut self) -> Rule {
        Rule {
            source: (self.below(20) >= 3).then(|| self.net()),
            target: self.net(),
            protocol: self.of(&["tcp", "tcp", "tcp", "udp"]),
            ports: self.ports(),
            permit: self.below(5) != 0,
        }
    }
}

impl List {
    /// So many rules.
    pub(crate) fn new(rules: usize) -> Self {
        let mut dice = Dice(0x5EC1_5E05);
        Self { rules: (0..rules).map(|_| dice.rule()).collect() }
    }

    /// The list after the work: ports moved, verdicts turned, rules added and taken out.
    pub(crate) fn changed(&self) -> Self {
        let mut dice = Dice(0xC4A4_6E00);
        let mut rules = self.rules.clone();
        for number in 0..CHANGES {
            let at = dice.below(u32::try_from(rules.len()).unwrap()) as usize;
            match number % 4 {
                0 => rules[at].ports = (3389, 3389),
                1 => rules[at].permit = !rules[at].permit,
                2 => rules.insert(at, Rule { source: None, permit: true, ..dice.rule() }),
                _ => _ = rules.remove(at),
            }
        }
        Self { rules }
    }
}

/// How a host shows a list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// `iptables-save`.
    Iptables,
    /// `nft list ruleset`, with and without `-j`.
    Nftables,
}

impl Form {
    /// Both forms.
    pub const BOTH: [Self; 2] = [Self::Iptables, Self::Nftables];

    /// The platform.
    pub(crate) const fn platform(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
        }
    }

    /// The artifact that is text for people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Iptables => "iptables-save.txt",
            Self::Nftables => "nft.txt",
        }
    }

    /// Writes the artifacts of a host with this list in its forward chain.
    pub(crate) fn lay(self, list: &List, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("sysctl.txt", "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n");
        match self {
            Self::Iptables => {
                write(self.text(), &saved(list));
                write("ip6tables-save.txt", &saved(&List { rules: Vec::new() }));
            }
            Self::Nftables => {
                write(self.text(), &listed(list));
                write("nft.json", &as_json(list));
            }
        }
    }
}

fn saved(list: &List) -> String {
    let mut text = String::from(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n",
    );
    for Rule { source, target, protocol, ports, permit } in &list.rules {
        let source = source.map_or_else(String::new, |net| format!("-s {net} "));
        let ports = if ports.0 == ports.1 { ports.0.to_string() } else { format!("{}:{}", ports.0, ports.1) };
        let verdict = if *permit { "ACCEPT" } else { "DROP" };
        let _ = writeln!(
            text,
            "-A FORWARD {source}-d {target} -p {protocol} -m {protocol} --dport {ports} -j {verdict}"
        );
    }
    text.push_str("COMMIT\n");
    text
}

fn listed(list: &List) -> String {
    let mut text = String::from(
        "table inet filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\
         \t\tct state established,related accept\n",
    );
    for Rule { source, target, protocol, ports, permit } in &list.rules {
        let source = source.map_or_else(String::new, |net| format!("ip saddr {} ", net.nft()));
        let ports = if ports.0 == ports.1 { ports.0.to_string() } else { format!("{}-{}", ports.0, ports.1) };
        let verdict = if *permit { "accept" } else { "drop" };
        let _ = writeln!(text, "\t\t{source}ip daddr {} {protocol} dport {ports} {verdict}", target.nft());
    }
    text.push_str("\t}\n}\n");
    text
}

fn as_json(list: &List) -> String {
    let mut text = String::from(
        r#"{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "x", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "filter", "handle": 1}}, {"chain": {"family": "inet", "table": "filter", "name": "forward", "handle": 1, "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}}, {"rule": {"family": "inet", "table": "filter", "chain": "forward", "handle": 2, "expr": [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}]}}"#,
    );
    let is = |protocol: &str, field: &str, right: &str| {
        format!(
            r#"{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "{protocol}", "field": "{field}"}}}}, "right": {right}}}}}, "#
        )
    };
    for (Rule { source, target, protocol, ports, permit }, handle) in list.rules.iter().zip(3..) {
        let source = source.map_or_else(String::new, |net| is("ip", "saddr", &net.json()));
        let target = is("ip", "daddr", &target.json());
        let (first, last) = *ports;
        let ports =
            if first == last { first.to_string() } else { format!(r#"{{"range": [{first}, {last}]}}"#) };
        let ports = is(protocol, "dport", &ports);
        let verdict = if *permit { "accept" } else { "drop" };
        let _ = write!(
            text,
            r#", {{"rule": {{"family": "inet", "table": "filter", "chain": "forward", "handle": {handle}, "expr": [{source}{target}{ports}{{"{verdict}": null}}]}}}}"#
        );
    }
    text.push_str("]}\n");
    text
}
