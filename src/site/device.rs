//! One `[[device]]` of `site.toml`: how it is reached, what runs on it, where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::draft::Draft;
use super::endpoint::{Account, HostPort, read_domain, read_user};
use super::name::Name;
use super::probe::Target;
use super::problem::Referent;
use super::table::{Table, Value};
use super::value::{read_artifact, read_interface, read_variable};
use super::zone::Interfaces;
use crate::evidence::Age;

/// A declared device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Name; its folder in the evidence store has the same.
    pub name: Name,
    /// Where it is reached over SSH. Absent for a device that is only read from files.
    pub address: Option<HostPort>,
    /// Account to log in with.
    pub user: Option<String>,
    /// Ways to log in, in the order in which they are tried; `None` leaves it to `capture`.
    pub auth: Option<Vec<Auth>>,
    /// Private key file.
    pub key: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub password_env: Option<String>,
    /// Environment variable that holds the password for the rights that reading the configuration takes (`enable`).
    pub enable_env: Option<String>,
    /// How old the algorithms of its SSH server may be.
    pub algorithms: Age,
    /// Time limit for capturing this device.
    pub timeout: Option<Duration>,
    /// Hop on the way.
    pub jump: Option<Jump>,
    /// Platforms, in the order in which they are read; empty for a device that cannot be read, only tested.
    pub platforms: Vec<String>,
    /// Groups, for `never_together`.
    pub groups: BTreeSet<Name>,
    /// Zone of each interface.
    pub interfaces: Interfaces,
    /// The firewall in front of it.
    pub behind: Option<Name>,
    /// Domains whose mail it handles, in lower case.
    pub mail_domains: BTreeSet<String>,
    /// Where it may be tested for real.
    pub probe: Vec<Target>,
    /// Artifacts read from files instead of over SSH: name to path.
    pub files: BTreeMap<String, PathBuf>,
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Auth {
    /// A key held by the SSH agent.
    Agent,
    /// A key file.
    Key,
    /// A password, from a prompt or from `password_env`.
    Password,
}

/// A hop on the way to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jump {
    /// Another declared device, with its own address, account and host key.
    Device(Name),
    /// A host that is not a device.
    Account(Account),
}

impl Device {
    /// The device's address, where it is written as one and not as a host name.
    pub fn literal_address(&self) -> Option<IpAddr> {
        match self.address.as_ref()?.host {
            super::endpoint::Host::Address(address) => Some(address),
            super::endpoint::Host::Name(_) => None,
        }
    }
}

/// Reads one `[[device]]`. References to other entries are noted in the draft and checked once all are read.
pub(super) fn read_device(table: Table<'_>, draft: &Draft<'_>) -> Option<Device> {
    let name = table.need("name", "name = \"fw-edge\"").and_then(|v| draft.declare(Referent::Device, &v));
    let platforms = table.need("platforms", "platforms = [\"nftables\"]").and_then(|v| draft.platforms(&v));
    let address = table.get("address").and_then(|v| v.parse(HostPort::new));
    let user = table.get("user").and_then(|v| v.parse(read_user));
    let auth = table.get("auth").and_then(|v| read_auth(&v));
    let key = table.get("key").and_then(|v| v.parse(|text| draft.path(text)));
    let password_env = table.get("password_env").and_then(|v| v.parse(read_variable));
    let enable_env = table.get("enable_env").and_then(|v| v.parse(read_variable));
    let ages = [("modern", Age::Modern), ("legacy-2012", Age::Legacy2012), ("legacy-2005", Age::Legacy2005)];
    let algorithms = table.get("algorithms").and_then(|v| v.one_of(&ages));
    let timeout = table.get("timeout").and_then(|v| v.duration());
    let jump = table.get("jump").and_then(|v| read_jump(&v, draft));
    let groups = table.get("groups").and_then(|v| v.each(|group| draft.declare(Referent::Group, group)));
    let interfaces = table.get("interfaces").and_then(|v| read_interfaces(&v, draft));
    let behind = table.get("behind").and_then(|v| draft.refer(Referent::Device, &v));
    let mail_domains = table.get("mail_domains").and_then(|v| v.each(|domain| domain.parse(read_domain)));
    let probe = table.get("probe").and_then(|v| v.each(|target| target.parse(Target::new)));
    let files = table.get("files").and_then(|v| read_files(&v, draft));
    table.finish();
    Some(Device {
        name: name?,
        platforms: platforms?,
        address,
        user,
        auth,
        key,
        password_env,
        enable_env,
        algorithms: algorithms.unwrap_or_default(),
        timeout,
        jump,
        groups: groups.unwrap_or_default().into_iter().collect(),
        interfaces: interfaces.unwrap_or_default(),
        behind,
        mail_domains: mail_domains.unwrap_or_default().into_iter().collect(),
        probe: probe.unwrap_or_default(),
        files: files.unwrap_or_default(),
    })
}

fn read_auth(value: &Value<'_>) -> Option<Vec<Auth>> {
    let words = [("agent", Auth::Agent), ("key", Auth::Key), ("password", Auth::Password)];
    let mut ways: Vec<Auth> = Vec::new();
    for way in value.filled()?.iter().filter_map(|way| way.one_of(&words)) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    Some(ways)
}

/// A bare word is a device's name; a host that is no device shows itself by `user@` or a port, or is an address.
fn read_jump(value: &Value<'_>, draft: &Draft<'_>) -> Option<Jump> {
    let text = value.text()?;
    if text.contains(['@', ':']) || text.parse::<IpAddr>().is_ok() {
        value.parse(Account::new).map(Jump::Account)
    } else {
        draft.refer(Referent::Hop, value).map(Jump::Device)
    }
}

fn read_interfaces(value: &Value<'_>, draft: &Draft<'_>) -> Option<Interfaces> {
    let table = value.table("interfaces = { wan0 = \"internet\" }")?;
    let mut interfaces = Interfaces::new();
    for entry in table.entries() {
        let zone = draft.refer(Referent::Zone, &entry.value);
        if let (Some(interface), Some(zone)) = (entry.parse_key(read_interface), zone) {
            interfaces.insert(interface, zone);
        }
    }
    Some(interfaces)
}

fn read_files(value: &Value<'_>, draft: &Draft<'_>) -> Option<BTreeMap<String, PathBuf>> {
    let table = value.table("files = { \"files/etc/postfix/main.cf\" = \"mx1/main.cf\" }")?;
    let mut files = BTreeMap::new();
    for entry in table.entries() {
        let path = entry.value.parse(|text| draft.path(text));
        if let (Some(artifact), Some(path)) = (entry.parse_key(read_artifact), path) {
            files.insert(artifact, path);
        }
    }
    Some(files)
}
