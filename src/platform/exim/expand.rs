//! String expansion, as far as it is known before any mail comes (Exim specification, chapter 11).
//!
//! Constants are filled in, `${if ...}` becomes a choice between texts, a variable of the dialogue keeps its name. All
//! else is opaque: whoever meets it does not know the text.

use super::reader::Reader;
use super::split::{all_braced, braced, closing};
use crate::finding::Location;
use crate::platform::mta::{all, any, is_never, never, not, unread};
use crate::relay::Condition;

/// Deepest nesting of expansions.
const MAX_DEPTH: usize = 24;

/// A part of an expanded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Known text.
    Text(String),
    /// A variable of the dialogue.
    Var(String),
    /// Not known.
    Opaque,
}

/// An expanded text.
#[derive(Debug, Clone)]
pub(super) enum Expansion {
    /// Its pieces in order.
    Pieces(Vec<Piece>),
    /// A forced failure.
    Fail,
    /// One of two texts.
    If(Box<Condition>, Box<Expansion>, Box<Expansion>),
}

impl Expansion {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Pieces(vec![Piece::Text(text.into())])
    }

    pub(super) const OPAQUE: fn() -> Self = || Self::Pieces(vec![Piece::Opaque]);

    /// The text, when all of it is known.
    pub(super) fn known(&self) -> Option<String> {
        let Self::Pieces(pieces) = self else { return None };
        let mut out = String::new();
        for piece in pieces {
            let Piece::Text(text) = piece else { return None };
            out.push_str(text);
        }
        Some(out)
    }

    /// The variable that is all of it.
    pub(super) fn variable(&self) -> Option<&str> {
        match self {
            Self::Pieces(pieces) => match pieces.as_slice() {
                [Piece::Var(name)] => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Reader<'_> {
    /// Expands a text.
    pub(super) fn expand(&self, text: &str, at: &Location) -> Expansion {
        self.expand_at(text, at, 0)
    }

    fn expand_at(&self, text: &str, at: &Location, depth: usize) -> Expansion {
        if depth > MAX_DEPTH {
            return Expansion::OPAQUE();
        }
        // a choice that is the whole text stays a choice
        let trimmed = text.trim();
        if let Some(inner) = trimmed.strip_prefix("${")
            && closing(inner) == Some(inner.len().saturating_sub(1))
        {
            return self.item(inner.get(..inner.len().saturating_sub(1)).unwrap_or_default(), at, depth);
        }
        let mut out: Vec<Piece> = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or_default();
            rest = match c {
                '\\' => escape(after, &mut out),
                '$' => match self.dollar(after, at, depth, &mut out) {
                    Some(rest) => rest,
                    None => return Expansion::Fail,
                },
                c => {
                    push(&mut out, c);
                    after
                }
            };
        }
        Expansion::Pieces(out)
    }

    /// What follows a dollar sign; `None` for a forced failure.
    fn dollar<'t>(
        &self,
        text: &'t str,
        at: &Location,
        depth: usize,
        out: &mut Vec<Piece>,
    ) -> Option<&'t str> {
        if let Some((inner, rest)) = braced(text).filter(|_| text.starts_with('{')) {
            match self.item(inner, at, depth + 1) {
                Expansion::Pieces(pieces) => out.extend(pieces),
                Expansion::Fail => return None,
                Expansion::If(..) => out.push(Piece::Opaque),
            }
            return Some(rest);
        }
        let digits = text.chars().take_while(char::is_ascii_digit).count();
        let name = text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
        let end = if digits > 0 { digits } else { name };
        out.push(text.get(..end).filter(|n| !n.is_empty()).map_or(Piece::Opaque, |n| self.value(n)));
        text.get(end..)
    }

    fn value(&self, name: &str) -> Piece {
        self.constant(name).map_or_else(|| Piece::Var(name.to_owned()), Piece::Text)
    }

    /// What stands between `${` and `}`.
    fn item(&self, inner: &str, at: &Location, depth: usize) -> Expansion {
        let inner = inner.trim();
        if inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Expansion::Pieces(vec![self.value(inner)]);
        }
        if let Some(rest) = word(inner, "if") {
            return self.choice(rest, at, depth);
        }
        if let Some(rest) = word(inner, "lookup") {
            return match self.looked_up(rest, at) {
                Some((found, rest)) => self.branches(found, &rest, Some(Piece::Opaque), at, depth),
                None => Expansion::OPAQUE(),
            };
        }
        let Some((operator, operand)) = inner.split_once(':') else { return Expansion::OPAQUE() };
        let operand = self.expand_at(operand, at, depth + 1);
        match (operator, operand.known(), operand.variable()) {
            ("lc" | "uc", Some(text), _) => {
                Expansion::text(if operator == "lc" { text.to_lowercase() } else { text.to_uppercase() })
            }
            ("lc" | "uc" | "address" | "quote" | "quote_local_part", None, Some(_)) => operand,
            ("domain" | "local_part", None, Some("sender_address")) => {
                Expansion::Pieces(vec![Piece::Var(format!("sender_address_{operator}"))])
            }
            _ if operator.starts_with("quote_") => operand,
            _ => Expansion::OPAQUE(),
        }
    }

    /// `${if CONDITION {yes}{no}}`
    fn choice(&self, text: &str, at: &Location, depth: usize) -> Expansion {
        let Some((condition, rest)) = self.condition(text, at, depth) else { return Expansion::OPAQUE() };
        self.branches(condition, rest, None, at, depth)
    }

    /// `value`: what stands for the first branch where there is none.
    fn branches(
        &self,
        condition: Condition,
        text: &str,
        value: Option<Piece>,
        at: &Location,
        depth: usize,
    ) -> Expansion {
        let (braces, rest) = all_braced(text);
        let one = |i: usize, none: Piece| match braces.get(i) {
            Some(text) => self.expand_at(text, at, depth + 1),
            None if rest == "fail" && i > 0 => Expansion::Fail,
            None => Expansion::Pieces(vec![none]),
        };
        let yes = one(0, value.unwrap_or_else(|| Piece::Text("true".into())));
        let no = one(1, Piece::Text(String::new()));
        match &condition {
            Condition::Always => yes,
            never if is_never(never) => no,
            _ => Expansion::If(Box::new(condition), Box::new(yes), Box::new(no)),
        }
    }

    /// Whether a text, expanded, means yes.
    pub(super) fn truth(&self, text: &str, at: &Location) -> Condition {
        truth(&self.expand(text, at), text)
    }
}

fn truth(expansion: &Expansion, text: &str) -> Condition {
    match expansion {
        Expansion::Fail => never(),
        Expansion::If(condition, yes, no) => {
            let yes = all([(**condition).clone(), truth(yes, text)]);
            let no = all([not((**condition).clone()), truth(no, text)]);
            any([yes, no])
        }
        Expansion::Pieces(_) => match expansion.known() {
            Some(known) => match known.trim().to_ascii_lowercase().as_str() {
                "" | "no" | "false" => never(),
                "yes" | "true" => Condition::Always,
                number => match number.parse::<i64>() {
                    Ok(0) => never(),
                    Ok(_) => Condition::Always,
                    Err(_) => unread(text),
                },
            },
            None => unread(text),
        },
    }
}

/// What follows a word.
pub(super) fn word<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(name)?;
    (!rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')).then_some(rest)
}

fn push(out: &mut Vec<Piece>, c: char) {
    match out.last_mut() {
        Some(Piece::Text(text)) => text.push(c),
        _ => out.push(Piece::Text(c.into())),
    }
}

fn escape<'t>(after: &'t str, out: &mut Vec<Piece>) -> &'t str {
    if let Some(protected) = after.strip_prefix('N') {
        let end = protected.find("\\N").unwrap_or(protected.len());
        protected.get(..end).unwrap_or_default().chars().for_each(|c| push(out, c));
        return protected.get(end + 2..).unwrap_or_default();
    }
    let Some(c) = after.chars().next() else { return "" };
    push(
        out,
        match c {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            c => c,
        },
    );
    after.get(c.len_utf8()..).unwrap_or_default()
}
