//! `dnat`, `snat`, `masquerade`, `redirect` (nft(8), NAT STATEMENTS).

use super::ast::{Expr, Nat};
use super::key::Names;
use super::lower::{RuleReader, is_destination};
use super::value;
use crate::firewall::{Action, End, Step, Test, Translation};
use crate::packet::{Family, Field};
use crate::platform::netfilter::{masquerade, redirect, value_of_ranges};

/// The steps of a translation.
pub(super) fn steps(
    reader: &mut RuleReader<'_, '_>,
    kind: Nat,
    family: Option<&str>,
    address: Option<&Expr>,
    port: Option<&Expr>,
    text: &str,
) -> Vec<Step> {
    let options = match kind {
        Nat::Redirect | Nat::Masquerade => own_address(reader, kind, port, text),
        Nat::Destination | Nat::Source => translations(reader, kind, family, address, port, text),
    };
    match options {
        Some(options) => vec![Step::Choose(options)],
        None => vec![Step::act(Action::Unknown(reader.unread_atom(text)))],
    }
}

type Options = Vec<(Test, Action)>;

fn own_address(
    reader: &mut RuleReader<'_, '_>,
    kind: Nat,
    port: Option<&Expr>,
    text: &str,
) -> Option<Options> {
    // a map of ports: one choice for each of its keys
    if let Some(Expr::Map(key, data)) = port {
        let mut out = Vec::new();
        for (test, port) in reader.map_options(key, data)? {
            for (inner, action) in own_address(reader, kind, Some(&port), text)? {
                out.push((Test::All(vec![test.clone(), inner]), action));
            }
        }
        return Some(out);
    }
    let port = match port {
        None => None,
        Some(port) => Some(value_of_ranges(port_ranges(port)?, text, reader.occurrences)),
    };
    let families = reader.around.families;
    let host = reader.around.host;
    Some(match kind {
        Nat::Redirect => redirect(port, host, families),
        _ => masquerade(port, host, families),
    })
}

fn translations(
    reader: &mut RuleReader<'_, '_>,
    kind: Nat,
    family: Option<&str>,
    address: Option<&Expr>,
    port: Option<&Expr>,
    text: &str,
) -> Option<Options> {
    match (address, port) {
        (Some(Expr::Map(key, data)), port) => {
            let mut out = Vec::new();
            for (test, target) in reader.map_options(key, data)? {
                // the map may give address and port at once
                let (address, port) = match &target {
                    Expr::Concat(both) => (both.first(), both.get(1)),
                    one => (Some(one), port),
                };
                for (inner, action) in translations(reader, kind, family, address, port, text)? {
                    out.push((Test::All(vec![test.clone(), inner]), action));
                }
            }
            Some(out)
        }
        (address, Some(Expr::Map(key, data))) => {
            let mut out = Vec::new();
            for (test, port) in reader.map_options(key, data)? {
                for (inner, action) in translations(reader, kind, family, address, Some(&port), text)? {
                    out.push((Test::All(vec![test.clone(), inner]), action));
                }
            }
            Some(out)
        }
        (address, port) => plain(reader, kind, family, address, port, text),
    }
}

/// A translation to given addresses and ports.
fn plain(
    reader: &mut RuleReader<'_, '_>,
    kind: Nat,
    family: Option<&str>,
    address: Option<&Expr>,
    port: Option<&Expr>,
    text: &str,
) -> Option<Options> {
    let destination = is_destination(kind);
    let (end, address_field, port_field) = if destination {
        (End::Destination, Field::Dst, Field::Dport)
    } else {
        (End::Source, Field::Src, Field::Sport)
    };
    let families: Vec<Family> = match family {
        Some("ip") => vec![Family::Ipv4],
        Some("ip6") => vec![Family::Ipv6],
        _ => reader.around.families.to_vec(),
    };
    let mut fields = Vec::new();
    let mut target_family = None;
    if let Some(address) = address {
        let (family, range) = families.iter().find_map(|f| Some((*f, value::address(address, *f)?)))?;
        target_family = Some(family);
        fields.push((address_field, value_of_ranges(vec![range], text, reader.occurrences)));
    }
    if let Some(port) = port {
        fields.push((port_field, value_of_ranges(port_ranges(port)?, text, reader.occurrences)));
    }
    let families = target_family.map_or(families, |f| vec![f]);
    let test = Test::Any(families.into_iter().map(Test::Family).collect());
    Some(vec![(test, Action::Translate(Translation { end, fields }))])
}

fn port_ranges(port: &Expr) -> Option<Vec<(u128, u128)>> {
    let number = |e: &Expr| value::number(e, Names::Port).filter(|n| *n <= 0xffff);
    match port {
        Expr::Range(first, last) => {
            let range = (number(first)?, number(last)?);
            (range.0 <= range.1).then(|| vec![range])
        }
        one => number(one).map(|n| vec![(n, n)]),
    }
}
