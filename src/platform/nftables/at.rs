//! A place in the commands and blocks of nft's text form.

use super::lex::{Kind, Token};

/// What a command or block is about.
pub(super) struct At<'t> {
    pub(super) tokens: &'t [Token],
    pub(super) text: &'t str,
}

impl<'t> At<'t> {
    pub(super) fn word(&mut self) -> Option<&'t str> {
        let word = self.peek_word()?;
        self.tokens = self.tokens.get(1..)?;
        Some(word)
    }

    pub(super) fn peek_word(&self) -> Option<&'t str> {
        match &self.tokens.first()?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn word_on_line(&mut self) -> Option<&'t str> {
        self.peek_word().and_then(|_| self.word())
    }

    pub(super) fn quoted_or_word(&mut self) -> Option<&'t str> {
        match &self.tokens.first()?.kind {
            Kind::Word(text) | Kind::Quoted(text) => {
                self.tokens = self.tokens.get(1..)?;
                Some(text)
            }
            _ => None,
        }
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.tokens.first().is_some_and(|t| matches!(&t.kind, Kind::Symbol(s) if *s == symbol));
        if found {
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        found
    }

    pub(super) fn end(&mut self) -> bool {
        let found = self.tokens.first().is_some_and(|t| t.kind == Kind::End);
        if found {
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        found
    }

    /// Passes ends of statements; whether the block, or the text, ends here.
    pub(super) fn block_ends(&mut self) -> bool {
        while self.end() {}
        self.tokens.first().is_none_or(|token| token.kind == Kind::Symbol("}"))
    }

    pub(super) fn line(&self) -> u32 {
        self.tokens.first().map_or(0, |t| t.line)
    }

    /// `[family] name`; the family is `ip` when it is left out.
    pub(super) fn table_name(&mut self) -> Option<(String, String)> {
        let first = self.quoted_or_word()?;
        if matches!(first, "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev") {
            return Some((first.to_owned(), self.quoted_or_word()?.to_owned()));
        }
        Some(("ip".to_owned(), first.to_owned()))
    }

    /// The tokens up to the end of the statement; ends inside braces do not count. Stops before a closing brace.
    pub(super) fn statement(&mut self) -> Option<&'t [Token]> {
        let mut depth = 0usize;
        let mut length = 0;
        for token in self.tokens {
            match &token.kind {
                Kind::Symbol("{") => depth += 1,
                Kind::Symbol("}") if depth == 0 => break,
                Kind::Symbol("}") => depth -= 1,
                Kind::End if depth == 0 => break,
                _ => {}
            }
            length += 1;
        }
        // a stray closing brace is a statement of its own
        let length = if length == 0 { 1 } else { length };
        let (statement, rest) = self.tokens.split_at_checked(length)?;
        self.tokens = rest;
        Some(statement)
    }

    /// `KIND NAME { ... }` that nothing here needs.
    pub(super) fn skip_object(&mut self) -> Option<()> {
        self.statement().map(|_| ())
    }

    /// The source of a statement on one line.
    pub(super) fn source(&self, tokens: &[Token]) -> String {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return String::new() };
        let text = self.text.get(first.span.0..last.span.1).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
