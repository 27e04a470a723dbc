//! Rulesets as text: `nft list ruleset`, and configuration files with definitions and includes (nft(8), INPUT FILE
//! FORMATS).

use std::collections::BTreeMap;

use super::ast::{Chain, Element, Rule, Ruleset, Set, Table};
use super::at::At;
use super::base::base;
use super::cursor::Cursor;
use super::lex::{Kind, Token, tokens};
use super::literal::{elements, word};
use super::rule::statements;

/// Looks up the files that `include` names: path or pattern to texts; `None` when the evidence does not hold them.
pub(super) type Includes<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

/// Most tokens after definitions were put in; a ruleset with more is not read to its end.
const MAX_TOKENS: usize = 4_000_000;
/// Deepest includes and definitions within definitions.
const MAX_DEPTH: usize = 16;

/// Reads a text.
pub(super) fn read(text: &str, includes: Includes<'_>) -> Ruleset {
    let mut reader =
        Reader { ruleset: Ruleset::default(), defines: BTreeMap::new(), includes, spent: 0, depth: 0 };
    reader.file(text);
    reader.ruleset
}

struct Reader<'a> {
    ruleset: Ruleset,
    defines: BTreeMap<String, Vec<Token>>,
    includes: Includes<'a>,
    spent: usize,
    depth: usize,
}

impl Reader<'_> {
    fn file(&mut self, text: &str) {
        let all = tokens(text);
        let mut at = At { tokens: &all, text };
        while !at.tokens.is_empty() {
            if at.end() {
                continue;
            }
            let before = at.tokens;
            if self.command(&mut at).is_none() {
                let line = before.first().map_or(0, |t| t.line);
                at.tokens = before;
                let text = at.statement().map(|s| at.source(s)).unwrap_or_default();
                self.ruleset.unread.push((line, text));
            }
        }
    }

    fn command(&mut self, at: &mut At<'_>) -> Option<()> {
        let first = at.word()?;
        match first {
            "define" | "redefine" => self.define(at),
            "undefine" => self.defines.remove(at.word()?).map(|_| ()).or(Some(())),
            "include" => self.include(at),
            "flush" => self.flush(at),
            "delete" | "destroy" => self.delete(at),
            "table" => self.table(at),
            "add" | "create" => match at.word()? {
                "table" => self.table(at),
                "chain" => self.chain_command(at),
                "rule" => self.rule_command(at, true),
                "set" | "map" => self.set_command(at),
                "element" => self.element_command(at),
                _ => at.skip_object(),
            },
            "insert" => match at.word()? {
                "rule" => self.rule_command(at, false),
                _ => None,
            },
            "list" | "reset" => at.statement().map(|_| ()),
            _ => None,
        }
    }

    fn define(&mut self, at: &mut At<'_>) -> Option<()> {
        let name = at.word()?.to_owned();
        if !at.symbol("=") {
            return None;
        }
        let value = at.statement()?.to_vec();
        let value = self.expand(&value);
        self.defines.insert(name, value);
        Some(())
    }

    fn include(&mut self, at: &mut At<'_>) -> Option<()> {
        let path = at.quoted_or_word()?.to_owned();
        let texts = (self.includes)(&path).filter(|_| self.depth < MAX_DEPTH)?;
        self.depth += 1;
        for text in texts {
            self.file(&text);
        }
        self.depth -= 1;
        Some(())
    }

    fn flush(&mut self, at: &mut At<'_>) -> Option<()> {
        match at.word()? {
            "ruleset" => {
                let family = at.word_on_line();
                self.ruleset.tables.retain(|t| family.is_some_and(|f| t.family != f));
            }
            "table" => {
                let (family, name) = at.table_name()?;
                self.table_of(&family, &name, false)?.chains.iter_mut().for_each(|c| c.rules.clear());
            }
            "chain" => {
                let (family, table) = at.table_name()?;
                let chain = at.quoted_or_word()?.to_owned();
                let table = self.table_of(&family, &table, false)?;
                table.chains.iter_mut().filter(|c| c.name == chain).for_each(|c| c.rules.clear());
            }
            "set" | "map" => {
                let (family, table) = at.table_name()?;
                let set = at.quoted_or_word()?.to_owned();
                self.table_of(&family, &table, false)?.sets.get_mut(&set)?.elements.clear();
            }
            _ => return None,
        }
        Some(())
    }

    fn delete(&mut self, at: &mut At<'_>) -> Option<()> {
        if at.word()? != "table" {
            return None;
        }
        let (family, name) = at.table_name()?;
        self.ruleset.tables.retain(|t| !(t.family == family && t.name == name));
        Some(())
    }

    fn table_of(&mut self, family: &str, name: &str, make: bool) -> Option<&mut Table> {
        let found = self.ruleset.tables.iter().position(|t| t.family == family && t.name == name);
        let place = match found {
            Some(place) => place,
            None if make => {
                let table = Table { family: family.to_owned(), name: name.to_owned(), ..Table::default() };
                self.ruleset.tables.push(table);
                self.ruleset.tables.len() - 1
            }
            None => return None,
        };
        self.ruleset.tables.get_mut(place)
    }

    fn table(&mut self, at: &mut At<'_>) -> Option<()> {
        let (family, name) = at.table_name()?;
        let name = self.name(&name)?;
        self.table_of(&family, &name, true)?;
        if !at.symbol("{") {
            return Some(());
        }
        loop {
            if at.end() {
                continue;
            }
            if at.symbol("}") {
                return Some(());
            }
            let before = at.tokens;
            if self.table_entry(at, &family, &name).is_none() {
                at.tokens = before;
                let line = before.first()?.line;
                let statement = at.statement()?;
                let text = at.source(statement);
                self.ruleset.unread.push((line, text));
            }
        }
    }

    fn table_entry(&mut self, at: &mut At<'_>, family: &str, table: &str) -> Option<()> {
        match at.word()? {
            "chain" => {
                let line = at.line();
                let name = at.quoted_or_word()?.to_owned();
                let name = self.name(&name)?;
                self.chain(at, family, table, &name, line)
            }
            "set" | "map" => {
                let name = at.quoted_or_word()?.to_owned();
                let set = self.set(at)?;
                self.table_of(family, table, true)?.sets.insert(name, set);
                Some(())
            }
            "flags" => {
                let flags = at.statement()?;
                let dormant = flags.iter().any(|t| t.kind == Kind::Word("dormant".into()));
                self.table_of(family, table, true)?.dormant = dormant;
                Some(())
            }
            "comment" => at.statement().map(|_| ()),
            "counter" | "quota" | "ct" | "limit" | "secmark" | "synproxy" | "flowtable" => at.skip_object(),
            "type" | "policy" => None,
            _ => None,
        }
    }

    fn chain_of(&mut self, family: &str, table: &str, name: &str, line: u32) -> Option<&mut Chain> {
        let table = self.table_of(family, table, true)?;
        let place = match table.chains.iter().position(|c| c.name == name) {
            Some(place) => place,
            None => {
                table.chains.push(Chain { name: name.to_owned(), line, ..Chain::default() });
                table.chains.len() - 1
            }
        };
        table.chains.get_mut(place)
    }

    fn chain(&mut self, at: &mut At<'_>, family: &str, table: &str, name: &str, line: u32) -> Option<()> {
        self.chain_of(family, table, name, line)?;
        if !at.symbol("{") {
            return Some(());
        }
        loop {
            if at.end() {
                continue;
            }
            if at.symbol("}") {
                return Some(());
            }
            let (line, source) = (at.line(), at.statement()?);
            let text = at.source(source);
            let expanded = self.expand(source);
            let chain = self.chain_of(family, table, name, line)?;
            match first_word(&expanded) {
                Some("type") => chain.base = Some(base(&expanded, family)),
                Some("policy") => {
                    chain.line = line;
                    let accept = !expanded.iter().any(|t| t.kind == Kind::Word("drop".into()));
                    if let Some(base) = chain.base.as_mut() {
                        base.accept = accept;
                    }
                }
                Some("comment" | "flags") => {}
                _ => chain.rules.push(Rule { statements: statements(&expanded), line, text }),
            }
        }
    }

    fn chain_command(&mut self, at: &mut At<'_>) -> Option<()> {
        let line = at.line();
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        self.chain(at, &family, &table, &name, line)
    }

    fn rule_command(&mut self, at: &mut At<'_>, append: bool) -> Option<()> {
        let line = at.line();
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        if matches!(at.peek_word(), Some("position" | "handle" | "index")) {
            return None;
        }
        let source = at.statement()?;
        let rule = Rule { text: at.source(source), statements: statements(&self.expand(source)), line };
        let chain = self.chain_of(&family, &table, &name, line)?;
        let place = if append { chain.rules.len() } else { 0 };
        chain.rules.insert(place, rule);
        Some(())
    }

    fn set_command(&mut self, at: &mut At<'_>) -> Option<()> {
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        let set = self.set(at)?;
        self.table_of(&family, &table, true)?.sets.insert(name, set);
        Some(())
    }

    fn element_command(&mut self, at: &mut At<'_>) -> Option<()> {
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        let source = at.statement()?;
        let more = element_list(&self.expand(source))?;
        self.table_of(&family, &table, false)?.sets.get_mut(&name)?.elements.extend(more);
        Some(())
    }

    /// The block of a set or map.
    fn set(&mut self, at: &mut At<'_>) -> Option<Set> {
        let mut set = Set::default();
        let mut limited = false;
        if !at.symbol("{") {
            return None;
        }
        loop {
            if at.end() {
                continue;
            }
            if at.symbol("}") {
                // whether an element with a limit of its own matches is decided while packets pass
                return Some(if limited { Set { open: true, elements: Vec::new() } } else { set });
            }
            let entry = at.statement()?;
            match first_word(entry) {
                Some("limit" | "quota" | "ct") => limited = true,
                Some("flags") => set.open |= entry.iter().any(|t| t.kind == Kind::Word("dynamic".into())),
                Some("elements") => {
                    let expanded = self.expand(entry.get(2..)?);
                    match element_list(&expanded) {
                        Some(elements) => set.elements = elements,
                        None => set.open = true,
                    }
                }
                _ => {}
            }
        }
    }

    /// A name that may be a definition.
    fn name(&self, text: &str) -> Option<String> {
        match text.strip_prefix('$') {
            None => Some(text.to_owned()),
            Some(name) => match self.defines.get(name)?.as_slice() {
                [Token { kind: Kind::Word(word) | Kind::Quoted(word), .. }] => Some(word.clone()),
                _ => None,
            },
        }
    }

    /// Puts definitions in the place of `$name`.
    fn expand(&mut self, source: &[Token]) -> Vec<Token> {
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

fn first_word(tokens: &[Token]) -> Option<&str> {
    match &tokens.first()?.kind {
        Kind::Word(word) => Some(word),
        _ => None,
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

fn element_list(tokens: &[Token]) -> Option<Vec<Element>> {
    let mut cursor = Cursor::new(tokens);
    if !cursor.symbol("{") {
        // a definition of a single element
        let text = cursor.text()?;
        return Some(vec![Element { key: word(text), value: None }]);
    }
    let mut inner = cursor.inside();
    elements(&mut inner)
}
