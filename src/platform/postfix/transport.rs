//! `transport:nexthop` (transport(5)): which agent of master.cf takes mail, and whether it leaves the host.

use super::config::Config;
use crate::reason::Reason;
use crate::relay::{Agent, Next, Transport};

/// Reads a transport value; `relayhost` replaces the recipient's domain as next hop where it applies.
pub(super) fn read(config: &Config<'_>, value: &str, relayhost: Option<&str>) -> Transport {
    let (channel, nexthop) = value.split_once(':').unwrap_or((value, ""));
    let (channel, nexthop) = (channel.trim(), nexthop.trim());
    let agent = agent(config, channel, nexthop);
    let nexthop = if nexthop.is_empty() { relayhost.unwrap_or_default() } else { nexthop };
    Transport { agent, next: next(nexthop) }
}

fn agent(config: &Config<'_>, channel: &str, nexthop: &str) -> Agent {
    match channel {
        "" => return Agent::Unchanged,
        "error" => return Agent::Bounce,
        "retry" => return Agent::PutOff,
        _ => {}
    }
    let service = config.service(&["unix"], channel);
    let command = service.map_or(channel, |s| &s.command);
    match command {
        "smtp" | "relay" => Agent::Network,
        "lmtp" if nexthop.starts_with("unix:") || nexthop.starts_with('/') => Agent::Deliver,
        "lmtp" => Agent::Network,
        "local" | "virtual" | "pipe" => Agent::Deliver,
        "error" | "retry" | "discard" => Agent::Discard,
        _ => Agent::Unknown(Reason::Unread { text: channel.to_owned() }),
    }
}

fn next(nexthop: &str) -> Next {
    let host = nexthop.strip_prefix("inet:").unwrap_or(nexthop);
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.split_once(']'))
        .map_or_else(|| host.split(':').next().unwrap_or_default(), |(inner, _)| inner);
    if host.is_empty() {
        Next::Recipient
    } else if host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
    {
        Next::Loopback
    } else {
        Next::Host
    }
}
