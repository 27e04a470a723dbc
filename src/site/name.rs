//! Names of zones, devices, groups and changes.
//!
//! A name stands in flows (`tcp dmz -> mx1:25`) and becomes a folder of the evidence store, so it can never be
//! taken for an address, split a flow, or leave a folder.

use std::borrow::Borrow;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use super::problem::ValueFault;

/// Longest name, in characters.
pub const MAX_NAME: usize = 64;

/// A name: ASCII letters, digits, `.`, `_` and `-`, begun by a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// What keeps `text` from being one.
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins_well || text.len() > MAX_NAME || text.ends_with('.') || !text.chars().all(inner) {
            return Err(ValueFault::NameCharacters);
        }
        if text.eq_ignore_ascii_case("any") || text.parse::<IpAddr>().is_ok() || is_windows_device(text) {
            return Err(ValueFault::NameReserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether Windows opens a device instead of a folder of this name ("Naming Files, Paths, and Namespaces").
fn is_windows_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_may_be() {
        for good in ["internet", "fw-edge", "mx1.city.example.jp", "CHG-2026-0412", "1", "a_b"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a/b", "a b", "a:1", "a->b", "..", "a.", "秋田", "[::1]", "a\n"] {
            assert_eq!(Name::new(bad), Err(ValueFault::NameCharacters), "{bad:?}");
        }
        for reserved in ["any", "ANY", "192.0.2.1", "con", "Nul.txt", "lpt1"] {
            assert_eq!(Name::new(reserved), Err(ValueFault::NameReserved), "{reserved}");
        }
        assert!(Name::new(&"x".repeat(64)).is_ok());
        assert!(Name::new(&"x".repeat(65)).is_err());
    }
}
