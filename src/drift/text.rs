//! Text against text, with what is volatile taken out: it only shows where a difference of meaning comes from.

use regex::Regex;
use similar::TextDiff;

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
}

/// Longest text, in bytes, that is compared line by line; larger ones are only said to differ.
const MAX_COMPARED: usize = 4 << 20;

/// Takes the volatile parts out of artifacts.
pub struct Normaliser {
    patterns: Vec<(&'static str, Regex, &'static str)>,
    unordered: Vec<(Unordered, Regex)>,
}

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
            text = regex.replace_all(&text, *replacement).into_owned();
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
        };
        let [removed, added] = drift.first().map(|l| l.unwrap().text.to_string());
        assert_eq!((removed.as_str(), added.as_str()), ("old", "new"));
    }
}
