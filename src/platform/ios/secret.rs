//! What is secret in a configuration: passwords and their hashes, keys, community names.

use crate::platform::Secret;

const fn secret(pattern: &'static str) -> Secret {
    Secret { artifacts: "*", pattern }
}

/// Replaced by keyed digests before anything reaches the disk. What stands behind a password to the end of its line goes
/// with it: passwords may have blanks in them.
pub(super) const SECRETS: &[Secret] = &[
    secret(
        r"(?:^|[ \t])(?:password|secret|passphrase|key-string)(?:[ \t]+level[ \t]+\d+)?(?:[ \t]+\d{1,2})?[ \t]+(?P<secret>\S.*)$",
    ),
    secret(r"^[ \t]*snmp-server community[ \t]+(?P<secret>\S+)"),
    secret(
        r"^[ \t]*snmp-server host[ \t]+\S+(?:[ \t]+vrf[ \t]+\S+)?(?:[ \t]+(?:informs|traps))?(?:[ \t]+version[ \t]+(?:1|2c|3[ \t]+(?:auth|noauth|priv)))?[ \t]+(?P<secret>\S+)",
    ),
    secret(r"^[ \t]*snmp-server user[ \t].*?[ \t]auth[ \t]+\S+[ \t]+(?P<secret>\S+)"),
    secret(
        r"^[ \t]*snmp-server user[ \t].*?[ \t]priv[ \t]+(?:des|3des|aes(?:[ \t]+\d+)?)[ \t]+(?P<secret>\S+)",
    ),
    secret(
        r"^[ \t]*(?:(?:radius|tacacs)-server|server-private)(?:[ \t].*?)?[ \t]key(?:[ \t]+\d)?[ \t]+(?P<secret>\S.*)$",
    ),
    secret(r"^[ \t]+(?:pac[ \t]+)?key[ \t]+\d[ \t]+(?P<secret>\S.*)$"),
    secret(r"^[ \t]+(?:pac[ \t]+)?key[ \t]+(?P<secret>[^\s\d]\S*|\d\S+)[ \t]*$"),
    secret(r"^[ \t]*key config-key[ \t]+\S+[ \t]+(?P<secret>\S.*)$"),
    secret(r"^[ \t]*crypto isakmp key(?:[ \t]+[06])?[ \t]+(?P<secret>\S+)[ \t]+(?:address|hostname)[ \t]"),
    secret(
        r"^[ \t]*pre-shared-key(?:[ \t]+(?:local|remote|ascii-text|hex|address[ \t]+\S+(?:[ \t]+[\d.]+)?[ \t]+key|hostname[ \t]+\S+[ \t]+key))*(?:[ \t]+[06])?[ \t]+(?P<secret>\S+)[ \t]*$",
    ),
    secret(r"[ \t]message-digest-key[ \t]+\d+[ \t]+\S+(?:[ \t]+\d)?[ \t]+(?P<secret>\S+)[ \t]*$"),
    secret(r"^[ \t]*ntp authentication-key[ \t]+\d+[ \t]+\S+[ \t]+(?P<secret>\S+)"),
    secret(r"(?:ospf|virtual-link[ \t]+\S+)[ \t]+authentication-key(?:[ \t]+\d)?[ \t]+(?P<secret>\S+)"),
    secret(
        r"^[ \t]*(?:standby|vrrp|glbp)(?:[ \t]+\d+)?[ \t]+authentication(?:[ \t]+text)?[ \t]+(?P<secret>\S+)[ \t]*$",
    ),
    secret(r"^[ \t]*ip nhrp authentication[ \t]+(?P<secret>\S+)"),
    secret(r"^[ \t]*(?:domain|area)-password[ \t]+(?P<secret>\S+)"),
    secret(r"[ \t]wpa-psk[ \t]+(?:ascii|hex)(?:[ \t]+\d)?[ \t]+(?P<secret>\S.*)$"),
    secret(r"(?s)^[ \t]*certificate (?:self-signed |ca )?[^\r\n]*\n(?P<secret>.*?)^[ \t]*quit"),
    secret(r"://[^/\s:@]+:(?P<secret>[^@\s/]+)@"),
];
