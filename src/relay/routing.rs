//! What a host makes of an accepted recipient: which class its domain belongs to, what it is rewritten to, and
//! which agent takes it where.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::address::Forms;
use super::keys::Parents;
use super::lists::DomainList;
use super::rules::{Condition, Lookup};
use super::table::Table;
use crate::finding::Location;
use crate::reason::Reason;

/// Classes, rewriting and transport of one host.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    /// How addresses are completed and taken apart.
    pub forms: Forms,
    /// Characters that begin an address extension.
    pub delimiters: Box<str>,
    /// Routes left in the local part of a foreign address are accepted.
    pub untrusted_routes: bool,
    /// Mail with such a route leaves for the domain behind the last `@`, and what that host makes of it is its own.
    pub routes_are_limited: bool,
    /// Domains delivered to local accounts.
    pub local: DomainList,
    /// Own addresses, as domain literals, are local too; these further ones as well.
    pub local_literals: crate::packet::AddressSet,
    /// Domains whose every mailbox is an alias.
    pub alias_domains: DomainList,
    /// Domains delivered to virtual mailboxes.
    pub mailbox_domains: DomainList,
    /// Domains that mail is relayed to.
    pub relay_domains: DomainList,
    /// Tables that turn a recipient into another, each group applied once, in order.
    pub canonical: Vec<Vec<Arc<Table>>>,
    /// Tables that turn a recipient into others, applied until nothing changes.
    pub aliases: Vec<Arc<Table>>,
    /// Tables that add a recipient, by recipient.
    pub copies: Vec<Arc<Table>>,
    /// Tables that add a recipient, by sender.
    pub sender_copies: Vec<Arc<Table>>,
    /// Mailboxes that moved away: refused.
    pub relocated: Vec<Arc<Table>>,
    /// Overrides of where a recipient goes.
    pub transports: Vec<Arc<Table>>,
    /// How domain keys of `transports` cover what lies below.
    pub transport_parents: Parents,
    /// What the answers of `transports` mean.
    pub transport_answers: BTreeMap<Arc<str>, Transport>,
    /// Overrides of the last class's transport, by sender.
    pub sender_transports: Vec<Arc<Table>>,
    /// Where each class goes by default.
    pub defaults: Defaults,
    /// What a local delivery hands on to, beyond local mailboxes.
    pub local_onward: Vec<Transport>,
    /// Where mail for unknown local mailboxes goes, when that depends on the address.
    pub local_fallback_chosen: bool,
    /// Domains in which `user%host@domain` is read as `user@host` before anything is asked.
    pub percent_domains: DomainList,
    /// Once begun, this goes on whatever the next domain is.
    pub percent_to_the_end: bool,
    /// An address that becomes several is known only if all of these are; else one of them suffices.
    pub every_address_counts: bool,
    /// Where the first of these that applies takes an address; with none of them, the classes above say so.
    pub routers: Vec<Router>,
}

/// One step of a host that decides for every address by an ordered list where it goes.
#[derive(Debug, Clone)]
pub struct Router {
    /// Which addresses it takes; what it says of the recipient is asked about the address on its way.
    pub condition: Condition,
    /// What is asked instead of an address that came out of another one, where that differs.
    pub of_children: Option<Condition>,
    /// What it does with them.
    pub does: Does,
    /// Whether it counts when an address is only verified.
    pub verifies: bool,
    /// Where it stands.
    pub at: Location,
}

/// What a router does.
#[derive(Debug, Clone)]
pub enum Does {
    /// Hands the mail to an agent.
    Send(Transport),
    /// Replaces the address by the table's answer; without one, the next router is asked. Where the lookup has an
    /// action for the answer, that is done instead.
    Redirect(Lookup),
    /// Refuses with this reply code.
    Fail(u16),
    /// Hands the mail on in a way that the evidence does not tell.
    Unknown(Reason),
}

/// Where each class of recipient goes by default.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Local domains.
    pub local: Transport,
    /// Virtual mailbox domains.
    pub mailbox: Transport,
    /// Relay domains.
    pub relay: Transport,
    /// All others.
    pub other: Transport,
}

impl Default for Defaults {
    fn default() -> Self {
        let to = |agent| Transport { agent, next: Next::Recipient };
        Self {
            local: to(Agent::Deliver),
            mailbox: to(Agent::Deliver),
            relay: to(Agent::Network),
            other: to(Agent::Network),
        }
    }
}

/// An agent and the next host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// Who takes the mail.
    pub agent: Agent,
    /// Where to.
    pub next: Next,
}

/// Who takes the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// Whoever took it anyway; only the next host changes.
    Unchanged,
    /// It stays on this host: a mailbox, a program.
    Deliver,
    /// It goes to another host over the network.
    Network,
    /// It is bounced; the server knows that at RCPT TO.
    Bounce,
    /// It is put off; the server knows that at RCPT TO.
    PutOff,
    /// It is thrown away.
    Discard,
    /// Not known.
    Unknown(Reason),
}

/// The next host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The recipient's domain decides.
    Recipient,
    /// A fixed host.
    Host,
    /// This host itself, through another door.
    Loopback,
}

/// Where accepted mail ends up. Ordered from harmless to harmful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaves {
    /// It stays on this host, in a domain that the host declares as its own.
    No,
    /// It leaves for a domain or address that the configuration names.
    Declared,
    /// It stays on this host although the domain is not one that the configuration names.
    KeptForeign,
    /// It leaves for a domain that the client cannot choose freely: a subdomain of a relay domain, a domain whose
    /// backup mail host this is.
    Limited,
    /// It leaves for a domain of the client's choice.
    Anywhere,
}
