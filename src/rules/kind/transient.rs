//! `transient`: something was open during the window and is closed at its end (cases P01). Its findings are made where
//! samples are compared ([`crate::watch`]); this file only gives the rule its place.

use super::{Entry, Kind};
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "transient", args: &["span", "least", "most", "what"], read };

#[derive(Debug)]
struct Transient;

impl Kind for Transient {}

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(Transient))
}
