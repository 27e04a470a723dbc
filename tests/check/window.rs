//! A window with looks in between: what was open, and what was only missing or refused.

use std::collections::BTreeMap;

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source as Kind, State};
use sekisho::finding::Severity;
use sekisho::rules::{Case, Judged, Verdict, judge, load};
use sekisho::site::{Change, Known, Site, Source};
use time::{Duration, OffsetDateTime};

/// One device with this rule in its input chain, looked at in this minute.
fn state(minute: i64, rule: &str) -> State {
    let text = format!(
        "table inet filter {{\n chain input {{\n  type filter hook input priority 0; policy drop;\n  {rule}\n }}\n}}\n"
    );
    let mut device = DeviceEvidence::new("fw", vec!["nftables".to_owned()], Kind::Bare);
    let artifact = Artifact { bytes: text.into_bytes().into(), proof: Proof::Given };
    device.artifacts.insert("nft.txt".to_owned(), artifact);
    let started = OffsetDateTime::UNIX_EPOCH + Duration::minutes(minute);
    State {
        taken: Some((started, started + Duration::seconds(1))),
        devices: BTreeMap::from([("fw".to_owned(), device)]),
        ..State::default()
    }
}

fn judged(rules: [&str; 3], change: &str) -> Judged {
    let known = Known { platforms: &["nftables"], packs: &["default"], home: None };
    let site = "[site]\nname = \"t\"\nrequire = [\"tcp any -> any:25\"]\n[[device]]\nname = \"fw\"\nplatforms = [\"nftables\"]\n";
    let site = Site::parse(&Source::new("site.toml", site), &known).unwrap();
    let change =
        format!("[change]\nid = \"C-1\"\nstart = 1970-01-01T00:00:00Z\nend = 1970-01-01T01:00:00Z\n{change}");
    let change = Change::parse(&Source::new("change.toml", change.as_str()), Some(&site)).unwrap();
    let rules_of_pack = load(&[], |_| unreachable!()).unwrap();
    let [before, during, after] = rules;
    judge(&Case {
        before: Some(&state(0, before)),
        samples: &[state(1, during)],
        after: &state(2, after),
        site: &site,
        change: Some(&change),
        tests: &[],
        rules: &rules_of_pack,
        fail_on: Severity::High,
    })
}

#[test]
fn only_what_let_something_through_was_open() {
    let mail = "tcp dport 25 accept";
    let both = "tcp dport { 22, 25 } accept";
    let passed = |judged: &Judged| judged.findings.iter().any(|f| f.rule == "transient-opening");
    let opened = judged([mail, both, mail], "");
    assert!(opened.verdict == Verdict::Deny && passed(&opened));
    // a required flow that was cut for a minute was not open
    let cut = judged([mail, "", mail], "");
    assert!(cut.verdict == Verdict::Allow && !passed(&cut), "{:?}", cut.findings);
    // a planned opening that comes late was not open before
    let plan = "[[expect.open]]\ndevice = \"fw\"\nflows = [\"tcp any -> any:22\"]\n";
    let late = judged([mail, mail, both], plan);
    assert!(late.verdict == Verdict::Allow && !passed(&late), "{:?}", late.findings);
}
