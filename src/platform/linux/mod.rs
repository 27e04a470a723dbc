//! Linux host facts: addresses, routes, rules, sysctl, listening sockets. Every Linux platform reads them first.
//!
//! iproute2: ip(8), ip-address(8), ip-route(8), ip-rule(8), ss(8); kernel documentation `networking/ip-sysctl`.

mod iproute;
mod sockets;

use super::{Ask, Assumption, DeviceModel, Gap, Noise, Platform, Secret};
use crate::evidence::{DeviceEvidence, Source};
use crate::host::HostFacts;
use crate::reason::Reason;

/// The host below other platforms; nobody names it, and it stands in no list.
#[derive(Debug)]
pub struct Linux;

impl Platform for Linux {
    fn id(&self) -> &'static str {
        "linux"
    }

    /// `ss` reads `/proc` rather than netlink: asking the kernel's socket diagnosis would load its modules.
    fn ask(&self) -> Vec<Ask> {
        vec![
            Ask::command(
                "sysctl.txt",
                "sysctl -e net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv6.conf.all.disable_ipv6 \
                 net.ipv4.conf.all.rp_filter net.ipv4.conf.default.rp_filter net.ipv4.conf.all.route_localnet \
                 net.bridge.bridge-nf-call-iptables net.netfilter.nf_conntrack_tcp_loose 2>/dev/null",
            ),
            Ask::command("ip-addr.json", "ip -j addr"),
            Ask::command("ip-route.json", "ip -j route show table all"),
            Ask::command("ip-rule.json", "ip -j rule && ip -j -6 rule"),
            Ask::command("ss.txt", "PROC_ROOT=/proc ss -H -lntup"),
        ]
    }

    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        let artifact = artifact.to_owned();
        match artifact.as_str() {
            "ip-addr.json" | "ip-route.json" | "ip-rule.json" => {
                iproute::documents(&String::from_utf8_lossy(bytes))
                    .map(|_| ())
                    .map_err(|problem| Reason::ArtifactUnreadable { artifact, problem })
            }
            "sysctl.txt" if bytes.is_empty() => {
                Err(Reason::ArtifactUnproven { artifact, expected: "net.ipv4.ip_forward".into() })
            }
            // an empty list of sockets is legal; exit status and end of file are its proof
            _ => Ok(()),
        }
    }

    fn secrets(&self) -> &'static [Secret] {
        &[]
    }

    fn noise(&self) -> &'static [Noise] {
        NOISE
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        read(evidence, model);
    }
}

/// What changes by itself in these artifacts.
const NOISE: &[Noise] = &[
    Noise {
        artifacts: "ip-addr.json",
        pattern: r#""(valid|preferred)_life_time":\d+"#,
        replacement: r#""life_time":0"#,
    },
    Noise { artifacts: "ip-route.json", pattern: r#""expires":\d+"#, replacement: r#""expires":0"# },
    Noise { artifacts: "ss.txt", pattern: r"(pid|fd)=\d+", replacement: "$1=0" },
    Noise { artifacts: "ss.txt", pattern: r"(?m)^(\S+\s+\S+)\s+\d+\s+\d+", replacement: "$1 0 0" },
];

/// Reads host facts into the model, once per device.
fn read(evidence: &DeviceEvidence, model: &mut DeviceModel) {
    let mut gap = |artifact: &str, problem: Option<String>| {
        let artifact = artifact.to_owned();
        let reason = match problem {
            Some(problem) => Reason::ArtifactUnreadable { artifact, problem },
            None => Reason::ArtifactMissing { artifact },
        };
        model.gaps.push(Gap { reason, location: None });
    };
    let host = &mut model.host;
    for artifact in ["ip-addr.json", "ip-route.json", "ip-rule.json", "sysctl.txt", "ss.txt"] {
        let Some(text) = evidence.text(artifact) else {
            if evidence.source == Source::Snapshot && !evidence.is_absent(artifact) {
                gap(artifact, None);
            }
            continue;
        };
        let read = match artifact {
            "ip-addr.json" => links(&text, host),
            "ip-route.json" => iproute::routes(&text).map(|r| host.routes = Some(r)),
            "ip-rule.json" => iproute::has_policy(&text).map(|p| host.policy_routing = Some(p)),
            "ss.txt" => sockets::read(&text).map(|s| host.sockets = Some(s)),
            _ => {
                sysctl(&text, host);
                Ok(())
            }
        };
        if let Err(problem) = read {
            gap(artifact, Some(problem));
        }
    }
    if evidence.source == Source::Bare {
        assume(evidence, model);
    }
}

fn links(text: &str, host: &mut HostFacts) -> Result<(), String> {
    host.bridges = Some(iproute::masters(text)?);
    host.interface_groups = iproute::groups(text)?;
    host.addresses = Some(iproute::addresses(text)?);
    Ok(())
}

/// What a folder that somebody put together leaves unsaid.
fn assume(evidence: &DeviceEvidence, model: &mut DeviceModel) {
    let host = &mut model.host;
    if host.forwarding_v4.is_none() || host.forwarding_v6.is_none() {
        host.forwarding_v4 = host.forwarding_v4.or(Some(true));
        host.forwarding_v6 = host.forwarding_v6.or(Some(true));
        model.assumptions.push(Assumption::ForwardingOn);
    }
    if host.reverse_path_filter.is_none() {
        host.reverse_path_filter = Some(false);
        model.assumptions.push(Assumption::ReversePathFilterOff);
    }
    let abridged = evidence.text("ip-addr.json").is_some_and(|text| !text.contains("\"group\""));
    if let (Some(addresses), true) = (&host.addresses, abridged) {
        host.interface_groups = Some(addresses.iter().map(|a| (a.interface.clone(), 0)).collect());
        model.assumptions.push(Assumption::InterfaceGroupsDefault);
    }
    if host.addresses.is_none() || host.routes.is_none() {
        model.assumptions.push(Assumption::AddressesUnknown);
    }
}

fn sysctl(text: &str, host: &mut HostFacts) {
    let mut reverse = None;
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let Ok(value) = value.trim().parse::<i64>() else { continue };
        match key.trim() {
            "net.ipv4.ip_forward" => host.forwarding_v4 = Some(value != 0),
            "net.ipv6.conf.all.forwarding" => host.forwarding_v6 = Some(value != 0),
            "net.netfilter.nf_conntrack_tcp_loose" => host.tcp_loose = Some(value != 0),
            key if key.starts_with("net.ipv4.conf.") && key.ends_with(".rp_filter") => {
                reverse = Some(reverse == Some(true) || value == 1);
            }
            _ => {}
        }
    }
    host.reverse_path_filter = reverse;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Artifact, Proof};

    #[test]
    fn a_snapshot_without_facts_has_gaps_and_a_bare_folder_assumptions() {
        let mut model = DeviceModel::default();
        read(&DeviceEvidence::new("fw", vec![], Source::Snapshot), &mut model);
        assert_eq!(model.gaps.len(), 5);
        assert_eq!((model.host.forwarding_v4, model.assumptions.len()), (None, 0));
        let mut model = DeviceModel::default();
        read(&DeviceEvidence::new("fw", vec![], Source::Bare), &mut model);
        assert_eq!((model.gaps.len(), model.host.forwarding_v4), (0, Some(true)));
        assert_eq!(model.assumptions.len(), 3);
    }

    #[test]
    fn what_sysctl_says_is_not_assumed() {
        let mut evidence = DeviceEvidence::new("fw", vec![], Source::Bare);
        let text =
            "net.ipv4.ip_forward = 0\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv4.conf.all.rp_filter = 1\n";
        evidence
            .artifacts
            .insert("sysctl.txt".into(), Artifact { bytes: text.as_bytes().into(), proof: Proof::Given });
        let mut model = DeviceModel::default();
        read(&evidence, &mut model);
        assert_eq!((model.host.forwarding_v4, model.host.forwarding_v6), (Some(false), Some(true)));
        assert_eq!(model.host.reverse_path_filter, Some(true));
        assert_eq!(model.assumptions, [Assumption::AddressesUnknown]);
    }
}
