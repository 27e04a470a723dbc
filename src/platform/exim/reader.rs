//! What reading one configuration needs: the evidence, the file in its sections, the host, and lists that were read.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::config::{Config, ListKind};
use crate::evidence::DeviceEvidence;
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::packet::address::AddressSet;
use crate::platform::Gap;
use crate::platform::mta::{never, unread};
use crate::reason::Reason;
use crate::relay::{Condition, ListId, Policy, Subject, Table};

/// What is known of a file on the device.
pub(super) enum FileState {
    Text(String),
    Absent,
    Unknown,
}

/// One configuration on its way into neutral words.
pub(super) struct Reader<'e> {
    pub(super) evidence: &'e DeviceEvidence,
    pub(super) config: Config,
    /// The host's own name, where the evidence tells it.
    pub(super) host_name: Option<String>,
    pub(super) qualify: Option<String>,
    pub(super) own: Option<AddressSet>,
    pub(super) accounts: Arc<Table>,
    /// Files that the packaged configuration names count as not there.
    pub(super) packaged: bool,
    /// Port of the listener that is being read.
    pub(super) port: Cell<Option<u16>>,
    pub(super) policy: RefCell<Policy>,
    pub(super) lists: RefCell<BTreeMap<(ListKind, String, Subject), Condition>>,
    pub(super) acls: RefCell<BTreeMap<String, ListId>>,
    pub(super) depth: Cell<usize>,
    /// Domains that some list names.
    pub(super) domains: RefCell<BTreeSet<(String, Location)>>,
    pub(super) wanted: RefCell<BTreeSet<String>>,
    pub(super) gaps: RefCell<Vec<Gap>>,
}

impl Reader<'_> {
    /// The text of a file, which is wanted from now on.
    pub(super) fn file(&self, path: &str) -> FileState {
        let path = path.trim();
        self.wanted.borrow_mut().insert(path.to_owned());
        match self.evidence.file(path) {
            Some(text) => FileState::Text(text.into_owned()),
            None if self.evidence.is_absent(&file_artifact(path)) => FileState::Absent,
            None => FileState::Unknown,
        }
    }

    /// Whether a file exists.
    pub(super) fn exists(&self, path: &str) -> Condition {
        match self.file(path) {
            FileState::Text(_) => Condition::Always,
            FileState::Absent => never(),
            FileState::Unknown if self.packaged => never(),
            FileState::Unknown => unread(&format!("exists {path}")),
        }
    }

    /// A variable whose value no mail changes; one attempt has one recipient.
    pub(super) fn constant(&self, name: &str) -> Option<String> {
        let port = || self.port.get().map(|p| p.to_string());
        match name {
            "primary_hostname" | "smtp_active_hostname" => self.host_name.clone(),
            "qualify_domain" | "qualify_recipient" => self.qualify.clone(),
            "interface_port" | "received_port" => port(),
            "spool_directory" => {
                Some(self.config.text("spool_directory").unwrap_or("/var/spool/exim4").to_owned())
            }
            "rcpt_count" => Some("1".into()),
            "recipients_count" | "rcpt_fail_count" | "rcpt_defer_count" => Some("0".into()),
            "rcpt_fail_max" => None,
            _ => None,
        }
    }

    /// Notes something that is missing or not understood.
    pub(super) fn gap(&self, reason: Reason, location: Option<Location>) {
        let gap = Gap { reason, location };
        let mut gaps = self.gaps.borrow_mut();
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
}
