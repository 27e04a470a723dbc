//! Lists of clients and of domains: ordered, with exclusions, first match wins.
//!
//! In a list a table's *answer* is not looked at: any hit means member. An entry that the server cannot read makes
//! the whole question fail on the device, once it is reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::Parents;
use super::partition::Partition;
use super::table::Table;
use crate::finding::Location;
use crate::packet::AddressSet;
use crate::packet::address::Family;
use crate::reason::Reason;

/// One entry of a list, before it is indexed.
#[derive(Debug, Clone)]
pub struct Entry<M> {
    /// What it matches.
    pub matches: M,
    /// Whether it excludes what it matches.
    pub excludes: bool,
    /// Where it stands.
    pub at: Location,
}

/// What an entry of a client list matches.
#[derive(Debug, Clone)]
pub enum ClientMatch {
    /// Clients with these addresses.
    Addresses(AddressSet),
    /// Clients with this verified name (and below it, as the list's [`Parents`] say).
    Name(Box<str>),
    /// Clients whose name or address the table holds.
    Table(Arc<Table>),
    /// Unreadable for the server: asking about an address of this family fails.
    Malformed(Family),
    /// Not known what it matches.
    Unknown(Reason),
}

/// What an entry of a domain list matches.
#[derive(Debug, Clone)]
pub enum DomainMatch {
    /// This domain (and below it, as the list's [`Parents`] say).
    Name(Box<str>),
    /// Domains that the table holds.
    Table(Arc<Table>),
    /// Not known what it matches.
    Unknown(Reason),
}

/// A list of clients.
#[derive(Debug, Clone, Default)]
pub struct ClientList {
    /// How the configuration names it.
    pub name: Arc<str>,
    entries: Vec<Entry<ClientMatch>>,
    addresses: Partition,
    names: Names,
    others: Vec<usize>,
    not_addresses: Vec<usize>,
    not_names: Vec<usize>,
}

/// A list of domains.
#[derive(Debug, Clone, Default)]
pub struct DomainList {
    /// How the configuration names it.
    pub name: Arc<str>,
    entries: Vec<Entry<DomainMatch>>,
    names: Names,
    others: Vec<usize>,
}

/// Literal names with the first entry that holds each.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Names {
    parents: Parents,
    first: BTreeMap<Box<str>, usize>,
}

impl Default for Names {
    fn default() -> Self {
        Self { parents: Parents::No, first: BTreeMap::new() }
    }
}

impl Names {
    fn insert(&mut self, name: &str, entry: usize) {
        self.first.entry(name.to_ascii_lowercase().into()).or_insert(entry);
    }

    /// The first entry that covers `name`.
    fn find(&self, name: &str) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        let mut first = self.first.get(name.as_str()).copied();
        let mut rest = if self.parents == Parents::No { "" } else { name.as_str() };
        while let Some((_, behind)) = rest.split_once('.') {
            let dotted = rest.get(rest.len() - behind.len() - 1..).unwrap_or_default();
            let key = if self.parents == Parents::Bare { behind } else { dotted };
            let is_parent = rest.len() > dotted.len();
            let hit = self.first.get(key).copied().filter(|_| is_parent);
            first = first.into_iter().chain(hit).min();
            rest = behind;
        }
        first
    }
}

/// An answer about membership, or a question that the list leaves to its caller.
#[derive(Debug, Clone)]
pub(super) enum Member<'l> {
    /// Decided, by this entry if there is one.
    Decided(bool, Option<&'l Location>),
    /// These entries must be asked in order; each decides when it holds. When none does, the last part decides.
    Ask(Vec<Question<'l>>, bool, Option<&'l Location>),
}

/// An entry whose match is for the caller to find out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'l> {
    /// What to ask.
    pub about: About<'l>,
    /// What it means when it holds.
    pub member: bool,
    /// Where it stands.
    pub at: &'l Location,
}

/// What decides an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'l> {
    /// Whether the table holds the subject.
    Table(&'l Arc<Table>),
    /// Nobody knows.
    Unknown(&'l Reason),
    /// The question fails on the device.
    Fails,
}

impl ClientList {
    /// Indexes a list. A name covers what lies below it as `parents` says.
    pub fn new(name: impl Into<Arc<str>>, parents: Parents, entries: Vec<Entry<ClientMatch>>) -> Self {
        let mut names = Names { parents, first: BTreeMap::new() };
        let (mut sets, mut others) = (Vec::with_capacity(entries.len()), Vec::new());
        let (mut not_addresses, mut not_names) = (Vec::new(), Vec::new());
        for (i, entry) in entries.iter().enumerate() {
            let mut set = AddressSet::none();
            if !matches!(entry.matches, ClientMatch::Addresses(_)) {
                not_addresses.push(i);
            }
            if !matches!(entry.matches, ClientMatch::Name(_)) {
                not_names.push(i);
            }
            match &entry.matches {
                ClientMatch::Addresses(addresses) => set = addresses.clone(),
                ClientMatch::Name(name) => names.insert(name, i),
                ClientMatch::Table(_) | ClientMatch::Malformed(_) | ClientMatch::Unknown(_) => others.push(i),
            }
            sets.push(set);
        }
        Self {
            name: name.into(),
            addresses: Partition::first_match(&sets),
            entries,
            names,
            others,
            not_addresses,
            not_names,
        }
    }

    /// The same list for a server that takes the client for no member once it meets an entry that it cannot read.
    pub fn without_failures(self) -> Self {
        let read = |entry: Entry<ClientMatch>| match entry.matches {
            ClientMatch::Malformed(family) => Entry {
                matches: ClientMatch::Addresses(AddressSet::all().only(family)),
                excludes: true,
                at: entry.at,
            },
            _ => entry,
        };
        Self::new(self.name, self.names.parents, self.entries.into_iter().map(read).collect())
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry<ClientMatch>] {
        &self.entries
    }

    /// How a name covers what lies below it.
    pub fn parents(&self) -> Parents {
        self.names.parents
    }

    /// Whether the addresses in the list make an address a member, and how many entries that are no addresses stand
    /// before the deciding one: addresses with equal results cannot be told apart by the list, whatever the name.
    pub(super) fn place(&self, address: std::net::IpAddr) -> (bool, usize) {
        let place = self.addresses.find(address);
        let is = place.and_then(|i| self.entries.get(i)).is_some_and(|e| !e.excludes);
        let before = self.not_addresses.partition_point(|i| place.is_none_or(|place| *i < place));
        (is, before)
    }

    /// The same for a name, whatever the address.
    pub(super) fn place_of_name(&self, name: &str) -> (bool, usize) {
        let place = self.names.find(name);
        let is = place.and_then(|i| self.entries.get(i)).is_some_and(|e| !e.excludes);
        let before = self.not_names.partition_point(|i| place.is_none_or(|place| *i < place));
        (is, before)
    }

    /// Whether a client is a member, as far as the list alone can say.
    pub(super) fn find(&self, address: std::net::IpAddr, name: &str) -> Member<'_> {
        let first = self.addresses.find(address).into_iter().chain(self.names.find(name)).min();
        member(&self.entries, &self.others, first, |matches| match matches {
            ClientMatch::Table(table) => Some(About::Table(table)),
            ClientMatch::Unknown(reason) => Some(About::Unknown(reason)),
            ClientMatch::Malformed(family) => (*family == Family::of(address)).then_some(About::Fails),
            ClientMatch::Addresses(_) | ClientMatch::Name(_) => None,
        })
    }
}

impl DomainList {
    /// Indexes a list. A name covers what lies below it as `parents` says.
    pub fn new(name: impl Into<Arc<str>>, parents: Parents, entries: Vec<Entry<DomainMatch>>) -> Self {
        let mut names = Names { parents, first: BTreeMap::new() };
        let mut others = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            match &entry.matches {
                DomainMatch::Name(name) => names.insert(name, i),
                DomainMatch::Table(_) | DomainMatch::Unknown(_) => others.push(i),
            }
        }
        Self { name: name.into(), entries, names, others }
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry<DomainMatch>] {
        &self.entries
    }

    /// How a name covers what lies below it.
    pub fn parents(&self) -> Parents {
        self.names.parents
    }

    /// Whether another list surely has the same members.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let excludes = |list: &Self| list.entries.iter().any(|e| e.excludes) || !list.others.is_empty();
        self.names == other.names && !excludes(self) && !excludes(other)
    }

    /// Whether `domain` itself stands in the list as a name.
    pub fn names(&self, domain: &str) -> bool {
        self.names.first.contains_key(domain.to_ascii_lowercase().as_str())
    }

    /// Whether a domain is a member, as far as the list alone can say.
    pub(super) fn find(&self, domain: &str) -> Member<'_> {
        member(&self.entries, &self.others, self.names.find(domain), |matches| match matches {
            DomainMatch::Table(table) => Some(About::Table(table)),
            DomainMatch::Unknown(reason) => Some(About::Unknown(reason)),
            DomainMatch::Name(_) => None,
        })
    }
}

fn member<'l, M>(
    entries: &'l [Entry<M>],
    others: &[usize],
    first: Option<usize>,
    about: impl Fn(&'l M) -> Option<About<'l>>,
) -> Member<'l> {
    let before = others.iter().copied().take_while(|i| first.is_none_or(|first| *i < first));
    let questions: Vec<Question<'l>> = before
        .filter_map(|i| {
            let entry = entries.get(i)?;
            Some(Question { about: about(&entry.matches)?, member: !entry.excludes, at: &entry.at })
        })
        .collect();
    let decided = first.and_then(|i| entries.get(i));
    let (is, at) = (decided.is_some_and(|e| !e.excludes), decided.map(|e| &e.at));
    if questions.is_empty() { Member::Decided(is, at) } else { Member::Ask(questions, is, at) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Prefix;

    fn client(text: &str) -> Entry<ClientMatch> {
        let (excludes, text) = text.strip_prefix('!').map_or((false, text), |t| (true, t));
        let matches = match text.parse::<Prefix>() {
            Ok(prefix) => ClientMatch::Addresses(prefix.into()),
            Err(_) => ClientMatch::Name(text.into()),
        };
        Entry { matches, excludes, at: Location::within("test", text) }
    }

    fn is_member(list: &[&str], parents: Parents, address: &str, name: &str) -> bool {
        let list = ClientList::new("l", parents, list.iter().map(|t| client(t)).collect());
        matches!(list.find(address.parse().unwrap(), name), Member::Decided(true, _))
    }

    #[test]
    fn an_exclusion_counts_only_before_what_covers_it() {
        assert!(!is_member(&["!192.0.2.77", "192.0.2.0/24"], Parents::Bare, "192.0.2.77", "unknown"));
        assert!(is_member(&["192.0.2.0/24", "!192.0.2.77"], Parents::Bare, "192.0.2.77", "unknown"));
    }

    #[test]
    fn names_below_a_name() {
        assert!(is_member(&["city.example"], Parents::Bare, "192.0.2.1", "mail.city.example"));
        assert!(!is_member(&[".city.example"], Parents::Bare, "192.0.2.1", "mail.city.example"));
        assert!(is_member(&[".city.example"], Parents::Dotted, "192.0.2.1", "mail.city.example"));
        assert!(!is_member(&[".city.example"], Parents::Dotted, "192.0.2.1", "city.example"));
        assert!(!is_member(&["city.example"], Parents::Dotted, "192.0.2.1", "mail.city.example"));
        assert!(!is_member(&["city.example"], Parents::Bare, "192.0.2.1", "notcity.example"));
    }

    #[test]
    fn a_malformed_entry_counts_once_it_is_reached() {
        let at = || Location::within("test", "x");
        let bad = Entry { matches: ClientMatch::Malformed(Family::Ipv4), excludes: false, at: at() };
        let list = ClientList::new("l", Parents::Bare, vec![client("10.0.0.0/8"), bad.clone()]);
        assert!(matches!(list.find("10.1.1.1".parse().unwrap(), ""), Member::Decided(true, _)));
        assert!(matches!(list.find("11.1.1.1".parse().unwrap(), ""), Member::Ask(..)));
        assert!(matches!(list.find("2001:db8::1".parse().unwrap(), ""), Member::Decided(false, _)));
    }
}
