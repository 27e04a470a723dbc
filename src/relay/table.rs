//! Lookup tables: what a key is answered with, and by which row.
//!
//! The kinds are those that mail servers share: exact keys, networks, regular expressions, one answer for all, and
//! tables made of tables. What the evidence does not hold is a table too, one whose every answer is unknown.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::partition::Partition;
use super::pattern::Pattern;
use crate::finding::Location;
use crate::reason::Reason;

/// Deepest nesting of tables made of tables.
const MAX_DEPTH: usize = 8;

/// A lookup table.
#[derive(Debug, Clone)]
pub struct Table {
    /// How the configuration names it; the same name is the same table before and after a change.
    pub name: Arc<str>,
    /// What it holds.
    pub content: Content,
}

/// What a table holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// Exact keys, in lower case; a subject is looked up under all its derived keys (parent domains, parts).
    Keyed(Rows),
    /// Networks, first match; only whole addresses are looked up.
    Networks {
        /// Row number by address.
        partition: Partition,
        /// The rows.
        rows: Vec<Row>,
    },
    /// Regular expressions, first match; only whole subjects are looked up.
    Patterns(Vec<PatternRow>),
    /// One answer whatever the key.
    Constant(Row),
    /// All tables are asked, the answers joined.
    Union(Vec<Arc<Table>>),
    /// The answer of one table is the key of the next.
    Pipe(Vec<Arc<Table>>),
    /// The host's own name, which the evidence does not hold: any name that is not known to be somebody else's.
    HostName(Reason),
    /// Not in the evidence: any answer is possible.
    Unknown(Reason),
    /// Lookups fail on the device too: the server answers with a temporary error.
    Broken(Reason),
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What stands on the right.
    pub value: Arc<str>,
    /// Where.
    pub at: Location,
}

/// Rows by exact key, sorted; keys are in lower case.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    sorted: Vec<(Box<str>, Row)>,
    index: HashMap<Box<str>, usize>,
}

impl Rows {
    /// The row of a key, whatever its case.
    pub fn get(&self, key: &str) -> Option<&Row> {
        let found = if key.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
            self.index.get(key.to_lowercase().as_str())
        } else {
            self.index.get(key)
        };
        found.and_then(|i| self.sorted.get(*i)).map(|(_, row)| row)
    }

    /// Keys and rows, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Row)> {
        self.sorted.iter().map(|(key, row)| (&**key, row))
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.sorted.iter().map(|(key, _)| &**key)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

impl FromIterator<(Box<str>, Row)> for Rows {
    /// Of equal keys the first wins.
    fn from_iter<I: IntoIterator<Item = (Box<str>, Row)>>(rows: I) -> Self {
        let mut all: BTreeMap<Box<str>, Row> = BTreeMap::new();
        for (key, row) in rows {
            all.entry(key).or_insert(row);
        }
        let sorted: Vec<(Box<str>, Row)> = all.into_iter().collect();
        let index = sorted.iter().enumerate().map(|(i, (key, _))| (key.clone(), i)).collect();
        Self { sorted, index }
    }
}

/// One row of a table of regular expressions.
#[derive(Debug, Clone)]
pub struct PatternRow {
    /// All must hold for the row to match: enclosing conditions first, the row's own expression last.
    pub tests: Vec<Test>,
    /// The answer; `$1` and the like stand for groups of the last test.
    pub row: Row,
}

impl PatternRow {
    /// Whether all its expressions can be evaluated here.
    pub(super) fn is_readable(&self) -> bool {
        self.tests.iter().all(|test| test.pattern.is_some())
    }

    /// Whether the row matches; never, if it cannot be evaluated.
    pub(super) fn matches(&self, key: &str) -> bool {
        self.tests.iter().all(|test| test.pattern.as_ref().is_some_and(|p| p.is_match(key) == test.expect))
    }

    /// Whether everything that it matches holds this byte.
    pub(super) fn requires(&self, byte: u8) -> bool {
        let requires = |test: &Test| test.expect && test.pattern.as_ref().is_some_and(|p| p.requires(byte));
        self.tests.iter().any(requires)
    }

    /// Whether another row asks for the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |a: &Test, b: &Test| {
            let source = |test: &Test| test.pattern.as_ref().map(|p| p.source().to_owned());
            a.expect == b.expect && source(a) == source(b)
        };
        self.tests.len() == other.tests.len() && self.tests.iter().zip(&other.tests).all(|(a, b)| same(a, b))
    }
}

/// A regular expression that must match, or must not.
#[derive(Debug, Clone)]
pub struct Test {
    /// The expression; `None` when it cannot be evaluated here.
    pub pattern: Option<Arc<Pattern>>,
    /// Whether it must match.
    pub expect: bool,
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'t> {
    /// No row.
    Nothing,
    /// A row and its answer for this key.
    Row(&'t Row, Cow<'t, str>),
    /// Several rows at once (a union).
    Joined(String),
    /// Any answer is possible.
    Unknown(Reason),
    /// The lookup fails on the device.
    Broken,
}

impl Table {
    /// A table whose content is not in the evidence.
    pub fn unknown(name: impl Into<Arc<str>>, reason: Reason) -> Self {
        Self { name: name.into(), content: Content::Unknown(reason) }
    }

    /// Whether derived keys (parents, parts) are looked up in it. Tables of networks and expressions get whole
    /// subjects only.
    pub fn takes_derived_keys(&self) -> bool {
        match &self.content {
            Content::Keyed(_) | Content::Constant(_) | Content::Unknown(_) | Content::Broken(_) => true,
            Content::HostName(_) => false,
            Content::Networks { .. } | Content::Patterns(_) => false,
            Content::Union(tables) | Content::Pipe(tables) => tables.iter().any(|t| t.takes_derived_keys()),
        }
    }

    /// Whether it is a table of expressions.
    pub(super) fn has_patterns(&self) -> bool {
        matches!(self.content, Content::Patterns(_))
    }

    /// What `key` is answered with. `guess` is asked for each expression that cannot be evaluated here.
    pub fn find<'t>(&'t self, key: &str, guess: &mut dyn FnMut(&Reason) -> bool) -> Found<'t> {
        self.find_at(key, guess, 0)
    }

    fn find_at<'t>(&'t self, key: &str, guess: &mut dyn FnMut(&Reason) -> bool, depth: usize) -> Found<'t> {
        if depth > MAX_DEPTH {
            return Found::Unknown(Reason::TooComplex { subject: self.name.to_string() });
        }
        match &self.content {
            Content::Keyed(rows) => match rows.get(key) {
                Some(row) => Found::Row(row, Cow::Borrowed(&row.value)),
                None => Found::Nothing,
            },
            Content::Networks { partition, rows } => {
                let row = key.parse().ok().and_then(|a| partition.find(a)).and_then(|i| rows.get(i));
                row.map_or(Found::Nothing, |row| Found::Row(row, Cow::Borrowed(&row.value)))
            }
            Content::Patterns(rows) => first_pattern(rows, key, guess),
            Content::Constant(row) => Found::Row(row, Cow::Borrowed(&row.value)),
            Content::Union(tables) => union(tables, key, guess, depth),
            Content::Pipe(tables) => pipe(tables, key, guess, depth),
            Content::Unknown(reason) | Content::HostName(reason) => Found::Unknown(reason.clone()),
            Content::Broken(_) => Found::Broken,
        }
    }

    /// Every row, in order.
    pub fn rows(&self) -> Box<dyn Iterator<Item = &Row> + '_> {
        match &self.content {
            Content::Keyed(rows) => Box::new(rows.iter().map(|(_, row)| row)),
            Content::Networks { rows, .. } => Box::new(rows.iter()),
            Content::Patterns(rows) => Box::new(rows.iter().map(|r| &r.row)),
            Content::Constant(row) => Box::new(std::iter::once(row)),
            Content::Union(tables) | Content::Pipe(tables) => Box::new(tables.iter().flat_map(|t| t.rows())),
            Content::Unknown(_) | Content::HostName(_) | Content::Broken(_) => Box::new(std::iter::empty()),
        }
    }
}

fn first_pattern<'t>(rows: &'t [PatternRow], key: &str, guess: &mut dyn FnMut(&Reason) -> bool) -> Found<'t> {
    for PatternRow { tests, row } in rows {
        let holds = tests.iter().all(|test| match &test.pattern {
            Some(pattern) => pattern.is_match(key) == test.expect,
            None => guess(&Reason::Unread { text: row.at.text.to_string() }),
        });
        if !holds {
            continue;
        }
        if !row.value.contains('$') {
            return Found::Row(row, Cow::Borrowed(&row.value));
        }
        return match tests.last().and_then(|t| t.pattern.as_ref()) {
            Some(pattern) => match pattern.expand(key, &row.value) {
                Some(text) => Found::Row(row, Cow::Owned(text)),
                None => Found::Row(row, Cow::Borrowed(&row.value)),
            },
            None => Found::Unknown(Reason::Unread { text: row.at.text.to_string() }),
        };
    }
    Found::Nothing
}

fn union<'t>(
    tables: &'t [Arc<Table>],
    key: &str,
    guess: &mut dyn FnMut(&Reason) -> bool,
    depth: usize,
) -> Found<'t> {
    let mut hits = Vec::new();
    for table in tables {
        match table.find_at(key, guess, depth + 1) {
            Found::Nothing => {}
            hit @ (Found::Row(..) | Found::Joined(_)) => hits.push(hit),
            other => return other,
        }
    }
    if hits.len() <= 1 {
        return hits.pop().unwrap_or(Found::Nothing);
    }
    let texts: Vec<&str> = hits.iter().filter_map(Found::value).collect();
    Found::Joined(texts.join(","))
}

fn pipe<'t>(
    tables: &'t [Arc<Table>],
    key: &str,
    guess: &mut dyn FnMut(&Reason) -> bool,
    depth: usize,
) -> Found<'t> {
    let mut found = Found::Nothing;
    let mut key = key.to_owned();
    for table in tables {
        found = table.find_at(&key, guess, depth + 1);
        match found.value() {
            Some(value) => key = value.to_owned(),
            None => return found,
        }
    }
    found
}

impl Found<'_> {
    /// The answer as text, where there is one.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Row(_, value) => Some(value),
            Self::Joined(value) => Some(value),
            _ => None,
        }
    }

    /// Where the row stands, where there is one.
    pub fn at(&self) -> Option<&Location> {
        match self {
            Self::Row(row, _) => Some(&row.at),
            _ => None,
        }
    }
}
