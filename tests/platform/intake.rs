//! What the host throws away before it routes, held against the kernel: packets with every kind of source and
//! destination are sent to a host in a network namespace, under each setting, and its facts are read as `capture` reads
//! them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use sekisho::drift::flows::space_for;
use sekisho::drift::{Certainty, FlowDrift, Moment};
use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::firewall::Hook;
use sekisho::packet::{Family, Field, Packet, PacketSet, Space, fresh, proto};
use sekisho::platform::{self, DeviceModel, How};
use serde_json::Value;

use crate::common::needs;

/// A host with a way out, an office, and an interface without an IPv4 address. What reaches it leaves its port in a set.
const HOST: &str = r"
ip link set lo up
for n in wan0 lan0 bare0; do
  ip link add $n type veth peer name p-$n; ip link set $n up; ip link set p-$n up
done
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.all.accept_dad=0
ip addr add 203.0.113.10/24 dev wan0; ip addr add 10.1.0.1/16 dev lan0
ip -6 addr add 2001:db8:a::10/64 dev wan0 nodad; ip -6 addr add 2001:db8:b::1/64 dev lan0 nodad
ip route add default via 203.0.113.1; ip -6 route add default via 2001:db8:a::1
for n in all wan0 lan0 bare0; do for k in rp_filter route_localnet accept_local; do
  sysctl -qw net.ipv4.conf.$n.$k=0
done; done
nft -f - <<N
table ip t {
  chain pre { type nat hook prerouting priority dstnat;
    udp dport 30000-39999 dnat to 127.0.0.1
    udp dport 40000-49999 dnat to 10.1.0.9
  }
  chain input { type filter hook input priority 0; policy accept; }
  chain forward { type filter hook forward priority 0; policy accept; }
}
N
";

/// Added after the ruleset was read: it notes what comes through and decides nothing.
const WATCH: &str = r"
nft -f - <<N
table inet seen {
  set input { type inet_service; flags dynamic; size 65535; }
  set forward { type inet_service; flags dynamic; size 65535; }
  chain i { type filter hook input priority 300; add @input { udp dport };
  }
  chain f { type filter hook forward priority 300; add @forward { udp dport };
  }
}
N
python3 ../send.py ../packets && sleep 0.3
nft -j list table inet seen > seen.json
";

/// Sends a datagram for every line: interface, source, destination, port.
const SEND: &str = r#"
import ipaddress, json, socket, struct, subprocess, sys
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
out = {}
for name in ("wan0", "lan0", "bare0"):
    link = subprocess.run(["ip", "-j", "link", "show", name], capture_output=True, text=True).stdout
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("p-" + name, 0))
    out[name] = s, bytes.fromhex(json.loads(link)[0]["address"].replace(":", ""))
for line in open(sys.argv[1]):
    name, src, dst, port = line.split()
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    udp = struct.pack("!HHHH", 1111, int(port), 8, 0)
    if src.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 17, 0) + src.packed + dst.packed
        head, kind = head[:10] + struct.pack("!H", checksum(head)) + head[12:], 0x0800
    else:
        udp = udp[:6] + struct.pack("!H", checksum(src.packed + dst.packed + struct.pack("!IHBB", 8, 0, 0, 17) + udp))
        head, kind = struct.pack("!IHBB", 6 << 28, 8, 17, 64) + src.packed + dst.packed, 0x86dd
    s, mac = out[name]
    s.send(mac + b"\x02\0\0\0\0\1" + struct.pack("!H", kind) + head + udp)
"#;

/// Name, what is done on the host before it is read, and whether its facts decide every packet.
const SETTINGS: &[(&str, &str, bool)] = &[
    ("off", "", true),
    ("strict", "sysctl -qw net.ipv4.conf.all.rp_filter=1", true),
    ("loose", "sysctl -qw net.ipv4.conf.all.rp_filter=2", true),
    ("larger", "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.wan0.rp_filter=2", true),
    ("single", "sysctl -qw net.ipv4.conf.wan0.rp_filter=1", true),
    ("localnet", "sysctl -qw net.ipv4.conf.all.route_localnet=1", true),
    ("localnet-wan", "sysctl -qw net.ipv4.conf.wan0.route_localnet=1 net.ipv4.conf.wan0.rp_filter=1", true),
    ("accept-local", "sysctl -qw net.ipv4.conf.wan0.accept_local=1", true),
    (
        "accept-local-strict",
        "sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv4.conf.all.rp_filter=1",
        false,
    ),
    ("no-forwarding-wan", "sysctl -qw net.ipv4.conf.wan0.forwarding=0", true),
    ("forwarding-wan", "sysctl -qw net.ipv4.ip_forward=0; sysctl -qw net.ipv4.conf.wan0.forwarding=1", true),
    ("local-route", "ip route add local 198.51.100.0/24 dev lo", true),
    ("no-default", "ip route del default; sysctl -qw net.ipv4.conf.all.rp_filter=2", true),
    (
        "two-ways",
        "ip route add 10.9.0.0/16 nexthop dev wan0 nexthop dev lan0; sysctl -qw net.ipv4.conf.all.rp_filter=1",
        true,
    ),
    ("refused", "ip route add unreachable 10.9.0.0/16; sysctl -qw net.ipv4.conf.all.rp_filter=2", true),
];

const SOURCES: &[&str] = &[
    "198.51.100.7",
    "10.1.2.3",
    "10.9.9.9",
    "203.0.113.5",
    "203.0.113.10",
    "10.1.0.1",
    "127.0.0.1",
    "127.0.0.2",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "10.1.255.255",
    "203.0.113.0",
    "240.0.0.1",
    "2001:db8:77::7",
    "2001:db8:b::7",
    "2001:db8:a::10",
    "::1",
    "ff02::1",
    "::ffff:192.0.2.1",
];

const DESTINATIONS: &[&str] = &[
    "203.0.113.10",
    "10.1.0.1",
    "10.1.0.9",
    "192.0.2.9",
    "198.51.100.9",
    "127.0.0.1",
    "127.0.0.9",
    "0.0.0.0",
    "255.255.255.255",
    "10.1.255.255",
    "224.0.0.1",
    "2001:db8:a::10",
    "2001:db8:b::9",
    "2001:db8:cc::1",
    "::1",
    "ff02::1",
    "ff01::1",
];

#[derive(Debug, Clone)]
struct Sent {
    interface: &'static str,
    src: IpAddr,
    dst: IpAddr,
    port: u16,
}

/// Every source to every destination by every interface, and to what is translated to a loopback and to another
/// address. On their way out by the interface by which they came, broadcast and loopback sources are thrown away where
/// `send_redirects` is on, which nobody asks for: those are left out.
fn packets() -> Vec<Sent> {
    let mut out = Vec::new();
    for (interface, base) in [("wan0", 0), ("lan0", 1000), ("bare0", 2000)] {
        let mut ports = [1000, 30_000, 40_000].map(|first| first + base);
        let mut send = |src: &str, dst: &str, kind: usize| {
            let forwarded = ["10.1.0.9", "192.0.2.9", "198.51.100.9"].contains(&dst) || kind == 2;
            let hairpin = forwarded && ["10.1.255.255", "127.0.0.2"].contains(&src);
            let (src, dst): (IpAddr, IpAddr) = (src.parse().unwrap(), dst.parse().unwrap());
            if src.is_ipv4() == dst.is_ipv4() && !hairpin {
                out.push(Sent { interface, src, dst, port: ports[kind] });
                ports[kind] += 1;
            }
        };
        for src in SOURCES {
            DESTINATIONS.iter().for_each(|dst| send(src, dst, 0));
            send(src, "203.0.113.10", 1);
            send(src, "203.0.113.10", 2);
        }
    }
    out
}

/// Runs every setting in a namespace of its own and leaves what was read and seen in a folder of its name.
fn run(folder: &Path, packets: &[Sent]) {
    let lines: String = packets.iter().fold(String::new(), |mut all, p| {
        writeln!(all, "{} {} {} {}", p.interface, p.src, p.dst, p.port).unwrap();
        all
    });
    fs::write(folder.join("packets"), lines).unwrap();
    fs::write(folder.join("send.py"), SEND).unwrap();
    let asks = platform::with_hosts(platform::by_id("nftables"));
    let asks = asks.iter().flat_map(|p| p.ask());
    let facts = ["sysctl.txt", "ip-addr.json", "ip-route.json", "ip-rule.json", "nft.json"];
    let asked: String = asks
        .filter(|ask| facts.contains(&ask.artifact.as_str()))
        .map(|ask| match ask.how {
            How::Command(command) => format!("( {command} ) > {}\n", ask.artifact),
            How::File(path) => panic!("{path} is no command"),
        })
        .collect();
    for (name, prepare, _) in SETTINGS {
        let own = folder.join(name);
        fs::create_dir(&own).unwrap();
        let script = format!("set -e\n{HOST}\n{prepare}\n{asked}\n{WATCH}");
        let mut command = Command::new("timeout");
        let done =
            command.args(["60", "unshare", "--net", "sh", "-c", &script]).current_dir(&own).output().unwrap();
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

fn model(folder: &Path) -> DeviceModel {
    let mut evidence = DeviceEvidence::new("host", vec!["nftables".to_owned()], Source::Bare);
    for name in ["sysctl.txt", "ip-addr.json", "ip-route.json", "ip-rule.json", "nft.json"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        evidence.artifacts.insert(name.to_owned(), Artifact { bytes: bytes.into(), proof: Proof::Given });
    }
    platform::read(&evidence)
}

fn seen(folder: &Path, set: &str) -> BTreeSet<u64> {
    let listed: Value = serde_json::from_slice(&fs::read(folder.join("seen.json")).unwrap()).unwrap();
    let sets = listed["nftables"].as_array().unwrap().iter().map(|entry| &entry["set"]);
    let elements = sets.filter(|s| s["name"] == set).filter_map(|s| s["elem"].as_array());
    elements.flatten().filter_map(Value::as_u64).collect()
}

/// For certain, and as far as the evidence does not exclude it.
type Bounds = (PacketSet, PacketSet);

fn accepted(space: &mut Space, model: &DeviceModel) -> [Bounds; 2] {
    let moment = Moment { firewall: model.firewall.as_ref().unwrap(), host: &model.host };
    let groups = FlowDrift::accepted(space, moment).unwrap();
    [Hook::Input, Hook::Forward].map(|hook| {
        let of_hook: Vec<_> = groups.iter().filter(|g| g.hook == hook).collect();
        let certain = space.any(of_hook.iter().map(|g| g.certain).collect::<Vec<_>>());
        let possible = space.any(of_hook.iter().map(|g| g.possible).collect::<Vec<_>>());
        (certain, space.or(certain, possible))
    })
}

#[test]
fn what_the_host_takes_in_is_what_the_kernel_takes_in() {
    let name = "what_the_host_takes_in_is_what_the_kernel_takes_in";
    if !needs::met(name, &[needs::ROOT, "nft", "unshare", "ip", "sysctl", "timeout", "python3"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let packets = packets();
    run(folder.path(), &packets);
    let mut wrong = Vec::new();
    for (setting, _, decided) in SETTINGS {
        let own = folder.path().join(setting);
        let model = model(&own);
        let [input, forward] = ["input", "forward"].map(|set| seen(&own, set));
        assert!(input.len() + forward.len() > 20, "{setting}: nothing arrived");
        let moment = Moment { firewall: model.firewall.as_ref().unwrap(), host: &model.host };
        let mut space = space_for(&[moment]).unwrap();
        let sets = accepted(&mut space, &model);
        for packet in &packets {
            let kernel = [&input, &forward].map(|ports| ports.contains(&packet.port.into()));
            let one = Packet::new(packet.src, packet.dst, proto::UDP).unwrap();
            let one = one.with(Field::In, space.interfaces().number(packet.interface));
            let one = one.with(Field::Sport, 1111).with(Field::Dport, packet.port.into());
            let one = one.with(Field::State, fresh::state(&one, true).number());
            let ours =
                sets.map(|(certain, possible)| [certain, possible].map(|set| space.contains(set, &one)));
            let agrees = kernel.iter().zip(ours).all(|(kernel, [certain, possible])| {
                // an interface without an IPv4 address may get one at any time
                let unaddressed = packet.interface == "bare0" && packet.src.is_ipv4();
                match (unaddressed, decided) {
                    (true, _) => possible || !kernel,
                    (false, true) => certain == *kernel && possible == *kernel,
                    (false, false) => (!certain || *kernel) && (possible || !kernel),
                }
            });
            if !agrees {
                wrong.push(format!("{setting}: {packet:?}: kernel input, forward {kernel:?}, ours {ours:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

const ADDRESSES: &str = r#"[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8},{"local":"::1","prefixlen":128}]},
    {"ifname":"wan0","addr_info":[{"local":"203.0.113.10","prefixlen":24}]},
    {"ifname":"lan0","addr_info":[{"local":"10.1.0.1","prefixlen":16}]}]"#;
const ROUTES: &str = r#"[{"dst":"default","gateway":"203.0.113.1","dev":"wan0"},{"dst":"203.0.113.0/24","dev":"wan0"},
    {"dst":"10.1.0.0/16","dev":"lan0"}]"#;
const SYSCTL: &str = "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n\
    net.ipv4.conf.wan0.route_localnet = 0\nnet.ipv4.conf.all.route_localnet = 0\nnet.ipv4.conf.lan0.route_localnet = 0\n\
    net.ipv4.conf.wan0.accept_local = 0\nnet.ipv4.conf.all.accept_local = 0\nnet.ipv4.conf.lan0.accept_local = 0\n";

/// A host with an office behind it, whose input chain holds these IPv4 rules beside its policy.
fn host(sysctl: Option<&str>, rules: &str, source: Source) -> DeviceModel {
    let mut evidence = DeviceEvidence::new("host", vec!["iptables".to_owned()], source);
    let mut hold = |name: &str, text: &str| {
        let proof = if text.is_empty() { Proof::Absent } else { Proof::Complete };
        evidence.artifacts.insert(name.to_owned(), Artifact { bytes: text.as_bytes().into(), proof });
    };
    for name in
        ["nft.json", "nft.txt", "ipset-save.txt", "iptables-legacy-save.txt", "ip6tables-legacy-save.txt"]
    {
        hold(name, "");
    }
    for name in ["iptables-save.txt", "ip6tables-save.txt"] {
        let rules = if name.starts_with("ip6") { "" } else { rules };
        hold(
            name,
            &format!(
                "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}COMMIT\n"
            ),
        );
    }
    hold("ip-addr.json", ADDRESSES);
    hold("ip-route.json", ROUTES);
    hold("ip-rule.json", r#"[{"priority":0,"src":"all","table":"local"}]"#);
    if let Some(sysctl) = sysctl {
        hold("sysctl.txt", &format!("{SYSCTL}{sysctl}"));
    }
    platform::read(&evidence)
}

const MAIL: &str = "-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT\n";

/// What a rule opens: certainty, interfaces, sources.
type Opened = Vec<(Certainty, Option<Vec<String>>, Option<Vec<String>>)>;

fn opened(sysctl: Option<&str>, rule: &str, source: Source) -> Opened {
    let (before, after) = (host(sysctl, "", source), host(sysctl, rule, source));
    let moment = |model: &'static DeviceModel| Moment {
        firewall: model.firewall.as_ref().unwrap(),
        host: &model.host,
    };
    let (before, after) = (Box::leak(Box::new(before)), Box::leak(Box::new(after)));
    let mut drift = FlowDrift::between(moment(before), moment(after)).unwrap();
    let groups = drift.opened.clone();
    let lines = drift.lines(&groups, moment(after));
    lines.into_iter().filter(|l| l.family == Family::Ipv4).map(|l| (l.certainty, l.iif, l.src)).collect()
}

#[test]
fn a_forged_source_is_possible_only_where_nobody_knows_whether_it_is_asked_for() {
    let rule = "-A INPUT -s 10.1.0.0/16 -i wan0 -p tcp -m tcp --dport 22 -j ACCEPT\n";
    let named = |text: &str| Some(vec![text.to_owned()]);
    let line = |certainty| vec![(certainty, named("wan0"), named("10.1.0.0/16"))];
    let strict = "net.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.wan0.rp_filter = 1\n";
    assert_eq!(opened(Some(strict), rule, Source::Snapshot), [], "the kernel throws it away");
    assert_eq!(opened(Some("net.ipv4.conf.all.rp_filter = 1\n"), rule, Source::Bare), []);
    let off = "net.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.wan0.rp_filter = 0\nnet.ipv4.conf.lan0.rp_filter = 0\n";
    assert_eq!(opened(Some(off), rule, Source::Snapshot), line(Certainty::Certain));
    let loose = "net.ipv4.conf.all.rp_filter = 2\n";
    assert_eq!(opened(Some(loose), rule, Source::Snapshot), line(Certainty::Certain));
    for unknown in
        [Some("net.ipv4.conf.all.rp_filter = 0\n"), Some("net.ipv4.conf.all.rp_filter = 1\n"), None]
    {
        assert_eq!(opened(unknown, rule, Source::Snapshot), line(Certainty::Possible), "{unknown:?}");
    }
    assert_eq!(opened(None, rule, Source::Bare), line(Certainty::Certain), "a plain folder counts it as off");
}

#[test]
fn what_nobody_can_send_makes_no_holes_in_what_is_shown() {
    let each = |filter: u8| {
        ["all", "wan0", "lan0"]
            .iter()
            .fold(String::new(), |all, name| format!("{all}net.ipv4.conf.{name}.rp_filter = {filter}\n"))
    };
    let anybody = [(Certainty::Certain, None, None)];
    for filter in [0, 2] {
        let sysctl = each(filter);
        assert_eq!(opened(Some(&sysctl), MAIL, Source::Snapshot), anybody);
        let dropping = format!("-A INPUT -s 127.0.0.0/8 -j DROP\n{MAIL}");
        assert_eq!(opened(Some(&sysctl), &dropping, Source::Snapshot), anybody);
    }
    let list = |texts: &[&str]| Some(texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
    let mut strict = opened(Some(&each(1)), MAIL, Source::Snapshot);
    strict.sort();
    let rest = ["0.0.0.0-10.0.255.255", "10.2.0.0-255.255.255.255"];
    let lines = [(list(&["lan0"]), list(&["10.1.0.0/16"])), (list(&["wan0"]), list(&rest))];
    assert_eq!(strict, lines.map(|(iif, src)| (Certainty::Certain, iif, src)));
    let one = opened(
        Some(&each(1)),
        "-A INPUT -s 203.0.113.11/32 -p tcp -m tcp --dport 25 -j ACCEPT\n",
        Source::Snapshot,
    );
    assert_eq!(
        one,
        [(Certainty::Certain, list(&["wan0"]), list(&["203.0.113.11"]))],
        "not with the host's own"
    );
}
