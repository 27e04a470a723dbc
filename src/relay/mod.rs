//! Vendor-neutral relay policy and its meaning as relay attempts.

/// The relay policy of one host.
#[derive(Debug, Default)]
pub struct Policy {}
