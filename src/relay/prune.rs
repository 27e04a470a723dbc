//! From every accepted class of attempts to the few that say it all: what needs less makes what needs more redundant.

use std::collections::BTreeMap;

use super::exposure::Change;
use super::game::Choice;
use super::reach::Trust;
use crate::finding::Confidence;

/// Most results for one listener.
const MAX_RESULTS: usize = 24;

/// One accepted class.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) change: Change,
}

/// Merges the clients of equal ways, then drops every way that asks more of the same clients for no more.
pub(super) fn prune(found: BTreeMap<(Choice, Trust), Vec<Found>>) -> Vec<Change> {
    let mut all: Vec<(Choice, Change)> = Vec::new();
    for ((choice, _), group) in found {
        for Found { change } in group {
            let twin = all.iter_mut().find(|(c, other)| {
                *c == choice
                    && (other.trust, other.kind, other.certainty)
                        == (change.trust, change.kind, change.certainty)
            });
            match twin {
                Some((_, other)) => merge(other, change),
                None => all.push((choice, change)),
            }
        }
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
                && below(lesser, &choice);
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

/// Keeps the more telling witness of two.
fn merge(into: &mut Change, change: Change) {
    into.clients = into.clients.union(&change.clients);
    if super::addresses::sample(&into.clients) == Some(change.witness.client) {
        into.witness = change.witness;
        into.before = change.before;
        into.after = change.after;
    }
}

/// Whether one way asks nothing that the other does not ask too.
fn below(lesser: &Choice, greater: &Choice) -> bool {
    lesser.iter().zip(greater).enumerate().all(|(i, (l, g))| i == 1 || *l == 0 || l == g)
}
