//! What is declared: the site, the change and the rules, from the side that was approved. A state under review does
//! not bring its own.

use std::path::{Component, Path, PathBuf};

use super::CliError;
use super::global::Global;
use crate::evidence::Where;
use crate::evidence::git::Tree;
use crate::platform;
use crate::report::diagnostic;
use crate::rules::{self, Rule, pack};
use crate::site::find::{CHANGE_FILE, SITE_FILE, change_beside, find};
use crate::site::load::{load, of_bytes};
use crate::site::problem::Problem;
use crate::site::{Change, Known, Rejected, Site, Source};

/// Everything declared.
#[derive(Debug)]
pub struct Declared {
    /// The site; the default where there is no site.toml.
    pub site: Site,
    /// Where site.toml was found.
    pub path: Option<PathBuf>,
    /// The change, if one is declared.
    pub change: Option<Change>,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// Texts of declarations, not yet read.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Where site.toml was found, as reports name it.
    pub(super) path: Option<PathBuf>,
    /// site.toml.
    pub(super) site: Option<Source>,
    /// change.toml.
    pub(super) change: Option<Source>,
}

impl Global {
    /// What is declared for the comparison of two states. Without `--site` it is what lies beside or above the state
    /// before, or in its revision: whoever proposes the state after does not decide what is allowed there.
    ///
    /// # Errors
    /// Everything that is wrong with the declarations.
    pub(super) fn approved(&self, before: Option<&str>, after: Option<&str>) -> Result<Declared, CliError> {
        let start = match before.or(after).map(Where::parse) {
            Some(Where::Git(revision)) if before.is_some() && self.site.is_none() => {
                return self.of_revision(&revision);
            }
            Some(Where::Folder(folder)) => folder,
            Some(Where::Stored(_)) => self.store_folder().to_path_buf(),
            Some(Where::Git(_)) | None => PathBuf::from("."),
        };
        self.declared(&start)
    }

    /// What is declared for evidence at `start`.
    ///
    /// # Errors
    /// Everything that is wrong with the declarations.
    pub fn declared(&self, start: &Path) -> Result<Declared, CliError> {
        let start = std::path::absolute(start).unwrap_or_else(|_| start.to_path_buf());
        let path = find(self.site.as_deref(), &start, Path::is_file).path().map(Path::to_path_buf);
        let beside = || path.as_ref().and_then(|site| change_beside(site, Path::is_file));
        let change = self.change.clone().or_else(beside);
        let texts = || {
            let site = path.as_deref().map(load).transpose()?;
            Ok(Texts { site, change: change.as_deref().map(load).transpose()?, path: path.clone() })
        };
        self.read(texts(), load)
    }

    /// What a revision declares, in this folder or the nearest above; a change that is named is read from the disk.
    fn of_revision(&self, revision: &str) -> Result<Declared, CliError> {
        let here = std::path::absolute(".").unwrap_or_default();
        let trees = here.ancestors().map_while(|folder| Some((folder, Tree::open(folder, revision).ok()?)));
        let mut trees = trees.filter(|(_, tree)| tree.holds(SITE_FILE));
        let found = trees.next();
        let from = |name: &Path| match &found {
            Some((folder, tree)) => of_tree(tree, folder, name),
            None => load(name),
        };
        let texts = || {
            let site = found.as_ref().map(|_| from(Path::new(SITE_FILE))).transpose()?;
            let beside = found.as_ref().filter(|(_, tree)| tree.holds(CHANGE_FILE));
            let change = match &self.change {
                Some(path) => Some(load(path)?),
                None => beside.map(|_| from(Path::new(CHANGE_FILE))).transpose()?,
            };
            let path = site.as_ref().map(|_| PathBuf::from(format!("git:{revision}:{SITE_FILE}")));
            Ok(Texts { path, site, change })
        };
        self.read(texts(), from)
    }

    /// What these texts declare; `file` reads a file that the site names.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn read(
        &self,
        texts: Result<Texts, Rejected>,
        file: impl Fn(&Path) -> Result<Source, Rejected>,
    ) -> Result<Declared, CliError> {
        let ids: Vec<&str> = platform::REGISTRY.iter().map(|p| p.id()).collect();
        let home = std::env::home_dir();
        let known = Known { platforms: &ids, packs: pack::SHIPPED, home: home.as_deref() };
        let reject = |rejected: Rejected| CliError::Declaration(diagnostic::render(&rejected, self.lang()));
        let Texts { path, site, change } = texts.map_err(reject)?;
        let site = site.map(|source| Site::parse(&source, &known)).transpose().map_err(reject)?;
        let change =
            change.map(|source| Change::parse(&source, site.as_ref())).transpose().map_err(reject)?;
        let site = site.unwrap_or_default();
        let rules = rules::load(&site.packs, file).map_err(reject)?;
        Ok(Declared { site, path, change, rules })
    }
}

/// A file of a revision whose tree begins at `folder`.
fn of_tree(tree: &Tree, folder: &Path, name: &Path) -> Result<Source, Rejected> {
    let inside = name.strip_prefix(folder).unwrap_or(name);
    let parts = inside.components().filter(|part| *part != Component::CurDir);
    let inside: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    let path = folder.join(inside.join("/"));
    match tree.read(&inside.join("/")) {
        Ok(bytes) => of_bytes(&path, bytes),
        Err(error) => {
            let problem = Problem::Unreadable { error: error.to_string() };
            Err(Rejected::whole(Source::new(path, ""), problem))
        }
    }
}
