//! The command line of YAMAHA routers (RTX, NVR): paging (`console lines`), width (`console columns`) and encoding (`console
//! character`) are configuration, so nothing of it is set; the pager is answered. `show config` has no mark of its end, and
//! lines are broken at the console's width, inside numbers too (<https://www.rtpro.yamaha.co.jp/RT/manual/rt-common/>).

use crate::platform::dialogue::{Charset, Dialogue, Encoding, Escalation, Reply, Wrap};
use crate::platform::{Ask, Noise, Secret};
use crate::reason::Reason;

/// Artifact of the configuration that runs.
pub(super) const RUNNING: &str = "running-config.txt";

/// Artifact of model, firmware and files in use.
pub(super) const ENVIRONMENT: &str = "environment.txt";

pub(super) static DIALOGUE: Dialogue = Dialogue {
    prompt: r"[^\r\n]{0,64}[>#] ?",
    privileged: "#",
    comment: None,
    greetings: &[],
    pagers: &[
        Reply { to: "---more---", keys: " " },
        // ---つづく--- in UTF-8, Shift_JIS, EUC-JP
        Reply {
            to: r"---(?:\xe3\x81\xa4\xe3\x81\xa5\xe3\x81\x8f|\x82\xc2\x82\xc3\x82\xad|\xa4\xc4\xa4\xc5\xa4\xaf)---",
            keys: " ",
        },
    ],
    session: &[],
    escalation: Some(Escalation { command: "administrator", ask: r"(?i)password: ?" }),
    // エラー: in the three encodings
    errors: &[
        r"(?:\xe3\x82\xa8\xe3\x83\xa9\xe3\x83\xbc|\x83\x47\x83\x89\x81\x5b|\xa5\xa8\xa5\xe9\xa1\xbc) ?(?::|\xef\xbc\x9a|\x81\x46|\xa1\xa7)",
        r"Error ?:",
    ],
    absent: &[],
    twice: &[RUNNING],
    wrap: Some(Wrap {
        artifacts: &[RUNNING],
        columns: 80,
        most: 200,
        setting: r"^[ ]*console columns (?P<columns>\d{1,4})[ ]*$",
        rest: r"[ ]*[^ a-z#]",
    }),
    encodings: &[
        Encoding {
            charset: Charset::ShiftJis,
            setting: Some(r"^[ ]*console character (?:ja\.sjis|sjis)[ ]*$"),
        },
        Encoding { charset: Charset::EucJp, setting: Some(r"^[ ]*console character (?:ja\.euc|euc)[ ]*$") },
    ],
};

pub(super) fn ask() -> Vec<Ask> {
    vec![Ask::command(RUNNING, "show config"), Ask::command(ENVIRONMENT, "show environment")]
}

/// # Errors
/// Nothing of what must stand there does.
pub(super) fn prove(artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
    let text = String::from_utf8_lossy(bytes);
    let (found, expected) = match artifact {
        ENVIRONMENT => (text.lines().any(|line| line.contains(" Rev.")), "Rev."),
        _ => (text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#')), "a command"),
    };
    if found {
        return Ok(());
    }
    Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected: expected.to_owned() })
}

pub(super) const SECRETS: &[Secret] = &[
    Secret {
        artifacts: RUNNING,
        pattern: r"^[ ]*(?:login|administrator) password (?:encrypted )?(?P<secret>\S[^\r\n]*)$",
    },
    Secret { artifacts: RUNNING, pattern: r"^[ ]*login user \S+ (?:encrypted )?(?P<secret>\S[^\r\n]*)$" },
    Secret {
        artifacts: RUNNING,
        pattern: r"^[ ]*ipsec ike pre-shared-key \S+ (?:text |hex )?(?P<secret>\S[^\r\n]*)$",
    },
    Secret {
        artifacts: RUNNING,
        pattern: r"^[ ]*(?:ipsec ike (?:xauth|eap) myname \S+|(?:pp|ppp|tunnel) auth (?:myname|username)) \S+ (?P<secret>\S+)",
    },
    Secret { artifacts: RUNNING, pattern: r"^[ ]*auth user \d+ \S+ (?P<secret>\S+)" },
    Secret { artifacts: RUNNING, pattern: r"^[ ]*l2tp tunnel auth on (?P<secret>\S+)" },
    Secret {
        artifacts: RUNNING,
        pattern: r"^[ ]*snmp(?:v2c)? (?:trap )?community (?:read-only |read-write )?(?P<secret>\S+)",
    },
    Secret { artifacts: RUNNING, pattern: r"^[ ]*snmp(?:v2c)? host \S+ (?P<secret>\S[^\r\n]*)$" },
    Secret { artifacts: RUNNING, pattern: r"^[ ]*snmpv3 (?:usm user|context) (?P<secret>\S[^\r\n]*)$" },
    Secret { artifacts: RUNNING, pattern: r"^[ ]*sshd host key generate (?P<secret>\S[^\r\n]*)$" },
    Secret { artifacts: RUNNING, pattern: r"^[ ]*radius secret (?P<secret>\S[^\r\n]*)$" },
    Secret {
        artifacts: RUNNING,
        pattern: r"^[^\r\n]*(?:password|passphrase|psk|secret|auth-key|wep)[= ](?P<secret>\S[^\r\n]*)$",
    },
];

pub(super) const NOISE: &[Noise] = &[
    Noise { artifacts: RUNNING, pattern: r"^# Reporting Date:.*\n", replacement: "" },
    Noise {
        artifacts: ENVIRONMENT,
        pattern: r"^[ ]*(?:CPU|パケットバッファ|Packet-buffer|現在の時刻|Current time|起動からの経過時間|Elapsed time from boot|筐体内温度|Inside Temperature)[^\n]*\n",
        replacement: "",
    },
];
