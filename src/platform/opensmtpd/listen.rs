//! `listen on` of smtpd.conf(5): addresses, ports, encryption, authentication.

use std::net::IpAddr;

use super::lex::{Statement, Word};
use crate::finding::Location;
use crate::host::{HostFacts, loopback};
use crate::packet::address::{AddressSet, Prefix};
use crate::platform::services;
use crate::reason::Reason;
use crate::relay::{Auth, Bind, Tls};

/// One door.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) bind: Bind,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) auth: Auth,
    /// Mail is refused without a login.
    pub(super) needs_login: bool,
    pub(super) tag: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) at: Location,
}

/// The doors of one statement; `None` for the local socket.
pub(super) fn doors(statement: &Statement, host: &HostFacts) -> Option<Vec<Door>> {
    let [_, _, place, options @ ..] = statement.words.as_slice() else { return None };
    let place = place.text()?;
    if place == "socket" {
        return None;
    }
    let has = |word: &str| options.iter().any(|w| w.is(word));
    let after = |word: &str| {
        let at = options.iter().position(|w| w.is(word))?;
        options.get(at + 1).and_then(Word::text).map(str::to_owned)
    };
    let bind = bind(place, host, has("inet4"), has("inet6"));
    let port = after("port").and_then(|p| p.parse().ok().or_else(|| services::port(&p)));
    let (tls, default) = if has("smtps") {
        (Tls::Implicit, 465)
    } else if has("tls-require") {
        (Tls::Required, 25)
    } else if has("tls") {
        (Tls::Offered, 25)
    } else {
        (Tls::No, 25)
    };
    let auth = if has("auth") || has("auth-optional") { Auth::UnderTls } else { Auth::No };
    let one = |tls, port| Door {
        bind: bind.clone(),
        port,
        tls,
        auth,
        needs_login: has("auth"),
        tag: after("tag"),
        filter: has("filter").then(|| after("filter").unwrap_or_default()),
        at: statement.at.clone(),
    };
    // without a port, both ways of encryption are two doors
    if port.is_none() && has("smtps") && has("tls") {
        return Some(vec![one(Tls::Implicit, 465), one(Tls::Offered, 25)]);
    }
    Some(vec![one(tls, port.unwrap_or(default))])
}

/// The door that is there without any statement.
pub(super) fn default_door(at: &Location) -> Door {
    Door {
        bind: Bind::Addresses(loopback()),
        port: 25,
        tls: Tls::No,
        auth: Auth::No,
        needs_login: false,
        tag: None,
        filter: None,
        at: at.clone(),
    }
}

fn bind(place: &str, host: &HostFacts, only4: bool, only6: bool) -> Bind {
    if place == "all" || place == "*" {
        return Bind::Any { ipv4: !only6, ipv6: !only4 };
    }
    if let Ok(address) = place.parse::<IpAddr>() {
        return match address.is_unspecified() {
            true => Bind::Any { ipv4: address.is_ipv4(), ipv6: address.is_ipv6() },
            false => Bind::Addresses(Prefix::host(address).into()),
        };
    }
    if place == "localhost" || place == "lo" || place == "lo0" {
        return Bind::Addresses(loopback());
    }
    let all = || host.addresses.iter().flatten();
    let family = |a: &&crate::host::InterfaceAddress| {
        (a.address.is_ipv4() && !only6) || (a.address.is_ipv6() && !only4)
    };
    let own: AddressSet =
        all().filter(|a| a.interface == place).filter(family).map(|a| Prefix::host(a.address)).collect();
    if !own.is_empty() {
        return Bind::Addresses(own);
    }
    let outer: AddressSet =
        all().filter(|a| !a.address.is_loopback()).filter(family).map(|a| Prefix::host(a.address)).collect();
    let outer = if outer.is_empty() { AddressSet::all() } else { outer };
    Bind::Among(outer, Reason::ContentsUnknown { name: format!("listen on {place}") })
}
