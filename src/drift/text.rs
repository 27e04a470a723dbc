//! Text against text, with what is volatile taken out: it only shows where a difference of meaning comes from.

use regex::Regex;
use similar::TextDiff;

use crate::evidence::DeviceEvidence;
use crate::platform::Noise;

/// How one artifact's text differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TextDrift {
    /// Name of the artifact.
    pub artifact: String,
    /// Unified difference of the normalised texts, a few lines of context.
    pub unified: String,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
}

/// Longest text, in bytes, that is compared line by line; larger ones are only said to differ.
const MAX_COMPARED: usize = 4 << 20;

/// Takes the volatile parts out of artifacts.
pub struct Normaliser {
    patterns: Vec<(&'static str, Regex, &'static str)>,
}

impl Normaliser {
    /// With the noise of some platforms. Patterns that do not compile are a mistake of ours that a test finds.
    pub fn new(noise: impl IntoIterator<Item = Noise>) -> Self {
        let patterns = noise.into_iter().filter_map(|n| {
            let regex = Regex::new(&format!("(?m){}", n.pattern)).ok()?;
            Some((n.artifacts, regex, n.replacement))
        });
        Self { patterns: patterns.collect() }
    }

    /// The artifact's text without what changes by itself.
    pub fn text(&self, artifact: &str, text: &str) -> String {
        let mut text = text.replace("\r\n", "\n");
        for (_, regex, replacement) in self.patterns.iter().filter(|(names, ..)| covers(names, artifact)) {
            text = regex.replace_all(&text, *replacement).into_owned();
        }
        text
    }

    /// How the artifacts of a device differ, by name. JSON is left out where the same is there as text.
    pub fn compare(&self, before: &DeviceEvidence, after: &DeviceEvidence) -> Vec<TextDrift> {
        let names: std::collections::BTreeSet<&String> =
            before.artifacts.keys().chain(after.artifacts.keys()).collect();
        let has_text = |name: &str| {
            name.strip_suffix(".json")
                .is_some_and(|stem| after.artifacts.contains_key(&format!("{stem}.txt")))
        };
        let names = names.into_iter().filter(|name| !has_text(name));
        names.filter_map(|name| self.artifact(name, before, after)).collect()
    }

    fn artifact(&self, name: &str, before: &DeviceEvidence, after: &DeviceEvidence) -> Option<TextDrift> {
        let side =
            |device: &DeviceEvidence| device.text(name).map(|t| self.text(name, &t)).unwrap_or_default();
        let raw = |device: &DeviceEvidence| device.get(name).map(|a| a.bytes.clone());
        if raw(before) == raw(after) {
            return None;
        }
        let (old, new) = (side(before), side(after));
        if old == new {
            return None;
        }
        if old.len().max(new.len()) > MAX_COMPARED {
            let unified = String::new();
            return Some(TextDrift {
                artifact: name.to_owned(),
                unified,
                added: new.lines().count(),
                removed: old.lines().count(),
            });
        }
        let diff = TextDiff::configure().timeout(std::time::Duration::from_secs(2)).diff_lines(&old, &new);
        let count = |tag| diff.iter_all_changes().filter(|c| c.tag() == tag).count();
        let (added, removed) = (count(similar::ChangeTag::Insert), count(similar::ChangeTag::Delete));
        let unified = diff.unified_diff().context_radius(2).header(name, name).to_string();
        Some(TextDrift { artifact: name.to_owned(), unified, added, removed })
    }
}

/// Whether a name, or a beginning that ends in `*`, covers an artifact.
pub fn covers(names: &str, artifact: &str) -> bool {
    match names.strip_suffix('*') {
        Some(start) => artifact.starts_with(start),
        None => artifact == names,
    }
}
