//! Words for people.

use crate::reason::Reason;

/// A reason in short English, for machine-readable answers.
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::ArtifactMissing { artifact } => format!("{artifact} is missing"),
        Reason::ArtifactUnproven { artifact, expected } => {
            format!("{artifact} may be cut off: {expected} expected")
        }
        Reason::ArtifactUnreadable { artifact, problem } => format!("{artifact} cannot be read: {problem}"),
        Reason::CommandFailed { command, status } => format!("{command} failed: {status}"),
        Reason::DeviceFailed { problem } => format!("the device could not be captured: {problem}"),
        Reason::Unread { text } => format!("not understood: {text}"),
        Reason::RunTime { text } => format!("depends on run time: {text}"),
        Reason::ContentsUnknown { name } => format!("the contents of {name} are not in the evidence"),
        Reason::OutsideService { name } => format!("{name} is outside the evidence"),
        Reason::Dns { name } => format!("{name} depends on DNS"),
        Reason::HostFactMissing { fact } => format!("the host's {fact} are not in the evidence"),
        Reason::Contradiction { what, first, second } => {
            format!("{first} and {second} disagree about {what}")
        }
        Reason::TooComplex { subject } => format!("{subject} is too complex to evaluate"),
    }
}
