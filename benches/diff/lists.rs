//! Lists of rules shaped like real ones, and the forms in which a host shows them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Ports that most rules are about.
const USUAL: [u16; 14] = [22, 25, 53, 80, 123, 161, 443, 445, 514, 3306, 3389, 5432, 8080, 8443];
/// So many rules share a subnet of servers.
const RULES_A_SUBNET: usize = 40;
/// Networks of sites and partners that rules name as a whole.
const SITES: usize = 60;
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
        u32::try_from((high * u64::from(end)) >> 32).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(u32::try_from(all.len()).unwrap()) as usize]
    }

    /// A part of a network.
    fn within(&mut self, net: Net, length: u32) -> Net {
        let address = net.address | self.below(1 << (31 - net.length));
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
}

/// What rules name.
struct World {
    dice: Dice,
    subnets: Vec<Net>,
    sites: Vec<Net>,
}

impl World {
    fn new(rules: usize) -> Self {
        let mut dice = Dice(0x5EC1_5E05);
        let ours = [(10, 8), (172 << 8 | 16, 12), (192 << 8 | 168, 16)];
        let ours = ours.map(|(address, length): (u32, u32)| Net {
            address: address << (if length == 8 { 24 } else { 16 }),
            length,
        });
        let subnets = (0..8 + rules / RULES_A_SUBNET).map(|_| {
            let net = dice.of(&ours);
            let length = dice.of(&[24, 24, 24, 24, 26, 28]);
            dice.within(net, length)
        });
        let subnets = subnets.collect();
        let sites = (0..SITES).map(|_| {
            let first = dice.of(&[10, 10, 10, 133, 198, 203]);
            let length = dice.of(&[12, 16, 16, 20, 20, 22, 24]);
            dice.within(Net { address: first << 24, length: 8 }, length)
        });
        let sites = sites.collect();
        Self { dice, subnets, sites }
    }

    fn source(&mut self) -> Option<Net> {
        let any = Net { address: 0, length: 1 };
        match self.dice.below(20) {
            0..3 => None,
            3..10 => Some(self.dice.within(any, 32)),
            10..16 => Some(self.dice.of(&self.subnets)),
            16..19 => Some(self.dice.of(&self.sites)),
            _ => Some(Net { address: 10 << 24, length: 8 }),
        }
    }

    fn target(&mut self) -> Net {
        match self.dice.below(100) {
            0..75 => {
                let subnet = self.dice.of(&self.subnets);
                self.dice.within(subnet, 32)
            }
            75..97 => self.dice.of(&self.subnets),
            _ => self.dice.of(&self.sites),
        }
    }

    fn rule(&mut self) -> Rule {
        Rule {
            source: self.source(),
            target: self.target(),
            protocol: self.dice.of(&["tcp", "tcp", "tcp", "udp"]),
            ports: self.dice.ports(),
            permit: self.dice.below(5) != 0,
        }
    }
}

impl List {
    /// So many rules, and the same after the work: ports moved, verdicts turned, rules added and taken out.
    pub(crate) fn pair(length: usize) -> [Self; 2] {
        let mut world = World::new(length);
        let before: Vec<Rule> = (0..length).map(|_| world.rule()).collect();
        let mut after = before.clone();
        for number in 0..CHANGES {
            let at = world.dice.below(u32::try_from(after.len()).unwrap()) as usize;
            match number % 4 {
                0 => after[at].ports = (3389, 3389),
                1 => after[at].permit = !after[at].permit,
                2 => after.insert(at, Rule { source: None, permit: true, ..world.rule() }),
                _ => _ = after.remove(at),
            }
        }
        [before, after].map(|rules| Self { rules })
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
    pub(crate) const BOTH: [Self; 2] = [Self::Iptables, Self::Nftables];

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
