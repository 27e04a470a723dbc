//! `name = value` files: main.cf, and what `postconf`, `postconf -n` and `postconf -P` print (postconf(5)).

use std::collections::BTreeMap;

use super::logical::{self, Logical};
use crate::finding::Location;

/// One setting as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    line: Logical,
    value_offset: usize,
}

impl Setting {
    /// The value as written, continuation lines joined.
    pub(super) fn value(&self) -> &str {
        self.line.text.get(self.value_offset..).unwrap_or_default()
    }

    /// Where an offset of the value stands.
    pub(super) fn at(&self, offset: usize) -> Location {
        self.line.at(self.value_offset + offset)
    }
}

/// The settings of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    by_name: BTreeMap<String, Setting>,
    /// Lines that are no setting.
    pub(super) unread: Vec<Location>,
    /// Settings that a later one overrides.
    pub(super) overridden: Vec<Location>,
}

impl Settings {
    /// Reads a file; the last setting of a name wins.
    pub(super) fn read(file: &str, text: &str) -> Self {
        let (lines, unread) = logical::lines(file, text);
        let mut settings = Self { unread, ..Self::default() };
        for line in lines {
            let Some((name, value)) = line.text.split_once('=') else {
                settings.unread.push(line.at(0));
                continue;
            };
            let value_offset = line.text.len() - value.trim_start().len();
            let name = name.trim().to_owned();
            let setting = Setting { value_offset, line };
            if let Some(old) = settings.by_name.insert(name, setting) {
                settings.overridden.push(old.line.at(0));
            }
        }
        settings
    }

    /// The setting of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.by_name.get(name)
    }

    /// Every name with its setting.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.by_name.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// Values that mean the same: white space and commas between words do not count.
pub(super) fn same_value(a: &str, b: &str) -> bool {
    let words = |text| logical::split(text, true).into_iter().map(|w| squeeze(w.text)).collect::<Vec<_>>();
    words(a) == words(b)
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_setting_wins() {
        let settings = Settings::read("main.cf", "a = 1\nb=2 = 3\n a\na =\n\n#x\n   4\nnonsense\n");
        assert_eq!(settings.get("a").unwrap().value(), "4");
        assert_eq!(settings.get("b").unwrap().value(), "2 = 3 a");
        assert_eq!(settings.overridden.len(), 1);
        assert_eq!(settings.unread.len(), 1);
        assert_eq!(settings.get("a").unwrap().at(0).line, Some(7));
    }

    #[test]
    fn white_space_and_commas_do_not_count() {
        assert!(same_value("permit_mynetworks,\n  reject", "permit_mynetworks, reject"));
        assert!(!same_value("permit_mynetworks reject", "permit_mynetworks"));
    }
}
