//! Left sides of matches in nft's text form (nft(8), EXPRESSIONS).

use super::ast::{BinOp, Expr};
use super::cursor::Cursor;
use super::lex::Kind;
use super::literal::bits;

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

pub(super) fn binary(cursor: &mut Cursor<'_>) -> Option<BinOp> {
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
            let mut keys = cursor.skip_words(|w| SOCKET_WORDS.contains(&w)).join(" ");
            if keys == "cgroupv2 level" {
                keys = format!("{keys} {}", cursor.text()?);
            }
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
    "nexthdr",
    "hdrlength",
    "seg-left",
    "ip",
    "ip6",
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
