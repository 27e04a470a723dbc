//! Where a device is reached: `192.0.2.1:22`, `[2001:db8::1]:22`, `fw.city.example.jp`.
//!
//! Host names follow RFC 1123 section 2.1 (letters, digits, hyphens; `_` is let through since it exists in the
//! field); IPv6 literals with a port take brackets as in RFC 3986 section 3.2.2.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::Serialize;

use super::problem::ValueFault;

/// Port of SSH (RFC 4253 section 4.1), used where none is written.
pub const SSH_PORT: u16 = 22;

/// A host by address or by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name that only DNS or a hosts file can resolve, in lower case.
    Name(String),
}

/// A host and a TCP port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

/// An account on a host: `audit@192.0.2.9:22`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Account {
    /// User name, if one is written.
    pub user: Option<String>,
    /// Where.
    pub at: HostPort,
}

impl HostPort {
    /// Reads `HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address; without a port it is [`SSH_PORT`].
    ///
    /// # Errors
    /// What keeps `text` from being one.
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        if text.contains('@') {
            return Err(ValueFault::UserInAddress);
        }
        if text.contains('/') {
            return Err(ValueFault::Host);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { host: Host::Address(address), port: SSH_PORT });
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (inside, port) = rest.split_once(']').ok_or(ValueFault::Brackets)?;
            let address: Ipv6Addr = inside.parse().map_err(|_| ValueFault::Host)?;
            let port = match port {
                "" => SSH_PORT,
                _ => read_port(port.strip_prefix(':').ok_or(ValueFault::Port)?)?,
            };
            return Ok(Self { host: Host::Address(address.into()), port });
        }
        match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => Err(ValueFault::Brackets),
            Some((host, port)) => Ok(Self { host: read_host(host)?, port: read_port(port)? }),
            None => Ok(Self { host: read_host(text)?, port: SSH_PORT }),
        }
    }
}

impl Account {
    /// Reads `[USER@]HOST[:PORT]`.
    ///
    /// # Errors
    /// What keeps `text` from being one.
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        match text.rsplit_once('@') {
            Some((user, at)) => Ok(Self { user: Some(read_user(user)?), at: HostPort::new(at)? }),
            None => Ok(Self { user: None, at: HostPort::new(text)? }),
        }
    }
}

/// Reads a user name: no blank, no control character, not begun by `-`.
///
/// # Errors
/// [`ValueFault::User`].
pub fn read_user(text: &str) -> Result<String, ValueFault> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '@' || c == ':';
    if text.is_empty() || text.starts_with('-') || text.contains(odd) {
        return Err(ValueFault::User);
    }
    Ok(text.to_owned())
}

/// Reads a domain name in ASCII form, without the final dot, into lower case.
///
/// # Errors
/// [`ValueFault::Domain`].
pub fn read_domain(text: &str) -> Result<String, ValueFault> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last_is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if name.len() > 253 || last_is_number || !name.split('.').all(label) {
        return Err(ValueFault::Domain);
    }
    Ok(name.to_ascii_lowercase())
}

fn read_host(text: &str) -> Result<Host, ValueFault> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(Host::Address(address)),
        Err(_) => read_domain(text).map(Host::Name).map_err(|_| ValueFault::Host),
    }
}

fn read_port(text: &str) -> Result<u16, ValueFault> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse::<u16>().ok().filter(|&port| digits && port != 0).ok_or(ValueFault::Port)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.pad(name),
        }
    }
}

impl fmt::Display for HostPort {
    /// Always with the port, IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "{user}@{}", self.at),
            None => self.at.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_an_address() {
        let shown = |text: &str| HostPort::new(text).map(|at| at.to_string());
        assert_eq!(shown("192.0.2.1").as_deref(), Ok("192.0.2.1:22"));
        assert_eq!(shown("192.0.2.1:2222").as_deref(), Ok("192.0.2.1:2222"));
        assert_eq!(shown("2001:db8::1").as_deref(), Ok("[2001:db8::1]:22"));
        assert_eq!(shown("[2001:db8::1]").as_deref(), Ok("[2001:db8::1]:22"));
        assert_eq!(shown("[2001:db8::1]:2200").as_deref(), Ok("[2001:db8::1]:2200"));
        assert_eq!(shown("FW.city.example.jp:22").as_deref(), Ok("fw.city.example.jp:22"));
    }

    #[test]
    fn what_is_no_address() {
        for (text, fault) in [
            ("audit@192.0.2.1", ValueFault::UserInAddress),
            ("192.0.2.1:0", ValueFault::Port),
            ("192.0.2.1:+22", ValueFault::Port),
            ("192.0.2.1:70000", ValueFault::Port),
            ("192.0.2.300", ValueFault::Host),
            ("192.0.2", ValueFault::Host),
            ("ssh://fw", ValueFault::Host),
            ("fw edge", ValueFault::Host),
            ("", ValueFault::Host),
            ("2001:db8::1:x:22", ValueFault::Brackets),
            ("[2001:db8::1", ValueFault::Brackets),
            ("[192.0.2.1]:22", ValueFault::Host),
            ("[2001:db8::1]22", ValueFault::Port),
        ] {
            assert_eq!(HostPort::new(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn accounts() {
        let account = Account::new("audit@192.0.2.9:2200").unwrap();
        assert_eq!(account.user.as_deref(), Some("audit"));
        assert_eq!(account.to_string(), "audit@192.0.2.9:2200");
        assert_eq!(Account::new("@192.0.2.9"), Err(ValueFault::User));
        assert_eq!(Account::new("-oProxyCommand=x@h"), Err(ValueFault::User));
    }

    #[test]
    fn domains() {
        assert_eq!(read_domain("City.Example.JP.").as_deref(), Ok("city.example.jp"));
        for bad in ["", ".", ".jp", "a..b", "-a.jp", "a_b-.jp", "市.jp", "192.0.2.1", "a b"] {
            assert_eq!(read_domain(bad), Err(ValueFault::Domain), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(text in "\\PC{0,40}") {
            if let Ok(account) = Account::new(&text) {
                prop_assert_eq!(Account::new(&account.to_string()), Ok(account));
            }
        }
    }
}
