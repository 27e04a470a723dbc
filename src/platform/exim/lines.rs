//! Exim's configuration file before it is understood: continuations, comments, includes, macros and conditionals
//! (Exim specification, 6.3 to 6.8).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Location;

/// Most lines, includes counted.
const MAX_LINES: usize = 200_000;

/// Longest line after macros were replaced.
const MAX_LENGTH: usize = 1 << 16;

/// Deepest nesting of includes.
const MAX_DEPTH: usize = 16;

/// Most macros.
const MAX_MACROS: usize = 2_000;

/// A line that means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) at: Location,
}

/// What a file holds once macros and conditionals are gone.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Includes that the evidence does not hold, and limits that were reached.
    pub(super) unread: Vec<Location>,
}

/// Reads a file. `file` answers for paths: `None` unknown, `Some(None)` surely not there.
pub(super) fn read(
    artifact: &str,
    text: &str,
    macros: &[(String, String)],
    file: &dyn Fn(&str) -> Option<Option<String>>,
) -> Lines {
    let mut reader =
        Reader { file, macros: Vec::new(), names: BTreeMap::new(), open: Vec::new(), out: Lines::default() };
    for (name, value) in macros {
        reader.define(name, value);
    }
    reader.file(artifact, text, 0);
    reader.out
}

struct Reader<'f> {
    file: &'f dyn Fn(&str) -> Option<Option<String>>,
    /// In the order of definition: the first that fits is replaced.
    macros: Vec<(String, String)>,
    names: BTreeMap<String, usize>,
    /// Enclosing conditionals: whether the branch is taken, and whether one was.
    open: Vec<(bool, bool)>,
    out: Lines,
}

impl Reader<'_> {
    fn define(&mut self, name: &str, value: &str) {
        if let Some(macro_) = self.names.get(name).and_then(|i| self.macros.get_mut(*i)) {
            macro_.1 = value.to_owned();
        } else if self.macros.len() < MAX_MACROS {
            self.names.insert(name.to_owned(), self.macros.len());
            self.macros.push((name.to_owned(), value.to_owned()));
        }
    }

    fn file(&mut self, artifact: &str, text: &str, depth: usize) {
        let artifact: Arc<str> = artifact.into();
        for (number, text) in joined(text) {
            let at = Location::at(Arc::clone(&artifact), number, text.as_str());
            if self.out.lines.len() >= MAX_LINES {
                self.out.unread.push(at);
                return;
            }
            self.line(text.trim(), at, depth);
        }
    }

    fn line(&mut self, text: &str, at: Location, depth: usize) {
        if self.conditional(text) || self.open.iter().any(|(taken, _)| !taken) {
            return;
        }
        if let Some(path) = text.strip_prefix(".include_if_exists").or_else(|| text.strip_prefix(".include"))
        {
            let path = self.replaced(path.trim());
            return self.include(path.trim_matches('"'), text.starts_with(".include_if_exists"), at, depth);
        }
        if let Some((name, value)) = definition(text) {
            let value = self.replaced(value);
            return self.define(name, &value);
        }
        let text = self.replaced(text);
        if !text.is_empty() {
            self.out.lines.push(Line { text, at });
        }
    }

    /// `.ifdef` and its kin; `false` for any other line.
    fn conditional(&mut self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix('.') else { return false };
        let (word, names) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        // a name counts when replacing macros changes it
        let defined = self.replaced(names) != names;
        match word {
            "ifdef" | "ifndef" => {
                let taken = defined == (word == "ifdef");
                self.open.push((taken, taken));
            }
            "elifdef" | "elifndef" => {
                if let Some((taken, had)) = self.open.last_mut() {
                    *taken = !*had && defined == (word == "elifdef");
                    *had |= *taken;
                }
            }
            "else" => {
                if let Some((taken, had)) = self.open.last_mut() {
                    *taken = !*had;
                    *had = true;
                }
            }
            "endif" => {
                self.open.pop();
            }
            _ => return false,
        }
        true
    }

    fn include(&mut self, path: &str, may_be_absent: bool, at: Location, depth: usize) {
        match (self.file)(path) {
            Some(Some(text)) if depth < MAX_DEPTH => {
                self.file(&crate::evidence::device::file_artifact(path), &text, depth + 1);
            }
            Some(None) if may_be_absent => {}
            _ => self.out.unread.push(at),
        }
    }

    fn replaced(&self, text: &str) -> String {
        let mut out = text.to_owned();
        if !text.bytes().any(|b| b.is_ascii_uppercase()) {
            return out;
        }
        for (name, value) in &self.macros {
            let grown = out.matches(name.as_str()).count().saturating_mul(value.len());
            if grown > 0 && out.len().saturating_add(grown) <= MAX_LENGTH {
                out = out.replace(name.as_str(), value);
            } else if out.contains(name.as_str()) {
                out = out.replace(name.as_str(), "");
            }
        }
        out
    }
}

/// `NAME = value`, with a name that begins with a capital letter.
fn definition(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end();
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then(|| (name, value.strip_prefix('=').unwrap_or(value).trim()))
}

/// Physical lines joined at a backslash, comments and blank lines left out.
fn joined(text: &str) -> Vec<(u32, String)> {
    let mut out: Vec<(u32, String)> = Vec::new();
    let mut goes_on = false;
    for (line, number) in text.lines().zip(1u32..) {
        let trimmed = line.trim();
        if trimmed.starts_with('#') || (trimmed.is_empty() && !goes_on) {
            continue;
        }
        let (part, more) = match trimmed.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (trimmed, false),
        };
        match out.last_mut() {
            Some((_, last)) if goes_on => last.push_str(part),
            _ => out.push((number, part.to_owned())),
        }
        goes_on = more;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, macros: &[(&str, &str)]) -> Vec<String> {
        let macros: Vec<_> = macros.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let file = |path: &str| (path == "/etc/x").then(|| Some("inside = NETS\n".to_owned()));
        read("c", text, &macros, &file).lines.into_iter().map(|l| l.text).collect()
    }

    #[test]
    fn macros_conditionals_and_continuations() {
        let text = "NETS = 10.0.0.0/8\n.ifdef NETS\na = NETS : \\\n   b\n.else\nc = d\n.endif\n.ifndef NETS\ne = f\n\
            .elifdef OTHER\ng = OTHER\n.endif\n# comment\nh = \\\n# inside\ni\n.include /etc/x\n";
        assert_eq!(
            texts(text, &[("OTHER", "o")]),
            ["a = 10.0.0.0/8 : b", "g = o", "h = i", "inside = 10.0.0.0/8"]
        );
    }

    #[test]
    fn a_missing_include_is_not_passed_over() {
        let lines = read("c", ".include /etc/missing\n.include_if_exists /etc/none\n", &[], &|path| {
            (path == "/etc/none").then_some(None)
        });
        assert_eq!(lines.unread.len(), 1);
    }

    #[test]
    fn macros_do_not_grow_without_bound() {
        let mut text = String::from("A0 = xxxxxxxxxx\n");
        for i in 1..40 {
            let one = format!("A{}", i - 1);
            text.push_str(&format!("B{i} = 1\nA{i}={one}{one}{one}{one}\n"));
        }
        text.push_str("v = A39\n");
        assert!(read("c", &text, &[], &|_| None).lines.iter().all(|l| l.text.len() <= MAX_LENGTH));
    }
}
