//! Statements that write: marks, addresses, ports (nft(8), PAYLOAD STATEMENT, META STATEMENT, CONNTRACK STATEMENT).

use super::ast::{BinOp, Expr};
use super::key::Names;
use super::lower::RuleReader;
use super::value;
use crate::firewall::{Step, Value};
use crate::packet::{Family, Field};
use crate::reason::Reason;

/// The steps of `KEY set VALUE`; nothing for keys that this program does not look at.
pub(super) fn steps(reader: &mut RuleReader<'_, '_>, key: &Expr, value: &Expr, text: &str) -> Vec<Step> {
    match written(key) {
        Written::Nothing => Vec::new(),
        Written::Mark(field) => vec![mark(reader, field, value, text)],
        Written::Address(field, family) => {
            let value = value::address(value, family).filter(|(first, last)| first == last);
            vec![match value {
                Some((address, _)) => Step::Write(field, Value::number(address)),
                None => Step::Write(field, any(reader, family.highest(), text)),
            }]
        }
        Written::Port(field) => vec![match value::number(value, Names::Port) {
            Some(port) => Step::Write(field, Value::number(port)),
            None => Step::Write(field, any(reader, 0xffff, text)),
        }],
        Written::Unread => {
            let atom = reader.unread_atom(text);
            vec![Step::act(crate::firewall::Action::Unknown(atom))]
        }
    }
}

/// Whether writing it may change what any later rule looks at.
pub(super) fn changes_anything(key: &Expr) -> bool {
    matches!(written(key), Written::Unread)
}

enum Written {
    Mark(Field),
    Address(Field, Family),
    Port(Field),
    Nothing,
    Unread,
}

fn written(key: &Expr) -> Written {
    match key {
        Expr::Meta(name) if name == "mark" => Written::Mark(Field::Mark),
        Expr::Ct { key, .. } if key == "mark" => Written::Mark(Field::CtMark),
        Expr::Payload { protocol, field } => match (protocol.as_str(), field.as_str()) {
            ("ip", "saddr") => Written::Address(Field::Src, Family::Ipv4),
            ("ip", "daddr") => Written::Address(Field::Dst, Family::Ipv4),
            ("ip6", "saddr") => Written::Address(Field::Src, Family::Ipv6),
            ("ip6", "daddr") => Written::Address(Field::Dst, Family::Ipv6),
            (_, "sport") => Written::Port(Field::Sport),
            (_, "dport") => Written::Port(Field::Dport),
            // what is changed decides about reach: protocol, flags, ICMP type
            ("ip", "protocol") | ("ip6", "nexthdr") | ("tcp", "flags") | ("icmp" | "icmpv6", _) => {
                Written::Unread
            }
            _ => Written::Nothing,
        },
        // bytes by their place may be any part
        Expr::Other(text) if text.starts_with('@') || text.starts_with("{\"payload\"") => Written::Unread,
        // priority, packet type, helpers, zones, labels, TCP options: `writes` tells those that look at them
        _ => Written::Nothing,
    }
}

fn any(reader: &mut RuleReader<'_, '_>, max: u128, text: &str) -> Value {
    let choice = reader.occurrences.atom(Reason::RunTime { text: text.to_owned() });
    Value::Among { ranges: vec![(0, max)], choice }
}

fn mark(reader: &mut RuleReader<'_, '_>, field: Field, value: &Expr, text: &str) -> Step {
    let source = match value {
        Expr::Meta(name) if name == "mark" => Some(Field::Mark),
        Expr::Ct { key, .. } if key == "mark" => Some(Field::CtMark),
        _ => None,
    };
    if let Some(from) = source {
        return Step::Copy { from, to: field };
    }
    match affine(value, field) {
        Some(Bits { known, value, kept }) if known | kept == MARK => {
            Step::Write(field, Value::Bits { mask: known, value })
        }
        _ => Step::Write(field, any(reader, MARK, text)),
    }
}

const MARK: u128 = 0xffff_ffff;

/// Each bit of a value is a known constant, or the bit that the mark had before, or neither.
struct Bits {
    known: u128,
    value: u128,
    kept: u128,
}

/// Bit arithmetic on the field's own old value.
fn affine(expr: &Expr, field: Field) -> Option<Bits> {
    let own = match expr {
        Expr::Meta(name) => name == "mark" && field == Field::Mark,
        Expr::Ct { key, .. } => key == "mark" && field == Field::CtMark,
        _ => false,
    };
    if own {
        return Some(Bits { known: 0, value: 0, kept: MARK });
    }
    let Expr::Binary(op, left, right) = expr else {
        let value = value::number(expr, Names::None)? & MARK;
        return Some(Bits { known: MARK, value, kept: 0 });
    };
    let left = affine(left, field)?;
    let right = affine(right, field).filter(|r| r.known == MARK)?.value;
    Some(match op {
        BinOp::And => {
            Bits { known: left.known | !right & MARK, value: left.value & right, kept: left.kept & right }
        }
        BinOp::Or => Bits { known: left.known | right, value: left.value | right, kept: left.kept & !right },
        // a kept bit that is toggled is neither kept nor known
        BinOp::Xor => {
            Bits { known: left.known, value: (left.value ^ right) & left.known, kept: left.kept & !right }
        }
        BinOp::Left | BinOp::Right => return None,
    })
}
