//! smtpd.conf(5) as statements of words: quotes, comments, continuations, macros, includes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Location;

/// Most statements, includes counted.
const MAX_STATEMENTS: usize = 20_000;

/// Deepest nesting of includes.
const MAX_DEPTH: usize = 8;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A bare or quoted text.
    Text(String),
    /// `<name>`
    Table(String),
    /// `{`, `}`, `,`, `=`, `!`
    Sign(char),
}

/// One statement.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) words: Vec<Word>,
    pub(super) at: Location,
}

/// All statements, and includes that the evidence does not hold.
#[derive(Debug, Default)]
pub(super) struct Statements {
    pub(super) all: Vec<Statement>,
    pub(super) unread: Vec<Location>,
    macros: BTreeMap<String, Word>,
}

impl Word {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Whether it is this word.
    pub(super) fn is(&self, text: &str) -> bool {
        self.text() == Some(text)
    }
}

/// Reads a file with everything that it includes.
pub(super) fn read(artifact: &str, text: &str, file: &dyn Fn(&str) -> Option<String>) -> Statements {
    let mut out = Statements::default();
    file_into(artifact, text, file, 0, &mut out);
    out
}

fn file_into(
    artifact: &str,
    text: &str,
    file: &dyn Fn(&str) -> Option<String>,
    depth: usize,
    out: &mut Statements,
) {
    let artifact: Arc<str> = artifact.into();
    let (mut words, mut at, mut braces) = (Vec::new(), None, 0usize);
    for (line, number) in text.lines().zip(1u32..) {
        let (mut line_words, goes_on) = split(line);
        for word in &mut line_words {
            match word {
                Word::Sign('{') => braces += 1,
                Word::Sign('}') => braces = braces.saturating_sub(1),
                Word::Text(text) => {
                    if let Some(value) = text.strip_prefix('$').and_then(|name| out.macros.get(name)) {
                        *word = value.clone();
                    }
                }
                _ => {}
            }
        }
        if !line_words.is_empty() && at.is_none() {
            at = Some(Location::at(Arc::clone(&artifact), number, line.trim()));
        }
        words.extend(line_words.into_iter().map(unquoted));
        if goes_on || braces > 0 {
            continue;
        }
        if let Some(at) = at.take() {
            statement(std::mem::take(&mut words), at, file, depth, out);
        }
    }
    if let Some(at) = at {
        statement(words, at, file, depth, out);
    }
}

fn statement(
    words: Vec<Word>,
    at: Location,
    file: &dyn Fn(&str) -> Option<String>,
    depth: usize,
    out: &mut Statements,
) {
    if out.all.len() >= MAX_STATEMENTS {
        return out.unread.push(at);
    }
    match words.as_slice() {
        [Word::Text(name), Word::Sign('='), value] => {
            out.macros.insert(name.clone(), value.clone());
        }
        [Word::Text(include), Word::Text(path)] if include == "include" => match file(path) {
            Some(text) if depth < MAX_DEPTH => {
                let artifact = crate::evidence::device::file_artifact(path);
                file_into(&artifact, &text, file, depth + 1, out);
            }
            _ => out.unread.push(at),
        },
        _ => out.all.push(Statement { words, at }),
    }
}

/// A quoted text keeps a mark, so that it is no macro, until it is taken off here.
fn unquoted(word: Word) -> Word {
    match word {
        Word::Text(text) => Word::Text(text.strip_prefix('\0').map_or(text.clone(), str::to_owned)),
        other => other,
    }
}

/// The words of one line, and whether it goes on.
fn split(line: &str) -> (Vec<Word>, bool) {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '#' => break,
            '\\' if chars.peek().is_none() => return (words, true),
            '{' | '}' | ',' | '=' | '!' => words.push(Word::Sign(c)),
            '"' | '\'' => {
                let mut text = String::from('\0');
                while let Some(d) = chars.next().filter(|d| *d != c) {
                    text.extend(if d == '\\' { chars.next() } else { Some(d) });
                }
                words.push(Word::Text(text));
            }
            '<' => {
                let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '>')).collect();
                chars.next();
                words.push(Word::Table(name));
            }
            c => {
                let mut text = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !"{},=#<".contains(*c)) {
                    text.push(c);
                }
                words.push(Word::Text(text));
            }
        }
    }
    (words, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_continuations_and_braces() {
        let text = "lan = \"10.0.0.1\"\nlisten on $lan \\\n  port 25 # x\ntable t {\n \"a\", b=c }\nmatch !from src <t> for any\n";
        let read = read("c", text, &|_| None);
        let words: Vec<usize> = read.all.iter().map(|s| s.words.len()).collect();
        assert_eq!(words, [5, 9, 8].map(|n| if n == 8 { 7 } else { n }));
        assert!(read.all.first().unwrap().words.contains(&Word::Text("10.0.0.1".into())));
        assert_eq!(read.all.first().unwrap().at.line, Some(2));
    }

    #[test]
    fn a_quoted_dollar_is_no_macro_and_a_missing_include_is_noted() {
        let read = read("c", "x = y\na \"$x\"\ninclude \"/etc/none\"\n", &|_| None);
        assert!(read.all.first().unwrap().words.contains(&Word::Text("$x".into())));
        assert_eq!(read.unread.len(), 1);
    }
}
