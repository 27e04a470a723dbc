//! The form that iptables-save(8) prints and iptables-restore(8) reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::words::{Opt, options};

/// One `*table` ... `COMMIT` block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SavedTable {
    /// `filter`, `nat`, `mangle`, `raw`, `security`.
    pub name: String,
    /// Chains in order of declaration: name to policy (`None` for `-`), and the line of the declaration.
    pub chains: Vec<SavedChain>,
    /// Whether `COMMIT` closes it.
    pub committed: bool,
    places: BTreeMap<String, usize>,
}

/// One chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SavedChain {
    pub name: String,
    /// `ACCEPT` or `DROP` for a built-in chain.
    pub policy: Option<String>,
    pub line: u32,
    pub text: String,
    pub rules: Vec<SavedRule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SavedRule {
    /// The file that it came from, where that is not the one with the rest.
    pub file: Option<Arc<str>>,
    pub line: u32,
    /// The line without counters.
    pub text: String,
    /// Its options behind `-A CHAIN`.
    pub options: Vec<Opt>,
}

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Saved {
    pub tables: Vec<SavedTable>,
    /// Lines that are none of the form's, with their numbers.
    pub unread: Vec<(u32, String)>,
    /// The first comment names the backend: `(nf_tables)` or none.
    pub nf_tables: bool,
    /// Tables that this tool cannot show, since another program filled them: what it prints of them is empty.
    pub foreign: Vec<String>,
}

/// Reads a file. Never fails: what is not of the form is listed.
pub(super) fn read(text: &str) -> Saved {
    let mut saved = Saved::default();
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.trim_end_matches('\r').trim();
        if let Some(comment) = line.strip_prefix('#') {
            saved.nf_tables |= comment.contains("(nf_tables)");
            // "# Table `nat' contains incompatible base-chains, use 'nft' tool." and "... is incompatible, ..."
            let foreign = comment.trim().strip_prefix("Table `").filter(|rest| rest.contains("incompatible"));
            saved
                .foreign
                .extend(foreign.and_then(|rest| rest.split_once('\'')).map(|(name, _)| name.to_owned()));
        } else if let Some(name) = line.strip_prefix('*') {
            // iptables-restore empties a table that it begins anew
            saved.tables.retain(|table| table.name != name.trim());
            saved.tables.push(SavedTable::named(name.trim()));
        } else if !line.is_empty() {
            let read = saved.tables.last_mut().filter(|t| !t.committed).is_some_and(|t| t.line(line, number));
            if !read {
                saved.unread.push((number, line.to_owned()));
            }
        }
    }
    saved
}

/// The lines of a file without remarks and counters.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest.trim_start(),
        None => line
            .strip_suffix(']')
            .and_then(|rest| rest.rsplit_once('['))
            .map_or(line, |(rest, _)| rest.trim_end()),
    })
}

/// Whether every table is closed: how an iptables-save artifact is proven whole.
pub(super) fn is_whole(text: &str) -> bool {
    let saved = read(text);
    saved.tables.iter().all(|t| t.committed) && saved.unread.is_empty()
}

impl SavedTable {
    /// An empty table.
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn line(&mut self, line: &str, number: u32) -> bool {
        if line == "COMMIT" {
            self.committed = true;
            return true;
        }
        if let Some(declaration) = line.strip_prefix(':') {
            let mut words = declaration.split_whitespace();
            let Some(name) = words.next() else { return false };
            let policy = words.next().filter(|p| *p != "-").map(str::to_owned);
            let index = self.index(name, number, line);
            if let Some(chain) = self.chains.get_mut(index) {
                chain.policy = policy;
                (chain.line, chain.text) = (number, line.to_owned());
            }
            return true;
        }
        // with -c every rule carries its counters in front: [12:3456] -A ...
        let line = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_, rest)) => rest.trim_start(),
            None => line,
        };
        self.command(options(line), line, number)
    }

    fn command(&mut self, mut options: Vec<Opt>, text: &str, line: u32) -> bool {
        if options.is_empty() {
            return false;
        }
        matches_first(&mut options);
        let command = options.remove(0);
        let mut values = command.values.iter();
        let Some(chain) = values.next() else { return false };
        match command.name.as_str() {
            "-A" | "--append" => {
                let rule = SavedRule { file: None, line, text: text.to_owned(), options };
                self.rules(chain, line).push(rule);
            }
            "-I" | "--insert" => {
                let at: usize = values.next().and_then(|n| n.parse().ok()).unwrap_or(1);
                let rules = self.rules(chain, line);
                let at = at.saturating_sub(1).min(rules.len());
                rules.insert(at, SavedRule { file: None, line, text: text.to_owned(), options });
            }
            "-N" | "--new-chain" => {
                self.index(chain, line, text);
            }
            "-P" | "--policy" => {
                let policy = values.next().cloned();
                let index = self.index(chain, line, text);
                if let Some(chain) = self.chains.get_mut(index) {
                    chain.policy = policy;
                }
            }
            _ => return false,
        }
        true
    }

    fn rules(&mut self, chain: &str, line: u32) -> &mut Vec<SavedRule> {
        let index = self.index(chain, line, "");
        // `index` names an element by construction; the fallback only satisfies the type
        if index >= self.chains.len() {
            self.chains.push(SavedChain::default());
        }
        let last = self.chains.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "bounded by the line above")]
        &mut self.chains[index.min(last)].rules
    }

    /// The place of a chain, which is made where it is not there.
    pub(super) fn index(&mut self, name: &str, line: u32, text: &str) -> usize {
        if let Some(at) = self.places.get(name) {
            return *at;
        }
        let place = self.chains.len();
        self.places.insert(name.to_owned(), place);
        self.chains.push(SavedChain {
            name: name.to_owned(),
            line,
            text: text.to_owned(),
            ..SavedChain::default()
        });
        place
    }

    /// The place of a chain.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// Options that match.
const MATCHES: [&str; 18] = [
    "-m",
    "--match",
    "-p",
    "--protocol",
    "--proto",
    "-s",
    "--source",
    "--src",
    "-d",
    "--destination",
    "--dst",
    "-i",
    "--in-interface",
    "-o",
    "--out-interface",
    "-f",
    "--fragment",
    "--fragments",
];

/// What a person writes behind the target matches all the same; iptables-save puts it in front.
fn matches_first(options: &mut Vec<Opt>) {
    let jump = |o: &Opt| matches!(o.name.as_str(), "-j" | "--jump" | "-g" | "--goto");
    let Some(jump) = options.iter().position(jump) else { return };
    let behind = options.iter().skip(jump).position(|o| MATCHES.contains(&o.name.as_str()));
    if let Some(behind) = behind {
        let matches = options.split_off(jump + behind);
        options.splice(jump..jump, matches);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_commit_is_not_whole() {
        let text = "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n";
        assert!(is_whole(text));
        assert!(!is_whole(text.trim_end_matches("COMMIT\n")));
        assert!(is_whole(""));
        assert!(!is_whole("Another app is currently holding the xtables lock\n"));
    }

    #[test]
    fn matches_behind_the_target_count() {
        let text = "*filter\n-A INPUT -j ACCEPT -m limit --limit 1/sec -s 10.0.0.0/8\n-A INPUT -j LOG --log-level 4\nCOMMIT\n";
        let saved = read(text);
        let names = |at: usize| {
            let rule = &saved.tables[0].chains[0].rules[at];
            rule.options.iter().map(|o| o.name.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(0), "-m --limit -s -j");
        assert_eq!(names(1), "-j --log-level");
    }

    #[test]
    fn tables_of_other_programs_are_not_spoken_for() {
        let text = "# Table `nat' contains incompatible base-chains, use 'nft' tool.\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n";
        assert_eq!(read(text).foreign, ["nat"]);
    }

    #[test]
    fn counters_inserts_and_policies() {
        let text =
            "*filter\n:INPUT DROP [1:2]\n[3:4] -A INPUT -i lo -j ACCEPT\n-I INPUT -j DROP\n-N X\nCOMMIT\n";
        let saved = read(text);
        let input = &saved.tables[0].chains[0];
        assert_eq!(input.policy.as_deref(), Some("DROP"));
        assert_eq!(input.rules[0].text, "-I INPUT -j DROP");
        assert_eq!((input.rules[1].line, input.rules[1].options.len()), (3, 2));
        assert_eq!(saved.tables[0].chains[1].name, "X");
    }
}
