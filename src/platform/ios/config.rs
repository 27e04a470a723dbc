//! The text of a configuration as sections: a line without indentation, and the indented lines below it.
//!
//! Texts for people (banners, menus, macros) run up to a mark of their own and may look like anything; they are no
//! configuration (IOS Configuration Fundamentals Command Reference, `banner`).

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// 1-based.
    pub number: u32,
    /// Without the blanks around it.
    pub text: &'a str,
}

/// A line without indentation, and what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section<'a> {
    /// The line.
    pub head: Line<'a>,
    /// The indented lines in order, however deep.
    pub below: Vec<Line<'a>>,
}

/// A configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Config<'a> {
    /// In order.
    pub sections: Vec<Section<'a>>,
    /// A text for people that does not end: nothing behind its first line is known.
    pub endless: Option<Line<'a>>,
}

/// Whether the text ends as a listing of a whole configuration does.
pub(super) fn is_whole(text: &str) -> bool {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()) == Some("end")
}

/// Reads a text.
pub(super) fn read(text: &str) -> Config<'_> {
    let mut config = Config::default();
    let mut lines = (1u32..).zip(text.lines());
    while let Some((number, raw)) = lines.next() {
        let line = Line { number, text: raw.trim() };
        if line.text.is_empty() || line.text.starts_with('!') {
            continue;
        }
        let indented = raw.starts_with([' ', '\t']);
        if let Some(mark) = mark(line.text, indented) {
            if !lines.by_ref().any(|(_, text)| mark.ends(text)) {
                config.endless = Some(line);
                return config;
            }
            continue;
        }
        match config.sections.last_mut().filter(|_| indented) {
            Some(section) => section.below.push(line),
            None => config.sections.push(Section { head: line, below: Vec::new() }),
        }
    }
    config
}

/// What ends a text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark<'a> {
    /// A line that holds this.
    Holds(&'a str),
    /// A line that is this.
    Is(&'a str),
}

impl Mark<'_> {
    fn ends(self, line: &str) -> bool {
        match self {
            Self::Holds(mark) => line.contains(mark),
            Self::Is(mark) => line.trim() == mark,
        }
    }
}

/// First words of lines that may hold a text for people between two `^C`.
const TEXTS: &[&str] = &["aaa", "banner", "menu", "refuse-message", "vacant-message"];

/// The mark of a text for people that begins in this line and does not end in it.
fn mark(line: &str, indented: bool) -> Option<Mark<'_>> {
    if line.starts_with("macro name ") && !indented {
        return Some(Mark::Is("@"));
    }
    let text = match line.strip_prefix("banner ").filter(|_| !indented) {
        Some(rest) => {
            // the kind may be left out: the mark follows at once
            let kinds = ["motd", "login", "exec", "incoming", "prompt-timeout", "slip-ppp", "config-save"];
            let kind = kinds.iter().find_map(|kind| rest.trim_start().strip_prefix(kind));
            kind.unwrap_or(rest).trim_start()
        }
        None => {
            let word = line.split_whitespace().next()?;
            line.get(line.find("^C")?..).filter(|_| TEXTS.contains(&word))?
        }
    };
    let mark = if text.starts_with("^C") { "^C" } else { text.get(..text.chars().next()?.len_utf8())? };
    let rest = text.strip_prefix(mark)?;
    (!rest.contains(mark)).then_some(Mark::Holds(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> Vec<&str> {
        read(text).sections.iter().map(|s| s.head.text).collect()
    }

    #[test]
    fn texts_for_people_are_no_configuration() {
        let text = "hostname a\nbanner motd ^C\nip http server\n^C\nbanner login #one line#\nbanner exec @ two\n\
            ip http server\nlines @\nbanner ^\nno\n^\nmacro name x\nip http server\n@\naaa authentication banner ^Cx\ny^C\n\
            interface A\n ip address 1.1.1.1 255.0.0.0\n! no\n!\n shutdown\nend\n";
        assert_eq!(heads(text), ["hostname a", "banner login #one line#", "interface A", "end"]);
        assert_eq!(read(text).sections[2].below.len(), 2);
        let text = "interface A\n description to ^C\n ip address dhcp\nline vty 0 4\n refuse-message ^C\nno\n^C\n login\n";
        assert_eq!(heads(text), ["interface A", "line vty 0 4"]);
        assert_eq!(read(text).sections.iter().map(|s| s.below.len()).collect::<Vec<_>>(), [2, 1]);
        let endless = "hostname a\nbanner motd ^C\nhello\n";
        assert_eq!(read(endless).endless.map(|l| l.number), Some(2));
    }

    #[test]
    fn the_end_is_the_last_word() {
        assert!(is_whole("a\nend\n\n"));
        assert!(!is_whole("a\nend\nb\n") && !is_whole("a\n friend\n") && !is_whole(""));
    }
}
