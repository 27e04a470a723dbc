//! What the configuration says of exactly the attempt that was made: the relay engine's answer, and the packet filter's.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::record::{Dialogue, Tried};
use crate::finding::Confidence;
use crate::firewall::query::{self, DirectionWord, Protocol, Query};
use crate::host::routing::WayOut;
use crate::packet::{AddressSet, Family};
use crate::platform::DeviceModel;
use crate::relay::{self, Answer, Attempt, ClientName, Facts, Policy, Verdict};

/// A name that no configuration names (RFC 2606 section 2).
const SOME_NAME: &str = "sekisho-test.invalid";

/// What a packet filter does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Lets it through.
    Passes,
    /// Stops it.
    Stops,
    /// The evidence does not say.
    Unknown,
}

/// The answer that a policy gives to an attempt; `None` where it cannot be asked: nobody knows our address, or the one
/// that we connected to is not the host's.
pub(super) fn mail(
    policy: &Policy,
    dialogue: &Dialogue,
    tried: &Tried,
    foreign: &(String, bool),
    tls: bool,
) -> Option<Answer> {
    let client = dialogue.client()?;
    let (server, translated) = server(policy, dialogue.at.ip())?;
    let attempt = |name: ClientName| Attempt {
        client,
        name,
        server,
        port: dialogue.at.port(),
        helo: Some(dialogue.helo.clone()),
        tls,
        certificate: None,
        login: None,
        mail_from: tried.mail_from.clone(),
        rcpt_to: tried.rcpt_to.clone(),
        claim: None,
    };
    let existing = foreign.1.then(|| foreign.0.clone()).into_iter().collect();
    let facts = Facts { existing, ..Facts::default() };
    // whether our address has a name is not known here
    let nameless = relay::answer(policy, &attempt(ClientName::Missing), &facts);
    let named = relay::answer(policy, &attempt(ClientName::Verified(SOME_NAME.to_owned())), &facts);
    if translated && nameless.verdict == Verdict::Unavailable {
        return None;
    }
    if nameless.verdict == named.verdict {
        return Some(if named.confidence == Confidence::Possible { named } else { nameless });
    }
    Some(Answer { verdict: Verdict::Undecided, confidence: Confidence::Possible, code: None, ..nameless })
}

/// The host's address that a connection to `to` meets, and whether it is translated on the way.
fn server(policy: &Policy, to: IpAddr) -> Option<(IpAddr, bool)> {
    match &policy.own_addresses {
        Some(own) if !own.contains(to) => {
            let family = if to.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
            let inside = own.difference(&crate::host::loopback()).only(family);
            let first = inside.ranges().first()?;
            Some((family.address(first.first), true))
        }
        _ => Some((to, false)),
    }
}

/// What the device's packet filter does with a connection that somebody makes to it.
pub(super) fn packet(model: &DeviceModel, source: Option<IpAddr>, to: SocketAddr) -> Gate {
    ask(model, source, to).unwrap_or(Gate::Unknown)
}

fn ask(model: &DeviceModel, source: Option<IpAddr>, to: SocketAddr) -> Option<Gate> {
    let (source, firewall) = (source?, model.firewall.as_ref()?);
    model.host.own()?.contains(to.ip()).then_some(())?;
    let way = model.host.ways_out()?.into_iter().find(|(_, set): &(_, AddressSet)| set.contains(source))?.0;
    let WayOut::By(interfaces) = way else { return None };
    let [interface] = interfaces.as_slice() else { return None };
    let query = Query {
        id: serde_json::Value::Null,
        dir: DirectionWord::Input,
        iif: Some(interface.clone()),
        oif: None,
        src: source,
        dst: to.ip(),
        proto: Protocol::Name("tcp".to_owned()),
        sport: 40_000,
        dport: to.port(),
        icmp_type: 0,
        icmp_code: 0,
        tcp_flags: None,
        ct: None,
        filter: None,
    };
    let names = query::interfaces(firewall, &model.host, [interface.as_str()])?;
    let answer = query::answer(firewall, &model.host, &names, &query).ok()?;
    Some(match answer.verdict {
        "accept" => Gate::Passes,
        "drop" | "reject" => Gate::Stops,
        _ => Gate::Unknown,
    })
}
