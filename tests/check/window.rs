//! A window with looks in between: what was open, and what was only missing or refused.

use std::collections::BTreeMap;

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source as Kind, State};
use sekisho::finding::{Confidence, Severity};
use sekisho::reason::Reason;
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
    let [before, during, after] = rules;
    judged_states(&state(0, before), &[state(1, during)], &state(2, after), change)
}

fn judged_states(before: &State, samples: &[State], after: &State, change: &str) -> Judged {
    let known = Known { platforms: &["nftables"], packs: &["default"], home: None };
    let site = "[site]\nname = \"t\"\nrequire = [\"tcp any -> any:25\"]\n[[device]]\nname = \"fw\"\nplatforms = [\"nftables\"]\n";
    let site = Site::parse(&Source::new("site.toml", site), &known).unwrap();
    let change =
        format!("[change]\nid = \"C-1\"\nstart = 1970-01-01T00:00:00Z\nend = 1970-01-01T01:00:00Z\n{change}");
    let change = Change::parse(&Source::new("change.toml", change.as_str()), Some(&site)).unwrap();
    let rules_of_pack = load(&[], |_| unreachable!()).unwrap();
    judge(&Case {
        before: Some(before),
        samples,
        after,
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

const MAIL: &str = "tcp dport 25 accept";
const BOTH: &str = "tcp dport { 22, 25 } accept";

/// The same look, of which a part did not come.
fn cut(mut state: State) -> State {
    let hung = Reason::CommandHung { command: "ss -H -lntup".to_owned(), seconds: 30 };
    state.devices.values_mut().for_each(|device| device.failures.push(hung.clone()));
    state
}

/// The same look, of which nothing came.
fn lost(mut state: State) -> State {
    let gone = Reason::Unreachable { address: "192.0.2.1:22".to_owned(), problem: "no route".to_owned() };
    for device in state.devices.values_mut() {
        device.artifacts.clear();
        device.failures.push(gone.clone());
    }
    state
}

fn sure(judged: &Judged) -> Vec<Confidence> {
    let critical = judged.findings.iter().filter(|f| f.severity == Severity::Critical);
    let passed = critical.filter(|f| f.rule == "transient-opening");
    passed.map(|f| f.confidence).collect()
}

#[test]
fn what_a_look_saw_counts_though_it_did_not_see_all() {
    let plain = |minute| state(minute, MAIL);
    let seen = judged_states(&plain(0), &[cut(state(1, BOTH))], &plain(2), "");
    assert_eq!(
        (seen.verdict, sure(&seen)),
        (Verdict::Deny, vec![Confidence::Certain]),
        "{:?}",
        seen.findings
    );
    // the state before is the one that lacks something
    let seen = judged_states(&cut(plain(0)), &[state(1, BOTH)], &plain(2), "");
    assert_eq!((seen.verdict, sure(&seen)), (Verdict::Deny, vec![Confidence::Certain]));
    let watched = seen.watched.unwrap();
    assert_eq!((watched.incomplete, watched.unwatched.len()), (0, 0));
    // looks that did not see all close nothing: one opening, from the last look that saw it closed to the next one
    let looks = [cut(state(1, BOTH)), cut(plain(2)), cut(state(3, BOTH)), plain(4)];
    let seen = judged_states(&plain(0), &looks, &plain(5), "");
    assert_eq!((seen.verdict, sure(&seen)), (Verdict::Deny, vec![Confidence::Certain]));
    let watched = seen.watched.unwrap();
    assert_eq!((watched.samples, watched.incomplete, watched.unwatched.len()), (4, 3, 0));
    assert_eq!(watched.longest_gap, 239, "from the look before to the first one that saw all");
    // the last look sees nothing: what was open is not forgotten
    let seen = judged_states(&plain(0), &[state(1, BOTH)], &lost(plain(2)), "");
    assert_eq!(sure(&seen), [Confidence::Certain]);
    assert_eq!(seen.verdict, Verdict::Deny);
    // what stands at the end is told as that, and no second time
    let stands = judged_states(&plain(0), &[state(1, BOTH)], &state(2, BOTH), "");
    assert_eq!((stands.verdict, sure(&stands).len()), (Verdict::Deny, 0));
    // nor is what was open forgotten when the state after does not hold the device at all
    let after = State { devices: BTreeMap::new(), ..plain(2) };
    assert_eq!(judged_states(&plain(0), &[state(1, BOTH)], &after, "").verdict, Verdict::Deny);
}

#[test]
fn a_device_that_no_look_saw_was_not_watched() {
    let plain = |minute| state(minute, MAIL);
    for unseen in [cut, lost] {
        let blind = judged_states(&plain(0), &[unseen(plain(1)), unseen(plain(2))], &plain(3), "");
        assert_eq!(blind.verdict, Verdict::Undecided);
        let why = blind.findings.iter().flat_map(|f| &f.reasons).collect::<Vec<_>>();
        assert_eq!(why, [&Reason::NeverSeen { looks: 2 }], "and nothing is guessed: {:?}", blind.findings);
        let watched = blind.watched.unwrap();
        assert_eq!((watched.incomplete, watched.unwatched), (2, vec!["fw".to_owned()]));
        // a look that failed between others is a gap
        let looks = [plain(1), unseen(plain(5)), plain(9)];
        let gap = judged_states(&plain(0), &looks, &plain(10), "");
        assert_eq!(gap.verdict, Verdict::Allow, "{:?}", gap.findings);
        assert!(gap.findings.iter().any(|f| f.rule == "unwatched-gap"), "{:?}", gap.findings);
        assert_eq!(gap.watched.unwrap().longest_gap, 8 * 60 - 1);
    }
    // nobody meant to look at it: that is said, and is what it is without a watch
    let other = State { devices: BTreeMap::new(), ..plain(1) };
    let unmeant = judged_states(&plain(0), &[other], &plain(2), "");
    assert_eq!(unmeant.verdict, Verdict::Allow);
    assert_eq!(unmeant.watched.unwrap().unwatched, ["fw"]);
}

#[test]
fn where_only_one_state_knows_the_addresses_nothing_about_packets_is_certain() {
    let addresses =
        r#"[{"ifname": "eth0", "addr_info": [{"family": "inet", "local": "203.0.113.1", "prefixlen": 24}]}]"#;
    let known = |mut state: State| {
        let device = state.devices.get_mut("fw").unwrap();
        let artifact = Artifact { bytes: addresses.as_bytes().into(), proof: Proof::Given };
        device.artifacts.insert("ip-addr.json".to_owned(), artifact);
        state
    };
    let both = judged_states(&known(state(0, MAIL)), &[], &known(state(1, BOTH)), "");
    assert_eq!(both.verdict, Verdict::Deny);
    let one = judged_states(&known(state(0, MAIL)), &[], &state(1, BOTH), "");
    assert_eq!(one.verdict, Verdict::Undecided, "{:?}", one.findings);
}
