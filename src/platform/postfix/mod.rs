//! Postfix: its relay policy from main.cf, master.cf and lookup tables, or from what `postconf` and `postmap` print.
//!
//! Follows postconf(5), master(5), access(5), SMTPD_ACCESS_README and ADDRESS_CLASS_README of Postfix 3.7, and what a
//! live 3.7.11 answered where they leave room.

mod bind;
mod builtin;
mod config;
mod defaults;
mod expand;
mod guard;
mod host;
mod listener;
mod lists;
mod logical;
mod maincf;
mod mastercf;
mod restrictions;
mod routing;
mod tablefile;
mod tables;
mod transport;

use std::cell::RefCell;

use super::{Ask, DeviceModel, Gap, Noise, Platform, Secret};
use crate::evidence::DeviceEvidence;
use crate::reason::Reason;
use crate::relay::Policy;
use config::Config;

/// The platform.
#[derive(Debug)]
pub struct Postfix;

impl Platform for Postfix {
    fn id(&self) -> &'static str {
        "postfix"
    }

    fn signs(&self) -> &'static [&'static str] {
        &["postconf-n.txt", "postconf-M.txt", "postconf-effective.txt", "files/etc/postfix/main.cf"]
    }

    fn ask(&self) -> Vec<Ask> {
        Vec::new()
    }

    fn prove(&self, _artifact: &str, _bytes: &[u8]) -> Result<(), Reason> {
        Ok(())
    }

    fn secrets(&self) -> &'static [Secret] {
        &[]
    }

    fn noise(&self) -> &'static [Noise] {
        &[]
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        match read(evidence) {
            Some((policy, gaps)) => {
                model.relay = Some(policy);
                model.gaps.extend(gaps);
            }
            None => {
                let reason = Reason::ArtifactMissing { artifact: "files/etc/postfix/main.cf".into() };
                model.gaps.push(Gap { reason, location: None });
            }
        }
    }
}

/// The relay policy that the evidence describes, and what is missing or not understood; `None` without any
/// configuration.
fn read(evidence: &DeviceEvidence) -> Option<(Policy, Vec<Gap>)> {
    let config = Config::load(evidence)?;
    let tables = tables::Tables::new(&config);
    let policy = RefCell::new(Policy::default());
    let own = host::interfaces(&config);
    let reader = listener::Reader { config: &config, tables: &tables, policy: &policy, own };
    let listeners = reader.listeners();
    let own_addresses = reader.own.as_deref().map(host::addresses);
    let notes = tables.take_notes();
    let mut policy = policy.into_inner();
    policy.listeners = listeners;
    policy.own_addresses = own_addresses;
    policy.notes = notes;
    Some((policy, config.take_gaps()))
}
