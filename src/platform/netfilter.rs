//! What nftables and iptables share: both front ends feed one kernel, so a host with either is asked for both.

use std::sync::Arc;

use super::{ABSENT_STATUS, Ask, Assumption, DeviceModel, Gap, Noise, iptables, nftables};
use crate::evidence::{DeviceEvidence, Source};
use crate::finding::Location;
use crate::firewall::{
    Action, Base, Chain, ChainKind, End, Firewall, Hook, Rule, Step, Table, Test, Translation, Value,
};
use crate::host::HostFacts;
use crate::packet::{Atom, Family, Field, NamePattern, Prefix};
use crate::reason::Reason;

/// Numbers the occurrences of equal unknown texts within one chain, so that each is an atom of its own and still the
/// same atom in another state of the same ruleset.
#[derive(Debug, Default)]
pub(super) struct Occurrences {
    place: String,
    seen: std::collections::BTreeMap<Reason, u32>,
}

impl Occurrences {
    /// For a chain.
    pub(super) fn of_chain(place: impl Into<String>) -> Self {
        Self { place: place.into(), seen: std::collections::BTreeMap::new() }
    }

    /// The next atom with this reason.
    pub(super) fn atom(&mut self, reason: Reason) -> Atom {
        let seen = self.seen.entry(reason.clone()).or_insert(0);
        *seen += 1;
        Atom { reason, occurrence: Some((self.place.clone(), *seen)) }
    }
}

/// A match that depends on the packet alone, on a part that is not modelled.
pub(super) fn not_modelled(text: impl Into<String>) -> Test {
    Test::Atom(Atom { reason: Reason::NotModelled { text: text.into() }, occurrence: None })
}

/// `redirect`: the packet is delivered to the host, at the first address of the interface it came by.
pub(super) fn redirect(ports: Option<Value>, host: &HostFacts, families: &[Family]) -> Vec<(Test, Action)> {
    own_address(host, families, Field::In, |dst| {
        let mut fields = vec![(Field::Dst, dst), (Field::Local, Value::number(1))];
        fields.extend(ports.clone().map(|p| (Field::Dport, p)));
        Translation { end: End::Destination, fields }
    })
}

/// `masquerade`: the source becomes the first address of the interface the packet leaves by.
pub(super) fn masquerade(ports: Option<Value>, host: &HostFacts, families: &[Family]) -> Vec<(Test, Action)> {
    own_address(host, families, Field::Out, |src| {
        let mut fields = vec![(Field::Src, src)];
        fields.extend(ports.clone().map(|p| (Field::Sport, p)));
        Translation { end: End::Source, fields }
    })
}

/// One option for each interface with an address, and one for interfaces that the evidence does not know.
fn own_address(
    host: &HostFacts,
    families: &[Family],
    interface: Field,
    translation: impl Fn(Value) -> Translation,
) -> Vec<(Test, Action)> {
    let mut options = Vec::new();
    for family in families {
        let mut done: Vec<&str> = Vec::new();
        for own in host.addresses.iter().flatten().filter(|a| Family::of(a.address) == *family) {
            if done.contains(&own.interface.as_str()) {
                continue;
            }
            done.push(&own.interface);
            let name = Test::Interface(interface, NamePattern::Exact(own.interface.clone()));
            let test = Test::All(vec![Test::Family(*family), name]);
            let (address, _) = Prefix::host(own.address).bounds();
            options.push((test, Action::Translate(translation(Value::number(address)))));
        }
        let choice = Atom {
            reason: Reason::HostFactMissing { fact: "own address".into() },
            occurrence: Some((format!("{interface:?}"), 0)),
        };
        let any = Value::Among { ranges: vec![(0, family.highest())], choice };
        options.push((Test::Family(*family), Action::Translate(translation(any))));
    }
    options
}

/// `a`, `a-b` of addresses or ports as the value of a field.
pub(super) fn value_of_ranges(ranges: Vec<(u128, u128)>, text: &str, occurrences: &mut Occurrences) -> Value {
    match ranges.as_slice() {
        [(first, last)] if first == last => Value::number(*first),
        _ => {
            let choice = occurrences.atom(Reason::RunTime { text: text.to_owned() });
            Value::Among { ranges, choice }
        }
    }
}

/// Shell test: the nf_tables subsystem is in the kernel. Asking nft or iptables-nft where it is not would load it.
const NF_TABLES_LOADED: &str = "{ [ -e /sys/module/nf_tables ] || grep -qw nft_do_chain /proc/kallsyms; }";

/// What to ask a host with either front end.
pub(super) fn ask() -> Vec<Ask> {
    let nft =
        |options: &str| format!("{NF_TABLES_LOADED} || exit {ABSENT_STATUS}; nft {options} list ruleset");
    let save = |tool: &str, names: &str| {
        format!(
            "command -v {tool} >/dev/null || exit {ABSENT_STATUS}; case $({tool} -V) in \
             *nf_tables*) {NF_TABLES_LOADED} || exit {ABSENT_STATUS};; \
             *) grep -q . {names} 2>/dev/null || exit {ABSENT_STATUS};; esac; {tool}"
        )
    };
    let legacy = |tool: &str, names: &str| {
        format!(
            "[ -e {names} ] || exit {ABSENT_STATUS}; [ -r {names} ] || exit 1; grep -q . {names} || exit {ABSENT_STATUS}; \
             command -v {tool} >/dev/null || exit {ABSENT_STATUS}; {tool}"
        )
    };
    let (v4, v6) = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names");
    vec![
        Ask::command("nft.json", nft("-j")),
        Ask::command("nft.txt", nft("-s")),
        Ask::command("iptables-save.txt", save("iptables-save", v4)),
        Ask::command("ip6tables-save.txt", save("ip6tables-save", v6)),
        Ask::command("iptables-legacy-save.txt", legacy("iptables-legacy-save", v4)),
        Ask::command("ip6tables-legacy-save.txt", legacy("ip6tables-legacy-save", v6)),
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
    ]
}

/// Whether an artifact is whole.
pub(super) fn prove(artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
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
        "nft.txt" if text.matches('{').count() != text.matches('}').count() => unproven("}"),
        name if name.ends_with("-save.txt") && name != "ipset-save.txt" && !iptables::is_whole(&text) => {
            unproven("COMMIT")
        }
        _ => Ok(()),
    }
}

/// What changes by itself in these artifacts.
pub(super) const NOISE: &[Noise] = &NOISE_OF_BOTH;

const NOISE_OF_BOTH: [Noise; 6] = {
    let [a, b, c, d] = *nftables::NOISE else { panic!() };
    let [e, f] = *iptables::NOISE else { panic!() };
    [a, b, c, d, e, f]
};

/// Artifacts of iptables: name, family, how the tool calls its tables, whether it is the legacy variant.
const SAVES: [(&str, Family, &str, bool); 4] = [
    ("iptables-save.txt", Family::Ipv4, "iptables", false),
    ("ip6tables-save.txt", Family::Ipv6, "ip6tables", false),
    ("iptables-legacy-save.txt", Family::Ipv4, "iptables-legacy", true),
    ("ip6tables-legacy-save.txt", Family::Ipv6, "ip6tables-legacy", true),
];

/// Reads all netfilter artifacts of a host into one firewall, each rule once.
pub(super) fn read(evidence: &DeviceEvidence, model: &mut DeviceModel) {
    if model.firewall.is_some() {
        return;
    }
    let mut reader = Reader { evidence, model, firewall: Firewall::default() };
    reader.saves();
    reader.listing();
    let firewall = reader.firewall;
    model.firewall = Some(firewall);
}

struct Reader<'a> {
    evidence: &'a DeviceEvidence,
    model: &'a mut DeviceModel,
    firewall: Firewall,
}

impl Reader<'_> {
    fn saves(&mut self) {
        let evidence = self.evidence;
        let sets = evidence.text("ipset-save.txt");
        let has_any = SAVES.iter().any(|(name, ..)| evidence.get(name).is_some());
        let main = evidence.platforms.iter().any(|p| p == "iptables");
        for (name, family, tool, legacy) in SAVES {
            let Some(text) = evidence.text(name) else {
                // of a bare folder, the other family of the same kind is unknown, other kinds are empty
                let needed = match evidence.source {
                    Source::Snapshot => !evidence.is_absent(name),
                    Source::Bare => !legacy && (main || has_any),
                };
                if needed {
                    self.missing(name, &[family]);
                }
                continue;
            };
            let twin = format!("{tool}-legacy-save.txt");
            if !legacy
                && evidence.get(&twin).is_some_and(|a| !a.bytes.is_empty())
                && !iptables::is_nf_tables(&text)
            {
                // both commands print the same legacy tables
                continue;
            }
            if !iptables::is_whole(&text) && text.lines().any(|l| l.starts_with('*')) && !committed(&text) {
                self.unproven(name);
            }
            let artifact = iptables::Artifact { name, text: &text, family, tool };
            let tables = iptables::tables(&artifact, sets.as_deref(), &self.model.host, &mut self.model.gaps);
            self.firewall.tables.extend(tables);
        }
        if evidence.source == Source::Bare && (SAVES.iter().any(|(n, ..)| evidence.get(n).is_none())) {
            self.model.assumptions.push(Assumption::OtherNetfilterEmpty);
        }
    }

    fn listing(&mut self) {
        let evidence = self.evidence;
        let nft = evidence.platforms.iter().any(|p| p == "nftables");
        let read = match (evidence.text("nft.json"), evidence.text("nft.txt")) {
            (Some(json), _) => nftables::read_json(&json),
            // of a snapshot the JSON form is the proof that all is there
            (None, Some(text)) if evidence.source == Source::Bare => {
                Ok(nftables::read_text(&text, "nft.txt", &|path| included(evidence, path)))
            }
            _ => {
                let needed = match evidence.source {
                    Source::Snapshot => !evidence.is_absent("nft.json"),
                    Source::Bare => nft,
                };
                if needed {
                    self.missing("nft.json", &Family::BOTH);
                }
                return;
            }
        };
        match read {
            Ok(mut listing) => {
                self.leave_to_iptables(&mut listing);
                self.firewall.tables.extend(listing.tables(&self.model.host, &mut self.model.gaps));
            }
            Err(problem) => {
                let reason = Reason::ArtifactUnreadable { artifact: "nft.json".to_owned(), problem };
                self.doubt("nft.json", reason);
            }
        }
    }

    /// iptables-nft rules show up in nft's list as `xt`: where iptables-save lists a table, it speaks for it.
    fn leave_to_iptables(&self, listing: &mut nftables::Listing) {
        for (name, family, _, legacy) in SAVES {
            let Some(text) = self.evidence.text(name).filter(|_| !legacy) else { continue };
            if !iptables::is_nf_tables(&text) {
                continue;
            }
            let family = if family == Family::Ipv4 { "ip" } else { "ip6" };
            for table in iptables::table_names(&text) {
                if listing.names().contains(&(family.to_owned(), table.clone())) {
                    listing.without(family, &table);
                }
            }
        }
    }

    fn missing(&mut self, artifact: &str, families: &[Family]) {
        let reason = Reason::ArtifactMissing { artifact: artifact.to_owned() };
        self.model.gaps.push(Gap { reason: reason.clone(), location: None });
        let table = doubt_in(&artifact.into(), reason, families);
        self.firewall.tables.push(table);
    }

    fn unproven(&mut self, artifact: &str) {
        let reason =
            Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected: "COMMIT".to_owned() };
        self.doubt(artifact, reason);
    }

    fn doubt(&mut self, artifact: &str, reason: Reason) {
        self.model.gaps.push(Gap { reason: reason.clone(), location: None });
        self.firewall.tables.push(doubt(&artifact.into(), reason));
    }
}

/// The files that an `include` names, if the evidence holds any: an exact path, or a pattern with one `*` in its last
/// part.
fn included(evidence: &DeviceEvidence, path: &str) -> Option<Vec<String>> {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/etc/{path}") };
    let Some((before, after)) = path.split_once('*') else {
        return evidence.file(&path).map(|text| vec![text.into_owned()]);
    };
    let folder =
        crate::evidence::device::file_artifact(before.rsplit_once('/').map_or("", |(folder, _)| folder));
    let inside = evidence.artifacts.keys().filter(|name| name.starts_with(&folder));
    let start = crate::evidence::device::file_artifact(before);
    let texts: Vec<String> = inside
        .filter(|name| {
            let rest = name.strip_prefix(start.as_str()).and_then(|rest| rest.strip_suffix(after));
            rest.is_some_and(|middle| !middle.contains('/'))
        })
        .filter_map(|name| evidence.text(name).map(|t| t.into_owned()))
        .collect();
    // an empty folder is legal for a pattern, but only a captured one is known to be empty
    (!texts.is_empty()).then_some(texts)
}

fn committed(text: &str) -> bool {
    text.lines().filter(|l| l.starts_with('*')).count()
        == text.lines().filter(|l| l.trim() == "COMMIT").count()
}

/// A table in which anything may happen to any packet.
pub(super) fn doubt(file: &Arc<str>, reason: Reason) -> Table {
    doubt_in(file, reason, &Family::BOTH)
}

fn doubt_in(file: &Arc<str>, reason: Reason, families: &[Family]) -> Table {
    let chains = [Hook::Input, Hook::Forward, Hook::Output].map(|hook| {
        let atom = Atom { reason: reason.clone(), occurrence: Some((format!("{file} {hook:?}"), 0)) };
        let location = Location::within(Arc::clone(file), "not in the evidence");
        Chain {
            name: format!("{hook:?}"),
            base: Some(Base {
                hook,
                priority: 0,
                kind: ChainKind::Filter,
                accept: true,
                devices: Vec::new(),
                location: location.clone(),
            }),
            rules: vec![Rule { steps: vec![Step::act(Action::Outside(atom))], location }],
        }
    });
    Table { name: file.to_string(), families: families.to_vec(), chains: chains.to_vec() }
}
