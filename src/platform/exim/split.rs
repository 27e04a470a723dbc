//! Lists and braces: how Exim takes a text apart (Exim specification, 6.20 and 11).

/// The items of a list. A colon separates them, or the character behind a leading `<`; twice, it stands for itself.
pub(super) fn items(text: &str) -> Vec<String> {
    let mut rest = text.trim_start();
    let mut separator = ':';
    if let Some(changed) = rest.strip_prefix('<')
        && let Some(c) = changed.chars().next().filter(|c| c.is_ascii_punctuation() || c.is_control())
    {
        separator = c;
        rest = changed.get(c.len_utf8()..).unwrap_or_default();
    }
    let mut out = Vec::new();
    let mut chars = rest.chars().peekable();
    while chars.peek().is_some() {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() && !out.is_empty() {
            break;
        }
        let mut item = String::new();
        while let Some(c) = chars.next() {
            if c != separator {
                item.push(c);
            } else if chars.next_if_eq(&separator).is_some() {
                item.push(separator);
            } else {
                break;
            }
        }
        out.push(item.trim_end().to_owned());
    }
    // white space alone is no item
    if out.len() == 1 && rest.trim().is_empty() {
        out.clear();
    }
    out
}

/// What stands in the braces at the beginning of a text, and what follows them.
pub(super) fn braced(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim_start().strip_prefix('{')?;
    let end = closing(inner)?;
    Some((inner.get(..end)?, inner.get(end + 1..)?))
}

/// Where the brace that is open at the beginning is closed.
pub(super) fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut protected) = (0usize, false);
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' if chars.next().is_some_and(|(_, c)| c == 'N') => protected = !protected,
            '\\' => {}
            _ if protected => {}
            '{' => depth += 1,
            '}' if depth == 0 => return Some(i),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// All braces in a row, and what follows them.
pub(super) fn all_braced(mut text: &str) -> (Vec<&str>, &str) {
    let mut out = Vec::new();
    while let Some((inner, rest)) = braced(text) {
        out.push(inner);
        text = rest;
    }
    (out, text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators() {
        assert_eq!(items("a : b:c"), ["a", "b", "c"]);
        assert_eq!(items("10.0.0.0/8 : ::::1"), ["10.0.0.0/8", "::1"]);
        assert_eq!(items("<; 10.0.0.0/8 ; ::1"), ["10.0.0.0/8", "::1"]);
        assert_eq!(items(":"), [""]);
        assert_eq!(items("a:"), ["a"]);
        assert_eq!(items(": a"), ["", "a"]);
        assert_eq!(items("  "), Vec::<String>::new());
        assert_eq!(items("<\n a : b"), ["a : b"]);
    }

    #[test]
    fn braces() {
        assert_eq!(braced(" {a{b}c} d"), Some(("a{b}c", " d")));
        assert_eq!(braced(r"{\N^a{2}}$\N} x"), Some((r"\N^a{2}}$\N", " x")));
        assert_eq!(braced("{a"), None);
        assert_eq!(all_braced("{a} {b}fail"), (vec!["a", "b"], "fail"));
    }
}
