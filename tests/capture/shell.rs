//! Devices that only have a command line of their own, played over real SSH from the data files in `fixtures/terminals`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho::capture::redact::{Key, Redactor};
use sekisho::capture::{Limits, Options, SecretSource};
use sekisho::evidence::{Age, DeviceEvidence, Proof};
use sekisho::platform;
use sekisho::reason::{Break, Reason};
use sekisho::simulate::terminal::{Greeting, Terminal};
use sekisho::simulate::{Device, Fault, Fleet, Login, State};

use crate::common::{block_on, gather, limits, target};

const RUNNING: &str = "running-config.txt";

/// A device of a platform, and how it is asked.
struct Scene {
    platform: &'static str,
    terminal: Terminal,
    artifacts: BTreeMap<String, Vec<u8>>,
    fault: Option<Fault>,
    limits: Limits,
    password: Option<&'static str>,
    age: Age,
}

fn terminal(platform: &str) -> Terminal {
    let path = format!("fixtures/terminals/{platform}.toml");
    Terminal::parse(&fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()).unwrap()
}

/// A configuration that is longer than some pages, with a line much longer than the screen.
fn rtx_config() -> String {
    let mut text = String::from(
        "# RTX1210 Rev.14.01.42 (Fri Jul  8 15:52:44 2022)\n# MAC Address : 00:a0:de:00:00:01\n",
    );
    text += "login password kakushi\nadministrator password encrypted Himitsu123\n";
    text += "description lan2 \"本庁舎 表示ソフト用 上流回線\"\n";
    for n in 0..60 {
        text += &format!("ip filter {} reject * * udp,tcp {n} *\n", 1000 + n);
    }
    text += "ip lan2 secure filter in 45 50 55 60 65 70 75 80 dynamic 1 6 11 16 21 26 100 105 110 115\n";
    text += "ip lan1 address 192.0.2.1/24\n";
    text
}

fn rtx() -> Scene {
    let environment =
        "RTX1210 BootROM Ver. 1.04\nRTX1210 Rev.14.01.42\nCPU:   3%(5sec)\n実行中設定ファイル: config0\n";
    Scene::of("rtx", &[(RUNNING, &rtx_config()), ("environment.txt", environment)])
}

fn ios_config() -> String {
    let mut text = String::from(
        "Building configuration...\n\nCurrent configuration : 3422 bytes\n!\nversion 15.1\nhostname rt9\n",
    );
    text += "enable secret 5 $1$mERr$himitsu\n!\n";
    for n in 0..40 {
        text += &format!(
            "access-list 110 permit tcp host 192.0.2.{n} host 198.51.100.200 eq 25 log-input very long\n"
        );
    }
    text += "end\n";
    text
}

fn ios() -> Scene {
    Scene::of("ios", &[(RUNNING, &ios_config()), ("startup-config.txt", "Using 10 out of 20 bytes\nend\n")])
}

impl Scene {
    fn of(platform: &'static str, artifacts: &[(&str, &str)]) -> Self {
        let artifacts = artifacts.iter().map(|(n, t)| ((*n).to_owned(), t.as_bytes().to_vec())).collect();
        let two = Duration::from_secs(3);
        Self {
            platform,
            terminal: terminal(platform),
            artifacts,
            fault: None,
            limits: Limits { idle: two, ..limits() },
            password: Some("kanri"),
            age: Age::Modern,
        }
    }

    fn with(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn text(mut self, artifact: &str, text: &str) -> Self {
        self.artifacts.insert(artifact.to_owned(), text.as_bytes().to_vec());
        self
    }

    fn set(mut self, set: impl FnOnce(&mut Terminal)) -> Self {
        set(&mut self.terminal);
        self
    }

    fn capture(self) -> DeviceEvidence {
        let platform = platform::by_id(self.platform).unwrap();
        let state = State {
            name: "now".to_owned(),
            artifacts: self.artifacts,
            seed: "rt9".to_owned(),
            banner: String::new(),
            terminal: Some(Arc::new(self.terminal)),
        };
        block_on(async {
            let device = Device { name: "rt9".to_owned(), states: vec![state] };
            let fleet = Fleet::start(vec![device], Login::password("audit")).await.unwrap();
            let mut target = target(&fleet, "rt9", platform);
            target.privilege =
                self.password.map(|p| SecretSource::new("the test", move || Some(p.to_owned())));
            target.endpoint.algorithms = self.age;
            fleet.misbehave("rt9", self.fault).unwrap();
            let redactor = Redactor::new(Key::new([1; 32]), [&platform]).unwrap();
            let options = Options { limits: self.limits, ..Options::new(redactor) };
            gather(vec![target], &options).await.1.remove(0)
        })
    }
}

fn text(evidence: &DeviceEvidence, artifact: &str) -> String {
    assert!(evidence.artifacts.contains_key(artifact), "{:?}", evidence.failures);
    String::from_utf8(evidence.artifacts[artifact].bytes.to_vec()).unwrap()
}

fn proof(evidence: &DeviceEvidence, artifact: &str) -> Option<Proof> {
    evidence.artifacts.get(artifact).map(|a| a.proof.clone())
}

/// The evidence is whole, and says what the device says, secrets aside.
fn whole(evidence: &DeviceEvidence, config: &str) {
    assert!(evidence.failures.is_empty(), "{:?}", evidence.failures);
    assert!(evidence.artifacts.values().all(|a| a.proof == Proof::Complete));
    let got = text(evidence, RUNNING);
    for secret in ["kakushi", "Himitsu123", "himitsu"] {
        assert!(!got.contains(secret));
    }
    let plain = |text: &str| {
        let secret = |line: &&str| line.contains("password") || line.contains("secret 5");
        text.lines().filter(|line| !secret(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(plain(&got), plain(config));
    assert_eq!(got.lines().count(), config.lines().count());
}

/// How the artifact broke.
fn broken(evidence: &DeviceEvidence, artifact: &str) -> Option<Break> {
    evidence.failures.iter().find_map(|failure| match failure {
        Reason::AnswerBroken { artifact: of, by } if of == artifact => Some(by.clone()),
        _ => None,
    })
}

#[test]
fn a_router_of_eighty_columns_in_shift_jis_comes_whole_and_in_utf8() {
    let evidence = rtx().capture();
    whole(&evidence, &rtx_config());
    assert!(text(&evidence, "environment.txt").contains("実行中設定ファイル: config0\n"));
    assert_eq!(evidence.origins[RUNNING].command, "show config");
}

#[test]
fn euc_jp_and_utf8_come_as_utf8_too() {
    for encoding in ["euc-jp", "utf-8"] {
        let evidence = rtx().set(|t| t.encoding = encoding.to_owned()).capture();
        whole(&evidence, &rtx_config());
    }
}

#[test]
fn a_session_setting_ends_paging_and_the_banner_confuses_nobody() {
    whole(&ios().capture(), &ios_config());
}

#[test]
fn the_pager_is_answered_where_no_setting_ends_it() {
    let evidence = ios()
        .set(|t| {
            t.session.remove("terminal length 0");
        })
        .capture();
    whole(&evidence, &ios_config());
    // a terminal of many rows and columns was asked for
    whole(&rtx().set(|t| t.obeys_terminal = true).capture(), &rtx_config());
}

#[test]
fn text_that_looks_like_a_pager_in_the_middle_of_a_line_stays() {
    let config = ios_config().replace("hostname rt9\n", "hostname rt9\n!  --More-- \n! a --More-- b\n");
    let drip = Fault::Drip(3, Duration::from_millis(1));
    for scene in [ios(), ios().with(drip)] {
        whole(&scene.text(RUNNING, &config).capture(), &config);
    }
}

#[test]
fn the_prompt_in_the_output_ends_nothing() {
    let marked = |config: &str, prompt: &str| {
        let at = config.lines().count() / 2;
        let mut lines: Vec<&str> = config.lines().collect();
        lines.insert(at, prompt);
        lines.join("\n") + "\n"
    };
    // the device prints its prompt as part of the configuration and then stalls
    let evidence = ios().with(Fault::Forge(RUNNING.to_owned())).capture();
    let got = text(&evidence, RUNNING);
    assert_eq!(proof(&evidence, RUNNING), Some(Proof::Complete));
    assert_eq!(got.lines().count(), ios_config().lines().count() + 1);
    assert_eq!(got.lines().last(), Some("end"));
    let evidence = rtx().with(Fault::Forge(RUNNING.to_owned())).capture();
    let got = text(&evidence, RUNNING);
    assert_eq!(got.lines().count(), rtx_config().lines().count() + 1, "{:?}", evidence.failures);
    assert_eq!(got.lines().last(), rtx_config().lines().last());
    // without any stall
    let config = marked(&ios_config(), "rt9#");
    whole(&ios().text(RUNNING, &config).capture(), &config);
}

#[test]
fn a_break_that_nothing_shows_leaves_the_text_unproven() {
    let long = format!("ip lan2 secure filter out {}dynamic 100 101\n", "1 ".repeat(25));
    assert_eq!(long.find("dynamic"), Some(76));
    let config = format!("{}{long}", rtx_config());
    let evidence = rtx().text(RUNNING, &config).capture();
    assert_eq!(broken(&evidence, RUNNING), Some(Break::Wrapped { columns: 79 }));
    assert_eq!(proof(&evidence, RUNNING), Some(Proof::Unproven));
    // where the configuration says that the screen is wider, it is whole again
    let config = format!("console columns 200\n{config}");
    whole(&rtx().text(RUNNING, &config).set(|t| t.columns = 199).capture(), &config);
}

#[test]
fn a_configuration_that_ends_early_is_not_proven() {
    let evidence = ios().with(Fault::Truncate(RUNNING.to_owned())).capture();
    assert_eq!(proof(&evidence, RUNNING), Some(Proof::Unproven));
    let evidence = rtx().with(Fault::Waver(RUNNING.to_owned())).capture();
    assert_eq!(broken(&evidence, RUNNING), Some(Break::Unstable));
    assert_eq!(proof(&evidence, RUNNING), Some(Proof::Unproven));
}

#[test]
fn a_complaint_is_never_stored_as_a_configuration() {
    for scene in [ios(), rtx()] {
        let evidence = scene.with(Fault::Fail(RUNNING.to_owned(), 1)).capture();
        assert!(!evidence.artifacts.contains_key(RUNNING));
        let failed = |f: &Reason| {
            let Reason::CommandFailed { command, status } = f else { return false };
            command.starts_with("show ") && (status.contains("% Invalid") || status.contains("エラー"))
        };
        assert!(evidence.failures.iter().any(failed), "{:?}", evidence.failures);
    }
}

#[test]
fn what_is_not_there_is_absent() {
    let mut scene = ios();
    scene.artifacts.remove("startup-config.txt");
    let evidence = scene.capture();
    assert!(evidence.failures.is_empty(), "{:?}", evidence.failures);
    assert!(evidence.is_absent("startup-config.txt"));
}

#[test]
fn a_wrong_or_missing_password_is_said_and_tried_once() {
    let address = |e: &DeviceEvidence| e.identity.address.clone().unwrap();
    for (mut scene, command) in [(ios(), "enable"), (rtx(), "administrator")] {
        scene.password = Some("wrong");
        let evidence = scene.capture();
        let command = command.to_owned();
        let refused = Reason::PrivilegeRefused { address: address(&evidence), command };
        assert_eq!(evidence.failures, [refused]);
        assert!(evidence.artifacts.is_empty());
    }
    let mut scene = ios();
    scene.password = None;
    let evidence = scene.capture();
    let none = Reason::NoPrivilege { address: address(&evidence), command: "enable".to_owned() };
    assert_eq!(evidence.failures, [none]);
}

#[test]
fn a_login_that_may_read_everything_needs_no_password() {
    let mut scene = ios().set(|t| t.user_prompt = None);
    scene.password = None;
    whole(&scene.capture(), &ios_config());
}

#[test]
fn a_device_that_stalls_floods_or_goes_away_costs_no_more_than_its_limits() {
    let start = Instant::now();
    let evidence = ios().with(Fault::Hang(RUNNING.to_owned())).capture();
    let hung = Reason::CommandHung { command: "show running-config".to_owned(), seconds: 3 };
    assert!(evidence.failures.contains(&hung), "{:?}", evidence.failures);
    assert_eq!(proof(&evidence, "startup-config.txt"), Some(Proof::Complete));
    let evidence = ios().with(Fault::Cut(RUNNING.to_owned())).capture();
    assert_eq!(broken(&evidence, RUNNING), Some(Break::Lost), "{:?}", evidence.failures);
    let mut scene = ios().with(Fault::Flood(RUNNING.to_owned()));
    scene.limits.artifact = 1 << 20;
    let evidence = scene.capture();
    let large = Reason::ArtifactTooLarge { artifact: RUNNING.to_owned(), limit: 1 << 20 };
    assert!(evidence.failures.contains(&large), "{:?}", evidence.failures);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn a_device_without_a_prompt_or_without_an_echo_is_not_understood() {
    let evidence = ios().with(Fault::MuteShell).capture();
    let address = evidence.identity.address.clone().unwrap();
    assert_eq!(evidence.failures, [Reason::NoPrompt { address }]);
    for scene in [ios(), rtx()] {
        let evidence = scene.set(|t| t.silent = true).capture();
        assert!(evidence.artifacts.is_empty());
        assert!(!evidence.failures.is_empty());
    }
}

#[test]
fn drips_escapes_greetings_and_dialogues_for_the_login_change_nothing() {
    whole(&ios().with(Fault::Drip(7, Duration::from_millis(2))).capture(), &ios_config());
    whole(&ios().with(Fault::Interactive).capture(), &ios_config());
    let noise = b"\x1b[?1h\x1b=\x1b[2Jwelcome\r\n".to_vec();
    whole(&ios().with(Fault::Noise(noise)).capture(), &ios_config());
    let coloured = ios().set(|t| {
        t.prompt = "\u{1b}[32mrt9\u{1b}[0m#".to_owned();
        t.greeting = None;
    });
    whole(&coloured.capture(), &ios_config());
}

#[test]
fn old_algorithms_are_spoken_only_where_they_are_allowed_and_are_on_record() {
    let old = || ios().set(|t| t.old_algorithms = true);
    let evidence = old().capture();
    assert!(matches!(evidence.failures[..], [Reason::NoCommonAlgorithm { .. }]), "{:?}", evidence.failures);
    let mut scene = old();
    scene.age = Age::Legacy2012;
    let evidence = scene.capture();
    whole(&evidence, &ios_config());
    let used = evidence.identity.algorithms.unwrap();
    assert_eq!((used.kex.as_str(), used.age()), ("diffie-hellman-group14-sha1", Age::Legacy2012));
}

#[test]
fn a_greeting_needs_its_key() {
    let scene = rtx().set(|t| {
        let ask = "(Press 'a' to accept): ".to_owned();
        t.greeting = Some(Greeting { ask, key: "a".to_owned() });
    });
    // this platform knows no greeting, so it sees none
    let evidence = scene.capture();
    let address = evidence.identity.address.clone().unwrap();
    assert_eq!(evidence.failures, [Reason::NoPrompt { address }]);
}
