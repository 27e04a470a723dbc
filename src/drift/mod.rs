//! Before against after: text, flows, relay attempts.

pub mod flows;
pub mod lines;
pub mod relay;
mod shown;
pub mod text;

pub use flows::{FlowDrift, Group, Moment};
pub use lines::{Certainty, FlowLine};
