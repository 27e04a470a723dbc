//! Cisco IOS and IOS-XE, and the access lists of NX-OS as far as they are alike: IOS Security Command Reference, "Access
//! Control Lists and IP Fragments" (Cisco document 8014), "NAT Order of Operation" (6209), "Zone-Based Policy Firewall
//! Design and Application Guide" (98628).

mod address;
mod config;
mod dialogue;
mod entry;
mod global;
mod interface;
mod lists;
mod nat;
mod object;
mod policy;
mod read;
mod secret;
mod service;
#[cfg(test)]
mod tests;
mod translation;
mod zone;

use super::dialogue::Dialogue;
use super::{Ask, DeviceModel, Noise, Platform, Secret};
use crate::evidence::DeviceEvidence;
use crate::reason::Reason;

/// The platform.
pub struct Ios;

/// What runs, and what is loaded at the next start.
const RUNNING: &str = "running-config.txt";
const SAVED: &str = "startup-config.txt";

impl Platform for Ios {
    fn id(&self) -> &'static str {
        "ios"
    }

    fn signs(&self) -> &'static [&'static str] {
        &[RUNNING]
    }

    /// Other makes have artifacts of the same name.
    fn is_of(&self, evidence: &DeviceEvidence) -> bool {
        evidence.text(RUNNING).is_some_and(|text| {
            let begins = |word: &str| text.lines().any(|line| line.starts_with(word));
            begins("hostname ") && !begins("ASA Version") && !begins(": Saved")
        })
    }

    fn dialogue(&self) -> Option<&'static Dialogue> {
        Some(&dialogue::DIALOGUE)
    }

    fn ask(&self) -> Vec<Ask> {
        vec![Ask::command(RUNNING, "show running-config"), Ask::command(SAVED, "show startup-config")]
    }

    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        let text = String::from_utf8_lossy(bytes);
        if matches!(artifact, RUNNING | SAVED) && !config::is_whole(&text) {
            let expected = "a last line `end`".to_owned();
            return Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected });
        }
        Ok(())
    }

    fn secrets(&self) -> &'static [Secret] {
        secret::SECRETS
    }

    fn noise(&self) -> &'static [Noise] {
        NOISE
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        read::read(evidence, model);
    }
}

/// What changes by itself in a listing.
const NOISE: &[Noise] = &[
    Noise {
        artifacts: "*",
        pattern: r"(?m)^(?:! Last configuration change at |! NVRAM config last updated at |! No configuration change since last restart|Building configuration\.\.\.|Current configuration : \d+ bytes|Using \d+ out of \d+ bytes|ntp clock-period \d+).*\n?",
        replacement: "",
    },
    Noise { artifacts: "*", pattern: r"(?m)^ *Cryptochecksum:.*\n?", replacement: "" },
];
