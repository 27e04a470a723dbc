//! The command line of Cisco IOS and IOS-XE: `terminal length` and `terminal width` count for one session only, a line
//! that begins with `!` is a comment, and a configuration ends with the line `end` (Cisco IOS Configuration Fundamentals
//! Command Reference).

use crate::platform::dialogue::{Charset, Dialogue, Encoding, Escalation, Reply};
use crate::platform::{Ask, Noise, Secret};
use crate::reason::Reason;

/// Artifact of the configuration that runs.
pub(crate) const RUNNING: &str = "running-config.txt";

/// Artifact of the configuration that is loaded at the next start.
pub(crate) const STARTUP: &str = "startup-config.txt";

pub(super) static DIALOGUE: Dialogue = Dialogue {
    prompt: r"[\w.@()/:-]{1,63}[#>] ?",
    privileged: "#",
    comment: Some("!"),
    greetings: &[],
    pagers: &[Reply { to: r" ?--More-- ?", keys: " " }],
    session: &["terminal length 0", "terminal width 0"],
    escalation: Some(Escalation { command: "enable", ask: r"(?i)password: ?" }),
    errors: &[
        r"% ?(?i:invalid input|ambiguous command|incomplete command|authorization failed|unknown command|access denied|bad secrets|error in authentication|no password set)",
        r"(?i:command authorization failed)",
        r"Line has invalid autocommand",
    ],
    absent: &[
        r"%% Non-volatile configuration memory (?:is not present|invalid or not present)",
        r"startup-config is not present",
    ],
    twice: &[],
    wrap: None,
    encodings: &[
        Encoding { charset: Charset::ShiftJis, setting: None },
        Encoding { charset: Charset::EucJp, setting: None },
    ],
};

pub(super) fn ask() -> Vec<Ask> {
    vec![Ask::command(RUNNING, "show running-config"), Ask::command(STARTUP, "show startup-config")]
}

/// # Errors
/// The last line is not `end`.
pub(super) fn prove(artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
    let last = bytes.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
    if last.trim_ascii() == b"end" {
        return Ok(());
    }
    Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected: "end".into() })
}

const CONFIG: &str = "*";

pub(super) const SECRETS: &[Secret] = &[
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

pub(super) const NOISE: &[Noise] = &[
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
