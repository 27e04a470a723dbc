//! What a simulated device is made of: states with artifacts and a host key, and ways to misbehave.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use sha2::{Digest, Sha256};

use super::SimulateError;
use super::terminal::Terminal;
use crate::evidence::folder::{self, DeviceFile};

/// A device: a name and what it is like at several times.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its states; it begins in the first.
    pub states: Vec<State>,
}

/// What a device is like at one time.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Name of the state, such as `before` or `during-1`.
    pub name: String,
    /// Artifact name to the bytes that it answers; anything else does not exist on the device.
    pub artifacts: BTreeMap<String, Vec<u8>>,
    /// What its host key is made from. Equal seeds make equal keys; a replaced device has another one.
    pub seed: String,
    /// What its SSH server calls itself (`SSH-2.0-...`); anything else is replaced by a name of ours.
    pub banner: String,
    /// Its command line; a device that has one runs no commands over SSH (exec).
    pub terminal: Option<Arc<Terminal>>,
}

impl State {
    /// A state whose artifacts are the files of a folder. Its host key and banner are those of the folder's
    /// `device.toml`; without one, the key is made from `seed`.
    ///
    /// # Errors
    /// The folder cannot be read whole.
    pub fn from_folder(name: &str, folder: &Path, seed: &str) -> Result<Self, SimulateError> {
        let evidence = folder::read_device(folder, name, Vec::new())?;
        let known = DeviceFile::read(folder)?;
        Ok(Self {
            name: name.to_owned(),
            artifacts: evidence.artifacts.into_iter().map(|(name, a)| (name, a.bytes.to_vec())).collect(),
            seed: known.host_key_seed.unwrap_or_else(|| seed.to_owned()),
            banner: known.banner.unwrap_or_default(),
            terminal: None,
        })
    }
}

/// A way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Accepts the connection and says nothing, ever.
    Mute,
    /// Presents the host key of another seed.
    OtherKey(String),
    /// Refuses every login.
    RefuseLogin,
    /// Asks for the password in a keyboard-interactive dialogue only.
    Interactive,
    /// Runs no commands.
    RefuseExec,
    /// Never answers an exec request at all.
    MuteShell,
    /// Sends this before anything else, as start-up files do, and on standard error as well.
    Noise(Vec<u8>),
    /// Sends this between two answers.
    Between(Vec<u8>),
    /// Sends the first bytes of this artifact and then nothing more, leaving the channel open.
    Hang(String),
    /// Sends the first bytes of this artifact and closes the connection without a word.
    Cut(String),
    /// Sends the first bytes of this artifact and ends the channel properly.
    Truncate(String),
    /// Sends bytes for this artifact without end.
    Flood(String),
    /// Lets this artifact's bytes imitate the end of its answer and all further ones; on a command line, the prompt.
    Forge(String),
    /// Shows one line less of this artifact each time, on a command line.
    Waver(String),
    /// Announces one byte more than a file has.
    LieAboutSize,
    /// Answers this artifact's question with an exit status and a word on standard error.
    Fail(String, u32),
    /// Sends pieces of so many bytes with a pause after each.
    Drip(usize, Duration),
    /// Ends the channel without an exit status.
    NoStatus,
    /// Ends the channel without an end of file.
    NoEof,
    /// Ends the script with this exit status.
    Status(u32),
    /// Ends the script by a signal.
    Signal,
}

/// A device while it is played.
#[derive(Debug)]
pub(super) struct Stage {
    states: Vec<Arc<State>>,
    now: Mutex<Now>,
}

#[derive(Debug, Clone)]
pub(super) struct Now {
    pub(super) state: Arc<State>,
    pub(super) fault: Option<Fault>,
}

impl Stage {
    pub(super) fn new(device: Device) -> Result<Self, SimulateError> {
        let states: Vec<Arc<State>> = device.states.into_iter().map(Arc::new).collect();
        let no_state = || SimulateError::State { device: device.name.clone(), state: String::new() };
        let state = Arc::clone(states.first().ok_or_else(no_state)?);
        Ok(Self { states, now: Mutex::new(Now { state, fault: None }) })
    }

    pub(super) fn now(&self) -> Now {
        self.lock().clone()
    }

    pub(super) fn switch(&self, name: &str) -> bool {
        let Some(state) = self.states.iter().find(|s| s.name == name) else { return false };
        self.lock().state = Arc::clone(state);
        true
    }

    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// The host key of this moment.
    pub(super) fn host_key(&self) -> Result<PrivateKey, SimulateError> {
        let now = self.now();
        match &now.fault {
            Some(Fault::OtherKey(seed)) => host_key(seed),
            _ => host_key(&now.state.seed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ed25519 key of a seed: RFC 8032 section 5.1.5 makes a key of 32 bytes, and these are the seed's
/// SHA-256.
fn host_key(seed: &str) -> Result<PrivateKey, SimulateError> {
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&Sha256::digest(seed).into()));
    PrivateKey::new(pair, "").map_err(|e| SimulateError::Key(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::known_hosts::key_id;

    #[test]
    fn a_seed_makes_the_key_that_other_programs_make_of_it() {
        let key = host_key("ishikura rt1 2019").unwrap();
        let fingerprint = "SHA256:qfIEKeqtKawr+YzXvqtgOCwVZAJDBKb8L9MPK/5Sb2w";
        assert_eq!(key_id(key.public_key()).fingerprint, fingerprint);
    }
}
