//! What rules write that other rules read: sets, lists, measured rates, headers.
//!
//! An unknown that asks for such a thing stands for the same in another state only as long as the same rules write it. What
//! comes before a writer in its chain is not looked at, the calls that lead to its chain are.

use std::collections::{BTreeMap, BTreeSet};

use super::digest;
use crate::firewall::{Firewall, Step, Test};
use crate::packet::{Atom, State};
use crate::reason::Reason;

/// What connection tracking helpers and expectations write: which new connections count as related.
pub(in crate::platform) const EXPECTED: &str = "expected connections";

/// Writers, by what they write.
#[derive(Debug, Default)]
pub(in crate::platform) struct Effects {
    writers: BTreeMap<String, BTreeSet<String>>,
}

impl Effects {
    /// Notes a rule down; `writer` tells it from others.
    pub(in crate::platform) fn add(&mut self, what: impl Into<String>, writer: impl Into<String>) {
        self.writers.entry(what.into()).or_default().insert(writer.into());
    }

    /// How many different rules write this.
    pub(in crate::platform) fn count(&self, what: &str) -> usize {
        self.writers.get(what).map_or(0, BTreeSet::len)
    }

    /// Names the writers of these things together; empty where there are none.
    pub(in crate::platform) fn of<'w>(&self, what: impl IntoIterator<Item = &'w str>) -> String {
        let writers: Vec<_> = what.into_iter().filter_map(|what| self.writers.get_key_value(what)).collect();
        if writers.is_empty() { String::new() } else { format!(" {}", digest(writers)) }
    }

    /// Where a rule may have a helper or another rule expect connections, a new one may count as related: the first packet
    /// of a connection that something else announced (nft(8), CONNTRACK STATEMENT; iptables-extensions(8), CT).
    pub(in crate::platform) fn expect(&self, firewall: &mut Firewall) {
        let writers = self.of([EXPECTED]);
        if writers.is_empty() {
            return;
        }
        let reason = Reason::NotModelled { text: EXPECTED.to_owned() };
        let expected = Test::Rare(Atom { reason, occurrence: Some((writers, 0)) });
        let expected = Test::All(vec![Test::State(vec![State::New]), expected]);
        let chains = firewall.tables.iter_mut().flat_map(|table| &mut table.chains);
        for step in chains.flat_map(|chain| &mut chain.rules).flat_map(|rule| &mut rule.steps) {
            match step {
                Step::Match(test) => related(test, &expected),
                Step::Choose(options) => options.iter_mut().for_each(|(test, _)| related(test, &expected)),
                Step::Write(..) | Step::Copy { .. } | Step::Notrack => {}
            }
        }
    }
}

/// Takes expected connections for related ones, and not for new ones.
fn related(test: &mut Test, expected: &Test) {
    match test {
        Test::All(tests) | Test::Any(tests) => tests.iter_mut().for_each(|test| related(test, expected)),
        Test::Not(test) | Test::Arriving(test) => related(test, expected),
        Test::State(states) => {
            let own = Test::State(states.clone());
            *test = match (states.contains(&State::New), states.contains(&State::Related)) {
                (false, true) => Test::Any(vec![own, expected.clone()]),
                (true, false) => Test::All(vec![own, expected.clone().negate()]),
                _ => own,
            };
        }
        _ => {}
    }
}

/// The rules of a chain, and those that lead to it from other chains of its table: which packets may come there.
/// `callers` gives the chain and the text of each rule that jumps to a chain.
pub(in crate::platform) fn ways<'r>(
    chain: &'r str,
    callers: &dyn Fn(&str) -> Vec<(&'r str, &'r str)>,
) -> BTreeSet<(&'r str, &'r str)> {
    let (mut all, mut seen, mut next) = (BTreeSet::new(), BTreeSet::from([chain]), vec![chain]);
    while let Some(chain) = next.pop() {
        for (from, rule) in callers(chain) {
            all.insert((from, rule));
            if seen.insert(from) {
                next.push(from);
            }
        }
    }
    all
}
