//! Exact sets of packets: what a firewall lets through, and how two such sets differ. Knows no vendor.

pub mod address;
pub mod bdd;
pub mod cover;
pub mod field;
pub mod fresh;
pub mod interfaces;
pub mod sample;
pub mod space;

pub use address::{AddressRange, AddressSet, Family, Prefix};
pub use bdd::Limits;
pub use cover::{CoverLimits, FlowBox};
pub use field::{Field, State, flag, proto};
pub use interfaces::{Interfaces, NamePattern};
pub use sample::Packet;
pub use space::{Atom, PacketSet, Space};
