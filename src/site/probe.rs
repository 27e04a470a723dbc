//! What may be tested for real: `probe` at a device, and `[probe]` for how.
//!
//! Nothing else is ever connected to: who declares a target says that it is his to test. Targets are addresses, not
//! names, so that DNS cannot turn a test against somebody else.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::draft::Draft;
use super::endpoint::read_domain;
use super::name::Name;
use super::ports::PortSet;
use super::problem::{Referent, ValueFault};
use super::table::Table;

/// Most ports of one target; more is a scan, not a test.
const MAX_PORTS: usize = 64;

/// How tests are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probing {
    /// The device from which connections go out over SSH; else they go out from here.
    pub from: Option<Name>,
    /// Addresses that servers see of the tests, where the network in between translates them.
    pub source: Vec<IpAddr>,
    /// A domain of somebody else that exists, for foreign senders and recipients. Nothing is ever sent there.
    pub foreign: Option<String>,
    /// A mailbox of one's own that exists; else `postmaster` (RFC 5321 section 4.5.1).
    pub mailbox: Option<String>,
}

/// What is spoken at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoken {
    /// Mail: the relay attempts are made.
    Smtp,
    /// Anything over TCP: only whether a connection comes about.
    Tcp,
}

/// One target: `smtp 203.0.113.10:25,587`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What is spoken there.
    pub spoken: Spoken,
    /// Address.
    pub address: IpAddr,
    /// Ports.
    pub ports: PortSet,
}

impl Target {
    /// Reads `smtp ADDRESS:PORTS` or `tcp ADDRESS:PORTS`, IPv6 in brackets.
    ///
    /// # Errors
    /// [`ValueFault::ProbeTarget`].
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        let read = || {
            let (word, place) = text.trim().split_once(char::is_whitespace)?;
            let spoken = match word {
                "smtp" => Spoken::Smtp,
                "tcp" => Spoken::Tcp,
                _ => return None,
            };
            let (address, ports) = place.trim().rsplit_once(':')?;
            let address = match address.strip_prefix('[') {
                Some(inside) => IpAddr::V6(inside.strip_suffix(']')?.parse().ok()?),
                None => IpAddr::V4(address.parse().ok()?),
            };
            let ports = PortSet::new(ports).ok().filter(|ports| !ports.contains(0))?;
            let target = Self { spoken, address, ports };
            let is_single = !address.is_unspecified() && !address.is_multicast();
            (is_single && target.sockets().take(MAX_PORTS + 1).count() <= MAX_PORTS).then_some(target)
        };
        read().ok_or(ValueFault::ProbeTarget)
    }

    /// Every address with its port, in order.
    pub fn sockets(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let ports = self.ports.ranges().iter().flat_map(|(first, last)| *first..=*last);
        ports.map(|port| SocketAddr::new(self.address, port))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.spoken == Spoken::Smtp { "smtp" } else { "tcp" };
        match self.address {
            IpAddr::V4(address) => write!(f, "{word} {address}:{}", self.ports),
            IpAddr::V6(address) => write!(f, "{word} [{address}]:{}", self.ports),
        }
    }
}

/// Reads `[probe]`.
pub(super) fn read_probing(table: Table<'_>, draft: &Draft<'_>) -> Probing {
    let from = table.get("from").and_then(|v| draft.refer(Referent::Device, &v));
    let source = table.get("source").and_then(|v| v.each(|address| address.parse(read_address)));
    let foreign = table.get("foreign").and_then(|v| v.parse(read_domain));
    let mailbox = table.get("mailbox").and_then(|v| v.parse(read_mailbox));
    table.finish();
    Probing { from, source: source.unwrap_or_default(), foreign, mailbox }
}

/// Reads an address.
///
/// # Errors
/// [`ValueFault::Address`].
pub fn read_address(text: &str) -> Result<IpAddr, ValueFault> {
    text.parse().map_err(|_| ValueFault::Address)
}

/// Reads a plain mailbox, `USER@DOMAIN`, that fits into an SMTP command as it stands (RFC 5321 section 4.1.2).
///
/// # Errors
/// [`ValueFault::Mailbox`].
pub fn read_mailbox(text: &str) -> Result<String, ValueFault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$&'*+-/=?^_`{|}~.".contains(c);
    let (user, domain) = text.rsplit_once('@').ok_or(ValueFault::Mailbox)?;
    let domain = read_domain(domain).map_err(|_| ValueFault::Mailbox)?;
    let fits = (1..=64).contains(&user.len()) && user.chars().all(plain) && !user.contains('!');
    if fits { Ok(format!("{user}@{domain}")) } else { Err(ValueFault::Mailbox) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for text in ["smtp 203.0.113.10:25,587", "tcp [2001:db8::1]:443", "smtp 192.0.2.1:8000-8063"] {
            assert_eq!(Target::new(text).map(|t| t.to_string()).as_deref(), Ok(text));
        }
        let sockets: Vec<String> =
            Target::new("smtp [2001:db8::1]:25,587").unwrap().sockets().map(|s| s.to_string()).collect();
        assert_eq!(sockets, ["[2001:db8::1]:25", "[2001:db8::1]:587"]);
        for bad in [
            "",
            "203.0.113.10:25",
            "udp 203.0.113.10:25",
            "smtp 203.0.113.10",
            "smtp 203.0.113.10:",
            "smtp 203.0.113.0/24:25",
            "smtp mx.city.example.jp:25",
            "smtp 2001:db8::1:25",
            "tcp 203.0.113.10:0-3",
            "tcp 203.0.113.10:1-1000",
            "tcp 0.0.0.0:25",
            "tcp 224.0.0.1:25",
        ] {
            assert_eq!(Target::new(bad), Err(ValueFault::ProbeTarget), "{bad}");
        }
    }

    #[test]
    fn mailboxes_fit_into_a_command() {
        assert_eq!(read_mailbox("info@City.example.jp").as_deref(), Ok("info@city.example.jp"));
        for bad in ["info", "@city.example.jp", "a b@x.jp", "a>\r\nDATA@x.jp", "x!y@x.jp", "a%b@x.jp"] {
            assert_eq!(read_mailbox(bad), Err(ValueFault::Mailbox), "{bad}");
        }
    }
}
