//! What reaches what: packets by the trust of the place they come from.

pub mod clients;
pub mod links;
pub mod trust;
pub mod ways;

pub use trust::Trusts;
