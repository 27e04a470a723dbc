//! One regular expression of a table: whether it matches, what it captures, and strings that it would match.
//!
//! Evaluation is linear in the text whatever the expression (the `regex` crate); examples are built from the
//! expression itself, so that a hole of any shape has a witness.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::dialect::{Dialect, translate};

/// Largest compiled program of one expression, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// Deepest nesting of one expression.
const NEST_LIMIT: u32 = 100;

/// Most shapes of an expression that examples are built for.
const MAX_SHAPES: usize = 8;

/// Most pieces of one shape.
const MAX_PIECES: usize = 64;

/// Most examples of one expression.
const MAX_EXAMPLES: usize = 32;

/// How a table wants its expression applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whose syntax it is.
    pub dialect: Dialect,
    /// Letters match both cases.
    pub ignore_case: bool,
    /// `^` and `$` match at line breaks too.
    pub multi_line: bool,
    /// `.` matches a line break too.
    pub dot_all: bool,
    /// White space and comments in the expression are ignored.
    pub ignore_space: bool,
    /// Repetitions are lazy.
    pub ungreedy: bool,
    /// The expression matches at the beginning only.
    pub anchored: bool,
}

/// A regular expression that can be evaluated here.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    hir: Hir,
}

impl Pattern {
    /// Compiles an expression; `None` when it needs what a linear engine does not have, or is no expression at all.
    pub fn new(text: &str, options: Options) -> Option<Self> {
        let mut source = translate(text, options.dialect)?;
        if options.anchored {
            source = format!("\\A(?:{source})");
        }
        let regex = RegexBuilder::new(&source)
            .case_insensitive(options.ignore_case)
            .multi_line(options.multi_line)
            .dot_matches_new_line(options.dot_all)
            .ignore_whitespace(options.ignore_space)
            .swap_greed(options.ungreedy)
            .unicode(false)
            .size_limit(SIZE_LIMIT)
            .nest_limit(NEST_LIMIT)
            .build()
            .ok()?;
        // case folding only doubles the classes that examples are drawn from
        let hir = regex_syntax::ParserBuilder::new()
            .multi_line(options.multi_line)
            .dot_matches_new_line(options.dot_all)
            .ignore_whitespace(options.ignore_space)
            .unicode(false)
            .utf8(false)
            .nest_limit(NEST_LIMIT)
            .build()
            .parse(&source)
            .ok()?;
        Some(Self { regex, hir })
    }

    /// The expression, as it is evaluated.
    pub(super) fn source(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether everything that it matches holds this byte.
    pub(super) fn requires(&self, byte: u8) -> bool {
        requires(&self.hir, byte)
    }

    /// Whether it matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }

    /// The template with `$1`, `${1}`, `$(1)` and `$$` filled in from the match; `None` without a match.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.regex.captures(text.as_bytes())?;
        Some(fill(template, |n| {
            captures.get(n).map(|m| String::from_utf8_lossy(m.as_bytes()).into_owned()).unwrap_or_default()
        }))
    }

    /// Number of groups that a template can refer to.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// Strings that match, lower case, with each of `fills` tried in every open place.
    pub fn examples(&self, fills: &[&str]) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for shape in shapes(&self.hir) {
            let slots = shape.iter().filter(|p| matches!(p, Piece::Slot(_))).count();
            let tries = std::iter::once((usize::MAX, ""))
                .chain((0..slots).flat_map(|slot| fills.iter().map(move |fill| (slot, *fill))));
            for (slot, fill) in tries {
                let text = realise(&shape, slot, fill).to_ascii_lowercase();
                if out.len() < MAX_EXAMPLES && self.is_match(&text) && !out.contains(&text) {
                    out.push(text);
                }
            }
        }
        out
    }
}

/// `template` with its numbered references replaced; `$$` is a dollar sign.
pub(super) fn fill(template: &str, group: impl Fn(usize) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((text, behind)) = rest.split_once('$') {
        out.push_str(text);
        let (name, after) = reference(behind);
        match name.parse::<usize>() {
            Ok(n) => out.push_str(&group(n)),
            Err(_) => out.push('$'),
        }
        rest = if name.is_empty() { behind.strip_prefix('$').unwrap_or(behind) } else { after };
    }
    out + rest
}

fn reference(text: &str) -> (&str, &str) {
    for (open, close) in [('{', '}'), ('(', ')')] {
        if let Some((name, after)) = text.strip_prefix(open).and_then(|t| t.split_once(close)) {
            return (name, after);
        }
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or(("", text))
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// A place that takes any of some bytes, some number of times.
#[derive(Debug, Clone)]
struct Slot {
    ranges: Vec<(u8, u8)>,
    min: usize,
    max: Option<usize>,
}

impl Slot {
    fn takes(&self, text: &str) -> bool {
        let fits = |b: u8| self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&b));
        text.len() >= self.min && self.max.is_none_or(|max| text.len() <= max) && text.bytes().all(fits)
    }

    fn plain(&self) -> String {
        if self.takes("victim") {
            return "victim".to_owned();
        }
        let any = self.ranges.first().map(|(from, _)| char::from(*from)).filter(char::is_ascii);
        let one = "am1x-._+=".chars().find(|c| {
            let one = c.to_string();
            Slot { min: 1, max: Some(1), ranges: self.ranges.clone() }.takes(&one)
        });
        one.or(any).map(|c| c.to_string().repeat(self.min.min(MAX_PIECES))).unwrap_or_default()
    }
}

fn realise(shape: &[Piece], chosen: usize, fill: &str) -> String {
    let (mut out, mut slot) = (String::new(), 0);
    for piece in shape {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Slot(s) => {
                out.push_str(&if slot == chosen && s.takes(fill) { fill.to_owned() } else { s.plain() });
                slot += 1;
            }
        }
    }
    out
}

fn requires(hir: &Hir, byte: u8) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(text) => text.0.contains(&byte),
        HirKind::Class(class) => ranges(class) == [(byte, byte)],
        HirKind::Capture(group) => requires(&group.sub, byte),
        HirKind::Repetition(repeat) => repeat.min > 0 && requires(&repeat.sub, byte),
        HirKind::Concat(parts) => parts.iter().any(|part| requires(part, byte)),
        HirKind::Alternation(branches) => branches.iter().all(|branch| requires(branch, byte)),
    }
}

fn shapes(hir: &Hir) -> Vec<Vec<Piece>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(text) => vec![vec![Piece::Text(String::from_utf8_lossy(&text.0).into_owned())]],
        HirKind::Class(class) => {
            vec![vec![Piece::Slot(Slot { ranges: ranges(class), min: 1, max: Some(1) })]]
        }
        HirKind::Capture(group) => shapes(&group.sub),
        HirKind::Repetition(repeat) => {
            let (min, max) = (repeat.min as usize, repeat.max.map(|m| m as usize));
            if let HirKind::Class(class) = repeat.sub.kind() {
                return vec![vec![Piece::Slot(Slot { ranges: ranges(class), min, max })]];
            }
            let once = shapes(&repeat.sub);
            let mut out = Vec::new();
            if min == 0 {
                out.push(Vec::new());
            }
            for shape in once {
                out.push(std::iter::repeat_n(shape, min.clamp(1, 8)).flatten().take(MAX_PIECES).collect());
            }
            out.truncate(MAX_SHAPES);
            out
        }
        HirKind::Concat(parts) => parts.iter().fold(vec![Vec::new()], |all, part| {
            let next = shapes(part);
            let joined = all.iter().flat_map(|head| {
                next.iter()
                    .map(move |tail| head.iter().chain(tail).take(MAX_PIECES).cloned().collect::<Vec<_>>())
            });
            joined.take(MAX_SHAPES).collect()
        }),
        HirKind::Alternation(branches) => branches.iter().flat_map(shapes).take(MAX_SHAPES).collect(),
    }
}

fn ranges(class: &Class) -> Vec<(u8, u8)> {
    match class {
        Class::Bytes(bytes) => bytes.iter().map(|r| (r.start(), r.end())).collect(),
        Class::Unicode(chars) => chars
            .iter()
            .filter_map(|r| Some((u8::try_from(r.start()).ok()?, u8::try_from(r.end()).unwrap_or(0x7f))))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn perl(text: &str) -> Pattern {
        let options = Options {
            dialect: Dialect::Perl,
            ignore_case: true,
            multi_line: false,
            dot_all: true,
            ignore_space: false,
            ungreedy: false,
            anchored: false,
        };
        Pattern::new(text, options).unwrap()
    }

    #[test]
    fn an_example_puts_the_foreign_domain_where_the_expression_lets_it() {
        let p = perl(r"^(.+)=([^=@]+)@fwd\.city\.example$");
        let examples = p.examples(&["far.example"]);
        assert!(examples.contains(&"victim=far.example@fwd.city.example".to_owned()), "{examples:?}");
        assert_eq!(p.expand("victim=far.example@fwd.city.example", "$1@$2").unwrap(), "victim@far.example");
    }

    #[test]
    fn templates() {
        let p = perl("(a)(b)?");
        assert_eq!(p.expand("a", "x${1}y$(1)$$1 $2.").unwrap(), "xaya$1 .");
        assert_eq!(p.expand("z", "x"), None);
        assert_eq!(p.groups(), 2);
    }

    #[test]
    fn an_expression_too_large_or_too_deep_is_refused() {
        assert!(Pattern::new(&"(".repeat(500), perl("a").into_options()).is_none());
        assert!(Pattern::new("((a{100}){100}){100}", perl("a").into_options()).is_none());
    }

    impl Pattern {
        fn into_options(self) -> Options {
            Options {
                dialect: Dialect::Perl,
                ignore_case: true,
                multi_line: false,
                dot_all: true,
                ignore_space: false,
                ungreedy: false,
                anchored: false,
            }
        }
    }

    proptest! {
        #[test]
        fn every_example_matches(text in "[ab.*+?()|\\[\\]^$@=]{0,16}") {
            let options = perl("a").into_options();
            if let Some(p) = Pattern::new(&text, options) {
                for example in p.examples(&["far.example"]) {
                    prop_assert!(p.is_match(&example));
                }
            }
        }
    }
}
