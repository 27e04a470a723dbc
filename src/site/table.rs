//! Reads a TOML file strictly, and goes on after an error: every problem of a file is told at once.
//!
//! serde would stop at the first one. A [`Table`] knows which keys were asked for; [`Table::finish`] refuses all
//! others, so the list of known keys can never drift from what the program reads. In keys `-` and `_` are the same.
//! Used by every declaration file, rule packs included. Syntax: <https://toml.io/en/v1.1.0>.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::diagnostic::{Diagnostic, MAX_DIAGNOSTICS, Rejected, Source};
use super::near::nearest;
use super::problem::{Problem, SyntaxFault};

mod entry;

pub use entry::{Entry, Value};

/// Collects what is wrong with one file.
#[derive(Debug)]
pub struct Reader<'s> {
    source: &'s Source,
    found: RefCell<Vec<Diagnostic>>,
}

/// A table of the file, and which of its keys were asked for.
#[derive(Debug)]
pub struct Table<'r> {
    reader: &'r Reader<'r>,
    title: String,
    span: Range<usize>,
    entries: BTreeMap<String, Entry<'r>>,
    asked: RefCell<Vec<&'static str>>,
}

/// Parses a file and lets `read` make something of it.
///
/// `read` returns `None` only after it has reported why.
///
/// ```
/// use sekisho::site::{Source, table};
///
/// let source = Source::new("pack.toml", "[[rule]]\nid = \"open-relay\"\n");
/// let ids = table::read(&source, |_, root| {
///     let rules = root.tables("rule", "[[rule]]");
///     root.finish(); // refuses every key that was not asked for
///     let id = |rule: table::Table<'_>| {
///         let id = rule.need("id", "id = \"open-relay\"").and_then(|value| value.line());
///         rule.finish();
///         id
///     };
///     Some(rules.into_iter().filter_map(id).collect::<Vec<_>>())
/// });
/// assert_eq!(ids.unwrap(), ["open-relay"]);
/// ```
///
/// # Errors
/// Everything that is wrong with the file.
pub fn read<T>(
    source: &Source,
    read: impl for<'r> FnOnce(&'r Reader<'r>, Table<'r>) -> Option<T>,
) -> Result<T, Rejected> {
    let (root, errors) = DeTable::parse_recoverable(source.text());
    let reader = Reader { source, found: RefCell::new(errors.iter().map(syntax).collect()) };
    // What is left of a broken file would only raise complaints about keys that are there.
    let value = if errors.is_empty() {
        let table = Table::new(&reader, "", 0..0, root.get_ref());
        read(&reader, table)
    } else {
        None
    };
    let mut diagnostics = reader.found.into_inner();
    match value {
        Some(value) if diagnostics.is_empty() => Ok(value),
        _ => {
            diagnostics.sort_by_key(|d| d.span.as_ref().map_or((0, 0), |s| (s.start, s.end)));
            diagnostics.dedup();
            if !errors.is_empty() {
                diagnostics.dedup_by_key(|d| d.span.as_ref().map(|s| source.place(s.start).line));
            }
            diagnostics.truncate(MAX_DIAGNOSTICS);
            Err(Rejected { source: source.clone(), diagnostics })
        }
    }
}

/// The TOML reader's complaint, sorted into the slips that people make.
fn syntax(error: &toml::de::Error) -> Diagnostic {
    let message = error.message();
    let has = |words: &str| message.contains(words);
    let nothing_there = error.span().is_some_and(|span| span.is_empty());
    let fault = match () {
        () if has("must be quoted") && nothing_there => SyntaxFault::NoValue,
        () if has("must be quoted") => SyntaxFault::Unquoted,
        () if has("unclosed") || (has("invalid ") && has(" string")) => SyntaxFault::Unclosed,
        () if has("duplicate key") => SyntaxFault::Duplicate,
        () if has("with no value") || has("missing value") || has("missing assignment") => {
            SyntaxFault::NoValue
        }
        () if has("missing comma") => SyntaxFault::NoComma,
        () if ["invalid date", "invalid time", "invalid offset"].iter().any(|w| has(w)) => {
            SyntaxFault::Moment
        }
        () => SyntaxFault::Other,
    };
    Diagnostic { span: error.span(), problem: Problem::Syntax { fault, message: message.to_owned() } }
}

impl Reader<'_> {
    /// Records a problem.
    pub fn report(&self, span: Range<usize>, problem: Problem) {
        if !self.is_full() {
            self.found.borrow_mut().push(Diagnostic::at(span, problem));
        }
    }

    /// Whether so many problems are recorded that further ones are not kept. More than are told, so that sorting
    /// keeps the first ones of the file in all but absurd files.
    pub fn is_full(&self) -> bool {
        self.found.borrow().len() >= MAX_DIAGNOSTICS * 2
    }

    /// The line on which a byte lies.
    pub fn line(&self, offset: usize) -> usize {
        self.source.place(offset).line
    }
}

impl<'r> Table<'r> {
    fn new(reader: &'r Reader<'r>, title: &str, span: Range<usize>, table: &'r DeTable<'r>) -> Self {
        let mut entries: BTreeMap<String, Entry<'r>> = BTreeMap::new();
        for (key, value) in table {
            let value = Value { reader, key: key.get_ref().to_string(), value };
            let entry = Entry { key: value.key.clone(), key_span: key.span(), value };
            match entries.entry(fold(&entry.key)) {
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(entry);
                }
                std::collections::btree_map::Entry::Occupied(taken) => {
                    let key = taken.get().key.clone();
                    reader.report(entry.key_span, Problem::DuplicateKey { key });
                }
            }
        }
        Self { reader, title: title.to_owned(), span, entries, asked: RefCell::default() }
    }

    /// The bytes of the table's head, or of the whole inline table.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A value that may be absent.
    pub fn get(&self, key: &'static str) -> Option<Value<'r>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(&fold(key)).map(|entry| entry.value.clone())
    }

    /// A value that must be there; `example` is a line that would do.
    pub fn need(&self, key: &'static str, example: &str) -> Option<Value<'r>> {
        let found = self.get(key);
        if found.is_none() {
            let (table, example) = (self.title.clone(), example.to_owned());
            self.reader.report(self.span(), Problem::MissingKey { key: key.to_owned(), table, example });
        }
        found
    }

    /// A table that must be there, `title` being how users write it: `[change]`.
    pub fn need_table(&self, key: &'static str, title: &str) -> Option<Table<'r>> {
        self.need(key, title)?.table(title)
    }

    /// A table that may be absent, `title` being how users write it: `[site]`.
    pub fn table(&self, key: &'static str, title: &str) -> Option<Table<'r>> {
        self.get(key)?.table(title)
    }

    /// The tables of a list, `title` being how users write it: `[[zone]]`. None where the key is absent.
    pub fn tables(&self, key: &'static str, title: &str) -> Vec<Table<'r>> {
        self.get(key).map(|value| value.tables(title)).unwrap_or_default()
    }

    /// Every entry of a table whose keys are the user's own names.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<'r>> {
        self.entries.values()
    }

    /// Refuses every key that was not asked for.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for entry in self.entries.values().filter(|e| !asked.iter().any(|key| fold(key) == fold(&e.key))) {
            let key = entry.key.clone();
            let problem = if holds_secret(&key) {
                Problem::SecretInFile { key }
            } else {
                let near = nearest(&key, asked.iter().copied()).map(str::to_owned);
                let known = asked.iter().map(|&key| key.to_owned()).collect();
                Problem::UnknownKey { key, table: self.title.clone(), near, known }
            };
            self.reader.report(entry.key_span.clone(), problem);
        }
    }
}

/// Keys differ neither by `-` against `_` nor by nothing else.
fn fold(key: &str) -> String {
    key.replace('-', "_")
}

/// Whether a key looks like one that a secret is written behind.
fn holds_secret(key: &str) -> bool {
    let key = fold(&key.to_ascii_lowercase());
    ["password", "passwd", "passphrase", "secret", "token", "private_key"].contains(&key.as_str())
}
