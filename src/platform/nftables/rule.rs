//! Statements of nft's text form (nft(8), STATEMENTS).

use super::amount::{is_amount, run_time};
use super::ast::{BinOp, Element, Expr, Nat, Op, Statement, Verdict};
use super::cursor::Cursor;
use super::lex::{Kind, Token};
use super::literal::{operator, value, written};
use super::selector::selector;

/// The statements of a rule. What cannot be read ends the list as [`Statement::Unread`].
pub(super) fn statements(tokens: &[Token]) -> Vec<Statement> {
    let mut cursor = Cursor::new(tokens);
    let mut out = Vec::new();
    while !cursor.is_empty() {
        let before = cursor.clone();
        match statement(&mut cursor) {
            Some(read) => out.extend(read),
            None => {
                out.push(Statement::Unread(rest(before)));
                break;
            }
        }
    }
    out
}

fn rest(mut cursor: Cursor<'_>) -> String {
    let mut words = Vec::new();
    while let Some(kind) = cursor.next() {
        words.push(match kind {
            Kind::Word(word) => word.clone(),
            Kind::Quoted(text) => format!("\"{text}\""),
            Kind::Symbol(symbol) => (*symbol).to_owned(),
            Kind::End => continue,
        });
    }
    words.join(" ")
}

/// A verdict, if one comes next.
pub(super) fn verdict(cursor: &mut Cursor<'_>) -> Option<Verdict> {
    let verdict = match cursor.peek_word()? {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        "jump" | "goto" => {
            let goto = cursor.word("goto") || !cursor.word("jump");
            let chain = cursor.text()?.to_owned();
            return Some(if goto { Verdict::Goto(chain) } else { Verdict::Jump(chain) });
        }
        _ => return None,
    };
    cursor.next();
    Some(verdict)
}

fn statement(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    if let Some(verdict) = verdict(cursor) {
        return Some(vec![Statement::Verdict(verdict)]);
    }
    let one = |statement| Some(vec![statement]);
    let Some(word) = cursor.peek_word() else { return relation(cursor) };
    match word {
        "counter" => counter(cursor),
        "last" => {
            cursor.next();
            cursor.skip_words(|w| matches!(w, "used" | "never") || is_number(w));
            one(Statement::Nothing)
        }
        "log" => log(cursor),
        "comment" => {
            cursor.next();
            cursor.text()?;
            one(Statement::Nothing)
        }
        "reject" => reject(cursor),
        "limit" | "quota" => run_time(cursor),
        "dnat" => nat(cursor, Nat::Destination),
        "snat" => nat(cursor, Nat::Source),
        "redirect" => nat(cursor, Nat::Redirect),
        "masquerade" => nat(cursor, Nat::Masquerade),
        "notrack" => {
            cursor.next();
            one(Statement::Notrack)
        }
        "queue" | "synproxy" => outside(cursor),
        "tproxy" => tproxy(cursor),
        "flow" => flow(cursor),
        "dup" => copy(cursor),
        "add" | "update" | "delete" => remember(cursor),
        "meter" | "set" => meter(cursor),
        _ => relation(cursor),
    }
}

/// `flow add @FLOWTABLE`, `flow offload @FLOWTABLE`.
fn flow(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    cursor.next();
    if !cursor.word("add") && !cursor.word("offload") {
        return None;
    }
    cursor.text()?.starts_with('@').then(|| vec![Statement::Nothing])
}

/// `dup to ADDRESS [device DEVICE]`.
fn copy(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    cursor.next();
    if !cursor.word("to") {
        return None;
    }
    value(cursor)?;
    if cursor.word("device") {
        value(cursor)?;
    }
    Some(vec![Statement::Nothing])
}

/// `tproxy [ip|ip6] to ADDRESS[:PORT]`: the rule goes on for packets that a listener takes.
fn tproxy(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    cursor.next();
    let family = cursor.skip_words(|w| matches!(w, "ip" | "ip6")).join(" ");
    if !cursor.word("to") {
        return None;
    }
    let address = if matches!(cursor.peek(), Some(Kind::Symbol(":"))) { None } else { Some(value(cursor)?) };
    let port = if cursor.symbol(":") { Some(value(cursor)?) } else { None };
    let text = [address, port].into_iter().flatten().map(|e| super::render::expr(&e)).collect::<Vec<_>>();
    Some(vec![Statement::Taken(format!("tproxy {family} to {}", text.join(":")))])
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// `counter [packets N bytes N]`, `counter name OBJECT`.
fn counter(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    cursor.next();
    if cursor.word("name") {
        let (found, _) = object(cursor)?;
        return Some(found.into_iter().chain([Statement::Nothing]).collect());
    }
    cursor.skip_words(|w| matches!(w, "packets" | "bytes") || is_number(w));
    Some(vec![Statement::Nothing])
}

/// An object by name, or by a map from packets to objects: then the rule goes on only for packets that the map knows.
pub(super) fn object(cursor: &mut Cursor<'_>) -> Option<(Option<Statement>, String)> {
    Some(match value(cursor)? {
        Expr::Map(key, data) => (Some(known_to(*key, *data)), "of a map".to_owned()),
        Expr::Word(name) => (None, name),
        _ => return None,
    })
}

/// The match that looking a key up in a map is.
pub(super) fn known_to(key: Expr, map: Expr) -> Statement {
    let keys = match map {
        Expr::Set(elements) => {
            Expr::Set(elements.into_iter().map(|element| Element { value: None, ..element }).collect())
        }
        named => named,
    };
    Statement::Match { left: key, op: Op::Implicit, right: keys }
}

fn log(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    cursor.next();
    loop {
        match cursor.peek_word() {
            Some("prefix" | "level" | "group" | "snaplen" | "queue-threshold") => {
                cursor.next();
                cursor.text()?;
            }
            Some("flags") => {
                cursor.next();
                match cursor.text()? {
                    "all" | "skuid" | "ether" => {}
                    "tcp" | "ip" => loop {
                        cursor.text().filter(|w| matches!(*w, "sequence" | "options"))?;
                        if !cursor.symbol(",") {
                            break;
                        }
                    },
                    _ => return None,
                }
            }
            _ => return Some(vec![Statement::Nothing]),
        }
    }
}

/// `reject [with icmp [type] X | icmpv6 [type] X | icmpx [type] X | tcp reset]`.
fn reject(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    cursor.next();
    if cursor.word("with") {
        cursor.text()?;
        cursor.word("type");
        cursor.text()?;
    }
    Some(vec![Statement::Verdict(Verdict::Reject)])
}

fn outside(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    let mut text = cursor.text()?.to_owned();
    let options = |w: &str| {
        matches!(
            w,
            "num"
                | "to"
                | "flags"
                | "bypass"
                | "fanout"
                | "ip"
                | "ip6"
                | "mss"
                | "wscale"
                | "timestamp"
                | "sack-perm"
                | "name"
        ) || w.starts_with(|c: char| c.is_ascii_digit())
    };
    loop {
        let words = cursor.skip_words(options);
        if !words.is_empty() {
            text = format!("{text} {}", words.join(" "));
        } else if cursor.symbol(":") || cursor.symbol(",") || cursor.symbol("[") || cursor.symbol("]") {
            if let Some(word) = cursor.peek_word().filter(|w| w.contains(':') || options(w)) {
                text = format!("{text}:{word}");
                cursor.next();
            }
        } else {
            return Some(vec![Statement::Outside(text)]);
        }
    }
}

/// `add @set { ip saddr timeout 1h limit rate over 3/minute }`.
fn remember(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    let verb = cursor.text()?;
    let set = cursor.text()?.strip_prefix('@')?.to_owned();
    let inside = braces(cursor)?;
    let mut out = vec![Statement::Remember { set, what: format!("{verb} {inside}") }];
    if let Some(text) = stateful(&inside) {
        out.push(Statement::RunTime(text));
    }
    Some(out)
}

/// `meter NAME [size N] { KEY [timeout T] LIMIT }`, the old `set update KEY @name`.
fn meter(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    let kind = cursor.text()?;
    if kind == "set" {
        let verb = cursor.text()?;
        let what = format!("{verb} {}", super::render::expr(&selector(cursor)?));
        let set = cursor.text()?.strip_prefix('@')?.to_owned();
        return Some(vec![Statement::Remember { set, what }]);
    }
    let set = cursor.text()?.to_owned();
    if cursor.word("size") {
        cursor.text()?;
    }
    let inside = braces(cursor)?;
    let limit = Statement::RunTime(format!("meter {set} {inside}"));
    Some(vec![Statement::Remember { set, what: inside }, limit])
}

/// The text between braces.
fn braces(cursor: &mut Cursor<'_>) -> Option<String> {
    if !cursor.symbol("{") {
        return None;
    }
    let mut words = Vec::new();
    loop {
        match cursor.next()? {
            Kind::Symbol("}") => return Some(words.join(" ")),
            Kind::Symbol(symbol) => words.push((*symbol).to_owned()),
            Kind::Word(word) | Kind::Quoted(word) => words.push(word.clone()),
            Kind::End => {}
        }
    }
}

fn stateful(inside: &str) -> Option<String> {
    ["limit", "quota", "ct count"]
        .iter()
        .find_map(|name| inside.find(name))
        .and_then(|at| inside.get(at..).map(str::to_owned))
}

/// `dnat [ip|ip6] [prefix] to TARGET [FLAGS]`.
fn nat(cursor: &mut Cursor<'_>, kind: Nat) -> Option<Vec<Statement>> {
    cursor.next();
    let family = cursor.peek_word().filter(|w| matches!(*w, "ip" | "ip6")).map(str::to_owned);
    if family.is_some() {
        cursor.next();
    }
    // `dnat ip addr . port to ...` only says what kind of map follows
    cursor.skip_words(|w| matches!(w, "addr" | "." | "port" | "interval"));
    if cursor.peek_word() == Some("prefix") {
        return None;
    }
    let (mut address, mut port) = (None, None);
    if cursor.word("to") {
        if !matches!(cursor.peek(), Some(Kind::Symbol(":"))) {
            address = Some(value(cursor)?);
        }
        if cursor.symbol(":") {
            port = Some(value(cursor)?);
        }
    }
    // `redirect to 8080` is `redirect to :8080`
    if kind == Nat::Redirect && port.is_none() {
        port = address.take();
    }
    loop {
        cursor.skip_words(|w| matches!(w, "random" | "persistent" | "fully-random"));
        if !cursor.symbol(",") {
            return Some(vec![Statement::Nat { kind, family, address, port }]);
        }
    }
}

/// Words that are statements and never the right side of a match.
fn ends_a_match(word: &str) -> bool {
    matches!(
        word,
        "accept"
            | "drop"
            | "continue"
            | "return"
            | "jump"
            | "goto"
            | "reject"
            | "counter"
            | "log"
            | "queue"
            | "notrack"
    )
}

/// A match, a verdict map, a statement that writes, `ct count`.
fn relation(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    let left = selector(cursor)?;
    if matches!(&left, Expr::Ct { key, .. } if key == "count") {
        let amount = cursor.skip_words(is_amount).join(" ");
        return Some(vec![Statement::RunTime(format!("ct count {amount}"))]);
    }
    if cursor.word("vmap") {
        return Some(vec![Statement::VerdictMap { key: left, data: value(cursor)? }]);
    }
    if cursor.word("set") {
        return Some(vec![Statement::Set { key: left, value: written(cursor)? }]);
    }
    let op = operator(cursor);
    // a verdict is no value
    if cursor.peek_word().is_some_and(ends_a_match) {
        return None;
    }
    let right = value(cursor)?;
    // `tcp flags syn / syn,ack`: value and mask
    if cursor.word("/") {
        let mask = value(cursor)?;
        let op = if op == Op::Implicit { Op::Eq } else { op };
        let left = Expr::Binary(BinOp::And, Box::new(left), Box::new(mask));
        return Some(vec![Statement::Match { left, op, right }]);
    }
    // `flags & (a|b) != 0` is how "any of these bits" is written out
    Some(vec![Statement::Match { left, op, right }])
}
