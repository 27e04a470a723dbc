//! Services as rules name them: `tcp 22,5900-5903`, `udp 161`, `icmp 8`, `icmpv6 128,133-136`, `tcp`.

use crate::firewall::{Change, Value as Written};
use crate::packet::{Family, Field, PacketSet, Space, proto};
use crate::site::ports::PortSet;
use crate::site::problem::ValueFault;
use crate::site::table::Value;

/// Protocol with destination ports, or with ICMP types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    protocol: u8,
    numbers: Option<PortSet>,
}

impl Service {
    /// Reads one.
    ///
    /// # Errors
    /// [`ValueFault::Service`].
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        let (name, numbers) = text.split_once(' ').map_or((text, None), |(n, rest)| (n, Some(rest)));
        let protocol = match name {
            "tcp" => proto::TCP,
            "udp" => proto::UDP,
            "icmp" => proto::ICMP,
            "icmpv6" => proto::ICMPV6,
            _ => return Err(ValueFault::Service),
        };
        let numbers = numbers.map(PortSet::new).transpose().map_err(|_| ValueFault::Service)?;
        Ok(Self { protocol, numbers })
    }

    /// The packets that ask for this service, where translation makes `target` of the destination.
    fn packets(&self, space: &mut Space, target: &Change) -> PacketSet {
        let protocol = space.number(Field::Proto, self.protocol.into());
        let family = match self.protocol {
            proto::ICMP => space.family(Family::Ipv4),
            proto::ICMPV6 => space.family(Family::Ipv6),
            _ => PacketSet::TRUE,
        };
        let protocol = space.and(protocol, family);
        let Some(numbers) = &self.numbers else { return protocol };
        let ranges: Vec<(u128, u128)> =
            numbers.ranges().iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        let field =
            if matches!(self.protocol, proto::ICMP | proto::ICMPV6) { Field::IcmpType } else { Field::Dport };
        let numbers = match target.get(field) {
            None => space.ranges(field, &ranges),
            Some(Written::Bits { value, .. }) => {
                constant(ranges.iter().any(|(a, b)| a <= value && value <= b))
            }
            // one of several ports: it may be one of these
            Some(Written::Among { ranges: among, .. }) => {
                constant(among.iter().any(|(c, d)| ranges.iter().any(|(a, b)| a <= d && c <= b)))
            }
        };
        space.and(protocol, numbers)
    }
}

const fn constant(holds: bool) -> PacketSet {
    if holds { PacketSet::TRUE } else { PacketSet::FALSE }
}

/// Reads a list of services.
pub fn read(value: &Value<'_>) -> Option<Vec<Service>> {
    value.each(|v| v.parse(Service::new))
}

/// The packets that ask for any of some services; every packet for an empty list.
pub fn packets(services: &[Service], space: &mut Space, target: &Change) -> PacketSet {
    if services.is_empty() {
        return PacketSet::TRUE;
    }
    let sets: Vec<PacketSet> = services.iter().map(|s| s.packets(space, target)).collect();
    space.any(sets)
}
