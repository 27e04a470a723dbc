//! Regular expressions of other tools in the words of the `regex` crate.
//!
//! POSIX extended expressions follow regex(7) with the GNU escapes, Perl ones pcrepattern(3). What means something
//! else here, or needs backtracking (back-references, look-around), is `None`: the caller counts it as unknown.

use std::iter::Peekable;
use std::str::Chars;

/// Whose rules a regular expression is written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// POSIX extended (regcomp(3) with `REG_EXTENDED`).
    Posix,
    /// Perl-compatible.
    Perl,
}

/// The expression in the syntax of the `regex` crate.
pub(super) fn translate(pattern: &str, dialect: Dialect) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '[' => bracket(&mut chars, dialect, &mut out)?,
            '\\' if dialect == Dialect::Posix => posix_escape(chars.next()?, &mut out)?,
            '\\' => perl_escape(&mut chars, &mut out)?,
            '(' if dialect == Dialect::Posix && chars.peek() == Some(&'?') => return None,
            '(' if dialect == Dialect::Perl => group(&chars, &mut out)?,
            '*' | '+' | '?' if dialect == Dialect::Posix => out.push(posix_repeat(c, &mut chars)?),
            '{' if dialect == Dialect::Posix => interval(&mut chars, &mut out)?,
            c => out.push(c),
        }
    }
    Some(out)
}

/// A bracket expression. In POSIX a backslash is an ordinary character here; in both a `[` is, unless it begins a
/// named class; `&&`, `--` and `~~` are operators only in the `regex` crate.
fn bracket(chars: &mut Peekable<Chars<'_>>, dialect: Dialect, out: &mut String) -> Option<()> {
    out.push('[');
    out.extend(chars.next_if_eq(&'^'));
    let mut first = true;
    loop {
        match chars.next()? {
            ']' if !first => break,
            '[' => match chars.peek()? {
                ':' => named_class(chars, out)?,
                '.' | '=' if dialect == Dialect::Posix => return None,
                _ => out.push_str("\\["),
            },
            '\\' if dialect == Dialect::Posix => out.push_str("\\\\"),
            '\\' => match chars.next()? {
                c @ ('<' | '>' | '"' | '\'' | '`') => out.push(c),
                'h' | 'v' | 'N' | 'R' | 'Q' | 'E' => return None,
                c => out.extend(['\\', c]),
            },
            c @ (']' | '&' | '~') => out.extend(['\\', c]),
            c => out.push(c),
        }
        first = false;
    }
    out.push(']');
    Some(())
}

fn named_class(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    for _ in 0..12 {
        let c = chars.next()?;
        out.push(c);
        if c == ']' {
            return Some(());
        }
    }
    None
}

fn posix_escape(c: char, out: &mut String) -> Option<()> {
    match c {
        'w' | 'W' | 's' | 'S' | 'b' | 'B' | '<' | '>' => out.extend(['\\', c]),
        '`' => out.push_str("\\A"),
        '\'' => out.push_str("\\z"),
        '1'..='9' => return None,
        c if c.is_alphanumeric() => out.push(c),
        c if c.is_ascii_punctuation() => out.extend(['\\', c]),
        c => out.push(c),
    }
    Some(())
}

fn perl_escape(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    match chars.next()? {
        'Z' => out.push_str("\\z"),
        'h' => out.push_str("[ \\t]"),
        'Q' => {
            let mut text = String::new();
            while let Some(c) = chars.next() {
                if c == '\\' && chars.peek() == Some(&'E') {
                    chars.next();
                    break;
                }
                text.push(c);
            }
            out.push_str(&regex_syntax::escape(&text));
        }
        c @ ('<' | '>') => out.push(c),
        '1'..='9' | 'g' | 'k' | 'K' | 'G' | 'R' | 'X' | 'N' | 'C' | 'c' | 'e' | 'o' | 'E' => return None,
        c => out.extend(['\\', c]),
    }
    Some(())
}

/// Groups that look around, are atomic, recurse or branch need backtracking.
fn group(chars: &Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    let mut ahead = chars.clone();
    if ahead.next() == Some('*') {
        return None;
    }
    let mut ahead = chars.clone();
    if ahead.next() == Some('?') {
        match (ahead.next()?, ahead.next()) {
            ('=' | '!' | '>' | '|' | '#' | 'R' | '&' | '(' | '+' | '\'' | '0'..='9', _)
            | ('<', Some('=' | '!'))
            | ('P', Some('=' | '>')) => return None,
            _ => {}
        }
    }
    out.push('(');
    Some(())
}

/// `X+?` is `(X+)?` in POSIX, not a lazy repetition: runs of repetition operators become the one they are equal to.
fn posix_repeat(first: char, chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    let mut all = first;
    while let Some(next) = chars.next_if(|c| matches!(c, '*' | '+' | '?')) {
        all = if all == next { all } else { '*' };
    }
    (chars.peek() != Some(&'{')).then_some(all)
}

fn interval(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    let mut inner = String::new();
    loop {
        match chars.next()? {
            '}' => break,
            c if c.is_ascii_digit() || c == ',' => inner.push(c),
            _ => return None,
        }
    }
    if matches!(chars.peek(), Some('*' | '+' | '?' | '{')) || inner.is_empty() || inner == "," {
        return None;
    }
    let lower = if inner.starts_with(',') { "0" } else { "" };
    out.push_str(&format!("{{{lower}{inner}}}"));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, dialect: Dialect, text: &str) -> Option<bool> {
        let pattern = translate(pattern, dialect)?;
        Some(regex::Regex::new(&pattern).ok()?.is_match(text))
    }

    #[test]
    fn posix_differs_where_it_differs() {
        use Dialect::Posix;
        assert_eq!(matches(r"^[\.]$", Posix, "\\"), Some(true), "a backslash in brackets is itself");
        assert_eq!(matches(r"^a+?$", Posix, ""), Some(true), "a repetition of a repetition, not a lazy one");
        assert_eq!(matches(r"^\d$", Posix, "d"), Some(true), "no digit class in POSIX");
        assert_eq!(matches(r"^[[]x$", Posix, "[x"), Some(true));
        assert_eq!(matches(r"^[]a]$", Posix, "]"), Some(true));
        assert_eq!(matches(r"^[[:digit:]]{,2}$", Posix, "12"), Some(true));
        assert_eq!(matches(r"(a)\1", Posix, "aa"), None);
        assert_eq!(matches(r"(?:a)", Posix, "a"), None);
    }

    #[test]
    fn perl_keeps_what_a_linear_engine_can_do() {
        use Dialect::Perl;
        assert_eq!(matches(r"^\d[\d\.\-]$", Perl, "1."), Some(true));
        assert_eq!(matches(r"^\Qa.b\E$", Perl, "a.b"), Some(true));
        assert_eq!(matches(r"^\Qa.b\E$", Perl, "axb"), Some(false));
        assert_eq!(matches(r"^(?<user>[^@]+)\@\<$", Perl, "x@<"), Some(true));
        for needs_backtracking in [r"(?!x)y", r"(?<=x)y", r"(a)\1", r"(?>a)b", r"(?(1)a)"] {
            assert_eq!(matches(needs_backtracking, Perl, "y"), None, "{needs_backtracking}");
        }
    }
}
