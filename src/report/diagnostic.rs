//! What is wrong with a declaration file, as text: file, line, column, the line itself, a caret, and the mend.

use std::fmt::Write;
use std::ops::Range;

use super::Lang;
use super::text::{escape, width};
use super::words::declarations;
use crate::site::{Diagnostic, Rejected, Source};

/// Most columns of a line that are shown; longer lines are cut around the caret.
const COLUMNS: usize = 120;

/// Columns that are kept before the caret in a line that is cut.
const BEFORE: usize = 40;

/// What stands where a secret may have been written.
const MASK: &str = "********";

/// Every problem of a rejected file. Each is one paragraph; the text ends with a line feed.
pub fn render(rejected: &Rejected, lang: Lang) -> String {
    let paragraphs: Vec<String> =
        rejected.diagnostics.iter().map(|diagnostic| paragraph(&rejected.source, diagnostic, lang)).collect();
    paragraphs.join("\n")
}

fn paragraph(source: &Source, diagnostic: &Diagnostic, lang: Lang) -> String {
    let path = escape(&source.path().display().to_string());
    let said = declarations::say(&diagnostic.problem, lang);
    let (what, mend) = (escape(&said.what), escape(&said.mend));
    let (error, write) = match lang {
        Lang::En => ("error", "fix"),
        Lang::Ja => ("エラー", "修正"),
    };
    // Writing to a String cannot fail.
    let mut out = String::new();
    match &diagnostic.span {
        None => {
            let _ = writeln!(out, "{path}: {error}: {what}\n  = {write}: {mend}");
        }
        Some(span) => {
            let place = source.place(span.start);
            let gutter = " ".repeat(place.line.to_string().len());
            let (shown, caret) = excerpt(source, span, diagnostic.problem.hides_value());
            let _ = writeln!(out, "{path}:{}:{}: {error}: {what}", place.line, place.column);
            let _ = writeln!(out, "{gutter} |\n{} | {shown}\n{gutter} | {caret}", place.line);
            let _ = writeln!(out, "{gutter} = {write}: {mend}");
        }
    }
    out
}

/// The line that is wrong and a line of carets below the part that is.
fn excerpt(source: &Source, span: &Range<usize>, hide: bool) -> (String, String) {
    let (start, line) = source.line(span.start);
    let at = |offset: usize| offset.saturating_sub(start).min(line.len());
    let (from, to) = (at(span.start), at(span.end.max(span.start)));
    let before = line.get(..from).unwrap_or("");
    let marked = line.get(from..to).unwrap_or("");
    let behind = line.get(to..).unwrap_or("");
    let (before, marked, behind) = (escape(before), escape(marked), escape(behind));
    let (marked, behind) = if hide { mask(&marked, &behind) } else { (marked, behind) };
    let before = if width(&before) + width(&marked) > COLUMNS { cut_front(&before) } else { before };
    let carets = "^".repeat(width(&marked).clamp(1, COLUMNS));
    let shown = cut_end(&format!("{before}{marked}{behind}"));
    (shown.trim_end().to_owned(), format!("{}{carets}", " ".repeat(width(&before))))
}

/// Hides the value: it is either what is marked, or what stands behind the marked key.
fn mask(marked: &str, behind: &str) -> (String, String) {
    match behind.split_once('=') {
        Some((blank, _)) if blank.trim().is_empty() => (marked.to_owned(), format!("{blank}= {MASK}")),
        _ => (MASK.to_owned(), String::new()),
    }
}

/// The last [`BEFORE`] columns, begun by an ellipsis.
fn cut_front(text: &str) -> String {
    let mut kept: Vec<char> = Vec::new();
    for c in text.chars().rev() {
        if kept.len() >= BEFORE {
            break;
        }
        kept.push(c);
    }
    format!("... {}", kept.into_iter().rev().collect::<String>())
}

/// The first [`COLUMNS`] columns, ended by an ellipsis where there are more.
fn cut_end(text: &str) -> String {
    let most = COLUMNS + BEFORE;
    if width(text) <= most {
        return text.to_owned();
    }
    format!("{} ...", text.chars().take(most).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::problem::{Problem, ValueFault};
    use crate::site::{Known, Site};
    use proptest::prelude::*;

    fn rendered(text: &str, lang: Lang) -> String {
        let source = Source::new("site.toml", text);
        let known = Known { platforms: &["nftables", "postfix"], packs: &["default"], home: None };
        render(&Site::parse(&source, &known).unwrap_err(), lang)
    }

    #[test]
    fn a_slip_is_shown_where_it_is() {
        let text = "[[device]]\nname = \"fw\"\nplatforms = [\"nftables\"]\nadress = \"192.0.2.1\"\n";
        assert_eq!(
            rendered(text, Lang::En),
            "site.toml:4:1: error: [[device]] has no key `adress`\n  |\n4 | adress = \"192.0.2.1\"\n  | ^^^^^^\n  \
             = fix: write `address`\n"
        );
        assert_eq!(
            rendered(text, Lang::Ja),
            "site.toml:4:1: エラー: [[device]] に「adress」というキーはありません\n  |\n4 | adress = \
             \"192.0.2.1\"\n  | ^^^^^^\n  = 修正: 「address」と書いてください\n"
        );
    }

    #[test]
    fn the_caret_stands_below_full_width_text() {
        let text = "[site]\nname = \"秋田市\" # 市役所\nsoak = \"一日\" \n";
        let shown = rendered(text, Lang::Ja);
        assert!(shown.contains("3 | soak = \"一日\"\n  |        ^^^^^^\n"), "{shown}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let text = "[[device]]\nname = \"fw\"\nplatforms = [\"nftables\"]\npassword = \"hunter2\"\n\
                    password_env = \"hunter2!\"\n";
        let shown = rendered(text, Lang::En);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("4 | password = ********\n  | ^^^^^^^^\n"), "{shown}");
    }

    #[test]
    fn hostile_text_stays_text() {
        let shown = rendered("[site]\nname = \"\\u001b]0;x\"\n\u{202e}x = 1\n", Lang::En);
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
        let long = format!("[site]\nname = \"{}\" x\n", "a".repeat(100_000));
        assert!(rendered(&long, Lang::En).len() < 1000);
    }

    #[test]
    fn a_file_as_a_whole_has_no_line() {
        let source = Source::new("a\x1bb.toml", "");
        let rejected = Rejected::whole(source, Problem::TooLarge { limit: 10 });
        assert_eq!(
            render(&rejected, Lang::En).lines().next().unwrap(),
            "a\\u{1b}b.toml: error: larger than 10 bytes"
        );
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_renders(text in any::<String>(), from in 0usize..80, len in 0usize..80) {
            let source = Source::new("x", text);
            let problem = Problem::BadValue { value: String::new(), fault: ValueFault::Host, near: None };
            let rejected = Rejected { source, diagnostics: vec![Diagnostic::at(from..from + len, problem)] };
            let shown = render(&rejected, Lang::Ja);
            prop_assert_eq!(shown.lines().count(), 5);
        }
    }
}
