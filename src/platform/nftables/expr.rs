//! Expressions of nft's text form (nft(8), EXPRESSIONS).

use super::ast::{BinOp, Data, Element, Expr, Op};
use super::lex::{Kind, Token};
use super::rule::verdict;

/// A place in the tokens of one rule, element list or definition. Line ends inside braces mean nothing.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    tokens: &'a [Token],
    depth: usize,
}

/// Deepest nesting of braces and brackets.
const MAX_DEPTH: usize = 32;

impl<'a> Cursor<'a> {
    pub(super) const fn new(tokens: &'a [Token]) -> Self {
        Self { tokens, depth: 0 }
    }

    pub(super) fn peek(&self) -> Option<&'a Kind> {
        self.tokens.iter().map(|t| &t.kind).find(|k| self.depth == 0 || **k != Kind::End)
    }

    /// The word that comes next, if one does.
    pub(super) fn peek_word(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(super) fn next(&mut self) -> Option<&'a Kind> {
        while let Some((first, rest)) = self.tokens.split_first() {
            self.tokens = rest;
            if self.depth == 0 || first.kind != Kind::End {
                return Some(&first.kind);
            }
        }
        None
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Takes the next word if it is this one.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == Some(word);
        if found {
            self.next();
        }
        found
    }

    /// Takes the next symbol if it is this one.
    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Symbol(s)) if *s == symbol);
        if found {
            self.next();
        }
        found
    }

    /// The same place, taken to be inside braces.
    pub(super) const fn inside(&self) -> Self {
        Self { tokens: self.tokens, depth: 1 }
    }

    /// Takes a word or a quoted string.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        match self.peek()? {
            Kind::Word(text) | Kind::Quoted(text) => {
                self.next();
                Some(text)
            }
            _ => None,
        }
    }

    /// Skips words as long as they are wanted.
    pub(super) fn skip_words(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<&'a str> {
        let mut out = Vec::new();
        while let Some(word) = self.peek_word().filter(|w| wanted(w)) {
            self.next();
            out.push(word);
        }
        out
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}

/// The left side of a match: one selector, a masked one, or several.
pub(super) fn selector(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let mut parts = vec![masked_selector(cursor)?];
    while cursor.word(".") {
        parts.push(masked_selector(cursor)?);
    }
    if parts.len() > 1 { Some(Expr::Concat(parts)) } else { parts.pop() }
}

fn masked_selector(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let mut left = simple_selector(cursor)?;
    while let Some(op) = binary(cursor) {
        let right = cursor.nested(bits)?;
        left = Expr::Binary(op, Box::new(left), Box::new(right));
    }
    Some(left)
}

fn binary(cursor: &mut Cursor<'_>) -> Option<BinOp> {
    let op = match cursor.peek()? {
        Kind::Symbol("&") => BinOp::And,
        Kind::Symbol("|") => BinOp::Or,
        Kind::Symbol("^") => BinOp::Xor,
        Kind::Symbol("<<") => BinOp::Left,
        Kind::Symbol(">>") => BinOp::Right,
        Kind::Word(word) => match word.as_str() {
            "and" => BinOp::And,
            "or" => BinOp::Or,
            "xor" => BinOp::Xor,
            _ => return None,
        },
        _ => return None,
    };
    cursor.next();
    Some(op)
}

/// Words that name a meta key without `meta` before them.
const META: &[&str] = &[
    "iif",
    "iifname",
    "iiftype",
    "iifgroup",
    "oif",
    "oifname",
    "oiftype",
    "oifgroup",
    "mark",
    "skuid",
    "skgid",
    "nftrace",
    "rtclassid",
    "ibriport",
    "obriport",
    "ibrname",
    "obrname",
    "pkttype",
    "cpu",
    "cgroup",
    "ipsec",
    "time",
    "day",
    "hour",
];

/// Protocols whose fields are selectors.
const PAYLOADS: &[&str] = &[
    "ip", "ip6", "tcp", "udp", "udplite", "sctp", "dccp", "th", "icmp", "icmpv6", "igmp", "ether", "vlan",
    "arp", "esp", "ah", "comp", "gre", "geneve", "vxlan",
];

/// Extension headers: `frag id`, `hbh nexthdr`; also `exthdr NAME`.
const EXTENSIONS: &[&str] = &["exthdr", "hbh", "rt0", "rt2", "srh", "frag", "dst", "mh"];

fn simple_selector(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let word = cursor.peek_word()?;
    if word.starts_with('@') && word.len() == 3 {
        return raw(cursor);
    }
    let known = META.contains(&word) || PAYLOADS.contains(&word) || EXTENSIONS.contains(&word);
    if !known
        && !matches!(word, "meta" | "ct" | "fib" | "socket" | "rt" | "numgen" | "jhash" | "symhash" | "osf")
    {
        return None;
    }
    cursor.next();
    match word {
        "meta" => Some(Expr::Meta(cursor.text()?.to_owned())),
        "ct" => ct(cursor),
        "fib" => fib(cursor),
        "tcp" | "ip" | "sctp" if matches!(cursor.peek_word(), Some("option" | "chunk")) => {
            let kind = cursor.text()?;
            let name = cursor.text()?;
            let field = cursor.skip_words(is_option_field).join(" ");
            Some(Expr::Other(format!("{word} {kind} {name} {field}").trim_end().to_owned()))
        }
        "numgen" | "jhash" | "symhash" => hash(cursor, word),
        "socket" | "rt" | "osf" => {
            let keys = cursor.skip_words(|w| SOCKET_WORDS.contains(&w)).join(" ");
            Some(Expr::Other(format!("{word} {keys}")))
        }
        _ if META.contains(&word) => Some(Expr::Meta(word.to_owned())),
        _ if EXTENSIONS.contains(&word) => {
            // `exthdr frag exists`, `frag id 5`, `hbh nexthdr tcp`: one name, then the value
            let field = if cursor.peek_word().is_some_and(is_value_like) { "" } else { cursor.text()? };
            (!is_statement(field)).then(|| Expr::Other(format!("{word} {field}")))
        }
        _ => {
            let field = cursor.text()?.to_owned();
            (!is_statement(&field)).then(|| Expr::Payload { protocol: word.to_owned(), field })
        }
    }
}

/// Fields of options and chunks (nft(8), EXTENSION HEADER EXPRESSIONS).
fn is_option_field(word: &str) -> bool {
    matches!(
        word,
        "kind"
            | "length"
            | "size"
            | "count"
            | "left"
            | "right"
            | "tsval"
            | "tsecr"
            | "type"
            | "ptr"
            | "addr"
            | "value"
            | "tsn"
            | "stream"
            | "ssn"
            | "ppid"
            | "flags"
    )
}

const SOCKET_WORDS: &[&str] = &[
    "transparent",
    "mark",
    "wildcard",
    "cgroupv2",
    "level",
    "classid",
    "nexthop",
    "mtu",
    "ipsec",
    "type",
    "name",
    "version",
    "ttl",
    "ip",
    "ip6",
    "1",
    "2",
    "3",
];

fn is_value_like(word: &str) -> bool {
    matches!(word, "exists" | "missing") || word.starts_with(|c: char| c.is_ascii_digit())
}

/// Words that begin a statement: never a field.
fn is_statement(word: &str) -> bool {
    matches!(
        word,
        "accept"
            | "drop"
            | "continue"
            | "return"
            | "jump"
            | "goto"
            | "queue"
            | "reject"
            | "counter"
            | "log"
            | "limit"
            | "quota"
            | "set"
            | "map"
            | "vmap"
            | "comment"
            | "dnat"
            | "snat"
            | "masquerade"
            | "redirect"
            | "notrack"
            | "tproxy"
            | "synproxy"
            | "add"
            | "update"
            | "delete"
            | "meter"
            | "last"
            | "flow"
            | "dup"
            | "fwd"
    )
}

/// `@th,16,16`.
fn raw(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let base = cursor.text()?;
    let mut numbers = Vec::new();
    for _ in 0..2 {
        if !cursor.symbol(",") {
            return None;
        }
        numbers.push(cursor.text()?);
    }
    Some(match (base, numbers.as_slice()) {
        ("@th", ["0", "16"]) => Expr::Payload { protocol: "th".into(), field: "sport".into() },
        ("@th", ["16", "16"]) => Expr::Payload { protocol: "th".into(), field: "dport".into() },
        _ => Expr::Other(format!("{base},{}", numbers.join(","))),
    })
}

fn ct(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let dir = cursor.peek_word().filter(|w| matches!(*w, "original" | "reply")).map(str::to_owned);
    if dir.is_some() {
        cursor.next();
    }
    let mut key = cursor.text()?.to_owned();
    if matches!(key.as_str(), "ip" | "ip6") {
        key = format!("{key} {}", cursor.text()?);
    }
    Some(Expr::Ct { key, dir })
}

fn fib(cursor: &mut Cursor<'_>) -> Option<Expr> {
    let mut flags = vec![cursor.text()?.to_owned()];
    while cursor.word(".") {
        flags.push(cursor.text()?.to_owned());
    }
    let result = cursor.text()?.to_owned();
    Some(Expr::Fib { result, flags })
}

/// `numgen inc mod 2 [offset 5]`, `jhash SELECTOR mod 4 [seed 0x1]`, `symhash mod 2`.
fn hash(cursor: &mut Cursor<'_>, word: &str) -> Option<Expr> {
    match word {
        "numgen" => {
            cursor.text()?;
        }
        "jhash" => {
            selector(cursor)?;
        }
        _ => {}
    }
    if !cursor.word("mod") {
        return None;
    }
    let modulus = cursor.text()?;
    while cursor.word("seed") || cursor.word("offset") {
        cursor.text()?;
    }
    Some(Expr::Other(format!("{word} mod {modulus}")))
}

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
    while cursor.depth == 0 && cursor.symbol(",") {
        all.push(bits(cursor)?);
    }
    if all.len() > 1 { Some(Expr::List(all)) } else { all.pop() }
}

fn bits(cursor: &mut Cursor<'_>) -> Option<Expr> {
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
