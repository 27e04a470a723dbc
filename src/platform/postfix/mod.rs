//! Postfix: its relay policy from main.cf, master.cf and lookup tables, or from what `postconf` and `postmap` print.
//!
//! Follows postconf(5), master(5), access(5), SMTPD_ACCESS_README and ADDRESS_CLASS_README of Postfix 3.7, and what a
//! live 3.7.11 answered where they leave room.

mod agree;
mod ask;
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
mod onward;
mod other;
mod restrictions;
mod routing;
mod safeguards;
mod secrets;
mod tablefile;
mod tables;
mod transport;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use super::{Ask, DeviceModel, Gap, Noise, Platform, Restore, Secret, linux};
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

    fn host(&self) -> Option<&'static dyn Platform> {
        Some(&linux::Linux)
    }

    fn signs(&self) -> &'static [&'static str] {
        &["postconf-n.txt", "postconf-M.txt", "postconf-effective.txt", "files/etc/postfix/main.cf"]
    }

    fn ask(&self) -> Vec<Ask> {
        ask::first()
    }

    fn follow(&self, got: &DeviceEvidence) -> Vec<Ask> {
        let Some(config) = Config::load(got) else { return Vec::new() };
        let folder = config.global().get("config_directory");
        config.want(|wanted| {
            wanted.files.extend(["main.cf", "master.cf"].map(|file| format!("{folder}/{file}")))
        });
        // whatever the reader looks for is what must be fetched
        let _ = policy(&config);
        ask::next(got, &config.wanted())
    }

    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        ask::prove(artifact, bytes)
    }

    fn restore(&self, artifact: &str, _: &DeviceEvidence) -> Option<Restore> {
        match artifact {
            name if name.starts_with("files/") => Some(Restore::File),
            name if name.starts_with("postconf-") || name == "postmap-s.txt" => Some(Restore::Covered),
            _ => None,
        }
    }

    fn reload(&self, restored: &[&str]) -> Vec<String> {
        ask::reload(restored)
    }

    /// Everything that is asked for, but for the names of accounts: they come and go.
    fn configures_relay(&self, artifact: &str) -> bool {
        artifact != "files/etc/passwd"
    }

    fn secrets(&self) -> &'static [Secret] {
        secrets::SECRETS
    }

    /// `process_id` is postconf's own (postconf(5)).
    fn noise(&self) -> &'static [Noise] {
        &[Noise {
            artifacts: "postconf-effective.txt",
            pattern: r"(?m)^process_id = \d+$",
            replacement: "process_id = 0",
        }]
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
    let policy = policy(&config);
    Some((policy, config.take_gaps()))
}

fn policy(config: &Config<'_>) -> Policy {
    let tables = tables::Tables::new(config);
    let policy = RefCell::new(Policy::default());
    let own = host::interfaces(config);
    let reader = listener::Reader { config, tables: &tables, policy: &policy, own };
    let listeners = reader.listeners();
    let own_addresses = reader.own.as_deref().map(host::addresses);
    let mut policy = policy.into_inner();
    policy.listeners = listeners;
    policy.own_addresses = own_addresses;
    policy.onward = onward::onward(config, &tables);
    policy.notes = tables.take_notes();
    policy.notes.extend(config.notes());
    policy.notes.sort();
    policy
}
