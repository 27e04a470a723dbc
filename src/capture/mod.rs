//! Asking devices over SSH; the only room that knows SSH.
//!
//! [`collect()`] takes [`Target`]s and hands each device's evidence to a sink, already redacted. The way of
//! one device: [`known_hosts`] accepts its key, [`ssh`] logs in, the questions of its platforms go out as a
//! script whose answers come framed (or, where a platform brings a dialogue, one by one
//! to the device's own command line), each answer is proven by its platform and redacted by [`redact`].
//! Nothing on the device changes.

pub mod collect;
mod device;
mod exec;
pub(crate) mod frame;
pub mod known_hosts;
pub mod redact;
pub(crate) mod script;
mod shell;
pub mod ssh;
mod target;

pub use collect::{Captured, Event, Options, collect};
pub use target::{Auth, Endpoint, KeyFile, Limits, SecretSource, Target};
