//! Words and symbols of nft's text form (nft(8), LEXICAL CONVENTIONS).

use std::net::Ipv6Addr;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub line: u32,
    /// Byte offset of its first character, and behind its last.
    pub span: (usize, usize),
}

/// Kinds of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier, number, address, or `.`, `/`, `-` alone.
    Word(String),
    /// A quoted string.
    Quoted(String),
    /// `{`, `!=` and so on.
    Symbol(&'static str),
    /// End of a line or `;`.
    End,
}

const SYMBOLS: [&str; 21] = [
    "!=", "==", "<=", ">=", "<<", ">>", "{", "}", "(", ")", "[", "]", ",", "=", "!", "<", ">", "&", "|", "^",
    "+",
];

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '*' | '\\' | ':' | '@' | '$' | '%' | '~')
}

/// Cuts a text into tokens. Characters that are no part of the language become words of their own, so that nothing
/// is dropped.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut line = 1u32;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let at = text.len() - rest.len();
        let start = line;
        let (kind, length) = match c {
            '\n' => (Some(Kind::End), 1),
            ';' => (Some(Kind::End), 1),
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            '\\' if rest.starts_with("\\\n") || rest.starts_with("\\\r\n") => {
                line += 1;
                (None, rest.find('\n').map_or(1, |n| n + 1))
            }
            '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                let end = inside.find('"').unwrap_or(inside.len());
                let quoted = inside.get(..end).unwrap_or_default();
                line += u32::try_from(quoted.matches('\n').count()).unwrap_or(0);
                (Some(Kind::Quoted(quoted.to_owned())), (end + 2).min(rest.len()))
            }
            c if c.is_whitespace() => (None, c.len_utf8()),
            c if is_word(c) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default();
                push_words(&mut out, word, line, at);
                (None, end)
            }
            c => match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
                Some(symbol) => (Some(Kind::Symbol(symbol)), symbol.len()),
                None => (Some(Kind::Word(c.to_string())), c.len_utf8()),
            },
        };
        out.extend(kind.map(|kind| Token { kind, line: start, span: (at, at + length) }));
        if c == '\n' {
            line += 1;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

/// A run of word characters; a `:` that belongs to no address is a symbol.
fn push_words(out: &mut Vec<Token>, run: &str, line: u32, at: usize) {
    let span = (at, at + run.len());
    if !run.contains(':') || is_address(run) {
        out.push(Token { kind: Kind::Word(run.to_owned()), line, span });
        return;
    }
    for (i, part) in run.split(':').enumerate() {
        if i > 0 {
            out.push(Token { kind: Kind::Symbol(":"), line, span });
        }
        if !part.is_empty() {
            out.push(Token { kind: Kind::Word(part.to_owned()), line, span });
        }
    }
}

/// An IPv6 address, prefix or range, or a link-layer address.
fn is_address(run: &str) -> bool {
    let v6 = |text: &str| text.split_once('/').map_or(text, |(a, _)| a).parse::<Ipv6Addr>().is_ok();
    let mac = |text: &str| {
        let parts: Vec<&str> = text.split(':').collect();
        parts.len() == 6 && parts.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    v6(run) || mac(run) || run.split_once('-').is_some_and(|(a, b)| v6(a) && v6(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        tokens(text)
            .into_iter()
            .map(|t| match t.kind {
                Kind::Word(w) => w,
                Kind::Quoted(q) => format!("\"{q}\""),
                Kind::Symbol(s) => s.to_owned(),
                Kind::End => ";".to_owned(),
            })
            .collect()
    }

    #[test]
    fn colons_of_addresses_and_of_maps() {
        assert_eq!(texts("ip6 saddr fe80::/10 # x"), ["ip6", "saddr", "fe80::/10"]);
        assert_eq!(
            texts("{22:accept,2001:db8::1:drop}"),
            ["{", "22", ":", "accept", ",", "2001", ":", "db8", ":", ":", "1", ":", "drop", "}"]
        );
        assert_eq!(texts("to [2001:db8::1]:80"), ["to", "[", "2001:db8::1", "]", ":", "80"]);
        assert_eq!(texts("to 192.0.2.1:80-90"), ["to", "192.0.2.1", ":", "80-90"]);
        assert_eq!(texts("00:11:22:33:44:55"), ["00:11:22:33:44:55"]);
    }

    #[test]
    fn lines_and_continuations() {
        let all = tokens("a \\\nb\nc \"x\ny\" d");
        let lines: Vec<u32> = all.iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 2, 2, 3, 3, 4]);
        assert_eq!(texts("a\u{7}é"), ["a", "\u{7}", "é"]);
    }
}
