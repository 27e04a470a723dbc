//! Lookup tables named by the configuration: `type:name`, opened from the evidence (DATABASE_README, postmap(1)).
//!
//! What runs is the *compiled* table. Its content (`postmap -s`) wins over the source text; the source only lends its
//! line numbers, and a difference between both is noted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::Config;
use super::logical::{self, in_braces};
use super::tablefile::{self, TableText};
use crate::evidence::Source;
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::reason::Reason;
use crate::relay::{Content, Dialect, Note, NoteKind, Row, Table};

/// Deepest nesting of tables in tables.
const MAX_DEPTH: usize = 6;

/// What a table is used for: that decides how its text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Usage {
    /// `key value` rows.
    Map,
    /// aliases(5) rows; no substitution.
    Aliases,
    /// `key value` rows; no substitution.
    Transport,
}

/// Opens tables, each once.
pub(super) struct Tables<'c, 'e> {
    config: &'c Config<'e>,
    compiled: BTreeMap<String, Compiled>,
    open: RefCell<BTreeMap<(String, Usage), Arc<Table>>>,
    notes: RefCell<Vec<Note>>,
}

impl<'c, 'e> Tables<'c, 'e> {
    pub(super) fn new(config: &'c Config<'e>) -> Self {
        let text = config.evidence.text("postmap-s.txt").unwrap_or_default();
        Self { config, compiled: sections(&text), open: RefCell::default(), notes: RefCell::default() }
    }

    /// What was noticed about tables.
    pub(super) fn take_notes(&self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut *self.notes.borrow_mut());
        notes.sort();
        notes.dedup();
        notes
    }

    /// Opens `type:name`.
    pub(super) fn open(&self, spec: &str, usage: Usage, at: &Location) -> Arc<Table> {
        self.open_at(spec, usage, at, 0)
    }

    /// Opens every table of a list of words.
    pub(super) fn open_all(&self, words: &[super::config::Word], usage: Usage) -> Vec<Arc<Table>> {
        words.iter().map(|word| self.open(&word.text, usage, &word.at)).collect()
    }

    fn open_at(&self, spec: &str, usage: Usage, at: &Location, depth: usize) -> Arc<Table> {
        let spec = spec.strip_prefix("proxy:").unwrap_or(spec);
        let key = (spec.to_owned(), usage);
        if let Some(table) = self.open.borrow().get(&key) {
            return Arc::clone(table);
        }
        let content = if depth > MAX_DEPTH {
            Content::Unknown(Reason::TooComplex { subject: spec.to_owned() })
        } else {
            self.content(spec, usage, at, depth)
        };
        let table = Arc::new(Table { name: spec.into(), content });
        self.open.borrow_mut().insert(key, Arc::clone(&table));
        table
    }

    fn content(&self, spec: &str, usage: Usage, at: &Location, depth: usize) -> Content {
        let Some((kind, name)) = spec.split_once(':') else {
            return Content::Broken(Reason::Unread { text: spec.to_owned() });
        };
        let braced = in_braces(name);
        match kind {
            "hash" | "btree" | "lmdb" | "cdb" | "dbm" | "sdbm" => self.compiled(spec, name, usage),
            "texthash" => self.text(spec, name, braced, &|file, text| tablefile::keyed(file, text)),
            "cidr" => self.text(spec, name, braced, &|file, text| tablefile::networks(file, text)),
            "regexp" | "pcre" => {
                let dialect = if kind == "pcre" { Dialect::Perl } else { Dialect::Posix };
                let substitution = usage == Usage::Map;
                self.text(spec, name, braced, &|file, text| {
                    tablefile::patterns(file, text, dialect, substitution)
                })
            }
            "static" => Content::Constant(Row { value: braced.unwrap_or(name).into(), at: at.clone() }),
            "inline" => inline(name, at),
            "unionmap" | "pipemap" => {
                let inner = logical::split(braced.unwrap_or(name), true);
                let tables = inner.iter().map(|w| self.open_at(w.text, usage, at, depth + 1)).collect();
                if kind == "unionmap" { Content::Union(tables) } else { Content::Pipe(tables) }
            }
            "unix" if name == "passwd.byname" => self.accounts(),
            "fail" => Content::Broken(Reason::Unread { text: spec.to_owned() }),
            "ldap" | "mysql" | "pgsql" | "mongodb" | "memcache" | "tcp" | "socketmap" | "nis" | "nisplus" => {
                Content::Unknown(Reason::OutsideService { name: spec.to_owned() })
            }
            "sqlite" | "randmap" | "environ" | "internal" | "unix" | "netinfo" => {
                Content::Unknown(Reason::ContentsUnknown { name: spec.to_owned() })
            }
            // no such table type: every lookup fails
            _ => Content::Broken(Reason::Unread { text: spec.to_owned() }),
        }
    }

    /// A table that is read from its text, from a file or from between braces.
    fn text(
        &self,
        spec: &str,
        name: &str,
        braced: Option<&str>,
        read: &dyn Fn(&str, &str) -> TableText,
    ) -> Content {
        if let Some(rules) = braced {
            let lines: Vec<&str> =
                logical::split(rules, true).iter().filter_map(|w| in_braces(w.text)).collect();
            return read(spec, &lines.join("\n")).content;
        }
        match self.config.file(name) {
            Some(text) => self.noted(spec, read(&file_artifact(name), &text)),
            None => self.missing(spec, name),
        }
    }

    fn noted(&self, spec: &str, read: TableText) -> Content {
        for at in read.skipped {
            self.note(NoteKind::RowSkipped, spec, at);
        }
        read.content
    }

    fn note(&self, kind: NoteKind, subject: &str, at: Location) {
        self.notes.borrow_mut().push(Note { kind, subject: subject.into(), at });
    }

    fn missing(&self, spec: &str, path: &str) -> Content {
        if self.config.evidence.is_absent(&file_artifact(path)) {
            return Content::Broken(Reason::ContentsUnknown { name: spec.to_owned() });
        }
        Content::Unknown(Reason::ContentsUnknown { name: spec.to_owned() })
    }

    fn accounts(&self) -> Content {
        self.config.want(|wanted| wanted.accounts = true);
        match self.config.evidence.file("/etc/passwd") {
            Some(text) => tablefile::account_names("files/etc/passwd", &text).content,
            None => Content::Unknown(Reason::ContentsUnknown { name: "unix:passwd.byname".into() }),
        }
    }

    fn compiled(&self, spec: &str, path: &str, usage: Usage) -> Content {
        self.config.want(|wanted| {
            wanted.compiled.insert(spec.to_owned());
        });
        let source = self.config.file(path).map(|text| {
            let file = file_artifact(path);
            if usage == Usage::Aliases {
                tablefile::aliases(&file, &text)
            } else {
                tablefile::keyed(&file, &text)
            }
        });
        match (source, self.compiled.get(spec)) {
            (_, Some(Compiled::Missing)) => {
                Content::Broken(Reason::ContentsUnknown { name: spec.to_owned() })
            }
            (_, Some(Compiled::Unreadable(problem))) => Content::Unknown(Reason::ArtifactUnreadable {
                artifact: spec.to_owned(),
                problem: problem.clone(),
            }),
            (Some(source), Some(Compiled::Rows(rows))) => self.merge(spec, source, compiled_rows(rows)),
            (Some(source), None) => {
                if self.config.evidence.source == Source::Snapshot {
                    let artifact = format!("postmap-s.txt ({spec})");
                    self.config.gap(Reason::ArtifactMissing { artifact }, None);
                }
                self.noted(spec, source)
            }
            // an empty dump may also be one of a table that is not there
            (None, Some(Compiled::Rows(rows))) if !rows.is_empty() => {
                Content::Keyed(compiled_rows(rows).into_iter().collect())
            }
            (None, _) => Content::Unknown(Reason::ContentsUnknown { name: spec.to_owned() }),
        }
    }

    /// Compiled rows, with the line of the source where both agree.
    fn merge(&self, spec: &str, source: TableText, mut compiled: BTreeMap<Box<str>, Row>) -> Content {
        let Content::Keyed(text) = source.content else {
            return Content::Keyed(compiled.into_iter().collect());
        };
        for (key, row) in &mut compiled {
            match text.get(key) {
                Some(same) if squeeze(&same.value) == squeeze(&row.value) => row.at = same.at.clone(),
                _ => self.note(NoteKind::TableNotCompiled, spec, row.at.clone()),
            }
        }
        for (_, row) in text.iter().filter(|(key, _)| !compiled.contains_key(*key)) {
            self.note(NoteKind::TableNotCompiled, spec, row.at.clone());
        }
        Content::Keyed(compiled.into_iter().collect())
    }
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One table in `postmap-s.txt`.
enum Compiled {
    /// Its rows, with their line numbers.
    Rows(Vec<(u32, String)>),
    /// There is no compiled table: lookups fail.
    Missing,
    /// The capture could not read it.
    Unreadable(String),
}

/// Sections `== postmap -s TYPE:FILE` of `postmap-s.txt`; `!! postmap -s TYPE:FILE PROBLEM` where reading failed.
fn sections(text: &str) -> BTreeMap<String, Compiled> {
    let mut out = BTreeMap::new();
    let mut current: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        if let Some(spec) = line.strip_prefix("== postmap -s ") {
            let spec = spec.trim().to_owned();
            out.insert(spec.clone(), Compiled::Rows(Vec::new()));
            current = Some(spec);
        } else if let Some((spec, problem)) =
            line.strip_prefix("!! postmap -s ").and_then(|l| l.split_once(' '))
        {
            let missing = problem.contains("No such file");
            let state = if missing { Compiled::Missing } else { Compiled::Unreadable(problem.to_owned()) };
            out.insert(spec.to_owned(), state);
            current = None;
        } else if line.starts_with("== ") {
            current = None;
        } else if let Some(table) = current.as_ref().and_then(|spec| out.get_mut(spec)) {
            match (table, line.contains('\t')) {
                (Compiled::Rows(rows), true) => {
                    rows.push((u32::try_from(number + 1).unwrap_or(u32::MAX), line.to_owned()));
                }
                (table, false) if !line.trim().is_empty() => *table = Compiled::Unreadable(line.to_owned()),
                _ => {}
            }
        }
    }
    out
}

/// Rows as `postmap -s` prints them: key, tab, value.
fn compiled_rows(rows: &[(u32, String)]) -> BTreeMap<Box<str>, Row> {
    rows.iter()
        .filter_map(|(number, line)| {
            let (key, value) = line.split_once('\t')?;
            let at = Location::at("postmap-s.txt", *number, line.as_str());
            Some((key.to_lowercase().into(), Row { value: value.trim().into(), at }))
        })
        .collect()
}

/// `inline:{key=value, { key = text with spaces }}`.
fn inline(name: &str, at: &Location) -> Content {
    let Some(inner) = in_braces(name) else {
        return Content::Broken(Reason::Unread { text: name.to_owned() });
    };
    let mut rows = Vec::new();
    for word in logical::split(inner, true) {
        let pair = in_braces(word.text).unwrap_or(word.text);
        let Some((key, value)) = pair.split_once('=') else {
            return Content::Broken(Reason::Unread { text: name.to_owned() });
        };
        let row = Row { value: value.trim().into(), at: at.clone() };
        rows.push((key.trim().to_lowercase().into(), row));
    }
    Content::Keyed(rows.into_iter().collect())
}
