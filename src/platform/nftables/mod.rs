//! nftables: nft(8), libnftables-json(5); priorities from `netfilter_ipv4.h` and nft(8), "Standard priority names".

mod amount;
mod ast;
mod at;
mod base;
mod cursor;
mod json;
mod key;
mod lex;
mod literal;
mod lower;
mod nat;
mod render;
mod rule;
mod selector;
mod special;
mod text;
mod unknown;
mod value;
mod write;
mod writes;

use std::sync::Arc;

use super::netfilter;
use super::netfilter::effects::Effects;
use super::{Ask, DeviceModel, Gap, Noise, Platform, Restore, Secret, Unordered, linux};
use crate::evidence::DeviceEvidence;
use crate::finding::Location;
use crate::firewall::Table;
use crate::reason::Reason;

/// The platform.
pub struct Nftables;

impl Platform for Nftables {
    fn id(&self) -> &'static str {
        "nftables"
    }

    fn host(&self) -> Option<&'static dyn Platform> {
        Some(&linux::Linux)
    }

    fn signs(&self) -> &'static [&'static str] {
        &["nft.json", "nft.txt"]
    }

    fn ask(&self) -> Vec<Ask> {
        netfilter::ask()
    }

    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        netfilter::prove(artifact, bytes)
    }

    fn restore(&self, artifact: &str, earlier: &DeviceEvidence) -> Option<Restore> {
        netfilter::restore(artifact, earlier)
    }

    fn secrets(&self) -> &'static [Secret] {
        &[]
    }

    fn noise(&self) -> &'static [Noise] {
        netfilter::NOISE
    }

    fn unordered(&self) -> &'static [Unordered] {
        netfilter::UNORDERED
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        netfilter::read(evidence, model);
    }
}

/// What changes by itself in `nft` output.
pub(super) const NOISE: &[Noise] = &[
    Noise {
        artifacts: "nft.json",
        pattern: r#""(packets|bytes|handle|expires|index)": ?\d+"#,
        replacement: r#""$1":0"#,
    },
    Noise { artifacts: "nft.json", pattern: r#"\{"metainfo": ?\{[^}]*\}\},? ?"#, replacement: "" },
    // everything stands in one line: an object a line shows what differs
    Noise { artifacts: "nft.json", pattern: r#", ?(\{"[a-z ]+": ?\{"family":)"#, replacement: ",\n$1" },
    Noise { artifacts: "nft.txt", pattern: r"counter packets \d+ bytes \d+", replacement: "counter" },
    Noise { artifacts: "nft.txt", pattern: r" expires \S+", replacement: "" },
];

pub(super) use lower::Shared;

/// One artifact's tables, kept until it is known which of them iptables-save speaks for.
pub(super) struct Listing {
    ruleset: ast::Ruleset,
    file: Arc<str>,
}

/// Reads `nft -j list ruleset`.
///
/// # Errors
/// What makes the text no such JSON.
pub(super) fn read_json(text: &str) -> Result<Listing, String> {
    Ok(Listing { ruleset: json::read(text)?, file: "nft.json".into() })
}

/// Reads a ruleset as text: what `nft list ruleset` prints, or a configuration file. `includes` finds the files it
/// includes.
pub(super) fn read_text(text: &str, file: &str, includes: &dyn Fn(&str) -> Option<Vec<String>>) -> Listing {
    Listing { ruleset: text::read(text, includes), file: file.into() }
}

impl Listing {
    /// Families and names of its tables.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        self.ruleset.tables.iter().map(|t| (t.family.clone(), t.name.clone())).collect()
    }

    /// Whether another listing of the same may say more: a table's flags, or for which interfaces a chain is.
    pub(super) fn is_unclear(&self) -> bool {
        let of_interfaces =
            |base: &ast::Base| base.devices.is_empty() && matches!(base.hook.as_str(), "ingress" | "egress");
        let mut tables = self.ruleset.tables.iter();
        tables.any(|t| t.unclear || t.chains.iter().filter_map(|c| c.base.as_ref()).any(of_interfaces))
    }

    /// Takes what is unclear here from another listing of the same: nft 1.0.6 leaves the interfaces of chains out of its
    /// JSON, and prints other flags of tables than they have.
    pub(super) fn cleared_by(&mut self, other: &Self) {
        for table in &mut self.ruleset.tables {
            let same = other.ruleset.tables.iter().find(|t| t.family == table.family && t.name == table.name);
            if let Some(twin) = same.filter(|_| table.unclear) {
                (table.dormant, table.unclear) = (twin.dormant, twin.unclear);
            }
            for chain in &mut table.chains {
                let twin = same.and_then(|table| table.chains.iter().find(|c| c.name == chain.name));
                let devices = twin.and_then(|twin| twin.base.as_ref()).map(|base| base.devices.clone());
                if let Some(base) = chain.base.as_mut().filter(|base| base.devices.is_empty()) {
                    base.devices = devices.unwrap_or_default();
                }
            }
        }
    }

    /// Leaves out a table that another artifact speaks for.
    pub(super) fn without(&mut self, family: &str, name: &str) {
        self.ruleset.tables.retain(|t| !(t.family == family && t.name == name));
    }

    /// Notes down what the rules write that other rules read.
    pub(super) fn effects(&self, effects: &mut Effects) {
        self.ruleset.tables.iter().for_each(|table| writes::effects(table, effects));
    }

    /// One table, and for each of its chains which rules are not of a kind that iptables makes.
    pub(super) fn table(
        &self,
        family: &str,
        name: &str,
        shared: Shared<'_>,
        gaps: &mut Vec<Gap>,
    ) -> Option<(Table, Vec<Vec<bool>>)> {
        let table = self.ruleset.tables.iter().find(|t| t.family == family && t.name == name)?;
        let foreign = table
            .chains
            .iter()
            .map(|c| c.rules.iter().map(|r| !writes::is_of_iptables(r)).collect())
            .collect();
        Some((lower::table(table, &self.file, shared, gaps)?, foreign))
    }

    /// The vendor-neutral tables.
    pub(super) fn tables(&self, shared: Shared<'_>, gaps: &mut Vec<Gap>) -> Vec<Table> {
        for (line, text) in &self.ruleset.unread {
            let location = Location {
                file: Arc::clone(&self.file),
                line: Some(*line).filter(|l| *l > 0),
                text: text.as_str().into(),
            };
            gaps.push(Gap { reason: Reason::Unread { text: text.clone() }, location: Some(location) });
        }
        let unclear = self.ruleset.tables.iter().filter(|table| table.unclear);
        for name in unclear.map(|table| format!("{} {}", table.family, table.name)) {
            let reason = Reason::Unread { text: format!("flags of table {name}") };
            gaps.push(Gap { reason, location: None });
        }
        let mut tables: Vec<Table> =
            self.ruleset.tables.iter().filter_map(|t| lower::table(t, &self.file, shared, gaps)).collect();
        let writers = self.writers_of_anything();
        if !writers.is_empty() {
            netfilter::doubt_everywhere(&mut tables, &self.file, &writers);
        }
        if !self.ruleset.unread.is_empty() {
            let texts: Vec<&str> = self.ruleset.unread.iter().map(|(_, text)| text.as_str()).collect();
            netfilter::doubt_everywhere(&mut tables, &self.file, &texts);
            // they may add chains of their own, too
            let text = format!("{}: {} statements {}", self.file, texts.len(), netfilter::digest(texts));
            tables.push(netfilter::doubt(&self.file, Reason::Unread { text }));
        }
        tables
    }

    /// Rules that write what any later rule may look at, and that are not followed.
    fn writers_of_anything(&self) -> Vec<&str> {
        let rules = self.ruleset.tables.iter().flat_map(|t| &t.chains).flat_map(|c| &c.rules);
        let writes = |statement: &ast::Statement| matches!(statement, ast::Statement::Set { key, .. } if write::changes_anything(key));
        rules.filter(|rule| rule.statements.iter().any(writes)).map(|rule| rule.text.as_str()).collect()
    }
}
