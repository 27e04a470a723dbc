//! YAMAHA RTX, NVR and FWX. Captured over its own command line; what the configuration means is not read yet, and said so.

mod dialogue;

use super::dialogue::Dialogue;
use super::{Ask, DeviceModel, Noise, Platform, Secret, unread};
use crate::evidence::DeviceEvidence;
use crate::reason::Reason;

/// The platform.
#[derive(Debug)]
pub struct Rtx;

impl Platform for Rtx {
    fn id(&self) -> &'static str {
        "rtx"
    }

    fn ask(&self) -> Vec<Ask> {
        dialogue::ask()
    }

    fn dialogue(&self) -> Option<&'static Dialogue> {
        Some(&dialogue::DIALOGUE)
    }

    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        dialogue::prove(artifact, bytes)
    }

    fn secrets(&self) -> &'static [Secret] {
        dialogue::SECRETS
    }

    fn noise(&self) -> &'static [Noise] {
        dialogue::NOISE
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        unread::read(self.id(), dialogue::RUNNING, evidence, model);
    }
}
