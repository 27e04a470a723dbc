//! Text against text, with what is volatile taken out: it only shows where a difference of meaning comes from.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

use regex::Regex;
use similar::{DiffOp, TextDiff};

use crate::evidence::DeviceEvidence;
use crate::finding::Location;
use crate::platform::{self, Unordered};

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

/// Takes the volatile parts out of artifacts.
pub struct Normaliser {
    patterns: Vec<(&'static str, Regex, &'static str)>,
    unordered: Vec<(Unordered, Regex)>,
}

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
    /// For artifacts of these platforms. Patterns that do not compile are a mistake of ours that a test finds.
    pub fn of(platforms: &[String]) -> Self {
        let (noise, unordered) = (platform::noise(platforms), platform::unordered(platforms));
        let unordered =
            unordered.into_iter().filter_map(|u| Some((u, Regex::new(&format!("(?m){}", u.pattern)).ok()?)));
        let patterns = noise.into_iter().filter_map(|n| {
            let regex = Regex::new(&format!("(?m){}", n.pattern)).ok()?;
            Some((n.artifacts, regex, n.replacement))
        });
        Self { patterns: patterns.collect(), unordered: unordered.collect() }
    }

    /// The artifact's text without what changes by itself.
    pub fn text(&self, artifact: &str, text: &str) -> String {
        let mut text = text.replace("\r\n", "\n");
        for (_, regex, replacement) in self.patterns.iter().filter(|(names, ..)| covers(names, artifact)) {
            if let Cow::Owned(replaced) = regex.replace_all(&text, *replacement) {
                text = replaced;
            }
        }
        for (unordered, regex) in self.unordered.iter().filter(|(u, _)| covers(u.artifacts, artifact)) {
            text = sorted(&text, regex, unordered.separator);
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
        Some(TextDrift::between(name, &old, &new))
    }
}

/// The text with the elements of every list in one order.
fn sorted(text: &str, list: &Regex, separator: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for found in list.captures_iter(text).filter_map(|c| c.name("list")) {
        let mut elements: Vec<&str> =
            found.as_str().split(separator).map(str::trim).filter(|e| !e.is_empty()).collect();
        elements.sort_unstable();
        out.push_str(text.get(end..found.start()).unwrap_or_default());
        out.push_str(&elements.join(&format!("{separator} ")));
        end = found.end();
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

/// Whether a name, or a beginning that ends in `*`, covers an artifact.
pub fn covers(names: &str, artifact: &str) -> bool {
    match names.strip_suffix('*') {
        Some(start) => artifact.starts_with(start),
        None => artifact == names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(artifact: &str, text: &str) -> String {
        let platforms: Vec<String> = platform::REGISTRY.iter().map(|p| p.id().to_owned()).collect();
        Normaliser::of(&platforms).text(artifact, text)
    }

    #[test]
    fn every_pattern_compiles() {
        let all: Vec<String> = platform::REGISTRY.iter().map(|p| p.id().to_owned()).collect();
        let normaliser = Normaliser::of(&all);
        assert_eq!(normaliser.patterns.len(), platform::noise(&all).len());
        assert_eq!(normaliser.unordered.len(), platform::unordered(&all).len());
    }

    #[test]
    fn sets_have_no_order() {
        let one = normal("nft.txt", "elements = { 587, 465,\n\t\t 25 }\ntcp dport { 80, 22 } accept\n");
        let other = normal("nft.txt", "elements = { 25, 465, 587 }\ntcp dport { 22, 80 } accept\n");
        assert_eq!(one, other);
        assert_ne!(one, normal("nft.txt", "elements = { 25, 465 }\ntcp dport { 22, 80 } accept\n"));
    }

    #[test]
    fn counters_are_noise_and_rules_are_not() {
        let one =
            normal("iptables-save.txt", "# Generated by x on Sun\n:INPUT DROP [5:300]\n-A INPUT -j ACCEPT\n");
        assert_eq!(one, normal("iptables-save.txt", ":INPUT DROP [0:0]\n-A INPUT -j ACCEPT\n"));
        assert_ne!(one, normal("iptables-save.txt", ":INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\n"));
    }

    #[test]
    fn what_postconf_says_of_itself_is_noise() {
        let effective = |id: u32, directory: &str| {
            let text = format!("process_id = {id}\nprocess_id_directory = {directory}\n");
            normal("postconf-effective.txt", &text)
        };
        assert_eq!(effective(2041, "pid"), effective(2420, "pid"));
        assert_ne!(effective(2041, "pid"), effective(2041, "var"));
    }

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
