//! Samples over time: what opened, when at the earliest and at the latest, and what was not seen.

use time::OffsetDateTime;

use crate::finding::Finding;
use crate::rules::judge::{Case, Watched};

/// Spans within the window in which nobody looked.
pub fn gaps(_case: &Case<'_>) -> Vec<(OffsetDateTime, OffsetDateTime)> {
    Vec::new()
}

/// Openings that were there in some sample and are closed at the end.
pub fn transients(_case: &Case<'_>, _standing: &[Finding]) -> Vec<Finding> {
    Vec::new()
}

/// How the window was watched.
pub fn watched(_case: &Case<'_>) -> Option<Watched> {
    None
}
