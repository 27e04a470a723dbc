//! What is wrong with a file that a user wrote, and where exactly.
//!
//! Used by every declaration file: `site.toml`, `change.toml`, rule packs. A [`Diagnostic`] carries a
//! [`Problem`] (a code with arguments) and a span of bytes; words for people are made of it in
//! [`crate::report::diagnostic`], in English and in Japanese.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::Problem;

/// Most problems kept for one file; a file with more is not a declaration that somebody mistyped.
pub const MAX_DIAGNOSTICS: usize = 100;

/// A text file that a user wrote: its path as the user would name it, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    text: Arc<str>,
}

/// Where a byte lies in a text. Both numbers count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line number.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl Source {
    /// A file's text. Nothing is read here; see [`super::load`] for that.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The path, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folder that relative paths inside the file start from: the folder of the file.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Where a byte offset lies. An offset behind the end is the end; one inside a character is its beginning.
    pub fn place(&self, offset: usize) -> Place {
        let before = self.before(offset);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Place { line: before.matches('\n').count() + 1, column }
    }

    /// The line that holds a byte offset, without its end (LF or CRLF), and the offset at which it begins.
    pub fn line(&self, offset: usize) -> (usize, &str) {
        let start = self.before(offset).rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(start..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("");
        (start, line.strip_suffix('\r').unwrap_or(line))
    }

    /// The text before an offset.
    fn before(&self, offset: usize) -> &str {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.get(..end).unwrap_or("")
    }
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The bytes that are wrong; `None` when it is the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong with them.
    pub problem: Problem,
}

impl Diagnostic {
    /// A problem at a place.
    pub fn at(span: Range<usize>, problem: Problem) -> Self {
        Self { span: Some(span), problem }
    }

    /// A problem of the file as a whole.
    pub fn whole(problem: Problem) -> Self {
        Self { span: None, problem }
    }
}

/// A file that is not accepted, with everything that is wrong with it (never empty, in the order of the file).
///
/// [`crate::report::diagnostic::render`] makes the text for people; `Display` is a short form for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The file.
    pub source: Source,
    /// What is wrong with it: at most [`MAX_DIAGNOSTICS`].
    pub diagnostics: Vec<Diagnostic>,
}

impl Rejected {
    /// A file rejected for one reason that concerns all of it.
    pub fn whole(source: Source, problem: Problem) -> Self {
        Self { source, diagnostics: vec![Diagnostic::whole(problem)] }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            let place = diagnostic.span.as_ref().map(|span| self.source.place(span.start));
            let code = diagnostic.problem.code();
            let separator = if i == 0 { "" } else { "; " };
            let path = self.source.path.display();
            match place {
                Some(Place { line, column }) => write!(f, "{separator}{path:?}:{line}:{column}: {code}")?,
                None => write!(f, "{separator}{path:?}: {code}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Rejected {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let source = Source::new("site.toml", "a = 1\r\n名前 = \"秋田\"\n");
        assert_eq!(source.place(0), Place { line: 1, column: 1 });
        let at = source.text().find('=').unwrap();
        assert_eq!(source.place(at), Place { line: 1, column: 3 });
        let at = source.text().rfind('=').unwrap();
        assert_eq!(source.place(at), Place { line: 2, column: 4 });
        assert_eq!(source.line(at), (7, "名前 = \"秋田\""));
        assert_eq!(source.line(2), (0, "a = 1"));
        assert_eq!(source.place(10_000), Place { line: 3, column: 1 });
    }

    #[test]
    fn the_folder_is_where_the_file_lies() {
        assert_eq!(Source::new("a/site.toml", "").folder(), Path::new("a"));
        assert_eq!(Source::new("site.toml", "").folder(), Path::new(""));
    }

    proptest! {
        #[test]
        fn any_offset_has_a_place(text in "[a\u{3042}\r\n]{0,12}", offset in 0usize..60) {
            let source = Source::new("x", text.as_str());
            let place = source.place(offset);
            let (start, line) = source.line(offset);
            prop_assert!(place.line >= 1 && place.line <= text.matches('\n').count() + 1);
            prop_assert!(start <= text.len() && !line.contains('\n'));
        }
    }
}
