//! Logical lines of Postfix text files: continuation by leading white space, comments and blank lines skipped even
//! in the middle (postconf(5), "main.cf FILE FORMAT"; master(5); access(5)).

use std::sync::Arc;

use crate::finding::Location;

/// A logical line: its text, and which physical line each part came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logical {
    pub(super) text: String,
    /// (offset in `text`, line number, physical line), ascending.
    parts: Vec<(usize, u32, Arc<str>)>,
    file: Arc<str>,
}

impl Logical {
    /// The physical line at an offset of the text.
    pub(super) fn at(&self, offset: usize) -> Location {
        let part = self.parts.iter().rev().find(|(start, _, _)| *start <= offset).or(self.parts.first());
        part.map_or_else(
            || Location::within(Arc::clone(&self.file), self.text.clone()),
            |(_, line, text)| Location::at(Arc::clone(&self.file), *line, Arc::clone(text)),
        )
    }
}

/// Reads a file into logical lines. A first line that begins with white space continues nothing and is dropped with
/// the second part of the result.
pub(super) fn lines(file: &str, text: &str) -> (Vec<Logical>, Vec<Location>) {
    let file: Arc<str> = file.into();
    let mut out: Vec<Logical> = Vec::new();
    let mut stray = Vec::new();
    for (number, physical) in text.lines().enumerate() {
        let physical = physical.trim_end_matches(['\r', '\0']);
        let trimmed = physical.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let number = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let shown: Arc<str> = trimmed.into();
        if physical.starts_with([' ', '\t']) {
            match out.last_mut() {
                Some(line) => {
                    line.text.push(' ');
                    line.parts.push((line.text.len(), number, shown));
                    line.text.push_str(trimmed);
                }
                None => stray.push(Location::at(Arc::clone(&file), number, shown)),
            }
        } else {
            out.push(Logical {
                text: trimmed.to_owned(),
                parts: vec![(0, number, shown)],
                file: Arc::clone(&file),
            });
        }
    }
    (out, stray)
}

/// A word of a value, and where in the text it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) offset: usize,
}

/// Splits at white space (and commas, where `commas`), but not inside balanced braces or `$(...)`.
pub(super) fn split(text: &str, commas: bool) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut braces, mut parens, mut start) = (0usize, 0usize, None);
    let mut previous = ' ';
    for (i, c) in text.char_indices() {
        match c {
            '{' if parens == 0 => braces += 1,
            '}' if parens == 0 => braces = braces.saturating_sub(1),
            '(' if braces == 0 && (previous == '$' || parens > 0) => parens += 1,
            ')' => parens = parens.saturating_sub(1),
            _ => {}
        }
        previous = c;
        if braces + parens == 0 && (c.is_ascii_whitespace() || (commas && c == ',')) {
            words.extend(start.take().and_then(|s| word(text, s, i)));
        } else if start.is_none() {
            start = Some(i);
        }
    }
    words.extend(start.and_then(|s| word(text, s, text.len())));
    words
}

fn word(text: &str, start: usize, end: usize) -> Option<Word<'_>> {
    text.get(start..end).map(|text| Word { text, offset: start })
}

/// What stands inside `{ ... }`, if the word is exactly that.
pub(super) fn in_braces(word: &str) -> Option<&str> {
    word.strip_prefix('{').and_then(|w| w.strip_suffix('}')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_inside_a_value_does_not_end_it() {
        let text = "mynetworks = 127.0.0.0/8\n# office\n\n   203.0.113.0/24\nnext = x\n";
        let (lines, stray) = lines("main.cf", text);
        assert!(stray.is_empty());
        let first = lines.first().unwrap();
        assert_eq!(first.text, "mynetworks = 127.0.0.0/8 203.0.113.0/24");
        assert_eq!(first.at(30).line, Some(4));
        assert_eq!(&*first.at(30).text, "203.0.113.0/24");
        assert_eq!(first.at(3).line, Some(1));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn braces_hold_a_word_together() {
        let words: Vec<&str> =
            split("permit, check_client_access { inline:{a=b, c=d} } ${{$x} == {y} ? {1} : {2}}", true)
                .iter()
                .map(|w| w.text)
                .collect();
        assert_eq!(
            words,
            ["permit", "check_client_access", "{ inline:{a=b, c=d} }", "${{$x} == {y} ? {1} : {2}}"]
        );
        assert_eq!(split("a } b", true).len(), 3);
    }
}
