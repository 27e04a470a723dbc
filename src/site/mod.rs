//! What a user declares: `site.toml` (devices, zones, what must stay apart or reachable) and `change.toml` (window,
//! scope, what a job is expected to open).
//!
//! A file is read as a whole: every problem in it is told at once, each with its place and what to write instead
//! ([`diagnostic`], [`problem`]; words for people in [`crate::report::words::declarations`]). What is read has types
//! that cannot be wrong, and every name in it is declared, so nothing is checked again later.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

pub mod change;
pub mod device;
pub mod diagnostic;
mod draft;
pub mod endpoint;
pub mod find;
pub mod flow;
pub mod init;
pub mod load;
pub mod name;
pub mod near;
pub mod ports;
pub mod probe;
pub mod problem;
mod read;
pub mod resolve;
pub mod table;
pub mod value;
pub mod zone;

pub use change::Change;
pub use device::Device;
pub use diagnostic::{Diagnostic, Rejected, Source};
pub use flow::FlowSpec;
pub use name::Name;
pub use probe::Probing;
pub use zone::{InterfaceRole, Trust, TrustSets, Zone, Zones};

use crate::packet::AddressSet;

/// What a site declares. The default is a site that declares nothing, as without `site.toml`.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Name of the organisation.
    pub name: Option<String>,
    /// Sets of zones between which no flow may ever be won.
    pub isolate: Vec<Spanned<BTreeSet<Name>>>,
    /// Flows that must stay possible.
    pub require: Vec<Spanned<FlowSpec>>,
    /// Sets of groups that may not both change in one window.
    pub never_together: Vec<Spanned<BTreeSet<Name>>>,
    /// How long the site is watched after a window, and how far apart `never_together` groups must change.
    pub soak: Option<Duration>,
    /// OpenSSH known_hosts file with the host keys of this site.
    pub known_hosts: Option<PathBuf>,
    /// Zones.
    pub zones: Zones,
    /// Devices, by name.
    pub devices: BTreeMap<Name, Device>,
    /// How tests from outside are made.
    pub probing: Probing,
    /// Rule packs; empty means the default pack.
    pub packs: Vec<Pack>,
    /// The file it was read from; spans point into it.
    pub source: Option<Source>,
}

/// A rule pack that a site uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pack {
    /// One that comes with the program.
    Shipped(String),
    /// A file of the site.
    File(PathBuf),
}

/// What the program brings along for declarations to refer to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Ids of the platforms that can be read.
    pub platforms: &'a [&'a str],
    /// Names of the rule packs that come along.
    pub packs: &'a [&'a str],
    /// The user's home folder, for paths that begin with `~/`.
    pub home: Option<&'a Path>,
}

impl Site {
    /// Reads `site.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn parse(source: &Source, known: &Known<'_>) -> Result<Self, Rejected> {
        read::read_site(source, known)
    }

    /// The devices of a group.
    pub fn group<'s>(&'s self, group: &'s str) -> impl Iterator<Item = &'s Device> {
        self.devices.values().filter(move |device| device.groups.contains(group))
    }

    /// The zone that a packet from `source` belongs to which arrives on an interface of a device: see
    /// [`Zones::zone_of`].
    pub fn zone_of(&self, device: &str, interface: Option<&str>, source: IpAddr) -> Option<&Zone> {
        self.zones.zone_of(&self.interfaces(device), interface, source)
    }

    /// The sources on an interface of a device by trust: see [`Zones::trust`]. Without declared zones these are the
    /// defaults.
    pub fn trust(
        &self,
        device: &str,
        interface: Option<&str>,
        own: &AddressSet,
        role: InterfaceRole,
    ) -> TrustSets {
        self.zones.trust(&self.interfaces(device), interface, own, role)
    }

    /// The zones of a device's interfaces; none for a device that is not declared.
    pub fn interfaces(&self, device: &str) -> zone::Interfaces {
        self.devices.get(device).map(|device| device.interfaces.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
