//! Where other tools went wrong: a translator that drops a negation and breaks a range of ports, an optimiser that turns
//! a test of bits into one of the whole byte, an analyser that took a match it did not know for "anything".

use std::collections::BTreeSet;

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::firewall::query::interfaces;
use sekisho::firewall::trace::{Direction, Verdict, trace_plain};
use sekisho::packet::{Field, Packet, State, flag, proto};
use sekisho::platform;

const ACCEPTED: &[Verdict] = &[Verdict::Accept];
const DROPPED: &[Verdict] = &[Verdict::Drop];
const EITHER: &[Verdict] = &[Verdict::Accept, Verdict::Drop];

/// What can happen to a packet that arrives at a host with these rules in its input chain.
fn fates(artifact: &str, ruleset: &str, packet: &Packet) -> Vec<Verdict> {
    let id = if artifact == "nft.txt" { "nftables" } else { "iptables" };
    let mut evidence = DeviceEvidence::new("device", vec![id.to_owned()], Source::Bare);
    let artifact = (artifact.to_owned(), Artifact { bytes: ruleset.as_bytes().into(), proof: Proof::Given });
    evidence.artifacts.extend([artifact]);
    let model = platform::read(&evidence);
    let firewall = model.firewall.unwrap();
    let names = interfaces(&firewall, &model.host, ["eth0"]).unwrap();
    let packet = packet.with(Field::In, names.number("eth0"));
    let fates = trace_plain(&firewall, &model.host, &names, &packet, Direction::Input).unwrap();
    fates.into_iter().map(|fate| fate.verdict).collect::<BTreeSet<_>>().into_iter().collect()
}

fn iptables(policy: &str, rule: &str, packet: &Packet) -> Vec<Verdict> {
    let ruleset = format!(
        "*filter\n:INPUT {policy} [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT {rule}\nCOMMIT\n"
    );
    fates("iptables-save.txt", &ruleset, packet)
}

fn nft(policy: &str, rule: &str, packet: &Packet) -> Vec<Verdict> {
    let chain = format!("type filter hook input priority filter; policy {policy};");
    fates("nft.txt", &format!("table inet t {{\n chain input {{\n {chain}\n {rule}\n }}\n}}\n"), packet)
}

fn packet(protocol: u8, sport: u16, dport: u16) -> Packet {
    let packet =
        Packet::new("198.51.100.7".parse().unwrap(), "203.0.113.10".parse().unwrap(), protocol).unwrap();
    packet
        .with(Field::Sport, sport.into())
        .with(Field::Dport, dport.into())
        .with(Field::State, State::New.number())
}

fn flags(flags: u8) -> Packet {
    packet(proto::TCP, 40_000, 80).with(Field::Flags, flags.into())
}

#[test]
fn a_negated_port_stays_negated() {
    let rule = "-p udp -m udp ! --dport 67 -j ACCEPT";
    assert_eq!(iptables("DROP", rule, &packet(proto::UDP, 40_000, 67)), DROPPED);
    assert_eq!(iptables("DROP", rule, &packet(proto::UDP, 40_000, 68)), ACCEPTED);
    assert_eq!(iptables("DROP", rule, &packet(proto::TCP, 40_000, 68)), DROPPED);
    let rule = "-p tcp -m tcp ! --sport 1024:65535 --dport 22 -j ACCEPT";
    assert_eq!(iptables("DROP", rule, &packet(proto::TCP, 40_000, 22)), DROPPED);
    assert_eq!(iptables("DROP", rule, &packet(proto::TCP, 1023, 22)), ACCEPTED);
}

#[test]
fn a_range_of_ports_holds_all_between_its_ends() {
    let rule = "-p udp -m multiport --ports 69:90 -j ACCEPT";
    for (sport, dport, verdict) in [
        (40_000, 75, ACCEPTED),
        (75, 40_000, ACCEPTED),
        (40_000, 69, ACCEPTED),
        (90, 91, ACCEPTED),
        (68, 91, DROPPED),
    ] {
        assert_eq!(iptables("DROP", rule, &packet(proto::UDP, sport, dport)), verdict, "{sport} to {dport}");
    }
}

#[test]
fn a_test_of_bits_is_not_one_of_the_whole_byte() {
    let (syn, both) = (flags(flag::SYN), flags(flag::SYN | flag::ACK));
    let one_by_one = "tcp flags syn accept\n tcp flags ack accept";
    assert_eq!(nft("drop", one_by_one, &both), ACCEPTED);
    assert_eq!(nft("drop", "tcp flags { syn, ack } accept", &both), DROPPED);
    assert_eq!(nft("drop", "tcp flags { syn, ack } accept", &syn), ACCEPTED);
    assert_eq!(nft("drop", "tcp flags == syn accept", &both), DROPPED);
    assert_eq!(nft("drop", "tcp flags syn,ack accept", &syn), ACCEPTED, "any of them");
    assert_eq!(nft("drop", "tcp flags syn / syn,ack accept", &both), DROPPED);
    assert_eq!(nft("drop", "tcp flags & (syn | ack) == syn | ack accept", &both), ACCEPTED);
    let status = "ct status dnat accept\n ct status snat accept";
    let translated = flags(flag::SYN).with(Field::Status, 3);
    assert_eq!(nft("drop", status, &translated), ACCEPTED);
}

#[test]
fn a_match_that_nobody_knows_is_neither_anything_nor_nothing() {
    let http = packet(proto::TCP, 40_000, 80).with(Field::Flags, flag::SYN.into());
    for unknown in ["-m geoip --source-country JP", "-m nobody-knows --this 7", "-m u32 --u32 0x0=0x45"] {
        assert_eq!(iptables("DROP", &format!("{unknown} -j ACCEPT"), &http), EITHER, "{unknown}");
        assert_eq!(iptables("ACCEPT", &format!("{unknown} -j DROP"), &http), EITHER, "{unknown}");
        let other = format!("-p udp {unknown} -j ACCEPT");
        assert_eq!(iptables("DROP", &other, &http), DROPPED, "the rest of the rule still counts");
    }
    for unknown in ["@th,0,7 12", "nobody knows 7"] {
        assert_eq!(nft("drop", &format!("{unknown} accept"), &http), EITHER, "{unknown}");
        assert_eq!(nft("accept", &format!("{unknown} drop"), &http), EITHER, "{unknown}");
    }
}
