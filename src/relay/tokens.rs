//! The tokens of a mail address: RFC 822 words, quoted strings, literals and comments, and the operators that servers
//! add to them (`%`, `!`, `|`). Nothing is rejected here: whatever the bytes, there is a token list.

/// Characters that are a token of their own outside quotes.
const OPERATORS: &str = "|%!()<>@,;:\\\".[]";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Atom(String),
    Quoted(String),
    Literal(String),
    Comment(String),
    Op(char),
}

/// Internal form to external form: the local part becomes a quoted string where it must.
pub(super) fn quote(address: &str) -> String {
    let start = if address.starts_with('@') { address.find(':').map_or(0, |c| c + 1) } else { 0 };
    let (route, rest) = address.split_at_checked(start).unwrap_or(("", address));
    let end = rest.rfind('@').unwrap_or(rest.len());
    let (local, domain) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if is_dot_string(local) {
        return address.to_owned();
    }
    let mut out = format!("{route}\"");
    push_escaped(&mut out, local, "\"\\\r");
    out.push('"');
    out.push_str(domain);
    out
}

/// External form to internal form: quotes and backslashes go from the local part.
pub(super) fn unquote(address: &str) -> String {
    let (mut out, mut quoted, mut domain) = (String::new(), false, None);
    let mut chars = address.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            _ => {
                if c == '@' && !quoted {
                    domain = Some((out.len(), i));
                }
                out.push(c);
            }
        }
    }
    if let Some((length, at)) = domain {
        out.truncate(length);
        out.push_str(address.get(at..).unwrap_or_default());
    }
    out
}

fn is_dot_string(local: &str) -> bool {
    let special = |c: char| c == ' ' || c.is_control() || "()<>@,;:\\\"[]".contains(c);
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local.contains(special)
}

fn push_escaped(out: &mut String, text: &str, special: &str) {
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}

pub(super) fn last(tokens: &[Token], op: char) -> Option<usize> {
    tokens.iter().rposition(|t| *t == Token::Op(op))
}

/// Strips one dot at the end of a domain, unless another dot or the `@` stands before it.
pub(super) fn strip_dot(tokens: &mut Vec<Token>, in_domain: bool) {
    if let [.., before, Token::Op('.')] = tokens.as_slice()
        && in_domain
        && !matches!(before, Token::Op('.' | '@'))
    {
        tokens.pop();
    }
}

pub(super) fn internal(tokens: &[Token]) -> String {
    let mut out = String::new();
    for token in tokens {
        match token {
            Token::Atom(t) | Token::Quoted(t) | Token::Comment(t) => out.push_str(t),
            Token::Literal(t) => {
                out.push('[');
                out.push_str(t);
                out.push(']');
            }
            Token::Op(c) => out.push(*c),
        }
    }
    out
}

pub(super) fn external(tokens: &[Token]) -> String {
    let mut out = String::new();
    for token in tokens {
        match token {
            Token::Atom(t) | Token::Comment(t) => out.push_str(t),
            Token::Quoted(t) => {
                out.push('"');
                push_escaped(&mut out, t, "\"\\\r\n");
                out.push('"');
            }
            Token::Literal(t) => {
                out.push('[');
                push_escaped(&mut out, t, "\\\r\n");
                out.push(']');
            }
            Token::Op(c) => out.push(*c),
        }
    }
    out
}

pub(super) fn scan(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '(' => tokens.push(Token::Comment(comment(&mut chars))),
            '[' => tokens.push(Token::Literal(collect(&mut chars, ']'))),
            '"' => tokens.push(Token::Quoted(collect(&mut chars, '"'))),
            c if c != '\\' && OPERATORS.contains(c) => tokens.push(Token::Op(c)),
            first => tokens.push(word(first, &mut chars)),
        }
    }
    tokens
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn word(first: char, chars: &mut Chars<'_>) -> Token {
    let mut text = String::new();
    let mut next = Some(first);
    while let Some(c) = next {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
        next = chars.next_if(|c| *c == '\\' || !(c.is_ascii_whitespace() || OPERATORS.contains(*c)));
    }
    let needs_quotes = text.contains(|c: char| c == ' ' || c.is_control() || OPERATORS.contains(c));
    if needs_quotes { Token::Quoted(text) } else { Token::Atom(text) }
}

fn collect(chars: &mut Chars<'_>, end: char) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            c if c == end => break,
            c => text.push(if c.is_ascii_whitespace() { ' ' } else { c }),
        }
    }
    text
}

fn comment(chars: &mut Chars<'_>) -> String {
    let (mut text, mut depth) = (String::from("("), 1);
    while let Some(c) = chars.next() {
        text.push(c);
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\\' => text.extend(chars.next()),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    text
}
