//! Rulesets as text: `nft list ruleset`, and configuration files with definitions and includes (nft(8), INPUT FILE
//! FORMATS).

mod define;
mod rules;
mod sets;

use std::collections::BTreeMap;

use self::rules::Place;
use super::ast::{Base, Chain, Ruleset, Statement, Table};
use super::at::At;
use super::base::base;
use super::lex::{Kind, Token, tokens};

/// Looks up the files that `include` names: path or pattern to texts; `None` when the evidence does not hold them.
pub(super) type Includes<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

/// Deepest includes within includes (`MAX_INCLUDE_DEPTH` of nft), and blocks within blocks.
const MAX_DEPTH: usize = 16;
/// Most files that are read, each inclusion counted: files may include each other again and again.
const MAX_FILES: usize = 1_000;

/// Reads a text.
pub(super) fn read(text: &str, includes: Includes<'_>) -> Ruleset {
    let mut reader = Reader {
        ruleset: Ruleset::default(),
        defines: BTreeMap::new(),
        includes,
        spent: 0,
        depth: 0,
        files: 0,
    };
    reader.file(text);
    reader.ruleset
}

/// Reads a piece of a rule; `place` is family, table and chain. The chains without a name that it holds are added.
pub(super) fn statements_of_rule(ruleset: &mut Ruleset, text: &str, place: [&str; 3]) -> Vec<Statement> {
    let [family, table, chain] = place;
    let known = std::mem::take(ruleset);
    let (defines, includes) = (BTreeMap::new(), &|_: &str| None);
    let mut reader = Reader { ruleset: known, defines, includes, spent: 0, depth: 0, files: 0 };
    let rule = reader.rule(&tokens(text), family, table, chain, 0, String::new());
    *ruleset = reader.ruleset;
    rule.statements
}

struct Reader<'a> {
    ruleset: Ruleset,
    defines: BTreeMap<String, Vec<Token>>,
    includes: Includes<'a>,
    spent: usize,
    depth: usize,
    files: usize,
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
            "add" | "create" => {
                let object = at.word()?;
                self.object(object, at)
            }
            "insert" => match at.word()? {
                "rule" => self.rule_command(at, Place::Before),
                _ => None,
            },
            "list" | "reset" => at.statement().map(|_| ()),
            // without a verb, an object is added (nft(8), OVERALL SYNTAX)
            object => self.object(object, at),
        }
    }

    fn object(&mut self, kind: &str, at: &mut At<'_>) -> Option<()> {
        match kind {
            "table" => self.table(at),
            "chain" => self.chain_command(at),
            "rule" => self.rule_command(at, Place::Behind),
            "set" | "map" => self.set_command(at),
            "element" => self.element_command(at),
            "quota" | "ct" | "limit" | "secmark" | "synproxy" => {
                let kind = if kind == "ct" { format!("ct {}", at.word()?) } else { kind.to_owned() };
                let (family, table) = at.table_name()?;
                self.referred(&kind, at, &family, &table)
            }
            "counter" | "flowtable" => at.skip_object(),
            _ => None,
        }
    }

    /// An object that rules refer to. What changes by itself is left out.
    fn referred(&mut self, kind: &str, at: &mut At<'_>, family: &str, table: &str) -> Option<()> {
        let name = at.quoted_or_word()?.to_owned();
        let source = at.statement()?;
        let (own, _) = source.iter().fold((Vec::new(), 0usize), |(mut own, left), token| {
            let used = matches!(&token.kind, Kind::Word(word) if word == "used");
            let left = if used { 3 } else { left };
            if left == 0 && token.kind != Kind::End {
                own.push(&token.kind);
            }
            (own, left.saturating_sub(1))
        });
        let text = format!("{own:?}");
        self.table_of(family, table, true)?.objects.insert(format!("{kind} {name}"), text);
        Some(())
    }

    fn include(&mut self, at: &mut At<'_>) -> Option<()> {
        self.included(at, |reader, text| {
            reader.file(text);
            Some(())
        })
    }

    /// Reads what `include` names with `read`, where it stands: at the top, in a table, in a chain.
    fn included(
        &mut self,
        at: &mut At<'_>,
        mut read: impl FnMut(&mut Self, &str) -> Option<()>,
    ) -> Option<()> {
        let path = at.quoted_or_word()?.to_owned();
        let texts = (self.includes)(&path).filter(|_| self.depth < MAX_DEPTH)?;
        self.files += texts.len();
        if self.files > MAX_FILES {
            return None;
        }
        self.depth += 1;
        let whole = texts.iter().all(|text| read(self, text).is_some());
        self.depth -= 1;
        whole.then_some(())
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
        // declared once more without the flag, a table wakes up
        self.table_of(&family, &name, true)?.dormant = false;
        if !at.symbol("{") {
            return Some(());
        }
        self.table_body(at, &family, &name)?;
        at.symbol("}").then_some(())
    }

    /// What stands in a table's block, up to its closing brace or the end of an included file.
    fn table_body(&mut self, at: &mut At<'_>, family: &str, name: &str) -> Option<()> {
        while !at.block_ends() {
            let before = at.tokens;
            if self.table_entry(at, family, name).is_none() {
                at.tokens = before;
                let line = before.first()?.line;
                let statement = at.statement()?;
                let text = at.source(statement);
                self.ruleset.unread.push((line, text));
            }
        }
        Some(())
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
                self.set(at, family, table, name)
            }
            "flags" => {
                let flags = at.statement()?;
                let dormant = flags.iter().any(|t| t.kind == Kind::Word("dormant".into()));
                self.table_of(family, table, true)?.dormant = dormant;
                Some(())
            }
            "comment" => at.statement().map(|_| ()),
            "include" => self.included(at, |reader, text| {
                let all = tokens(text);
                let mut at = At { tokens: &all, text };
                reader.table_body(&mut at, family, table)?;
                at.tokens.is_empty().then_some(())
            }),
            kind @ ("quota" | "ct" | "limit" | "secmark" | "synproxy") => {
                let kind = if kind == "ct" { format!("ct {}", at.word()?) } else { kind.to_owned() };
                self.referred(&kind, at, family, table)
            }
            "counter" | "flowtable" => at.skip_object(),
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
        self.chain_body(at, family, table, name)?;
        at.symbol("}").then_some(())
    }

    /// What stands in a chain's block, up to its closing brace or the end of an included file.
    fn chain_body(&mut self, at: &mut At<'_>, family: &str, table: &str, name: &str) -> Option<()> {
        while !at.block_ends() {
            let before = at.tokens;
            if at.peek_word() == Some("include") {
                at.word();
                let read = self.included(at, |reader, text| {
                    let all = tokens(text);
                    let mut at = At { tokens: &all, text };
                    reader.chain_body(&mut at, family, table, name)?;
                    at.tokens.is_empty().then_some(())
                });
                if read.is_some() {
                    continue;
                }
                at.tokens = before;
            }
            let (line, source) = (at.line(), at.statement()?);
            match first_word(source) {
                Some("type") => {
                    let expanded = self.expand(source);
                    let chain = self.chain_of(family, table, name, line)?;
                    // declared once more, a chain keeps its policy
                    let accept = chain.base.as_ref().is_none_or(|base| base.accept);
                    chain.base = Some(Base { accept, ..base(&expanded, family) });
                }
                Some("policy") => {
                    let expanded = self.expand(source);
                    let chain = self.chain_of(family, table, name, line)?;
                    chain.line = line;
                    let accept = !expanded.iter().any(|t| t.kind == Kind::Word("drop".into()));
                    if let Some(base) = chain.base.as_mut() {
                        base.accept = accept;
                    }
                }
                Some("comment" | "flags") => {}
                _ => {
                    let text = at.source(source);
                    let rule = self.rule(source, family, table, name, line, text);
                    self.chain_of(family, table, name, line)?.rules.push(rule);
                }
            }
        }
        Some(())
    }

    fn chain_command(&mut self, at: &mut At<'_>) -> Option<()> {
        let line = at.line();
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        self.chain(at, &family, &table, &name, line)
    }
}

fn first_word(tokens: &[Token]) -> Option<&str> {
    match &tokens.first()?.kind {
        Kind::Word(word) => Some(word),
        _ => None,
    }
}
