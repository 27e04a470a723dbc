//! Text against text, with what is volatile taken out: it only shows where a difference of meaning comes from.

use similar::TextDiff;

use crate::evidence::DeviceEvidence;
use crate::finding::Location;
use crate::platform::Normaliser;

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

impl TextDrift {
    /// The first line that was removed, and the first that was added.
    pub fn first(&self) -> [Option<Location>; 2] {
        let body = || self.unified.lines().skip_while(|line| !line.starts_with("@@"));
        ["-", "+"].map(|sign| {
            let text =
                body().find_map(|line| line.strip_prefix(sign).filter(|text| !text.trim().is_empty()))?;
            Some(Location::within(self.artifact.as_str(), text.trim()))
        })
    }
}

impl Normaliser {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_told() {
        let drift = TextDrift {
            artifact: "a.txt".to_owned(),
            unified: "--- a.txt\n+++ a.txt\n@@ -1 +1 @@\n x\n-old\n+new\n+newer\n".to_owned(),
            added: 2,
            removed: 1,
        };
        let [removed, added] = drift.first().map(|l| l.unwrap().text.to_string());
        assert_eq!((removed.as_str(), added.as_str()), ("old", "new"));
    }
}
