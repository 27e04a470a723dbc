//! One key of a table and its value, read into the types of this program.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::{Reader, Table};
use crate::site::flow::{Endpoint, FlowSpec};
use crate::site::near::nearest;
use crate::site::problem::{Kind, Problem, ValueFault};
use crate::site::value::{meant, read_duration, read_moment};

/// One key of a table as written, and its value.
#[derive(Debug, Clone)]
pub struct Entry<'r> {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    /// The value.
    pub value: Value<'r>,
}

/// A value of the file.
#[derive(Debug, Clone)]
pub struct Value<'r> {
    pub(super) reader: &'r Reader<'r>,
    pub(super) key: String,
    pub(super) value: &'r Spanned<DeValue<'r>>,
}

impl Entry<'_> {
    /// The key, where `parse` makes something of it.
    pub fn parse_key<T>(&self, parse: impl FnOnce(&str) -> Result<T, ValueFault>) -> Option<T> {
        match parse(&self.key) {
            Ok(key) => Some(key),
            Err(fault) => {
                let (value, near) = (self.key.clone(), meant(fault, &self.key));
                self.value.reader.report(self.key_span.clone(), Problem::BadValue { value, fault, near });
                None
            }
        }
    }
}

impl<'r> Value<'r> {
    /// The bytes of the value.
    pub fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// The key that the value stands behind.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Records a problem with the whole value.
    pub fn report(&self, problem: Problem) {
        self.reader.report(self.span(), problem);
    }

    /// A text.
    pub fn text(&self) -> Option<&'r str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wrong_kind(Kind::Text, |raw| format!("\"{raw}\"")),
        }
    }

    /// A text that is not empty.
    pub fn line(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.report(Problem::Empty { key: self.key.clone() });
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that `parse` makes something of.
    pub fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, ValueFault>) -> Option<T> {
        let text = self.text()?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.bad_value(text, fault);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn flag(&self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong_kind(Kind::Boolean, |_| "true".to_owned()),
        }
    }

    /// A duration: a number and a unit in quotes.
    pub fn duration(&self) -> Option<Duration> {
        let DeValue::Integer(number) = self.value.get_ref() else { return self.parse(read_duration) };
        self.bad_value(number.as_str(), ValueFault::Duration);
        None
    }

    /// A word of a closed list.
    pub fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let near = nearest(text, words.iter().map(|(word, _)| *word)).map(str::to_owned);
            let allowed = words.iter().map(|(word, _)| (*word).to_owned()).collect();
            self.report(Problem::NotOneOf { value: text.to_owned(), allowed, near });
        }
        found
    }

    /// A flow, with the bytes it was written in. The caret goes to the part of the text that is wrong.
    pub fn flow(&self) -> Option<Spanned<FlowSpec>> {
        let text = self.text()?;
        match text.parse::<FlowSpec>() {
            Ok(flow) => Some(Spanned::new(self.span(), flow)),
            Err(error) => {
                self.reader.report(self.part(&error.span), error.problem);
                None
            }
        }
    }

    /// One end of a flow: a zone, a device, a prefix or `any`.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.parse(|text| Endpoint::new(text).map_err(|_| ValueFault::Endpoint))
    }

    /// A date and time with an offset.
    pub fn moment(&self) -> Option<time::OffsetDateTime> {
        let DeValue::Datetime(value) = self.value.get_ref() else {
            return self.wrong_kind(Kind::DateTime, |raw| {
                let bare = raw.trim_matches(['"', '\'']);
                let is_moment = bare.parse().is_ok_and(|moment| read_moment(&moment).is_ok());
                if is_moment { bare.to_owned() } else { "2026-11-22T01:00:00+09:00".to_owned() }
            });
        };
        match read_moment(value) {
            Ok(moment) => Some(moment),
            Err(fault) => {
                self.bad_value(&value.to_string(), fault);
                None
            }
        }
    }

    /// The members of a list.
    pub fn list(&self) -> Option<Vec<Self>> {
        match self.value.get_ref() {
            DeValue::Array(list) => Some(
                list.iter().map(|value| Self { value, key: self.key.clone(), reader: self.reader }).collect(),
            ),
            _ => self.wrong_kind(Kind::List, |raw| format!("[{raw}]")),
        }
    }

    /// The members of a list that must have some.
    pub fn filled(&self) -> Option<Vec<Self>> {
        let list = self.list()?;
        if list.is_empty() {
            self.report(Problem::Empty { key: self.key.clone() });
            return None;
        }
        Some(list)
    }

    /// The members of a list, each read by `member`; those that cannot be read are reported and left out.
    pub fn each<T>(&self, member: impl FnMut(&Self) -> Option<T>) -> Option<Vec<T>> {
        Some(self.list()?.iter().filter_map(member).collect())
    }

    /// A table, `title` being how users write it: `[site]`.
    pub fn table(&self, title: &str) -> Option<Table<'r>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Some(Table::new(self.reader, title, self.span(), table)),
            _ => self.wrong_kind(Kind::Table, |_| title.to_owned()),
        }
    }

    /// A list of tables, `title` being how users write it: `[[zone]]`.
    pub fn tables(&self, title: &str) -> Vec<Table<'r>> {
        let DeValue::Array(list) = self.value.get_ref() else {
            return self.wrong_kind(Kind::Tables, |_| title.to_owned()).unwrap_or_default();
        };
        let members = list.iter().map(|value| Self { value, key: self.key.clone(), reader: self.reader });
        members.filter_map(|member| member.table(title)).collect()
    }

    /// The bytes of a part of this text; all of it where escapes move the characters.
    fn part(&self, inside: &Range<usize>) -> Range<usize> {
        let span = self.span();
        let (Some(raw), Some(text)) =
            (self.reader.source.text().get(span.clone()), self.value.get_ref().as_str())
        else {
            return span;
        };
        match raw.find(text) {
            Some(at) if !text.is_empty() => span.start + at + inside.start..span.start + at + inside.end,
            _ => span,
        }
    }

    fn bad_value(&self, text: &str, fault: ValueFault) {
        let near = meant(fault, text);
        self.report(Problem::BadValue { value: text.to_owned(), fault, near });
    }

    fn wrong_kind<T>(&self, expected: Kind, example: impl FnOnce(&str) -> String) -> Option<T> {
        let found = match self.value.get_ref() {
            DeValue::String(_) => Kind::Text,
            DeValue::Integer(_) => Kind::Integer,
            DeValue::Float(_) => Kind::Float,
            DeValue::Boolean(_) => Kind::Boolean,
            DeValue::Datetime(_) => Kind::DateTime,
            DeValue::Array(_) => Kind::List,
            DeValue::Table(_) => Kind::Table,
        };
        let raw = self.reader.source.text().get(self.span()).unwrap_or_default().trim();
        let short = raw.len() <= 60 && !raw.contains('\n') && found != Kind::Table;
        let example = example(if short { raw } else { "..." });
        self.report(Problem::WrongKind { key: self.key.clone(), expected, found, example });
        None
    }
}
