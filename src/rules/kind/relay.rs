//! `relay`: what a mail server relays, for whom (CASES R01 to R09), or that it refuses to serve (R02).

use super::{Entry, Kind};
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "relay", args: &["who", "needs", "rcpt", "listener"], read };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RelayResult {
    Open,
    Limited,
    Refuses,
}

#[derive(Debug)]
struct Relay {
    #[allow(dead_code, reason = "used once relay is joined")]
    result: RelayResult,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let words =
        [("open", RelayResult::Open), ("limited", RelayResult::Limited), ("refuses", RelayResult::Refuses)];
    let result = table.need("result", "result = \"open\"").and_then(|v| v.one_of(&words))?;
    Some(Box::new(Relay { result }))
}

impl Kind for Relay {}
