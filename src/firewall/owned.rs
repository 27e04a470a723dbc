//! What other programs make and unmake in a ruleset while a host runs: container engines, ban lists, service proxies.
//!
//! Nobody saves it, and after a restart it is made again: where what runs is held against what is saved, it is left out
//! of both.

use super::{Firewall, Hook, Rule};

/// Tables that are wholly theirs: fail2ban (`nftables.conf` of its actions), kube-proxy, Docker, netavark, CrowdSec,
/// sshguard.
const TABLES: [&str; 9] = [
    "f2b-table",
    "fail2ban",
    "kube-proxy",
    "docker-bridges",
    "docker-swarm",
    "netavark",
    "crowdsec",
    "crowdsec6",
    "sshguard",
];

/// How names of their chains, sets and interfaces begin: Docker (DOCKER-USER is the administrator's, and stays),
/// fail2ban, kube-proxy, plugins of the Container Network Interface, podman, CrowdSec, sshguard.
const NAMES: [&str; 12] = [
    "DOCKER",
    "docker0",
    "docker_gwbridge",
    "f2b-",
    "fail2ban-",
    "KUBE-",
    "CNI-",
    "FLANNEL-",
    "cali-",
    "NETAVARK",
    "CROWDSEC",
    "sshguard",
];

/// The chain in which an administrator puts rules of his own before Docker's.
const ADMINISTRATORS: &str = "DOCKER-USER";

impl Firewall {
    /// The ruleset without what other programs own. `like` is the ruleset that it is held against: a default that Docker
    /// sets for forwarded packets counts as the one there.
    #[must_use]
    pub fn without_owned(&self, like: &Self) -> Self {
        let mut tables = self.tables.clone();
        tables.retain(|table| !table.name.split(' ').any(|word| TABLES.contains(&word)));
        for table in &mut tables {
            let docker = table.chains.iter().any(|chain| chain.name.starts_with("DOCKER"));
            let twin = like.tables.iter().find(|other| other.name == table.name);
            for chain in &mut table.chains {
                if chain.base.is_none() && is_owned(&chain.name) {
                    chain.rules.clear();
                }
                chain.rules.retain(|rule| !names_owned(rule));
                let Some(base) = chain.base.as_mut().filter(|base| docker && base.hook == Hook::Forward)
                else {
                    continue;
                };
                let chains = twin.iter().flat_map(|table| &table.chains);
                let mut bases = chains.filter_map(|c| c.base.as_ref()).filter(|b| b.hook == Hook::Forward);
                base.accept = bases.next().is_none_or(|other| other.accept);
            }
        }
        Self { tables }
    }
}

fn is_owned(name: &str) -> bool {
    name != ADMINISTRATORS && (NAMES.iter().any(|start| name.starts_with(start)) || is_bridge(name))
}

/// Docker names the bridge of a network `br-` and the first twelve digits of its id.
fn is_bridge(name: &str) -> bool {
    let id = name.strip_prefix("br-").unwrap_or_default();
    id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a rule leads into a chain of theirs, or asks for a set or an interface of theirs.
fn names_owned(rule: &Rule) -> bool {
    let words = rule.location.text.split([' ', ',', '"', '{', '}', '@', ':']);
    words.into_iter().any(is_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_theirs() {
        let owned = ["DOCKER", "DOCKER-FORWARD", "f2b-sshd", "KUBE-SERVICES", "br-0123456789ab", "docker0"];
        assert!(owned.iter().all(|name| is_owned(name)));
        let others = ["DOCKER-USER", "br-lan", "br0", "INPUT", "f2b", "KUBERNETES", "br-0123456789abc"];
        assert!(!others.iter().any(|name| is_owned(name)));
    }
}
