//! An SSH server that plays devices from data, for the demo and the tests.
//!
//! It is a real SSH server on loopback with a host key per device, and it has no shell: it understands the
//! script that [`crate::capture`] sends (the same module writes and reads it) and answers each question with
//! the bytes that lie in the device's folder under the artifact's name. What a device is like can be switched
//! while it runs, a device can have a command line of its own instead ([`terminal::Terminal`]), and it can be made to misbehave in every way that a test needs.

mod device;
mod play;
mod server;
mod shell;
pub mod story;
pub mod terminal;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use russh::keys::PublicKey;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::capture::known_hosts::{KnownHosts, KnownHostsError, line_for};
use crate::evidence::folder::FolderError;
use device::Stage;
pub use device::{Device, Fault, State};
pub use server::Login;

/// Why a fleet cannot be started or switched.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A device's folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// No port on loopback.
    #[error("cannot listen on loopback: {0}")]
    Listen(#[source] io::Error),
    /// Two devices of one name, or none of that name.
    #[error("there is no single device named {0:?}")]
    Device(String),
    /// A device has no such state.
    #[error("device {device:?} has no state {state:?}")]
    State {
        /// The device.
        device: String,
        /// The state.
        state: String,
    },
    /// There is no such incident.
    #[error("there is no incident {0:?}; there are {known}", known = story::names().join(", "))]
    Story(String),
    /// The data file of a command line cannot be read.
    #[error("no command line: {0}")]
    Terminal(String),
    /// A host key cannot be made from its seed.
    #[error("cannot make a host key: {0}")]
    Key(String),
    /// The host keys cannot be listed.
    #[error(transparent)]
    KnownHosts(#[from] KnownHostsError),
}

/// Devices that are being played. Dropping it ends them.
#[derive(Debug)]
pub struct Fleet {
    devices: BTreeMap<String, Playing>,
    _listeners: JoinSet<()>,
}

#[derive(Debug)]
struct Playing {
    address: SocketAddr,
    stage: Arc<Stage>,
}

impl Fleet {
    /// Starts every device on a free port of 127.0.0.1; all accept the same login. Needs a tokio runtime.
    ///
    /// # Errors
    /// Two devices share a name, or there is no port.
    pub async fn start(devices: Vec<Device>, login: Login) -> Result<Self, SimulateError> {
        let login = Arc::new(login);
        let mut fleet = Self { devices: BTreeMap::new(), _listeners: JoinSet::new() };
        for device in devices {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(SimulateError::Listen)?;
            let address = listener.local_addr().map_err(SimulateError::Listen)?;
            let name = device.name.clone();
            let stage = Arc::new(Stage::new(device)?);
            fleet._listeners.spawn(server::listen(listener, Arc::clone(&stage), Arc::clone(&login)));
            if fleet.devices.insert(name.clone(), Playing { address, stage }).is_some() {
                return Err(SimulateError::Device(name));
            }
        }
        Ok(fleet)
    }

    /// Names of the devices, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.devices.keys().map(String::as_str)
    }

    /// Where a device listens.
    ///
    /// # Errors
    /// There is no such device.
    pub fn address(&self, device: &str) -> Result<SocketAddr, SimulateError> {
        Ok(self.playing(device)?.address)
    }

    /// Lets a device be in another of its states from now on; connections that stand keep their host key.
    ///
    /// # Errors
    /// There is no such device, or it has no such state.
    pub fn switch(&self, device: &str, state: &str) -> Result<(), SimulateError> {
        let known = self.playing(device)?.stage.switch(state);
        known
            .then_some(())
            .ok_or_else(|| SimulateError::State { device: device.to_owned(), state: state.to_owned() })
    }

    /// Lets every device that has this state be in it.
    pub fn switch_all(&self, state: &str) {
        for playing in self.devices.values() {
            playing.stage.switch(state);
        }
    }

    /// Lets a device misbehave from now on, or behave again.
    ///
    /// # Errors
    /// There is no such device.
    pub fn misbehave(&self, device: &str, fault: Option<Fault>) -> Result<(), SimulateError> {
        self.playing(device)?.stage.set_fault(fault);
        Ok(())
    }

    /// The host key that a device presents in its present state.
    ///
    /// # Errors
    /// There is no such device.
    pub fn host_key(&self, device: &str) -> Result<PublicKey, SimulateError> {
        Ok(self.playing(device)?.stage.host_key()?.public_key().clone())
    }

    /// A record of every device's present host key.
    ///
    /// # Errors
    /// A key has no written form.
    pub fn known_hosts(&self) -> Result<KnownHosts, SimulateError> {
        let mut lines = String::new();
        for (name, playing) in &self.devices {
            let host = playing.address.ip().to_string();
            lines.push_str(&line_for(&host, playing.address.port(), &self.host_key(name)?)?);
            lines.push('\n');
        }
        let mut known = KnownHosts::new();
        known.add(Path::new("simulated devices"), lines.as_bytes());
        Ok(known)
    }

    fn playing(&self, device: &str) -> Result<&Playing, SimulateError> {
        self.devices.get(device).ok_or_else(|| SimulateError::Device(device.to_owned()))
    }
}
