//! A rule from JSON as a person would write it, for reports; never read back.

use serde_json::Value;

use super::ast::{BinOp, Data, Element, Expr, Nat, Op, Statement, Verdict};

/// The whole rule.
pub(super) fn rule(statements: &[Statement]) -> String {
    let words: Vec<String> = statements.iter().map(statement).filter(|text| !text.is_empty()).collect();
    words.join(" ")
}

/// A statement this program does not follow: its name and its values.
pub(super) fn value(name: &str, body: &Value) -> String {
    match body {
        Value::Null => name.to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) => format!("{key} {text}"),
                    other => format!("{key} {other}"),
                })
                .collect();
            format!("{name} {}", fields.join(" "))
        }
        other => format!("{name} {other}"),
    }
}

fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Match { left, op, right } => format!("{}{}{}", expr(left), operator(*op), expr(right)),
        Statement::Verdict(v) => verdict(v),
        Statement::VerdictMap { key, data } => format!("{} vmap {}", expr(key), expr(data)),
        Statement::Nat { kind, address, port, .. } => {
            let name = match kind {
                Nat::Destination => "dnat",
                Nat::Source => "snat",
                Nat::Redirect => "redirect",
                Nat::Masquerade => "masquerade",
            };
            let to = match (address, port) {
                (None, None) => String::new(),
                (Some(address), None) => format!(" to {}", expr(address)),
                (None, Some(port)) => format!(" to :{}", expr(port)),
                (Some(address), Some(port)) => format!(" to {}:{}", expr(address), expr(port)),
            };
            format!("{name}{to}")
        }
        Statement::Set { key, value } => format!("{} set {}", expr(key), expr(value)),
        Statement::Notrack => "notrack".to_owned(),
        Statement::Remember { set, what } => format!("update @{set} {{ {what} }}"),
        Statement::Nothing => String::new(),
        Statement::RunTime(text)
        | Statement::Limit(text, _)
        | Statement::Outside(text)
        | Statement::Taken(text)
        | Statement::Unread(text) => text.clone(),
    }
}

fn operator(op: Op) -> &'static str {
    match op {
        Op::Implicit | Op::Eq => " ",
        Op::Ne => " != ",
        Op::Not => " ! ",
        Op::Lt => " < ",
        Op::Gt => " > ",
        Op::Le => " <= ",
        Op::Ge => " >= ",
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Reject => "reject".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(chain) => format!("jump {chain}"),
        Verdict::Goto(chain) => format!("goto {chain}"),
    }
}

fn joined(list: &[Expr], with: &str) -> String {
    list.iter().map(expr).collect::<Vec<_>>().join(with)
}

/// One expression.
pub(super) fn expr(e: &Expr) -> String {
    match e {
        Expr::Word(word) => word.clone(),
        Expr::Number(n) => n.to_string(),
        Expr::Bool(flag) => if *flag { "exists" } else { "missing" }.to_owned(),
        Expr::Prefix(address, length) => format!("{}/{length}", expr(address)),
        Expr::Range(first, last) => format!("{}-{}", expr(first), expr(last)),
        Expr::List(list) => joined(list, ","),
        Expr::Set(elements) => {
            let elements: Vec<String> = elements.iter().map(element).collect();
            format!("{{ {} }}", elements.join(", "))
        }
        Expr::SetRef(name) => format!("@{name}"),
        Expr::Concat(list) => joined(list, " . "),
        Expr::Binary(op, a, b) => {
            let op = match op {
                BinOp::And => "&",
                BinOp::Or => "|",
                BinOp::Xor => "^",
                BinOp::Left => "<<",
                BinOp::Right => ">>",
            };
            format!("{} {op} {}", expr(a), expr(b))
        }
        Expr::Map(key, data) => format!("{} map {}", expr(key), expr(data)),
        Expr::Meta(key) if matches!(key.as_str(), "iif" | "oif" | "iifname" | "oifname") => key.clone(),
        Expr::Meta(key) => format!("meta {key}"),
        Expr::Ct { key, dir: Some(dir) } => format!("ct {dir} {key}"),
        Expr::Ct { key, dir: None } => format!("ct {key}"),
        Expr::Payload { protocol, field } => format!("{protocol} {field}"),
        Expr::Fib { result, flags } => format!("fib {} {result}", flags.join(" . ")),
        Expr::Other(text) => text.clone(),
    }
}

fn element(element: &Element) -> String {
    let key = expr(&element.key);
    match &element.value {
        None => key,
        Some(Data::Verdict(v)) => format!("{key} : {}", verdict(v)),
        Some(Data::Value(value)) => format!("{key} : {}", expr(value)),
    }
}
