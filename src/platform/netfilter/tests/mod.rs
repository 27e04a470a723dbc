//! What opens between two states of a host, as its artifacts tell it.

mod forms;
mod limits;
mod text;
mod writers;

use crate::drift::{FlowDrift, Moment};
use crate::evidence::{Artifact, DeviceEvidence, Proof, Source};
use crate::packet::PacketSet;
use crate::platform::{self, DeviceModel};

/// How sure it is that something opened.
#[derive(Debug, PartialEq, Eq)]
enum Opened {
    /// Nothing did.
    No,
    /// The evidence does not exclude it.
    Maybe,
    /// Something did.
    Yes,
}

/// Artifacts and their contents.
type Files<'a> = &'a [(&'a str, &'a str)];

fn read(files: Files<'_>) -> DeviceModel {
    let mut evidence = DeviceEvidence::new("fw", Vec::new(), Source::Bare);
    for (name, text) in files {
        let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
        evidence.artifacts.insert((*name).to_owned(), artifact);
    }
    evidence.platforms = platform::detect(&evidence);
    platform::read(&evidence)
}

fn moment(model: &DeviceModel) -> Moment<'_> {
    Moment { firewall: model.firewall.as_ref().unwrap(), host: &model.host }
}

fn opened(before: Files<'_>, after: Files<'_>) -> Opened {
    let (before, after) = (read(before), read(after));
    let drift = FlowDrift::between(moment(&before), moment(&after)).unwrap();
    let redirected = &drift.redirected;
    if drift.opened.iter().chain(redirected).any(|group| group.certain != PacketSet::FALSE) {
        return Opened::Yes;
    }
    if drift.opened.is_empty() && redirected.is_empty() { Opened::No } else { Opened::Maybe }
}

/// What opens between two listings of nft.
fn by_nft(before: &str, after: &str) -> Opened {
    opened(&[("nft.txt", before)], &[("nft.txt", after)])
}

/// `iptables-save` with these rules in its filter table, and others in its mangle and raw tables.
fn save(filter: &[&str], mangle: &[&str]) -> String {
    let rules = |rules: &[&str]| rules.iter().map(|rule| format!("-A {rule}\n")).collect::<String>();
    format!(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n{}COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n\
         :OUTPUT ACCEPT [0:0]\n{}COMMIT\n",
        rules(mangle),
        rules(filter)
    )
}

const NO_IPV6: &str = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

/// What opens between two texts of iptables-save, with these sets.
fn by_iptables(before: (&str, &str), after: (&str, &str)) -> Opened {
    let files = |state: (&'static str, &'static str)| {
        [("iptables-save.txt", state.0), ("ip6tables-save.txt", NO_IPV6), ("ipset-save.txt", state.1)]
    };
    let lasting = |state: (&str, &str)| -> (&'static str, &'static str) {
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        (leak(state.0), leak(state.1))
    };
    opened(&files(lasting(before)), &files(lasting(after)))
}

/// The rule that is there before and after, and the one that comes.
fn with(old: &str, new: &str) -> Opened {
    by_iptables((&save(&[old], &[]), ""), (&save(&[new, old], &[]), ""))
}
