//! Public rulesets that nobody here wrote: every one is read, differs from itself in nothing, and means what the authors
//! of another analyser proved of it.
//!
//! They lie outside this repository. Set `SEKISHO_SHARED` to the folder that holds `corpus`, or have it beside the
//! repository as `shared`; without it the tests say so and pass.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sekisho::drift::flows::space_for;
use sekisho::drift::{FlowDrift, Moment};
use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::firewall::meaning::{Meaning, Passage};
use sekisho::packet::{
    AddressRange, AddressSet, Family, Field, NamePattern, PacketSet, Prefix, Space, State, proto,
};
use sekisho::platform::{self, DeviceModel};
use serde_json::Value;

use crate::common::needs;

const NEEDS: &str = "corpus below SEKISHO_SHARED or ../shared";

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("SEKISHO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    Some(root.join("corpus")).filter(|folder| folder.join("EXPECTED.jsonl").is_file())
}

/// Every file of a folder and of those below it.
fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
}

/// Reads bytes as an artifact of a packet filter.
fn read(artifact: &str, bytes: &[u8]) -> DeviceModel {
    let id = if artifact.starts_with("nft") { "nftables" } else { "iptables" };
    let mut evidence = DeviceEvidence::new("device", vec![id.to_owned()], Source::Bare);
    let mut hold = |name: &str, bytes: &[u8]| {
        evidence.artifacts.insert(name.to_owned(), Artifact { bytes: bytes.into(), proof: Proof::Given });
    };
    hold(artifact, bytes);
    let twin = match artifact {
        "iptables-save.txt" => Some("ip6tables-save.txt"),
        "ip6tables-save.txt" => Some("iptables-save.txt"),
        _ => None,
    };
    twin.into_iter().for_each(|name| hold(name, b"*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"));
    platform::read(&evidence)
}

fn moment(model: &DeviceModel) -> Moment<'_> {
    Moment { firewall: model.firewall.as_ref().unwrap(), host: &model.host }
}

#[test]
fn every_file_is_read_and_differs_from_itself_in_nothing() {
    let Some(corpus) = corpus() else {
        return needs::skip("every_file_is_read_and_differs_from_itself_in_nothing", NEEDS);
    };
    let mut all = Vec::new();
    files(&corpus, &mut all);
    let (mut read_files, mut wrong) = (0, Vec::new());
    for path in all.iter().filter(|path| !path.starts_with(corpus.join("kernel"))) {
        let bytes = fs::read(path).unwrap();
        let place = path.strip_prefix(&corpus).unwrap().to_string_lossy().into_owned();
        // what a file of another make is read as is doubtful, and must be no more than that
        let forms: &[&str] = match place.split('/').next() {
            Some("iptables") => &["iptables-save.txt"],
            Some("ip6tables") => &["ip6tables-save.txt"],
            Some("nft" | "nft_optimize") => &["nft.txt"],
            _ => &["iptables-save.txt", "nft.txt", "nft.json"],
        };
        for form in forms {
            let (before, mut after) = (read(form, &bytes), read(form, &bytes));
            read_files += 1;
            let drift = FlowDrift::between(moment(&before), moment(&after));
            if !drift.is_ok_and(|drift| drift.is_empty()) {
                wrong.push(format!("{place} as {form}"));
            }
            // long ones are only compared where they differ: nowhere
            if bytes.len() < 20_000 {
                after.host.tcp_loose = Some(true);
                let drift = FlowDrift::between(moment(&before), moment(&after));
                if !drift.is_ok_and(|drift| drift.is_empty()) {
                    wrong.push(format!("{place} as {form}, evaluated as a whole"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read_files > 300, "{read_files}");
}

/// A class of addresses: `a`, `a-b`, or `everything else` than the other classes.
fn class(texts: &[Value], others: &AddressSet) -> AddressSet {
    let one = |text: &Value| {
        let text = text.as_str().unwrap();
        if text == "everything else" {
            return others.complement().only(Family::Ipv4);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let [first, last]: [IpAddr; 2] = [first.parse().unwrap(), last.parse().unwrap()];
        [AddressRange::new(first, last).unwrap()].into_iter().collect()
    };
    texts.iter().map(one).fold(AddressSet::none(), |all, set| all.union(&set))
}

fn possible(space: &mut Space, passages: &[Passage]) -> PacketSet {
    let all: Vec<PacketSet> = passages.iter().map(|p| p.packets).collect();
    let all = space.any(all);
    space.possible(all)
}

/// Holds a service matrix against a ruleset: pairs of classes that are not listed are blocked, listed ones are not.
fn matrix(place: &str, fact: &Value, space: &mut Space, accepted: PacketSet) -> Vec<String> {
    let matrix = &fact["matrix"];
    let classes = matrix["classes"].as_object().unwrap();
    let lists: Vec<(&String, &Vec<Value>)> =
        classes.iter().map(|(n, c)| (n, c.as_array().unwrap())).collect();
    let named = lists.iter().map(|(_, texts)| class(texts, &AddressSet::all()));
    let named = named.fold(AddressSet::none(), |all, set| all.union(&set));
    let number = |key: &str| u128::from(matrix[key].as_u64().unwrap());
    let state = if matrix["ct"] == "new" { State::New } else { State::Established };
    let asked = [
        space.number(Field::Proto, proto::TCP.into()),
        space.number(Field::Fragment, 0),
        space.number(Field::Sport, number("sport")),
        space.number(Field::Dport, number("dport")),
        space.states(&[state]),
    ];
    let asked = space.all(asked);
    // whoever made the matrix took the loopback interface for its addresses
    let lo = space.interface(Field::In, &NamePattern::Exact("lo".to_owned()));
    let loopback = space.addresses(Field::Src, &"127.0.0.0/8".parse::<Prefix>().unwrap().into());
    let foreign = space.diff(lo, loopback);
    let asked = space.diff(asked, foreign);
    let listed: Vec<(&str, &str)> = matrix["may_pass"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect();
    let mut wrong = Vec::new();
    for (from, sources) in &lists {
        for (to, destinations) in &lists {
            let source = space.addresses(Field::Src, &class(sources, &named));
            let destination = space.addresses(Field::Dst, &class(destinations, &named));
            let pair = space.all([accepted, asked, source, destination]);
            let passes = pair != PacketSet::FALSE;
            if passes != listed.contains(&(from, to)) {
                wrong.push(format!("{place} {}: {from} to {to}: passes: {passes}", matrix["dport"]));
            }
        }
    }
    wrong
}

#[test]
fn rulesets_mean_what_was_proven_of_them() {
    let Some(corpus) = corpus() else {
        return needs::skip("rulesets_mean_what_was_proven_of_them", NEEDS);
    };
    let facts = fs::read_to_string(corpus.join("EXPECTED.jsonl")).unwrap();
    let facts = facts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (mut held, mut wrong) = (0, Vec::new());
    for fact in facts {
        let Some(place) = fact["file"].as_str().filter(|place| place.starts_with("iptables/")) else {
            continue;
        };
        let mut model = read("iptables-save.txt", &fs::read(corpus.join(place)).unwrap());
        // the facts are about the rules, whatever the host would do before them
        model.host.route_localnet.all = Some(1);
        let mut space = space_for(&[moment(&model)]).unwrap();
        let meaning = Meaning::of(&mut space, model.firewall.as_ref().unwrap(), &model.host).unwrap();
        let passages = match fact["scope"].as_str() {
            Some("INPUT") => &meaning.input,
            Some("FORWARD") => &meaning.forward,
            other => panic!("{place}: scope {other:?}"),
        };
        let accepted = possible(&mut space, passages);
        if fact["matrix"].is_object() {
            wrong.extend(matrix(place, &fact, &mut space, accepted));
            held += 1;
        }
        for (interface, sources) in fact["no_spoofing"].as_object().into_iter().flatten() {
            let [Value::String(text)] = sources.as_array().unwrap().as_slice() else {
                panic!("{place}: {sources}")
            };
            let forged: IpAddr = text.strip_prefix("everything but ").unwrap().parse().unwrap();
            let forged = space.addresses(Field::Src, &AddressSet::from(Prefix::host(forged)));
            let by = space.interface(Field::In, &NamePattern::Exact(interface.clone()));
            if space.all([accepted, forged, by]) != PacketSet::FALSE {
                wrong.push(format!("{place}: {interface} lets in {text}"));
            }
            held += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held >= 7, "{held}");
}
