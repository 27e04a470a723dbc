//! Evidence: what devices said, how completely, and the one door through which it is read.
//!
//! [`DeviceEvidence`] is one device's artifacts however they came: from a snapshot folder, a plain folder, a
//! git revision or a terminal log. Readers in [`crate::platform`] see nothing else.

pub mod device;
pub mod folder;
pub mod git;
pub mod state;
pub mod store;

pub use device::{Age, Algorithms, Artifact, DeviceEvidence, Identity, KeyId, Origin, Proof, Source};
pub use state::{Door, State, StateError, Where};
pub use store::{Phase, STORE, Selector, SnapshotWriter, Store, StoreError};
