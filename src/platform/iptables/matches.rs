//! Matches of iptables(8) and iptables-extensions(8) as vendor-neutral tests.

use std::net::IpAddr;

use super::words::Opt;
use crate::firewall::{AddressKind, Test};
use crate::packet::{AddressRange, AddressSet, Family, Field, NamePattern, Prefix, State, flag, proto};
use crate::platform::netfilter::frame_kind;
use crate::platform::services;

/// What a value could not be read as; the whole match then becomes an atom.
pub(super) struct NotRead;

/// Result of reading one option.
pub(super) type Read = Result<Test, NotRead>;

/// An option whose meaning is the same in every module that has it; `None` for options of another kind.
pub(super) fn standard(option: &Opt, family: Family) -> Option<Read> {
    let value = option.value();
    let test = match option.name.as_str() {
        "-s" | "--source" | "--src" => addresses(value, family).map(|a| Test::Address(Field::Src, a)),
        "-d" | "--destination" | "--dst" => addresses(value, family).map(|a| Test::Address(Field::Dst, a)),
        "-i" | "--in-interface" => Ok(Test::Interface(Field::In, interface(value))),
        "-o" | "--out-interface" => Ok(Test::Interface(Field::Out, interface(value))),
        "-p" | "--protocol" | "--proto" => protocol(value),
        // xtables calls only fragments behind the first "fragments"
        "-c" | "--set-counters" => Ok(Test::Always),
        "-f" | "--fragment" => Ok(Test::Ranges(Field::Fragment, vec![(1, 1)])),
        _ => return None,
    };
    Some(test.map(|t| t.negate_if(option.negated)))
}

/// An option of a module that is understood; `None` for any other. `module` is the last `-m` (or `-p`) before it.
pub(super) fn of_module(option: &Opt, module: &str, family: Family) -> Option<Read> {
    let value = option.value();
    let negated = option.negated;
    // tests of a transport header need the header: a negated port is still a port
    let with_header = |test: Test, header: Test| Test::All(vec![header, test.negate_if(negated)]);
    let header = || match module {
        "tcp" => Test::header(proto::TCP),
        "udp" => Test::header(proto::UDP),
        "sctp" => Test::header(proto::SCTP),
        "dccp" => Test::header(proto::DCCP),
        "udplite" => Test::header(proto::UDPLITE),
        _ => Test::has_ports(),
    };
    let ports = |field| ports(value, ':').map(|r| with_header(Test::Ranges(field, r), header()));
    Some(match option.name.as_str() {
        "--sport" | "--source-port" => ports(Field::Sport),
        "--dport" | "--destination-port" => ports(Field::Dport),
        "--sports" | "--source-ports" => ports(Field::Sport),
        "--dports" | "--destination-ports" => ports(Field::Dport),
        "--ports" | "--port" => self::ports(value, ':').map(|r| {
            let either = vec![Test::Ranges(Field::Sport, r.clone()), Test::Ranges(Field::Dport, r)];
            with_header(Test::Any(either), header())
        }),
        "--tcp-flags" => tcp_flags(option).map(|t| with_header(t, Test::header(proto::TCP))),
        "--syn" => {
            let mask = flag::FIN | flag::SYN | flag::RST | flag::ACK;
            let syn = Test::Bits(Field::Flags, mask.into(), flag::SYN.into());
            Ok(with_header(syn, Test::header(proto::TCP)))
        }
        "--icmp-type" | "--icmpv6-type" => {
            let number = if family == Family::Ipv4 { proto::ICMP } else { proto::ICMPV6 };
            icmp_type(value, family).map(|t| with_header(t, Test::header(number)))
        }
        "--pkt-type" => frame_kind(value).map(|t| t.negate_if(negated)).ok_or(NotRead),
        "--src-range" => range(value, family).map(|a| Test::Address(Field::Src, a).negate_if(negated)),
        "--dst-range" => range(value, family).map(|a| Test::Address(Field::Dst, a).negate_if(negated)),
        "--state" | "--ctstate" => states(value).map(|t| t.negate_if(negated)),
        "--ctproto" => protocol(value).map(|t| Test::Arriving(Box::new(t)).negate_if(negated)),
        "--ctorigdst" => addresses(value, family)
            .map(|a| Test::Arriving(Box::new(Test::Address(Field::Dst, a))).negate_if(negated)),
        "--ctorigsrc" => addresses(value, family)
            .map(|a| Test::Arriving(Box::new(Test::Address(Field::Src, a))).negate_if(negated)),
        "--ctorigdstport" => self::ports(value, ':')
            .map(|r| Test::Arriving(Box::new(Test::Ranges(Field::Dport, r))).negate_if(negated)),
        "--mark" if module == "mark" => mark(value, Field::Mark).map(|t| t.negate_if(negated)),
        "--mark" if module == "connmark" => mark(value, Field::CtMark).map(|t| t.negate_if(negated)),
        "--src-type" => kinds(value, Field::Src).map(|t| t.negate_if(negated)),
        "--dst-type" => kinds(value, Field::Dst).map(|t| t.negate_if(negated)),
        "--comment" => Ok(Test::Always),
        _ => return None,
    })
}

/// `a.b.c.d`, `a.b.c.d/len`, `a.b.c.d/mask`, comma lists. A name that would need DNS is not read.
fn addresses(text: &str, family: Family) -> Result<AddressSet, NotRead> {
    text.split(',').map(|one| address(one.trim(), family)).collect()
}

fn address(text: &str, family: Family) -> Result<Prefix, NotRead> {
    let (address, length) = match text.split_once('/') {
        None => (text, None),
        Some((address, length)) => (address, Some(length)),
    };
    let address: IpAddr = address.parse().map_err(|_| NotRead)?;
    if Family::of(address) != family {
        return Err(NotRead);
    }
    let length = match length {
        None => family.bits(),
        Some(length) => length.parse::<u8>().ok().or_else(|| prefix_length(length)).ok_or(NotRead)?,
    };
    Prefix::new(address, length).ok_or(NotRead)
}

/// Length of a mask written as an address; masks with holes have none.
pub(super) fn prefix_length(text: &str) -> Option<u8> {
    let mask: IpAddr = text.parse().ok()?;
    let (bits, ones) = match mask {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, u32::from(v4).leading_ones()),
        IpAddr::V6(v6) => (u128::from(v6), u128::from(v6).leading_ones()),
    };
    (bits.count_ones() == ones).then(|| u8::try_from(ones).ok())?
}

fn range(text: &str, family: Family) -> Result<AddressSet, NotRead> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let parse = |t: &str| t.parse::<IpAddr>().map_err(|_| NotRead);
    let range =
        AddressRange::new(parse(first)?, parse(last)?).filter(|r| r.family == family).ok_or(NotRead)?;
    Ok([range].into_iter().collect())
}

/// `eth0`, `eth+`.
pub(super) fn interface(text: &str) -> NamePattern {
    match text.strip_suffix('+') {
        Some(start) => NamePattern::Starts(start.to_owned()),
        None => NamePattern::Exact(text.to_owned()),
    }
}

fn protocol(text: &str) -> Read {
    match text.to_ascii_lowercase().as_str() {
        // 0 means "all" here, not hop-by-hop options
        "all" | "0" | "any" => Ok(Test::Always),
        name => match name.parse::<u8>().ok().or_else(|| services::protocol(name)) {
            Some(number) => Ok(Test::proto(number)),
            None => Err(NotRead),
        },
    }
}

/// `22`, `22:80`, `:80`, `1024:`, names, comma lists.
pub(super) fn ports(text: &str, dash: char) -> Result<Vec<(u128, u128)>, NotRead> {
    let one = |text: &str| -> Result<u128, NotRead> {
        let text = text.trim();
        text.parse::<u16>().ok().or_else(|| services::port(text)).map(u128::from).ok_or(NotRead)
    };
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once(dash) {
            None => (one(part)?, one(part)?),
            Some((first, last)) => {
                let first = if first.is_empty() { 0 } else { one(first)? };
                (first, if last.is_empty() { 65_535 } else { one(last)? })
            }
        };
        if first > last {
            return Err(NotRead);
        }
        ranges.push((first, last));
    }
    Ok(sorted(ranges))
}

/// Sorted and disjoint.
pub(super) fn sorted(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut out: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.0 <= last.1.saturating_add(1) => last.1 = last.1.max(range.1),
            _ => out.push(range),
        }
    }
    out
}

/// `--tcp-flags MASK COMP`.
fn tcp_flags(option: &Opt) -> Read {
    let bits = |list: &str| -> Result<u8, NotRead> {
        list.split(',').try_fold(0, |bits, name| {
            Ok(bits
                | match name.to_ascii_uppercase().as_str() {
                    "FIN" => flag::FIN,
                    "SYN" => flag::SYN,
                    "RST" => flag::RST,
                    "PSH" => flag::PSH,
                    "ACK" => flag::ACK,
                    "URG" => flag::URG,
                    "ALL" => 0x3f,
                    "NONE" | "" => 0,
                    _ => return Err(NotRead),
                })
        })
    };
    match option.values.as_slice() {
        [mask, comp] => Ok(Test::Bits(Field::Flags, bits(mask)?.into(), bits(comp)?.into())),
        _ => Err(NotRead),
    }
}

fn states(text: &str) -> Read {
    let mut states = Vec::new();
    let mut any = Vec::new();
    for name in text.split(',') {
        match name.to_ascii_uppercase().as_str() {
            "NEW" => states.push(State::New),
            "ESTABLISHED" => states.push(State::Established),
            "RELATED" => states.push(State::Related),
            "INVALID" => states.push(State::Invalid),
            "UNTRACKED" => states.push(State::Untracked),
            // xt_conntrack: virtual states, true once an end was translated
            "SNAT" => any.push(Test::Bits(Field::Status, 1, 1)),
            "DNAT" => any.push(Test::Bits(Field::Status, 2, 2)),
            _ => return Err(NotRead),
        }
    }
    any.push(Test::State(states));
    Ok(Test::Any(any))
}

/// `value[/mask]`.
fn mark(text: &str, field: Field) -> Read {
    let (value, mask) = marked(text).ok_or(NotRead)?;
    Ok(Test::Bits(field, mask, value))
}

/// A mark and its mask, decimal or `0x`.
pub(super) fn marked(text: &str) -> Option<(u128, u128)> {
    let (value, mask) = text.split_once('/').unwrap_or((text, "0xffffffff"));
    Some((number(value)?, number(mask)?))
}

/// A number of 32 bits, decimal or `0x`.
pub(super) fn number(text: &str) -> Option<u128> {
    let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => text.parse::<u32>().ok()?,
    };
    Some(value.into())
}

fn kinds(text: &str, field: Field) -> Read {
    let kinds = text.split(',').map(|name| {
        Ok(Test::Kind(
            field,
            match name.to_ascii_uppercase().as_str() {
                "LOCAL" => AddressKind::Local,
                "BROADCAST" => AddressKind::Broadcast,
                "MULTICAST" => AddressKind::Multicast,
                "ANYCAST" => AddressKind::Anycast,
                "UNICAST" => AddressKind::Unicast,
                _ => return Err(NotRead),
            },
        ))
    });
    Ok(Test::Any(kinds.collect::<Result<_, NotRead>>()?))
}

fn icmp_type(text: &str, family: Family) -> Read {
    if text.eq_ignore_ascii_case("any") || text == "255" && family == Family::Ipv4 {
        return Ok(Test::Always);
    }
    let (kind, code) = match text.split_once('/') {
        Some((kind, code)) => (kind.parse::<u8>().ok(), Some(code.parse::<u8>().map_err(|_| NotRead)?)),
        None => match text.parse::<u8>() {
            Ok(kind) => (Some(kind), None),
            Err(_) => crate::platform::icmp::named(text, family)
                .map_or((None, None), |(kind, code)| (Some(kind), code)),
        },
    };
    let kind = u128::from(kind.ok_or(NotRead)?);
    let mut tests = vec![Test::Ranges(Field::IcmpType, vec![(kind, kind)])];
    tests.extend(code.map(|code| Test::Ranges(Field::IcmpCode, vec![(code.into(), code.into())])));
    Ok(Test::All(tests))
}
