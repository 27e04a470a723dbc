//! Sets, maps and their elements in nft's text form (nft(8), SETS, MAPS).

use super::super::ast::{Element, Set};
use super::super::at::At;
use super::super::cursor::Cursor;
use super::super::lex::{Kind, Token};
use super::super::literal::{elements, word};
use super::{Reader, first_word};

impl Reader<'_> {
    pub(super) fn set_command(&mut self, at: &mut At<'_>) -> Option<()> {
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        self.set(at, &family, &table, name)
    }

    pub(super) fn element_command(&mut self, at: &mut At<'_>) -> Option<()> {
        let (family, table) = at.table_name()?;
        let name = at.quoted_or_word()?.to_owned();
        let source = at.statement()?;
        let more = element_list(&self.expand(source))?;
        self.table_of(&family, &table, false)?.sets.get_mut(&name)?.elements.extend(more);
        Some(())
    }

    /// A set or map; declared once more, it keeps its elements.
    pub(super) fn set(&mut self, at: &mut At<'_>, family: &str, table: &str, name: String) -> Option<()> {
        let declared = self.set_block(at)?;
        let set = self.table_of(family, table, true)?.sets.entry(name).or_default();
        set.open |= declared.open;
        set.elements.extend(declared.elements);
        Some(())
    }

    fn set_block(&mut self, at: &mut At<'_>) -> Option<Set> {
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
