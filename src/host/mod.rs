//! Vendor-neutral host facts: addresses, routes, sysctl, listening sockets.

/// What is known of the host itself.
#[derive(Debug, Default)]
pub struct HostFacts {}
