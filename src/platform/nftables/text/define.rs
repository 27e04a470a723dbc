//! Definitions of nft's text form, and what they are put in the place of (nft(8), SYMBOLIC VARIABLES).

use super::super::at::At;
use super::super::lex::{Kind, Token};
use super::Reader;

/// Most tokens after definitions were put in; a ruleset with more is not read to its end.
const MAX_TOKENS: usize = 4_000_000;

impl Reader<'_> {
    pub(super) fn define(&mut self, at: &mut At<'_>) -> Option<()> {
        let name = at.word()?.to_owned();
        if !at.symbol("=") {
            return None;
        }
        let value = at.statement()?.to_vec();
        let value = self.expand(&value);
        self.defines.insert(name, value);
        Some(())
    }
    /// A name that may be a definition.
    pub(super) fn name(&self, text: &str) -> Option<String> {
        match text.strip_prefix('$') {
            None => Some(text.to_owned()),
            Some(name) => match self.defines.get(name)?.as_slice() {
                [Token { kind: Kind::Word(word) | Kind::Quoted(word), .. }] => Some(word.clone()),
                _ => None,
            },
        }
    }

    /// Puts definitions in the place of `$name`.
    pub(super) fn expand(&mut self, source: &[Token]) -> Vec<Token> {
        let mut out = Vec::with_capacity(source.len());
        for token in source {
            let defined = match &token.kind {
                Kind::Word(word) => word.strip_prefix('$').and_then(|name| self.defines.get(name)),
                _ => None,
            };
            match defined {
                Some(value) if self.spent + value.len() <= MAX_TOKENS => {
                    self.spent += value.len();
                    out.extend(value.iter().cloned());
                }
                // an unknown or too long definition stays as it is, and the rule is not understood
                _ => out.push(token.clone()),
            }
        }
        flatten(out)
    }
}

/// A definition with braces inside braces is part of the outer set.
fn flatten(tokens: Vec<Token>) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut depth = 0usize;
    for token in tokens {
        match token.kind {
            Kind::Symbol("{") => {
                depth += 1;
                if depth > 1 {
                    continue;
                }
            }
            Kind::Symbol("}") => {
                depth = depth.saturating_sub(1);
                if depth > 0 {
                    continue;
                }
            }
            _ => {}
        }
        out.push(token);
    }
    out
}
