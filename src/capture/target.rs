//! What to capture, how to get there, and how long it may take.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::keys::{Error as KeyError, PrivateKey, load_secret_key};

use super::known_hosts::KnownHosts;
use crate::evidence::Age;
use crate::platform::Platform;

/// One device to be captured.
#[derive(Clone)]
pub struct Target {
    /// Name of the device in the evidence.
    pub name: String,
    /// Where its SSH server is, and who logs in.
    pub endpoint: Endpoint,
    /// Hosts to go through, first hop first (as `ProxyJump` in ssh_config(5)). Each hop's host key is checked
    /// and each hop has its own login; a hop never sees another one's credentials.
    pub via: Vec<Endpoint>,
    /// Platforms to ask as, in the order in which they are read.
    pub platforms: Vec<&'static dyn Platform>,
    /// Host keys on record, for the device and its hops.
    pub known_hosts: Arc<KnownHosts>,
    /// The password for the rights that reading the configuration takes, where the login alone does not give them
    /// (`enable`, `administrator`).
    pub privilege: Option<SecretSource>,
    /// Time for everything about this device, where it differs from [`Limits::total`].
    pub timeout: Option<Duration>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let platforms: Vec<&str> = self.platforms.iter().map(|p| p.id()).collect();
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint)
            .field("via", &self.via)
            .field("platforms", &platforms)
            .finish_non_exhaustive()
    }
}

/// An SSH server and a login there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
    /// Ways to log in, tried in this order as far as the server offers them, each once.
    pub auth: Vec<Auth>,
    /// How old its algorithms may be.
    pub algorithms: Age,
}

impl fmt::Display for Endpoint {
    /// `host:port`, with brackets around an IPv6 address (RFC 3986 section 3.2.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A way to log in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A private key in a file. Share one [`KeyFile`] among targets, so that it is read and unlocked once.
    Key(Arc<KeyFile>),
    /// The keys of a running agent.
    Agent {
        /// Its socket; `None` is the one in `SSH_AUTH_SOCK` (on Windows the agent's named pipe).
        socket: Option<PathBuf>,
    },
    /// A password, given as such or to a keyboard-interactive prompt that asks for one hidden answer (RFC
    /// 4256).
    Password(SecretSource),
}

/// A private key file (OpenSSH, PEM or PKCS#8), read when the first server asks for it.
#[derive(Debug)]
pub struct KeyFile {
    /// The file.
    pub path: PathBuf,
    /// Where its passphrase comes from, if it turns out to need one.
    pub passphrase: Option<SecretSource>,
    loaded: OnceLock<Result<Arc<PrivateKey>, String>>,
}

impl KeyFile {
    /// A key file that is not read yet.
    pub fn new(path: impl Into<PathBuf>, passphrase: Option<SecretSource>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), passphrase, loaded: OnceLock::new() })
    }

    /// The key, read and unlocked once, away from the threads that drive connections.
    pub(super) async fn load(self: &Arc<Self>) -> Result<Arc<PrivateKey>, String> {
        let file = Arc::clone(self);
        let load = move || file.loaded.get_or_init(|| file.read().map(Arc::new)).clone();
        tokio::task::spawn_blocking(load).await.unwrap_or_else(|e| Err(e.to_string()))
    }

    fn read(&self) -> Result<PrivateKey, String> {
        match load_secret_key(&self.path, None) {
            Err(KeyError::KeyIsEncrypted) => {
                let passphrase = self.passphrase.as_ref().and_then(SecretSource::value);
                let passphrase = passphrase.ok_or("it is protected by a passphrase and none was given")?;
                load_secret_key(&self.path, Some(passphrase)).map_err(|e| format!("wrong passphrase? {e}"))
            }
            other => other.map_err(|e| e.to_string()),
        }
    }
}

/// Where a secret comes from. It is fetched once, when it is needed and not before: never before a host key
/// is accepted. Clones share what was fetched.
#[derive(Clone)]
pub struct SecretSource {
    name: String,
    fetch: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    value: Arc<OnceLock<Option<String>>>,
}

impl SecretSource {
    /// A secret that `fetch` brings, from a prompt for example. It may block. `None` means that there is none
    /// after all.
    ///
    /// `name` says in errors what it was.
    pub fn new(name: impl Into<String>, fetch: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), fetch: Arc::new(fetch), value: Arc::default() }
    }

    /// A secret in an environment variable. There is no way to take one from an argument, where `ps` shows
    /// it.
    pub fn env(variable: &str) -> Self {
        let name = variable.to_owned();
        Self::new(format!("${variable}"), move || std::env::var(&name).ok())
    }

    /// What it is called in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fetches it, away from the threads that drive connections.
    pub(super) async fn fetch(&self) -> Option<String> {
        let secret = self.clone();
        tokio::task::spawn_blocking(move || secret.value().map(str::to_owned)).await.ok().flatten()
    }

    fn value(&self) -> Option<&str> {
        self.value.get_or_init(|| (self.fetch)()).as_deref()
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({})", self.name)
    }
}

/// How long and how much. Every one is ours: russh's own timers do not cover a peer that stays mute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// TCP connection, name lookup included.
    pub connect: Duration,
    /// Version and key exchange.
    pub handshake: Duration,
    /// All of the login, prompts for secrets included.
    pub login: Duration,
    /// A command that sends nothing for this long is given up.
    pub idle: Duration,
    /// Everything about one device, from the first packet.
    pub total: Duration,
    /// Largest artifact, in bytes.
    pub artifact: usize,
    /// Most bytes from one device in all.
    pub device: u64,
    /// Most rounds of questions: the first, and those that answers raise.
    pub rounds: usize,
    /// Most questions to one device.
    pub questions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            login: Duration::from_secs(15),
            idle: Duration::from_secs(20),
            total: Duration::from_secs(300),
            artifact: 32 << 20,
            device: 128 << 20,
            rounds: 16,
            questions: 4096,
        }
    }
}
