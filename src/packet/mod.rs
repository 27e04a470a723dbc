//! Exact sets of packets: what a firewall lets through, and how two such sets differ. Knows no vendor.

pub mod address;

pub use address::{AddressRange, AddressSet, Family, Prefix};
