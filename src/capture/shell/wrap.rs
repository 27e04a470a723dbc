//! Joins lines that a device broke at the width of its screen, where it is shown that they were one.
//!
//! A line that reaches the last column may be broken there, or may be just as long. The next line settles it if it begins
//! with something that no line of a configuration begins with. Otherwise nobody knows, and the text is not proven.

use regex::Regex;

/// How a device breaks lines.
#[derive(Debug)]
pub(super) struct Breaking {
    /// Columns unless the text says otherwise.
    pub(super) columns: usize,
    /// The most that it can have.
    pub(super) most: usize,
    /// How the text says otherwise.
    pub(super) setting: Regex,
    /// What only the rest of a line begins with.
    pub(super) rest: Regex,
}

/// The text with broken lines joined, and the column at which a line may be broken without anything that shows it.
///
/// A screen of 80 columns may hold lines of 79 or of 80, which the longest line shows. `asked` is the width that the terminal was asked to have: a device that honours it breaks nothing at its own.
pub(super) fn rejoin(text: &str, breaking: &Breaking, asked: usize) -> (String, Option<usize>) {
    let said = breaking.setting.captures(text).and_then(|c| c.name("columns")?.as_str().parse().ok());
    let own = said.unwrap_or(breaking.columns);
    let longest = text.lines().map(cells).max().unwrap_or(0);
    // where a line shows that it is not the width that is set, the next one that there may be
    let others = [breaking.columns, breaking.most, asked];
    let screens = if longest <= own { vec![own] } else { others.to_vec() };
    let widths = screens.into_iter().flat_map(|columns| [columns.saturating_sub(1), columns]);
    let Some(columns) = widths.filter(|columns| longest <= *columns).min() else {
        return (text.to_owned(), None);
    };
    let (mut out, mut doubt) = (String::with_capacity(text.len()), false);
    let mut above: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        let is_rest = breaking.rest.is_match(bare);
        if let Some(above) = above {
            match (is_full(above, bare, columns), is_rest) {
                (true, true) => {
                    out.truncate(out.trim_end_matches('\n').len());
                }
                (true, false) => doubt |= !bare.is_empty(),
                // not broken where we think: the width is another one
                (false, true) => doubt = true,
                (false, false) => {}
            }
        }
        out.push_str(line);
        above = Some(bare);
    }
    (out, doubt.then_some(columns))
}

/// Whether a line leaves no room for what the next one begins with.
fn is_full(line: &str, next: &str, columns: usize) -> bool {
    let first = next.chars().next().map_or(1, width);
    let cells = cells(line);
    cells == columns || (first == 2 && cells + 1 == columns)
}

fn cells(line: &str) -> usize {
    line.chars().map(width).sum()
}

/// Columns of a character: two for every one that takes two bytes in Shift_JIS.
const fn width(c: char) -> usize {
    if c.is_ascii() || matches!(c, '\u{ff61}'..='\u{ff9f}') { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaking() -> Breaking {
        Breaking {
            columns: 20,
            most: 60,
            setting: Regex::new(r"(?m)^console columns (?P<columns>\d+)$").unwrap(),
            rest: Regex::new(r"\A[ ]*[^ a-z#]").unwrap(),
        }
    }

    fn rejoined(text: &str) -> (String, Option<usize>) {
        rejoin(text, &breaking(), 100)
    }

    #[test]
    fn a_number_that_was_broken_is_one_again() {
        let (text, doubt) = rejoined("a filter in 1 2 3 10\n5 6\nb\n");
        assert_eq!((text.as_str(), doubt), ("a filter in 1 2 3 105 6\nb\n", None));
        let (text, doubt) = rejoined("a filter in 1 2 3 10\n 5 6 7 8 9 10 11 2 1\n3\n");
        assert_eq!((text.as_str(), doubt), ("a filter in 1 2 3 10 5 6 7 8 9 10 11 2 13\n", None));
    }

    #[test]
    fn a_screen_of_eighty_columns_may_break_behind_the_seventy_ninth() {
        let eighty = Breaking { columns: 80, ..breaking() };
        let first = "ipv6 lan2 secure filter out 100 105 110 115 120 125 130 135 140 145 150 155 160";
        assert_eq!(first.len(), 79);
        let broken = format!("{first}\n 165 dynamic 6 31 36 41 46 51\n ip tunnel secure filter in 300 305\n");
        let whole = broken.replace("160\n 165", "160 165");
        assert_eq!(rejoin(&broken, &eighty, 512), (whole, None));
    }

    #[test]
    fn what_nothing_shows_is_not_proven() {
        let broken_or_not = "a filter in 1 2 3 dy\nnamic 4\n";
        assert_eq!(rejoined(broken_or_not), (broken_or_not.to_owned(), Some(20)));
        // a rest where nothing was broken: the width must be another
        assert_eq!(rejoined("a filter in\n5 6\n").1, Some(19));
    }

    #[test]
    fn a_wider_line_shows_that_the_width_is_another() {
        let wide = "a filter in 1 2 3 10\nb filter in 1 2 3 4 5 6\n";
        assert_eq!(rejoined(wide), (wide.to_owned(), None));
        let set = "console columns 30\na filter in 1 2 3 10\nb\n";
        assert_eq!(rejoined(set), (set.to_owned(), None));
    }

    #[test]
    fn a_wide_character_that_does_not_fit_goes_below() {
        let (text, doubt) = rejoined("description 1 本庁a\n舎\n");
        assert_eq!((text.as_str(), doubt), ("description 1 本庁a舎\n", None));
    }
}
