//! What the gate makes of recorded tests, from the store.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sekisho::evidence::{Phase, Store};
use sekisho::probe::{End, Record};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::model::{MAIN, evidence, model, plan_of, record, site};

const MASTER: &str = "smtp inet n - n - - smtpd\n";

const SITE: &str = "[[device]]\nname = \"mx1\"\nplatforms = [\"postfix\"]\nprobe = [\"smtp 203.0.113.10:25\"]\n\
    [[device]]\nname = \"appliance\"\nplatforms = []\nprobe = [\"smtp 203.0.113.20:25\"]\n";

const CHANGE: &str = "[change]\nid = \"CHG-1\"\nstart = 1970-01-01T00:00:00Z\nend = 1970-01-01T02:00:00Z\n";

/// A folder with a site, a change and a store.
struct Case(tempfile::TempDir);

fn at(minute: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::minutes(minute)
}

impl Case {
    fn new(scope: &str) -> Self {
        let case = Self(tempfile::tempdir().unwrap());
        fs::write(case.path("site.toml"), SITE).unwrap();
        fs::write(case.path("change.toml"), format!("{CHANGE}{scope}")).unwrap();
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A snapshot of the relay; it takes a minute.
    fn capture(&self, phase: Phase, minute: i64, main: &str) {
        let store = Store::open(self.path(".sekisho"));
        let writer = store.begin("CHG-1", phase, at(minute)).unwrap();
        writer.add(&evidence(main, MASTER)).unwrap();
        writer.finish(at(minute + 1)).unwrap();
    }

    fn record(&self, minute: i64, record: Record) {
        let store = Store::open(self.path(".sekisho"));
        let record = Record { started: at(minute), ended: at(minute), ..record };
        let writer = store.begin("CHG-1", Phase::Probe, at(minute)).unwrap();
        writer.add(&record.evidence().unwrap()).unwrap();
        writer.finish(at(minute)).unwrap();
    }

    fn check(&self) -> (i32, Value, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        let done = command.current_dir(self.0.path()).args(["check", "--output", "json=-"]).output().unwrap();
        let result = serde_json::from_slice(&done.stdout).unwrap_or_default();
        (done.status.code().unwrap(), result, String::from_utf8(done.stderr).unwrap())
    }

    /// Devices of which a rule found something.
    fn found(&self, rule: &str) -> Vec<String> {
        let (_, result, said) = self.check();
        let findings = result["findings"].as_array().unwrap_or_else(|| panic!("{said}")).iter();
        findings.filter(|f| f["rule"] == rule).map(|f| f["device"].as_str().unwrap().to_owned()).collect()
    }
}

/// A test that passed, or in which a stranger was relayed.
fn test(device: &str, relayed: bool) -> Record {
    let site = site();
    let mut made = record(&plan_of(&site, &model(MASTER)), &End::ImplicitTls);
    made.device = device.to_owned();
    if relayed {
        for tried in &mut made.mail[0].attempts {
            tried.reply.as_mut().unwrap().code = 250;
        }
    }
    made
}

#[test]
fn a_test_counts_from_the_first_look_at_the_last_edit() {
    let case = Case::new("");
    let edited = format!("{MAIN}smtpd_helo_required = yes\n");
    case.capture(Phase::Before, 0, MAIN);
    case.record(5, test("mx1", false));
    case.capture(Phase::During, 10, MAIN);
    case.capture(Phase::During, 20, &edited);
    case.capture(Phase::After, 30, &edited);
    assert_eq!(case.found("relay-test-missing"), ["mx1"], "it was made before the edit");
    assert_eq!(case.check().1["tested"], Value::Null);
    case.record(20, test("mx1", false));
    assert_eq!(case.found("relay-test-missing"), ["mx1"], "the look was not over yet");
    case.record(21, test("mx1", false));
    assert!(case.found("relay-test-missing").is_empty());
    assert_eq!(case.check().1["tested"], "passed");
    case.record(22, test("mx1", true));
    assert_eq!((case.found("model-disagrees"), case.check().0), (vec!["mx1".to_owned()], 1));
    assert_eq!(case.check().1["tested"], "failed");
}

#[test]
fn an_appliance_that_nobody_can_read_is_judged_by_its_tests() {
    let case = Case::new("[scope]\ndevices = [\"appliance\", \"mx1\"]\n");
    case.capture(Phase::Before, 0, MAIN);
    case.capture(Phase::After, 10, MAIN);
    assert_eq!(case.found("relay-test-missing"), ["appliance"]);
    assert!(case.found("evidence-incomplete").contains(&"appliance".to_owned()), "it was not captured");
    case.record(12, test("appliance", false));
    assert!(case.found("relay-test-missing").is_empty());
    case.record(13, test("appliance", true));
    assert_eq!(case.found("relay-test-failed"), ["appliance"]);
    assert_eq!(case.check().0, 1);
    // where no scope names it, nobody misses what cannot be read
    let case = Case::new("");
    case.capture(Phase::Before, 0, MAIN);
    case.capture(Phase::After, 10, MAIN);
    assert!(!case.found("evidence-incomplete").contains(&"appliance".to_owned()));
    assert!(case.found("relay-test-missing").is_empty());
}

#[test]
fn a_record_that_was_tampered_with_proves_nothing() {
    let case = Case::new("");
    case.capture(Phase::Before, 0, MAIN);
    case.capture(Phase::After, 10, &format!("{MAIN}smtpd_helo_required = yes\n"));
    case.record(12, test("mx1", true));
    let name = "probe-19700101T001200Z/mx1/probe.json";
    let path = case.path(".sekisho/CHG-1").join(name);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"code\": 250", "\"code\": 554")).unwrap();
    let (code, _, said) = case.check();
    assert!(code == 4 && said.contains("probe.json"), "{code} {said}");
}
