//! The only room that writes words for people: formats, and texts in English and Japanese.

pub mod captured;
pub mod card;
pub mod changes;
pub mod diagnostic;
pub mod json;
pub mod lang;
pub mod probe;
pub mod steps;
pub mod table;
pub mod text;
pub mod ticker;
pub mod words;

pub use lang::Lang;
pub use words::phrases::Style;

use std::path::Path;

use crate::finding::Severity;
use crate::rules::verdict::weight;
use crate::rules::{Judged, Rule, Verdict};

/// A judged case with everything that formats need to tell it.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// What came of it.
    pub judged: &'a Judged,
    /// Language and time zone, and the rules for their texts.
    pub style: Style<'a>,
    /// Findings from this severity on block.
    pub fail_on: Severity,
    /// The exit code that the process will end with.
    pub exit: u8,
    /// Id of the change, if one is declared or stored.
    pub change: Option<&'a str>,
    /// How the user named the before state.
    pub before: Option<&'a str>,
    /// How the user named the after state.
    pub after: &'a str,
    /// The site.toml that counts.
    pub site: Option<&'a str>,
    /// Planned openings that are there, and all planned ones.
    pub planned: Option<(usize, usize)>,
    /// The store that holds both states under the change's id.
    pub store: Option<&'a Path>,
    /// SHA-256 of the after state's manifest.
    pub digest: Option<&'a str>,
}

impl Report<'_> {
    /// A rule by its id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.style.rules.iter().find(|rule| rule.id == id)
    }

    /// Number of findings that do not decide the verdict.
    pub fn notes(&self) -> usize {
        self.judged.findings.iter().filter(|f| weight(f, self.fail_on) == Verdict::Allow).count()
    }
}
