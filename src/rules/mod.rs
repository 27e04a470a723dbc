//! Declared rules over drift and state, and the verdict.
//!
//! A rule is data (`rules/*.toml`): it names a *kind* that this program knows, with parameters, a severity and texts
//! in both languages. A kind is one file in [`kind`] and one line in its table.

pub mod around;
pub mod device;
pub mod exposed;
pub mod judge;
pub mod kind;
pub mod missing;
pub mod pack;
pub mod service;
mod tested;
pub mod verdict;
pub mod view;

use std::sync::Arc;

pub use judge::{Case, Judged, judge};
pub use kind::Kind;
pub use pack::{DEFAULT_PACK, load};

pub use verdict::Verdict;
pub use view::{ChangeView, DeviceView};

use crate::finding::Severity;

/// One declared rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Id in kebab-case, naming the bad pattern; stable for ever.
    pub id: String,
    /// What it looks for.
    pub kind: Arc<dyn Kind>,
    /// Whether it speaks of what changed or of what is.
    pub over: Over,
    /// How bad a finding is.
    pub severity: Severity,
    /// Codes of the detection cases it answers.
    pub cases: Vec<String>,
    /// The public incident that it would have stopped.
    pub incident: Option<String>,
    /// Clauses that auditors cite.
    pub controls: Vec<String>,
    /// English texts.
    pub en: Texts,
    /// Japanese texts.
    pub ja: Texts,
}

/// What a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// What changed between before and after. Without a before, everything counts as new.
    Drift,
    /// What is after, whether or not it was before.
    State,
}

/// Texts of a rule in one language; `{name}` stands for a value of the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// What was found, in one line.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
}
