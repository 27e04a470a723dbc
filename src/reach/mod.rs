//! What reaches what: packets by the trust of the place they come from.

pub mod clients;
pub mod trust;

pub use trust::Trusts;
