//! ufw: what its files would load, over what runs (ufw(8), ufw-framework(8); the order is that of `ufw_start` in
//! `ufw-init-functions`). Chains and rules that are not ufw's are whoever made them runs: docker, fail2ban.

use crate::evidence::DeviceEvidence;
use crate::evidence::device::file_artifact;
use crate::firewall::Firewall;
use crate::packet::Family;
use crate::platform::Ask;
use crate::platform::iptables::{Artifact, Stack, Surroundings};

const CONF: &str = "/etc/ufw/ufw.conf";
const DEFAULTS: &str = "/etc/default/ufw";
/// The files with rules in the order in which they are loaded; the last ones are those that `ufw allow` writes.
const RULES: [&str; 3] = ["before", "after", "user"];
/// Built-in chains, their names in ufw's chains, and where the policy of each is set.
const WAYS: [(&str, &str, &str); 3] = [
    ("INPUT", "input", "DEFAULT_INPUT_POLICY"),
    ("OUTPUT", "output", "DEFAULT_OUTPUT_POLICY"),
    ("FORWARD", "forward", "DEFAULT_FORWARD_POLICY"),
];
/// What a built-in chain leads to, in order.
const PARTS: [&str; 6] = ["before-logging", "before", "after", "after-logging", "reject", "track"];

/// What is asked of a host that may have ufw.
pub(super) fn ask() -> Vec<Ask> {
    let rules = RULES.iter().flat_map(|rules| ["", "6"].map(|six| rules_file(rules, six)));
    [CONF.to_owned(), DEFAULTS.to_owned()].into_iter().chain(rules).map(|path| Ask::file(&path)).collect()
}

fn rules_file(rules: &str, six: &str) -> String {
    format!("/etc/ufw/{rules}{six}.rules")
}

/// What would run once ufw has loaded its files; `None` where there is no ufw, or its files or what runs are not known.
pub(super) fn saved(
    evidence: &DeviceEvidence,
    running: &Firewall,
    around: &Surroundings<'_>,
) -> Option<Firewall> {
    let settings = Settings::of(evidence)?;
    let mut firewall = running.clone();
    for (family, six, tool) in [(Family::Ipv4, "", "iptables"), (Family::Ipv6, "6", "ip6tables")] {
        let names = [tool.to_owned(), format!("{tool}-legacy")];
        let mut runs = names.iter().map(|tool| (tool, format!("{tool}-save.txt")));
        // both variants may hold tables: ufw's are where its chains are
        let holds = |name: &str| evidence.text(name).is_some_and(|text| text.contains("ufw"));
        let (tool, name) = runs.clone().find(|(_, name)| holds(name)).or_else(|| runs.next())?;
        let text = match evidence.text(&name) {
            Some(text) => text,
            None if evidence.is_absent(&name) => "".into(),
            None => return None,
        };
        let artifact = Artifact { name: &name, text: &text, family, tool };
        let mut stack = Stack::over(&artifact);
        if !settings.is_on("ENABLED") && !stack.leads("filter", "INPUT", &format!("ufw{six}-before-input")) {
            continue;
        }
        settings.load(&mut stack, six, evidence)?;
        // lines that are not understood there are told of the running rules already
        for table in stack.tables(around, &mut Vec::new()) {
            match firewall.tables.iter_mut().find(|t| t.name == table.name) {
                Some(known) => *known = table,
                None => firewall.tables.push(table),
            }
        }
    }
    Some(firewall)
}

/// The lines `NAME=value` that ufw's programs read.
struct Settings {
    text: String,
}

impl Settings {
    fn of(evidence: &DeviceEvidence) -> Option<Self> {
        Some(Self { text: format!("{}\n{}", evidence.file(CONF)?, evidence.file(DEFAULTS)?) })
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut lines =
            self.text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
        lines.next_back().map(|value| value.trim().trim_matches(['"', '\'']))
    }

    fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// What `ufw_start` does for one family.
    fn load(&self, stack: &mut Stack<'_>, six: &str, evidence: &DeviceEvidence) -> Option<()> {
        let start = format!("ufw{six}-");
        let skeleton = "skeleton of ufw";
        stack.empty("filter", |chain| chain.starts_with(&start));
        if !self.is_on("ENABLED") {
            // chains without rules do nothing, and the policies are the kernel's
            stack.load(skeleton, "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n");
            return Some(());
        }
        if !six.is_empty() && !self.is_on("IPV6") {
            stack.empty("filter", |_| true);
            let rules = "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT DROP\n-A INPUT -i lo -j ACCEPT\n\
                         -A OUTPUT -o lo -j ACCEPT\nCOMMIT\n";
            stack.load(skeleton, rules);
            return Some(());
        }
        for (built_in, way, policy) in WAYS {
            let policy = self.get(policy)?;
            let rules = skeleton_rules(stack, &start, built_in, way, policy);
            stack.load(skeleton, &rules);
        }
        for rules in RULES {
            let path = rules_file(rules, six);
            stack.load(&file_artifact(&path), &evidence.file(&path)?);
        }
        for (_, way, _) in WAYS {
            let rule = format!("-A {start}before-{way} -j {start}user-{way}");
            stack.load(skeleton, &format!("*filter\n{rule}\nCOMMIT\n"));
        }
        Some(())
    }
}

/// The chains that lead to those of the files.
fn skeleton_rules(stack: &mut Stack<'_>, start: &str, built_in: &str, way: &str, policy: &str) -> String {
    let (plain, refuses) = match policy {
        "ACCEPT" => ("ACCEPT", false),
        "REJECT" => ("DROP", true),
        _ => ("DROP", false),
    };
    let mut text = format!("*filter\n:{built_in} {plain} [0:0]\n");
    for part in PARTS.iter().chain(&["skip-to-policy", "user"]) {
        text += &format!(":{start}{part}-{way} - [0:0]\n");
    }
    for part in PARTS {
        let to = format!("{start}{part}-{way}");
        if !stack.leads("filter", built_in, &to) {
            text += &format!("-A {built_in} -j {to}\n");
        }
    }
    let verdict = if refuses { "REJECT" } else { plain };
    text += &format!("-A {start}skip-to-policy-{way} -j {verdict}\n");
    if refuses {
        text += &format!("-A {start}reject-{way} -j REJECT\n");
    }
    if plain == "ACCEPT" {
        for protocol in ["tcp", "udp"] {
            text += &format!("-A {start}track-{way} -p {protocol} -m conntrack --ctstate NEW -j ACCEPT\n");
        }
    }
    text + &format!(":{start}logging-deny - [0:0]\n:{start}logging-allow - [0:0]\nCOMMIT\n")
}
