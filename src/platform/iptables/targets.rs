//! Targets of iptables(8) and iptables-extensions(8) as vendor-neutral steps.

use std::net::IpAddr;

use super::matches::{marked, number, ports};
use super::words::Opt;
use crate::firewall::{Action, End, Step, Test, Translation, Value};
use crate::host::HostFacts;
use crate::packet::{AddressRange, Family, Field, Prefix};
use crate::platform::netfilter::{self, Occurrences, value_of_ranges};
use crate::reason::Reason;

/// What a reader of targets needs to know of its surroundings.
pub(super) struct Context<'a> {
    pub family: Family,
    pub hook_is_output: bool,
    pub host: &'a HostFacts,
    pub occurrences: &'a mut Occurrences,
}

/// The steps of `-j NAME OPTIONS...` for a target that is not a chain.
pub(super) fn steps(name: &str, options: &[Opt], text: &str, context: &mut Context<'_>) -> Vec<Step> {
    let option = |names: &[&str]| options.iter().find(|o| names.contains(&o.name.as_str()));
    match name {
        "ACCEPT" => vec![Step::act(Action::Accept)],
        "DROP" => vec![Step::act(Action::Drop)],
        "REJECT" => vec![Step::act(Action::Reject)],
        "RETURN" => vec![Step::act(Action::Return)],
        "QUEUE" | "NFQUEUE" | "SYNPROXY" => vec![Step::act(Action::Outside(outside(text, context)))],
        "TPROXY" => {
            let mark = option(&["--tproxy-mark"])
                .map(|o| mark(&[o.renamed("--set-mark")], Field::Mark, text, context));
            let decided = Step::act(Action::Outside(outside(text, context)));
            mark.into_iter().flatten().chain([decided]).collect()
        }
        "NOTRACK" => vec![Step::Notrack],
        "CT" if option(&["--notrack"]).is_some() => vec![Step::Notrack],
        "MARK" => mark(options, Field::Mark, text, context),
        "CONNMARK" => connmark(options, text, context),
        "DNAT" => translate(option(&["--to-destination"]), End::Destination, text, context),
        "SNAT" => translate(option(&["--to-source"]), End::Source, text, context),
        "NETMAP" => netmap(option(&["--to"]), text, context),
        "REDIRECT" | "MASQUERADE" => own_address(name, option(&["--to-ports", "--to-port"]), text, context),
        "HMARK" => vec![Step::Write(Field::Mark, hashed(options, text, context))],
        "SET" if option(&["--map-mark"]).is_some() => vec![Step::Write(Field::Mark, any_mark(text, context))],
        name if HARMLESS.contains(&name) => Vec::new(),
        _ => vec![unread(text, context)],
    }
}

/// Targets that neither decide nor change anything this program looks at.
const HARMLESS: &[&str] = &[
    "LOG",
    "NFLOG",
    "ULOG",
    "TRACE",
    "AUDIT",
    "TCPMSS",
    "TOS",
    "DSCP",
    "ECN",
    "TTL",
    "HL",
    "CLASSIFY",
    "CHECKSUM",
    "IDLETIMER",
    "LED",
    "RATEEST",
    "SECMARK",
    "CONNSECMARK",
    "TEE",
    "CT",
    "SET",
    "TCPOPTSTRIP",
];

/// Whether an option behind `-j NAME` is the target's own; any other is a match (iptables-extensions(8), TARGET
/// EXTENSIONS). Of targets that are not known, every option counts as their own: they may do anything.
pub(super) fn is_own(target: &str, option: &str) -> bool {
    let starts = |start: &str| option.starts_with(start);
    match target {
        "LOG" => starts("--log-"),
        "NFLOG" => starts("--nflog-"),
        "ULOG" => starts("--ulog-"),
        "REJECT" => option == "--reject-with",
        "NFQUEUE" => starts("--queue-"),
        "SYNPROXY" => matches!(option, "--sack-perm" | "--timestamp" | "--wscale" | "--mss" | "--ecn"),
        "TPROXY" => starts("--on-") || option == "--tproxy-mark",
        "CT" => {
            starts("--zone")
                || matches!(option, "--notrack" | "--helper" | "--ctevents" | "--expevents" | "--timeout")
        }
        "MARK" | "CONNMARK" => {
            (starts("--set-") && option != "--set-counters")
                || matches!(
                    option,
                    "--and-mark" | "--or-mark" | "--xor-mark" | "--save-mark" | "--restore-mark"
                )
                || matches!(
                    option,
                    "--nfmask" | "--ctmask" | "--mask" | "--left-shift-mark" | "--right-shift-mark"
                )
        }
        "DNAT" | "SNAT" | "NETMAP" | "REDIRECT" | "MASQUERADE" => {
            starts("--to") || starts("--random") || option == "--persistent"
        }
        "TCPMSS" => matches!(option, "--set-mss" | "--clamp-mss-to-pmtu"),
        "TOS" => matches!(option, "--set-tos" | "--and-tos" | "--or-tos" | "--xor-tos"),
        "DSCP" => starts("--set-dscp"),
        "ECN" => starts("--ecn-"),
        "TTL" => matches!(option, "--ttl-set" | "--ttl-dec" | "--ttl-inc"),
        "HL" => matches!(option, "--hl-set" | "--hl-dec" | "--hl-inc"),
        "CLASSIFY" => option == "--set-class",
        "CHECKSUM" => option == "--checksum-fill",
        "IDLETIMER" => matches!(option, "--timeout" | "--label" | "--alarm"),
        "LED" => starts("--led-"),
        "RATEEST" => starts("--rateest-"),
        "SECMARK" => option == "--selctx",
        "CONNSECMARK" => matches!(option, "--save" | "--restore"),
        "TEE" => matches!(option, "--gateway" | "--oif"),
        "SET" => {
            starts("--map-")
                || matches!(option, "--add-set" | "--del-set" | "--exist" | "--timeout" | "--map-set")
        }
        "TCPOPTSTRIP" => option == "--strip-options",
        "HMARK" => starts("--hmark-"),
        "AUDIT" => option == "--type",
        "ACCEPT" | "DROP" | "RETURN" | "QUEUE" | "NOTRACK" | "TRACE" => false,
        _ => true,
    }
}

/// `HMARK`: a hash of the packet, below the modulus, above the offset (iptables-extensions(8)).
fn hashed(options: &[Opt], text: &str, context: &mut Context<'_>) -> Value {
    let number = |name: &str| options.iter().find(|o| o.name == name).and_then(|o| number(o.value()));
    let (modulus, offset) = (number("--hmark-mod"), number("--hmark-offset").unwrap_or(0));
    let last = modulus.and_then(|modulus| offset.checked_add(modulus.checked_sub(1)?));
    match last.filter(|last| *last <= u32::MAX.into()) {
        Some(last) => value_of_ranges(vec![(offset, last)], text, context.occurrences),
        None => any_mark(text, context),
    }
}

fn outside(text: &str, context: &mut Context<'_>) -> crate::packet::Atom {
    context.occurrences.atom(Reason::OutsideService { name: text.to_owned() })
}

fn unread(text: &str, context: &mut Context<'_>) -> Step {
    Step::act(Action::Unknown(context.occurrences.atom(Reason::Unread { text: text.to_owned() })))
}

/// `MARK`: "zero out the bits given by mask and XOR value into the mark".
fn mark(options: &[Opt], field: Field, text: &str, context: &mut Context<'_>) -> Vec<Step> {
    let shifted = options.iter().any(|o| o.name.contains("shift"));
    let read = options.iter().filter(|_| !shifted).find_map(|o| {
        let value = o.value();
        match o.name.as_str() {
            "--set-xmark" => marked(value),
            // OR instead of XOR: the bits of the value are set whatever they were
            "--set-mark" => marked(value).map(|(v, mask)| (v, mask | v)),
            "--or-mark" => marked(value).map(|(v, _)| (v, v)),
            "--and-mark" => marked(value).map(|(v, _)| (0, !v & 0xffff_ffff)),
            "--xor-mark" => marked(value).map(|(v, _)| (v, 0)),
            _ => None,
        }
    });
    match read {
        Some((value, mask)) if value & !mask == 0 => vec![Step::Write(field, Value::Bits { mask, value })],
        // bits outside the mask are toggled, or the option is of another kind: any mark may result
        _ => vec![Step::Write(field, any_mark(text, context))],
    }
}

fn any_mark(text: &str, context: &mut Context<'_>) -> Value {
    let choice = context.occurrences.atom(Reason::RunTime { text: text.to_owned() });
    Value::Among { ranges: vec![(0, u32::MAX.into())], choice }
}

fn connmark(options: &[Opt], text: &str, context: &mut Context<'_>) -> Vec<Step> {
    let has = |name: &str| options.iter().any(|o| o.name == name);
    let plain = !options.iter().any(|o| o.name.contains("mask") || o.name.contains("shift"));
    match (has("--save-mark"), has("--restore-mark")) {
        (true, _) if plain => vec![Step::Copy { from: Field::Mark, to: Field::CtMark }],
        (_, true) if plain => vec![Step::Copy { from: Field::CtMark, to: Field::Mark }],
        (true, _) => vec![Step::Write(Field::CtMark, any_mark(text, context))],
        (_, true) => vec![Step::Write(Field::Mark, any_mark(text, context))],
        _ => mark(options, Field::CtMark, text, context),
    }
}

/// `[address[-address]][:port[-port]]`, IPv6 addresses with ports in brackets.
fn translate(option: Option<&Opt>, end: End, text: &str, context: &mut Context<'_>) -> Vec<Step> {
    let (address_field, port_field) = match end {
        End::Destination => (Field::Dst, Field::Dport),
        End::Source => (Field::Src, Field::Sport),
    };
    let Some((addresses, port_ranges)) = option.and_then(|o| target(o.value(), context.family)) else {
        return vec![unread(text, context)];
    };
    let mut fields = Vec::new();
    if !addresses.is_empty() {
        fields.push((address_field, value_of_ranges(addresses, text, context.occurrences)));
    }
    if !port_ranges.is_empty() {
        fields.push((port_field, value_of_ranges(port_ranges, text, context.occurrences)));
    }
    vec![Step::act(Action::Translate(Translation { end, fields }))]
}

type Target = (Vec<(u128, u128)>, Vec<(u128, u128)>);

fn target(text: &str, family: Family) -> Option<Target> {
    let (addresses, port) = match family {
        Family::Ipv4 => match text.split_once(':') {
            Some((addresses, port)) => (addresses, Some(port)),
            None => (text, None),
        },
        Family::Ipv6 => match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
            Some((addresses, rest)) => (addresses, rest.strip_prefix(':')),
            None => (text, None),
        },
    };
    let addresses = if addresses.is_empty() {
        Vec::new()
    } else {
        let (first, last) = addresses.split_once('-').unwrap_or((addresses, addresses));
        let last = last.trim_start_matches('[').trim_end_matches(']');
        let range = AddressRange::new(first.trim_end_matches(']').parse().ok()?, last.parse().ok()?)?;
        if range.family != family {
            return None;
        }
        vec![(range.first, range.last)]
    };
    // "80-90/8080" shifts a range of ports: any of the target ports may result
    let port = port.map(|p| p.split_once('/').map_or(p, |(ports, _)| ports));
    let port = match port {
        Some(port) => ports(port, '-').ok()?,
        None => Vec::new(),
    };
    Some((addresses, port))
}

/// The network part is replaced, the host part stays.
fn netmap(option: Option<&Opt>, text: &str, context: &mut Context<'_>) -> Vec<Step> {
    let prefix = option.and_then(|o| {
        let (address, length) = o.value().split_once('/').unwrap_or((o.value(), ""));
        let address: IpAddr = address.parse().ok()?;
        let length = length.parse().unwrap_or(context.family.bits());
        Prefix::new(address, length).filter(|p| p.family() == context.family)
    });
    let Some(prefix) = prefix else { return vec![unread(text, context)] };
    let (first, last) = prefix.bounds();
    let mask = context.family.highest() & !(first ^ last);
    // xt_NETMAP: destination in PREROUTING and OUTPUT, source elsewhere; both are one step each
    let destination =
        Translation { end: End::Destination, fields: vec![(Field::Dst, Value::Bits { mask, value: first })] };
    let source =
        Translation { end: End::Source, fields: vec![(Field::Src, Value::Bits { mask, value: first })] };
    let chosen = if context.hook_is_output { source } else { destination };
    vec![Step::act(Action::Translate(chosen))]
}

fn own_address(name: &str, option: Option<&Opt>, text: &str, context: &mut Context<'_>) -> Vec<Step> {
    let port = match option.map(|o| ports(o.value(), '-')) {
        None => None,
        Some(Ok(ranges)) => Some(value_of_ranges(ranges, text, context.occurrences)),
        Some(Err(_)) => return vec![unread(text, context)],
    };
    let families = [context.family];
    let options = if name == "REDIRECT" {
        netfilter::redirect(port, context.host, &families)
    } else {
        netfilter::masquerade(port, context.host, &families)
    };
    vec![Step::Choose(options)]
}

/// A match that this program does not read as a step.
pub(super) fn unread_match(text: &str, refers_to: &str, context: &mut Context<'_>) -> Step {
    Step::Match(Test::Atom(context.occurrences.atom_of(Reason::Unread { text: text.to_owned() }, refers_to)))
}
