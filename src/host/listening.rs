//! Who waits for packets.

use std::net::IpAddr;

use super::HostFacts;
use crate::packet::Family;

/// Where packets to the host itself go.
pub struct Target<'a> {
    /// Their family.
    pub family: Family,
    /// `tcp` or `udp`; `None` for every protocol.
    pub protocol: Option<&'a str>,
    /// Their destination ports; `None` for all.
    pub ports: Option<&'a [(u128, u128)]>,
    /// Whether an address is among their destinations.
    pub reaches: &'a dyn Fn(IpAddr) -> bool,
}

impl HostFacts {
    /// The programs that wait for packets to a target, by name, else by protocol and port; `None` where the evidence
    /// does not list sockets.
    pub fn listening(&self, target: &Target<'_>) -> Option<Vec<String>> {
        let waits = |socket: &&super::Socket| {
            let port = u128::from(socket.port);
            let address = match socket.address {
                Some(address) => Family::of(address) == target.family && (target.reaches)(address),
                None => socket.family.is_none_or(|family| family == target.family),
            };
            address
                && target.protocol.is_none_or(|protocol| protocol == socket.protocol)
                && target.ports.is_none_or(|ports| ports.iter().any(|(a, b)| *a <= port && port <= *b))
        };
        let named = |socket: &super::Socket| {
            socket.process.clone().unwrap_or_else(|| format!("{}/{}", socket.protocol, socket.port))
        };
        let mut names: Vec<String> = self.sockets.as_ref()?.iter().filter(waits).map(named).collect();
        names.sort();
        names.dedup();
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Socket;

    #[test]
    fn a_socket_waits_for_its_port_its_address_and_its_family() {
        let socket = |address: Option<&str>, family, port, process: Option<&str>| Socket {
            protocol: "tcp",
            address: address.map(|a| a.parse().unwrap()),
            family,
            port,
            process: process.map(str::to_owned),
        };
        let sockets = vec![
            socket(None, Some(Family::Ipv4), 22, Some("sshd")),
            socket(None, None, 25, None),
            socket(Some("127.0.0.1"), None, 3306, Some("mysqld")),
        ];
        let facts = HostFacts { sockets: Some(sockets), ..HostFacts::default() };
        let ask = |family, protocol, port: u128| {
            let reaches = |address: IpAddr| !address.is_loopback();
            let ports = [(port, port)];
            facts.listening(&Target { family, protocol, ports: Some(&ports), reaches: &reaches }).unwrap()
        };
        assert_eq!(ask(Family::Ipv4, Some("tcp"), 22), ["sshd"]);
        assert_eq!(ask(Family::Ipv4, None, 22), ["sshd"]);
        assert_eq!(ask(Family::Ipv6, Some("tcp"), 22), [""; 0]);
        assert_eq!(ask(Family::Ipv4, Some("udp"), 22), [""; 0]);
        assert_eq!(ask(Family::Ipv6, Some("tcp"), 25), ["tcp/25"]);
        assert_eq!(ask(Family::Ipv4, Some("tcp"), 3306), [""; 0], "it waits on the loopback interface");
        let none = HostFacts::default();
        let reaches = |_| true;
        let any = Target { family: Family::Ipv4, protocol: None, ports: None, reaches: &reaches };
        assert_eq!(none.listening(&any), None);
        assert_eq!(facts.listening(&any).unwrap(), ["mysqld", "sshd", "tcp/25"]);
    }
}
