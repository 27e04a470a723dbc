//! The command line of Cisco IOS and IOS-XE: `terminal length` and `terminal width` count for one session only, a line
//! that begins with `!` is a comment, and a configuration ends with the line `end` (Cisco IOS Configuration Fundamentals
//! Command Reference).

use crate::platform::dialogue::{Charset, Dialogue, Encoding, Escalation, Reply};

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
