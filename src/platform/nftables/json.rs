//! Reads `nft -j list ruleset` (libnftables-json(5)).

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::ast::{
    Base, BinOp, Chain, Data, Element, Expr, Nat, Op, Rule, Ruleset, Set, Statement, Table, Verdict,
};

/// Reads a ruleset, one object after the other: as a whole, a long list takes many times its text's length.
///
/// # Errors
/// What makes the text no such JSON: then nothing of it can be used.
pub(super) fn read(text: &str) -> Result<Ruleset, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let ruleset = json.deserialize_map(Document).map_err(|e| e.to_string())?;
    json.end().map_err(|e| e.to_string())?;
    Ok(ruleset)
}

/// The object around the list.
struct Document;

impl<'de> Visitor<'de> for Document {
    type Value = Ruleset;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the list \"nftables\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ruleset, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "nftables" {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value_seed(Entries)?).is_some() {
                return Err(de::Error::duplicate_field("nftables"));
            }
        }
        found.ok_or_else(|| de::Error::missing_field("nftables"))
    }
}

/// The list.
struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Ruleset;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Ruleset, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Ruleset;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ruleset, A::Error> {
        let mut ruleset = Ruleset::default();
        while let Some(value) = list.next_element::<Value>()? {
            if entry(&mut ruleset, &value).is_none() {
                ruleset.unread.push((0, value.to_string()));
            }
        }
        Ok(ruleset)
    }
}

fn entry(ruleset: &mut Ruleset, value: &Value) -> Option<()> {
    let (kind, body) = value.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next())?;
    match kind.as_str() {
        "metainfo" | "counter" | "flowtable" => Some(()),
        "quota" | "limit" | "ct helper" | "ct timeout" | "ct expectation" | "secmark" | "synproxy" => {
            referred(ruleset, kind, body)
        }
        "table" => table(ruleset, body),
        "chain" => chain(ruleset, body),
        "rule" => rule(ruleset, body),
        "set" | "map" => set(ruleset, body),
        "element" => elements(ruleset, body),
        _ => None,
    }
}

fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key)?.as_str().map(str::to_owned)
}

fn table(ruleset: &mut Ruleset, body: &Value) -> Option<()> {
    let (family, name) = (text(body, "family")?, text(body, "name")?);
    let flags = body.get("flags").map(words).unwrap_or_default();
    let dormant = flags.iter().any(|flag| flag == "dormant");
    // nft 1.0.6 prints the table's name in the place of a flag
    let unclear = flags.iter().any(|flag| !matches!(flag.as_str(), "dormant" | "owner" | "persist"));
    ruleset.tables.push(Table { family, name, dormant, unclear, ..Table::default() });
    Some(())
}

fn table_of<'a>(ruleset: &'a mut Ruleset, body: &Value) -> Option<&'a mut Table> {
    let (family, name) = (text(body, "family")?, text(body, "table")?);
    ruleset.tables.iter_mut().rev().find(|t| t.family == family && t.name == name)
}

fn chain(ruleset: &mut Ruleset, body: &Value) -> Option<()> {
    let name = text(body, "name")?;
    let base = text(body, "hook").map(|hook| Base {
        hook,
        kind: text(body, "type").unwrap_or_default(),
        priority: body.get("prio").and_then(Value::as_i64).and_then(|p| i32::try_from(p).ok()),
        accept: text(body, "policy").as_deref() != Some("drop"),
        devices: body.get("dev").map(words).unwrap_or_default(),
    });
    table_of(ruleset, body)?.chains.push(Chain { name, base, ..Chain::default() });
    Some(())
}

/// A string or a list of strings.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn rule(ruleset: &mut Ruleset, body: &Value) -> Option<()> {
    let name = text(body, "chain")?;
    let (family, table) = (text(body, "family")?, text(body, "table")?);
    let mut read = |value: &Value| match value.as_str() {
        // nft 1.0.6 prints a jump to a chain without a name as text
        Some(text) => super::text::statements_of_rule(ruleset, text, [&family, &table, &name]),
        None => statements(value),
    };
    let statements: Vec<Statement> = body.get("expr")?.as_array()?.iter().flat_map(&mut read).collect();
    let text = super::render::rule(&statements);
    let chain = table_of(ruleset, body)?.chains.iter_mut().rev().find(|c| c.name == name)?;
    chain.rules.push(Rule { statements, line: 0, text });
    Some(())
}

fn set(ruleset: &mut Ruleset, body: &Value) -> Option<()> {
    let name = text(body, "name")?;
    let dynamic = body.get("flags").is_some_and(|flags| words(flags).iter().any(|f| f == "dynamic"));
    let listed =
        body.get("elem").map_or(Some(Vec::new()), read_elements).filter(|_| limit_in(body).is_none());
    let set = Set { open: dynamic || listed.is_none(), elements: listed.unwrap_or_default() };
    table_of(ruleset, body)?.sets.insert(name, set);
    Some(())
}

/// An object that rules refer to. What changes by itself is left out.
fn referred(ruleset: &mut Ruleset, kind: &str, body: &Value) -> Option<()> {
    let name = text(body, "name")?;
    let own = body.as_object()?.iter().filter(|(key, _)| !matches!(key.as_str(), "handle" | "used"));
    let own = own.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(" ");
    table_of(ruleset, body)?.objects.insert(format!("{kind} {name}"), own);
    Some(())
}

fn elements(ruleset: &mut Ruleset, body: &Value) -> Option<()> {
    let name = text(body, "name")?;
    let listed = read_elements(body.get("elem")?)?;
    table_of(ruleset, body)?.sets.get_mut(&name)?.elements.extend(listed);
    Some(())
}

fn read_elements(list: &Value) -> Option<Vec<Element>> {
    match list {
        Value::Array(list) => list.iter().map(element).collect(),
        one => Some(vec![element(one)?]),
    }
}

/// An element of a set, or `[key, value]` of a map; either may be wrapped with its timeout and counters.
fn element(value: &Value) -> Option<Element> {
    let limited =
        |v: &Value| v.get("elem").and_then(Value::as_object).is_some_and(|o| o.keys().any(|k| is_limit(k)));
    if limited(value) || value.get(0).is_some_and(limited) {
        return None;
    }
    if let Some([key, data]) = value.as_array().map(Vec::as_slice) {
        let data = match verdict(data) {
            Some(verdict) => Data::Verdict(verdict),
            None => Data::Value(expr(data)),
        };
        return Some(Element { key: expr(unwrap_element(key)), value: Some(data) });
    }
    let key = expr(unwrap_element(value));
    (!matches!(key, Expr::Other(_))).then_some(Element { key, value: None })
}

/// `{"elem": {"val": ..., "timeout": ...}}` is its value.
fn unwrap_element(value: &Value) -> &Value {
    value.get("elem").and_then(|e| e.get("val")).unwrap_or(value)
}

fn verdict(value: &Value) -> Option<Verdict> {
    let (name, body) = value.as_object().filter(|o| o.len() == 1)?.iter().next()?;
    Some(match name.as_str() {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        "reject" => Verdict::Reject,
        "jump" => Verdict::Jump(text(body, "target")?),
        "goto" => Verdict::Goto(text(body, "target")?),
        _ => return None,
    })
}

/// Statements that stop a rule, or the match of an element, once there was too much.
fn is_limit(name: &str) -> bool {
    matches!(name, "limit" | "quota" | "ct count" | "connlimit")
}

/// A limit of packets.
fn rate(body: &Value) -> Option<crate::firewall::Limit> {
    let in_packets = |key: &str| body.get(key).is_none_or(|unit| unit.as_str() == Some("packets"));
    let number = |key: &str| body.get(key).and_then(Value::as_u64);
    let over = body.get("inv").and_then(Value::as_bool).unwrap_or(false);
    let burst = if body.get("burst").is_some() { number("burst")? } else { 5 };
    let unit = text(body, "per").filter(|_| in_packets("rate_unit") && in_packets("burst_unit"))?;
    super::amount::packets(number("rate")?, &unit, over, burst)
}

/// The limit among the stateful statements (`stmt`) of a set or of an addition to one.
fn limit_in(body: &Value) -> Option<String> {
    let all = body.get("stmt")?.as_array()?.iter().filter_map(Value::as_object).flatten();
    all.into_iter().find(|(name, _)| is_limit(name)).map(|(name, body)| super::render::value(name, body))
}

/// One statement; an addition to a set may carry a limit, on which the rest of the rule depends.
fn statements(value: &Value) -> Vec<Statement> {
    let limit = ["set", "map"].iter().filter_map(|name| value.get(name)).find_map(limit_in);
    object_of_map(value).into_iter().chain([statement(value)]).chain(limit.map(Statement::RunTime)).collect()
}

/// A counter, quota or limit that a map gives: the rule goes on only for packets that the map knows.
fn object_of_map(value: &Value) -> Option<Statement> {
    let object = ["counter", "quota", "limit"].iter().find_map(|name| value.get(name))?;
    match read_named("map", object.get("map")?)? {
        Expr::Map(key, data) => Some(super::rule::known_to(*key, *data)),
        _ => None,
    }
}

fn statement(value: &Value) -> Statement {
    let unread = || Statement::Unread(value.to_string());
    if let Some(verdict) = verdict(value) {
        return Statement::Verdict(verdict);
    }
    let Some((name, body)) = value.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next()) else {
        return unread();
    };
    match name.as_str() {
        "match" => relation(body).unwrap_or_else(unread),
        "vmap" => match (body.get("key"), body.get("data")) {
            (Some(key), Some(data)) => Statement::VerdictMap { key: expr(key), data: expr(data) },
            _ => unread(),
        },
        "mangle" => match (body.get("key"), body.get("value")) {
            (Some(key), Some(value)) => Statement::Set { key: expr(key), value: expr(value) },
            _ => unread(),
        },
        "dnat" => nat(Nat::Destination, body),
        "snat" => nat(Nat::Source, body),
        "redirect" => nat(Nat::Redirect, body),
        "masquerade" => nat(Nat::Masquerade, body),
        "notrack" => Statement::Notrack,
        limit if is_limit(limit) => {
            let text = super::render::value(name, body);
            match rate(body).filter(|_| limit == "limit") {
                Some(limit) => Statement::Limit(text, limit),
                None => Statement::RunTime(text),
            }
        }
        "queue" | "synproxy" => Statement::Outside(super::render::value(name, body)),
        "tproxy" => Statement::Taken(super::render::value(name, body)),
        "set" | "map" if body.get("op").is_some() => match text(body, name) {
            Some(set) => {
                let what = ["op", "elem", "data", "stmt"].iter().filter_map(|key| body.get(*key));
                let what = what.map(Value::to_string).collect::<Vec<_>>().join(" ");
                Statement::Remember { set: set.trim_start_matches('@').to_owned(), what }
            }
            None => unread(),
        },
        "ct helper" | "ct expectation" => Statement::Set {
            key: Expr::Ct { key: name.trim_start_matches("ct ").to_owned(), dir: None },
            value: expr(body),
        },
        "counter" | "log" | "ct timeout" | "secmark" | "last" | "dup" | "flow" | "reset" => {
            Statement::Nothing
        }
        _ => unread(),
    }
}

fn relation(body: &Value) -> Option<Statement> {
    let op = match body.get("op")?.as_str()? {
        "==" => Op::Eq,
        "in" => Op::Implicit,
        "!=" => Op::Ne,
        "!" => Op::Not,
        "<" => Op::Lt,
        ">" => Op::Gt,
        "<=" => Op::Le,
        ">=" => Op::Ge,
        _ => return None,
    };
    Some(Statement::Match { left: expr(body.get("left")?), op, right: expr(body.get("right")?) })
}

fn nat(kind: Nat, body: &Value) -> Statement {
    Statement::Nat {
        kind,
        family: text(body, "family"),
        address: body.get("addr").map(expr),
        port: body.get("port").map(expr),
    }
}

/// Deepest nesting of expressions that is read; the JSON reader itself stops at 128.
fn expr(value: &Value) -> Expr {
    match value {
        Value::String(word) => match word.strip_prefix('@') {
            Some(name) => Expr::SetRef(name.to_owned()),
            None => Expr::Word(word.clone()),
        },
        Value::Bool(flag) => Expr::Bool(*flag),
        Value::Number(n) => n.as_u64().map_or_else(|| Expr::Other(n.to_string()), |n| Expr::Number(n.into())),
        Value::Array(list) => Expr::List(list.iter().map(expr).collect()),
        Value::Object(object) => match object.iter().next() {
            Some((name, body)) if object.len() == 1 => named(name, body, value),
            _ => Expr::Other(value.to_string()),
        },
        Value::Null => Expr::Other("null".to_owned()),
    }
}

fn named(name: &str, body: &Value, whole: &Value) -> Expr {
    read_named(name, body).unwrap_or_else(|| Expr::Other(whole.to_string()))
}

fn read_named(name: &str, body: &Value) -> Option<Expr> {
    let pair = || match body.as_array().map(Vec::as_slice) {
        Some([a, b]) => Some((Box::new(expr(a)), Box::new(expr(b)))),
        _ => None,
    };
    let binary = |op| pair().map(|(a, b)| Expr::Binary(op, a, b));
    Some(match name {
        "meta" => Expr::Meta(text(body, "key")?),
        "ct" => Expr::Ct { key: text(body, "key")?, dir: text(body, "dir") },
        "payload" => payload(body.as_object()?)?,
        "fib" => Expr::Fib { result: text(body, "result")?, flags: words(body.get("flags")?) },
        "prefix" => {
            let length = body.get("len")?.as_u64().and_then(|l| u32::try_from(l).ok())?;
            Expr::Prefix(Box::new(expr(body.get("addr")?)), length)
        }
        "range" => {
            let (first, last) = pair()?;
            Expr::Range(first, last)
        }
        "set" => Expr::Set(read_elements(body)?),
        "concat" => Expr::Concat(body.as_array()?.iter().map(expr).collect()),
        "map" => Expr::Map(Box::new(expr(body.get("key")?)), Box::new(expr(body.get("data")?))),
        "elem" => expr(body.get("val")?),
        "&" => binary(BinOp::And)?,
        "|" => binary(BinOp::Or)?,
        "^" => binary(BinOp::Xor)?,
        "<<" => binary(BinOp::Left)?,
        ">>" => binary(BinOp::Right)?,
        _ => return None,
    })
}

fn payload(body: &Map<String, Value>) -> Option<Expr> {
    let word = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Expr::Payload { protocol: word("protocol")?, field: word("field")? })
}
