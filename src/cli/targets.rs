//! From declared devices, or from `user@host`, to what `capture` connects to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::CliError;
use super::declared::Declared;
use crate::capture::known_hosts::{KnownHosts, Place, usual_files};
use crate::capture::{Auth, Endpoint, KeyFile, SecretSource, Target};
use crate::evidence::Age;
use crate::platform::{self, Platform};
use crate::report::Lang;
use crate::report::words::connect as words;
use crate::site::device::{Auth as Way, Jump};
use crate::site::endpoint::{Account, Host, HostPort};
use crate::site::{Device, Name, Site};

/// Options of commands that connect.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Connect {
    /// Private key file; else the agent's keys and ~/.ssh/id_*
    #[arg(long, short = 'i', value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Ask for the login password, once, on the terminal
    #[arg(long)]
    pub(super) ask_password: bool,
    /// Environment variable that holds the login password
    #[arg(long, value_name = "VARIABLE")]
    pub(super) password_env: Option<String>,
    /// Ask for the password of `enable` (or `administrator`), once, on the terminal
    #[arg(long)]
    pub(super) ask_enable: bool,
    /// Environment variable that holds the password of `enable` (or `administrator`)
    #[arg(long, value_name = "VARIABLE")]
    pub(super) enable_env: Option<String>,
    /// OpenSSH known_hosts file; else the site's, else the usual ones
    #[arg(long, value_name = "FILE")]
    pub(super) known_hosts: Option<PathBuf>,
    /// Devices captured at once
    #[arg(long, value_name = "N", default_value_t = crate::capture::collect::CONCURRENCY)]
    pub(super) concurrency: usize,
}

/// Turns devices into targets.
pub(super) struct Targets<'a> {
    site: &'a Site,
    connect: &'a Connect,
    known_hosts: Arc<KnownHosts>,
    password: Option<SecretSource>,
    privilege: Option<SecretSource>,
    keys: BTreeMap<PathBuf, Arc<KeyFile>>,
    lang: Lang,
}

impl<'a> Targets<'a> {
    /// Reads the known hosts, and asks for the password if that was wished.
    ///
    /// # Errors
    /// A known_hosts file that cannot be read, or no terminal to ask on.
    pub(super) fn new(declared: &'a Declared, connect: &'a Connect, lang: Lang) -> Result<Self, CliError> {
        let site = &declared.site;
        let mut known_hosts = known_hosts(site, connect)?;
        announce(declared, &mut known_hosts);
        let known_hosts = Arc::new(known_hosts);
        let password = match (&connect.password_env, connect.ask_password) {
            (Some(variable), _) => Some(SecretSource::env(variable)),
            (None, true) => Some(ask_password(words::password(lang), lang)?),
            (None, false) => None,
        };
        let privilege = match (&connect.enable_env, connect.ask_enable) {
            (Some(variable), _) => Some(SecretSource::env(variable)),
            (None, true) => Some(ask_password(words::enable(lang), lang)?),
            (None, false) => None,
        };
        Ok(Self { site, connect, known_hosts, password, privilege, keys: BTreeMap::new(), lang })
    }

    /// The target of a declared device.
    ///
    /// # Errors
    /// It has no address, or no password can be asked for.
    pub(super) fn of_device(&mut self, device: &Device) -> Result<Target, CliError> {
        let endpoint = self.endpoint(device)?;
        let via = self.via(device, &mut BTreeSet::new())?;
        Ok(Target {
            name: device.name.to_string(),
            endpoint,
            via,
            platforms: device.platforms.iter().filter_map(|id| platform::by_id(id)).collect(),
            known_hosts: Arc::clone(&self.known_hosts),
            privilege: device.enable_env.as_deref().map(SecretSource::env).or_else(|| self.privilege.clone()),
            timeout: device.timeout,
        })
    }

    /// The target of a host that is not declared.
    ///
    /// # Errors
    /// No user is known, or no password can be asked for.
    pub(super) fn of_account(
        &mut self,
        name: Name,
        account: &Account,
        platforms: Vec<&'static dyn Platform>,
    ) -> Result<Target, CliError> {
        Ok(Target {
            name: name.to_string(),
            endpoint: self.account(account, None)?,
            via: Vec::new(),
            platforms,
            known_hosts: Arc::clone(&self.known_hosts),
            privilege: self.privilege.clone(),
            timeout: None,
        })
    }

    fn endpoint(&mut self, device: &Device) -> Result<Endpoint, CliError> {
        let address = device
            .address
            .as_ref()
            .ok_or_else(|| CliError::Usage(words::no_address(device.name.as_str(), self.lang)))?;
        let auth = self.auth(device)?;
        let user = device.user.clone().map_or_else(|| own_user(self.lang), Ok)?;
        Ok(Endpoint { algorithms: device.algorithms, ..endpoint(address, user, auth) })
    }

    fn account(&mut self, account: &Account, user: Option<&str>) -> Result<Endpoint, CliError> {
        let auth = self.default_auth(None, self.password.clone());
        let user = account.user.clone().or_else(|| user.map(str::to_owned));
        let user = user.map_or_else(|| own_user(self.lang), Ok)?;
        Ok(endpoint(&account.at, user, auth))
    }

    /// The hops to a device, the first one first.
    fn via(&mut self, device: &Device, seen: &mut BTreeSet<Name>) -> Result<Vec<Endpoint>, CliError> {
        match &device.jump {
            None => Ok(Vec::new()),
            Some(Jump::Account(account)) => Ok(vec![self.account(account, device.user.as_deref())?]),
            Some(Jump::Device(name)) => {
                let site = self.site;
                let hop = site.devices.get(name).filter(|_| seen.insert(name.clone()));
                let hop =
                    hop.ok_or_else(|| CliError::Usage(words::hop_circle(device.name.as_str(), self.lang)))?;
                let mut via = self.via(hop, seen)?;
                via.push(self.endpoint(hop)?);
                Ok(via)
            }
        }
    }

    /// Ways to log in to a declared device.
    fn auth(&mut self, device: &Device) -> Result<Vec<Auth>, CliError> {
        let password = match &device.password_env {
            Some(variable) => Some(SecretSource::env(variable)),
            None => self.password.clone(),
        };
        let Some(ways) = &device.auth else { return Ok(self.default_auth(device.key.as_deref(), password)) };
        let mut out = Vec::new();
        for way in ways {
            match way {
                Way::Agent => out.push(Auth::Agent { socket: None }),
                Way::Key => out.extend(self.key_files(device.key.as_deref())),
                Way::Password => out.push(Auth::Password(match &password {
                    Some(password) => password.clone(),
                    None => self.prompt()?,
                })),
            }
        }
        Ok(out)
    }

    /// Key files, then the agent, then the password if one was given: as ssh(1) does, without ever prompting on its own.
    fn default_auth(&mut self, key: Option<&Path>, password: Option<SecretSource>) -> Vec<Auth> {
        let named = key.is_some() || self.connect.key.is_some();
        let agent = Auth::Agent { socket: None };
        let keys = self.key_files(key);
        let mut out = Vec::new();
        if named {
            out.extend(keys);
            out.push(agent);
        } else {
            out.push(agent);
            out.extend(keys);
        }
        out.extend(password.map(Auth::Password));
        out
    }

    /// The key file that was named, else those that ssh(1) tries that are there.
    fn key_files(&mut self, named: Option<&Path>) -> Vec<Auth> {
        let named = named.or(self.connect.key.as_deref()).map(Path::to_path_buf);
        let usual = || {
            let home = std::env::home_dir().map(|home| home.join(".ssh"));
            let files =
                home.into_iter().flat_map(|d| ["id_ed25519", "id_ecdsa", "id_rsa"].map(|f| d.join(f)));
            files.filter(|f| f.is_file()).collect()
        };
        let files: Vec<PathBuf> = named.map_or_else(usual, |file| vec![file]);
        let lang = self.lang;
        let load = |file: PathBuf| {
            let passphrase = passphrase(&file, lang);
            Auth::Key(Arc::clone(
                self.keys.entry(file.clone()).or_insert_with(|| KeyFile::new(file, passphrase)),
            ))
        };
        files.into_iter().map(load).collect()
    }

    /// The password from the terminal: asked for once, before anything is connected, for every device that needs one.
    fn prompt(&mut self) -> Result<SecretSource, CliError> {
        let asked = ask_password(words::password(self.lang), self.lang)?;
        self.password = Some(asked.clone());
        Ok(asked)
    }
}

fn endpoint(at: &HostPort, user: String, auth: Vec<Auth>) -> Endpoint {
    Endpoint { host: host_text(&at.host), port: at.port, user, auth, algorithms: Age::Modern }
}

fn own_user(lang: Lang) -> Result<String, CliError> {
    let variables = ["USER", "LOGNAME", "USERNAME"];
    let found = variables.iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    found.ok_or_else(|| CliError::Usage(words::no_user(lang).to_owned()))
}

fn known_hosts(site: &Site, connect: &Connect) -> Result<KnownHosts, CliError> {
    let mut known = KnownHosts::new();
    match connect.known_hosts.as_ref().or(site.known_hosts.as_ref()) {
        Some(file) => known.read(file)?,
        None => usual_files().iter().try_for_each(|file| known.read_if_exists(file))?,
    }
    Ok(known)
}

/// The host keys that the plan announces for replaced devices.
fn announce(declared: &Declared, known_hosts: &mut KnownHosts) {
    let Some(change) = &declared.change else { return };
    for expected in &change.expect.host_key {
        let device = declared.site.devices.get(&expected.device);
        if let Some(at) = device.and_then(|d| d.address.as_ref()) {
            let line = change.source.place(expected.place.start).line;
            let place = Place { file: Arc::from(change.source.path()), line };
            known_hosts.announce(&host_text(&at.host), at.port, &expected.fingerprint, place);
        }
    }
}

fn host_text(host: &Host) -> String {
    match host {
        Host::Address(address) => address.to_string(),
        Host::Name(name) => name.clone(),
    }
}

/// Asks for a password now, so that no time limit runs while somebody types.
fn ask_password(prompt: &str, lang: Lang) -> Result<SecretSource, CliError> {
    let typed = rpassword::prompt_password(prompt);
    let typed = typed.map_err(|e| CliError::Usage(words::no_prompt(&e.to_string(), lang)))?;
    Ok(SecretSource::new(words::PROMPT, move || Some(typed.clone())))
}

/// Asks for a key's passphrase when the key turns out to need one; nobody is asked where there is no terminal.
fn passphrase(file: &Path, lang: Lang) -> Option<SecretSource> {
    let prompt = words::passphrase(&crate::report::text::escape(&file.display().to_string()), lang);
    let ask = move || rpassword::prompt_password(&prompt).ok();
    std::io::stderr().is_terminal().then(|| SecretSource::new(words::PROMPT, ask))
}
