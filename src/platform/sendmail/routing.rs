//! Which domains Sendmail takes mail for, and what a recipient becomes (cf/README, "USING MAILERTABLE" and "VIRTUAL HOSTING").

use std::sync::Arc;

use super::access::Says;
use super::policy::Host;
use crate::finding::Location;
use crate::platform::mta::{self, host_name_table};
use crate::reason::Reason;
use crate::relay::address::{Forms, Refuses};
use crate::relay::{Content, DomainList, DomainMatch, Entry, Parents, Routing, Row, Table};

impl Host<'_> {
    /// Classes of domains, and virtual users.
    pub(super) fn routing(&self) -> Routing {
        let name = |(name, at): (String, Location), excludes| Entry {
            matches: DomainMatch::Name(name.into()),
            excludes,
            at,
        };
        let unknown = |path: &str| Entry {
            matches: DomainMatch::Unknown(Reason::ContentsUnknown { name: path.to_owned() }),
            excludes: false,
            at: self.at.clone(),
        };
        let mut local: Vec<Entry<DomainMatch>> = match &self.local {
            Some(names) => names.iter().cloned().map(|n| name(n, false)).collect(),
            None => vec![unknown("/etc/mail/local-host-names")],
        };
        local.push(name(("localhost".into(), self.at.clone()), false));
        let own = host_name_table(self.features.define("confDOMAIN_NAME"), self.at);
        if !matches!(own.content, Content::HostName(_)) {
            local.push(Entry { matches: DomainMatch::Table(own), excludes: false, at: self.at.clone() });
        }
        let hosts_only = self.features.has("relay_hosts_only");
        let mut relay: Vec<Entry<DomainMatch>> = Vec::new();
        if let Some(access) = &self.access {
            // the most specific key decides
            let rows = access.domains("to", true).into_iter();
            relay.extend(rows.map(|(key, answer)| {
                name((key.to_owned(), answer.at.clone()), answer.says() != Says::Relay)
            }));
        } else if self.access_used {
            relay.push(unknown("/etc/mail/access"));
        }
        match &self.relay {
            // class R stands beside the access map: what it holds is relayed whatever the map says
            Some(names) => {
                let names = names.iter().filter(|(n, _)| super::access::network(n).is_none()).cloned();
                relay.splice(0..0, names.map(|n| name(n, false)));
            }
            None => relay.push(unknown("/etc/mail/relay-domains")),
        }
        if let Some(domain) = self.own_domain().filter(|_| self.features.has("relay_entire_domain")) {
            relay.insert(0, name((domain, self.at.clone()), false));
        }
        let host = self.features.define("confDOMAIN_NAME").unwrap_or("localhost").to_owned();
        let origin =
            self.local.as_ref().and_then(|l| l.first()).map_or_else(|| host.clone(), |(n, _)| n.clone());
        Routing {
            forms: Forms {
                origin: Some(origin.into()),
                host_name: host.into(),
                takes_postmaster: true,
                refuses: Refuses {
                    doubled: true,
                    bare_sender: !self.features.has("accept_unqualified_senders"),
                    bang: self.features.features.get("nouucp").is_some_and(|how| how == "reject"),
                    ..Refuses::default()
                },
                ..Forms::default()
            },
            delimiters: "+".into(),
            untrusted_routes: self.features.has("loose_relay_check"),
            routes_are_limited: true,
            local: DomainList::new("class w", Parents::No, local),
            local_literals: self.own.clone().unwrap_or_default(),
            relay_domains: DomainList::new(
                "relay domains",
                if hosts_only { Parents::No } else { Parents::Bare },
                relay,
            ),
            aliases: self.virtual_users.iter().cloned().collect(),
            ..Routing::default()
        }
    }
}

/// A virtual user table: `user@domain`, `@domain`; `%1` is the name before the `@`.
pub(super) fn virtual_users(artifact: &str, text: &str) -> Arc<Table> {
    let mut rows = Vec::new();
    for (line, number) in text.lines().zip(1u32..) {
        let bare = line.trim();
        let Some((key, value)) = bare.split_once([' ', '\t']).filter(|_| !bare.starts_with('#')) else {
            continue;
        };
        let value = value.trim();
        let value = value.strip_prefix("%1@").map_or_else(|| value.to_owned(), |domain| format!("@{domain}"));
        if value.contains('%') {
            return mta::unknown_table("/etc/mail/virtusertable");
        }
        let at = Location::at(artifact, number, bare);
        rows.push((key.to_lowercase().into(), Row { value: value.into(), at }));
    }
    Arc::new(Table { name: "virtusertable".into(), content: Content::Keyed(rows.into_iter().collect()) })
}
