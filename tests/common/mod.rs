//! What several integration tests need: a platform made of questions, a runtime, real servers, saying aloud what is
//! skipped.

#[cfg(unix)]
pub mod lab;
pub mod needs;
pub mod sshd;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sekisho::capture::redact::{Key, Redactor};
use sekisho::capture::{Auth, Captured, Endpoint, Limits, Options, SecretSource, Target, collect};
use sekisho::evidence::{Age, DeviceEvidence};
use sekisho::platform::{Ask, DeviceModel, Noise, Platform, Secret};
use sekisho::reason::Reason;
use sekisho::simulate::Fleet;

/// Runs a future on a runtime of its own, and fails loudly rather than hang.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(120), future).await };
    let value = runtime.block_on(limited).expect("the test hangs");
    runtime.shutdown_timeout(Duration::from_secs(1));
    value
}

/// A platform that asks what a test gives it.
pub struct Questions {
    pub first: Vec<Ask>,
    /// Asked once `first` is answered, if the artifact named here says so.
    pub then: Option<(&'static str, Vec<Ask>)>,
}

impl Platform for Questions {
    fn id(&self) -> &'static str {
        "questions"
    }
    fn ask(&self) -> Vec<Ask> {
        self.first.clone()
    }
    fn follow(&self, got: &DeviceEvidence) -> Vec<Ask> {
        let then = self.then.as_ref().filter(|(artifact, _)| got.get(artifact).is_some());
        then.map(|(_, asks)| asks.clone()).unwrap_or_default()
    }
    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        if artifact == "ended.txt" && !bytes.ends_with(b"end\n") {
            let expected = "a last line `end`".to_owned();
            return Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected });
        }
        Ok(())
    }
    fn secrets(&self) -> &'static [Secret] {
        &[Secret { artifacts: "*", pattern: r"password (?P<secret>\S+)" }]
    }
    fn noise(&self) -> &'static [Noise] {
        &[]
    }
    fn read(&self, _: &DeviceEvidence, _: &mut DeviceModel) {}
}

/// A platform that asks this; leaked, since platforms live for ever.
pub fn platform(first: Vec<Ask>) -> &'static dyn Platform {
    Box::leak(Box::new(Questions { first, then: None }))
}

/// Limits that a busy machine keeps as well.
pub fn limits() -> Limits {
    let ten = Duration::from_secs(10);
    Limits { connect: ten, handshake: ten, login: ten, idle: ten, total: 6 * ten, ..Limits::default() }
}

/// The same for tests of hangs, which have to wait for them.
pub fn impatient() -> Limits {
    Limits { idle: Duration::from_millis(1500), ..limits() }
}

/// Options with these limits, and a fixed key.
pub fn options(limits: Limits) -> Options {
    let patterns = platform(Vec::new());
    let redactor = Redactor::new(Key::new([1; 32]), [&patterns]).unwrap();
    Options { limits, ..Options::new(redactor) }
}

/// A target for a simulated device, with the password `audit`.
pub fn target(fleet: &Fleet, device: &str, platform: &'static dyn Platform) -> Target {
    let address = fleet.address(device).unwrap();
    Target {
        name: device.to_owned(),
        endpoint: Endpoint {
            host: address.ip().to_string(),
            port: address.port(),
            user: "audit".to_owned(),
            auth: vec![Auth::Password(SecretSource::new("the test", || Some("audit".to_owned())))],
            algorithms: Age::Modern,
        },
        via: Vec::new(),
        platforms: vec![platform],
        known_hosts: Arc::new(fleet.known_hosts().unwrap()),
        privilege: None,
        timeout: None,
    }
}

/// Collects, and gives back what was captured beside the evidence, in the order of the names.
pub async fn gather(targets: Vec<Target>, options: &Options) -> (Vec<Captured>, Vec<DeviceEvidence>) {
    let evidence = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&evidence);
    let sink = move |device| -> Result<(), String> {
        into.lock().unwrap().push(device);
        Ok(())
    };
    let captured = collect(targets, options, sink, |_| {}).await.unwrap();
    let mut evidence = std::mem::take(&mut *evidence.lock().unwrap());
    evidence.sort_by(|a: &DeviceEvidence, b| a.name.cmp(&b.name));
    (captured, evidence)
}

/// Captures one device.
pub async fn gather_one(target: Target, limits: Limits) -> DeviceEvidence {
    gather(vec![target], &options(limits)).await.1.remove(0)
}
