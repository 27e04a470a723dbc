//! Rules in neutral words: conditions over what a client is, says and proves, and what follows from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::Parents;
use super::lists::ClientList;
use super::policy::ListId;
use super::table::Table;
use crate::finding::Location;
use crate::reason::Reason;

/// An ordered list of rules.
#[derive(Debug, Clone, Default)]
pub struct RuleList {
    /// How the configuration names it.
    pub name: Arc<str>,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it does.
    pub step: Step,
    /// Where it stands.
    pub at: Location,
}

/// What a rule does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Acts when a condition holds.
    If(Condition, Action),
    /// Does what a table row says.
    Lookup(Lookup),
    /// Asks another list; what ends that ends this.
    List(ListId),
    /// Does the step, but a refusal is only noted.
    NoteOnly(Box<Step>),
}

/// A table that says what to do.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// What is looked up.
    pub subject: Subject,
    /// Which part of it, where it is a mail address.
    pub part: Part,
    /// Where.
    pub table: Arc<Table>,
    /// How domain keys cover what lies below.
    pub parents: Parents,
    /// Key of the null sender.
    pub null_sender_key: Arc<str>,
    /// What each answer of the table means.
    pub actions: Arc<BTreeMap<Arc<str>, Action>>,
    /// A permit from this table is a configuration error.
    pub may_not_permit: bool,
}

/// Which part of a mail address a table is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Part {
    /// The whole address, then its domain and parents, then `user@`.
    #[default]
    Address,
    /// The whole address and nothing else.
    Whole,
    /// The domain, then its parents.
    Domain,
    /// What stands before the last `@`.
    Local,
}

/// What a table is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Verified client name, then client address.
    Client,
    /// Unverified client name, then client address.
    ReverseName,
    /// Greeting.
    Helo,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// Login name.
    Login,
    /// Certificate fingerprint.
    Certificate,
}

/// What a rule makes of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The stage is passed.
    Permit,
    /// Refused with this reply code.
    Refuse(u16),
    /// The next rule is asked.
    Continue,
    /// Accepted and thrown away.
    Discard,
    /// A later permit becomes a temporary refusal.
    DeferIfPermit,
    /// A later refusal becomes a temporary one.
    DeferIfReject,
    /// The next rule is asked; accepted mail is kept back.
    Hold,
    /// The next rule is asked; accepted mail goes to a fixed address instead.
    Redirect,
    /// Another list is asked.
    List(ListId),
    /// The server finds its configuration broken: temporary refusal.
    Broken,
    /// Anything: permit, refuse or continue.
    Unknown(Reason),
}

/// What a rule depends on.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Nothing.
    Always,
    /// The client is in the list.
    ClientIn(Arc<ClientList>),
    /// The client is the host itself.
    ClientIsOwn,
    /// The client has no verified name.
    ClientNameUnverified,
    /// The client's address has no name at all.
    ClientNameMissing,
    /// The client has logged in.
    LoggedIn,
    /// The connection is encrypted.
    Encrypted,
    /// The client has a certificate from a trusted authority.
    CertificateTrusted,
    /// The client's certificate is in one of the tables.
    CertificateIn(Vec<Arc<Table>>),
    /// There was a greeting.
    Greeted,
    /// The greeting is no valid name or literal.
    HeloMalformed,
    /// The greeting is not fully qualified.
    HeloUnqualified,
    /// The greeting is a bare network address.
    HeloIsNumber,
    /// MAIL FROM is empty.
    SenderIsNull,
    /// MAIL FROM is not fully qualified.
    SenderUnqualified,
    /// MAIL FROM names an unknown mailbox of an own domain.
    SenderUnlisted,
    /// Somebody's login owns MAIL FROM.
    SenderOwned(Vec<Arc<Table>>),
    /// The client's login owns MAIL FROM.
    SenderOwnedByLogin(Vec<Arc<Table>>),
    /// The host takes mail for the recipient's domain, and no route is left in the address.
    RecipientHere,
    /// A route was taken off the recipient because its domain does so ([`super::Routing::percent_domains`]).
    RecipientUnfolded,
    /// RCPT TO is not fully qualified.
    RecipientUnqualified,
    /// RCPT TO names an unknown mailbox of an own domain.
    RecipientUnlisted,
    /// The client's verified name is in the relay domains.
    ClientNameInRelayDomains,
    /// What DNS says.
    Dns(Dns),
    /// What a service outside the evidence says.
    Outside(Reason),
    /// A table holds the subject, whatever its answer.
    Held(Lookup),
    /// The list of rules permits what it is asked about; a temporary refusal in it refuses the whole attempt.
    Passes(ListId),
    /// The host's routers know where to take mail for the address ([`super::Routing::routers`]).
    Routable(Subject),
    /// Not.
    Not(Box<Condition>),
    /// All of them, asked in order.
    All(Vec<Condition>),
    /// One of them, asked in order.
    Any(Vec<Condition>),
    /// The first that holds decides; when none does, the last part.
    First(Vec<(Condition, bool)>, bool),
}

/// A question to DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dns {
    /// What is asked.
    pub asks: DnsQuestion,
    /// Whose name or address it is about.
    pub about: Subject,
    /// The restriction as written, for the reason given when it stays open.
    pub text: Arc<str>,
}

/// What is asked of DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsQuestion {
    /// Whether a list of good or bad reputation holds its address.
    Listed,
    /// Whether a list of good or bad reputation holds its name.
    NameListed,
    /// Whether its domain has no mail host.
    Unresolvable,
    /// Whether this host is one of its domain's backup mail hosts.
    BackupMx,
    /// Whether its mail, name or web hosts are in a table.
    Server,
    /// Whether a probe finds the mailbox missing.
    Undeliverable,
}
