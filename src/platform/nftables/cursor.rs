//! A place in the tokens of nft's text form.

use super::lex::{Kind, Token};

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

    /// Within braces or brackets.
    pub(super) const fn is_nested(&self) -> bool {
        self.depth > 0
    }

    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
