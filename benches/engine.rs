//! The packet engine on rulesets of 100, 1,000 and 10,000 rules: reading, and the difference of two states. Beside it
//! serde_json reading the same text as plain JSON, as the unit.
//!
//!   cargo bench --bench engine

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints figures, and says what went wrong by panicking"
)]

use std::collections::BTreeMap;
use std::fmt::Write;

use divan::Bencher;
use sekisho::drift::{FlowDrift, Moment};
use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::platform::{self, DeviceModel};

const RULES: [usize; 3] = [100, 1_000, 10_000];

fn main() {
    divan::main();
}

/// `nft -j list ruleset` of a forward chain with so many rules; `changed` makes every fiftieth another one.
fn listing(rules: usize, changed: bool) -> String {
    let mut text = String::from(
        r#"{"nftables":[{"metainfo":{"json_schema_version":1}},{"table":{"family":"ip","name":"f"}},
        {"chain":{"family":"ip","table":"f","name":"c","type":"filter","hook":"forward","prio":0,"policy":"drop"}}"#,
    );
    for n in 0..rules {
        let port = if changed && n % 50 == 0 { 3389 } else { 1000 + n % 5000 };
        let payload = |field: &str, right: String| {
            format!(
                r#"{{"match":{{"op":"==","left":{{"payload":{{"protocol":"{field}}}}},"right":{right}}}}}"#
            )
        };
        let source =
            payload(r#"ip","field":"saddr"#, format!(r#""10.{}.{}.{}""#, n / 65536, n / 256 % 256, n % 256));
        let target = payload(r#"ip","field":"daddr"#, format!(r#""203.0.113.{}""#, n % 254 + 1));
        let port = payload(r#"tcp","field":"dport"#, port.to_string());
        let _ = write!(
            text,
            r#",{{"rule":{{"family":"ip","table":"f","chain":"c","expr":[{source},{target},{port},{{"accept":null}}]}}}}"#
        );
    }
    text.push_str("]}");
    text
}

fn evidence(text: &str) -> DeviceEvidence {
    let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
    let mut device = DeviceEvidence::new("fw", vec!["nftables".to_owned()], Source::Bare);
    device.artifacts = BTreeMap::from([("nft.json".to_owned(), artifact)]);
    device
}

fn moment(model: &DeviceModel) -> Moment<'_> {
    Moment { firewall: model.firewall.as_ref().unwrap(), host: &model.host }
}

#[divan::bench(args = RULES)]
fn json_alone(bencher: Bencher<'_, '_>, rules: usize) {
    let text = listing(rules, false);
    bencher.bench(|| serde_json::from_str::<serde_json::Value>(&text).unwrap());
}

#[divan::bench(args = RULES)]
fn read(bencher: Bencher<'_, '_>, rules: usize) {
    let device = evidence(&listing(rules, false));
    bencher.bench(|| platform::read(&device));
}

#[divan::bench(args = RULES, max_time = 20)]
fn difference(bencher: Bencher<'_, '_>, rules: usize) {
    let [before, after] = [false, true].map(|changed| platform::read(&evidence(&listing(rules, changed))));
    bencher.bench(|| {
        let drift = FlowDrift::between(moment(&before), moment(&after)).unwrap();
        assert!(!drift.opened.is_empty());
        drift.opened.len()
    });
}
