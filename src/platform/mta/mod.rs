//! What the readers of mail servers other than Postfix share: conditions in neutral words, accounts, aliases.

mod alias;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use alias::{aliases, key_value, special};

use crate::evidence::DeviceEvidence;
use crate::finding::Location;
use crate::packet::address::AddressSet;
use crate::reason::Reason;
use crate::relay::{
    Agent, Auth, Bind, CertificateDemand, ClientList, ClientMatch, Condition, Content, Dialect, Entry,
    Listed, Listener, Lookup, Next, Parents, Part, Pattern, PatternOptions, PatternRow, Protocol, Routing,
    Row, Subject, Table, Test, Tls, Transport,
};

/// Most files that a configuration may make us ask for.
pub(super) const MAX_ASKED: usize = 200;

/// Whether a path that a device names may be fetched: absolute, short, of harmless characters, without steps upward, and
/// no place where passwords or keys live.
pub(super) fn may_be_fetched(path: &str) -> bool {
    const SECRET: [&str; 11] = [
        "shadow",
        "passwd",
        "password",
        ".key",
        "/private/",
        "/.ssh/",
        "secret",
        "authinfo",
        "/root/",
        "/proc/",
        "/dev/",
    ];
    let lower = path.to_ascii_lowercase();
    path.starts_with('/')
        && path.len() <= 200
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@=,".contains(&b))
        && !path.split('/').any(|part| part == "..")
        && !SECRET.iter().any(|part| lower.contains(part))
}

/// What never holds.
pub(super) fn never() -> Condition {
    Condition::Not(Box::new(Condition::Always))
}

/// Whether a condition never holds, whatever the attempt.
pub(super) fn is_never(condition: &Condition) -> bool {
    matches!(condition, Condition::Not(inner) if matches!(**inner, Condition::Always))
}

/// The opposite.
pub(super) fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Not(inner) => *inner,
        other => Condition::Not(Box::new(other)),
    }
}

/// All of them; what always holds is left out.
pub(super) fn all(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    let mut kept: Vec<Condition> =
        conditions.into_iter().filter(|c| !matches!(c, Condition::Always)).collect();
    if kept.iter().any(is_never) {
        return never();
    }
    match kept.len() {
        0 => Condition::Always,
        1 => kept.pop().unwrap_or(Condition::Always),
        _ => Condition::All(kept),
    }
}

/// One of them; what never holds is left out.
pub(super) fn any(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    let mut kept: Vec<Condition> = conditions.into_iter().filter(|c| !is_never(c)).collect();
    if kept.iter().any(|c| matches!(c, Condition::Always)) {
        return Condition::Always;
    }
    match kept.len() {
        0 => never(),
        1 => kept.pop().unwrap_or_else(never),
        _ => Condition::Any(kept),
    }
}

/// What the reader does not evaluate.
pub(super) fn unread(text: &str) -> Condition {
    Condition::Outside(Reason::Unread { text: text.to_owned() })
}

/// Whether a table holds a subject, or a part of it.
pub(super) fn held(subject: Subject, part: Part, parents: Parents, table: Arc<Table>) -> Condition {
    Condition::Held(lookup(subject, part, parents, table))
}

/// A lookup whose answers mean nothing by themselves.
pub(super) fn lookup(subject: Subject, part: Part, parents: Parents, table: Arc<Table>) -> Lookup {
    Lookup {
        subject,
        part,
        table,
        parents,
        null_sender_key: "".into(),
        actions: Arc::new(BTreeMap::new()),
        may_not_permit: false,
    }
}

/// A table of exact keys, each standing for itself.
pub(super) fn keyed<'k>(
    name: impl Into<Arc<str>>,
    keys: impl IntoIterator<Item = (&'k str, Location)>,
) -> Arc<Table> {
    let rows = keys.into_iter().map(|(key, at)| (key.to_lowercase().into(), Row { value: key.into(), at }));
    Arc::new(Table { name: name.into(), content: Content::Keyed(rows.collect()) })
}

/// A table of one answer for everything.
pub(super) fn constant(name: &str, value: &str, at: &Location) -> Arc<Table> {
    let content = Content::Constant(Row { value: value.into(), at: at.clone() });
    Arc::new(Table { name: name.into(), content })
}

/// A table whose content the evidence does not hold.
pub(super) fn unknown_table(name: &str) -> Arc<Table> {
    Arc::new(Table::unknown(name, Reason::ContentsUnknown { name: name.to_owned() }))
}

/// A row of one regular expression. One that cannot be evaluated here stays, as a match that nobody knows.
pub(super) fn pattern_row(text: &str, value: &str, ignore_case: bool, at: &Location) -> PatternRow {
    let options = PatternOptions {
        dialect: Dialect::Perl,
        ignore_case,
        multi_line: false,
        dot_all: false,
        ignore_space: false,
        ungreedy: false,
        anchored: false,
    };
    let pattern = Pattern::new(text, options).map(Arc::new);
    PatternRow {
        tests: vec![Test { pattern, expect: true }],
        row: Row { value: value.into(), at: at.clone() },
    }
}

/// A table of regular expressions.
pub(super) fn patterns(name: &str, rows: Vec<PatternRow>) -> Arc<Table> {
    Arc::new(Table { name: name.into(), content: Content::Patterns(rows) })
}

/// A text with everything escaped that an expression would treat specially.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !c.is_alphanumeric() && c.is_ascii() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Clients with these addresses.
pub(super) fn client_addresses(name: &str, set: AddressSet, at: &Location) -> Condition {
    clients(name, Parents::No, ClientMatch::Addresses(set), at)
}

/// Clients that one entry describes.
pub(super) fn clients(name: &str, parents: Parents, matches: ClientMatch, at: &Location) -> Condition {
    let entry = Entry { matches, excludes: false, at: at.clone() };
    Condition::ClientIn(Arc::new(ClientList::new(name, parents, vec![entry])))
}

/// The names of the host's accounts.
pub(super) fn accounts(evidence: &DeviceEvidence) -> Arc<Table> {
    const FILE: &str = "files/etc/passwd";
    let Some(text) = evidence.file("/etc/passwd") else { return unknown_table("/etc/passwd") };
    let names = text.lines().zip(1u32..).filter_map(|(line, number)| {
        let name = line.split(':').next().unwrap_or_default().trim();
        (!name.is_empty() && !name.starts_with('#')).then(|| (name, Location::at(FILE, number, name)))
    });
    keyed("/etc/passwd", names)
}

/// The host's own name, or the unknown one.
pub(super) fn host_name_table(name: Option<&str>, at: &Location) -> Arc<Table> {
    match name {
        Some(name) => keyed("host name", [(name, at.clone())]),
        None => {
            let reason = Reason::HostFactMissing { fact: "host name".into() };
            Arc::new(Table { name: "host name".into(), content: Content::HostName(reason) })
        }
    }
}

/// An agent that takes mail to where the recipient's domain says.
pub(super) fn to_recipient() -> Transport {
    Transport { agent: Agent::Network, next: Next::Recipient }
}

/// An agent that takes mail to a fixed host.
pub(super) fn to_host() -> Transport {
    Transport { agent: Agent::Network, next: Next::Host }
}

/// An agent that keeps mail here.
pub(super) fn to_mailbox() -> Transport {
    Transport { agent: Agent::Deliver, next: Next::Recipient }
}

/// A listener that asks for nothing yet.
pub(super) fn listener(
    name: &str,
    at: &Location,
    bind: Bind,
    port: Option<u16>,
    routing: Arc<Routing>,
) -> Listener {
    Listener {
        name: name.into(),
        at: at.clone(),
        protocol: Protocol::Smtp,
        bind,
        port,
        tls: Tls::No,
        auth: Auth::No,
        auth_at: at.clone(),
        safeguards: Vec::new(),
        certificate: CertificateDemand::No,
        refuses: None,
        proxy_protocol: false,
        xclient: None,
        helo_required: false,
        looks_up_names: true,
        rewrites_commands: None,
        stages: Vec::new(),
        refuses_unlisted_sender: false,
        refuses_unlisted_recipient: false,
        listed: Arc::new(Listed::default()),
        soft_bounce: false,
        may_discard: false,
        gates: Vec::new(),
        routing,
    }
}
