//! Where a test stands: what a server answers to somebody whom it trusts says nothing about strangers.

use std::net::IpAddr;

use serde::Serialize;

use crate::platform::DeviceModel;
use crate::reach::clients::is_anybody;
use crate::relay::{Everybody, Kind, Policy, Side, Trust, exposures};
use crate::site::Site;
use crate::site::zone::{InterfaceRole, Interfaces};

/// What a client's address is to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A stranger's, as far as anybody knows.
    Outside,
    /// Its own, a private one, or one of a zone that is not untrusted.
    Inside,
    /// The configuration lets it relay, and not everybody.
    Trusted,
    /// Not known: the network in between translates it.
    Unknown,
}

/// The clients that a policy lets relay although they are strangers, class by class: what only these few may do is no
/// opening to everybody.
pub(super) struct Open(Vec<(Option<u16>, crate::packet::AddressSet)>);

impl Open {
    pub(super) fn of(policy: &Policy) -> Self {
        let everybody = Everybody::new(policy);
        let all = exposures(Side { policy, reaching: &everybody });
        let wide = all.into_iter().filter(|change| {
            change.kind == Kind::Open && change.trust == Trust::Untrusted && is_anybody(&change.clients)
        });
        Self(wide.map(|change| (change.listener.port, change.clients)).collect())
    }

    /// Whether everybody may relay at this port, this client among them.
    pub(super) fn to_everybody(&self, port: u16, client: IpAddr) -> bool {
        self.0.iter().any(|(at, clients)| at.is_none_or(|at| at == port) && clients.contains(client))
    }
}

/// What an address is by where it is, whatever the device's configuration says of it.
pub(super) fn by_place(client: IpAddr, model: Option<&DeviceModel>, site: &Site) -> Standing {
    let own = model.and_then(|model| model.host.own()).unwrap_or_default();
    let trust = site.zones.trust(&Interfaces::new(), None, &own, InterfaceRole::Other);
    if trust.untrusted.contains(client) { Standing::Outside } else { Standing::Inside }
}
