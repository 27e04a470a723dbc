//! What both forms of a ruleset, JSON and text, are read into (nft(8), libnftables-json(5)).

use std::collections::BTreeMap;

use crate::firewall::Limit;

/// A whole ruleset.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ruleset {
    pub tables: Vec<Table>,
    /// Statements outside of rules that were not understood, with their lines.
    pub unread: Vec<(u32, String)>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table {
    pub family: String,
    pub name: String,
    /// Flag `dormant`: its chains are not hooked in.
    pub dormant: bool,
    /// Its flags were not understood: it may be dormant or not.
    pub unclear: bool,
    pub chains: Vec<Chain>,
    /// Sets and maps by name.
    pub sets: BTreeMap<String, Set>,
    /// Limits, quotas, helpers and other objects that rules refer to, by kind and name, as text.
    pub objects: BTreeMap<String, String>,
}

/// One chain.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Chain {
    pub name: String,
    pub base: Option<Base>,
    pub rules: Vec<Rule>,
    /// 1-based line of its policy or declaration; 0 in JSON.
    pub line: u32,
}

/// How a chain is hooked in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Base {
    /// `filter`, `nat`, `route`.
    pub kind: String,
    pub hook: String,
    /// `None` when it could not be read.
    pub priority: Option<i32>,
    /// Policy accept.
    pub accept: bool,
    pub devices: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rule {
    pub statements: Vec<Statement>,
    /// 1-based line; 0 in JSON.
    pub line: u32,
    /// The rule as a person would write it.
    pub text: String,
}

/// A named set or map.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Set {
    pub elements: Vec<Element>,
    /// Rules add elements while packets pass, or it was not understood: it may hold more than is listed.
    pub open: bool,
}

/// One element of a set or map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Element {
    pub key: Expr,
    pub value: Option<Data>,
}

/// What a map gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Verdict(Verdict),
    Value(Expr),
}

/// One statement of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Statement {
    Match {
        left: Expr,
        op: Op,
        right: Expr,
    },
    Verdict(Verdict),
    VerdictMap {
        key: Expr,
        data: Expr,
    },
    Nat {
        kind: Nat,
        family: Option<String>,
        address: Option<Expr>,
        port: Option<Expr>,
    },
    /// Writes a field.
    Set {
        key: Expr,
        value: Expr,
    },
    Notrack,
    /// Adds the packet's fields to a set or map, or takes them out.
    Remember {
        set: String,
        /// What is done with which fields, as text.
        what: String,
    },
    /// No effect on what this program looks at: counters, logging.
    Nothing,
    /// A match whose answer depends on time or traffic.
    RunTime(String),
    /// A rate limit, with its text.
    Limit(String, Limit),
    /// Something outside decides: a queue, a proxy.
    Outside(String),
    /// A match: whether something outside takes the packet.
    Taken(String),
    /// Not understood.
    Unread(String),
}

/// Kinds of translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nat {
    Destination,
    Source,
    Redirect,
    Masquerade,
}

/// Verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Reject,
    Continue,
    Return,
    Jump(String),
    Goto(String),
}

/// Relational operators. `Implicit` is "no operator written": equality, or for bit fields "any of these bits".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Implicit,
    Eq,
    Ne,
    /// `!`: none of these bits.
    Not,
    Lt,
    Gt,
    Le,
    Ge,
}

/// Expressions.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// A symbolic value: `established`, `eth0`, `ssh`, `192.0.2.1`.
    Word(String),
    Number(u128),
    Bool(bool),
    Prefix(Box<Expr>, u32),
    Range(Box<Expr>, Box<Expr>),
    /// A comma list of bits.
    List(Vec<Expr>),
    /// An anonymous set or map.
    Set(Vec<Element>),
    /// `@name`.
    SetRef(String),
    Concat(Vec<Expr>),
    Binary(BinOp, Box<Expr>, Box<Expr>),
    /// `key map data`.
    Map(Box<Expr>, Box<Expr>),
    Meta(String),
    Ct {
        key: String,
        dir: Option<String>,
    },
    Payload {
        protocol: String,
        field: String,
    },
    Fib {
        result: String,
        flags: Vec<String>,
    },
    /// A selector that is not modelled, as text.
    Other(String),
}

/// Bit operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinOp {
    And,
    Or,
    Xor,
    Left,
    Right,
}
