//! Where a host sends mail on to by its configuration, whoever wrote it: next hosts, copies, aliases in other domains
//! (case R11).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::policy::Policy;
use crate::finding::Location;

/// One place that mail is sent on to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Onward {
    /// The setting.
    pub setting: Arc<str>,
    /// Which mail, where not all of it: the key of a table.
    pub key: Option<Arc<str>>,
    /// The host or domain, in lower case, without brackets and port.
    pub to: Arc<str>,
    /// Where it is written.
    pub at: Location,
}

/// Places that mail is sent on to now and was not before.
pub fn diverted(before: &Policy, after: &Policy) -> Vec<Onward> {
    let known: BTreeSet<&str> = before.onward.iter().map(|onward| &*onward.to).collect();
    let mut new: Vec<Onward> =
        after.onward.iter().filter(|onward| !known.contains(&*onward.to)).cloned().collect();
    new.sort();
    new.dedup_by(|a, b| a.to == b.to && a.setting == b.setting);
    new
}
