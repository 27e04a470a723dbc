//! Why something is not known: codes with arguments. `report` turns them into words; nothing here is shown as
//! is.

use serde::{Deserialize, Serialize};

/// One reason why the evidence leaves an answer open.
///
/// Text inside comes from devices or users and is hostile until `report` has escaped it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// Two listings of the same rules differ.
    ListingsContradict {
        /// Name of the artifact.
        artifact: String,
        /// What it was held against.
        other: String,
    },
    /// A command on the device ended with a status other than 0, or by a signal.
    CommandFailed {
        /// The command.
        command: String,
        /// What it ended with.
        status: String,
    },
    /// A question was given up because the device sent nothing for this long.
    CommandHung {
        /// The command.
        command: String,
        /// Seconds without a byte.
        seconds: u64,
    },
    /// An answer was given up because it is larger than allowed.
    ArtifactTooLarge {
        /// Name of the artifact.
        artifact: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// An answer did not come over the connection as it must. Its artifact is missing, or there and unproven.
    AnswerBroken {
        /// Name of the artifact.
        artifact: String,
        /// How it broke.
        by: Break,
    },
    /// A question was not put, since the device was of no more use; another reason says why.
    NotAsked {
        /// Name of the artifact.
        artifact: String,
    },
    /// Nobody answers at the address: no name, no route, nobody listens.
    Unreachable {
        /// `host:port`: the device, or a host on the way to it.
        address: String,
        /// The system's answer.
        problem: String,
    },
    /// A part of the connection took longer than its limit.
    TimedOut {
        /// `host:port`: the device, or a host on the way to it.
        address: String,
        /// Which part: `connect`, `handshake`, `login`, `session`.
        phase: String,
        /// The limit.
        seconds: u64,
    },
    /// The other side does not speak SSH, or not properly.
    NotSsh {
        /// `host:port`: the device, or a host on the way to it.
        address: String,
        /// The library's complaint.
        problem: String,
    },
    /// No algorithm that both sides know.
    NoCommonAlgorithm {
        /// `host:port`: the device, or a host on the way to it.
        address: String,
        /// Kind of algorithm: `kex`, `key`, `cipher`, `mac`.
        kind: String,
        /// What the device offers.
        theirs: Vec<String>,
    },
    /// The connection ended by itself.
    ConnectionLost {
        /// `host:port`: the device, or a host on the way to it.
        address: String,
        /// During which part: `handshake`, `login`, `session`.
        phase: String,
        /// How it ended, from the library.
        problem: String,
    },
    /// The device sent more than any device has to say.
    Flooded {
        /// `host:port`: the device, or a host on the way to it.
        address: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The server runs no commands (SSH exec).
    ExecRefused {
        /// `host:port` of the device.
        address: String,
    },
    /// The login shell does not start a POSIX shell script, or its answers break off again and again.
    NoShell {
        /// `host:port` of the device.
        address: String,
    },
    /// The device's own command line never showed a prompt, or there is none.
    NoPrompt {
        /// `host:port` of the device.
        address: String,
    },
    /// Reading the configuration takes more rights than the login gives, and there was no password to ask for them.
    NoPrivilege {
        /// `host:port` of the device.
        address: String,
        /// The command that gives them.
        command: String,
    },
    /// The device refused the rights that reading the configuration takes; it was not tried again.
    PrivilegeRefused {
        /// `host:port` of the device.
        address: String,
        /// The command that gives them.
        command: String,
    },
    /// None of the declared ways to log in could be tried.
    NoCredential {
        /// `host:port`: the device, or a host on the way to it.
        address: String,
        /// The login name.
        user: String,
        /// Why each could not be tried.
        problems: Vec<String>,
    },
    /// The answers of a device raised more and more questions; no further one was put.
    TooManyQuestions {
        /// Questions that were put.
        asked: u64,
    },
    /// The device presented another host key than the one on record. No credential was sent.
    HostKeyChanged {
        /// `host:port` that presented it: the device, or a host on the way to it.
        address: String,
        /// Fingerprint that the device presented, `TYPE SHA256:...`.
        presented: String,
        /// Fingerprints on record, `TYPE SHA256:...`.
        expected: Vec<String>,
    },
    /// The device presented a key of a type that is not on record for it. No credential was sent.
    HostKeyTypeNew {
        /// `host:port` that presented it: the device, or a host on the way to it.
        address: String,
        /// Fingerprint that the device presented, `TYPE SHA256:...`.
        presented: String,
        /// Fingerprints on record, `TYPE SHA256:...`.
        expected: Vec<String>,
    },
    /// The device presented a host key that is marked as revoked. No credential was sent.
    HostKeyRevoked {
        /// `host:port` that presented it: the device, or a host on the way to it.
        address: String,
        /// Fingerprint that the device presented, `TYPE SHA256:...`.
        presented: String,
    },
    /// No host key is on record for the device. No credential was sent.
    HostKeyUnknown {
        /// `host:port` that presented it: the device, or a host on the way to it.
        address: String,
        /// Fingerprint that the device presented, `TYPE SHA256:...`.
        presented: String,
    },
    /// The device refused the login; it was not tried again.
    LoginRefused {
        /// `host:port` that refused: the device, or a host on the way to it.
        address: String,
        /// The login name.
        user: String,
        /// What was tried, in order: `publickey`, `password` ...
        tried: Vec<String>,
    },
    /// A device could not be captured at all.
    DeviceFailed {
        /// What went wrong, from the connection.
        problem: String,
    },
    /// A state does not hold the device.
    NotCaptured {
        /// Which state: `before`, `after`, or how the user named it.
        state: String,
    },
    /// Looks during the work were meant to see the device, and none saw it whole.
    NeverSeen {
        /// How many looks.
        looks: u64,
    },
    /// One state holds a platform of the device, and the other neither holds it nor says that it is not there.
    PlatformOnce {
        /// The platform.
        platform: String,
        /// The state without it: `before` or `after`.
        state: String,
    },
    /// The device's artifacts are of no platform that this program reads.
    PlatformUnknown,
    /// A symbolic link, or a repository within the repository, in the place of a file or folder.
    NotFollowed {
        /// Where it lies.
        path: String,
    },
    /// An artifact differs between the states, and none of the device's platforms reads it.
    ReadByNone {
        /// Name of the artifact.
        artifact: String,
    },
    /// There is no device, or no artifact that a platform reads.
    NothingToCheck,
    /// No rule is loaded.
    NoRules,
    /// There is no before state.
    NoBefore,
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
    /// A match on a part of packets that this program does not model (a MAC address, payload bytes, TTL).
    NotModelled {
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

impl Reason {
    /// The device could not be reached, was not the right one, or was of no more use: whatever else is missing of it
    /// follows from this.
    pub const fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::NotSsh { .. }
                | Self::NoCommonAlgorithm { .. }
                | Self::ConnectionLost { .. }
                | Self::Flooded { .. }
                | Self::ExecRefused { .. }
                | Self::NoShell { .. }
                | Self::NoPrompt { .. }
                | Self::NoPrivilege { .. }
                | Self::PrivilegeRefused { .. }
                | Self::NoCredential { .. }
                | Self::HostKeyChanged { .. }
                | Self::HostKeyTypeNew { .. }
                | Self::HostKeyRevoked { .. }
                | Self::HostKeyUnknown { .. }
                | Self::LoginRefused { .. }
                | Self::DeviceFailed { .. }
        )
    }

    /// The artifact that it is about, where it says what became of one.
    pub fn artifact(&self) -> Option<&str> {
        match self {
            Self::ArtifactMissing { artifact }
            | Self::ArtifactUnproven { artifact, .. }
            | Self::ListingsContradict { artifact, .. }
            | Self::ArtifactUnreadable { artifact, .. }
            | Self::ArtifactTooLarge { artifact, .. }
            | Self::AnswerBroken { artifact, .. }
            | Self::NotAsked { artifact } => Some(artifact),
            _ => None,
        }
    }
}

/// How an answer broke on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Break {
    /// Output that imitates the frames around answers, or a second writer between them.
    StrayOutput,
    /// The script ended before the answer did.
    CutOff,
    /// The channel ended without an exit status (RFC 4254 section 6.10).
    NoExitStatus,
    /// The channel ended without an end of file (RFC 4254 section 5.3).
    NoEndOfFile,
    /// The channel never ended.
    NoEnd,
    /// The script was ended by a signal.
    Signal {
        /// Its name, without `SIG`.
        name: String,
    },
    /// The script itself ended with a status other than 0.
    Status {
        /// The status.
        status: u32,
    },
    /// The connection or the time was gone, or the device had sent too much.
    Lost,
    /// A file did not come with as many bytes as it has.
    Size {
        /// Bytes that it has.
        announced: u64,
        /// Bytes that came.
        received: u64,
    },
    /// A path leads to something that is no regular file, or a link leads nowhere.
    NotRegular,
    /// A folder on the way to a file may not be searched, so nobody knows whether the file is there.
    NoPermission,
    /// The question cannot be put: too long, a NUL in it, or a path that is not absolute.
    Unaskable,
    /// A line reaches the column at which the device breaks lines, and nothing shows whether the next one is its rest.
    Wrapped {
        /// The column.
        columns: u64,
    },
    /// There is no mark of its end, and reads in a row did not give the same.
    Unstable,
}
