//! A ruleset means the same whether it is read as `nft -j list ruleset`, as `nft list ruleset`, without counters, or as
//! the file that was loaded. The real nft loads it into a network namespace and lists it.

use std::fs;
use std::path::Path;
use std::process::Command;

use sekisho::drift::flows::interfaces;
use sekisho::drift::{FlowDrift, Moment};
use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::firewall::Change;
use sekisho::firewall::meaning::{Meaning, Passage};
use sekisho::packet::{Limits, PacketSet, Space};
use sekisho::platform::{self, DeviceModel};

use super::rulesets::RULESETS;
use crate::common::needs;

/// Forms: name, artifact that it is read as, how it is made of `in.nft`.
const FORMS: [(&str, &str, &str); 4] = [
    ("json", "nft.json", "nft -j list ruleset"),
    ("text", "nft.txt", "nft list ruleset"),
    ("stateless", "nft.txt", "nft -s list ruleset"),
    ("written", "nft.txt", "cat in.nft"),
];

/// Loads a ruleset and reads all its forms; the error is nft's.
fn forms(folder: &Path, ruleset: &str) -> Result<Vec<DeviceModel>, String> {
    fs::write(folder.join("in.nft"), ruleset).unwrap();
    let lists: String = FORMS.iter().map(|(name, _, how)| format!("{how} > out.{name}; ")).collect();
    let shell = format!("ip link set lo up; nft -f in.nft; {lists}");
    let mut command = Command::new("timeout");
    command.args(["20", "unshare", "--net", "sh", "-ec", &shell]).current_dir(folder);
    let done = command.output().unwrap();
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    let read = |(name, artifact, _): &(&str, &str, &str)| {
        let bytes = fs::read(folder.join(format!("out.{name}"))).unwrap();
        let mut evidence = DeviceEvidence::new("device", vec!["nftables".to_owned()], Source::Bare);
        let mut hold = |artifact: &str, bytes: Vec<u8>| {
            let artifact = (artifact.to_owned(), Artifact { bytes: bytes.into(), proof: Proof::Given });
            evidence.artifacts.extend([artifact]);
        };
        hold(artifact, bytes);
        if *artifact == "nft.json" {
            // as capture takes them: nft 1.0.6 leaves the interfaces of ingress chains out of its JSON
            hold("nft.txt", fs::read(folder.join("out.stateless")).unwrap());
        }
        platform::read(&evidence)
    };
    Ok(FORMS.iter().map(read).collect())
}

fn moment(model: &DeviceModel) -> Moment<'_> {
    Moment { firewall: model.firewall.as_ref().unwrap(), host: &model.host }
}

/// What passes at a hook, by what has happened to it: certainly, and possibly.
type Passing = Vec<(Change, PacketSet, PacketSet)>;

fn passing(space: &mut Space, passages: &[Passage]) -> Passing {
    let mut out: Passing = Vec::new();
    for passage in passages {
        let (certain, possible) = (space.certain(passage.packets), space.possible(passage.packets));
        match out.iter_mut().find(|(change, _, _)| *change == passage.change) {
            Some((_, sure, maybe)) => {
                (*sure, *maybe) = (space.or(*sure, certain), space.or(*maybe, possible))
            }
            None => out.push((passage.change.clone(), certain, possible)),
        }
    }
    out.retain(|(_, _, possible)| *possible != PacketSet::FALSE);
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// What differs between two forms; empty when they mean the same.
fn differences(one: &DeviceModel, other: &DeviceModel) -> Vec<String> {
    let names = interfaces(&[moment(one), moment(other)]).unwrap();
    let mut space = Space::new(Limits::default(), names);
    let mut meaning = |model: &DeviceModel| {
        let m = moment(model);
        let meaning = Meaning::of(&mut space, m.firewall, m.host).unwrap();
        [&meaning.input, &meaning.forward, &meaning.output].map(|passages| passing(&mut space, passages))
    };
    let (one, other) = (meaning(one), meaning(other));
    let hooks = ["input", "forward", "output"].iter().zip(one.iter().zip(&other));
    hooks.filter(|(_, (one, other))| one != other).map(|(hook, _)| (*hook).to_owned()).collect()
}

/// The difference in words, for whoever has to mend it.
fn told(one: &DeviceModel, other: &DeviceModel) -> String {
    let drift = FlowDrift::between(moment(one), moment(other));
    let Ok(mut drift) = drift else { return "too complex".to_owned() };
    let (opened, closed) = (drift.opened.clone(), drift.closed.clone());
    let opened = drift.lines(&opened, moment(other));
    let closed = drift.lines(&closed, moment(one));
    format!("gaps {:?} and {:?}\nopened {opened:#?}\nclosed {closed:#?}", one.gaps, other.gaps)
}

#[test]
fn every_form_of_a_ruleset_means_the_same() {
    if !needs::met(
        "every_form_of_a_ruleset_means_the_same",
        &[needs::ROOT, "nft", "unshare", "ip", "timeout"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut loaded = 0;
    for (name, ruleset) in RULESETS {
        let models = match forms(folder.path(), ruleset) {
            Ok(models) => models,
            Err(problem) => {
                wrong.push(format!("{name}: nft does not load it: {problem}"));
                continue;
            }
        };
        loaded += 1;
        for ((form, _, _), model) in FORMS.iter().zip(&models).skip(1) {
            let differing = differences(&models[0], model);
            if !differing.is_empty() {
                let told = told(&models[0], model);
                wrong.push(format!("{name}: json and {form} differ at {}\n{told}", differing.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {loaded}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(loaded >= 30);
}

#[test]
fn rulesets_that_differ_in_one_word_do_not_mean_the_same() {
    if !needs::met("rulesets_that_differ_in_one_word", &[needs::ROOT, "nft", "unshare", "ip", "timeout"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ruleset = |port: u16| {
        format!(
            "table inet t {{ chain c {{ type filter hook input priority 0; policy drop; tcp dport {port} accept; }}; }}"
        )
    };
    let one = forms(folder.path(), &ruleset(22)).unwrap();
    let other = forms(folder.path(), &ruleset(23)).unwrap();
    for (a, b) in one.iter().zip(&other) {
        assert_eq!(differences(a, b), ["input"]);
    }
}
