//! What to ask a host with either front end, how answers are proven, what is noise, what puts things back.

use crate::evidence::DeviceEvidence;
use crate::platform::{ABSENT_STATUS, Ask, Noise, Restore, Unordered, iptables, nftables};
use crate::reason::Reason;

use super::read::tables_of_iptables;
use super::{firewalld, ufw};

/// Shell test: the nf_tables subsystem is in the kernel. Asking nft or iptables-nft where it is not would load it.
const NF_TABLES_LOADED: &str = "{ [ -e /sys/module/nf_tables ] || grep -qw nft_do_chain /proc/kallsyms; }";

/// What to ask a host with either front end.
pub(in crate::platform) fn ask() -> Vec<Ask> {
    let nft =
        |options: &str| format!("{NF_TABLES_LOADED} || exit {ABSENT_STATUS}; nft {options} list ruleset");
    let save = |tool: &str, names: &str| {
        format!(
            "command -v {tool} >/dev/null || exit {ABSENT_STATUS}; case $({tool} -V) in \
             *nf_tables*) {NF_TABLES_LOADED} || exit {ABSENT_STATUS};; \
             *) grep -q . {names} 2>/dev/null || exit {ABSENT_STATUS};; esac; {tool}"
        )
    };
    // where there are legacy tables and no tool of their own, only a legacy `iptables-save` has listed them
    let legacy = |tool: &str, usual: &str, names: &str| {
        format!(
            "[ -e {names} ] || exit {ABSENT_STATUS}; [ -r {names} ] || exit 1; grep -q . {names} || exit {ABSENT_STATUS}; \
             command -v {tool} >/dev/null || case $({usual} -V) in \
             *nf_tables* | '') exit 1;; *) exit {ABSENT_STATUS};; esac; {tool}"
        )
    };
    let (v4, v6) = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names");
    let mut asks = vec![
        Ask::command("nft.json", nft("-j")),
        Ask::command("nft.txt", nft("-s")),
        Ask::command("iptables-save.txt", save("iptables-save", v4)),
        Ask::command("ip6tables-save.txt", save("ip6tables-save", v6)),
        Ask::command("iptables-legacy-save.txt", legacy("iptables-legacy-save", "iptables-save", v4)),
        Ask::command("ip6tables-legacy-save.txt", legacy("ip6tables-legacy-save", "ip6tables-save", v6)),
        Ask::command(
            "ipset-save.txt",
            format!(
                "{{ [ -e /sys/module/ip_set ] || grep -qw ip_set_type_register /proc/kallsyms; }} || exit {ABSENT_STATUS}; \
                 command -v ipset >/dev/null || exit {ABSENT_STATUS}; ipset save"
            ),
        ),
        Ask::file("/etc/nftables.conf"),
        Ask::file("/etc/iptables/rules.v4"),
        Ask::file("/etc/iptables/rules.v6"),
    ];
    asks.extend(ufw::ask());
    asks.extend(firewalld::ask());
    asks
}

/// What restores each artifact: nft(8) and iptables-restore(8) replace a ruleset in one step. Tables that iptables made
/// nft can list but not load (xtables-nft(8)), and iptables-save shows some of those that are nft's own.
pub(in crate::platform) fn restore(artifact: &str, earlier: &DeviceEvidence) -> Option<Restore> {
    let by_iptables = tables_of_iptables(earlier);
    let listed = earlier.text("nft.txt").map(|text| nftables::read_text(&text, "nft.txt", &|_| None).names());
    let native = listed.unwrap_or_default().into_iter();
    let native =
        native.filter(|(family, name)| !by_iptables.iter().any(|(f, n)| f == family && n == name)).count();
    let input = |command| Some(Restore::Input { first: "", command });
    match artifact {
        "nft.txt" if !by_iptables.is_empty() => (native == 0).then_some(Restore::Covered),
        "iptables-save.txt" | "ip6tables-save.txt" if by_iptables.is_empty() && native > 0 => {
            Some(Restore::Covered)
        }
        "nft.txt" => Some(Restore::Input { first: "flush ruleset", command: "nft -f -" }),
        "nft.json" => Some(Restore::Covered),
        "iptables-save.txt" => input("iptables-restore"),
        "ip6tables-save.txt" => input("ip6tables-restore"),
        "iptables-legacy-save.txt" => input("iptables-legacy-restore"),
        "ip6tables-legacy-save.txt" => input("ip6tables-legacy-restore"),
        "ipset-save.txt" => input("ipset restore -exist"),
        name if name.starts_with("files/") => Some(Restore::File),
        _ => None,
    }
}

/// Whether an artifact is whole.
pub(in crate::platform) fn prove(artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
    let text = String::from_utf8_lossy(bytes);
    let unproven = |expected: &str| {
        Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected: expected.to_owned() })
    };
    match artifact {
        "nft.json" => match nftables::read_json(&text) {
            Ok(_) if text.contains("\"metainfo\"") => Ok(()),
            Ok(_) => unproven("metainfo"),
            Err(problem) => Err(Reason::ArtifactUnreadable { artifact: artifact.to_owned(), problem }),
        },
        "firewalld-zones.txt"
        | "firewalld-zones-permanent.txt"
        | "firewalld-policies.txt"
        | "firewalld-policies-permanent.txt"
            if !firewalld::is_whole(&text) =>
        {
            unproven("rich rules")
        }
        "nft.txt" if text.matches('{').count() != text.matches('}').count() => unproven("}"),
        name if name.ends_with("-save.txt") && name != "ipset-save.txt" && !iptables::is_whole(&text) => {
            unproven("COMMIT")
        }
        _ => Ok(()),
    }
}

/// What changes by itself in these artifacts.
pub(in crate::platform) const NOISE: &[Noise] = &NOISE_OF_BOTH;

/// Sets and maps have no order.
pub(in crate::platform) const UNORDERED: &[Unordered] =
    &[Unordered { artifacts: "nft.txt", pattern: r"\{ (?P<list>[^{};]*) \}", separator: ',' }];

const NOISE_OF_BOTH: [Noise; 7] = {
    let [a, b, c, d, e] = *nftables::NOISE else { panic!() };
    let [f, g] = *iptables::NOISE else { panic!() };
    [a, b, c, d, e, f, g]
};
