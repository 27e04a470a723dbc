//! Vendor-neutral rulesets and their meaning as packet sets.

/// All packet filters of one host.
#[derive(Debug, Default)]
pub struct Firewall {}
