//! Rates, quotas and other amounts in nft's text form (nft(8), LIMIT STATEMENT, QUOTA STATEMENT).

use super::ast::Statement;
use super::cursor::Cursor;
use super::rule::object;
use crate::firewall::Limit;

/// Words and numbers of rates, bursts and amounts.
pub(super) fn is_amount(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        || matches!(
            word,
            "rate"
                | "over"
                | "until"
                | "burst"
                | "packets"
                | "bytes"
                | "kbytes"
                | "mbytes"
                | "used"
                | "/"
                | "second"
                | "minute"
                | "hour"
                | "day"
                | "week"
        )
        || word.contains("bytes/")
}

pub(super) fn run_time(cursor: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    let kind = cursor.text()?;
    if cursor.word("name") {
        let (found, name) = object(cursor)?;
        let limit = Statement::RunTime(format!("{kind} name {name}"));
        return Some(found.into_iter().chain([limit]).collect());
    }
    let words = cursor.skip_words(is_amount);
    let text = format!("{kind} {}", words.join(" "));
    Some(vec![match rate(&words).filter(|_| kind == "limit") {
        Some(limit) => Statement::Limit(text, limit),
        None => Statement::RunTime(text),
    }])
}

/// `rate [over] N/UNIT [burst N packets]` of packets; nft's own burst is 5.
fn rate(words: &[&str]) -> Option<Limit> {
    let (rate, rest) = words.strip_prefix(&["rate"])?.split_first()?;
    let over = *rate == "over";
    let (rate, rest) = if over { rest.split_first()? } else { (rate, rest) };
    let (count, unit) = rate.split_once('/')?;
    let burst = match rest {
        [] => 5,
        ["burst", burst, "packets"] => burst.parse().ok()?,
        _ => return None,
    };
    packets(count.parse().ok()?, unit, over, burst)
}

/// A limit of packets.
pub(super) fn packets(count: u64, unit: &str, over: bool, burst: u64) -> Option<Limit> {
    Some(Limit { of: "packets".to_owned(), over, a_day: Limit::a_day(count, unit)?, burst })
}
