//! Configurations of mail servers other than Postfix with what each must answer: `fixtures/<platform>/<case>`.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::finding::Confidence;
use sekisho::platform;
use sekisho::relay::{
    Attempt, ClientName, Everybody, Facts, Kind, Policy, Side, Trust, Verdict, answer, exposures,
};
use serde_json::Value;

const PLATFORMS: [&str; 3] = ["exim", "opensmtpd", "sendmail"];

#[test]
fn every_fixture_is_answered_as_expected() {
    let mut wrong = Vec::new();
    for platform in PLATFORMS {
        let cases = cases(platform);
        assert!(cases.len() >= 4, "{platform}");
        for case in cases {
            wrong.extend(judge(platform, &case));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The folders of a platform.
pub fn cases(platform: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(platform);
    let mut cases: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// What is tried at a case, and what the server says.
pub fn expected(case: &Path) -> Vec<(Attempt, Verdict)> {
    let expected = read(case);
    let attempts = expected["attempts"].as_array().unwrap().iter();
    attempts.map(|asked| (attempt(asked), verdict(asked))).collect()
}

/// The files of the host, by path, but for its accounts.
pub fn files(case: &Path) -> BTreeMap<String, String> {
    let device = evidence("", &case.join("device"));
    let files = device.artifacts.iter().filter_map(|(name, artifact)| {
        let path = name.strip_prefix("files").filter(|path| *path != "/etc/passwd")?;
        Some((path.to_owned(), String::from_utf8(artifact.bytes.to_vec()).unwrap()))
    });
    files.collect()
}

fn read(case: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(case.join("expected.json")).unwrap()).unwrap()
}

fn verdict(asked: &Value) -> Verdict {
    let all = [Verdict::Permit, Verdict::Defer, Verdict::Reject, Verdict::Unavailable, Verdict::Undecided];
    let is = |verdict: &Verdict| serde_json::to_value(verdict).unwrap() == asked["verdict"];
    all.into_iter().find(is).expect("a verdict")
}

fn attempt(asked: &Value) -> Attempt {
    let text = |key: &str| asked[key].as_str().unwrap().to_owned();
    Attempt {
        client: text("client").parse().unwrap(),
        name: ClientName::Missing,
        server: IpAddr::from([192, 0, 2, 30]),
        port: 25,
        helo: Some("probe.example".into()),
        tls: false,
        certificate: None,
        login: None,
        mail_from: text("mail_from"),
        rcpt_to: text("rcpt_to"),
        claim: None,
    }
}

fn judge(platform: &str, case: &Path) -> Vec<String> {
    let name = format!("{platform}/{}", case.file_name().unwrap().to_string_lossy());
    let policy = platform::read(&evidence(platform, &case.join("device"))).relay.unwrap();
    let mut wrong = Vec::new();
    let (open, wanted) = (openness(&policy), &read(case)["open"]);
    if *wanted != open {
        wrong.push(format!("{name}: expected {wanted}, found {open}"));
    }
    let existing = ["far.example", "away.example", "carrier.example"].map(str::to_owned).into();
    let facts = Facts { existing, ..Facts::default() };
    for (attempt, verdict) in expected(case) {
        let found = answer(&policy, &attempt, &facts).verdict;
        if found != verdict {
            wrong.push(format!("{name}: {attempt:?}: expected {verdict:?}, found {found:?}"));
        }
    }
    wrong
}

/// Whether strangers can relay anywhere: `certain`, `possible`, `no`.
fn openness(policy: &Policy) -> &'static str {
    let everybody = Everybody::new(policy);
    let found = exposures(Side { policy, reaching: &everybody });
    let open: Vec<_> = found.iter().filter(|c| c.kind == Kind::Open && c.trust == Trust::Untrusted).collect();
    if open.iter().any(|c| c.certainty == Confidence::Certain) {
        "certain"
    } else if open.is_empty() {
        "no"
    } else {
        "possible"
    }
}

fn evidence(platform: &str, root: &Path) -> DeviceEvidence {
    let mut device = DeviceEvidence::new("device", vec![platform.to_owned()], Source::Bare);
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let artifact = Artifact { bytes: fs::read(&path).unwrap().into(), proof: Proof::Given };
            device.artifacts.insert(name, artifact);
        }
    }
    device
}
