//! Which addresses of a set a client list holds.

use super::addresses;
use super::attempt::{Attempt, Facts};
use super::candidates::View;
use super::chooser::Chooser;
use super::lists::ClientList;
use super::policy::{Listener, Policy};
use super::run::Run;
use super::vocabulary::Vocabulary;
use crate::packet::address::AddressSet;

/// The members of `list` in `space`. What is not known to be outside counts as a member.
pub(super) fn members(
    policy: &Policy,
    listener: &Listener,
    list: &ClientList,
    space: &AddressSet,
    attempt: &Attempt,
) -> AddressSet {
    let words =
        Vocabulary { client_lists: listener.xclient.iter().cloned().collect(), ..Vocabulary::default() };
    let view = View { listener, words: &words };
    let facts = Facts { client_arranges: true, ..Facts::default() };
    let (classes, _) = addresses::classes(space, &[view], &[], &mut |address| {
        let attempt = Attempt { client: address, ..attempt.clone() };
        let mut chooser = Chooser::default();
        let member = Run::new(policy, listener, &attempt, &facts, &mut chooser).client_in(list);
        let member = member.unwrap_or(false) || chooser.asked() > 0;
        member.to_string()
    });
    let inside = |set: &AddressSet| {
        let attempt = Attempt { client: addresses::sample(set)?, ..attempt.clone() };
        let mut chooser = Chooser::default();
        let member = Run::new(policy, listener, &attempt, &facts, &mut chooser).client_in(list);
        Some(member.unwrap_or(false) || chooser.asked() > 0)
    };
    classes
        .iter()
        .filter(|class| inside(&class.set) == Some(true))
        .fold(AddressSet::none(), |all, class| all.union(&class.set))
}
