//! What a check can say: a [`Finding`] with its severity, confidence and the lines that cause it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place in an artifact: the line that decides something.
///
/// `file` is the artifact's name below the device's folder (`files/etc/postfix/main.cf`, `nft.json`), `line` is
/// 1-based and absent where the artifact has no lines a person would count (JSON), and `text` is the line
/// itself as the device gave it. Device text is hostile: only `report` may print it, escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// Artifact name below the device's folder.
    pub file: Arc<str>,
    /// 1-based line number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The text found there.
    pub text: Arc<str>,
}

impl Location {
    /// A place with a line number.
    pub fn at(file: impl Into<Arc<str>>, line: u32, text: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: Some(line), text: text.into() }
    }

    /// A place in an artifact that has no countable lines.
    pub fn within(file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: None, text: text.into() }
    }
}

impl fmt::Display for Location {
    /// `file:line: text`, for machine-readable answers. Terminal output goes through `report`, which escapes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.strip_prefix("files/").map_or(self.file.to_string(), |path| format!("/{path}"));
        match self.line {
            Some(line) => write!(f, "{file}:{line}: {}", self.text),
            None => write!(f, "{file}: {}", self.text),
        }
    }
}

/// How bad a finding is. Ordered: `Info < Medium < High < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing, never blocks by default.
    Info,
    /// Evidence or hygiene lost.
    Medium,
    /// A guard removed, or exposure likely.
    High,
    /// A stranger can use it now.
    Critical,
}

/// Whether the evidence proves a finding or only fails to exclude it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Cannot be excluded by the evidence.
    Possible,
    /// Follows from the evidence.
    Certain,
}
