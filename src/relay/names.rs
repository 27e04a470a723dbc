//! Which names a client could have: of its own choice, of somebody else, or claimed.
//!
//! A verified name is one that the owner of its domain gave the client: nobody else can have it. Who that owner is, the
//! evidence does not say; below domains of the host it is the host's own owner.

use std::sync::Arc;

use super::attempt::ClientName;
use super::candidates::{Fresh, View, own_domains, tables};
use super::lists::ClientMatch;
use super::quick::Texts;
use super::rules::Subject;
use super::samples::{Ordered, examples, keys};
use super::suffix::{is_free, is_open, registrable};
use super::table::Table;
use super::vocabulary::client_entries;

/// Who can have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// Anybody who wants it.
    Anybody,
    /// The owner of a domain that the configuration names.
    Somebody,
}

/// Client names, those that anybody can have first. With `claimed`, anybody can have any.
pub(super) fn names(
    views: &[View<'_, '_>],
    fresh: &Fresh,
    claimed: bool,
) -> (Vec<(ClientName, Holder)>, bool) {
    let all = tables(views, Subject::Client).chain(tables(views, Subject::ReverseName));
    let mut found = Found {
        out: Ordered::new(all),
        held: Vec::new(),
        texts: Texts::new(views, Subject::Client, &fresh.label),
        own: views.iter().flat_map(|v| own_domains(v.listener)).collect(),
        fresh,
        claimed,
    };
    let own = format!("client.{}", fresh.sender_domain);
    found.out.push((ClientName::Missing, Holder::Anybody));
    found.texts.is_new(&own);
    found.out.push((ClientName::Verified(own.clone()), Holder::Anybody));
    found.out.push((ClientName::Unverified(own), Holder::Anybody));
    for view in views {
        let mut tables: Vec<&Arc<Table>> = view.words.tables(Subject::Client).collect();
        tables.extend(view.words.tables(Subject::ReverseName));
        for entry in view.words.client_lists.iter().flat_map(|list| client_entries(list)) {
            match entry {
                ClientMatch::Name(name) => found.key(name),
                ClientMatch::Table(table) => tables.push(table),
                _ => {}
            }
        }
        for table in tables {
            for key in keys(table) {
                found.key(key);
            }
            for example in examples(table, Vec::new()) {
                found.example(&example);
                if found.out.is_full() {
                    break;
                }
            }
        }
    }
    let full = found.out.is_full();
    let mut names = found.out.items;
    names.extend(found.held);
    (names, full)
}

struct Found<'f> {
    out: Ordered<(ClientName, Holder)>,
    held: Vec<(ClientName, Holder)>,
    texts: Texts<'f>,
    own: Vec<String>,
    fresh: &'f Fresh,
    claimed: bool,
}

impl Found<'_> {
    /// Names that a key stands for.
    fn key(&mut self, name: &str) {
        let bare = name.trim_start_matches('.');
        let is_name = bare.contains(|c: char| c.is_ascii_alphabetic()) && !bare.contains(':');
        if !is_name || bare == "unknown" {
            return;
        }
        if is_open(bare) {
            self.name(format!("client.{}.{bare}", self.fresh.label));
        }
        self.name(bare.to_owned());
        self.name(format!("x.{bare}"));
    }

    /// Names that a text which an expression matches may be part of.
    fn example(&mut self, example: &str) {
        let word = example.trim_matches('.');
        for own in [
            format!("{word}.{}", self.fresh.sender_domain),
            format!("x.{word}.{}", self.fresh.sender_domain),
            format!("{}{word}", self.fresh.label),
            word.to_owned(),
            format!("x.{word}"),
        ] {
            self.name(own);
        }
    }

    fn name(&mut self, name: String) {
        let is_own = self.is_own(&name);
        if self.out.is_full() || !is_host_name(&name) || !self.texts.is_new_among(&name, is_own.into()) {
            return;
        }
        self.out.push((ClientName::Unverified(name.clone()), Holder::Anybody));
        let fresh = [&self.fresh.label, self.fresh.sender_domain.split('.').next().unwrap_or_default()]
            .iter()
            .any(|label| is_free(&name, label));
        if self.claimed || fresh {
            self.out.push((ClientName::Verified(name), Holder::Anybody));
        } else if !is_own && registrable(&name).is_some_and(|own| !is_reserved(own)) {
            self.held.push((ClientName::Verified(name), Holder::Somebody));
        }
    }

    fn is_own(&self, name: &str) -> bool {
        self.own.iter().any(|own| {
            name.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// Whether DNS can give an address such a name; a server takes anything else for no name (RFC 1123 section 2.1).
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    name.len() <= 253 && !numeric && name.split('.').all(is_label)
}

/// Whether no client on the internet can have such a name.
fn is_reserved(domain: &str) -> bool {
    !super::suffix::is_public(domain)
}

#[cfg(test)]
mod tests {
    use super::is_host_name;

    #[test]
    fn what_dns_can_name() {
        for name in ["mail.city.example", "a", "xn--a.example", "_x.example", "10.example"] {
            assert!(is_host_name(name), "{name}");
        }
        for name in [":.example", "", "a..b", ".a", "-a.example", "192.0.2.1", "a b", "[192.0.2.1]"] {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
