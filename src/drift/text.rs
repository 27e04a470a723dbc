//! Text against text, with what is volatile taken out: it only shows where a difference of meaning comes from.

use std::fmt::{self, Write};
use std::time::Duration;

use similar::{DiffOp, TextDiff};

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
    /// There is more than `unified` shows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shortened: bool,
}

/// Most lines of a text that are compared; longer ones are only said to differ.
const MAX_LINES: usize = 1_000_000;
/// After this long, what is left is taken for replaced as a whole.
const MAX_TIME: Duration = Duration::from_secs(2);
/// Longest unified difference that is shown, in bytes.
const MAX_SHOWN: usize = 4 << 20;

impl TextDrift {
    /// Compares two texts that differ. Takes a bounded time: what is found is right, if not always the shortest way to say
    /// it, and a difference is never passed over.
    fn between(artifact: &str, old: &str, new: &str) -> Self {
        let lines = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let mut drift = Self {
            artifact: artifact.to_owned(),
            unified: String::new(),
            added: lines(new),
            removed: lines(old),
            shortened: true,
        };
        if drift.added.max(drift.removed) > MAX_LINES {
            return drift;
        }
        let diff = TextDiff::configure().timeout(MAX_TIME).diff_lines(old, new);
        let changed = || diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
        drift.added = changed().map(|op| op.new_range().len()).sum();
        drift.removed = changed().map(|op| op.old_range().len()).sum();
        let mut shown = Shown(String::new());
        drift.shortened =
            write!(shown, "{}", diff.unified_diff().context_radius(2).header(artifact, artifact)).is_err();
        drift.unified = shown.0;
        drift
    }

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

/// A text that takes no more than [`MAX_SHOWN`] bytes, in whole lines.
struct Shown(String);

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_SHOWN {
            let whole = self.0.rfind('\n').map_or(0, |end| end + 1);
            self.0.truncate(whole);
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
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
        Some(TextDrift::between(name, &old, &new))
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
            shortened: false,
        };
        let [removed, added] = drift.first().map(|l| l.unwrap().text.to_string());
        assert_eq!((removed.as_str(), added.as_str()), ("old", "new"));
    }

    #[test]
    fn long_texts_are_compared_line_by_line() {
        let rule =
            |n: usize| format!("-A FORWARD -s 10.0.0.0/8 -d 203.0.113.7/32 -p tcp --dport {n} -j ACCEPT\n");
        let old: String = (0..100_000).map(rule).collect();
        let new: String =
            (0..100_000).filter(|n| n % 20_000 != 7).map(|n| rule(if n == 500 { 3389 } else { n })).collect();
        let drift = TextDrift::between("iptables-save.txt", &old, &new);
        assert_eq!((drift.added, drift.removed, drift.shortened), (1, 6, false));
        assert!(
            drift.unified.len() < 10_000
                && drift.unified.contains("\n--A")
                && drift.unified.contains("\n+-A")
        );
    }

    #[test]
    fn texts_without_anything_in_common_take_a_bounded_time_and_room() {
        let lines =
            |start: usize| (start..start + 300_000).map(|n| format!("line {n}\n")).collect::<String>();
        let drift = TextDrift::between("a.txt", &lines(0), &lines(1_000_000));
        assert!(drift.shortened && drift.unified.len() <= MAX_SHOWN && drift.unified.ends_with('\n'));
        assert_eq!((drift.added, drift.removed), (300_000, 300_000));
        let drift = TextDrift::between("a.txt", &"\n".repeat(MAX_LINES), "x");
        assert!(drift.shortened && drift.unified.is_empty() && drift.removed > drift.added);
    }
}
