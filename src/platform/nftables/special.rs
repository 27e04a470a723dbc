//! Matches that look at the host, or at parts that packets rarely have (nft(8), META, FIB, EXTENSION HEADER EXPRESSIONS).

use super::ast::{Expr, Op};
use super::key::Names;
use super::lower::RuleReader;
use super::value::number;
use crate::firewall::Test;
use crate::host::routing::WayOut;
use crate::packet::{Atom, Field, NamePattern, Prefix};
use crate::platform::netfilter::not_modelled;
use crate::reason::Reason;

impl RuleReader<'_, '_> {
    /// The group that an interface belongs to (ip-link(8)).
    pub(super) fn group(&mut self, field: Field, op: Op, right: &Expr, text: String) -> Test {
        let wanted = match right {
            Expr::Word(word) if word == "default" => Some(0),
            other => number(other, Names::None),
        };
        let groups = self.around.host.interface_groups.as_ref();
        let (Some(wanted), Some(groups), Op::Implicit | Op::Eq | Op::Ne) = (wanted, groups, op) else {
            return not_modelled(text);
        };
        let inside = groups.iter().filter(|(_, group)| u128::from(**group) == wanted);
        let inside = inside.map(|(name, _)| Test::Interface(field, NamePattern::Exact(name.clone())));
        Test::Any(inside.collect()).negate_if(op == Op::Ne)
    }

    /// `fib saddr [. iif] oif exists|missing`: whether a packet to the source would leave (by the same interface).
    pub(super) fn route_back(&mut self, same_interface: bool, op: Op, right: &Expr, text: &str) -> Test {
        let exists = match right {
            Expr::Bool(exists) => *exists,
            Expr::Word(word) if word == "missing" => false,
            Expr::Word(word) if word == "exists" => true,
            Expr::Number(0) => false,
            _ => return not_modelled(text),
        };
        let Some(ways) = self.around.host.ways_out() else { return not_modelled(text) };
        let mut back: Vec<Test> = ways
            .into_iter()
            .filter_map(|(way, sources)| match way {
                WayOut::By(names) => {
                    let by = |name: String| Test::Interface(Field::In, NamePattern::Exact(name));
                    let any = Test::Any(names.into_iter().map(by).collect());
                    let source = Test::Address(Field::Src, sources);
                    Some(if same_interface { Test::All(vec![source, any]) } else { source })
                }
                WayOut::Nowhere => None,
            })
            .collect();
        // every link has its own route to link-local addresses
        back.extend("fe80::/10".parse::<Prefix>().ok().map(|p| Test::Address(Field::Src, p.into())));
        let negate = exists == matches!(op, Op::Ne | Op::Not);
        Test::Any(back).negate_if(negate)
    }
}

/// A match of a part that plain packets lack: without it neither `==` nor `!=` matches, and only `missing` holds.
pub(super) fn rare(op: Op, right: &Expr, text: String) -> Test {
    let there = match right {
        Expr::Bool(there) => Some(*there),
        Expr::Word(word) if word == "exists" => Some(true),
        Expr::Word(word) if word == "missing" => Some(false),
        _ => None,
    };
    let atom = Atom { reason: Reason::NotModelled { text }, occurrence: None };
    let missing = there == Some(matches!(op, Op::Ne | Op::Not));
    Test::Rare(atom).negate_if(missing)
}
