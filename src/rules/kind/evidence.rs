//! `evidence`: something that is needed was not captured or not understood (cases P09, P11, P12). Its findings are made
//! where the evidence is read; this file only gives the rule its place.

use super::{Entry, Kind};
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "evidence", args: &["reason"], read };

#[derive(Debug)]
struct Evidence;

impl Kind for Evidence {}

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(Evidence))
}
