//! Linux host facts: addresses, routes, rules, sysctl, listening sockets. Every Linux platform reads them first.
//!
//! iproute2: ip(8), ip-address(8), ip-route(8), ip-rule(8), ss(8); kernel documentation `networking/ip-sysctl`.

mod iproute;
mod sockets;

use super::{Ask, Assumption, DeviceModel, Gap, Noise, Platform, Secret};
use crate::evidence::{DeviceEvidence, Source};
use crate::host::{HostFacts, Setting};
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
                 net.bridge.bridge-nf-call-iptables net.netfilter.nf_conntrack_tcp_loose \
                 $(cd /proc/sys && ls -d net/ipv4/conf/*/rp_filter net/ipv4/conf/*/route_localnet \
                 net/ipv4/conf/*/accept_local net/ipv4/conf/*/forwarding) 2>/dev/null",
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
    // containers come and go with their interfaces
    Noise {
        artifacts: "sysctl.txt",
        pattern: r"(?m)^net\.ipv4\.conf\.veth[0-9a-f]+\..*\n?",
        replacement: "",
    },
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
    // `all` alone does not tell what a single interface has
    let interfaces: Vec<&str> = host.addresses.iter().flatten().map(|a| a.interface.as_str()).collect();
    let silent = |setting: &Setting, highest: u8| {
        let open = |name: &str| setting.all != Some(highest) && !setting.each.contains_key(name);
        setting.is_unknown() || interfaces.iter().any(|name| *name != "lo" && open(name))
    };
    if silent(&host.reverse_path, 2) {
        model.assumptions.push(Assumption::ReversePathFilterOff);
    }
    if silent(&host.route_localnet, 1) || silent(&host.accept_local, 1) {
        model.assumptions.push(Assumption::InterfaceSettingsDefault);
    }
    for setting in [&mut host.reverse_path, &mut host.route_localnet, &mut host.accept_local] {
        setting.assumed = Some(0);
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
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let Ok(value) = value.trim().parse::<i64>() else { continue };
        match key.trim() {
            "net.ipv4.ip_forward" => host.forwarding_v4 = Some(value != 0),
            "net.ipv6.conf.all.forwarding" => host.forwarding_v6 = Some(value != 0),
            "net.netfilter.nf_conntrack_tcp_loose" => host.tcp_loose = Some(value != 0),
            key => of_interface(key, value, host),
        }
    }
}

/// A line of `net.ipv4.conf.NAME.KEY`; a dot in the name is printed as a slash (sysctl(8)).
fn of_interface(key: &str, value: i64, host: &mut HostFacts) {
    let Some((name, key)) = key.strip_prefix("net.ipv4.conf.").and_then(|rest| rest.rsplit_once('.')) else {
        return;
    };
    let name = name.replace('/', ".");
    let (setting, highest) = match key {
        "rp_filter" => (&mut host.reverse_path, 2),
        "route_localnet" => (&mut host.route_localnet, 1),
        "accept_local" => (&mut host.accept_local, 1),
        "forwarding" if name != "all" && name != "default" => {
            host.forwarding_each.insert(name, value != 0);
            return;
        }
        _ => return,
    };
    // anything but zero counts as on; a value of rp_filter above 2 as 2
    let value = u8::try_from(value).unwrap_or(u8::MAX).min(highest);
    match name.as_str() {
        "all" => setting.all = Some(value),
        // only for interfaces that are made later
        "default" => {}
        _ => {
            setting.each.insert(name, value);
        }
    }
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
        assert_eq!(model.assumptions.len(), 4);
    }

    #[test]
    fn what_sysctl_says_is_not_assumed() {
        let mut evidence = DeviceEvidence::new("fw", vec![], Source::Bare);
        let text = "net.ipv4.ip_forward = 0\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv4.conf.all.rp_filter = 1\n\
            net.ipv4.conf.default.rp_filter = 2\nnet.ipv4.conf.eth0/100.rp_filter = 2\n\
            net.ipv4.conf.eth0.route_localnet = 1\nnet.ipv4.conf.eth0.forwarding = 1\n\
            net.ipv4.conf.all.route_localnet = 0\nnet.ipv4.conf.all.accept_local = 1\n";
        evidence
            .artifacts
            .insert("sysctl.txt".into(), Artifact { bytes: text.as_bytes().into(), proof: Proof::Given });
        let mut model = DeviceModel::default();
        read(&evidence, &mut model);
        let host = &model.host;
        assert_eq!((host.forwarding_v4, host.forwarding_v6), (Some(false), Some(true)));
        assert_eq!(host.forwarding_each, [("eth0".to_owned(), true)].into());
        assert_eq!(host.reverse_path.in_force("eth0.100", 2), (2, 2));
        assert_eq!(host.reverse_path.in_force("eth1", 2), (1, 1));
        assert_eq!(host.route_localnet.in_force("eth0", 1), (1, 1));
        assert_eq!(host.accept_local.in_force("eth1", 1), (1, 1));
        assert_eq!(model.assumptions, [Assumption::AddressesUnknown]);
    }
}
