//! Asking devices over SSH; the only room that knows SSH.

mod exec;
mod frame;
pub mod known_hosts;
pub mod redact;
mod script;
pub mod ssh;
mod target;

pub use target::{Auth, Endpoint, KeyFile, Limits, Secret, Target};
