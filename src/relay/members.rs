//! Which addresses of a set a client list holds.

use std::net::IpAddr;

use super::addresses;
use super::attempt::{Attempt, ClientName, Facts};
use super::candidates::View;
use super::chooser::Chooser;
use super::lists::ClientList;
use super::policy::{Listener, Policy};
use super::run::Run;
use super::vocabulary::Vocabulary;
use crate::packet::address::AddressSet;

/// The members of `list` in `space`, as clients without names. What is not known to be outside counts as a member.
pub(super) fn members(
    policy: &Policy,
    listener: &Listener,
    list: &ClientList,
    space: &AddressSet,
) -> AddressSet {
    let words =
        Vocabulary { client_lists: listener.xclient.iter().cloned().collect(), ..Vocabulary::default() };
    let view = View { listener, words: &words };
    let facts = Facts { client_arranges: true, ..Facts::default() };
    let is_member = |client: IpAddr| {
        let attempt = Attempt { client, ..nobody() };
        let mut chooser = Chooser::default();
        let member = Run::new(policy, listener, &attempt, &facts, &mut chooser).client_in(list);
        member.unwrap_or(false) || chooser.asked() > 0
    };
    let (classes, _) =
        addresses::classes(space, &[view], &[], &mut |address| vec![u32::from(is_member(address))]);
    classes
        .iter()
        .filter(|class| is_member(class.sample))
        .fold(AddressSet::none(), |all, class| all.union(&class.set))
}

fn nobody() -> Attempt {
    let any = IpAddr::from([0, 0, 0, 0]);
    Attempt {
        client: any,
        name: ClientName::Missing,
        server: any,
        port: 0,
        helo: None,
        tls: false,
        certificate: None,
        login: None,
        mail_from: String::new(),
        rcpt_to: String::new(),
        claim: None,
    }
}
