//! A device whose configuration is captured and not read yet: any packet may pass, and may not.

use super::netfilter::digest;
use super::{DeviceModel, Gap, Normaliser};
use crate::evidence::DeviceEvidence;
use crate::finding::Location;
use crate::firewall::{Action, Base, Chain, ChainKind, Firewall, Hook, Rule, Step, Table};
use crate::packet::{Atom, Family};
use crate::reason::Reason;

/// Takes an artifact as one single thing that is not understood. As long as it says the same, noise aside, it is the same
/// unknown thing: a device that did not change differs in nothing.
pub(super) fn read(platform: &str, artifact: &str, evidence: &DeviceEvidence, model: &mut DeviceModel) {
    let text = evidence.text(artifact);
    let (reason, what) = match &text {
        Some(text) => {
            let platforms = [platform.to_owned()];
            let text = Normaliser::of(&platforms).text(artifact, text);
            let what = format!("{artifact}: {} lines {}", text.lines().count(), digest(&text));
            (Reason::Unread { text: what.clone() }, what)
        }
        None => (Reason::ArtifactMissing { artifact: artifact.to_owned() }, artifact.to_owned()),
    };
    let location = Location::within(artifact, what);
    model.firewall = Some(everything(platform, &reason, &location));
    model.gaps.push(Gap { reason, location: text.is_some().then_some(location) });
}

fn everything(platform: &str, reason: &Reason, location: &Location) -> Firewall {
    let chain = |hook: Hook, name: &str| {
        let atom = Atom { reason: reason.clone(), occurrence: Some((name.to_owned(), 0)) };
        let base = Base {
            hook,
            priority: 0,
            kind: ChainKind::Filter,
            accept: true,
            devices: Vec::new(),
            location: location.clone(),
        };
        let rule = Rule { steps: vec![Step::act(Action::Unknown(atom))], location: location.clone() };
        Chain { name: name.to_owned(), base: Some(base), rules: vec![rule] }
    };
    let chains = [(Hook::Input, "input"), (Hook::Forward, "forward"), (Hook::Output, "output")];
    let chains = chains.into_iter().map(|(hook, name)| chain(hook, name)).collect();
    Firewall {
        tables: vec![Table { name: platform.to_owned(), families: vec![Family::Ipv4, Family::Ipv6], chains }],
    }
}
