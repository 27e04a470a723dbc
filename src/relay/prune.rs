//! From every accepted class of attempts to the few that say it all: what needs less makes what needs more redundant.

use std::collections::BTreeMap;

use super::addresses::sample;
use super::candidates::RecipientForm;
use super::choice::Choice;
use super::exposure::{Change, Kind};
use super::reach::Trust;
use crate::finding::Confidence;
use crate::packet::address::AddressSet;

/// Most results for one listener.
const MAX_RESULTS: usize = 24;

/// The choice that stands for attempts that were not played.
pub(super) const UNPLAYED: Choice = [usize::MAX; 9];

/// One accepted class.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) change: Change,
}

/// Merges the clients of equal ways, then drops every way that asks more of the same clients for no more.
pub(super) fn prune(found: BTreeMap<(Choice, Trust), Vec<Found>>) -> Vec<Change> {
    let mut all: Vec<(Choice, Change)> = Vec::new();
    for ((choice, _), group) in found {
        let mut ways: BTreeMap<(Kind, Confidence), Vec<Change>> = BTreeMap::new();
        for Found { change } in group {
            ways.entry((change.kind, change.certainty)).or_default().push(change);
        }
        all.extend(ways.into_values().filter_map(|way| Some((choice, merged(way)?))));
    }
    all.sort_by_key(|(choice, change)| {
        let odd = choice.iter().enumerate().filter(|(i, c)| *i != 1 && **c > 0).count();
        (odd, std::cmp::Reverse(change.kind), std::cmp::Reverse(change.certainty), *choice)
    });
    let mut kept: Vec<(Choice, Change)> = Vec::new();
    for (choice, mut change) in all {
        for (lesser, other) in &kept {
            let covers = other.trust == change.trust
                && other.kind >= change.kind
                && (other.certainty == Confidence::Certain || change.certainty == Confidence::Possible)
                && (below(lesser, &choice) || choice == UNPLAYED && by_expression(other));
            if covers {
                change.clients = change.clients.difference(&other.clients);
            }
        }
        if !change.clients.is_empty() && kept.len() < MAX_RESULTS {
            kept.push((choice, change));
        }
    }
    kept.into_iter().map(|(_, change)| change).collect()
}

/// An open relay that is proven by an address for an expression: what else that expression may do adds nothing to it.
fn by_expression(change: &Change) -> bool {
    let form = change.needs.recipient.as_ref().map(|(form, _)| *form);
    change.certainty == Confidence::Certain && form == Some(RecipientForm::Matching)
}

/// All clients of one way, with the most telling of the witnesses.
fn merged(way: Vec<Change>) -> Option<Change> {
    let ranges = way.iter().flat_map(|change| change.clients.ranges());
    let clients: AddressSet = ranges.copied().collect();
    let telling = sample(&clients)?;
    let best = way.iter().position(|change| change.clients.contains(telling)).unwrap_or(0);
    let change = way.into_iter().nth(best)?;
    Some(Change { clients, ..change })
}

/// Whether one way asks nothing that the other does not ask too.
fn below(lesser: &Choice, greater: &Choice) -> bool {
    lesser.iter().zip(greater).enumerate().all(|(i, (l, g))| i == 1 || *l == 0 || l == g)
}
