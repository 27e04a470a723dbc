//! Cisco IOS and IOS-XE. Captured over its own command line; what the configuration means is not read yet, and said so.

mod dialogue;

use super::dialogue::Dialogue;
use super::{Ask, DeviceModel, Noise, Platform, Secret, unread};
use crate::evidence::DeviceEvidence;
use crate::reason::Reason;

/// The platform.
#[derive(Debug)]
pub struct Ios;

/// What runs, and what is loaded at the next start.
const RUNNING: &str = "running-config.txt";
const STARTUP: &str = "startup-config.txt";

impl Platform for Ios {
    fn id(&self) -> &'static str {
        "ios"
    }

    fn dialogue(&self) -> Option<&'static Dialogue> {
        Some(&dialogue::DIALOGUE)
    }

    fn ask(&self) -> Vec<Ask> {
        vec![Ask::command(RUNNING, "show running-config"), Ask::command(STARTUP, "show startup-config")]
    }

    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        let last = bytes.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
        if last.trim_ascii() == b"end" {
            return Ok(());
        }
        Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected: "end".into() })
    }

    fn secrets(&self) -> &'static [Secret] {
        SECRETS
    }

    fn noise(&self) -> &'static [Noise] {
        NOISE
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        unread::read(self.id(), RUNNING, evidence, model);
    }
}

const CONFIG: &str = "*";

const SECRETS: &[Secret] = &[
    Secret {
        artifacts: CONFIG,
        pattern: r"^[ \t]*(?:no )?(?:enable|username \S+)(?: [^\r\n]*?)?[ ](?:password|secret|algorithm-type \S+ secret)(?: level \d+)?(?: \d+)? (?P<secret>\S[^\r\n]*)$",
    },
    Secret { artifacts: CONFIG, pattern: r"^[ \t]*(?:no )?snmp-server community (?P<secret>\S+)" },
    Secret { artifacts: CONFIG, pattern: r"^[ \t]*snmp-server host \S+ (?P<secret>\S[^\r\n]*)$" },
    Secret { artifacts: CONFIG, pattern: r"^[ \t]*snmp-server user (?P<secret>\S[^\r\n]*)$" },
    Secret {
        artifacts: CONFIG,
        pattern: r"^[^\r\n!]*\b(?:key-string|key|pre-shared-key|password|secret|passphrase|authentication-key|md5|sha)(?: (?:address|hostname) \S+)?(?: (?:key|md5|ascii|hex|encrypted))*(?: \d+)? (?P<secret>\S[^\r\n]*)$",
    },
    Secret { artifacts: CONFIG, pattern: r"^[ \t]*crypto isakmp key (?:\d+ )?(?P<secret>\S+)" },
    Secret {
        artifacts: CONFIG,
        pattern: r"(?s)^[ \t]*certificate (?:self-signed |ca )?[^\r\n]*\n(?P<secret>.*?)^[ \t]*quit",
    },
];

const NOISE: &[Noise] = &[
    Noise {
        artifacts: CONFIG,
        pattern: r"^! (?:Last configuration change at|NVRAM config last updated at|No configuration change since last restart).*\n",
        replacement: "",
    },
    Noise {
        artifacts: CONFIG,
        pattern: r"^(?:Building configuration\.\.\.|Current configuration : \d+ bytes|Using \d+ out of \d+ bytes.*|ntp clock-period \d+)[ \t]*\n",
        replacement: "",
    },
];
