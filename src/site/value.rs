//! Values that cannot be wrong once read: durations, moments, fingerprints, artifact and variable names, paths.

use std::path::{Path, PathBuf};
use std::time::Duration;

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use toml::value::{Datetime, Offset};

use super::endpoint::read_domain;
use super::flow::without_host_bits;
use super::name::Name;
use super::problem::ValueFault;
use crate::packet::Prefix;
use crate::packet::address::PrefixError;

/// Longest duration that is accepted: ten years of 366 days.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Units of a duration and their length in seconds, longest first.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads `24h`, `90s`, `1h30m`, `7d`, `2w`: numbers with a unit, longer units first, each at most once.
///
/// # Errors
/// [`ValueFault::Duration`] for another form, [`ValueFault::DurationRange`] for nothing or more than ten years.
pub fn read_duration(text: &str) -> Result<Duration, ValueFault> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(ValueFault::Duration)?;
        let (number, tail) = rest.split_at_checked(digits).ok_or(ValueFault::Duration)?;
        let unit = tail.chars().next().ok_or(ValueFault::Duration)?;
        if number.is_empty() {
            return Err(ValueFault::Duration);
        }
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or(ValueFault::Duration)?;
        let number: u64 = number.parse().map_err(|_| ValueFault::DurationRange)?;
        seconds = number
            .checked_mul(*length)
            .and_then(|part| seconds.checked_add(part))
            .ok_or(ValueFault::DurationRange)?;
        rest = tail.get(unit.len_utf8()..).unwrap_or("");
    }
    if text.is_empty() {
        return Err(ValueFault::Duration);
    }
    let duration = Duration::from_secs(seconds);
    if duration.is_zero() || duration > LONGEST { Err(ValueFault::DurationRange) } else { Ok(duration) }
}

/// Reads a TOML date-time that carries an offset. A local one is refused: it is another moment in every time zone.
///
/// # Errors
/// What keeps it from being a moment.
pub fn read_moment(value: &Datetime) -> Result<OffsetDateTime, ValueFault> {
    let (Some(date), Some(time)) = (value.date, value.time) else { return Err(ValueFault::HalfTime) };
    let offset = match value.offset.ok_or(ValueFault::NoOffset)? {
        Offset::Z => UtcOffset::UTC,
        Offset::Custom { minutes } => {
            UtcOffset::from_whole_seconds(i32::from(minutes) * 60).map_err(|_| ValueFault::NoSuchTime)?
        }
    };
    let no_such = |_| ValueFault::NoSuchTime;
    let month = Month::try_from(date.month).map_err(no_such)?;
    let date = Date::from_calendar_date(i32::from(date.year), month, date.day).map_err(no_such)?;
    let (second, nanosecond) = (time.second.unwrap_or(0), time.nanosecond.unwrap_or(0));
    let time = Time::from_hms_nano(time.hour, time.minute, second, nanosecond).map_err(no_such)?;
    let moment = OffsetDateTime::new_in_offset(date, time, offset);
    // Moments at the ends of the calendar cannot be shown in every time zone.
    if (1..=9998).contains(&moment.year()) { Ok(moment) } else { Err(ValueFault::NoSuchTime) }
}

/// Reads a prefix or a single address.
///
/// # Errors
/// What keeps it from being one.
pub fn read_prefix(text: &str) -> Result<Prefix, ValueFault> {
    text.parse().map_err(|error| match error {
        PrefixError::Address => ValueFault::Prefix,
        PrefixError::Length => ValueFault::PrefixLength,
        PrefixError::HostBits => ValueFault::HostBits,
    })
}

/// Reads the SHA-256 fingerprint of a host key as `ssh-keygen -l` prints it: `SHA256:` and 43 letters of base64
/// without padding.
///
/// # Errors
/// [`ValueFault::Fingerprint`].
pub fn read_fingerprint(text: &str) -> Result<String, ValueFault> {
    let digest = text.strip_prefix("SHA256:").ok_or(ValueFault::Fingerprint)?;
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    // 43 letters are 258 bits: the last two bits behind the digest's 256 are zero, so few letters can end it.
    let ends_well = digest.ends_with(|c: char| "AEIMQUYcgkosw048".contains(c));
    if digest.len() == 43 && digest.bytes().all(base64) && ends_well {
        Ok(text.to_owned())
    } else {
        Err(ValueFault::Fingerprint)
    }
}

/// Reads the name of an artifact: `nft.txt`, or `files/` and an absolute path without its first slash.
///
/// # Errors
/// [`ValueFault::Artifact`].
pub fn read_artifact(text: &str) -> Result<String, ValueFault> {
    let part = |part: &str| {
        !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_control() || c == '\\')
    };
    let of_a_command = !text.contains('/') && (text.ends_with(".txt") || text.ends_with(".json"));
    let of_a_file = text.strip_prefix("files/").is_some_and(|path| !path.is_empty());
    if (of_a_command || of_a_file) && text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err(ValueFault::Artifact)
    }
}

/// Reads the name of an environment variable (POSIX 8.1: capitals, digits and `_`, not begun by a digit; small
/// letters are let through).
///
/// # Errors
/// [`ValueFault::Variable`].
pub fn read_variable(text: &str) -> Result<String, ValueFault> {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins_well && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        Ok(text.to_owned())
    } else {
        Err(ValueFault::Variable)
    }
}

/// Reads the name of a network interface: no blank, no control character, no `/` alone.
///
/// # Errors
/// [`ValueFault::Interface`].
pub fn read_interface(text: &str) -> Result<String, ValueFault> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(ValueFault::Interface);
    }
    Ok(text.to_owned())
}

/// Reads a path on this machine: relative to `folder`, `~/` from `home`.
///
/// # Errors
/// [`ValueFault::Path`], or [`ValueFault::NoHome`] when `~/` stands in front and there is no home.
pub fn read_path(text: &str, folder: &Path, home: Option<&Path>) -> Result<PathBuf, ValueFault> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(ValueFault::Path);
    }
    match text.strip_prefix("~/") {
        Some(rest) => Ok(home.ok_or(ValueFault::NoHome)?.join(rest)),
        None => Ok(folder.join(text)),
    }
}

/// What was probably meant by a value that has a fault.
pub fn meant(fault: ValueFault, text: &str) -> Option<String> {
    match fault {
        ValueFault::HostBits => without_host_bits(text).map(|prefix| prefix.to_string()),
        ValueFault::Prefix => {
            let bare = text.strip_prefix('[')?.replacen(']', "", 1);
            read_prefix(&bare).ok().map(|prefix| prefix.to_string())
        }
        ValueFault::NoOffset => Some(format!("{text}+09:00")),
        ValueFault::Artifact => {
            let guess = format!("files/{}", text.trim_start_matches('/'));
            (text.contains('/')).then_some(guess).filter(|guess| read_artifact(guess).is_ok())
        }
        ValueFault::Fingerprint => {
            let digest = text.strip_prefix("SHA256:").unwrap_or(text).trim_end_matches('=');
            Some(format!("SHA256:{digest}")).filter(|guess| read_fingerprint(guess).is_ok())
        }
        ValueFault::Domain => read_domain(text.trim_start_matches(['.', '@', '*'])).ok(),
        ValueFault::NameCharacters => {
            let guess: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
            let guess = guess.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
            (text.is_ascii() && Name::new(&guess).is_ok()).then_some(guess)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, seconds) in
            [("24h", 86_400), ("1h30m", 5_400), ("90s", 90), ("7d", 604_800), ("2w", 1_209_600)]
        {
            assert_eq!(read_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "24", "h", "1m1h", "1h1h", "24 h", "1.5h", "-1h", "1日", "24H"] {
            assert_eq!(read_duration(text), Err(ValueFault::Duration), "{text:?}");
        }
        for text in ["0s", "600w", "99999999999999999999h", "18446744073709551615w"] {
            assert_eq!(read_duration(text), Err(ValueFault::DurationRange), "{text:?}");
        }
    }

    #[test]
    fn moments_carry_an_offset() {
        let read = |text: &str| read_moment(&text.parse().unwrap());
        let moment = read("2026-11-22T01:00:00+09:00").unwrap();
        assert_eq!(moment.unix_timestamp(), 1_795_276_800);
        assert_eq!(read("2026-11-21T16:00:00Z").unwrap(), moment);
        assert_eq!(read("2026-11-22T01:00:00"), Err(ValueFault::NoOffset));
        assert_eq!(read("2026-11-22"), Err(ValueFault::HalfTime));
        assert_eq!(read("01:00:00"), Err(ValueFault::HalfTime));
        assert_eq!(read("0000-01-01T00:00:00Z"), Err(ValueFault::NoSuchTime));
    }

    #[test]
    fn fingerprints_as_ssh_keygen_prints_them() {
        let good = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(read_fingerprint(good).as_deref(), Ok(good));
        for bad in [
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV",
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUU",
            "SHA256:",
            "MD5:d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e",
        ] {
            assert_eq!(read_fingerprint(bad), Err(ValueFault::Fingerprint), "{bad}");
        }
    }

    #[test]
    fn artifacts_never_leave_their_folder() {
        for good in ["nft.txt", "ip-addr.json", "files/etc/postfix/main.cf"] {
            assert!(read_artifact(good).is_ok(), "{good}");
        }
        for bad in
            ["", "main.cf", "../nft.txt", "files/", "files//etc", "files/../x", "a/nft.txt", "files/a\\b"]
        {
            assert_eq!(read_artifact(bad), Err(ValueFault::Artifact), "{bad:?}");
        }
    }

    #[test]
    fn paths_start_at_the_file() {
        let home = Path::new("/home/kanri");
        let read = |text| read_path(text, Path::new("site"), Some(home));
        assert_eq!(read("keys/audit").unwrap(), Path::new("site/keys/audit"));
        assert_eq!(read("/etc/known_hosts").unwrap(), Path::new("/etc/known_hosts"));
        assert_eq!(read("~/.ssh/id_ed25519").unwrap(), Path::new("/home/kanri/.ssh/id_ed25519"));
        assert_eq!(read(" "), Err(ValueFault::Path));
        assert_eq!(read_path("~/x", Path::new(""), None), Err(ValueFault::NoHome));
    }

    #[test]
    fn proposals_are_accepted_themselves() {
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(meant(ValueFault::HostBits, "203.0.113.9/28"), some("203.0.113.0/28"));
        assert_eq!(meant(ValueFault::Prefix, "[2001:db8::]/32"), some("2001:db8::/32"));
        assert_eq!(meant(ValueFault::Prefix, "dmz"), None);
        assert_eq!(meant(ValueFault::Artifact, "/etc/postfix/main.cf"), some("files/etc/postfix/main.cf"));
        assert_eq!(meant(ValueFault::Artifact, "../x"), None);
        assert_eq!(meant(ValueFault::Domain, "@city.example.jp"), some("city.example.jp"));
        assert_eq!(meant(ValueFault::NameCharacters, "fw edge/1"), some("fw-edge-1"));
        assert_eq!(meant(ValueFault::NameCharacters, "秋田"), None);
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(meant(ValueFault::Fingerprint, &format!("{digest}=")), Some(format!("SHA256:{digest}")));
    }

    #[test]
    fn a_password_is_no_variable() {
        assert!(read_variable("FW_PASSWORD").is_ok());
        assert_eq!(read_variable("hunter-2!"), Err(ValueFault::Variable));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let _ = (read_duration(&text), read_fingerprint(&text), read_artifact(&text));
            let _ = (read_variable(&text), read_interface(&text), read_path(&text, Path::new(""), None));
        }
    }
}
