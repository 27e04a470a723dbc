//! Which chains call which, and which of them rewrite packets.

use super::{Action, Chain, ChainId, Firewall, Step, Table};
use crate::packet::Field;

/// For each chain of a table: whether it, or one it leads to, changes packets or asks about the packet as it arrived.
/// Such a chain has no meaning as a plain set over current fields.
pub(super) fn changing_chains(table: &Table) -> Vec<bool> {
    let mut changing: Vec<bool> = table.chains.iter().map(changes_itself).collect();
    loop {
        let more: Vec<bool> = table
            .chains
            .iter()
            .zip(&changing)
            .map(|(chain, own)| *own || calls(chain).any(|id| changing.get(id).copied().unwrap_or(true)))
            .collect();
        if more == changing {
            return changing;
        }
        changing = more;
    }
}

fn changes_itself(chain: &Chain) -> bool {
    chain.rules.iter().flat_map(|r| &r.steps).any(|step| match step {
        Step::Match(test) => test.has_arriving(),
        Step::Write(..) | Step::Copy { .. } | Step::Notrack => true,
        Step::Choose(options) => {
            options.iter().any(|(test, action)| test.has_arriving() || matches!(action, Action::Translate(_)))
        }
    })
}

/// The fields that rules of a firewall write.
pub(super) fn written_fields(firewall: &Firewall) -> impl Iterator<Item = Field> {
    let steps = firewall.tables.iter().flat_map(|t| &t.chains).flat_map(|c| &c.rules).flat_map(|r| &r.steps);
    steps.flat_map(|step| match step {
        Step::Write(field, _) | Step::Copy { to: field, .. } => vec![*field],
        Step::Choose(options) => {
            let translations = options.iter().filter_map(|(_, action)| match action {
                Action::Translate(translation) => Some(translation),
                _ => None,
            });
            translations.flat_map(|t| t.fields.iter().map(|(field, _)| *field)).collect()
        }
        Step::Match(_) | Step::Notrack => Vec::new(),
    })
}

fn calls(chain: &Chain) -> impl Iterator<Item = ChainId> {
    let steps = chain.rules.iter().flat_map(|r| &r.steps);
    let options =
        steps.filter_map(|step| if let Step::Choose(options) = step { Some(options) } else { None });
    options.flatten().filter_map(|(_, action)| match action {
        Action::Jump(id) | Action::Goto(id) => Some(*id),
        _ => None,
    })
}
