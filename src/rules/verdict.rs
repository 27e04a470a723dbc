//! ALLOW, DENY or UNDECIDED.
//!
//! DENY: a finding that is certain, at or above the threshold, and new; an open relay also when it was there before.
//! UNDECIDED: evidence that is needed is missing or unproven, or such a finding is only possible. All else is ALLOW.

use serde::Serialize;

use crate::finding::{Confidence, Finding, Severity, Status};

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Proven: nothing new at or above the threshold.
    Allow,
    /// The evidence does not decide.
    Undecided,
    /// At least one finding blocks.
    Deny,
}

/// The rule whose findings say that evidence is missing.
pub const EVIDENCE: &str = "evidence-incomplete";
/// The rule whose findings say that nobody looked for a while.
pub const UNWATCHED: &str = "unwatched-gap";
/// The rule whose findings block even when they are old.
pub const OPEN_RELAY: &str = "open-relay";

/// What one finding does to the verdict.
pub fn weight(finding: &Finding, fail_on: Severity) -> Verdict {
    if finding.rule == EVIDENCE {
        return Verdict::Undecided;
    }
    let fresh = matches!(finding.status, Status::New | Status::Passed)
        || finding.rule == OPEN_RELAY && finding.confidence == Confidence::Certain;
    match finding.confidence {
        _ if finding.severity < fail_on || !fresh => Verdict::Allow,
        Confidence::Certain => Verdict::Deny,
        Confidence::Possible => Verdict::Undecided,
    }
}

/// The verdict over all findings.
pub fn verdict<'a>(findings: impl IntoIterator<Item = &'a Finding>, fail_on: Severity) -> Verdict {
    findings.into_iter().map(|f| weight(f, fail_on)).max().unwrap_or(Verdict::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &str, severity: Severity, confidence: Confidence, status: Status) -> Finding {
        Finding { status, ..Finding::new(rule, severity, confidence, None) }
    }

    #[test]
    fn the_arithmetic() {
        use Confidence::{Certain, Possible};
        use Severity::{Critical, High, Medium};
        let of =
            |rule, severity, confidence, status| weight(&finding(rule, severity, confidence, status), High);
        assert_eq!(of("x", High, Certain, Status::New), Verdict::Deny);
        assert_eq!(of("x", High, Possible, Status::New), Verdict::Undecided);
        assert_eq!(of("x", Medium, Certain, Status::New), Verdict::Allow);
        assert_eq!(of("x", Critical, Certain, Status::Standing), Verdict::Allow);
        assert_eq!(of(OPEN_RELAY, Critical, Certain, Status::Standing), Verdict::Deny);
        assert_eq!(of(OPEN_RELAY, Critical, Possible, Status::Standing), Verdict::Allow);
        assert_eq!(of("transient-opening", Critical, Certain, Status::Passed), Verdict::Deny);
        assert_eq!(of(EVIDENCE, Severity::Info, Possible, Status::New), Verdict::Undecided);
        let both = [finding("x", High, Certain, Status::New), finding(EVIDENCE, High, Possible, Status::New)];
        assert_eq!(verdict(&both, High), Verdict::Deny);
        assert_eq!(verdict(&both, Critical), Verdict::Undecided);
        assert_eq!(verdict(&[], High), Verdict::Allow);
    }
}
