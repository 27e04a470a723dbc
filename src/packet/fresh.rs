//! Packets that belong to no known connection, and the state that connection tracking gives them.
//!
//! After the kernel's conntrack protocol trackers: `nf_conntrack_proto_tcp.c` (valid flags, first packet),
//! `nf_conntrack_proto_icmp.c` and `nf_conntrack_proto_icmpv6.c` (types that may start a connection).

use super::address::Family;
use super::field::{Field, State, flag, proto};
use super::sample::Packet;
use super::space::{PacketSet, Space};

/// TCP flags that connection tracking looks at; PSH, ECE and CWR it ignores.
const TRACKED: u8 = flag::FIN | flag::SYN | flag::RST | flag::ACK | flag::URG;
/// Flags that open a connection.
const OPENING: [u8; 2] = [flag::SYN, flag::SYN | flag::URG];
/// Flags that conntrack takes for the middle of a connection it has not seen (`nf_conntrack_tcp_loose`).
const MIDDLE: [u8; 2] = [flag::ACK, flag::ACK | flag::URG];
/// ICMP types that start a connection: echo, timestamp, information, address mask requests.
const ICMP_NEW: [u8; 4] = [8, 13, 15, 17];
/// ICMPv6 types that start a connection: echo request, node information query.
const ICMPV6_NEW: [u8; 2] = [128, 139];
/// ICMPv6 types that are never tracked: multicast listener and neighbour discovery.
const ICMPV6_UNTRACKED: [u8; 8] = [130, 131, 132, 133, 134, 135, 136, 143];

/// The state of a packet that belongs to no known connection. `loose`: a lone ACK may start one.
pub fn state(packet: &Packet, loose: bool) -> State {
    let number = packet.get(Field::Proto);
    let is = |protocol: u8| number == u128::from(protocol);
    let kind = packet.get(Field::IcmpType);
    let among = |types: &[u8]| types.iter().any(|t| kind == u128::from(*t));
    let new_if = |new: bool| if new { State::New } else { State::Invalid };
    if is(proto::TCP) {
        let flags = packet.get(Field::Flags) & u128::from(TRACKED);
        let any = |list: &[u8]| list.iter().any(|f| flags == u128::from(*f));
        return new_if(any(&OPENING) || loose && any(&MIDDLE));
    }
    match packet.family() {
        Family::Ipv4 if is(proto::ICMP) => new_if(among(&ICMP_NEW)),
        Family::Ipv6 if is(proto::ICMPV6) && among(&ICMPV6_UNTRACKED) => State::Untracked,
        Family::Ipv6 if is(proto::ICMPV6) => new_if(among(&ICMPV6_NEW)),
        _ => State::New,
    }
}

impl Space {
    /// Whole packets that belong to no known connection, with the state they get; of TCP only those that open one
    /// (SYN set; ACK, RST and FIN clear). Marks are zero, nothing is translated yet.
    pub fn fresh(&mut self) -> PacketSet {
        let tcp = self.number(Field::Proto, proto::TCP.into());
        let opening = flag::SYN | flag::ACK | flag::RST | flag::FIN;
        let opens = self.bits(Field::Flags, opening.into(), flag::SYN.into());
        let new = self.states(&[State::New]);
        let invalid = self.states(&[State::Invalid]);
        let untracked = self.states(&[State::Untracked]);
        let opens = self.and(opens, new);
        let v4 = self.family(Family::Ipv4);
        let icmp4 = self.number(Field::Proto, proto::ICMP.into());
        let icmp4 = self.and(v4, icmp4);
        let icmp6 = self.number(Field::Proto, proto::ICMPV6.into());
        let icmp6 = self.diff(icmp6, v4);
        let new4 = self.icmp_types(&ICMP_NEW);
        let of4 = self.ite(new4, new, invalid);
        let new6 = self.icmp_types(&ICMPV6_NEW);
        let of6 = self.ite(new6, new, invalid);
        let untracked6 = self.icmp_types(&ICMPV6_UNTRACKED);
        let of6 = self.ite(untracked6, untracked, of6);
        let others = self.ite(icmp6, of6, new);
        let others = self.ite(icmp4, of4, others);
        let state = self.ite(tcp, opens, others);
        let clean =
            [Field::Fragment, Field::Mark, Field::CtMark, Field::Status].map(|field| self.number(field, 0));
        let clean = self.all(clean);
        self.and(state, clean)
    }

    /// The plain packets of a set of fresh ones: of TCP those whose only flag is SYN, with the flags no longer looked
    /// at. The second set holds what differs for openings with further flags (PSH, URG, ECE, CWR).
    pub fn plain_opening(&mut self, set: PacketSet) -> (PacketSet, PacketSet) {
        let opening = flag::SYN | flag::ACK | flag::RST | flag::FIN;
        let (plain, fixed) = ([0xff, opening]).map(|mask| self.with_flags(set, mask)).into();
        // usually no rule looks at the further flags, and nothing differs
        (plain, self.diff(fixed, plain))
    }

    /// The set with the flags under `mask` as in a plain SYN.
    fn with_flags(&mut self, set: PacketSet, mask: u8) -> PacketSet {
        let bit = |var: super::bdd::Var| {
            let shift =
                (Field::Flags.end() - 1).checked_sub(var).filter(|shift| *shift < Field::Flags.bits())?;
            let constant = if flag::SYN >> shift & 1 == 1 { PacketSet::TRUE } else { PacketSet::FALSE };
            (mask >> shift & 1 == 1).then_some(constant)
        };
        self.before_change(set, &bit)
    }

    fn icmp_types(&mut self, types: &[u8]) -> PacketSet {
        let sets: Vec<PacketSet> = types.iter().map(|t| self.number(Field::IcmpType, (*t).into())).collect();
        self.any(sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Interfaces, Limits};
    use proptest::prelude::*;

    fn packet(v6: bool, protocol: u8, flags: u8, kind: u8) -> Packet {
        let address = if v6 { "2001:db8::1" } else { "192.0.2.1" }.parse().unwrap();
        Packet::new(address, address, protocol)
            .unwrap()
            .with(Field::Flags, flags.into())
            .with(Field::IcmpType, kind.into())
    }

    #[test]
    fn what_the_kernel_says() {
        let tcp = |flags| state(&packet(false, proto::TCP, flags, 0), true);
        assert_eq!([tcp(flag::SYN), tcp(flag::ACK), tcp(flag::ACK | flag::PSH)], [State::New; 3]);
        assert_eq!(
            [tcp(flag::RST), tcp(flag::SYN | flag::FIN), tcp(flag::SYN | flag::ACK), tcp(0)],
            [State::Invalid; 4]
        );
        assert_eq!(state(&packet(false, proto::TCP, flag::ACK, 0), false), State::Invalid);
        assert_eq!(state(&packet(true, proto::ICMPV6, 0, 135), true), State::Untracked);
        assert_eq!(state(&packet(false, proto::ICMP, 0, 11), true), State::Invalid);
        assert_eq!(state(&packet(false, proto::UDP, 0, 0), true), State::New);
    }

    proptest! {
        #[test]
        fn the_set_and_the_single_packet_agree(v6: bool, protocol in prop::sample::select(vec![1u8, 6, 17, 47, 58]), flags: u8, kind: u8) {
            let mut space = Space::new(Limits::default(), Interfaces::new([]).unwrap());
            let fresh = space.fresh();
            let packet = packet(v6, protocol, flags, kind);
            let opening = flag::SYN | flag::ACK | flag::RST | flag::FIN;
            let counted = protocol != proto::TCP || flags & opening == flag::SYN;
            for any in State::ALL {
                let inside = space.contains(fresh, &packet.with(Field::State, any.number()));
                prop_assert_eq!(inside, counted && any == state(&packet, true));
            }
        }
    }
}
