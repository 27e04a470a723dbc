//! What the configuration languages of Cisco's devices have in common: words, names of ports and protocols.

pub(super) mod names;
mod words;

pub(super) use words::Words;

use crate::firewall::Test;
use crate::packet::{Field, proto};

/// Sorted, disjoint ranges of ports.
pub(super) type Ports = Vec<(u128, u128)>;

/// `eq P [P ...]`, `neq P`, `lt P`, `gt P`, `range A B`; `None` where none of these stands there, an error where it is not
/// understood. `number` reads a port.
///
/// # Errors
/// A port that is none.
pub(super) fn ports(
    words: &mut Words<'_>,
    number: &dyn Fn(&str) -> Option<u16>,
) -> Result<Option<Ports>, NotRead> {
    const LAST: u128 = u16::MAX as u128;
    let port = |word: Option<&str>| word.and_then(number).map(u128::from).ok_or(NotRead);
    let Some(operator) = words.peek() else { return Ok(None) };
    let ranges = match operator {
        "eq" | "neq" => {
            words.next();
            let mut all = vec![port(words.next())?];
            while let Some(more) = words.peek().and_then(number) {
                words.next();
                all.push(more.into());
            }
            let ranges = merged(all.into_iter().map(|p| (p, p)).collect());
            if operator == "neq" { complement(&ranges) } else { ranges }
        }
        "lt" => {
            words.next();
            let end = port(words.next())?;
            end.checked_sub(1).map(|last| (0, last)).into_iter().collect()
        }
        "gt" => {
            words.next();
            let start = port(words.next())? + 1;
            if start > LAST { Vec::new() } else { vec![(start, LAST)] }
        }
        "range" => {
            words.next();
            let (a, b) = (port(words.next())?, port(words.next())?);
            vec![(a.min(b), a.max(b))]
        }
        _ => return Ok(None),
    };
    Ok(Some(ranges))
}

/// What is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotRead;

/// The same numbers as sorted, disjoint ranges.
pub(super) fn merged(mut ranges: Ports) -> Ports {
    ranges.sort_unstable();
    let mut out: Ports = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some(end) if first <= end.1.saturating_add(1) => end.1 = end.1.max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// The other ports.
pub(super) fn complement(ranges: &[(u128, u128)]) -> Ports {
    let mut out = Ports::new();
    let mut next = 0;
    for (first, last) in ranges {
        if *first > next {
            out.push((next, first - 1));
        }
        next = last + 1;
    }
    if next <= u16::MAX.into() {
        out.push((next, u16::MAX.into()));
    }
    out
}

/// TCP with ACK or RST set.
pub(super) fn established() -> Test {
    use crate::packet::flag;
    let set = |bit: u8| Test::Bits(Field::Flags, bit.into(), bit.into());
    Test::All(vec![Test::proto(proto::TCP), Test::Any(vec![set(flag::ACK), set(flag::RST)])])
}
