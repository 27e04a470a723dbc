//! Text from devices and users made harmless for a terminal, and its width there.

use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with everything escaped that a terminal would act on or that would show it in another order: control
/// characters (ECMA-48), line and paragraph separators, and the invisible characters of Unicode's bidirectional
/// algorithm (UAX #9) and its kin. A tab becomes a blank.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' {
            out.push(' ');
        } else if is_harmful(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Columns that a text takes on a terminal (UAX #11: full-width characters take two).
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text with blanks behind it up to a number of columns.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A word for a POSIX shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", escape(word).replace('\'', r"'\''"))
}

fn is_harmful(c: char) -> bool {
    let invisible = matches!(u32::from(c),
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF
        | 0xFFF9..=0xFFFB | 0xE0000..=0xE007F);
    c.is_control() || invisible || c.width().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(escape("a\x1b[2Jb\r\n\t秋田"), "a\\u{1b}[2Jb\\u{d}\\u{a} 秋田");
        assert_eq!(escape("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(escape("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(width("秋田 x"), 6);
    }

    #[test]
    fn words_for_a_shell() {
        assert_eq!(quoted("audit@fw-edge"), "audit@fw-edge");
        assert_eq!(quoted("nft -f -"), "'nft -f -'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            prop_assert!(!escape(&text).chars().any(is_harmful));
        }
    }
}
