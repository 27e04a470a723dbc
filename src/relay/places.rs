//! A cheap first grouping of client addresses: by what every list and table makes of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::candidates::View;
use super::keys::{self, Parents};
use super::lists::{ClientList, ClientMatch};
use super::partition::Partition;
use super::quick::{Mark, NOTHING, Numbers, UNSURE, first_hit};
use super::rules::Subject;
use super::table::{Content, Found, Table};
use crate::packet::address::AddressSet;

/// Groups client addresses.
pub(super) struct Addresses<'v> {
    lists: Vec<ListProbe>,
    tables: Vec<TableProbe>,
    sets: Vec<&'v AddressSet>,
}

/// A client list, with what its tables make of addresses.
struct ListProbe {
    list: Arc<ClientList>,
    tables: Vec<TableProbe>,
}

/// What a table makes of addresses.
enum TableProbe {
    /// By range.
    Ranges(Partition, Vec<Mark>),
    /// By asking; a number for each answer.
    Ask(Arc<Table>, BTreeMap<Arc<str>, Mark>),
}

impl<'v> Addresses<'v> {
    /// `sets` are told apart too.
    pub(super) fn new(views: &[View<'_, '_>], sets: Vec<&'v AddressSet>) -> Self {
        let mut numbers = Numbers::default();
        let (mut lists, mut tables) = (Vec::new(), Vec::new());
        for view in views {
            for lookup in &view.words.lookups {
                if matches!(lookup.subject, Subject::Client | Subject::ReverseName) {
                    let mut mark = |value: &Arc<str>| numbers.of(format!("{:?}", lookup.actions.get(value)));
                    tables.push(TableProbe::new(&lookup.table, lookup.parents != Parents::No, &mut mark));
                }
            }
            lists.extend(view.words.client_lists.iter().map(ListProbe::new));
        }
        Self { lists, tables, sets }
    }

    /// What everything makes of an address.
    pub(super) fn marks(&self, address: IpAddr) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self.sets.iter().map(|set| Mark::from(set.contains(address))).collect();
        for probe in &self.lists {
            let (is, before) = probe.list.place(address);
            marks.extend([Mark::from(is), Mark::try_from(before).unwrap_or(UNSURE)]);
            marks.extend(probe.tables.iter().map(|table| table.mark(address)));
        }
        marks.extend(self.tables.iter().map(|table| table.mark(address)));
        marks
    }
}

impl ListProbe {
    fn new(list: &Arc<ClientList>) -> Self {
        let entries = || list.entries().iter().map(|e| &e.matches);
        let tables = entries()
            .filter_map(|m| if let ClientMatch::Table(table) = m { Some(table) } else { None })
            .map(|table| TableProbe::new(table, false, &mut |_| 1))
            .collect();
        Self { list: Arc::clone(list), tables }
    }
}

impl TableProbe {
    /// `beginnings`: keys cover what begins with them, too.
    fn new(table: &Arc<Table>, beginnings: bool, mark: &mut dyn FnMut(&Arc<str>) -> Mark) -> Self {
        match &table.content {
            Content::Networks { partition, rows } => {
                Self::Ranges(partition.clone(), rows.iter().map(|row| mark(&row.value)).collect())
            }
            Content::Keyed(rows) => {
                // the longest key is looked up first
                let mut networks: Vec<_> = rows
                    .iter()
                    .filter_map(|(key, row)| Some((super::addresses::network(key)?, row)))
                    .filter(|(network, _)| beginnings || network.length() == network.family().bits())
                    .collect();
                networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.length()));
                let sets: Vec<AddressSet> = networks.iter().map(|(network, _)| (*network).into()).collect();
                let marks = networks.iter().map(|(_, row)| mark(&row.value)).collect();
                Self::Ranges(Partition::first_match(&sets), marks)
            }
            _ => {
                let answers = table.rows().map(|row| (Arc::clone(&row.value), mark(&row.value))).collect();
                Self::Ask(Arc::clone(table), answers)
            }
        }
    }

    fn mark(&self, address: IpAddr) -> Mark {
        match self {
            Self::Ranges(partition, marks) => {
                partition.find(address).and_then(|row| marks.get(row)).copied().unwrap_or(NOTHING)
            }
            Self::Ask(table, answers) => match first_hit(table, &keys::network(address)) {
                Found::Nothing => NOTHING,
                Found::Row(row, _) => answers.get(&row.value).copied().unwrap_or(UNSURE),
                _ => UNSURE,
            },
        }
    }
}
