//! Why something is not known: codes with arguments. `report` turns them into words; nothing here is shown as is.

use serde::Serialize;

/// One reason why the evidence leaves an answer open.
///
/// Text inside comes from devices or users and is hostile until `report` has escaped it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Reason {
    /// An artifact that this platform always captures is not there.
    ArtifactMissing {
        /// Name of the artifact.
        artifact: String,
    },
    /// An artifact is there, but not provably whole (cut off, or without its end mark).
    ArtifactUnproven {
        /// Name of the artifact.
        artifact: String,
        /// What was expected: an end mark, a closing brace, an exit status.
        expected: String,
    },
    /// An artifact could not be read as what it should be.
    ArtifactUnreadable {
        /// Name of the artifact.
        artifact: String,
        /// The reader's complaint.
        problem: String,
    },
    /// A command on the device ended with a status other than 0, or by a signal.
    CommandFailed {
        /// The command.
        command: String,
        /// What it ended with.
        status: String,
    },
    /// A device could not be captured at all.
    DeviceFailed {
        /// What went wrong, from the connection.
        problem: String,
    },
    /// A line or statement of the configuration that the reader does not understand.
    Unread {
        /// The line or statement.
        text: String,
    },
    /// A match whose truth depends on the device's state at run time (a rate limit, a quota, a counter).
    RunTime {
        /// The match as the device writes it.
        text: String,
    },
    /// Contents of a set, map or table that the evidence does not hold.
    ContentsUnknown {
        /// Name of the set or table.
        name: String,
    },
    /// A service outside the evidence answers: a policy server, a milter, LDAP, SQL.
    OutsideService {
        /// How the configuration names it.
        name: String,
    },
    /// The answer depends on DNS data.
    Dns {
        /// The restriction or table that asks.
        name: String,
    },
    /// The host's addresses or routes are not in the evidence.
    HostFactMissing {
        /// Which fact.
        fact: String,
    },
    /// Two artifacts say different things about the same.
    Contradiction {
        /// What they speak of.
        what: String,
        /// One artifact.
        first: String,
        /// The other.
        second: String,
    },
    /// The evaluation would need more memory than allowed.
    TooComplex {
        /// What was being evaluated.
        subject: String,
    },
}
