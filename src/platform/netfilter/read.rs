//! Reads all netfilter artifacts of a host into one firewall, each rule once.

use std::cell::Cell;

use super::{doubt, doubt_in, firewalld, ufw};
use crate::evidence::{DeviceEvidence, Source};
use crate::firewall::Firewall;
use crate::host::HostFacts;
use crate::packet::Family;
use crate::platform::{Assumption, DeviceModel, Gap, Saved, iptables, nftables};
use crate::reason::Reason;

/// Artifacts of iptables: name, family, how the tool calls its tables, whether it is the legacy variant.
const SAVES: [(&str, Family, &str, bool); 4] = [
    ("iptables-save.txt", Family::Ipv4, "iptables", false),
    ("ip6tables-save.txt", Family::Ipv6, "ip6tables", false),
    ("iptables-legacy-save.txt", Family::Ipv4, "iptables-legacy", true),
    ("ip6tables-legacy-save.txt", Family::Ipv6, "ip6tables-legacy", true),
];

/// Reads all netfilter artifacts of a host into one firewall, each rule once.
pub(in crate::platform) fn read(evidence: &DeviceEvidence, model: &mut DeviceModel) {
    if model.firewall.is_some() {
        return;
    }
    let includes = Includes { evidence, assumed: Cell::new(false) };
    let mut reader = Reader { evidence, includes: &includes, model, firewall: Firewall::default() };
    reader.saves();
    reader.listing();
    let firewall = reader.firewall;
    let files = saved(evidence, &includes, &model.host);
    let ufw = ufw::saved(evidence, &firewall, &model.host);
    let all = [("files", files), ("ufw", ufw)];
    model.saved = all.into_iter().filter_map(|(by, saved)| Some(Saved { by, firewall: saved? })).collect();
    model.unsaved = firewalld::unsaved(evidence);
    model.firewall = Some(firewall);
    if includes.assumed.get() {
        model.assumptions.push(Assumption::IncludesEmpty);
    }
}

/// What Debian's nftables and netfilter-persistent load at boot (nft(8), netfilter-persistent(8)); `None` where neither
/// file has anything in it. Whether the host loads them at all is not known here.
fn saved(evidence: &DeviceEvidence, includes: &Includes<'_>, host: &HostFacts) -> Option<Firewall> {
    let file = |path: &str| evidence.file(path).filter(|text| !text.trim().is_empty());
    // lines that are not understood there are told of the running rules already
    let mut untold = Vec::new();
    let mut firewall = Firewall::default();
    let nft = file("/etc/nftables.conf");
    if let Some(text) = &nft {
        let listing = nftables::read_text(text, "files/etc/nftables.conf", &|path| includes.find(path));
        firewall.tables.extend(listing.tables(host, &mut untold));
    }
    let saves = [
        ("/etc/iptables/rules.v4", Family::Ipv4, "iptables"),
        ("/etc/iptables/rules.v6", Family::Ipv6, "ip6tables"),
    ];
    let sets = evidence.text("ipset-save.txt");
    let mut found = nft.is_some();
    for (path, family, tool) in saves {
        let Some(text) = file(path) else { continue };
        found = true;
        let name = crate::evidence::device::file_artifact(path);
        let artifact = iptables::Artifact { name: &name, text: &text, family, tool };
        firewall.tables.extend(iptables::tables(&artifact, sets.as_deref(), host, &mut untold));
    }
    found.then_some(firewall)
}

struct Reader<'a> {
    evidence: &'a DeviceEvidence,
    includes: &'a Includes<'a>,
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
            (Some(json), text) => nftables::read_json(&json).map(|mut listing| {
                if let Some(text) = text.filter(|_| listing.is_unclear()) {
                    listing.cleared_by(&nftables::read_text(&text, "nft.txt", &|_| None));
                }
                listing
            }),
            // of a snapshot the JSON form is the proof that all is there
            (None, Some(text)) if evidence.source == Source::Bare => {
                Ok(nftables::read_text(&text, "nft.txt", &|path| self.includes.find(path)))
            }
            _ => {
                // one form that says "there is none" beside another that holds rules proves nothing
                let listed = evidence.text("nft.txt").is_some_and(|text| !text.trim().is_empty());
                let needed = match evidence.source {
                    Source::Snapshot => listed || !evidence.is_absent("nft.json"),
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
        for (family, table) in tables_of_iptables(self.evidence) {
            listing.without(family, &table);
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

/// The nf_tables tables, by family and name, that iptables made.
pub(super) fn tables_of_iptables(evidence: &DeviceEvidence) -> Vec<(&'static str, String)> {
    let mut tables = Vec::new();
    for (name, family, _, legacy) in SAVES {
        let text = evidence.text(name).filter(|text| !legacy && iptables::is_nf_tables(text));
        let family = if family == Family::Ipv4 { "ip" } else { "ip6" };
        let names = text.map(|text| iptables::table_names(&text)).unwrap_or_default();
        tables.extend(names.into_iter().map(|table| (family, table)));
    }
    tables
}

/// The files that `include` names.
struct Includes<'a> {
    evidence: &'a DeviceEvidence,
    /// A pattern that matches no file was taken for one that matches none on the device.
    assumed: Cell<bool>,
}

impl Includes<'_> {
    /// The texts of an exact path, or of a pattern with one `*` in its last part; `None` when they are not known. A
    /// pattern that matches nothing is legal (nft(8), INCLUDE FILES).
    fn find(&self, path: &str) -> Option<Vec<String>> {
        let found = included(self.evidence, path);
        if found.is_none() && path.contains('*') && self.evidence.whole {
            self.assumed.set(true);
            return Some(Vec::new());
        }
        found
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Artifact, Proof};

    /// What is missing from a snapshot whose JSON form says that there are no tables.
    fn gaps(listing: &str) -> usize {
        let mut evidence = DeviceEvidence::new("fw", vec!["nftables".to_owned()], Source::Snapshot);
        let mut hold = |name: &str, text: &str, proof| {
            let artifact = Artifact { bytes: text.as_bytes().into(), proof };
            evidence.artifacts.insert(name.to_owned(), artifact);
        };
        hold("nft.json", "", Proof::Absent);
        hold("nft.txt", listing, Proof::Given);
        for (name, ..) in SAVES {
            hold(name, "", Proof::Absent);
        }
        let mut model = DeviceModel::default();
        read(&evidence, &mut model);
        model.gaps.len()
    }

    #[test]
    fn a_listing_beside_a_form_that_says_there_is_none_proves_nothing() {
        assert_eq!(gaps(""), 0);
        assert_eq!(gaps("table ip t { }\n"), 1);
    }
}
