//! firewalld: its zones as they run against its zones as they are saved (firewall-cmd(1), "Runtime and permanent").
//!
//! The kernel's rules are the truth of what runs. What is saved is no ruleset, so it is compared part by part: what a
//! reload or a restart would add and take away, and whether that may let more in. Interfaces are left out: whoever
//! configures the network gives them to zones while it runs. What other programs keep there only while they run is left
//! out as well: single addresses that are banned, networks of containers, their direct rules.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::DeviceEvidence;
use crate::packet::Prefix;
use crate::platform::{ABSENT_STATUS, Ask, Unsaved};

const CONF: &str = "/etc/firewalld/firewalld.conf";
/// Status of firewall-cmd when no daemon runs (firewall-cmd(1), "Exit codes").
const NOT_RUNNING: u32 = 252;

/// What is asked of a host that may have firewalld. The daemon answers from memory and from its files; a daemon that does
/// not run is not started.
pub(super) fn ask() -> Vec<Ask> {
    let mut asks = vec![Ask::file(CONF)];
    for [end, permanent] in [["", ""], ["-permanent", " --permanent"]] {
        let client = format!("LC_ALL=C firewall-cmd{permanent}");
        let mut add = |name: &str, command: String| {
            let command = format!(
                "command -v firewall-cmd >/dev/null || exit {ABSENT_STATUS}; firewall-cmd --state >/dev/null 2>&1; \
                 [ $? -eq {NOT_RUNNING} ] && exit {ABSENT_STATUS}; {command}"
            );
            asks.push(Ask::command(format!("firewalld-{name}{end}.txt"), command));
        };
        add("zones", format!("{client} --list-all-zones"));
        // since firewalld 0.9
        let policies =
            format!("firewall-cmd --help | grep -q -e --list-all-policies || exit {ABSENT_STATUS}");
        add("policies", format!("{policies}; {client} --list-all-policies"));
        add("direct", format!("{client} --direct --get-all-rules"));
        // only services with a definition of the host's own; one that does not run yet has no answer
        let services = format!(
            "for file in /etc/firewalld/services/*.xml; do [ -e \"$file\" ] || exit {ABSENT_STATUS}; \
             name=${{file##*/}}; {client} --info-service=\"${{name%.xml}}\"; done 2>/dev/null; :"
        );
        add("services", services);
    }
    asks
}

/// Whether a list of zones or policies is whole: every one has a target.
pub(super) fn is_whole(text: &str) -> bool {
    text.split("\n\n")
        .filter(|part| !part.trim().is_empty())
        .all(|part| part.contains("\n  target: ") && part.contains("\n  rich rules:"))
}

/// In what the saved zones and the running ones differ; `None` where firewalld does not run, or was not asked.
pub(super) fn unsaved(evidence: &DeviceEvidence) -> Option<BTreeSet<Unsaved>> {
    let mut out = BTreeSet::new();
    let both = |name: &str| {
        let of = |end: &str| evidence.text(&format!("firewalld-{name}{end}.txt"));
        Some((of("")?, of("-permanent")?))
    };
    let (runs, saved) = both("zones")?;
    let default = evidence.file(CONF).and_then(|text| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix("DefaultZone=").map(|zone| zone.trim().to_owned()))
    });
    let (mut runs, mut saved) = (Zones::read("zone", &runs), Zones::read("zone", &saved));
    runs.used.insert(format!("zone {}", default.as_deref().unwrap_or("public")));
    if let Some((run_policies, saved_policies)) = both("policies") {
        runs.add(Zones::read("policy", &run_policies));
        saved.add(Zones::read("policy", &saved_policies));
    }
    if let Some((run_services, saved_services)) = both("services") {
        let named = runs.items.union(&saved.items).filter(|item| item.key == "services");
        let named: Vec<String> = named.map(|item| format!("service {}", item.value)).collect();
        runs.used.extend(named);
        runs.add(Zones::read("service", &run_services));
        saved.add(Zones::read("service", &saved_services));
    }
    for (item, is_saved) in saved
        .items
        .difference(&runs.items)
        .map(|i| (i, true))
        .chain(runs.items.difference(&saved.items).map(|i| (i, false)))
    {
        let used = runs.used.contains(&item.zone) || saved.used.contains(&item.zone);
        if !item.is_transient(is_saved) {
            let (part, opens) = (item.to_string(), used && item.opens(is_saved, &runs));
            out.insert(Unsaved { part, saved: is_saved, opens });
        }
    }
    if let Some((runs, saved)) = both("direct") {
        direct(&runs, &saved, &mut out);
    }
    Some(out)
}

/// Rules that go into the kernel as they are.
fn direct(runs: &str, saved: &str, out: &mut BTreeSet<Unsaved>) {
    let lines = |text: &str| {
        text.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect::<BTreeSet<_>>()
    };
    let (runs, saved) = (lines(runs), lines(saved));
    let accepts =
        |line: &str| line.contains("-j ACCEPT") || line.contains("-j DNAT") || line.contains("-j REDIRECT");
    for line in saved.difference(&runs) {
        out.insert(Unsaved { part: format!("direct {line}"), saved: true, opens: accepts(line) });
    }
    let others = ["f2b", "fail2ban", "DOCKER", "docker", "KUBE", "cali-", "LIBVIRT", "virbr", "CNI-"];
    for line in runs.difference(&saved).filter(|line| !others.iter().any(|other| line.contains(other))) {
        out.insert(Unsaved { part: format!("direct {line}"), saved: false, opens: !accepts(line) });
    }
}

/// Zones or policies, taken apart.
struct Zones {
    items: BTreeSet<Item>,
    /// Those that packets come through now.
    used: BTreeSet<String>,
    targets: BTreeMap<String, String>,
}

/// One entry of a zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    /// `zone public`, `policy p`.
    zone: String,
    /// `services`, `rich rules`.
    key: String,
    value: String,
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}: {}", self.zone, self.key, self.value)
    }
}

impl Zones {
    /// Reads what `--list-all-zones` and `--list-all-policies` print: a name without indent, `key: words`, and further
    /// values of a key a line each behind a tab.
    fn read(kind: &str, text: &str) -> Self {
        let mut zones = Self { items: BTreeSet::new(), used: BTreeSet::new(), targets: BTreeMap::new() };
        let (mut zone, mut key) = (String::new(), String::new());
        for line in text.lines().map(|line| line.trim_end_matches('\r')) {
            if line.trim().is_empty() {
                continue;
            }
            if let Some(value) = line.strip_prefix('\t') {
                zones.item(&zone, &key, value.trim());
            } else if let Some((name, values)) = line.strip_prefix("  ").and_then(|l| l.split_once(':')) {
                key = name.trim().to_owned();
                values.split_whitespace().for_each(|value| zones.item(&zone, &key, value));
            } else {
                let (name, about) = line.split_once(" (").unwrap_or((line, ""));
                zone = format!("{kind} {}", name.trim());
                if about.contains("active") || about.contains("default") {
                    zones.used.insert(zone.clone());
                }
            }
        }
        zones
    }

    fn item(&mut self, zone: &str, key: &str, value: &str) {
        match key {
            "interfaces" => return,
            "target" => _ = self.targets.insert(zone.to_owned(), value.to_owned()),
            _ => {}
        }
        let item = Item { zone: zone.to_owned(), key: key.to_owned(), value: value.to_owned() };
        self.items.insert(item);
    }

    fn add(&mut self, others: Self) {
        self.items.extend(others.items);
        self.used.extend(others.used);
        self.targets.extend(others.targets);
    }
}

impl Item {
    /// Whether a reload may let more in: it brings what is only saved, and takes what only runs.
    fn opens(&self, saved: bool, runs: &Zones) -> bool {
        let refuses = |text: &str| matches!(text, "DROP" | "REJECT" | "%%REJECT%%");
        match (self.key.as_str(), saved) {
            // one value takes the place of another: told of the one that comes
            ("target", true) => {
                let before = runs.targets.get(&self.zone).map_or("default", String::as_str);
                self.value == "ACCEPT" || (refuses(before) && !refuses(&self.value))
            }
            ("target" | "forward" | "masquerade", false) => false,
            ("forward", true) => self.value == "yes",
            ("masquerade", true) => false,
            ("icmp-blocks" | "destination", saved) => !saved,
            ("modules" | "helpers", _) => false,
            ("icmp-block-inversion" | "priority" | "ingress-priority" | "egress-priority", _) => true,
            ("sources", false) => runs.targets.get(&self.zone).is_some_and(|target| refuses(target)),
            ("rich rules", true) => accepts_by_rule(&self.value),
            ("rich rules", false) => refuses_by_rule(&self.value),
            (_, saved) => saved,
        }
    }

    /// Whether other programs put such things there for as long as they run.
    fn is_transient(&self, saved: bool) -> bool {
        if saved {
            return false;
        }
        match self.key.as_str() {
            "sources" => matches!(self.zone.as_str(), "zone trusted" | "zone docker" | "zone libvirt"),
            "rich rules" => refuses_by_rule(&self.value) && is_about_one(&self.value),
            _ => false,
        }
    }
}

/// Whether a rich rule lets through (firewalld.richlanguage(5)).
fn accepts_by_rule(rule: &str) -> bool {
    rule.split_whitespace().any(|word| matches!(word, "accept" | "forward-port"))
}

/// Whether a rich rule refuses.
fn refuses_by_rule(rule: &str) -> bool {
    rule.split_whitespace().any(|word| matches!(word, "drop" | "reject"))
}

/// Whether a rich rule is about one source address: so bans are written.
fn is_about_one(rule: &str) -> bool {
    let Some((_, rest)) = rule.split_once("source address=") else { return false };
    let address = rest.trim_start_matches(['"', '\'']).split(['"', '\'', ' ']).next().unwrap_or_default();
    let one = address.parse::<Prefix>().map(|prefix| prefix.bounds());
    one.is_ok_and(|(first, last)| first == last) && !rule.contains("source not ")
}

#[cfg(test)]
mod tests;
