//! Which `site.toml` applies: the one that was named, else one beside or above a folder, else none.

use std::path::{Path, PathBuf};

/// Name of the file that declares a site.
pub const SITE_FILE: &str = "site.toml";

/// Name of the file that declares a change.
pub const CHANGE_FILE: &str = "change.toml";

/// Where `site.toml` was found; reports say which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Named with `--site`; it may not exist, which is the user's error.
    Named(PathBuf),
    /// In a folder beside or above the evidence.
    Above(PathBuf),
    /// Nowhere: the defaults apply.
    Nowhere,
}

impl Found {
    /// The file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Named(path) | Self::Above(path) => Some(path),
            Self::Nowhere => None,
        }
    }
}

/// Finds `site.toml`. `named` is what `--site` says; `start` is the evidence: a folder (or file), best absolute,
/// since a relative path ends at the working folder. `is_file` says whether a path is a file.
pub fn find(named: Option<&Path>, start: &Path, is_file: impl Fn(&Path) -> bool) -> Found {
    if let Some(named) = named {
        let inside = named.join(SITE_FILE);
        // A folder may be named too.
        let path = if !is_file(named) && is_file(&inside) { inside } else { named.to_path_buf() };
        return Found::Named(path);
    }
    let candidates = start.ancestors().map(|folder| folder.join(SITE_FILE));
    candidates.into_iter().find(|path| is_file(path)).map_or(Found::Nowhere, Found::Above)
}

/// The `change.toml` that lies beside a `site.toml`, if there is one.
pub fn change_beside(site: &Path, is_file: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    Some(site.with_file_name(CHANGE_FILE)).filter(|path| is_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(named: Option<&str>, start: &str, files: &[&str]) -> Found {
        find(named.map(Path::new), Path::new(start), |path| files.iter().any(|file| Path::new(file) == path))
    }

    #[test]
    fn the_nearest_above_wins() {
        let files = ["/city/site.toml", "/site.toml"];
        assert_eq!(looked(None, "/city/store/before", &files), Found::Above("/city/site.toml".into()));
        assert_eq!(looked(None, "/city", &files), Found::Above("/city/site.toml".into()));
        assert_eq!(looked(None, "/town/before", &files), Found::Above("/site.toml".into()));
        assert_eq!(looked(None, "/town", &[]), Found::Nowhere);
        assert_eq!(looked(None, "store/before", &["site.toml"]), Found::Above("site.toml".into()));
    }

    #[test]
    fn what_is_named_is_taken() {
        let files = ["/city/site.toml", "/other/site.toml"];
        assert_eq!(looked(Some("/other"), "/city", &files), Found::Named("/other/site.toml".into()));
        assert_eq!(looked(Some("absent.toml"), "/city", &files), Found::Named("absent.toml".into()));
        assert_eq!(Found::Nowhere.path(), None);
    }

    #[test]
    fn a_change_lies_beside_the_site() {
        let is_file = |path: &Path| path == Path::new("city/change.toml");
        assert_eq!(change_beside(Path::new("city/site.toml"), is_file), Some("city/change.toml".into()));
        assert_eq!(change_beside(Path::new("site.toml"), is_file), None);
    }
}
