//! The one place where declaration files are read from disk.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::diagnostic::{Diagnostic, Rejected, Source};
use super::problem::Problem;
use super::{Change, Known, Site};

/// Largest declaration file, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Reads a declaration file. A byte order mark at its beginning is left out: editors on Windows write one.
///
/// # Errors
/// A file that cannot be read, is too large, or is not UTF-8.
pub fn load(path: &Path) -> Result<Source, Rejected> {
    let reject = |problem| Rejected::whole(Source::new(path, ""), problem);
    let unreadable = |error: std::io::Error| reject(Problem::Unreadable { error: error.to_string() });
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    of_bytes(path, bytes)
}

/// A declaration file whose bytes lie elsewhere than on the disk; otherwise as [`load`].
///
/// # Errors
/// As [`load`].
pub fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<Source, Rejected> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(Rejected::whole(Source::new(path, ""), Problem::TooLarge { limit: MAX_FILE }));
    }
    decode(path, bytes)
}

impl Site {
    /// Reads `site.toml` from disk.
    ///
    /// # Errors
    /// As [`load`] and [`Site::parse`].
    pub fn load(path: &Path, known: &Known<'_>) -> Result<Self, Rejected> {
        Self::parse(&load(path)?, known)
    }
}

impl Change {
    /// Reads `change.toml` from disk.
    ///
    /// # Errors
    /// As [`load`] and [`Change::parse`].
    pub fn load(path: &Path, site: Option<&Site>) -> Result<Self, Rejected> {
        Self::parse(&load(path)?, site)
    }
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<Source, Rejected> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text.strip_prefix('\u{feff}').unwrap_or(&text))),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let problem = Diagnostic::at(at..at + 1, Problem::NotUtf8);
            Err(Rejected { source: Source::new(path, text), diagnostics: vec![problem] })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let problem =
            |name: &str| load(&folder.path().join(name)).unwrap_err().diagnostics[0].problem.clone();
        assert!(matches!(problem("absent.toml"), Problem::Unreadable { .. }));
        assert!(matches!(problem(""), Problem::Unreadable { .. }), "a folder");
        std::fs::write(folder.path().join("large.toml"), vec![b'#'; 1 << 20 | 1]).unwrap();
        assert!(matches!(problem("large.toml"), Problem::TooLarge { .. }));
    }

    #[test]
    fn text_of_other_encodings_is_pointed_at() {
        // "title = 秋田" in CP932, as an editor on Windows may write it.
        let bytes = b"id = 1\ntitle = \"\x8f\x48\x93\x63\"\n".to_vec();
        let rejected = decode(Path::new("change.toml"), bytes).unwrap_err();
        let span = rejected.diagnostics[0].span.clone().unwrap();
        assert_eq!(rejected.source.place(span.start).line, 2);
        let marked = decode(Path::new("x"), b"\xef\xbb\xbf[site]\n".to_vec()).unwrap();
        assert_eq!(marked.text(), "[site]\n");
    }
}
