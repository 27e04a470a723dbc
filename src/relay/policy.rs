//! The relay policy of one host, in words that no vendor owns.
//!
//! A host has [`Listener`]s. Each asks its [`Stage`]s in order; a stage is an ordered list of [`Rule`]s, first match
//! wins. A permit ends only its stage, a refusal ends everything, and a recipient is accepted when no stage refused
//! it (RFC 5321 sections 3.3 and 7.9 leave all this to the server). What happens to accepted mail is
//! [`Routing`]'s business.

use std::sync::Arc;

use super::lists::ClientList;
use super::onward::Onward;
use super::routing::Routing;
use super::rules::RuleList;
use super::safeguard::Safeguard;
use super::table::Table;
use crate::finding::Location;
use crate::packet::AddressSet;
use crate::reason::Reason;

/// The relay policy of one host.
#[derive(Debug, Default)]
pub struct Policy {
    /// Every service that takes mail from the network.
    pub listeners: Vec<Listener>,
    /// Rule lists that listeners and rules refer to by [`ListId`].
    pub lists: Vec<RuleList>,
    /// The host's own addresses; `None` when the evidence does not hold them.
    pub own_addresses: Option<AddressSet>,
    /// Where mail is sent on to by settings and tables.
    pub onward: Vec<Onward>,
    /// What was noticed while reading and decides no attempt.
    pub notes: Vec<Note>,
}

/// Something noticed while reading a policy that decides no attempt, but that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What.
    pub kind: NoteKind,
    /// The table or parameter.
    pub subject: Arc<str>,
    /// Where.
    pub at: Location,
}

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// A table's compiled content differs from its source text: compiling it will change what is accepted.
    TableNotCompiled,
    /// The server skips this row.
    RowSkipped,
    /// A later setting of the same name overrides this one.
    Overridden,
}

/// Names a list of [`Policy::lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(usize);

impl Policy {
    /// Adds a rule list.
    pub fn add_list(&mut self, list: RuleList) -> ListId {
        self.lists.push(list);
        ListId(self.lists.len() - 1)
    }

    /// Fills a list that was added empty, so that lists can refer to each other.
    pub fn set_list(&mut self, id: ListId, list: RuleList) {
        if let Some(place) = self.lists.get_mut(id.0) {
            *place = list;
        }
    }

    /// The list with this id.
    pub fn list(&self, id: ListId) -> Option<&RuleList> {
        self.lists.get(id.0)
    }
}

/// One service that takes mail from the network.
#[derive(Debug, Clone)]
pub struct Listener {
    /// How the configuration names it.
    pub name: Arc<str>,
    /// Where it is defined.
    pub at: Location,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Addresses it listens on.
    pub bind: Bind,
    /// TCP port; `None` when the service name is not known.
    pub port: Option<u16>,
    /// Transport encryption.
    pub tls: Tls,
    /// Who can log in.
    pub auth: Auth,
    /// Where that is set.
    pub auth_at: Location,
    /// What makes abuse harder without deciding a single attempt.
    pub safeguards: Vec<Safeguard>,
    /// Whether clients are asked for a certificate.
    pub certificate: CertificateDemand,
    /// Why the service will not serve at all, if so.
    pub refuses: Option<Refusal>,
    /// Whoever connects says in a PROXY header which client it speaks for, unchecked.
    pub proxy_protocol: bool,
    /// Clients that may claim another identity with XCLIENT.
    pub xclient: Option<Arc<ClientList>>,
    /// A greeting (HELO or EHLO) is demanded.
    pub helo_required: bool,
    /// Client names are looked up.
    pub looks_up_names: bool,
    /// Commands are rewritten by this table as they arrive.
    pub rewrites_commands: Option<Arc<Table>>,
    /// What is asked at RCPT TO, in order.
    pub stages: Vec<Stage>,
    /// Unknown senders in own domains are refused.
    pub refuses_unlisted_sender: bool,
    /// Unknown recipients in own domains are refused.
    pub refuses_unlisted_recipient: bool,
    /// Known recipients.
    pub listed: Arc<Listed>,
    /// All permanent refusals are made temporary ones.
    pub soft_bounce: bool,
    /// Some rule accepts mail to throw it away; from then on the server accepts every recipient of that mail.
    pub may_discard: bool,
    /// Services outside the evidence that may refuse what the rules accept.
    pub gates: Vec<Reason>,
    /// What happens to accepted mail.
    pub routing: Arc<Routing>,
}

/// What is spoken at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 5321, submission included.
    Smtp,
    /// The Quick Mail Queueing Protocol.
    Qmqp,
}

/// Addresses that a listener is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// Every address of the families.
    Any {
        /// IPv4 too.
        ipv4: bool,
        /// IPv6 too.
        ipv6: bool,
    },
    /// These addresses.
    Addresses(AddressSet),
    /// Some addresses among these; the evidence does not say which.
    Among(AddressSet, Reason),
}

/// Transport encryption of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
    /// None.
    No,
    /// STARTTLS is offered.
    Offered,
    /// Mail is refused before STARTTLS.
    Required,
    /// The connection begins with TLS.
    Implicit,
}

/// Who can log in at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Auth {
    /// Nobody.
    No,
    /// Only under TLS.
    UnderTls,
    /// Also in clear.
    Always,
}

/// Whether clients are asked for a certificate under TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateDemand {
    /// No.
    No,
    /// Yes, but mail is taken without.
    Asked,
    /// Mail is refused without one from a trusted authority.
    Required,
}

/// Why a service will not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which safeguard stops it.
    pub kind: RefusalKind,
    /// What makes it stop.
    pub at: Location,
}

/// Which safeguard keeps a service from serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalKind {
    /// Nothing refuses relaying: the server will not start like this.
    NoRelayGuard,
    /// A rule list is named and not defined.
    ListUndefined,
    /// A parameter cannot be read.
    BadParameter,
}

/// One stage of a listener.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What the stage is about.
    pub kind: StageKind,
    /// Its rules.
    pub list: ListId,
    /// What is known when it is asked. A rule about something not yet known does not apply.
    pub sees: Sees,
}

/// What a stage is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageKind {
    /// The client's address and name.
    Client,
    /// The greeting.
    Helo,
    /// MAIL FROM.
    Sender,
    /// RCPT TO, for relaying.
    Relay,
    /// RCPT TO.
    Recipient,
}

/// How far the dialogue has come when a stage is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sees {
    /// Connection only.
    Client,
    /// Greeting too.
    Helo,
    /// MAIL FROM too.
    Sender,
    /// RCPT TO too.
    Recipient,
}

/// Tables of known mailboxes, as one listener sees them. An empty list checks nothing.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Mailboxes that are rewritten, and so exist.
    pub rewritten: Vec<Arc<Table>>,
    /// The same for senders.
    pub rewritten_senders: Vec<Arc<Table>>,
    /// Mailboxes of local domains.
    pub local: Vec<Arc<Table>>,
    /// Mailboxes of virtual mailbox domains.
    pub virtual_mailboxes: Vec<Arc<Table>>,
    /// Mailboxes of relay domains.
    pub relay: Vec<Arc<Table>>,
}
