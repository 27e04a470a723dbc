//! Domain, host, address and local part lists as conditions (Exim specification, chapter 10).
//!
//! Items stand in order, the first that matches decides; behind a last item with `!` everything else is a member.

use std::sync::Arc;

use super::config::ListKind;
use super::expand::Expansion;
use super::lookups::is_lookup;
use super::reader::{FileState, Reader};
use super::split::items;
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::packet::address::{AddressSet, Prefix};
use crate::platform::mta::{
    all, any, client_addresses, clients, held, host_name_table, keyed, literal, never, not, pattern_row,
    patterns, unread,
};
use crate::reason::Reason;
use crate::relay::{ClientMatch, Condition, Dns, DnsQuestion, Parents, Part, Subject};

/// Deepest nesting of lists in lists.
const MAX_DEPTH: usize = 20;

/// Most items of one list.
const MAX_ITEMS: usize = 200_000;

/// What happens to clients whose name cannot be found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nameless {
    Outside,
    Inside,
    PassedOver,
}

/// One item.
struct Item {
    text: String,
    excludes: bool,
    at: Location,
}

/// Items of one kind and sign that stand together, as one condition.
#[derive(Default)]
struct Run {
    addresses: Vec<Prefix>,
    names: Vec<(String, Location)>,
    excludes: bool,
}

impl Reader<'_> {
    /// A list, expanded. `subject` is whose domain, address or local part it is about.
    pub(super) fn list(&self, kind: ListKind, text: &str, subject: Subject, at: &Location) -> Condition {
        let expansion = self.expand(text, at);
        self.list_of(kind, &expansion, text, subject, at)
    }

    fn list_of(
        &self,
        kind: ListKind,
        expansion: &Expansion,
        text: &str,
        subject: Subject,
        at: &Location,
    ) -> Condition {
        match expansion {
            Expansion::Fail => never(),
            Expansion::If(condition, yes, no) => any([
                all([(**condition).clone(), self.list_of(kind, yes, text, subject, at)]),
                all([not((**condition).clone()), self.list_of(kind, no, text, subject, at)]),
            ]),
            Expansion::Pieces(_) => match expansion.known() {
                Some(known) => self.members(kind, &known, subject, at),
                None => unread(text),
            },
        }
    }

    /// The named list that alone makes `percent_hack_domains`.
    pub(super) fn percent_list(&self) -> Option<String> {
        let value = self.config.main.get("percent_hack_domains")?;
        match items(&value.text).as_slice() {
            [one] => one.strip_prefix('+').map(|name| name.trim().to_owned()),
            _ => None,
        }
    }

    /// What a named list says of a recipient whose route was taken off because `percent_hack_domains` names the list:
    /// Exim remembers for an address what it found about its domain there, and the domain is another by then. Of the
    /// lists that may have been asked on the way nothing is known.
    fn remembered(&self, name: &str) -> Condition {
        let Some(value) = self.config.main.get("percent_hack_domains") else { return never() };
        let text = match self.percent_list() {
            Some(only) => {
                let list = self.config.lists.get(&(ListKind::Domain, only.clone()));
                let text = list.map_or("$", |list| list.text.as_str());
                if only == name && !text.contains('$') {
                    return Condition::RecipientUnfolded;
                }
                text
            }
            None => &value.text,
        };
        let is_asked = text.contains('+') || text.contains('$');
        if is_asked { all([Condition::RecipientUnfolded, unread(&value.text)]) } else { never() }
    }

    /// A named list.
    fn named(&self, kind: ListKind, name: &str, subject: Subject, at: &Location) -> Condition {
        let list = self.read_named(kind, name, subject, at);
        if kind == ListKind::Domain && subject == Subject::Recipient {
            any([self.remembered(name), list])
        } else {
            list
        }
    }

    fn read_named(&self, kind: ListKind, name: &str, subject: Subject, at: &Location) -> Condition {
        let key = (kind, name.to_owned(), subject);
        if let Some(list) = self.lists.borrow().get(&key) {
            return list.clone();
        }
        let Some(value) = self.config.lists.get(&(kind, name.to_owned())) else {
            return unread(&format!("+{name} ({})", at.text));
        };
        if self.depth.get() >= MAX_DEPTH {
            return Condition::Outside(Reason::TooComplex { subject: name.to_owned() });
        }
        self.depth.set(self.depth.get() + 1);
        let list = self.list(kind, &value.text, subject, &value.at);
        self.depth.set(self.depth.get() - 1);
        self.lists.borrow_mut().insert(key, list.clone());
        list
    }

    fn members(&self, kind: ListKind, text: &str, subject: Subject, at: &Location) -> Condition {
        let mut all_items = Vec::new();
        for text in items(text) {
            self.gather(&text, false, at, true, &mut all_items);
        }
        let otherwise = all_items.last().is_some_and(|item| item.excludes);
        let (mut out, mut run, mut nameless) = (Vec::new(), Run::default(), Nameless::Outside);
        for item in &all_items {
            if run.excludes != item.excludes {
                self.close(kind, subject, &mut run, &mut out);
                run.excludes = item.excludes;
            }
            if self.joins(kind, item, &mut run) {
                continue;
            }
            self.close(kind, subject, &mut run, &mut out);
            match item.text.as_str() {
                "+include_unknown" => nameless = Nameless::Inside,
                "+ignore_unknown" => nameless = Nameless::PassedOver,
                "+caseful" | "+include_defer" | "+ignore_defer" => {}
                _ => {
                    if kind == ListKind::Host && needs_name(&item.text) && nameless != Nameless::PassedOver {
                        out.push((Condition::ClientNameUnverified, nameless == Nameless::Inside));
                    }
                    out.push((self.one(kind, item, subject), !item.excludes));
                }
            }
        }
        self.close(kind, subject, &mut run, &mut out);
        first(out, otherwise)
    }

    /// An item, or what stands in the file that it names.
    fn gather(&self, text: &str, inverted: bool, at: &Location, files: bool, out: &mut Vec<Item>) {
        let bare = text.trim_start_matches('!').trim();
        let excludes = text.starts_with('!') != inverted;
        if out.len() >= MAX_ITEMS {
            return self.gap(Reason::TooComplex { subject: at.text.to_string() }, Some(at.clone()));
        }
        if !bare.starts_with('/') || !files {
            return out.push(Item { text: bare.to_owned(), excludes, at: at.clone() });
        }
        match self.file(bare) {
            FileState::Text(text) => {
                let artifact: Arc<str> = file_artifact(bare).into();
                for (line, number) in text.lines().zip(1u32..) {
                    let line = line.split('#').next().unwrap_or_default().trim();
                    if !line.is_empty() {
                        self.gather(
                            line,
                            excludes,
                            &Location::at(Arc::clone(&artifact), number, line),
                            false,
                            out,
                        );
                    }
                }
            }
            FileState::Absent | FileState::Unknown => {
                out.push(Item { text: bare.to_owned(), excludes, at: at.clone() });
            }
        }
    }

    /// Puts a plain item into the run, if it fits there.
    fn joins(&self, kind: ListKind, item: &Item, run: &mut Run) -> bool {
        let text = item.text.as_str();
        match kind {
            ListKind::Host => match text.parse::<Prefix>() {
                Ok(prefix) => run.addresses.push(prefix),
                Err(_) => return false,
            },
            ListKind::Domain | ListKind::LocalPart => {
                let plain = text.strip_prefix("*.").filter(|_| kind == ListKind::Domain).unwrap_or(text);
                let special =
                    plain.starts_with(['*', '^', '+', '@', '/']) || is_lookup(plain) || plain.is_empty();
                if special {
                    return false;
                }
                let key = if plain.len() < text.len() { format!(".{plain}") } else { text.to_owned() };
                if kind == ListKind::Domain && !item.excludes {
                    self.domains.borrow_mut().insert((plain.to_lowercase(), item.at.clone()));
                }
                run.names.push((key, item.at.clone()));
            }
            ListKind::Address => return false,
        }
        true
    }

    fn close(&self, kind: ListKind, subject: Subject, run: &mut Run, out: &mut Vec<(Condition, bool)>) {
        let member = !run.excludes;
        if let Some((_, at)) = run.names.first().cloned() {
            let names = std::mem::take(&mut run.names);
            let table = keyed(at.text.as_ref(), names.iter().map(|(n, at)| (n.as_str(), at.clone())));
            let (part, parents) = match kind {
                ListKind::Domain => (Part::Domain, Parents::Dotted),
                _ => (Part::Local, Parents::No),
            };
            out.push((held(subject, part, parents, table), member));
        }
        if !run.addresses.is_empty() {
            let set: AddressSet = std::mem::take(&mut run.addresses).into_iter().collect();
            let at = Location::within("hosts", "addresses");
            out.push((client_addresses("hosts", set, &at), member));
        }
    }

    fn one(&self, kind: ListKind, item: &Item, subject: Subject) -> Condition {
        let (text, at) = (item.text.as_str(), &item.at);
        if let Some(name) = text.strip_prefix('+') {
            return self.named(kind, name, subject, at);
        }
        match kind {
            ListKind::Host => self.host(text, at),
            ListKind::Domain => self.domain(text, subject, at),
            ListKind::LocalPart => self.local_part(text, subject, at),
            ListKind::Address => self.address(text, subject, at),
        }
    }

    fn host(&self, text: &str, at: &Location) -> Condition {
        match text {
            // only mail that does not come over the network has no host
            "" => never(),
            "*" => Condition::Always,
            "@[]" => Condition::ClientIsOwn,
            "@" => Condition::ClientIsOwn,
            _ if is_lookup(text) => self.lookup_item(text, Subject::Client, Part::Whole, at),
            _ if text.starts_with('/') => unread(text),
            _ => {
                if let Some(regex) = text.strip_prefix('*').map(|tail| format!("{}$", literal(tail))) {
                    return match text.strip_prefix("*.") {
                        Some(tail) => {
                            let name = format!(".{tail}");
                            clients(text, Parents::Dotted, ClientMatch::Name(name.into()), at)
                        }
                        None => self.host_pattern(&regex, at),
                    };
                }
                if text.starts_with('^') {
                    return self.host_pattern(text, at);
                }
                if text.contains('/') || text.contains(':') {
                    return unread(text);
                }
                // the addresses of a name are for its owner to say
                let named = clients(text, Parents::No, ClientMatch::Name(text.into()), at);
                any([
                    named,
                    Condition::Dns(Dns {
                        asks: DnsQuestion::Listed,
                        about: Subject::Client,
                        text: text.into(),
                    }),
                ])
            }
        }
    }

    fn host_pattern(&self, regex: &str, at: &Location) -> Condition {
        let table = patterns(regex, vec![pattern_row(regex, regex, true, at)]);
        held(Subject::Client, Part::Whole, Parents::No, table)
    }

    fn domain(&self, text: &str, subject: Subject, at: &Location) -> Condition {
        let pattern = |regex: &str| {
            held(
                subject,
                Part::Domain,
                Parents::No,
                patterns(regex, vec![pattern_row(regex, regex, true, at)]),
            )
        };
        match text {
            "*" => Condition::Always,
            "@" => held(subject, Part::Domain, Parents::No, host_name_table(self.host_name.as_deref(), at)),
            "@[]" => pattern(r"^\["),
            _ if text.starts_with("@mx_") => {
                Condition::Dns(Dns { asks: DnsQuestion::BackupMx, about: subject, text: text.into() })
            }
            _ if text.starts_with('^') => pattern(text),
            _ if is_lookup(text) => self.lookup_item(text, subject, Part::Domain, at),
            _ => match text.strip_prefix('*') {
                Some(tail) => pattern(&format!("{}$", literal(tail))),
                None if text.starts_with('/') => unread(text),
                None => held(subject, Part::Domain, Parents::No, keyed(text, [(text, at.clone())])),
            },
        }
    }

    fn local_part(&self, text: &str, subject: Subject, at: &Location) -> Condition {
        let pattern = |regex: &str| {
            held(
                subject,
                Part::Local,
                Parents::No,
                patterns(regex, vec![pattern_row(regex, regex, true, at)]),
            )
        };
        match text {
            "*" => Condition::Always,
            _ if text.starts_with('^') => pattern(text),
            _ if is_lookup(text) => self.lookup_item(text, subject, Part::Local, at),
            _ => match text.strip_prefix('*') {
                Some(tail) => pattern(&format!("{}$", literal(tail))),
                None if text.starts_with('/') => unread(text),
                None => held(subject, Part::Local, Parents::No, keyed(text, [(text, at.clone())])),
            },
        }
    }

    fn address(&self, text: &str, subject: Subject, at: &Location) -> Condition {
        let some = |condition: Condition| match subject {
            Subject::Sender => all([not(Condition::SenderIsNull), condition]),
            _ => condition,
        };
        match text {
            "" if subject == Subject::Sender => Condition::SenderIsNull,
            "" => never(),
            "*" => some(Condition::Always),
            _ if text.starts_with('^') => {
                let table = patterns(text, vec![pattern_row(text, text, true, at)]);
                held(subject, Part::Whole, Parents::No, table)
            }
            _ if text.starts_with("@@") => unread(text),
            _ if is_lookup(text) => some(self.lookup_item(text, subject, Part::Whole, at)),
            _ => match text.rsplit_once('@') {
                Some((local, domain)) if local == "*" || local.is_empty() => {
                    some(self.members(ListKind::Domain, &domain.replace(':', "::"), subject, at))
                }
                Some((local, domain)) => some(all([
                    self.local_part(local, subject, at),
                    self.members(ListKind::Domain, &domain.replace(':', "::"), subject, at),
                ])),
                None => some(self.members(ListKind::Domain, &text.replace(':', "::"), subject, at)),
            },
        }
    }
}

/// Whether the item is compared with the client's name.
fn needs_name(text: &str) -> bool {
    let by_name = is_lookup(text) && !text.starts_with("net");
    (text.starts_with(['*', '^']) && text != "*") || by_name
}

/// A list of one item is that item.
fn first(mut entries: Vec<(Condition, bool)>, otherwise: bool) -> Condition {
    if entries.is_empty() {
        return if otherwise { Condition::Always } else { never() };
    }
    if let [(_, member)] = entries.as_slice()
        && *member != otherwise
        && let Some((condition, member)) = entries.pop()
    {
        return if member { condition } else { not(condition) };
    }
    if entries.iter().all(|(_, member)| *member) && !otherwise {
        return any(entries.into_iter().map(|(c, _)| c));
    }
    Condition::First(entries, otherwise)
}
