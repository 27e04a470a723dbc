//! Many devices, rounds of questions, states that change, hosts on the way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sekisho::capture::known_hosts::KnownHosts;
use sekisho::capture::{Auth, Event, Limits, SecretSource, collect};
use sekisho::evidence::Proof;
use sekisho::platform::Ask;
use sekisho::reason::Reason;
use sekisho::simulate::{Device, Fault, Fleet, Login, State};

use crate::common::{Questions, block_on, gather, gather_one, limits, options, platform, target};

fn state(name: &str, seed: &str, artifacts: &[(&str, &str)]) -> State {
    let artifacts = artifacts.iter().map(|(n, b)| ((*n).to_owned(), b.as_bytes().to_vec())).collect();
    State { name: name.to_owned(), artifacts, seed: seed.to_owned(), ..State::default() }
}

fn device(name: &str, artifacts: &[(&str, &str)]) -> Device {
    Device { name: name.to_owned(), states: vec![state("now", name, artifacts)] }
}

async fn start(devices: Vec<Device>) -> Fleet {
    Fleet::start(devices, Login::password("audit")).await.unwrap()
}

#[test]
fn one_failing_device_never_loses_the_others() {
    block_on(async {
        let devices = (0..12).map(|n| device(&format!("fw{n:02}"), &[("a", "text")])).collect();
        let fleet = start(devices).await;
        let asks = platform(vec![Ask::command("a", "a"), Ask::command("b", "b")]);
        let targets: Vec<_> = fleet.names().map(|name| target(&fleet, name, asks)).collect();
        fleet.misbehave("fw03", Some(Fault::Mute)).unwrap();
        fleet.misbehave("fw07", Some(Fault::Cut("a".to_owned()))).unwrap();
        let limits = Limits { handshake: Duration::from_secs(2), ..limits() };
        let (captured, evidence) = gather(targets, &options(limits)).await;
        assert_eq!(captured.len(), 12);
        assert_eq!(evidence.len(), 12);
        let failing: Vec<&str> =
            captured.iter().filter(|c| !c.failures.is_empty()).map(|c| c.name.as_str()).collect();
        assert_eq!(failing, ["fw03", "fw07"]);
        assert_eq!(evidence[0].artifacts["b"].proof, Proof::Absent);
        assert!(evidence[0].is_absent("b") && evidence[0].get("b").is_none());
    });
}

#[test]
fn no_more_devices_at_once_than_allowed() {
    block_on(async {
        let devices: Vec<_> = (0..10).map(|n| device(&format!("d{n}"), &[("a", "x")])).collect();
        let fleet = start(devices).await;
        let asks = platform(vec![Ask::command("a", "a")]);
        let targets: Vec<_> = fleet.names().map(|name| target(&fleet, name, asks)).collect();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let highest = Arc::clone(&most);
        let progress = move |event: Event<'_>| {
            match event {
                Event::Started(_) => {
                    highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst)
                }
                Event::Finished { .. } => now.fetch_sub(1, Ordering::SeqCst),
            };
        };
        let options = sekisho::capture::Options { concurrency: 3, ..options(limits()) };
        let done = collect(targets, &options, |_| Ok::<(), String>(()), progress).await.unwrap();
        assert_eq!(done.len(), 10);
        assert!((2..=3).contains(&most.load(Ordering::SeqCst)));
    });
}

#[test]
fn a_sink_that_fails_ends_the_run_with_its_error() {
    block_on(async {
        let fleet = start(vec![device("a", &[("a", "x")]), device("b", &[("a", "x")])]).await;
        let asks = platform(vec![Ask::command("a", "a")]);
        let targets: Vec<_> = fleet.names().map(|name| target(&fleet, name, asks)).collect();
        let result = collect(targets, &options(limits()), |_| Err("disk full"), |_| {}).await;
        assert_eq!(result.unwrap_err(), "disk full");
    });
}

#[test]
fn answers_raise_further_questions_until_nothing_new_comes() {
    block_on(async {
        let fleet = start(vec![device("mx", &[("main", "map"), ("files/etc/map", "x")])]).await;
        let questions = Questions {
            first: vec![Ask::command("main", "postconf")],
            then: Some((
                "main",
                vec![Ask::file("/etc/map"), Ask::command("main", "again"), Ask::file("/etc/none")],
            )),
        };
        let evidence = gather_one(target(&fleet, "mx", Box::leak(Box::new(questions))), limits()).await;
        assert!(evidence.failures.is_empty(), "{:?}", evidence.failures);
        assert_eq!(evidence.file("/etc/map").unwrap(), "x");
        assert!(evidence.is_absent("files/etc/none"));
        assert_eq!(evidence.origins["main"].command, "postconf");
    });
}

#[test]
fn endless_questions_are_cut_and_told() {
    block_on(async {
        let asks: Vec<_> = (0..50).map(|n| Ask::command(format!("a{n}"), "x")).collect();
        let fleet = start(vec![device("mx", &[("a1", "x")])]).await;
        let few = Limits { questions: 20, ..limits() };
        let evidence = gather_one(target(&fleet, "mx", platform(asks)), few).await;
        assert!(
            matches!(evidence.failures[..], [Reason::TooManyQuestions { .. }]),
            "{:?}",
            evidence.failures
        );
    });
}

#[test]
fn unproven_structure_and_secrets() {
    block_on(async {
        let artifacts = [("ended.txt", "cut off in the mid"), ("b", "the password hunter2 is here\n")];
        let fleet = start(vec![device("fw", &artifacts)]).await;
        let asks = platform(vec![Ask::command("ended.txt", "x"), Ask::command("b", "x")]);
        let evidence = gather_one(target(&fleet, "fw", asks), limits()).await;
        assert_eq!(evidence.artifacts["ended.txt"].proof, Proof::Unproven);
        assert!(matches!(evidence.failures[..], [Reason::ArtifactUnproven { .. }]));
        let text = evidence.text("b").unwrap();
        assert!(text.starts_with("the password {{secret:") && text.ends_with("}} is here\n"), "{text}");
    });
}

#[test]
fn a_long_round_takes_several_requests_and_stays_exact() {
    block_on(async {
        let names: Vec<String> = (0..300).map(|n| format!("artifact-{n:03}")).collect();
        let artifacts: BTreeMap<String, Vec<u8>> =
            names.iter().enumerate().map(|(n, name)| (name.clone(), vec![b'\n'; n])).collect();
        let state = State {
            name: "now".to_owned(),
            artifacts: artifacts.clone(),
            seed: "x".to_owned(),
            ..State::default()
        };
        let fleet = start(vec![Device { name: "big".to_owned(), states: vec![state] }]).await;
        let asks = names.iter().map(|n| Ask::command(n.clone(), "'x' ".repeat(40))).collect();
        let evidence = gather_one(target(&fleet, "big", platform(asks)), limits()).await;
        assert!(evidence.failures.is_empty(), "{:?}", evidence.failures);
        assert!(artifacts.iter().all(|(name, bytes)| *evidence.artifacts[name].bytes == **bytes));
    });
}

#[test]
fn states_switch_while_the_fleet_runs_and_a_replaced_device_has_another_key() {
    block_on(async {
        let states =
            vec![state("before", "old box", &[("a", "1")]), state("after", "new box", &[("a", "2")])];
        let fleet = start(vec![Device { name: "fw".to_owned(), states }]).await;
        let target = target(&fleet, "fw", platform(vec![Ask::command("a", "a")]));
        assert_eq!(gather_one(target.clone(), limits()).await.text("a").unwrap(), "1");
        fleet.switch("fw", "after").unwrap();
        let replaced = gather_one(target.clone(), limits()).await;
        assert!(matches!(replaced.failures[..], [Reason::HostKeyChanged { .. }]));
        let trusting =
            sekisho::capture::Target { known_hosts: Arc::new(fleet.known_hosts().unwrap()), ..target };
        assert_eq!(gather_one(trusting, limits()).await.text("a").unwrap(), "2");
        assert!(fleet.switch("fw", "never").is_err() && fleet.switch("mx", "after").is_err());
    });
}

#[test]
fn an_unknown_host_gets_no_credentials() {
    block_on(async {
        let fleet = start(vec![device("fw", &[("a", "1")])]).await;
        let asked = Arc::new(Mutex::new(false));
        let flag = Arc::clone(&asked);
        let secret = SecretSource::new("a trap", move || {
            *flag.lock().unwrap() = true;
            Some("audit".to_owned())
        });
        let mut target = target(&fleet, "fw", platform(vec![Ask::command("a", "a")]));
        target.known_hosts = Arc::new(KnownHosts::new());
        target.endpoint.auth = vec![Auth::Password(secret)];
        let evidence = gather_one(target, limits()).await;
        assert!(matches!(evidence.failures[..], [Reason::HostKeyUnknown { .. }]), "{:?}", evidence.failures);
        assert!(!*asked.lock().unwrap(), "the password was fetched for a stranger");
    });
}

#[test]
fn the_key_of_a_host_can_be_seen_without_logging_in() {
    block_on(async {
        let fleet = start(vec![device("fw", &[])]).await;
        let endpoint = target(&fleet, "fw", platform(Vec::new())).endpoint;
        let key = sekisho::capture::ssh::host_key(&endpoint, &limits()).await.unwrap();
        assert_eq!(key.key_data(), fleet.host_key("fw").unwrap().key_data());
    });
}

#[test]
fn dropping_the_collection_ends_it() {
    block_on(async {
        let fleet = start(vec![device("fw", &[("a", "1")])]).await;
        fleet.misbehave("fw", Some(Fault::Hang("a".to_owned()))).unwrap();
        let target = target(&fleet, "fw", platform(vec![Ask::command("a", "a")]));
        let options = options(Limits { idle: Duration::from_secs(60), ..limits() });
        let collecting = collect(vec![target], &options, |_| Ok::<(), String>(()), |_| {});
        assert!(tokio::time::timeout(Duration::from_millis(500), collecting).await.is_err());
    });
}

#[test]
fn a_device_folder_is_played_with_its_own_key_and_banner() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("files/etc")).unwrap();
        std::fs::write(folder.path().join("files/etc/x"), "content").unwrap();
        let identity = "host_key_seed = \"ishikura rt1 2019\"\nbanner = \"SSH-2.0-OpenSSH_9.2p1 Debian-2\"\n";
        std::fs::write(folder.path().join("device.toml"), identity).unwrap();
        let state = State::from_folder("before", folder.path(), "unused").unwrap();
        let fleet = start(vec![Device { name: "rt1".to_owned(), states: vec![state] }]).await;
        let asks = platform(vec![Ask::file("/etc/x"), Ask::command("device.toml", "x")]);
        let evidence = gather_one(target(&fleet, "rt1", asks), limits()).await;
        assert_eq!(evidence.file("/etc/x").unwrap(), "content");
        assert!(evidence.is_absent("device.toml"));
        let key = evidence.identity.host_key.unwrap();
        assert_eq!(key.fingerprint, "SHA256:qfIEKeqtKawr+YzXvqtgOCwVZAJDBKb8L9MPK/5Sb2w");
        assert_eq!(evidence.identity.banner.unwrap(), "SSH-2.0-OpenSSH_9.2p1 Debian-2");
    });
}
