//! Reads all netfilter artifacts of a host into one firewall, each rule once.

use std::borrow::Cow;
use std::cell::Cell;

use super::effects::Effects;
use super::{Doubt, digest, doubt, doubt_everywhere, doubt_in, doubtful_chains, firewalld, native, ufw};
use crate::evidence::{DeviceEvidence, Source};
use crate::finding::Location;
use crate::firewall::{Firewall, Table};
use crate::host::HostFacts;
use crate::packet::Family;
use crate::platform::{Assumption, DeviceModel, FILES, Gap, Saved, iptables, nftables};
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
    let mut reader = Reader {
        evidence,
        includes: &includes,
        sets: evidence.text("ipset-save.txt").map(|text| iptables::sets(&text)),
        effects: Effects::default(),
        contradictions: Vec::new(),
        model,
        firewall: Firewall::default(),
    };
    let mut listing = reader.listed();
    for (_, text) in saves(evidence) {
        iptables::effects(&text, &mut reader.effects);
    }
    if let Some(listing) = &listing {
        listing.effects(&mut reader.effects);
    }
    reader.unread_sets();
    reader.saves(listing.as_ref());
    if let Some(listing) = &mut listing {
        reader.leave_to_iptables(listing);
        let shared = nftables::Shared { host: &reader.model.host, effects: &reader.effects };
        reader.firewall.tables.extend(listing.tables(shared, &mut reader.model.gaps));
    }
    reader.effects.expect(&mut reader.firewall);
    reader.doubt_contradictions();
    let Reader { firewall, sets, effects, model, .. } = reader;
    let files = saved(evidence, &includes, &model.host);
    model.nothing_saved = files.is_none() && BOOT_FILES.iter().all(|path| is_empty_or_gone(evidence, path));
    let around = iptables::Surroundings { sets: sets.as_ref(), effects: &effects, host: &model.host };
    let ufw = ufw::saved(evidence, &firewall, &around);
    let all = [(FILES, files), ("ufw", ufw)];
    model.saved = all.into_iter().filter_map(|(by, saved)| Some(Saved { by, firewall: saved? })).collect();
    model.unsaved = firewalld::unsaved(evidence);
    model.firewall = Some(firewall);
    if includes.assumed.get() {
        model.assumptions.push(Assumption::IncludesEmpty);
    }
}

/// Files that Debian's nftables and netfilter-persistent load at boot.
const BOOT_FILES: [&str; 3] = ["/etc/nftables.conf", "/etc/iptables/rules.v4", "/etc/iptables/rules.v6"];

fn is_empty_or_gone(evidence: &DeviceEvidence, path: &str) -> bool {
    let gone = match evidence.source {
        Source::Snapshot => evidence.is_absent(&crate::evidence::device::file_artifact(path)),
        Source::Bare => evidence.file(path).is_none(),
    };
    gone || evidence.file(path).is_some_and(|text| text.trim().is_empty())
}

/// What Debian's nftables and netfilter-persistent load at boot (nft(8), netfilter-persistent(8)); `None` where neither
/// file has anything in it. Whether the host loads them at all is not known here.
fn saved(evidence: &DeviceEvidence, includes: &Includes<'_>, host: &HostFacts) -> Option<Firewall> {
    let file = |path: &str| evidence.file(path).filter(|text| !text.trim().is_empty());
    let [conf, v4, v6] = BOOT_FILES;
    let saves = [(v4, Family::Ipv4, "iptables"), (v6, Family::Ipv6, "ip6tables")];
    let mut effects = Effects::default();
    // lines that are not understood there are told of the running rules already
    let mut untold = Vec::new();
    let mut firewall = Firewall::default();
    let nft = file(conf);
    let read = |text: &str| nftables::read_text(text, "files/etc/nftables.conf", &|path| includes.find(path));
    let listing = nft.as_deref().map(read);
    listing.iter().for_each(|listing| listing.effects(&mut effects));
    saves.iter().filter_map(|(path, ..)| file(path)).for_each(|text| iptables::effects(&text, &mut effects));
    if let Some(listing) = &listing {
        let shared = nftables::Shared { host, effects: &effects };
        firewall.tables.extend(listing.tables(shared, &mut untold));
    }
    let sets = evidence.text("ipset-save.txt").map(|text| iptables::sets(&text));
    let around = iptables::Surroundings { sets: sets.as_ref(), effects: &effects, host };
    let mut found = nft.is_some();
    for (path, family, tool) in saves {
        let Some(text) = file(path) else { continue };
        found = true;
        let name = crate::evidence::device::file_artifact(path);
        let artifact = iptables::Artifact { name: &name, text: &text, family, tool };
        firewall.tables.extend(iptables::tables(&artifact, &around, &mut untold));
    }
    effects.expect(&mut firewall);
    found.then_some(firewall)
}

/// The texts of iptables-save, by artifact.
fn saves(evidence: &DeviceEvidence) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
    SAVES.into_iter().filter_map(move |(name, ..)| Some((name, evidence.text(name)?)))
}

struct Reader<'a> {
    evidence: &'a DeviceEvidence,
    includes: &'a Includes<'a>,
    sets: Option<iptables::Sets>,
    effects: Effects,
    /// Listings that another contradicts, and what tells the contradiction from others.
    contradictions: Vec<(String, String)>,
    model: &'a mut DeviceModel,
    firewall: Firewall,
}

impl Reader<'_> {
    fn saves(&mut self, listing: Option<&nftables::Listing>) {
        let evidence = self.evidence;
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
            let twin = evidence.text(&format!("{tool}-legacy-save.txt")).filter(|_| !legacy);
            if twin.is_some_and(|twin| iptables::is_same(&twin, &text)) {
                // both commands print the same legacy tables
                continue;
            }
            if !iptables::is_whole(&text) && text.lines().any(|l| l.starts_with('*')) && !committed(&text) {
                self.unproven(name);
            }
            let artifact = iptables::Artifact { name, text: &text, family, tool };
            let around = iptables::Surroundings {
                sets: self.sets.as_ref(),
                effects: &self.effects,
                host: &self.model.host,
            };
            let mut tables = iptables::tables(&artifact, &around, &mut self.model.gaps);
            if let Some(listing) = listing.filter(|_| !legacy && iptables::is_nf_tables(&text)) {
                self.hold_against_nft(&mut tables, tool, family, &text, listing);
            }
            self.firewall.tables.extend(tables);
        }
        if evidence.source == Source::Bare && (SAVES.iter().any(|(n, ..)| evidence.get(n).is_none())) {
            self.model.assumptions.push(Assumption::OtherNetfilterEmpty);
        }
    }

    /// nft lists the tables of iptables, too, with rules in them that iptables-save cannot print.
    fn hold_against_nft(
        &mut self,
        tables: &mut [Table],
        tool: &str,
        family: Family,
        text: &str,
        listing: &nftables::Listing,
    ) {
        let shared = nftables::Shared { host: &self.model.host, effects: &self.effects };
        let nft_family = family_of(family);
        let mut contradicts = false;
        for name in iptables::table_names(text) {
            let called = format!("{tool} {name}");
            let Some(saved) = tables.iter_mut().find(|table| table.name == called) else { continue };
            let listed = listing.table(nft_family, &name, shared, &mut Vec::new());
            let (listed, foreign) = listed.unwrap_or_else(|| {
                let none = Table { name: called.clone(), families: vec![family], chains: Vec::new() };
                (none, Vec::new())
            });
            contradicts |= !native::reconcile(saved, &listed, &foreign);
        }
        if contradicts {
            let name = format!("{tool}-save.txt");
            self.contradiction(&name, &[family]);
        }
    }

    /// Two listings of the same that differ prove nothing, and are as good as others only while both stay as they are.
    fn contradiction(&mut self, artifact: &str, families: &[Family]) {
        let reason = Reason::ListingsContradict {
            artifact: artifact.to_owned(),
            other: "nft list ruleset".to_owned(),
        };
        self.model.gaps.push(Gap { reason: reason.clone(), location: None });
        let texts: Vec<_> =
            [artifact, "nft.json", "nft.txt"].iter().map(|name| self.evidence.text(name)).collect();
        let texts = digest(texts);
        let location = Location::within(artifact, "nft list ruleset");
        let doubt = Doubt { reason, place: format!("{artifact} {texts}"), location, only: Vec::new() };
        let chains = doubtful_chains(&doubt);
        self.firewall.tables.push(Table { name: artifact.to_owned(), families: families.to_vec(), chains });
        self.contradictions.push((artifact.to_owned(), texts));
    }

    /// Either of two listings that contradict each other may be the true one.
    fn doubt_contradictions(&mut self) {
        for (artifact, texts) in &self.contradictions {
            doubt_everywhere(&mut self.firewall.tables, &artifact.as_str().into(), &[texts]);
        }
    }

    /// Lines of `ipset save` that are not understood.
    fn unread_sets(&mut self) {
        for (line, text) in self.sets.iter().flat_map(|sets| &sets.unread) {
            let location = Some(Location::at("ipset-save.txt", *line, text.as_str()));
            self.model.gaps.push(Gap { reason: Reason::Unread { text: text.clone() }, location });
        }
    }

    /// What nft lists.
    fn listed(&mut self) -> Option<nftables::Listing> {
        let evidence = self.evidence;
        let nft = evidence.platforms.iter().any(|p| p == "nftables");
        let text = || evidence.text("nft.txt").filter(|_| !evidence.is_absent("nft.txt"));
        let read = match (evidence.text("nft.json"), text()) {
            (Some(json), text) => nftables::read_json(&json).map(|mut listing| {
                if let Some(text) = text {
                    let other = nftables::read_text(&text, "nft.txt", &|_| None);
                    if listing.is_unclear() {
                        listing.cleared_by(&other);
                    }
                    self.hold_against_text(&listing, &other);
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
                return None;
            }
        };
        match read {
            Ok(listing) => Some(listing),
            Err(problem) => {
                let reason = Reason::ArtifactUnreadable { artifact: "nft.json".to_owned(), problem };
                self.doubt("nft.json", reason);
                None
            }
        }
    }

    /// The two forms of the listing must say the same.
    fn hold_against_text(&mut self, json: &nftables::Listing, text: &nftables::Listing) {
        let effects = Effects::default();
        let shared = nftables::Shared { host: &self.model.host, effects: &effects };
        let [json, text] = [json, text].map(|listing| listing.tables(shared, &mut Vec::new()));
        if !native::agree(&json, &text) {
            self.contradiction("nft.json", &Family::BOTH);
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
        let family = family_of(family);
        let names = text.map(|text| iptables::table_names(&text)).unwrap_or_default();
        tables.extend(names.into_iter().map(|table| (family, table)));
    }
    tables
}

const fn family_of(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
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
