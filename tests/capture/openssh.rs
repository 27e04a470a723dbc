//! Capture from a real OpenSSH server: what the simulator cannot prove.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sekisho::capture::{Auth, Endpoint, KeyFile, Limits, SecretSource};
use sekisho::evidence::{DeviceEvidence, Proof};
use sekisho::platform::Ask;
use sekisho::reason::Reason;

use crate::common::sshd::{Sshd, keygen, known};
use crate::common::{block_on, gather_one, impatient, limits, needs, platform};

fn run(sshd: &Sshd, asks: Vec<Ask>) -> DeviceEvidence {
    block_on(gather_one(sshd.target(platform(asks)), limits()))
}

fn command(text: &str) -> Vec<Ask> {
    vec![Ask::command("a", text)]
}

#[test]
fn artifacts_are_byte_exact() {
    let Some(sshd) = Sshd::start("artifacts_are_byte_exact", "") else { return };
    let all: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    fs::write(sshd.path("home/all bytes"), &all).unwrap();
    fs::write(sshd.path("home/it's"), b"no newline").unwrap();
    let path = |name: &str| sshd.path(name).to_str().unwrap().to_owned();
    let asks = vec![
        Ask::file(&path("home/all bytes")),
        Ask::file(&path("home/it's")),
        Ask::file(&path("home/none")),
        Ask::command("empty", "true"),
        Ask::command("newlines", "printf '\\n\\n'"),
        Ask::command("fails", "echo half; echo because >&2; exit 3"),
        Ask::command("absent", "exit 66"),
        Ask::command("stdin", "cat; echo $HOME"),
        Ask::command("error", "echo only to stderr >&2"),
        Ask::command("killed", "kill -9 $$"),
        Ask::command("path", "command -v sshd"),
    ];
    let evidence = run(&sshd, asks);
    let bytes = |name: &str| evidence.artifacts[name].bytes.to_vec();
    let file = |name: &str| bytes(&sekisho::evidence::device::file_artifact(&path(name)));
    assert!(file("home/all bytes") == all);
    assert_eq!(file("home/it's"), b"no newline");
    assert!(evidence.is_absent(&sekisho::evidence::device::file_artifact(&path("home/none"))));
    assert_eq!(bytes("empty"), b"");
    assert_eq!(bytes("newlines"), b"\n\n");
    assert!(evidence.is_absent("absent"));
    assert_eq!(bytes("stdin"), format!("{}\n", path("home")).into_bytes());
    assert_eq!(bytes("error"), b"");
    assert_eq!(bytes("path"), b"/usr/sbin/sshd\n");
    let status = "3: because".to_owned();
    let command = "echo half; echo because >&2; exit 3".to_owned();
    assert_eq!(evidence.failures[0], Reason::CommandFailed { command, status });
    let killed = Reason::CommandFailed { command: "kill -9 $$".to_owned(), status: "137: Killed".to_owned() };
    assert_eq!(evidence.failures[1..], [killed]);
    assert_eq!(evidence.artifacts["path"].proof, Proof::Complete);
    assert!(evidence.identity.banner.as_ref().unwrap().starts_with("SSH-2.0-OpenSSH_"));
}

#[test]
fn thirty_megabytes_arrive_whole() {
    let Some(sshd) = Sshd::start("thirty_megabytes_arrive_whole", "") else { return };
    let evidence = run(&sshd, command("head -c 31457280 /dev/zero | tr '\\0' 'x'"));
    let artifact = &evidence.artifacts["a"];
    assert_eq!((artifact.bytes.len(), artifact.proof.clone()), (31_457_280, Proof::Complete));
    assert!(artifact.bytes.iter().all(|b| *b == b'x'));
}

#[test]
fn a_flood_of_complaints_is_lost_alone() {
    let Some(sshd) = Sshd::start("a_flood_of_complaints_is_lost_alone", "") else { return };
    let asks =
        ["echo 1", "while :; do echo complaint >&2; done", "echo 2"].map(|c| Ask::command(c, c)).to_vec();
    let small = Limits { artifact: 1 << 20, ..limits() };
    let evidence = block_on(gather_one(sshd.target(platform(asks)), small));
    assert!(matches!(evidence.failures[..], [Reason::ArtifactTooLarge { .. }]), "{:?}", evidence.failures);
    assert_eq!(evidence.artifacts.keys().collect::<Vec<_>>(), ["echo 1", "echo 2"]);
}

#[test]
fn login_shells_of_every_kind() {
    for shell in ["sh", "bash", "dash", "zsh", "tcsh", "fish", "mksh", "busybox sh"] {
        if !needs::met("login_shells_of_every_kind", &[shell.split(' ').next().unwrap()]) {
            continue;
        }
        // The account's own shell hands the original request to the shell in question, as sshd would.
        let forced = format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\"");
        let Some(sshd) = Sshd::start("login_shells_of_every_kind", &forced) else { return };
        let asks = vec![
            Ask::command("a", "printf '%s\\n' \"it's\" '!x' 'a\\b'\nif true\nthen echo multi; fi"),
            Ask::file("/etc/passwd"),
        ];
        let evidence = run(&sshd, asks);
        assert!(evidence.failures.is_empty(), "{shell}: {:?}", evidence.failures);
        assert_eq!(evidence.text("a").unwrap(), "it's\n!x\na\\b\nmulti\n", "{shell}");
        assert_eq!(
            *evidence.artifacts["files/etc/passwd"].bytes,
            *fs::read("/etc/passwd").unwrap(),
            "{shell}"
        );
    }
}

#[test]
fn a_noisy_start_up_file_is_not_evidence() {
    // bash reads ~/.bashrc when sshd starts it, if it sees no outer shell.
    let forced = "ForceCommand SHLVL=0 exec bash -c \"$SSH_ORIGINAL_COMMAND\"";
    let Some(sshd) = Sshd::start("a_noisy_start_up_file_is_not_evidence", forced) else { return };
    let noise = "echo 'Welcome to the machine'; printf 'no newline \\033[2J'; echo oops >&2; cd /\n\
                 alias sh=false; PATH=/nowhere:$PATH; export LC_ALL=ja_JP.UTF-8\n";
    fs::write(sshd.path("home/.bashrc"), noise).unwrap();
    let evidence = run(&sshd, command("echo $LC_ALL; pwd"));
    assert!(evidence.failures.is_empty(), "{:?}", evidence.failures);
    assert_eq!(evidence.text("a").unwrap(), "C\n/\n");
}

#[test]
fn a_hanging_command_is_given_up_and_does_not_stay_behind() {
    let Some(sshd) = Sshd::start("a_hanging_command_is_given_up", "") else { return };
    let sleeper = format!("sleep 3{}", std::process::id());
    let short = Limits { total: Duration::from_secs(6), ..impatient() };
    let asks = vec![
        Ask::command("before", "echo 1"),
        Ask::command("hang", format!("echo half; {sleeper}")),
        Ask::command("after", "echo 2"),
    ];
    let evidence = block_on(gather_one(sshd.target(platform(asks)), short));
    assert_eq!(evidence.artifacts.keys().collect::<Vec<_>>(), ["after", "before"]);
    assert!(evidence.artifacts.values().all(|a| a.proof == Proof::Complete));
    assert!(
        matches!(evidence.failures[..], [Reason::CommandHung { seconds: 1, .. }]),
        "{:?}",
        evidence.failures
    );
    let start = Instant::now();
    let running =
        || Command::new("pgrep").args(["-f", &format!("^{sleeper}$")]).stdout(Stdio::null()).status();
    while running().unwrap().success() {
        assert!(start.elapsed() < Duration::from_secs(15), "the command stays behind");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_shell_that_dies_in_the_middle_proves_nothing_but_the_rest_is_asked_again() {
    let Some(sshd) = Sshd::start("a_shell_that_dies_in_the_middle", "") else { return };
    let asks = ["echo 1", "kill -9 $(ps -o ppid= -p $PPID)", "echo 2"].map(|c| Ask::command(c, c)).to_vec();
    let evidence = run(&sshd, asks);
    assert_eq!(evidence.artifacts["echo 1"].proof, Proof::Unproven);
    assert_eq!(evidence.artifacts["echo 2"].proof, Proof::Complete);
    assert_eq!(evidence.failures.len(), 2, "{:?}", evidence.failures);
}

#[test]
fn a_server_that_dies_in_the_middle_proves_nothing() {
    let Some(mut sshd) = Sshd::start("a_server_that_dies_in_the_middle", "") else { return };
    let asks = vec![Ask::command("a", "echo 1"), Ask::command("b", "while :; do echo x; sleep 0.1; done")];
    let target = sshd.target(platform(asks));
    let evidence = block_on(async move {
        let capturing = tokio::spawn(gather_one(target, limits()));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        sshd.kill();
        let killed = Instant::now();
        let evidence = capturing.await.unwrap();
        assert!(killed.elapsed() < Duration::from_secs(5), "the loss is seen only by a time limit");
        evidence
    });
    assert_eq!(evidence.artifacts["a"].proof, Proof::Unproven);
    assert!(!evidence.artifacts.contains_key("b"));
}

#[test]
fn host_keys_are_checked_strictly_and_the_recorded_type_is_asked_for() {
    let Some(sshd) = Sshd::start("host_keys_are_checked_strictly", "") else { return };
    let with = |lines: &str| {
        let mut target = sshd.target(platform(command("echo hello")));
        target.known_hosts = known(lines);
        block_on(gather_one(target, limits()))
    };
    let rsa = with(&sshd.known_line("rsa"));
    assert!(rsa.failures.is_empty(), "{:?}", rsa.failures);
    assert_eq!(rsa.identity.host_key.unwrap().kind, "ssh-rsa");
    assert_eq!(rsa.identity.algorithms.unwrap().host_key, "rsa-sha2-512");
    keygen(&sshd.path("host_other"), "ed25519");
    let changed = with(&sshd.known_line("other"));
    assert!(matches!(changed.failures[..], [Reason::HostKeyChanged { .. }]), "{:?}", changed.failures);
    keygen(&sshd.path("host_ecdsa"), "ecdsa");
    let new_type = with(&sshd.known_line("ecdsa"));
    assert!(matches!(new_type.failures[..], [Reason::HostKeyTypeNew { .. }]), "{:?}", new_type.failures);
    let revoked = with(&format!("{}@revoked {}", sshd.known_line("ed25519"), sshd.known_line("ed25519")));
    assert!(matches!(revoked.failures[..], [Reason::HostKeyRevoked { .. }]), "{:?}", revoked.failures);
    let hashed = sshd.path("hashed");
    fs::write(&hashed, sshd.known_line("ed25519")).unwrap();
    assert!(
        Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&hashed).output().unwrap().status.success()
    );
    assert!(with(&fs::read_to_string(&hashed).unwrap()).failures.is_empty());
}

#[test]
fn keys_of_every_usual_type_and_with_a_passphrase() {
    let Some(sshd) = Sshd::start("keys_of_every_usual_type", "") else { return };
    let login = |auth: Auth| {
        let mut target = sshd.target(platform(command("echo hello")));
        target.endpoint.auth = vec![auth];
        block_on(gather_one(target, limits()))
    };
    for kind in ["rsa", "ecdsa", "ed25519"] {
        let key = sshd.path(&format!("user_{kind}"));
        keygen(&key, kind);
        fs::copy(key.with_extension("pub"), sshd.path("authorized")).unwrap();
        let evidence = login(Auth::Key(KeyFile::new(&key, None)));
        assert!(evidence.failures.is_empty(), "{kind}: {:?}", evidence.failures);
        let locked =
            Command::new("ssh-keygen").args(["-q", "-p", "-N", "open sesame", "-f"]).arg(&key).output();
        assert!(locked.unwrap().status.success());
        let secret = |text: &'static str| Some(SecretSource::new("the test", move || Some(text.to_owned())));
        assert!(login(Auth::Key(KeyFile::new(&key, secret("open sesame")))).failures.is_empty(), "{kind}");
        for wrong in [secret("sesame"), None] {
            let evidence = login(Auth::Key(KeyFile::new(&key, wrong)));
            let [Reason::NoCredential { problems, .. }] = &evidence.failures[..] else {
                panic!("{evidence:?}")
            };
            assert!(problems[0].contains("passphrase"), "{problems:?}");
        }
    }
    let evidence = login(Auth::Key(KeyFile::new(sshd.path("none"), None)));
    assert!(matches!(evidence.failures[..], [Reason::NoCredential { .. }]));
    keygen(&sshd.path("stranger"), "ed25519");
    let evidence = login(Auth::Key(KeyFile::new(sshd.path("stranger"), None)));
    assert!(matches!(evidence.failures[..], [Reason::LoginRefused { .. }]), "{:?}", evidence.failures);
}

#[test]
fn an_agent_logs_in() {
    let Some(sshd) = Sshd::start("an_agent_logs_in", "") else { return };
    let socket = sshd.path("agent");
    let mut agent =
        Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !socket.exists() && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let add = |name: &str| {
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(sshd.path(name)).env("SSH_AUTH_SOCK", &socket).stdin(Stdio::null());
        assert!(command.status().unwrap().success());
    };
    keygen(&sshd.path("other"), "rsa");
    add("other");
    add("client");
    let mut target = sshd.target(platform(command("echo hello")));
    target.endpoint.auth = vec![Auth::Agent { socket: Some(socket) }];
    let good = block_on(gather_one(target.clone(), limits()));
    let _ = agent.kill();
    let _ = agent.wait();
    let gone = block_on(gather_one(target, limits()));
    assert!(good.failures.is_empty(), "{:?}", good.failures);
    let [Reason::NoCredential { problems, .. }] = &gone.failures[..] else { panic!("{gone:?}") };
    assert!(problems[0].contains("agent"), "{problems:?}");
}

#[test]
fn nothing_changes_on_the_device() {
    let Some(sshd) = Sshd::start("nothing_changes_on_the_device", "") else { return };
    let home = sshd.path("home");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    let before = fs::metadata(&home).unwrap().modified().unwrap();
    let evidence =
        run(&sshd, vec![Ask::command("a", "echo hello"), Ask::file("/etc/passwd"), Ask::file("/none/x")]);
    assert!(evidence.failures.is_empty());
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    assert_eq!(fs::metadata(&home).unwrap().modified().unwrap(), before);
}

#[test]
fn a_host_on_the_way_has_its_own_key_check_and_login() {
    let Some(hop) = Sshd::start("a_host_on_the_way", "") else { return };
    let Some(sshd) = Sshd::start("a_host_on_the_way", "") else { return };
    let lines = format!("{}{}", hop.known_line("ed25519"), sshd.known_line("ed25519"));
    let mut target = sshd.target(platform(command("echo through")));
    target.via = vec![hop.endpoint(), hop.endpoint()];
    target.known_hosts = known(&lines);
    let through = block_on(gather_one(target.clone(), limits()));
    assert_eq!(through.text("a").unwrap(), "through\n", "{:?}", through.failures);
    assert_eq!(through.identity.address.unwrap(), format!("127.0.0.1:{}", sshd.port));
    // The hop's key is not on record: the device is not even tried.
    target.known_hosts = known(&sshd.known_line("ed25519"));
    let stranger = block_on(gather_one(target.clone(), limits()));
    let hop_address = format!("127.0.0.1:{}", hop.port);
    assert!(
        matches!(&stranger.failures[..], [Reason::HostKeyUnknown { address, .. }] if *address == hop_address),
        "{:?}",
        stranger.failures
    );
    assert!(stranger.identity.host_key.is_none());
    // The device's key is not on record: its hop must not vouch for it.
    target.known_hosts = known(&hop.known_line("ed25519"));
    let unknown = block_on(gather_one(target.clone(), limits()));
    assert!(matches!(unknown.failures[..], [Reason::HostKeyUnknown { .. }]), "{:?}", unknown.failures);
    target.known_hosts = known(&lines);
    target.endpoint = Endpoint { port: 1, ..target.endpoint };
    let closed = block_on(gather_one(target, limits()));
    let [Reason::Unreachable { address, problem }] = &closed.failures[..] else { panic!("{closed:?}") };
    assert!(address == "127.0.0.1:1" && problem.contains("ConnectFailed"), "{address} {problem}");
}

#[test]
fn a_server_with_old_ciphers_only() {
    let Some(sshd) = Sshd::start("a_server_with_old_ciphers_only", "Ciphers aes128-cbc") else { return };
    let evidence = run(&sshd, command("true"));
    let [Reason::NoCommonAlgorithm { kind, theirs, .. }] = &evidence.failures[..] else {
        panic!("{evidence:?}")
    };
    assert_eq!((kind.as_str(), theirs.as_slice()), ("cipher", &["aes128-cbc".to_owned()][..]));
}

#[test]
fn nobody_listens() {
    let Some(mut sshd) = Sshd::start("nobody_listens", "") else { return };
    sshd.kill();
    let quick = Limits { connect: Duration::from_secs(2), ..limits() };
    let evidence = block_on(gather_one(sshd.target(platform(command("true"))), quick));
    assert!(matches!(evidence.failures[..], [Reason::Unreachable { .. }]), "{:?}", evidence.failures);
}
