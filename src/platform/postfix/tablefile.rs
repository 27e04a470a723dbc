//! The text of lookup tables: postmap(1) sources, aliases(5), cidr_table(5), regexp_table(5), pcre_table(5).
//!
//! A row that Postfix warns about and skips is skipped here too; a row that only *we* cannot evaluate stays, as a
//! match that nobody knows.

use std::sync::Arc;

use super::logical::{self, Logical};
use crate::finding::Location;
use crate::packet::address::{AddressSet, Prefix};
use crate::relay::{Content, Dialect, Partition, Pattern, PatternOptions, PatternRow, Row, Test};

/// Most rows with regular expressions in one table.
const MAX_PATTERNS: usize = 20_000;

/// What was read, and the rows that Postfix skips.
#[derive(Debug)]
pub(super) struct TableText {
    pub(super) content: Content,
    pub(super) skipped: Vec<Location>,
}

/// `key value` rows, as postmap(1) compiles them: keys in lower case, the first of equal keys wins.
pub(super) fn keyed(file: &str, text: &str) -> TableText {
    let (lines, mut skipped) = logical::lines(file, text);
    let mut rows = Vec::new();
    for line in &lines {
        match key_value(&line.text) {
            Some((key, value)) if !value.is_empty() => insert(&mut rows, key, value, line.at(0)),
            _ => skipped.push(line.at(0)),
        }
    }
    TableText { content: Content::Keyed(rows.into_iter().collect()), skipped }
}

/// `name: value` rows, as postalias(1) compiles them.
pub(super) fn aliases(file: &str, text: &str) -> TableText {
    let (lines, mut skipped) = logical::lines(file, text);
    let mut rows = Vec::new();
    for line in &lines {
        let (key, rest) = match line.text.strip_prefix('"').and_then(|t| t.split_once('"')) {
            Some((key, rest)) => (key, rest.trim_start().strip_prefix(':')),
            None => line.text.split_once(':').map_or(("", None), |(k, v)| (k.trim(), Some(v))),
        };
        match rest {
            Some(value) if !key.is_empty() => insert(&mut rows, key, value.trim(), line.at(0)),
            _ => skipped.push(line.at(0)),
        }
    }
    TableText { content: Content::Keyed(rows.into_iter().collect()), skipped }
}

/// Names in the first field of passwd(5) lines; a line may be the name alone.
pub(super) fn account_names(file: &str, text: &str) -> TableText {
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let name = line.split(':').next().unwrap_or_default().trim();
        if !name.is_empty() && !name.starts_with('#') {
            let at = Location::at(file, u32::try_from(number + 1).unwrap_or(u32::MAX), name);
            insert(&mut rows, name, name, at);
        }
    }
    TableText { content: Content::Keyed(rows.into_iter().collect()), skipped: Vec::new() }
}

fn insert(rows: &mut Vec<(Box<str>, Row)>, key: &str, value: &str, at: Location) {
    rows.push((key.to_lowercase().into(), Row { value: value.into(), at }));
}

fn key_value(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('"') {
        let (key, value) = rest.split_once('"')?;
        return Some((key, value.trim()));
    }
    let (key, value) = text.split_once([' ', '\t'])?;
    Some((key, value.trim()))
}

/// Networks in order, with `!`, `if` and `endif`.
pub(super) fn networks(file: &str, text: &str) -> TableText {
    let (lines, mut skipped) = logical::lines(file, text);
    let (mut sets, mut rows) = (Vec::new(), Vec::new());
    let mut enclosing: Vec<AddressSet> = Vec::new();
    for line in &lines {
        let (first, rest) = line.text.split_once([' ', '\t']).unwrap_or((&line.text, ""));
        if first.eq_ignore_ascii_case("endif") {
            enclosing.pop();
            continue;
        }
        let is_if = first.eq_ignore_ascii_case("if");
        let (pattern, value) = if is_if { (rest.trim(), "") } else { (first, rest.trim()) };
        let pattern = pattern.split([' ', '\t']).next().unwrap_or_default();
        match network(pattern) {
            Some(set) if is_if => enclosing.push(set),
            Some(set) if !value.is_empty() => {
                sets.push(enclosing.iter().fold(set, |all, one| all.intersection(one)));
                rows.push(Row { value: value.into(), at: line.at(0) });
            }
            _ => {
                skipped.push(line.at(0));
                if is_if {
                    enclosing.push(AddressSet::all());
                }
            }
        }
    }
    TableText { content: Content::Networks { partition: Partition::first_match(&sets), rows }, skipped }
}

fn network(text: &str) -> Option<AddressSet> {
    let negated = text.chars().take_while(|c| *c == '!').count() % 2 == 1;
    let bare: String = text.trim_start_matches('!').chars().filter(|c| !matches!(c, '[' | ']')).collect();
    let set = AddressSet::from(bare.parse::<Prefix>().ok()?);
    Some(if negated { set.complement() } else { set })
}

/// Regular expressions in order, with `!`, `if` and `endif`. Where `substitution` is forbidden, rows with `$1` are
/// skipped, as Postfix does.
pub(super) fn patterns(file: &str, text: &str, dialect: Dialect, substitution: bool) -> TableText {
    let (lines, mut skipped) = logical::lines(file, text);
    let mut rows = Vec::new();
    let mut enclosing: Vec<Test> = Vec::new();
    for line in lines.iter().take(MAX_PATTERNS) {
        match pattern_line(line, dialect, substitution, &mut enclosing) {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => {}
            Err(()) => skipped.push(line.at(0)),
        }
    }
    if let Some(line) = lines.get(MAX_PATTERNS) {
        // beyond the limit anything may match
        let row = Row { value: "".into(), at: line.at(0) };
        rows.push(PatternRow { tests: vec![Test { pattern: None, expect: true }], row });
    }
    TableText { content: Content::Patterns(rows), skipped }
}

fn pattern_line(
    line: &Logical,
    dialect: Dialect,
    substitution: bool,
    enclosing: &mut Vec<Test>,
) -> Result<Option<PatternRow>, ()> {
    let text = line.text.as_str();
    let word = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if word.eq_ignore_ascii_case("endif") {
        return enclosing.pop().map(|_| None).ok_or(());
    }
    if word.eq_ignore_ascii_case("if") {
        let (test, _) = expression(text.get(2..).ok_or(())?.trim_start(), dialect).ok_or(())?;
        enclosing.push(test);
        return Ok(None);
    }
    if !word.is_empty() {
        return Err(());
    }
    let mut tests = enclosing.clone();
    let (test, mut rest) = expression(text, dialect).ok_or(())?;
    if dialect == Dialect::Posix && rest.starts_with('!') {
        let (second, after) = expression(rest, dialect).ok_or(())?;
        tests.push(second);
        rest = after;
    }
    let value = rest.trim();
    let references = value.replace("$$", "").contains('$');
    let too_many = test.pattern.as_ref().is_some_and(|p| highest_group(value) > p.groups());
    if references && (!test.expect || !substitution || too_many) {
        return Err(());
    }
    let value: Arc<str> = if references { value.into() } else { value.replace("$$", "$").into() };
    tests.push(test);
    Ok(Some(PatternRow { tests, row: Row { value, at: line.at(0) } }))
}

fn highest_group(template: &str) -> usize {
    let digits = |t: &str| t.chars().take_while(char::is_ascii_digit).collect::<String>();
    template
        .replace("$$", "")
        .split('$')
        .skip(1)
        .filter_map(|t| digits(t.trim_start_matches(['{', '('])).parse().ok())
        .max()
        .unwrap_or(0)
}

/// `!/pattern/flags` and what follows it.
fn expression(text: &str, dialect: Dialect) -> Option<(Test, &str)> {
    let negated = text.chars().take_while(|c| *c == '!').count() % 2 == 1;
    let text = text.trim_start_matches('!').trim_start();
    let delimiter = text.chars().next()?;
    let body = text.get(delimiter.len_utf8()..)?;
    let (mut end, mut escaped) = (None, false);
    for (i, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == delimiter {
            end = Some(i);
            break;
        }
    }
    let (source, behind) = body.split_at_checked(end?)?;
    let behind = behind.get(delimiter.len_utf8()..)?;
    let stop = |c: char| c.is_ascii_whitespace() || (c == '!' && dialect == Dialect::Posix);
    let (flags, rest) = behind.split_at_checked(behind.find(stop).unwrap_or(behind.len()))?;
    let (options, extended) = options(flags, dialect)?;
    let pattern = if extended { Pattern::new(source, options).map(Arc::new) } else { None };
    Some((Test { pattern, expect: !negated }, rest))
}

/// Flags toggle the defaults; the second part is whether the syntax is one that can be evaluated here.
fn options(flags: &str, dialect: Dialect) -> Option<(PatternOptions, bool)> {
    let mut options = PatternOptions {
        dialect,
        ignore_case: true,
        multi_line: false,
        dot_all: true,
        ignore_space: false,
        ungreedy: false,
        anchored: false,
    };
    let mut extended = true;
    for flag in flags.chars() {
        match (flag, dialect) {
            ('i', _) => options.ignore_case ^= true,
            ('m', _) => options.multi_line ^= true,
            ('x', Dialect::Posix) => extended ^= true,
            ('x', Dialect::Perl) => options.ignore_space ^= true,
            ('s', Dialect::Perl) => options.dot_all ^= true,
            ('A', Dialect::Perl) => options.anchored ^= true,
            ('U', Dialect::Perl) => options.ungreedy ^= true,
            ('E' | 'X', Dialect::Perl) => {}
            _ => return None,
        }
    }
    Some((options, extended))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::{Found, Table};

    fn find(text: TableText, key: &str) -> Option<String> {
        let table = Table { name: "t".into(), content: text.content };
        let found = table.find(key, &mut |_| false);
        match &found {
            Found::Row(_, value) => Some(value.to_string()),
            _ => None,
        }
    }

    #[test]
    fn the_first_of_equal_keys_and_no_case() {
        let text = "# c\nCity.Example\tOK # ours\ncity.example REJECT\nnovalue\n";
        assert_eq!(find(keyed("f", text), "city.EXAMPLE").as_deref(), Some("OK # ours"));
        assert_eq!(keyed("f", text).skipped.len(), 1);
        assert_eq!(
            find(aliases("f", "root: soumu,\n  kacho\n\"a b\": c"), "root").as_deref(),
            Some("soumu, kacho")
        );
        assert_eq!(
            find(account_names("f", "root:x:0:0::/:/bin/sh\nsoumu\n"), "soumu").as_deref(),
            Some("soumu")
        );
    }

    #[test]
    fn networks_with_conditions() {
        let text = "if 10.0.0.0/8\n!10.1.0.0/16 REJECT\nendif\n192.0.2.25/0 OK\n[2001:db8::]/32 OK\n0.0.0.0/0 DUNNO\n";
        let read = || networks("f", text);
        assert_eq!(find(read(), "10.2.0.1").as_deref(), Some("REJECT"));
        assert_eq!(find(read(), "10.1.0.1").as_deref(), Some("DUNNO"));
        assert_eq!(find(read(), "2001:db8::1").as_deref(), Some("OK"));
        assert_eq!(find(read(), "mail.example"), None);
        assert_eq!(read().skipped.len(), 1, "host bits are set");
    }

    #[test]
    fn expressions_with_conditions_flags_and_groups() {
        let text = "if /@city\\.example$/\n/^(\\w+)\\.old@/ $1@new.example\nendif\n!/@/ REJECT\n/CASE/i OK\n\
            /a/z BAD\n/b/ $2\n/x/!/xy/ X\n";
        let read = || patterns("f", text, Dialect::Posix, true);
        assert_eq!(find(read(), "ann.old@city.example").as_deref(), Some("ann@new.example"));
        assert_eq!(find(read(), "ann.old@other.test"), None);
        assert_eq!(find(read(), "nobody").as_deref(), Some("REJECT"));
        assert_eq!(find(read(), "CASE@"), Some("OK".into()));
        assert_eq!(find(read(), "case@"), None);
        assert_eq!(find(read(), "x@").as_deref(), Some("X"));
        assert_eq!(find(read(), "xy@"), None);
        assert_eq!(read().skipped.len(), 2);
        assert!(find(patterns("f", "/(.*)/ $1", Dialect::Perl, false), "q").is_none());
    }
}
