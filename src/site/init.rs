//! A commented start: `site.toml`, an example of a change, a folder for rules, `.gitignore`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that `init` writes: its path below the folder, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// Path, with `/` between its parts.
    pub path: &'static str,
    /// Text.
    pub text: &'static str,
}

/// Every file that `init` writes, in the order in which it writes them.
pub const TEMPLATES: [Template; 4] = [
    Template { path: "site.toml", text: include_str!("templates/site.toml") },
    Template { path: "change.example.toml", text: include_str!("templates/change.example.toml") },
    Template { path: "rules/local.toml", text: include_str!("templates/local.toml") },
    Template { path: ".gitignore", text: include_str!("templates/gitignore") },
];

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Written,
    /// It was there and was left alone.
    Kept,
}

/// A file or folder that could not be written. Files written before it stay.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}", path = path.display())]
pub struct InitError {
    /// The file or folder.
    pub path: PathBuf,
    /// The file system's complaint.
    pub source: io::Error,
}

/// Writes every template that is not there yet below `folder`, which is made if it is absent. Nothing that exists is
/// touched, and no half-written file stays behind.
///
/// # Errors
/// The first file or folder that cannot be written.
pub fn write(folder: &Path) -> Result<Vec<(&'static str, Outcome)>, InitError> {
    let mut outcomes = Vec::with_capacity(TEMPLATES.len());
    for template in TEMPLATES {
        let path = template.path.split('/').fold(folder.to_path_buf(), |path, part| path.join(part));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| InitError { path: parent.to_path_buf(), source })?;
        }
        let outcome = write_new(&path, template.text).map_err(|source| InitError { path, source })?;
        outcomes.push((template.path, outcome));
    }
    Ok(outcomes)
}

fn write_new(path: &Path, text: &str) -> io::Result<Outcome> {
    // `create_new` neither follows a symbolic link nor races with another writer.
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Outcome::Kept),
        Err(error) => return Err(error),
    };
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).inspect_err(|_| {
        // The file is ours and incomplete; the error that made it so is what is reported.
        let _ = fs::remove_file(path);
    })?;
    Ok(Outcome::Written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Change, Known, Site, Source};

    fn known() -> Known<'static> {
        Known {
            platforms: &["nftables", "postfix"],
            packs: &["default"],
            home: Some(Path::new("/home/kanri")),
        }
    }

    fn text(path: &str) -> &'static str {
        TEMPLATES.iter().find(|t| t.path == path).unwrap().text
    }

    /// The template with every example switched on.
    fn uncommented(path: &str) -> String {
        let line = |line: &'static str| match line.strip_prefix('#') {
            Some(example) if !example.is_empty() && !example.starts_with(' ') => example,
            _ => line,
        };
        text(path).lines().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_file_is_accepted_as_written_and_with_its_examples() {
        let site = Site::parse(&Source::new("site.toml", text("site.toml")), &known()).unwrap();
        assert!(site.devices.is_empty(), "nothing to check yet");
        let change = Source::new("change.example.toml", text("change.example.toml"));
        assert!(Change::parse(&change, Some(&site)).unwrap().scope.is_none());

        let site = Site::parse(&Source::new("site.toml", uncommented("site.toml")), &known()).unwrap();
        assert_eq!(site.devices.len(), 2);
        let change = Source::new("change.toml", uncommented("change.example.toml"));
        assert_eq!(Change::parse(&change, Some(&site)).unwrap().expect.relay.len(), 1);

        let rules: toml::Table = text("rules/local.toml").parse().unwrap();
        assert!(rules.is_empty());
    }

    #[test]
    fn comments_are_in_both_languages() {
        for template in TEMPLATES {
            let comments = || template.text.lines().filter_map(|line| line.strip_prefix("# "));
            let japanese =
                comments().filter(|l| l.contains(|c| ('\u{3041}'..='\u{30ff}').contains(&c))).count();
            assert!(japanese > 0 && comments().count() > japanese, "{}", template.path);
        }
    }

    #[test]
    fn what_exists_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("new/city");
        assert!(write(&root).unwrap().iter().all(|(_, outcome)| *outcome == Outcome::Written));
        fs::write(root.join("site.toml"), "mine").unwrap();
        fs::remove_file(root.join(".gitignore")).unwrap();
        let outcomes = write(&root).unwrap();
        let written: Vec<_> =
            outcomes.iter().filter(|(_, o)| *o == Outcome::Written).map(|(p, _)| *p).collect();
        assert_eq!(written, [".gitignore"]);
        assert_eq!(fs::read_to_string(root.join("site.toml")).unwrap(), "mine");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rules"), "a file in the way").unwrap();
        assert_eq!(write(folder.path()).unwrap_err().path, folder.path().join("rules"));
    }
}
