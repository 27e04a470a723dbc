//! Asking devices over SSH; the only room that knows SSH.

mod frame;
pub mod known_hosts;
mod script;
