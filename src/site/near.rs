//! "Did you mean ...?": the known word nearest to one that a user mistyped.

/// Longest word that is compared, in characters; nobody mistypes a longer one by a letter or two.
const LONGEST: usize = 64;

/// The known word that is nearest to `word`, if it is near enough to be what was meant: at most one slip in three
/// letters. Ties go to the word that comes first in `known`.
pub fn nearest<'k, K>(word: &str, known: impl IntoIterator<Item = &'k K>) -> Option<&'k str>
where
    K: AsRef<str> + ?Sized + 'k,
{
    let most = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(AsRef::as_ref)
        .filter(|candidate| candidate.chars().count().abs_diff(word.chars().count()) <= most)
        .filter_map(|candidate| Some((distance(word, candidate)?, candidate)))
        .filter(|(slips, candidate)| *slips <= most && *slips < candidate.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// How many slips lead from one word to the other: a letter more, a letter less, another letter, or two
/// neighbours swapped (optimal string alignment). Capitals, and `-` against `_`, are no slips. `None` when a word is
/// longer than [`LONGEST`].
fn distance(a: &str, b: &str) -> Option<usize> {
    let fold = |c: char| if c == '_' { '-' } else { c.to_ascii_lowercase() };
    let a: Vec<char> = a.chars().map(fold).take(LONGEST + 1).collect();
    let b: Vec<char> = b.chars().map(fold).take(LONGEST + 1).collect();
    if a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    // Rows of the usual table: the one before last, the last, and the one being filled.
    let mut older: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut left = None;
        for (j, &y) in b.iter().enumerate() {
            let diagonal = cell(&last, j) + usize::from(x != y);
            let mut best = diagonal.min(cell(&last, j + 1) + 1).min(cell(&row, j) + 1);
            if previous == Some(y) && left == Some(x) && j > 0 {
                best = best.min(cell(&older, j - 1) + 1);
            }
            row.push(best);
            left = Some(y);
        }
        older = std::mem::replace(&mut last, row);
        previous = Some(x);
    }
    last.last().copied()
}

/// A cell of a row; rows are as long as the loops that read them, so the default is never taken.
fn cell(row: &[usize], at: usize) -> usize {
    row.get(at).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slips_are_counted() {
        assert_eq!(distance("adress", "address"), Some(1));
        assert_eq!(distance("turst", "trust"), Some(1), "two neighbours swapped are one slip");
        assert_eq!(distance("mail-domains", "mail_domains"), Some(0));
        assert_eq!(distance("", "abc"), Some(3));
        assert_eq!(distance(&"x".repeat(65), "x"), None);
    }

    #[test]
    fn near_enough_or_nothing() {
        let known = ["address", "auth", "user", "key"];
        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("use", known), Some("user"));
        assert_eq!(nearest("password", known), None);
        assert_eq!(nearest("x", ["y"]), None, "a word of one letter is never a slip of another");
        assert_eq!(nearest("", known), None);
    }

    proptest! {
        #[test]
        fn distance_is_a_metric_as_far_as_it_matters(a in "[a-c]{0,6}", b in "[a-c]{0,6}") {
            let there = distance(&a, &b).unwrap();
            prop_assert_eq!(there, distance(&b, &a).unwrap());
            prop_assert_eq!(there == 0, a == b);
            prop_assert!(there <= a.len().max(b.len()));
            prop_assert!(there >= a.len().abs_diff(b.len()));
        }
    }
}
