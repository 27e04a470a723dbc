//! The access map: `Connect:`, `From:`, `To:` and keys without a tag (cf/README, "ANTI-SPAM CONFIGURATION CONTROL").

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Location;
use crate::packet::address::{AddressSet, Prefix};
use crate::platform::mta::keyed;
use crate::relay::{ClientList, ClientMatch, Entry, Parents, Table};

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) value: String,
    pub(super) at: Location,
}

/// All rows, by key in lower case.
#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    rows: BTreeMap<String, Answer>,
}

/// What an answer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Relay,
    Accept,
    Refuse(u16),
    Discard,
}

impl Answer {
    pub(super) fn says(&self) -> Says {
        let value = self.value.trim().trim_matches('"');
        let upper = value.to_ascii_uppercase();
        match upper.as_str() {
            "RELAY" => Says::Relay,
            "OK" | "SKIP" | "FRIEND" | "HATER" => Says::Accept,
            "DISCARD" => Says::Discard,
            _ if upper.starts_with("QUARANTINE") => Says::Accept,
            _ => {
                let text = upper.rsplit(':').next().unwrap_or_default().trim().trim_matches('"');
                let code: u16 = text.get(..3).and_then(|c| c.parse().ok()).unwrap_or(550);
                Says::Refuse(if (400..600).contains(&code) { code } else { 550 })
            }
        }
    }
}

impl Access {
    /// Reads the text form, or what `makemap -u` prints.
    pub(super) fn new(artifact: &str, text: &str) -> Self {
        let mut rows = BTreeMap::new();
        let artifact: Arc<str> = artifact.into();
        for (line, number) in text.lines().zip(1u32..) {
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with('#') {
                continue;
            }
            // tags hold a colon themselves
            let end = bare.find([' ', '\t']).unwrap_or(bare.len());
            let (key, value) = bare.split_at_checked(end).unwrap_or((bare, ""));
            let at = Location::at(Arc::clone(&artifact), number, bare);
            rows.entry(key.to_lowercase()).or_insert(Answer { value: value.trim().to_owned(), at });
        }
        Self { rows }
    }

    /// Rows of a tag; a key without a tag counts where there is none with it.
    fn tagged(&self, tag: &str, untagged: bool) -> BTreeMap<&str, &Answer> {
        let prefix = format!("{tag}:");
        let mut out = BTreeMap::new();
        for (key, answer) in &self.rows {
            let plain = ![
                "connect:",
                "from:",
                "to:",
                "spam:",
                "clientrate:",
                "clientconn:",
                "tls",
                "greetpause:",
                "srv_",
                "auth",
            ]
            .iter()
            .any(|t| key.starts_with(t));
            if untagged && plain {
                out.insert(key.as_str(), answer);
            }
        }
        for (key, answer) in &self.rows {
            if let Some(key) = key.strip_prefix(&prefix) {
                out.insert(key, answer);
            }
        }
        out
    }

    /// The clients whose address decides, the longest key first: those with this answer are members.
    pub(super) fn addresses(&self, is: &dyn Fn(Says) -> bool) -> ClientList {
        let mut rows: Vec<(Prefix, &Answer)> = self
            .tagged("connect", true)
            .into_iter()
            .filter_map(|(key, answer)| Some((network(key)?, answer)))
            .collect();
        rows.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.length()));
        let entry = |(prefix, answer): (Prefix, &Answer)| Entry {
            matches: ClientMatch::Addresses(AddressSet::from(prefix)),
            excludes: !is(answer.says()),
            at: answer.at.clone(),
        };
        ClientList::new("access", Parents::No, rows.into_iter().map(entry).collect())
    }

    /// The clients whose verified name decides, the longest key first.
    pub(super) fn names(&self, is: &dyn Fn(Says) -> bool) -> ClientList {
        let rows = self.domains("connect", true);
        let entry = |(key, answer): (&str, &Answer)| Entry {
            matches: ClientMatch::Name(key.into()),
            excludes: !is(answer.says()),
            at: answer.at.clone(),
        };
        ClientList::new("access", Parents::Bare, rows.into_iter().map(entry).collect())
    }

    /// Domains with their answers, the longest first.
    pub(super) fn domains(&self, tag: &str, untagged: bool) -> Vec<(&str, &Answer)> {
        let mut rows: Vec<(&str, &Answer)> = self
            .tagged(tag, untagged)
            .into_iter()
            .filter(|(key, _)| !key.contains('@') && network(key).is_none() && !key.is_empty())
            .collect();
        rows.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
        rows
    }

    /// Where the map lets the most clients relay.
    pub(super) fn relays_at(&self) -> Option<&Location> {
        let rows = self.tagged("connect", true).into_iter().filter(|(_, a)| a.says() == Says::Relay);
        let wide = |key: &str| network(key).map_or(u8::MAX, |prefix| prefix.length());
        rows.min_by_key(|(key, answer)| (wide(key), &answer.at)).map(|(_, answer)| &answer.at)
    }

    /// Keys of a tag with this answer: whole addresses and `user@`, or domains.
    pub(super) fn keys(
        &self,
        tag: &str,
        untagged: bool,
        domains: bool,
        is: &dyn Fn(Says) -> bool,
    ) -> Arc<Table> {
        let rows = self.tagged(tag, untagged);
        let kept = rows
            .into_iter()
            .filter(|(key, answer)| {
                (key.contains('@') != domains) && network(key).is_none() && is(answer.says())
            })
            .map(|(key, answer)| (key, answer.at.clone()));
        keyed("access", kept)
    }
}

/// Beginnings of addresses: `10.1`, `192.0.2.1`, `IPv6:2001:db8`.
pub(super) fn network(key: &str) -> Option<Prefix> {
    if let Some(v6) = key.strip_prefix("ipv6:") {
        if let Ok(whole) = v6.parse() {
            return Some(Prefix::host(whole));
        }
        let groups: Vec<&str> = v6.split(':').filter(|g| !g.is_empty()).collect();
        let length = u8::try_from(groups.len().checked_mul(16)?).ok().filter(|l| *l < 128)?;
        return Prefix::new(format!("{}::", groups.join(":")).parse().ok()?, length);
    }
    let octets: Vec<&str> = key.split('.').collect();
    let numeric = octets.len() <= 4 && octets.iter().all(|o| o.parse::<u8>().is_ok());
    if !numeric {
        return None;
    }
    let length = u8::try_from(octets.len().checked_mul(8)?).ok()?;
    let mut all: Vec<&str> = octets;
    all.resize(4, "0");
    Prefix::new(all.join(".").parse().ok()?, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_beginnings_of_addresses() {
        let shown = |key: &str| network(key).map(|p| p.to_string());
        assert_eq!(shown("10.1").unwrap(), "10.1.0.0/16");
        assert_eq!(shown("198").unwrap(), "198.0.0.0/8");
        assert_eq!(shown("ipv6:2001:db8").unwrap(), "2001:db8::/32");
        assert_eq!(shown("city.example"), None);
    }

    #[test]
    fn only_relay_is_relay_and_a_longer_key_wins() {
        let access =
            Access::new("a", "Connect:10.1\tRELAY\nConnect:10.1.9 REJECT\n198.51 OK\nTo:x 450 later\n");
        let list = access.addresses(&|says| says == Says::Relay);
        assert_eq!(list.entries().len(), 3);
        assert!(list.entries().first().unwrap().excludes, "the longest key first");
        assert_eq!(access.domains("to", true).first().unwrap().1.says(), Says::Refuse(450));
    }
}
