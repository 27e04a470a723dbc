//! Every way in which a device can misbehave, each with what must come of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sekisho::capture::Limits;
use sekisho::evidence::{DeviceEvidence, Proof};
use sekisho::platform::Ask;
use sekisho::reason::{Break, Reason};
use sekisho::simulate::{Device, Fault, Fleet, Login, State};

use crate::common::{block_on, gather_one, impatient, limits, platform, target};

const FILE: &str = "files/etc/b";

fn asks() -> Vec<Ask> {
    vec![Ask::command("a.txt", "first"), Ask::file("/etc/b"), Ask::command("c.txt", "third")]
}

/// Captures a device of three artifacts that misbehaves, and says how long it took.
fn capture(fault: Option<Fault>, limits: Limits) -> (DeviceEvidence, Duration) {
    let artifacts = BTreeMap::from([
        ("a.txt".to_owned(), b"alpha\n\0\xff".to_vec()),
        (FILE.to_owned(), b"bravo\nbravo\n".to_vec()),
        ("c.txt".to_owned(), b"charlie".to_vec()),
    ]);
    let state = State { name: "now".to_owned(), artifacts, seed: "fw1".to_owned(), ..State::default() };
    block_on(async {
        let device = Device { name: "fw1".to_owned(), states: vec![state] };
        let fleet = Fleet::start(vec![device], Login::password("audit")).await.unwrap();
        let target = target(&fleet, "fw1", platform(asks()));
        fleet.misbehave("fw1", fault).unwrap();
        let start = Instant::now();
        let evidence = gather_one(target, limits).await;
        (evidence, start.elapsed())
    })
}

fn with(fault: Fault) -> DeviceEvidence {
    capture(Some(fault), limits()).0
}

/// Artifact names with their proofs.
fn proofs(evidence: &DeviceEvidence) -> Vec<(&str, Proof)> {
    evidence.artifacts.iter().map(|(name, a)| (name.as_str(), a.proof.clone())).collect()
}

fn complete(names: &[&'static str]) -> Vec<(&'static str, Proof)> {
    names.iter().map(|n| (*n, Proof::Complete)).collect()
}

fn unproven(names: &[&'static str]) -> Vec<(&'static str, Proof)> {
    names.iter().map(|n| (*n, Proof::Unproven)).collect()
}

fn only_failure(evidence: &DeviceEvidence) -> &Reason {
    assert_eq!(evidence.failures.len(), 1, "{:?}", evidence.failures);
    &evidence.failures[0]
}

/// The code of the only failure of a device that gave nothing.
fn refusal(evidence: &DeviceEvidence) -> String {
    assert!(evidence.artifacts.is_empty());
    code(only_failure(evidence))
}

fn code(reason: &Reason) -> String {
    serde_json::to_value(reason).unwrap()["code"].as_str().unwrap().to_owned()
}

fn codes(evidence: &DeviceEvidence) -> Vec<String> {
    evidence.failures.iter().map(code).collect()
}

#[test]
fn a_well_behaved_device_is_complete_and_byte_exact() {
    let (evidence, _) = capture(None, limits());
    assert!(evidence.failures.is_empty(), "{:?}", evidence.failures);
    assert_eq!(proofs(&evidence), complete(&["a.txt", "c.txt", FILE]));
    assert_eq!(*evidence.artifacts["a.txt"].bytes, *b"alpha\n\0\xff");
    assert_eq!(*evidence.artifacts[FILE].bytes, *b"bravo\nbravo\n");
    assert_eq!(*evidence.artifacts["c.txt"].bytes, *b"charlie");
    assert_eq!(evidence.origins["a.txt"].command, "first");
    assert_eq!(evidence.origins[FILE].command, "cat /etc/b");
    let identity = &evidence.identity;
    assert!(identity.banner.as_ref().unwrap().starts_with("SSH-2.0-sekisho-simulate_"));
    assert_eq!(identity.host_key.as_ref().unwrap().kind, "ssh-ed25519");
    assert!(identity.host_key.as_ref().unwrap().fingerprint.starts_with("SHA256:"));
    assert_eq!(identity.algorithms.as_ref().unwrap().host_key, "ssh-ed25519");
}

#[test]
fn a_mute_peer_costs_the_handshake_limit_and_no_more() {
    let quick = Limits { handshake: Duration::from_secs(1), ..limits() };
    let (evidence, took) = capture(Some(Fault::Mute), quick);
    let address = evidence.identity.address.clone().unwrap();
    assert_eq!(
        only_failure(&evidence),
        &Reason::TimedOut { address, phase: "handshake".to_owned(), seconds: 1 }
    );
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_changed_host_key_gets_no_credentials_and_names_both_keys() {
    let evidence = with(Fault::OtherKey("someone else".to_owned()));
    assert!(evidence.artifacts.is_empty());
    let Reason::HostKeyChanged { presented, expected, .. } = only_failure(&evidence) else {
        panic!("{:?}", evidence.failures)
    };
    assert!(presented.starts_with("ssh-ed25519 SHA256:") && expected.len() == 1 && expected[0] != *presented);
    assert_eq!(evidence.identity.host_key.as_ref().unwrap().to_string(), *presented);
    assert!(evidence.identity.banner.is_some());
    // Algorithms are recorded once the key is accepted: their absence shows that nothing went on after the
    // check.
    assert!(evidence.identity.algorithms.is_none());
}

#[test]
fn a_refused_login_is_not_tried_again() {
    let evidence = with(Fault::RefuseLogin);
    assert_eq!(
        only_failure(&evidence),
        &Reason::LoginRefused {
            address: evidence.identity.address.clone().unwrap(),
            user: "audit".to_owned(),
            tried: vec!["password".to_owned()]
        }
    );
}

#[test]
fn a_password_prompt_is_answered_once() {
    let evidence = with(Fault::Interactive);
    assert_eq!(proofs(&evidence), complete(&["a.txt", "c.txt", FILE]));
}

#[test]
fn a_server_without_commands_is_told_apart() {
    assert_eq!(refusal(&with(Fault::RefuseExec)), "exec-refused");
}

#[test]
fn a_shell_that_never_answers() {
    assert_eq!(refusal(&capture(Some(Fault::MuteShell), impatient()).0), "no-shell");
}

#[test]
fn noise_of_start_up_files_is_not_evidence() {
    for noise in ["Welcome\n", "\x1b[2J\x07", "\nsekisho-0000 B 0 -\n", "no newline"] {
        let evidence = with(Fault::Noise(noise.as_bytes().to_vec()));
        assert!(evidence.failures.is_empty(), "{noise:?}: {:?}", evidence.failures);
        assert_eq!(*evidence.artifacts["a.txt"].bytes, *b"alpha\n\0\xff");
    }
    assert_eq!(refusal(&with(Fault::Noise(vec![b'x'; 2 << 20]))), "no-shell");
}

#[test]
fn noise_between_answers_makes_them_worthless() {
    let evidence = with(Fault::Between(b"job finished\n".to_vec()));
    assert!(evidence.artifacts.is_empty(), "{:?}", proofs(&evidence));
    assert_eq!(evidence.failures.len(), 3);
}

#[test]
fn a_hanging_command_is_lost_alone() {
    let (evidence, took) = capture(Some(Fault::Hang(FILE.to_owned())), impatient());
    assert_eq!(proofs(&evidence), complete(&["a.txt", "c.txt"]));
    assert_eq!(
        only_failure(&evidence),
        &Reason::CommandHung { command: "cat /etc/b".to_owned(), seconds: 1 }
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_connection_lost_in_the_middle_proves_nothing() {
    let evidence = with(Fault::Cut(FILE.to_owned()));
    assert_eq!(proofs(&evidence), unproven(&["a.txt"]));
    assert_eq!(codes(&evidence), ["connection-lost", "answer-broken", "answer-broken", "not-asked"]);
}

#[test]
fn a_channel_that_ends_early_loses_one_answer_and_the_rest_is_asked_again() {
    let evidence = with(Fault::Truncate(FILE.to_owned()));
    assert_eq!(proofs(&evidence), complete(&["a.txt", "c.txt"]));
    let broken = Reason::AnswerBroken { artifact: FILE.to_owned(), by: Break::CutOff };
    assert_eq!(only_failure(&evidence), &broken);
}

#[test]
fn a_flood_is_cut_at_the_artifacts_limit() {
    let small = Limits { artifact: 100_000, ..limits() };
    let (evidence, _) = capture(Some(Fault::Flood(FILE.to_owned())), small);
    assert_eq!(proofs(&evidence), complete(&["a.txt", "c.txt"]), "{:?}", evidence.failures);
    let expected = Reason::ArtifactTooLarge { artifact: FILE.to_owned(), limit: 100_000 };
    assert_eq!(only_failure(&evidence), &expected);
}

#[test]
fn a_flood_is_cut_at_the_devices_limit() {
    let small = Limits { device: 200_000, ..limits() };
    let (evidence, _) = capture(Some(Fault::Flood(FILE.to_owned())), small);
    assert_eq!(proofs(&evidence), unproven(&["a.txt"]));
    assert_eq!(codes(&evidence), ["flooded", "answer-broken", "answer-broken", "not-asked"]);
}

#[test]
fn forged_frames_are_found_out() {
    for artifact in ["a.txt", "c.txt"] {
        let evidence = with(Fault::Forge(artifact.to_owned()));
        for (name, kept) in &evidence.artifacts {
            assert!(!kept.bytes.windows(6).any(|w| w == b"forged"), "{artifact}: {name}");
            let forged = name == artifact && kept.proof == Proof::Complete;
            assert!(!forged, "{artifact}: {name}");
        }
        assert!(!evidence.failures.is_empty());
    }
}

#[test]
fn a_file_that_is_not_as_long_as_announced_is_unproven() {
    let evidence = with(Fault::LieAboutSize);
    assert_eq!(evidence.artifacts[FILE].proof, Proof::Unproven);
    assert_eq!(evidence.artifacts["a.txt"].proof, Proof::Complete);
    let by = Break::Size { announced: 13, received: 12 };
    assert_eq!(only_failure(&evidence), &Reason::AnswerBroken { artifact: FILE.to_owned(), by });
}

#[test]
fn a_failing_command_is_a_failure_with_its_words() {
    let evidence = with(Fault::Fail("a.txt".to_owned(), 1));
    assert_eq!(proofs(&evidence), complete(&["c.txt", FILE]));
    let status = "1: it does not work".to_owned();
    assert_eq!(only_failure(&evidence), &Reason::CommandFailed { command: "first".to_owned(), status });
}

#[test]
fn a_slow_drip_is_read_whole_until_the_total_limit() {
    let (evidence, _) = capture(Some(Fault::Drip(7, Duration::from_millis(5))), limits());
    assert_eq!(proofs(&evidence), complete(&["a.txt", "c.txt", FILE]));
    let short = Limits { total: Duration::from_secs(2), ..limits() };
    let (evidence, took) = capture(Some(Fault::Drip(1, Duration::from_millis(100))), short);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(evidence.artifacts.values().all(|a| a.proof != Proof::Complete));
    assert!(!evidence.failures.is_empty());
}

#[test]
fn a_channel_without_a_proper_end_proves_nothing() {
    for (fault, by) in [
        (Fault::NoStatus, Break::NoExitStatus),
        (Fault::NoEof, Break::NoEndOfFile),
        (Fault::Status(1), Break::Status { status: 1 }),
        (Fault::Signal, Break::Signal { name: "KILL".to_owned() }),
    ] {
        let evidence = with(fault.clone());
        assert_eq!(proofs(&evidence), unproven(&["a.txt", "c.txt", FILE]), "{fault:?}");
        let broken = |artifact: &str| Reason::AnswerBroken { artifact: artifact.to_owned(), by: by.clone() };
        assert_eq!(evidence.failures, ["a.txt", FILE, "c.txt"].map(broken), "{fault:?}");
    }
}
