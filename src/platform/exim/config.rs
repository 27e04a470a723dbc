//! Exim's configuration file in its sections: main options and named lists, access lists, routers, transports,
//! authenticators (Exim specification, chapters 6, 14, 15, 33, 44).

use std::collections::BTreeMap;

use super::lines::Line;
use crate::finding::Location;

/// An option's value, unquoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) at: Location,
}

/// One router, transport or authenticator.
#[derive(Debug, Clone, Default)]
pub(super) struct Driver {
    pub(super) name: String,
    /// In order; an option may stand several times.
    pub(super) options: Vec<(String, Value)>,
}

/// One access list.
#[derive(Debug, Clone)]
pub(super) struct Acl {
    pub(super) at: Location,
    pub(super) lines: Vec<Line>,
}

/// A named list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ListKind {
    Domain,
    Host,
    Address,
    LocalPart,
}

/// A whole configuration.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) main: BTreeMap<String, Value>,
    pub(super) lists: BTreeMap<(ListKind, String), Value>,
    pub(super) acls: BTreeMap<String, Acl>,
    pub(super) routers: Vec<Driver>,
    pub(super) transports: BTreeMap<String, Driver>,
    pub(super) authenticators: Vec<Driver>,
    /// Where a main option is set for the second time.
    pub(super) twice: Option<Location>,
    /// Lines that fit nowhere.
    pub(super) unread: Vec<Location>,
}

impl Driver {
    /// The last value of an option; `no_x` and `not_x` count as `x = false`.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.options.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The text of an option.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).map_or("", |v| v.text.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |v| is_true(&v.text))
    }
}

fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "" | "true" | "yes" | "1")
}

impl Config {
    /// Sorts the lines into sections.
    pub(super) fn new(lines: &[Line]) -> Self {
        let mut config = Self::default();
        let mut section = "main".to_owned();
        let mut current: Option<Driver> = None;
        let mut acl: Option<String> = None;
        for line in lines {
            if let Some(name) = line.text.strip_prefix("begin").filter(|rest| rest.starts_with([' ', '\t'])) {
                config.close(&section, current.take());
                acl = None;
                section = name.trim().to_ascii_lowercase();
                continue;
            }
            match section.as_str() {
                "main" => config.main_line(line),
                "acl" => match acl_name(&line.text) {
                    Some(name) => {
                        acl = Some(name.to_owned());
                        let new = Acl { at: line.at.clone(), lines: Vec::new() };
                        config.acls.insert(name.to_owned(), new);
                    }
                    None => match acl.as_ref().and_then(|name| config.acls.get_mut(name)) {
                        Some(acl) => acl.lines.push(line.clone()),
                        None => config.unread.push(line.at.clone()),
                    },
                },
                "routers" | "transports" | "authenticators" => {
                    if let Some(name) = acl_name(&line.text) {
                        config.close(&section, current.take());
                        current = Some(Driver { name: name.to_owned(), options: Vec::new() });
                    } else if let Some(driver) = &mut current {
                        driver.options.push(option(line));
                    } else {
                        config.unread.push(line.at.clone());
                    }
                }
                // retry and rewrite rules decide no recipient's fate; local_scan none that is read here
                _ => {}
            }
        }
        config.close(&section, current);
        config
    }

    fn close(&mut self, section: &str, driver: Option<Driver>) {
        let Some(driver) = driver else { return };
        match section {
            "routers" => self.routers.push(driver),
            "transports" => {
                self.transports.insert(driver.name.clone(), driver);
            }
            _ => self.authenticators.push(driver),
        }
    }

    fn main_line(&mut self, line: &Line) {
        let text = line.text.strip_prefix("hide ").map_or(line.text.as_str(), str::trim_start);
        let kinds = [
            ("domainlist", ListKind::Domain),
            ("hostlist", ListKind::Host),
            ("addresslist", ListKind::Address),
            ("localpartlist", ListKind::LocalPart),
        ];
        for (word, kind) in kinds {
            let Some(rest) = text.strip_prefix(word).filter(|r| r.starts_with([' ', '\t'])) else { continue };
            let rest = rest.trim_start().strip_prefix("cache ").unwrap_or(rest).trim_start();
            match rest.split_once('=') {
                Some((name, value)) => {
                    let value = Value { text: unquoted(value.trim()), at: line.at.clone() };
                    self.lists.insert((kind, name.trim().to_owned()), value);
                }
                None => self.unread.push(line.at.clone()),
            }
            return;
        }
        let line = Line { text: text.to_owned(), at: line.at.clone() };
        let (name, value) = option(&line);
        // the server does not start with an option that is set twice
        if self.main.contains_key(&name) && self.twice.is_none() {
            self.twice = Some(line.at.clone());
        }
        self.main.insert(name, value);
    }

    /// The text of a main option.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.main.get(name).map(|v| v.text.as_str())
    }
}

/// `name:`, alone on its line.
fn acl_name(text: &str) -> Option<&str> {
    let name = text.strip_suffix(':')?.trim_end();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    is_name.then_some(name)
}

/// `name = value`, `name`, `no_name`, `not_name`.
fn option(line: &Line) -> (String, Value) {
    let value = |text: String| Value { text, at: line.at.clone() };
    let text = line.text.strip_prefix("hide ").map_or(line.text.as_str(), str::trim_start);
    if let Some((name, text)) = text.split_once('=') {
        return (name.trim().to_owned(), value(unquoted(text.trim())));
    }
    let negated = text.strip_prefix("no_").or_else(|| text.strip_prefix("not_"));
    match negated {
        Some(name) => (name.trim().to_owned(), value("false".into())),
        None => (text.trim().to_owned(), value("true".into())),
    }
}

/// A value without its quotes; inside them a backslash escapes (Exim specification, 6.17).
pub(super) fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(c) => out.push(c),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_options_and_lists() {
        let text = "hostlist relay = 10.0.0.0/8\nacl_smtp_rcpt = check\nhide x = \"a\\\\b\"\nno_y\nbegin acl\ncheck:\n\
            accept hosts = +relay\nbegin routers\nr1:\ndriver = accept\nno_more\nbegin transports\nt:\ndriver = smtp\n";
        let lines = super::super::lines::read("c", text, &[], &|_| None).lines;
        let config = Config::new(&lines);
        assert_eq!(config.lists.get(&(ListKind::Host, "relay".into())).unwrap().text, "10.0.0.0/8");
        assert_eq!((config.text("x"), config.text("y")), (Some("a\\b"), Some("false")));
        assert_eq!(config.acls.get("check").unwrap().lines.len(), 1);
        assert!(!config.routers.first().unwrap().flag("more", true));
        assert_eq!(config.transports.get("t").unwrap().text("driver"), "smtp");
        assert!(config.unread.is_empty());
    }
}
