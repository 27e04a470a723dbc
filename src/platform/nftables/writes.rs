//! What rules of nft write that other rules read (nft(8), STATEMENTS).

use std::collections::BTreeSet;

use super::ast::{Data, Expr, Rule, Statement, Table, Verdict};
use crate::platform::netfilter::digest;
use crate::platform::netfilter::effects::{EXPECTED, Effects, ways};

/// Sets that rules fill while packets pass.
pub(super) fn filled(table: &Table) -> BTreeSet<&str> {
    let statements = table.chains.iter().flat_map(|c| &c.rules).flat_map(|r| &r.statements);
    statements
        .filter_map(|s| if let Statement::Remember { set, .. } = s { Some(set.as_str()) } else { None })
        .collect()
}

/// How a set is called among all that rules write.
pub(super) fn set_of(table: &Table, set: &str) -> String {
    format!("set {} {} {set}", table.family, table.name)
}

/// Notes down what the rules of a table write.
pub(super) fn effects(table: &Table, effects: &mut Effects) {
    let writes = |rule: &Rule| rule.statements.iter().any(|s| !written(table, s).is_empty());
    if !table.chains.iter().flat_map(|c| &c.rules).any(writes) {
        return;
    }
    let filled = filled(table);
    let name = |rule: &Rule| {
        let asked = |(name, set): &(&String, &super::ast::Set)| {
            !set.open && !filled.contains(name.as_str()) && rule.text.contains(&format!("@{name}"))
        };
        let helpers: Vec<_> = table.objects.iter().filter(|(name, _)| name.starts_with("ct ")).collect();
        digest((&rule.statements, table.sets.iter().filter(asked).collect::<Vec<_>>(), helpers))
    };
    let rules: Vec<(&str, &Rule, String)> = table
        .chains
        .iter()
        .flat_map(|chain| chain.rules.iter().map(|rule| (chain.name.as_str(), rule, name(rule))))
        .collect();
    let callers = |chain: &str| {
        let calls = rules.iter().filter(|(_, rule, _)| jumps(table, rule).contains(&chain));
        calls.map(|(from, _, name)| (*from, name.as_str())).collect::<Vec<_>>()
    };
    for (chain, rule, name) in &rules {
        for what in rule.statements.iter().flat_map(|s| written(table, s)) {
            effects.add(
                what,
                format!("{} {} {chain} {name} {:?}", table.family, table.name, ways(chain, &callers)),
            );
        }
    }
}

/// The chains that a rule jumps to.
fn jumps<'t>(table: &'t Table, rule: &'t Rule) -> Vec<&'t str> {
    let to = |verdict: &'t Verdict| match verdict {
        Verdict::Jump(chain) | Verdict::Goto(chain) => Some(chain.as_str()),
        _ => None,
    };
    let mut out = Vec::new();
    for statement in &rule.statements {
        match statement {
            Statement::Verdict(verdict) => out.extend(to(verdict)),
            Statement::VerdictMap { data, .. } => {
                let elements = match data {
                    Expr::Set(elements) => Some(elements),
                    Expr::SetRef(name) => table.sets.get(name).map(|set| &set.elements),
                    _ => None,
                };
                let data = elements.into_iter().flatten().filter_map(|e| e.value.as_ref());
                out.extend(data.filter_map(|d| if let Data::Verdict(v) = d { to(v) } else { None }));
            }
            _ => {}
        }
    }
    out
}

fn written(table: &Table, statement: &Statement) -> Vec<String> {
    match statement {
        Statement::Remember { set, .. } => vec![set_of(table, set)],
        Statement::Set { key, .. } => {
            let expected =
                matches!(key, Expr::Ct { key, .. } if key == "helper").then(|| EXPECTED.to_owned());
            part(key).map(str::to_owned).into_iter().chain(expected).collect()
        }
        _ => Vec::new(),
    }
}

/// A part of a packet or connection that this program does not follow.
fn part(expr: &Expr) -> Option<&'static str> {
    Some(match expr {
        Expr::Payload { protocol, field } => match (protocol.as_str(), field.as_str()) {
            ("ip", "ttl") | ("ip6", "hoplimit") => "ttl",
            ("ip" | "ip6", "dscp" | "ecn") => "tos",
            ("ether" | "vlan", _) => "ether",
            (_, "saddr" | "daddr" | "sport" | "dport") => return None,
            _ => "bytes",
        },
        Expr::Other(text) if text.starts_with("tcp option") || text.starts_with("{\"tcp option\"") => {
            "tcp option"
        }
        Expr::Other(text) if text.starts_with('@') || text.starts_with("{\"payload\"") => "bytes",
        Expr::Meta(name) => match name.as_str() {
            "priority" => "priority",
            "pkttype" => "pkttype",
            "secmark" => "secmark",
            _ => return None,
        },
        Expr::Ct { key, .. } => match key.as_str() {
            "helper" => "helper",
            "expectation" => EXPECTED,
            "label" => "connlabel",
            "zone" => "zone",
            "secmark" => "secmark",
            _ => return None,
        },
        _ => return None,
    })
}

/// Names the writers of what a match looks at; empty where there are none.
pub(super) fn read(left: &Expr, effects: &Effects) -> String {
    let mut parts = BTreeSet::new();
    parts_of(left, &mut parts);
    // bytes by their place may be any part of a header
    if parts.contains("bytes") {
        parts.extend(["ttl", "tos", "tcp option", "ether"]);
    }
    effects.of(parts)
}

fn parts_of(expr: &Expr, out: &mut BTreeSet<&'static str>) {
    match expr {
        Expr::Concat(parts) => parts.iter().for_each(|part| parts_of(part, out)),
        Expr::Binary(_, left, _) => parts_of(left, out),
        one => out.extend(part(one)),
    }
}

/// Whether iptables made this rule, as far as nft can tell: iptables-nft compares one field with one value at a time, counts,
/// jumps and calls modules of its own. iptables-save misprints other rules (seen with 1.8.9: sets and maps are left out).
pub(super) fn is_of_iptables(rule: &Rule) -> bool {
    let plain =
        |expr: &Expr| !matches!(expr, Expr::Set(_) | Expr::SetRef(_) | Expr::Concat(_) | Expr::Map(..));
    rule.statements.iter().all(|statement| match statement {
        Statement::Match { left, right, .. } => plain(left) && plain(right),
        Statement::Set { key, value } => matches!(key, Expr::Meta(name) if name == "mark") && plain(value),
        Statement::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) => !chain.contains('{'),
        Statement::Verdict(_) | Statement::Nothing | Statement::RunTime(_) | Statement::Limit(..) => true,
        // in text, what stands behind a module is part of what was not read
        Statement::Unread(text) => {
            text.starts_with("{\"xt\":") || text.starts_with("xt ") && !text.contains(['{', '@'])
        }
        _ => false,
    })
}
