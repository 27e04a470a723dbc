//! Rules in nft's text form: where they are put, and the chains without a name inside them (nft(8), RULES).

use super::super::ast::Rule;
use super::super::at::At;
use super::super::lex::{Kind, Token};
use super::super::rule::statements;
use super::{MAX_DEPTH, Reader};

impl Reader<'_> {
    pub(super) fn rule_command(&mut self, at: &mut At<'_>, place: Place) -> Option<()> {
        let line = at.line();
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        let index = match at.peek_word() {
            Some("index") => {
                at.word();
                Some(at.word()?.parse::<usize>().ok()?)
            }
            // listings that a person writes have no handles
            Some("position" | "handle") => return None,
            _ => None,
        };
        let source = at.statement()?;
        let text = at.source(source);
        let rule = self.rule(source, &family, &table, &name, line, text);
        let rules = &mut self.chain_of(&family, &table, &name, line)?.rules;
        let place = match (place, index) {
            (Place::Before, index) => index.unwrap_or(0),
            (Place::Behind, None) => rules.len(),
            (Place::Behind, Some(index)) => index.checked_add(1)?,
        };
        if place > rules.len() {
            return None;
        }
        rules.insert(place, rule);
        Some(())
    }

    /// Reads a rule; the chains without a name that it holds (`jump { ... }`) become chains of the table.
    pub(super) fn rule(
        &mut self,
        source: &[Token],
        family: &str,
        table: &str,
        chain: &str,
        line: u32,
        text: String,
    ) -> Rule {
        let mut own = Vec::with_capacity(source.len());
        let mut rest = source;
        while let Some((token, behind)) = rest.split_first() {
            own.push(token.clone());
            rest = behind;
            let jumps = matches!(&token.kind, Kind::Word(word) if word == "jump" || word == "goto");
            if !jumps || self.depth >= MAX_DEPTH {
                continue;
            }
            let Some((body, behind)) = block(rest) else { continue };
            let inside = self.chain_of(family, table, chain, line).map_or(0, |chain| chain.rules.len());
            let name = format!("{chain} {{{inside}}}");
            self.depth += 1;
            let read = self.unnamed_chain(body, family, table, &name, &text);
            self.depth -= 1;
            if read.is_some() {
                own.push(Token { kind: Kind::Quoted(name), ..token.clone() });
                rest = behind;
            }
        }
        Rule { statements: statements(&self.expand(&own)), line, text }
    }

    fn unnamed_chain(
        &mut self,
        body: &[Token],
        family: &str,
        table: &str,
        name: &str,
        text: &str,
    ) -> Option<()> {
        let mut at = At { tokens: body, text };
        self.chain_of(family, table, name, at.line())?;
        while !at.tokens.is_empty() {
            if at.end() {
                continue;
            }
            let (line, source) = (at.line(), at.statement()?);
            let rule = self.rule(source, family, table, name, line, text.to_owned());
            self.chain_of(family, table, name, line)?.rules.push(rule);
        }
        Some(())
    }
}

/// Where a rule is put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Before the rule with this index, or all.
    Before,
    /// Behind the rule with this index, or all.
    Behind,
}

/// What stands between braces that open here, and what stands behind them.
fn block(tokens: &[Token]) -> Option<(&[Token], &[Token])> {
    let mut depth = 0usize;
    for (place, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Symbol("{") => depth += 1,
            Kind::Symbol("}") if depth == 1 => {
                return Some((tokens.get(1..place)?, tokens.get(place + 1..)?));
            }
            Kind::Symbol("}") => depth = depth.checked_sub(1)?,
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}
