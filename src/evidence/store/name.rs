//! Hostile names to file names: nothing escapes its folder, on any system.
//!
//! Device names come from users and artifact names from devices (a configuration names further files). A
//! component keeps letters, digits and `._-+@,=~`; every other byte becomes `%XX`, and so does whatever
//! Windows or macOS would fold, cut or refuse. Two names never share a file: what differs only by case, or is
//! a file here and a folder there, gets a digest at its end. `%~` marks such endings; encoding alone never
//! makes it.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::error::{ChangeIdFault, StoreError};
use super::manifest::sha256;
use super::{MANIFEST, SIGNATURE};

/// Longest component, in bytes; file systems allow 255.
const MAX_COMPONENT: usize = 200;

/// Longest path below a device's folder, in bytes, and most components of it.
const MAX_PATH: usize = 1000;
const MAX_COMPONENTS: usize = 30;

/// Longest change id, in bytes.
const MAX_CHANGE: usize = 128;

/// Hex digits of a digest at a name's end.
const ENDING: usize = 32;

/// Names that Windows keeps for devices, with any extension.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Checks that a change's id can be a folder's name as it stands: it is typed on command lines and quoted in
/// reports, so it is refused rather than rewritten.
///
/// # Errors
/// What is wrong with it.
pub fn check_change(id: &str) -> Result<(), StoreError> {
    let bad = |problem| Err(StoreError::ChangeId { id: id.to_owned(), problem });
    let allowed = |c: char| c.is_alphanumeric() || "._-+@".contains(c);
    if id.is_empty() {
        return bad(ChangeIdFault::Empty);
    }
    if id.len() > MAX_CHANGE {
        return bad(ChangeIdFault::TooLong);
    }
    if !id.chars().all(allowed) {
        return bad(ChangeIdFault::Characters);
    }
    if id.starts_with('.') || id.ends_with('.') {
        return bad(ChangeIdFault::Dot);
    }
    if is_reserved(id) || id.eq_ignore_ascii_case("redaction.key") {
        return bad(ChangeIdFault::Reserved);
    }
    Ok(())
}

/// Gives every artifact of a snapshot a file of its own.
#[derive(Debug)]
pub(super) struct Names {
    /// Files and folders in use, in lower case.
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl Names {
    /// Only the manifest's own files are taken.
    pub(super) fn new() -> Self {
        let files = [MANIFEST, SIGNATURE].map(str::to_owned).into();
        Self { files, folders: BTreeSet::new() }
    }

    /// A folder for a device.
    pub(super) fn device(&mut self, name: &str) -> String {
        let plain = component(name);
        let taken =
            |n: &str| self.files.contains(&n.to_lowercase()) || self.folders.contains(&n.to_lowercase());
        let folder = if taken(&plain) { with_digest(&plain, name) } else { plain };
        self.folders.insert(folder.to_lowercase());
        folder
    }

    /// A file for an artifact, below its device's folder, with `/`.
    pub(super) fn artifact(&mut self, folder: &str, name: &str) -> String {
        let plain = format!("{folder}/{}", path(name));
        let file = if self.is_free(&plain) { plain } else { format!("{folder}/%~{}", digest(name)) };
        let lower = file.to_lowercase();
        self.folders
            .extend(lower.match_indices('/').filter_map(|(at, _)| lower.get(..at)).map(str::to_owned));
        self.files.insert(lower);
        file
    }

    fn is_free(&self, path: &str) -> bool {
        let lower = path.to_lowercase();
        let mut above = lower.match_indices('/').filter_map(|(at, _)| lower.get(..at));
        !self.files.contains(&lower)
            && !self.folders.contains(&lower)
            && above.all(|folder| !self.files.contains(folder))
    }
}

/// Whether a path from a manifest stays inside its snapshot.
pub(super) fn is_inside(path: &str) -> bool {
    let good = |c: &str| !c.is_empty() && c != "." && c != ".." && !c.contains(['\\', ':', '\0']);
    path.contains('/') && path.split('/').all(good)
}

fn path(name: &str) -> String {
    let components: Vec<String> = name.split('/').map(component).collect();
    let joined = components.join("/");
    if joined.len() > MAX_PATH || components.len() > MAX_COMPONENTS {
        return format!("%~{}", digest(name));
    }
    joined
}

fn component(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let last = name.len().saturating_sub(1);
    let dots = name.bytes().all(|b| b == b'.');
    let reserved = is_reserved(name);
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"._-+@,=~".contains(&byte);
        let trailing_dot = byte == b'.' && (at == last || dots);
        if plain && !trailing_dot && !(reserved && at == 0) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    match out.len() {
        0 => "%".to_owned(),
        n if n > MAX_COMPONENT => with_digest(&out, name),
        _ => out,
    }
}

/// The beginning of a name and a digest of all of it.
fn with_digest(encoded: &str, name: &str) -> String {
    let room = MAX_COMPONENT - ENDING - 2;
    let beginning: String = encoded.chars().take(room).collect();
    format!("{beginning}%~{}", digest(name))
}

fn digest(name: &str) -> String {
    sha256(name.as_bytes()).chars().take(ENDING).collect()
}

fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|n| n.chars().count() == 1 && n.chars().all(|c| "0123456789¹²³".contains(c)))
    };
    RESERVED.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        let mut all = Names::new();
        let folder = all.device("fw");
        names.iter().map(|n| all.artifact(&folder, n)).collect()
    }

    #[test]
    fn usual_names_stay_as_they_are() {
        let names = ["nft.json", "files/etc/postfix/main.cf", "files/etc/systemd/x@.service", "files/etc/a~"];
        assert_eq!(files(&names), names.map(|n| format!("fw/{n}")));
    }

    #[test]
    fn nothing_escapes() {
        let names = [
            "../x",
            "files/../../x",
            "/etc/x",
            "a//b",
            ".",
            "..",
            "",
            "a\\b",
            "C:x",
            "a\0b",
            "con",
            "Aux.txt",
            "x.",
        ];
        for (name, file) in names.iter().zip(files(&names)) {
            assert!(is_inside(&file), "{name:?} -> {file}");
            assert!(!file.contains(['\\', ':', '\0']));
        }
        assert_eq!(files(&["../x", "con.txt", "x."]), ["fw/%2E%2E/x", "fw/%63on.txt", "fw/x%2E"]);
        for path in ["../x", "/x/y", "a/../b", "a", "a//b", "a/./b", "a\\..\\b/c", "C:/x"] {
            assert!(!is_inside(path), "{path}");
        }
    }

    #[test]
    fn case_and_kind_collisions_get_their_own_files() {
        let got = files(&["files/etc/Map", "files/etc/map", "files/a", "files/a/b", "files/c/d", "files/c"]);
        let lower: BTreeSet<String> = got.iter().map(|f| f.to_lowercase()).collect();
        assert_eq!(lower.len(), got.len());
        for file in &lower {
            assert!(!lower.iter().any(|other| other.starts_with(&format!("{file}/"))), "{file}");
        }
        let mut all = Names::new();
        let folders =
            ["fw", "FW", "manifest.json", "Manifest.JSON.sig"].map(|n| all.device(n).to_lowercase());
        assert_eq!(BTreeSet::from(folders.clone()).len(), 4);
        assert!(!folders.contains(&MANIFEST.to_owned()) && !folders.contains(&SIGNATURE.to_owned()));
    }

    #[test]
    fn long_names_are_cut_but_stay_apart() {
        let long = |end: &str| format!("{}{end}", "x".repeat(300));
        let deep = "d/".repeat(100);
        let (a, b) = (long("a"), long("b"));
        let got = files(&[&a, &b, &deep, &"é".repeat(90)]);
        assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), 4);
        assert!(got.iter().all(|f| f.split('/').all(|c| c.len() <= MAX_COMPONENT)), "{got:?}");
    }

    #[test]
    fn change_ids() {
        for id in ["CHG-2026-0412", "a.b_c+d@e", "変更-12", "1"] {
            assert!(check_change(id).is_ok(), "{id}");
        }
        for id in [
            "",
            ".",
            "..",
            ".x",
            "x.",
            "a/b",
            "a\\b",
            "a b",
            "NUL",
            "com1.txt",
            "a:b",
            "a\0",
            "redaction.key",
            "a\u{202e}b",
        ] {
            assert!(check_change(id).is_err(), "{id}");
        }
        assert!(check_change(&"x".repeat(129)).is_err());
    }

    #[test]
    fn a_single_dot_is_a_file_inside() {
        assert!(files(&["."]).iter().all(|file| is_inside(file)));
    }

    proptest! {
        #[test]
        fn files_are_always_inside_and_never_shared(names in proptest::collection::btree_set("[aA./\\\\%:~ \u{0}é]{0,6}", 0..12)) {
            let list: Vec<&str> = names.iter().map(String::as_str).collect();
            let got = files(&list);
            let lower: BTreeSet<String> = got.iter().map(|f| f.to_lowercase()).collect();
            prop_assert_eq!(lower.len(), got.len());
            for file in &got {
                prop_assert!(is_inside(file));
                let below = format!("{}/", file.to_lowercase());
                prop_assert!(!lower.iter().any(|other| other.starts_with(&below)));
            }
        }
    }
}
