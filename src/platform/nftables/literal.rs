//! Operators, values and elements in nft's text form (nft(8), EXPRESSIONS, SETS, MAPS).

use super::ast::{Data, Element, Expr, Op};
use super::cursor::Cursor;
use super::lex::Kind;
use super::rule::verdict;
use super::selector::{binary, selector};

/// The operator between the sides of a match.
pub(super) fn operator(cursor: &mut Cursor<'_>) -> Op {
    let op = match cursor.peek() {
        Some(Kind::Symbol(symbol)) => match *symbol {
            "==" => Op::Eq,
            "!=" => Op::Ne,
            "!" => Op::Not,
            "<" => Op::Lt,
            ">" => Op::Gt,
            "<=" => Op::Le,
            ">=" => Op::Ge,
            _ => return Op::Implicit,
        },
        Some(Kind::Word(word)) => match word.as_str() {
            "eq" => Op::Eq,
            "ne" | "neq" => Op::Ne,
            "lt" => Op::Lt,
            "gt" => Op::Gt,
            "le" => Op::Le,
            "ge" => Op::Ge,
            _ => return Op::Implicit,
        },
        _ => return Op::Implicit,
    };
    cursor.next();
    op
}

/// A value: a set, a set's name, a list, a range, a map.
pub(super) fn value(cursor: &mut Cursor<'_>) -> Option<Expr> {
    // a map: `tcp dport map { ... }`
    let mut ahead = cursor.clone();
    if let Some(key) = selector(&mut ahead)
        && ahead.word("map")
    {
        *cursor = ahead;
        return Some(Expr::Map(Box::new(key), Box::new(value(cursor)?)));
    }
    if cursor.symbol("{") {
        return cursor.nested(elements).map(Expr::Set);
    }
    let mut parts = vec![list(cursor)?];
    while cursor.word(".") {
        parts.push(list(cursor)?);
    }
    if parts.len() > 1 { Some(Expr::Concat(parts)) } else { parts.pop() }
}

/// What a statement writes: a value, or another field.
pub(super) fn written(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let mut ahead = cursor.clone();
    if matches!(
        cursor.peek_word(),
        Some("meta" | "ct" | "mark" | "rt" | "numgen" | "jhash" | "symhash" | "socket")
    ) && let Some(field) = selector(&mut ahead)
        && ahead.peek_word() != Some("map")
    {
        *cursor = ahead;
        return Some(field);
    }
    value(cursor)
}

/// `a`, `a,b`, `a|b`, `(a|b)`.
fn list(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let first = bits(cursor)?;
    let mut all = vec![first];
    // inside braces a comma parts elements
    while !cursor.is_nested() && cursor.symbol(",") {
        all.push(bits(cursor)?);
    }
    if all.len() > 1 { Some(Expr::List(all)) } else { all.pop() }
}

pub(super) fn bits(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let mut left = if cursor.symbol("(") {
        let inner = cursor.nested(bits)?;
        if !cursor.symbol(")") {
            return None;
        }
        inner
    } else {
        atom(cursor)?
    };
    while let Some(op) = binary(cursor) {
        let right = cursor.nested(bits)?;
        left = Expr::Binary(op, Box::new(left), Box::new(right));
    }
    Some(left)
}

fn atom(cursor: &mut Cursor<'_>) -> Option<Expr> {
    if cursor.symbol("[") {
        let address = cursor.text()?.to_owned();
        return cursor.symbol("]").then_some(Expr::Word(address));
    }
    let first = match cursor.next()? {
        Kind::Quoted(text) => return Some(Expr::Word(text.clone())),
        Kind::Word(word) => word,
        _ => return None,
    };
    if cursor.word("-") {
        let last = cursor.text()?;
        return Some(Expr::Range(Box::new(plain(first)), Box::new(plain(last))));
    }
    Some(word(first))
}

/// A word as the value it is: prefix, range, number, name.
pub(super) fn word(text: &str) -> Expr {
    let is_address = |t: &str| t.parse::<std::net::IpAddr>().is_ok();
    let is_number = |t: &str| matches!(plain(t), Expr::Number(_));
    if let Some(name) = text.strip_prefix('@') {
        return Expr::SetRef(name.to_owned());
    }
    if let Some((address, length)) = text.split_once('/')
        && is_address(address)
        && let Ok(length) = length.parse()
    {
        return Expr::Prefix(Box::new(Expr::Word(address.to_owned())), length);
    }
    if let Some((first, last)) = text.split_once('-')
        && (is_address(first) && is_address(last) || is_number(first) && is_number(last))
    {
        return Expr::Range(Box::new(plain(first)), Box::new(plain(last)));
    }
    match text {
        "exists" => Expr::Bool(true),
        "missing" => Expr::Bool(false),
        text => plain(text),
    }
}

fn plain(text: &str) -> Expr {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    number.map_or_else(|| Expr::Word(text.to_owned()), Expr::Number)
}

/// The elements behind a `{`, with its `}`.
pub(super) fn elements(cursor: &mut Cursor<'_>) -> Option<Vec<Element>> {
    let mut out = Vec::new();
    loop {
        if cursor.symbol("}") {
            return Some(out);
        }
        let key = value(cursor)?;
        skip_element_options(cursor);
        let value = if cursor.symbol(":") { Some(data(cursor)?) } else { None };
        skip_element_options(cursor);
        out.push(Element { key, value });
        if !cursor.symbol(",") {
            return cursor.symbol("}").then_some(out);
        }
    }
}

fn data(cursor: &mut Cursor<'_>) -> Option<Data> {
    let mut ahead = cursor.clone();
    if let Some(verdict) = verdict(&mut ahead) {
        *cursor = ahead;
        return Some(Data::Verdict(verdict));
    }
    value(cursor).map(Data::Value)
}

/// `timeout 1h`, `expires 5m`, `counter packets 0 bytes 0`, `comment "..."`.
fn skip_element_options(cursor: &mut Cursor<'_>) {
    loop {
        match cursor.peek_word() {
            Some("timeout" | "expires" | "comment" | "last" | "used") => {
                cursor.next();
                cursor.text();
            }
            Some("counter") => {
                cursor.next();
                cursor.skip_words(|w| {
                    matches!(w, "packets" | "bytes") || w.bytes().all(|b| b.is_ascii_digit())
                });
            }
            _ => return,
        }
    }
}
