//! The keys under which servers look a subject up: parent domains, address parts, network beginnings.

use std::net::IpAddr;

/// How a domain key covers what lies below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parents {
    /// Not at all.
    #[default]
    No,
    /// `example` covers `mail.example`.
    Bare,
    /// `.example` covers `mail.example`; `example` covers itself only.
    Dotted,
}

/// A key, and whether it is derived: tables of networks and expressions are not asked for derived keys.
pub(super) type Key = (String, bool);

/// A host name and its parents.
pub(super) fn host(name: &str, parents: Parents) -> Vec<Key> {
    let mut keys = vec![(name.to_owned(), false)];
    if parents == Parents::No || name.parse::<IpAddr>().is_ok() {
        return keys;
    }
    let mut rest = name;
    while let Some(next) = parent(rest, parents) {
        keys.push((next.to_owned(), true));
        rest = next;
    }
    keys
}

/// The parent of a domain key: behind the next dot (`Bare`), or from it (`Dotted`).
fn parent(name: &str, parents: Parents) -> Option<&str> {
    let mut dots = name.char_indices().skip(1).filter(|(_, c)| *c == '.');
    let (dot, _) = dots.next()?;
    let rest = name.get(if parents == Parents::Bare { dot + 1 } else { dot }..)?;
    (!rest.is_empty()).then_some(rest)
}

/// An address and its beginnings at octet or colon boundaries.
pub(super) fn network(address: IpAddr) -> Vec<Key> {
    let text = address.to_string();
    let separator = if address.is_ipv6() { ':' } else { '.' };
    let mut keys = vec![(text.clone(), false)];
    let mut rest = text.as_str();
    while let Some((head, _)) = rest.rsplit_once(separator) {
        if head.is_empty() {
            break;
        }
        keys.push((head.to_owned(), true));
        rest = head;
    }
    keys
}

/// A mail address in an access table: whole, without extension, its domain and parents, `user@`.
pub(super) fn access(mailbox: &str, delimiters: &str, parents: Parents) -> Vec<Key> {
    let (user, domain) = mailbox.rsplit_once('@').unwrap_or((mailbox, ""));
    let bare = without_extension(user, delimiters);
    let mut keys = whole(mailbox);
    keys.extend(bare.map(|bare| (format!("{bare}@{domain}"), true)));
    if !domain.is_empty() {
        keys.extend(host(domain, parents).into_iter().map(|(key, _)| (key, true)));
    }
    keys.push((format!("{user}@"), true));
    keys.extend(bare.map(|bare| (format!("{bare}@"), true)));
    keys
}

/// The local part of a mail address, whole only.
pub(super) fn local(mailbox: &str, delimiters: &str) -> Vec<Key> {
    let user = mailbox.rsplit_once('@').map_or(mailbox, |(user, _)| user);
    let bare = without_extension(user, delimiters);
    std::iter::once(user).chain(bare).map(|user| (user.to_owned(), false)).collect()
}

/// The domain of a mail address, and its parents.
pub(super) fn domain(mailbox: &str, parents: Parents) -> Vec<Key> {
    host(mailbox.rsplit_once('@').map_or("", |(_, domain)| domain), parents)
}

/// A mail address in an address table: whole, without extension, the local part where it is local, `@domain`.
/// The second part of each result is the extension that was taken off to find it.
pub(super) fn mailbox(mailbox: &str, delimiters: &str, local: bool) -> Vec<(Key, String)> {
    let (user, domain) = mailbox.rsplit_once('@').unwrap_or((mailbox, ""));
    let bare = without_extension(user, delimiters);
    let extension = bare.and_then(|bare| user.get(bare.len()..)).unwrap_or_default().to_owned();
    let none = String::new;
    let mut keys: Vec<(Key, String)> = whole(mailbox).into_iter().map(|key| (key, none())).collect();
    keys.extend(bare.map(|bare| ((format!("{bare}@{domain}"), true), extension.clone())));
    if local {
        keys.push(((user.to_owned(), true), none()));
        keys.extend(bare.map(|bare| ((bare.to_owned(), true), extension.clone())));
    }
    keys.push(((format!("@{domain}"), true), none()));
    keys
}

/// A mail address in a routing table: whole, without extension, its domain and parents, `*`.
pub(super) fn route(mailbox: &str, delimiters: &str, parents: Parents) -> Vec<Key> {
    let (user, domain) = mailbox.rsplit_once('@').unwrap_or((mailbox, ""));
    let mut keys = vec![(mailbox.to_owned(), false)];
    keys.extend(without_extension(user, delimiters).map(|bare| (format!("{bare}@{domain}"), true)));
    keys.extend(host(domain, parents).into_iter().map(|(key, _)| (key, true)));
    keys.push(("*".to_owned(), false));
    keys
}

/// The address as the wire would quote it, then as it is.
fn whole(mailbox: &str) -> Vec<Key> {
    let quoted = super::tokens::quote(mailbox);
    let mut keys = vec![(quoted, false)];
    if keys.first().is_some_and(|(quoted, _)| quoted != mailbox) {
        keys.push((mailbox.to_owned(), false));
    }
    keys
}

/// The local part in front of its extension (`user+tag`), where it has one.
pub(super) fn without_extension<'u>(user: &'u str, delimiters: &str) -> Option<&'u str> {
    let reserved =
        ["postmaster", "mailer-daemon", "double-bounce"].iter().any(|r| user.eq_ignore_ascii_case(r));
    let at = user.find(|c| delimiters.contains(c)).filter(|at| *at > 0 && !reserved)?;
    if delimiters.contains('-') && (user.starts_with("owner-") || user.ends_with("-request")) {
        return None;
    }
    user.get(..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(keys: Vec<Key>) -> Vec<String> {
        keys.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_order_of_access_5() {
        assert_eq!(
            texts(access("soumu+tag@mail.city.example", "+", Parents::Bare)),
            [
                "soumu+tag@mail.city.example",
                "soumu@mail.city.example",
                "mail.city.example",
                "city.example",
                "example",
                "soumu+tag@",
                "soumu@"
            ]
        );
        assert_eq!(
            texts(access("a@mail.city.example", "", Parents::Dotted)),
            ["a@mail.city.example", "mail.city.example", ".city.example", ".example", "a@"]
        );
    }

    #[test]
    fn networks_are_beginnings_of_the_address() {
        assert_eq!(
            texts(network("198.51.100.7".parse().unwrap())),
            ["198.51.100.7", "198.51.100", "198.51", "198"]
        );
        assert_eq!(
            texts(network("2001:db8::1".parse().unwrap())),
            ["2001:db8::1", "2001:db8:", "2001:db8", "2001"]
        );
    }

    #[test]
    fn a_number_has_no_parents() {
        assert_eq!(texts(host("192.0.2.1", Parents::Bare)), ["192.0.2.1"]);
    }

    #[test]
    fn reserved_names_have_no_extension() {
        assert_eq!(without_extension("mailer-daemon", "-"), None);
        assert_eq!(without_extension("owner-list", "-"), None);
        assert_eq!(without_extension("+tag", "+"), None);
        assert_eq!(without_extension("a.b+c", "+."), Some("a"));
    }
}
