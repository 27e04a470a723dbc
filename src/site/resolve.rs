//! What a declared flow means: names become addresses.

use crate::packet::{AddressSet, Prefix};

use super::Site;
use super::flow::{Endpoint, FlowSpec, Protocol};
use super::name::Name;
use super::ports::PortSet;
use super::zone::Trust;

/// A flow with addresses instead of names. Source and destination meet within one family only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Protocol.
    pub protocol: Protocol,
    /// Source addresses.
    pub source: AddressSet,
    /// Destination addresses, as the packet arrives (before any translation).
    pub destination: AddressSet,
    /// Destination ports; `None` is every port.
    pub ports: Option<PortSet>,
}

/// Why a flow has no meaning in addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// Neither a zone nor a device has this name. Declared flows were checked; a flow from the command line was not.
    #[error("no zone or device is called {0}; declare it in site.toml, or write a prefix or any")]
    NoSuchName(Name),
    /// A zone known by interfaces only.
    #[error("zone {0} has no networks in site.toml, so a flow cannot name it")]
    NoNetworks(Name),
    /// A device of which neither the declaration nor the evidence tells an address.
    #[error("no address of device {0} is known; write its address into the flow")]
    NoAddress(Name),
}

impl Site {
    /// The flow in addresses. `addresses_of` tells the addresses of a device from evidence; where it knows none, the
    /// declared address counts.
    ///
    /// # Errors
    /// The name that has no addresses.
    pub fn resolve(
        &self,
        flow: &FlowSpec,
        addresses_of: impl Fn(&Name) -> Option<AddressSet>,
    ) -> Result<Flow, Unresolved> {
        let narrow = |set: AddressSet| match flow.protocol.family() {
            Some(family) => set.only(family),
            None => set,
        };
        let source = narrow(self.endpoint(&flow.source, &addresses_of)?);
        let destination = narrow(self.endpoint(&flow.destination, &addresses_of)?);
        Ok(Flow { protocol: flow.protocol, source, destination, ports: flow.ports.clone() })
    }

    /// The flow as an *expectation*: what a change may open to an untrusted zone it may open to everybody, since
    /// strangers are the most that can be let in. `tcp internet -> X:443` then covers a rule without a source.
    ///
    /// # Errors
    /// The name that has no addresses.
    pub fn resolve_expected(
        &self,
        flow: &FlowSpec,
        addresses_of: impl Fn(&Name) -> Option<AddressSet>,
    ) -> Result<Flow, Unresolved> {
        let resolved = self.resolve(flow, addresses_of)?;
        let from_strangers = match &flow.source {
            Endpoint::Named(name) => {
                self.zones.get(name.as_str()).is_some_and(|z| z.trust == Trust::Untrusted && z.is_rest())
            }
            Endpoint::Any | Endpoint::Network(_) => false,
        };
        if !from_strangers {
            return Ok(resolved);
        }
        let source = flow.protocol.family().map_or_else(AddressSet::all, |f| Prefix::all(f).into());
        Ok(Flow { source, ..resolved })
    }

    /// The addresses of one end.
    ///
    /// # Errors
    /// The name that has no addresses.
    pub fn endpoint(
        &self,
        endpoint: &Endpoint,
        addresses_of: &impl Fn(&Name) -> Option<AddressSet>,
    ) -> Result<AddressSet, Unresolved> {
        let name = match endpoint {
            Endpoint::Any => return Ok(AddressSet::all()),
            Endpoint::Network(prefix) => return Ok((*prefix).into()),
            Endpoint::Named(name) => name,
        };
        if self.zones.get(name.as_str()).is_some() {
            return self.zones.addresses(name.as_str()).ok_or_else(|| Unresolved::NoNetworks(name.clone()));
        }
        let device = self.devices.get(name).ok_or_else(|| Unresolved::NoSuchName(name.clone()))?;
        let declared = || device.literal_address().map(|address| Prefix::host(address).into());
        addresses_of(name)
            .filter(|set| !set.is_empty())
            .or_else(declared)
            .ok_or_else(|| Unresolved::NoAddress(name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Family;
    use crate::site::{Known, Source};

    fn site() -> Site {
        let text = r#"
            zone = [
                { name = "internet", trust = "untrusted" },
                { name = "office", trust = "trusted", networks = ["10.0.0.0/8", "2001:db8:1::/48"] },
                { name = "line", trust = "partner" },
            ]
            device = [
                { name = "mx1", platforms = ["postfix"], address = "203.0.113.10", interfaces = { ppp0 = "line" } },
                { name = "web1", platforms = ["postfix"], address = "web1.city.example.jp" },
            ]
        "#;
        Site::parse(&Source::new("site.toml", text), &Known { platforms: &["postfix"], ..Known::default() })
            .unwrap()
    }

    fn resolved(text: &str) -> Result<Flow, Unresolved> {
        site().resolve(&text.parse().unwrap(), |name| {
            (name.as_str() == "known").then(|| AddressSet::from("192.0.2.1".parse::<Prefix>().unwrap()))
        })
    }

    #[test]
    fn names_become_addresses() {
        let flow = resolved("tcp internet -> mx1:25").unwrap();
        assert!(flow.source.contains("8.8.8.8".parse().unwrap()));
        assert!(!flow.source.contains("10.1.1.1".parse().unwrap()), "claimed by the office");
        assert!(!flow.source.contains("192.168.1.1".parse().unwrap()), "not from the internet");
        assert_eq!(flow.destination.to_string(), "203.0.113.10");
        assert_eq!(resolved("icmp office -> any").unwrap().source.to_string(), "10.0.0.0/8");
        assert_eq!(resolved("icmpv6 any -> any").unwrap().destination, Prefix::all(Family::Ipv6).into());
    }

    #[test]
    fn evidence_knows_more_addresses_than_the_declaration() {
        let at = |address: &str| AddressSet::from(address.parse::<Prefix>().unwrap());
        let facts = |_: &Name| Some(at("203.0.113.11"));
        assert_eq!(
            site().resolve(&"any any -> mx1".parse().unwrap(), facts).unwrap().destination,
            at("203.0.113.11")
        );
        let nothing = |_: &Name| Some(AddressSet::none());
        assert_eq!(
            site().resolve(&"any any -> mx1".parse().unwrap(), nothing).unwrap().destination,
            at("203.0.113.10")
        );
    }

    #[test]
    fn what_has_no_address_is_said() {
        let name = |text: &str| Name::new(text).unwrap();
        assert_eq!(resolved("any any -> web1"), Err(Unresolved::NoAddress(name("web1"))));
        assert_eq!(resolved("any line -> any"), Err(Unresolved::NoNetworks(name("line"))));
        assert_eq!(resolved("any known -> any"), Err(Unresolved::NoSuchName(name("known"))));
        assert_eq!(
            Site::default().resolve(&"any x -> any".parse().unwrap(), |_| None),
            Err(Unresolved::NoSuchName(name("x")))
        );
    }

    #[test]
    fn an_opening_to_strangers_is_one_to_everybody() {
        let expected = |text: &str| site().resolve_expected(&text.parse().unwrap(), |_| None).unwrap().source;
        assert_eq!(expected("tcp internet -> mx1:443"), AddressSet::all());
        assert_eq!(expected("icmp internet -> mx1"), Prefix::all(Family::Ipv4).into());
        assert_eq!(expected("tcp office -> mx1:443").to_string(), "10.0.0.0/8 2001:db8:1::/48");
    }
}
