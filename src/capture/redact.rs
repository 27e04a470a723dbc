//! Secrets become keyed digests before anything else sees them.
//!
//! `{{secret:KEYID:DIGEST}}` stands where a secret stood: HMAC-SHA-256 (RFC 2104) of its bytes under a key
//! that lies beside the snapshots and never inside them. A changed secret is visible as a changed digest; its
//! value is not. Two digests under different keys cannot be compared, and [`compare`] says so.

use std::fmt;
use std::ops::Range;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use regex::bytes::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

use crate::platform::{Platform, Secret};

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 4 << 20;

/// Bytes of a digest that are kept: 128 bits.
const DIGEST_BYTES: usize = 16;

/// Bytes of a key's name.
const KEY_ID_BYTES: usize = 4;

/// Private keys are secret wherever they stand (RFC 7468 section 10, and the OpenSSH and PGP forms alike);
/// one without an end is secret to the end of the artifact.
const PRIVATE_KEY: &str = r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?P<secret>.*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY|\z)";

/// A pattern that does not compile or has no group `secret`: a fault of the platform that brought it.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// It does not compile.
    #[error("the secret pattern {pattern:?} does not compile: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What the regex crate says.
        problem: String,
    },
    /// It has no group named `secret`.
    #[error("the secret pattern {pattern:?} has no group named `secret`")]
    NoGroup {
        /// The pattern.
        pattern: String,
    },
}

/// The key of a store. Whoever holds it can test guesses of secrets against digests; nothing more.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; 32],
}

impl Key {
    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes }
    }

    /// Names the key without giving anything of it away.
    pub fn id(&self) -> String {
        let digest =
            Sha256::new().chain_update(b"sekisho redaction key id\0").chain_update(self.bytes).finalize();
        HEXLOWER.encode(digest.get(..KEY_ID_BYTES).unwrap_or_default())
    }

    /// What stands where `secret` stood.
    pub fn token(&self, secret: &[u8]) -> String {
        let digest = match Hmac::<Sha256>::new_from_slice(&self.bytes) {
            Ok(mac) => mac.chain_update(secret).finalize().into_bytes().to_vec(),
            // HMAC takes keys of any length; were that to change, hiding comes before comparing.
            Err(_) => Vec::new(),
        };
        let digest = HEXLOWER.encode(digest.get(..DIGEST_BYTES).unwrap_or_default());
        format!("{{{{secret:{}:{digest}}}}}", self.id())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

/// Whether two tokens stand for the same secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// The same secret.
    Same,
    /// Different secrets.
    Different,
    /// Made with different keys, or no tokens at all.
    CannotTell,
}

/// Compares two tokens as [`Key::token`] makes them.
pub fn compare(a: &str, b: &str) -> Sameness {
    match (parse_token(a), parse_token(b)) {
        (Some((key_a, a)), Some((key_b, b))) if key_a == key_b => {
            if a == b {
                Sameness::Same
            } else {
                Sameness::Different
            }
        }
        _ => Sameness::CannotTell,
    }
}

/// Key name and digest of a token.
fn parse_token(token: &str) -> Option<(&str, &str)> {
    let inside = token.strip_prefix("{{secret:")?.strip_suffix("}}")?;
    let (key, digest) = inside.split_once(':')?;
    let hex = |s: &str, bytes: usize| s.len() == 2 * bytes && s.bytes().all(|b| b.is_ascii_hexdigit());
    (hex(key, KEY_ID_BYTES) && hex(digest, DIGEST_BYTES)).then_some((key, digest))
}

/// Every secret pattern of a set of platforms, compiled, with the key.
#[derive(Debug)]
pub struct Redactor {
    key: Key,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// Platform id; `None` is every platform.
    platform: Option<&'static str>,
    artifacts: &'static str,
    pattern: Regex,
}

impl Redactor {
    /// Compiles the patterns of these platforms; those of private keys are always among them.
    ///
    /// # Errors
    /// A platform's pattern is faulty.
    pub fn new<'a>(
        key: Key,
        platforms: impl IntoIterator<Item = &'a &'static dyn Platform>,
    ) -> Result<Self, RedactError> {
        let generic = Secret { artifacts: "*", pattern: PRIVATE_KEY };
        let mut rules = vec![Rule::new(None, generic)?];
        let mut done: Vec<&str> = Vec::new();
        for platform in platforms {
            if !done.contains(&platform.id()) {
                done.push(platform.id());
                for secret in platform.secrets() {
                    rules.push(Rule::new(Some(platform.id()), *secret)?);
                }
            }
        }
        Ok(Self { key, rules })
    }

    /// Replaces every secret in an artifact of a device that has these platforms.
    ///
    /// All patterns look at the original bytes, and what overlaps is replaced as one, so the order of
    /// patterns means nothing. The regex crate looks at each byte a bounded number of times per match.
    pub fn redact(&self, platforms: &[&str], artifact: &str, bytes: Vec<u8>) -> Vec<u8> {
        let mut secrets: Vec<Range<usize>> = Vec::new();
        for rule in self.rules.iter().filter(|r| r.applies(platforms, artifact)) {
            let found = rule.pattern.captures_iter(&bytes).filter_map(|c| Some(c.name("secret")?.range()));
            secrets.extend(found.filter(|r| !r.is_empty()));
        }
        if secrets.is_empty() {
            return bytes;
        }
        secrets.sort_by_key(|r| r.start);
        let mut out = Vec::with_capacity(bytes.len());
        let mut end = 0;
        for secret in merge(secrets) {
            out.extend_from_slice(bytes.get(end..secret.start).unwrap_or_default());
            end = secret.end;
            out.extend(self.key.token(bytes.get(secret).unwrap_or_default()).bytes());
        }
        out.extend_from_slice(bytes.get(end..).unwrap_or_default());
        out
    }

    /// The key's name, for the manifest.
    pub fn key_id(&self) -> String {
        self.key.id()
    }
}

impl Rule {
    fn new(platform: Option<&'static str>, secret: Secret) -> Result<Self, RedactError> {
        let pattern = RegexBuilder::new(secret.pattern)
            .multi_line(true)
            // Bytes, not characters: else `.` stops at the first byte that is no UTF-8, and the rest of a
            // secret in another encoding stays.
            .unicode(false)
            .size_limit(MAX_PATTERN)
            .build()
            .map_err(|e| RedactError::Pattern {
                pattern: secret.pattern.to_owned(),
                problem: e.to_string(),
            })?;
        if pattern.capture_names().flatten().all(|name| name != "secret") {
            return Err(RedactError::NoGroup { pattern: secret.pattern.to_owned() });
        }
        Ok(Self { platform, artifacts: secret.artifacts, pattern })
    }

    fn applies(&self, platforms: &[&str], artifact: &str) -> bool {
        let named = match self.artifacts.strip_suffix('*') {
            Some(beginning) => artifact.starts_with(beginning),
            None => artifact == self.artifacts,
        };
        named && self.platform.is_none_or(|p| platforms.contains(&p))
    }
}

/// Joins ranges that overlap. They come sorted by their starts.
fn merge(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evidence::DeviceEvidence;
    use crate::platform::{Ask, DeviceModel, Noise};
    use crate::reason::Reason;

    struct Sample;

    impl Platform for Sample {
        fn id(&self) -> &'static str {
            "sample"
        }
        fn ask(&self) -> Vec<Ask> {
            Vec::new()
        }
        fn prove(&self, _: &str, _: &[u8]) -> Result<(), Reason> {
            Ok(())
        }
        fn secrets(&self) -> &'static [Secret] {
            &[
                Secret { artifacts: "main.cf", pattern: r"^password = (?P<secret>.*)$" },
                Secret { artifacts: "files/*", pattern: r"(?P<secret>hunter\d+)" },
                Secret { artifacts: "files/*", pattern: r"user:(?P<secret>\S+)" },
            ]
        }
        fn noise(&self) -> &'static [Noise] {
            &[]
        }
        fn read(&self, _: &DeviceEvidence, _: &mut DeviceModel) {}
    }

    static SAMPLE: &dyn Platform = &Sample;

    fn redact(artifact: &str, text: &str) -> String {
        let redactor = Redactor::new(Key::new([7; 32]), [&SAMPLE]).unwrap();
        String::from_utf8(redactor.redact(&["sample"], artifact, text.as_bytes().to_vec())).unwrap()
    }

    fn token(secret: &str) -> String {
        Key::new([7; 32]).token(secret.as_bytes())
    }

    #[test]
    fn a_secret_becomes_a_token_and_the_rest_stays() {
        let got = redact("main.cf", "a = b\npassword = swordfish\nz\n");
        assert_eq!(got, format!("a = b\npassword = {}\nz\n", token("swordfish")));
        assert!(got.contains("{{secret:"));
    }

    #[test]
    fn only_the_named_artifacts_of_the_devices_platforms() {
        assert_eq!(redact("master.cf", "password = x\n"), "password = x\n");
        assert_eq!(redact("files/etc/a", "password = hunter2"), format!("password = {}", token("hunter2")));
        let redactor = Redactor::new(Key::new([7; 32]), [&SAMPLE]).unwrap();
        assert_eq!(redactor.redact(&["other"], "main.cf", b"password = x".to_vec()), b"password = x");
    }

    #[test]
    fn overlapping_patterns_hide_their_union() {
        assert_eq!(redact("files/a", "user:hunter2x next"), format!("user:{} next", token("hunter2x")));
    }

    #[test]
    fn private_keys_are_hidden_everywhere_even_without_an_end() {
        let block = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\nd\n-----END OPENSSH PRIVATE KEY-----\n";
        let got = redact("running-config.txt", &format!("x\n{block}y\n"));
        assert!(!got.contains("abc") && got.starts_with("x\n") && got.ends_with("-----\ny\n"), "{got}");
        let escaped = redact(
            "a.json",
            r#"{"k":"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"}"#,
        );
        assert!(!escaped.contains("MIIE") && escaped.ends_with("\"}"), "{escaped}");
        let cut = redact("x", "-----BEGIN PRIVATE KEY-----\nMIIE\nmore");
        assert!(!cut.contains("MIIE") && !cut.contains("more"), "{cut}");
        let pgp =
            redact("x", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----");
        assert!(!pgp.contains("lQ"), "{pgp}");
    }

    #[test]
    fn bytes_that_are_no_text_pass_and_hide_nothing() {
        let redactor = Redactor::new(Key::new([7; 32]), [&SAMPLE]).unwrap();
        let bytes = b"\xff\0password = \xfe\n\npassword = s\xff\n".to_vec();
        let got = redactor.redact(&["sample"], "main.cf", bytes);
        assert!(got.starts_with(b"\xff\0password = \xfe\n\npassword = {{secret:"));
    }

    #[test]
    fn tokens_compare() {
        let other = Key::new([8; 32]);
        assert_eq!(compare(&token("a"), &token("a")), Sameness::Same);
        assert_eq!(compare(&token("a"), &token("b")), Sameness::Different);
        assert_eq!(compare(&token("a"), &other.token(b"a")), Sameness::CannotTell);
        assert_eq!(compare(&token("a"), "a"), Sameness::CannotTell);
        assert_ne!(Key::new([7; 32]).id(), other.id());
        assert!(!format!("{other:?}").contains("08, 08"));
    }

    #[test]
    fn a_faulty_pattern_is_told() {
        let bad = |pattern| Rule::new(None, Secret { artifacts: "*", pattern }).unwrap_err();
        assert!(matches!(bad("("), RedactError::Pattern { .. }));
        assert!(matches!(bad("(x)"), RedactError::NoGroup { .. }));
    }

    proptest! {
        #[test]
        fn no_secret_survives(before in "[ -~\n]{0,30}", secret in "[a-z]{8,20}", after in "[ -~\n]{0,30}") {
            let got = redact("main.cf", &format!("{before}\npassword = {secret}\n{after}"));
            prop_assert!(!got.contains(&secret) || before.contains(&secret) || after.contains(&secret));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let redactor = Redactor::new(Key::new([7; 32]), [&SAMPLE]).unwrap();
            redactor.redact(&["sample"], "files/x", bytes);
        }
    }
}
