//! Everything that can be wrong with a declaration file: codes with arguments.
//!
//! Words live in [`crate::report::words::declarations`], one sentence that says what is wrong and one that says
//! what to write instead. Text inside comes from the file and is hostile until `report` has escaped it.

use serde::Serialize;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Problem {
    /// The file could not be read.
    Unreadable {
        /// The file system's complaint.
        error: String,
    },
    /// The file is not UTF-8, the only encoding of TOML.
    NotUtf8,
    /// The file is larger than any declaration is.
    TooLarge {
        /// Largest size, in bytes.
        limit: u64,
    },
    /// The text is not TOML.
    Syntax {
        /// The kind of slip, as far as it is known.
        fault: SyntaxFault,
        /// The TOML reader's own words.
        message: String,
    },
    /// A key that nobody reads. Refused, because a mistyped key would silently mean nothing.
    UnknownKey {
        /// The key.
        key: String,
        /// The table it stands in, as written: `[[device]]`.
        table: String,
        /// What was probably meant.
        near: Option<String>,
        /// Every key of that table.
        known: Vec<String>,
    },
    /// A secret written into a file that gets copied, mailed and committed.
    SecretInFile {
        /// The key.
        key: String,
    },
    /// A key that must be there.
    MissingKey {
        /// The key.
        key: String,
        /// The table that lacks it.
        table: String,
        /// A line that would do.
        example: String,
    },
    /// The same key twice, once with `-` and once with `_`.
    DuplicateKey {
        /// The key as first written.
        key: String,
    },
    /// A value of another kind than the key takes.
    WrongKind {
        /// The key.
        key: String,
        /// What it takes.
        expected: Kind,
        /// What stands there.
        found: Kind,
        /// A line that would do.
        example: String,
    },
    /// A list or text that must hold something and is empty.
    Empty {
        /// The key.
        key: String,
    },
    /// A list with too few different members.
    TooFew {
        /// The key.
        key: String,
        /// How many it needs.
        least: usize,
    },
    /// A word that is none of a closed list.
    NotOneOf {
        /// The word.
        value: String,
        /// The list.
        allowed: Vec<String>,
        /// What was probably meant.
        near: Option<String>,
    },
    /// A value that cannot be what the key asks for.
    BadValue {
        /// The value.
        value: String,
        /// What is wrong with it.
        fault: ValueFault,
        /// What was probably meant, where that can be told.
        near: Option<String>,
    },
    /// A part of a flow (`tcp internet -> 203.0.113.10:25`) that cannot be.
    BadFlow {
        /// The part.
        value: String,
        /// What is wrong with it.
        fault: FlowFault,
        /// What was probably meant, where that can be told.
        near: Option<String>,
    },
    /// A name that nothing declares.
    Undeclared {
        /// What kind of thing is missing.
        what: Referent,
        /// The name.
        name: String,
        /// What was probably meant.
        near: Option<String>,
        /// Every declared name of that kind.
        known: Vec<String>,
    },
    /// Two things of the same name (capitals make no difference: names become folders).
    DeclaredTwice {
        /// What kind of thing.
        what: Referent,
        /// The name.
        name: String,
        /// Line of the first declaration.
        line: usize,
    },
    /// One name for a zone and a device: a flow could mean either.
    Ambiguous {
        /// The name.
        name: String,
        /// Line of the zone.
        line: usize,
    },
    /// Two rules of one pack have the same id.
    RuleTwice {
        /// The id.
        id: String,
    },
    /// A text of a rule names a value that its kind does not give.
    UnknownPlaceholder {
        /// The name in braces.
        name: String,
        /// Every name that may stand there.
        known: Vec<String>,
    },
    /// Two zones claim the very same network.
    SharedNetwork {
        /// The network.
        network: String,
        /// The zone that claimed it first.
        zone: String,
    },
    /// A trusted zone so wide that the internet is inside.
    TrustsTheInternet {
        /// The zone.
        zone: String,
    },
    /// A zone that can never match: no networks, no interface, and not the untrusted rest.
    ZoneNowhere {
        /// The zone.
        zone: String,
    },
    /// A flow names a zone whose addresses are not declared.
    ZoneWithoutNetworks {
        /// The zone.
        zone: String,
    },
    /// A point in time that is not after another.
    NotAfter {
        /// Key of the later time.
        key: String,
        /// Key of the time it must follow.
        other: String,
    },
    /// Devices that stand behind each other in a ring.
    Cycle {
        /// The key that makes the ring (`behind`, `jump`).
        key: String,
        /// The devices, first one again at the end.
        path: Vec<String>,
    },
}

impl Problem {
    /// The stable name of this kind of problem, in kebab-case.
    pub fn code(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.get("code").and_then(|code| code.as_str()).unwrap_or_default().to_owned()
    }

    /// Whether the line may hold a secret, so that its value must not be shown.
    pub fn hides_value(&self) -> bool {
        match self {
            Self::SecretInFile { .. } => true,
            Self::BadValue { fault, .. } => *fault == ValueFault::Variable,
            _ => false,
        }
    }
}

/// Kinds of TOML values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Text in quotes.
    Text,
    /// A whole number.
    Integer,
    /// A number with a point.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A date, a time, or both.
    DateTime,
    /// A list in square brackets.
    List,
    /// A table: `[name]` or `{ ... }`.
    Table,
    /// A list of tables: `[[name]]`.
    Tables,
}

/// Slips that make a text no TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyntaxFault {
    /// A text without quotes.
    Unquoted,
    /// A quote, bracket or brace that is not closed.
    Unclosed,
    /// A key or table that was there already.
    Duplicate,
    /// A key without `=` and value.
    NoValue,
    /// A list or inline table without a comma between its members.
    NoComma,
    /// A date or time that no calendar or clock has, or that is written in another way.
    Moment,
    /// Anything else.
    Other,
}

/// Why a value cannot be what its key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueFault {
    /// A name with characters other than ASCII letters, digits, `.`, `_`, `-`, or too long, or not begun by a letter
    /// or digit.
    NameCharacters,
    /// A name that means something else: `any`, an address, a device name of Windows.
    NameReserved,
    /// Not an address or prefix.
    Prefix,
    /// A prefix length that does not fit the address.
    PrefixLength,
    /// A prefix with bits set behind its length.
    HostBits,
    /// Neither an address nor a host name.
    Host,
    /// A port that is none.
    Port,
    /// An IPv6 address with a port needs brackets.
    Brackets,
    /// A user name inside an address.
    UserInAddress,
    /// A user name that no host has.
    User,
    /// Not a domain name (RFC 1035, ASCII form).
    Domain,
    /// Not a duration.
    Duration,
    /// A duration of nothing, or of more than ten years.
    DurationRange,
    /// A date and time without an offset: it means another moment in every time zone.
    NoOffset,
    /// A date without a time, or a time without a date.
    HalfTime,
    /// A moment that no calendar has.
    NoSuchTime,
    /// Not the SHA-256 fingerprint of a host key.
    Fingerprint,
    /// Not the name of an artifact.
    Artifact,
    /// Not the name of an environment variable (the password itself, perhaps).
    Variable,
    /// A path that cannot be one (empty, or with a NUL).
    Path,
    /// `~/` at the front of a path, and no home folder is known.
    NoHome,
    /// Not the name of an interface.
    Interface,
    /// Not a service as rules name them.
    Service,
    /// Not a listening socket.
    Listener,
    /// Neither a zone, a device, a prefix nor `any`.
    Endpoint,
    /// Not an address.
    Address,
    /// Not a target of tests.
    ProbeTarget,
    /// Not a plain mailbox.
    Mailbox,
}

/// Why a part of a flow cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowFault {
    /// Not of the form `PROTO SRC -> DST[:PORTS]`.
    Shape,
    /// Not a protocol.
    Protocol,
    /// Neither a name nor a prefix.
    Endpoint,
    /// A prefix with bits set behind its length, or with a length that does not fit.
    Prefix,
    /// Ports at the source: the grammar has none.
    SourcePorts,
    /// Not a list of ports.
    Ports,
    /// A range of ports from high to low.
    PortOrder,
    /// Ports, and a protocol that has none.
    PortsWithoutProtocol,
    /// Source and destination, or the protocol, are of different address families.
    Family,
}

/// What a name refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Referent {
    /// A `[[zone]]`.
    Zone,
    /// A `[[device]]`.
    Device,
    /// A `[[device]]` on the way to another.
    Hop,
    /// A zone or a device.
    ZoneOrDevice,
    /// A group: a word in some device's `groups`.
    Group,
    /// A platform that sekisho can read.
    Platform,
    /// A rule pack that comes with sekisho.
    Pack,
}
