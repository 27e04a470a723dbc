//! `$name` expansion with its conditions, as postconf(5) describes it: `$name`, `${name}`, `$(name)`,
//! `${name?text}`, `${name:text}`, `${name?{text}:{text}}`, `${{text} op {text} ? {text} : {text}}`, `$$`.

/// Deepest nesting; Postfix gives up there too.
const MAX_DEPTH: usize = 100;

/// Largest result, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// Why a value could not be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    /// A brace or operator is missing or unknown.
    #[error("the syntax of a ${{...}} expression is not understood")]
    Syntax,
    /// A name leads back to itself, or the result is enormous.
    #[error("the expansion does not end")]
    Endless,
}

/// Expands `text`. `lookup` gives a name's unexpanded value; a name that nobody defines is empty.
pub(super) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let mut out = String::new();
    let mut budget = MAX_LENGTH;
    Expander { lookup }.text(text, 0, &mut out, &mut budget)?;
    Ok(out)
}

struct Expander<'l> {
    lookup: &'l dyn Fn(&str) -> Option<String>,
}

impl Expander<'_> {
    fn text(
        &self,
        text: &str,
        depth: usize,
        out: &mut String,
        budget: &mut usize,
    ) -> Result<(), ExpandError> {
        if depth > MAX_DEPTH {
            return Err(ExpandError::Endless);
        }
        let mut rest = text;
        while let Some((plain, behind)) = rest.split_once('$') {
            push(out, plain, budget)?;
            if let Some(after) = behind.strip_prefix('$') {
                push(out, "$", budget)?;
                rest = after;
            } else if behind.starts_with(['{', '(']) {
                let (inner, after) = balanced(behind).ok_or(ExpandError::Syntax)?;
                self.expression(inner, depth + 1, out, budget)?;
                rest = after;
            } else {
                let end =
                    behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
                let (name, after) = behind.split_at_checked(end).ok_or(ExpandError::Syntax)?;
                if name.is_empty() {
                    push(out, "$", budget)?;
                } else {
                    self.name(name, depth + 1, out, budget)?;
                }
                rest = after;
            }
        }
        push(out, rest, budget)
    }

    fn name(
        &self,
        name: &str,
        depth: usize,
        out: &mut String,
        budget: &mut usize,
    ) -> Result<(), ExpandError> {
        // each lookup costs, so that a chain of empty names ends too
        *budget = budget.checked_sub(1).ok_or(ExpandError::Endless)?;
        match (self.lookup)(name) {
            Some(value) => self.text(&value, depth, out, budget),
            None => Ok(()),
        }
    }

    fn value(&self, text: &str, depth: usize, budget: &mut usize) -> Result<String, ExpandError> {
        let mut out = String::new();
        self.text(text, depth, &mut out, budget)?;
        Ok(out)
    }

    fn expression(
        &self,
        inner: &str,
        depth: usize,
        out: &mut String,
        budget: &mut usize,
    ) -> Result<(), ExpandError> {
        let (test, rest, plain) = if inner.trim_start().starts_with('{') {
            let (left, after) = operand(inner).ok_or(ExpandError::Syntax)?;
            let end = after.find('{').ok_or(ExpandError::Syntax)?;
            let (operator, after) = after.split_at_checked(end).ok_or(ExpandError::Syntax)?;
            let (right, after) = operand(after).ok_or(ExpandError::Syntax)?;
            let (left, right) = (self.value(left, depth, budget)?, self.value(right, depth, budget)?);
            let holds = compare(&left, operator.trim(), &right).ok_or(ExpandError::Syntax)?;
            (holds, after, None)
        } else {
            let end = inner.find(['?', ':']).unwrap_or(inner.len());
            let (name, after) = inner.split_at_checked(end).ok_or(ExpandError::Syntax)?;
            let name = name.trim();
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(ExpandError::Syntax);
            }
            let defined = (self.lookup)(name).is_some_and(|value| !value.is_empty());
            (defined, after, Some(name))
        };
        let rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('?') {
            let (then, after) = branch(behind);
            if test {
                return self.text(then, depth, out, budget);
            }
            return match after.trim_start().strip_prefix(':') {
                Some(otherwise) => self.text(branch(otherwise).0, depth, out, budget),
                None => Ok(()),
            };
        }
        if let Some(behind) = rest.strip_prefix(':') {
            return if test { Ok(()) } else { self.text(branch(behind).0, depth, out, budget) };
        }
        match plain {
            Some(name) => self.name(name, depth, out, budget),
            None => push(out, if test { "true" } else { "" }, budget),
        }
    }
}

fn push(out: &mut String, text: &str, budget: &mut usize) -> Result<(), ExpandError> {
    *budget = budget.checked_sub(text.len()).ok_or(ExpandError::Endless)?;
    out.push_str(text);
    Ok(())
}

/// What stands in the brackets that `text` begins with, and what follows them.
fn balanced(text: &str) -> Option<(&str, &str)> {
    let (open, close) = if text.starts_with('(') { ('(', ')') } else { ('{', '}') };
    let mut depth = 0usize;
    for (i, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some((text.get(1..i)?, text.get(i + 1..)?));
            }
        }
    }
    None
}

fn operand(text: &str) -> Option<(&str, &str)> {
    balanced(text.trim_start()).map(|(inner, after)| (inner.trim(), after))
}

/// `{text}` up to its end, or everything.
fn branch(text: &str) -> (&str, &str) {
    let trimmed = text.trim_start();
    if trimmed.starts_with('{')
        && let Some((inner, after)) = balanced(trimmed)
    {
        return (inner.trim(), after);
    }
    (text, "")
}

fn compare(left: &str, operator: &str, right: &str) -> Option<bool> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let (operator, order) = if let Some(operator) = operator.strip_suffix("level") {
        (operator, level(left)?.cmp(&level(right)?))
    } else {
        let numbers = (left.parse::<i64>(), right.parse::<i64>());
        let order = match numbers {
            (Ok(l), Ok(r)) => l.cmp(&r),
            _ => left.cmp(right),
        };
        (operator, order)
    };
    Some(match operator {
        "==" => order == Equal,
        "!=" => order != Equal,
        "<" => order == Less,
        "<=" => order != Greater,
        ">" => order == Greater,
        ">=" => order != Less,
        _ => return None,
    })
}

/// A compatibility level: `3.6`, `2`, `3.10.1`.
fn level(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.trim().split('.').map(|p| p.parse::<u32>().ok());
    let first = parts.next()??;
    let mut rest = || parts.next().unwrap_or(Some(0));
    Some([first, rest()?, rest()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Result<String, ExpandError> {
        expand(text, &|name| {
            Some(
                match name {
                    "x" => "1",
                    "y" => "$x$x",
                    "empty" => "",
                    "level" => "3.6",
                    "loop" => "a$loop",
                    _ => return None,
                }
                .to_owned(),
            )
        })
    }

    #[test]
    fn the_forms_of_postconf_5() {
        for (text, expected) in [
            ("$x-${y}-$(x).", "1-11-1."),
            ("${x?yes}${empty?no}${empty:none}${x:no}", "yesnone"),
            ("${x?{a}:{b}} ${nosuch?{a}:{b}}", "a b"),
            ("${{$level} <level {2} ? {subnet} : {host}}", "host"),
            ("${{$level} >=level {3.6} ? {new} : {old}}", "new"),
            ("${{$x} == {1} ? {permit, reject} : {}}", "permit, reject"),
            ("${{10} > {9}}", "true"),
            ("${{a} != {b}?c}", "c"),
            ("$$x", "$x"),
            ("5$", "5$"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_does_not_end_is_an_error() {
        assert_eq!(value("$loop"), Err(ExpandError::Endless));
        assert_eq!(value("${x"), Err(ExpandError::Syntax));
        assert_eq!(value("${{a} ~ {b} ? {c}}"), Err(ExpandError::Syntax));
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[$x{}()?:=<> a]{0,40}") {
            let _ = value(&text);
        }
    }
}
