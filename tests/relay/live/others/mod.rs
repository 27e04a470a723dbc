//! Exim, OpenSMTPD and Sendmail on random configurations, and on the folders of `fixtures/`: real servers of Debian,
//! unpacked beside the mail server that the machine has, on a host of their own.

mod exim;
mod opensmtpd;
mod sendmail;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::finding::Confidence;
use sekisho::platform;
use sekisho::relay::{
    Answer, Attempt, Change, Everybody, Facts, Kind, Policy, Side, Trust, Verdict, answer, exposures,
};
use serde_json::{Map, Value};

use super::attempts::Session;
use super::dice::Dice;
use super::generate::Host;
use super::network::{self, Network, Serving};
use super::{Tally, attempts, seeds, verdict};
use crate::common::needs;
use crate::relay::fixtures;

/// A mail server.
struct Mta {
    platform: &'static str,
    /// Debian packages that it is made of.
    packages: &'static [&'static str],
    /// Accounts that it runs as, with their folders.
    accounts: &'static [(&'static str, &'static str)],
    /// Puts the host into the state in which the package's own scripts leave it.
    prepare: &'static str,
    /// Takes a configuration away.
    clear: &'static str,
    /// Makes what is made of a configuration.
    make: &'static str,
    serve: &'static str,
    /// A random configuration: files by path, and the ports on which it listens.
    random: fn(&mut Dice) -> Site,
    /// Domains that it must find in DNS.
    existing: &'static [&'static str],
}

/// One configuration.
#[derive(Debug, Default)]
struct Site {
    files: BTreeMap<String, String>,
    ports: Vec<u16>,
}

impl Site {
    fn put(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), text.to_owned());
    }
}

/// Lays the packages over the host's files, in memory.
const MOUNTS: &str = "
mkdir layers
mount -t tmpfs tmpfs layers
for part in usr etc var; do
    mkdir layers/$part layers/$part.work
    mount -t overlay overlay -o lowerdir=tree/$part:/$part,upperdir=layers/$part,workdir=layers/$part.work /$part
done
mount -t tmpfs tmpfs /run
rm -f /etc/resolv.conf
cp resolv.conf hosts /etc/
echo mx.city.example >/etc/mailname
cat passwd >>/etc/passwd
cat group >>/etc/group
ldconfig
";

/// Addresses of the host: that of the random configurations, and that of the fixtures.
const ADDRESSES: &str = "192.0.2.25/24 192.0.2.30/24";

const INTERFACES: &str = r#"[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8},{"local":"::1","prefixlen":128}]},
 {"ifname":"eth0","addr_info":[{"local":"192.0.2.25","prefixlen":24},{"local":"192.0.2.30","prefixlen":24},
 {"local":"2001:db8:d::25","prefixlen":64}]}]"#;

#[test]
#[ignore = "asks a real Exim for a minute: cargo test --test main -- --ignored relay::live"]
fn a_real_exim_answers_as_predicted() {
    run("a_real_exim_answers_as_predicted", &exim::MTA);
}

#[test]
#[ignore = "asks a real OpenSMTPD for a minute: cargo test --test main -- --ignored relay::live"]
fn a_real_opensmtpd_answers_as_predicted() {
    run("a_real_opensmtpd_answers_as_predicted", &opensmtpd::MTA);
}

#[test]
#[ignore = "asks a real Sendmail for a minute: cargo test --test main -- --ignored relay::live"]
fn a_real_sendmail_answers_as_predicted() {
    run("a_real_sendmail_answers_as_predicted", &sendmail::MTA);
}

fn run(test: &str, mta: &Mta) {
    let needed: Vec<&str> = network::NEEDS.iter().copied().chain(["apt-get", "dpkg"]).collect();
    if !needs::met(test, &needed) {
        return;
    }
    let Some(packages) = download(mta) else {
        return needs::skip(test, &format!("Debian packages: {}", mta.packages.join(" ")));
    };
    let mut bench = Bench { mta, network: start(mta, &packages), all: Tally::default() };
    let fixtures = bench.fixtures();
    for seed in seeds(20) {
        bench.judge(seed);
    }
    println!("{fixtures} attempts of fixtures, {:#?}", bench.all);
    bench.all.say(mta.platform);
    assert!(bench.all.wrong.is_empty(), "disagreements");
    assert!(fixtures > 0 && bench.all.right > bench.all.undecided, "too much is left open");
}

/// The packages, kept from one run to the next.
fn download(mta: &Mta) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian").join(mta.platform);
    let whole = |folder: &Path| fs::read_dir(folder).is_ok_and(|files| files.count() == mta.packages.len());
    if !whole(&folder) {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let get = format!("timeout 300 apt-get download -qq {}", mta.packages.join(" "));
        let shell = format!("{get} || {{ timeout 300 apt-get update -qq; {get}; }}");
        let _ = Command::new("sh").args(["-c", &shell]).current_dir(&folder).output();
    }
    whole(&folder).then_some(folder)
}

fn start(mta: &Mta, packages: &Path) -> Network {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let unpack = "mkdir -p tree/usr tree/etc tree/var; for package in \"$0\"/*.deb; do dpkg -x $package tree; done; \
        [ ! -d tree/lib ] || cp -a tree/lib/. tree/usr/lib/";
    let done = Command::new("sh").args(["-ec", unpack]).arg(packages).current_dir(at).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::write(at.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    let hosts = "127.0.0.1 localhost\n::1 localhost\n192.0.2.25 mx.city.example mx\n";
    fs::write(at.join("hosts"), hosts).unwrap();
    let (mut passwd, mut group) = (String::new(), String::new());
    let people = [("soumu", "/nonexistent"), ("hanako", "/nonexistent")];
    for ((name, home), id) in mta.accounts.iter().chain(&people).zip(6001..) {
        passwd += &format!("{name}:x:{id}:{id}::{home}:/usr/sbin/nologin\n");
        group += &format!("{name}:x:{id}:\n");
    }
    fs::write(at.join("passwd"), passwd).unwrap();
    fs::write(at.join("group"), group).unwrap();
    let network = Network::start(folder, MOUNTS, ADDRESSES, "");
    let done = network.run(&format!("set -e; {}", mta.prepare));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    network
}

/// A host with a mail server.
struct Bench<'m> {
    mta: &'m Mta,
    network: Network,
    all: Tally,
}

impl Bench<'_> {
    /// Every attempt of every fixture that a real server can be asked for; how many these were.
    fn fixtures(&mut self) -> usize {
        let mut asked = 0;
        for case in fixtures::cases(self.mta.platform) {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            let site = Site { files: fixtures::files(&case), ports: Vec::new() };
            let expected = fixtures::expected(&case);
            let serving = self.serve(&site);
            for (attempt, verdict) in expected {
                // what the evidence does not hold, the server would not start without
                if verdict == Verdict::Undecided {
                    continue;
                }
                asked += 1;
                let codes = self.codes(&Session::of(&attempt, &Host::default()));
                let real = super::verdict(codes.as_ref().map_or(0, |codes| codes[0]));
                if real != verdict {
                    self.all
                        .wrong(format!("{name}: {codes:?}, expected {verdict:?}"), format!("{attempt:?}"));
                }
            }
            drop(serving);
        }
        asked
    }

    /// Puts a configuration in place and starts the server with it.
    fn serve(&self, site: &Site) -> Option<Serving> {
        let done = self.network.run(self.mta.clear);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        for (path, text) in &site.files {
            let put = format!("mkdir -p $(dirname {path}); cat >{path}; chmod 640 {path}; chmod o+r {path}");
            self.network.feed(&put, text);
        }
        let made = self.network.run(&format!("set -e; {}", self.mta.make));
        if !made.status.success() {
            println!("{}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
            return None;
        }
        let ports = if site.ports.is_empty() { vec![25] } else { site.ports.clone() };
        self.network.serve(self.mta.serve, &ports)
    }

    fn codes(&mut self, session: &Session) -> Option<Vec<u16>> {
        let mut zone = Map::new();
        session.names(&mut zone);
        fs::write(self.network.path("zone.json"), Value::from(zone).to_string()).unwrap();
        self.network.talk(&session.order(20.0, false))
    }

    fn judge(&mut self, seed: u64) {
        let mut dice = Dice::new(seed);
        let site = (self.mta.random)(&mut dice);
        self.all.begin(seed);
        if let Some(folder) = std::env::var_os("SEKISHO_LIVE_KEEP") {
            for (path, text) in &site.files {
                let path = Path::new(&folder).join(format!("{seed}/device/files{path}"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        let accounts = self.network.run("cut -d: -f1 /etc/passwd").stdout;
        let evidence = evidence(self.mta.platform, &site, &String::from_utf8(accounts).unwrap());
        let policy = platform::read(&evidence).relay.expect("a policy");
        let Some(serving) = self.serve(&site) else {
            return self.all.wrong(format!("seed {seed}: does not start"), self.network.said());
        };
        self.all.hosts += 1;
        let host = Host::listening(&site.ports);
        for session in attempts::sessions(&mut dice, &host, 8, (2, 5)) {
            let Some(codes) = self.codes(&session) else { continue };
            for (code, tried) in codes.into_iter().zip(&session.tries) {
                let attempt = session.attempt(tried);
                let existing = self.mta.existing.iter().map(|d| (*d).to_owned()).collect();
                let backup_mx = Some(attempts::is_backup(&attempt.rcpt_to));
                let facts = Facts { existing, backup_mx, ..Facts::default() };
                let predicted = answer(&policy, &attempt, &facts);
                self.hold(seed, code, &attempt, &predicted);
            }
        }
        let found = exposures(Side { policy: &policy, reaching: &Everybody::new(&policy) });
        self.replay(seed, &policy, &found);
        drop(serving);
    }

    fn hold(&mut self, seed: u64, code: u16, attempt: &Attempt, predicted: &Answer) {
        if predicted.confidence != Confidence::Certain || predicted.verdict == Verdict::Undecided {
            self.all.undecided += 1;
            self.all.why.extend(predicted.why.iter().map(|why| format!("{why:?}")));
            return;
        }
        let real = verdict(code);
        let refusals = [Verdict::Defer, Verdict::Reject];
        let same = real == predicted.verdict
            || !predicted.why.is_empty() && refusals.contains(&real) && refusals.contains(&predicted.verdict);
        if same {
            self.all.right += 1;
        } else {
            let lines: Vec<String> = predicted.lines.iter().map(ToString::to_string).collect();
            let what = format!("seed {seed}: {code}, predicted {:?} by {lines:?}", predicted.verdict);
            self.all.wrong(what, format!("{attempt:?}"));
        }
    }

    /// What is certainly open must be accepted as the witness says.
    fn replay(&mut self, seed: u64, policy: &Policy, found: &[Change]) {
        let certain = found.iter().filter(|c| c.kind == Kind::Open && c.certainty == Confidence::Certain);
        for change in certain.filter(|c| c.trust == Trust::Untrusted) {
            assert!(!policy.listeners.is_empty());
            let codes = self.codes(&Session::of(&change.witness, &Host::default()));
            self.all.witnesses += 1;
            if !codes.as_ref().is_some_and(|codes| codes.iter().all(|code| (200..300).contains(code))) {
                let what = format!("seed {seed}: a witness is not accepted: {codes:?}");
                let said = self.network.said();
                let said: Vec<&str> = said.lines().rev().take(6).collect();
                self.all.wrong(what, format!("{:?}; {said:?}", change.witness));
            }
        }
    }
}

/// What a folder with these files says of a host.
fn evidence(platform: &str, site: &Site, accounts: &str) -> DeviceEvidence {
    let mut device = DeviceEvidence::new("device", vec![platform.to_owned()], Source::Bare);
    let files = site.files.iter().map(|(path, text)| (format!("files{path}"), text.clone()));
    let own = [
        ("ip-addr.json".to_owned(), INTERFACES.to_owned()),
        ("files/etc/passwd".to_owned(), accounts.to_owned()),
        ("files/etc/mailname".to_owned(), "mx.city.example\n".to_owned()),
    ];
    for (name, text) in files.chain(own) {
        device.artifacts.insert(name, Artifact { bytes: text.into_bytes().into(), proof: Proof::Given });
    }
    device
}
