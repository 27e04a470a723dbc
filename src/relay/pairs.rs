//! Which listener after a change is which listener before it.

use super::policy::{Bind, Listener, Policy};

/// A listener before and after a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'p> {
    pub(super) before: Option<&'p Listener>,
    pub(super) after: Option<&'p Listener>,
}

/// Pairs by name and port, then by port and address; what has no partner stands alone.
pub(super) fn pairs<'p>(before: Option<&'p Policy>, after: Option<&'p Policy>) -> Vec<Pair<'p>> {
    let mut old: Vec<&Listener> = before.into_iter().flat_map(|p| &p.listeners).collect();
    let mut new: Vec<&Listener> = after.into_iter().flat_map(|p| &p.listeners).collect();
    let mut out = Vec::new();
    let same_name = |a: &Listener, b: &Listener| a.name == b.name && a.protocol == b.protocol;
    let same_door = |a: &Listener, b: &Listener| {
        a.port.is_some() && a.port == b.port && a.protocol == b.protocol && overlap(&a.bind, &b.bind)
    };
    for same in [&same_name as &dyn Fn(&Listener, &Listener) -> bool, &same_door] {
        new.retain(|after| match old.iter().position(|before| same(before, after)) {
            Some(i) => {
                out.push(Pair { before: Some(old.remove(i)), after: Some(after) });
                false
            }
            None => true,
        });
    }
    out.extend(new.into_iter().map(|after| Pair { before: None, after: Some(after) }));
    out.extend(old.into_iter().map(|before| Pair { before: Some(before), after: None }));
    out
}

fn overlap(a: &Bind, b: &Bind) -> bool {
    match (a, b) {
        (Bind::Addresses(a) | Bind::Among(a, _), Bind::Addresses(b) | Bind::Among(b, _)) => {
            !a.intersection(b).is_empty()
        }
        _ => true,
    }
}
