//! aerleon, a generator of access lists whose `aclcheck` says what a list does with one packet.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::{Cost, measure};
use crate::lists::List;

/// An installed aerleon; the folder goes away with it.
pub(crate) struct Aerleon {
    folder: tempfile::TempDir,
}

impl Aerleon {
    /// Installs it from PyPI.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub(crate) fn install() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let pip = folder.path().join("bin/pip").display().to_string();
        let here = folder.path().display().to_string();
        let steps =
            [&["python3", "-m", "venv", &here][..], &["timeout", "120", &pip, "install", "-q", "aerleon"]];
        for words in steps {
            let done = Command::new(words[0]).args(&words[1..]).output();
            let done = done.map_err(|e| format!("{}: {e}", words[0]))?;
            if !done.status.success() {
                let said = String::from_utf8_lossy(&done.stderr);
                return Err(format!("{}: {}", words.join(" "), said.lines().last().unwrap_or_default()));
            }
        }
        Ok(Self { folder })
    }

    /// Asks about one packet.
    pub(crate) fn one_packet(&self, list: &List, work: &Path, limit: Duration) -> Cost {
        let (policy, definitions) = (work.join("policy.pol"), work.join("definitions"));
        lay(list, &policy, &definitions);
        let path = |path: &Path| path.display().to_string();
        let aclcheck = path(&self.folder.path().join("bin/aclcheck"));
        let (policy, definitions, base) = (path(&policy), path(&definitions), path(work));
        let place = ["--definitions-directory", &definitions, "--base-directory", &base, "-p", &policy];
        let packet = ["-s", "198.51.100.77", "-d", "10.1.2.3", "--proto", "tcp", "--dport", "22"];
        measure(&[&["taskset", "-c", "0", &aclcheck][..], &place, &packet].concat(), limit)
    }
}

/// The list as a policy. Networks and services have names there.
fn lay(list: &List, policy: &Path, definitions: &Path) {
    let (mut networks, mut services) = (BTreeMap::new(), BTreeMap::new());
    let mut text = String::from("header {\n  target:: iptables FORWARD\n}\n");
    for (rule, number) in list.rules.iter().zip(1..) {
        let mut network = |net| {
            let next = networks.len();
            format!("N{}", networks.entry(net).or_insert(next))
        };
        let source =
            rule.source.map_or_else(String::new, |net| format!("source-address:: {} ", network(net)));
        let target = network(rule.target);
        let next = services.len();
        let service = services.entry((rule.ports, rule.protocol)).or_insert(next);
        let verdict = if rule.permit { "accept" } else { "deny" };
        let _ = writeln!(
            text,
            "term t{number} {{ {source}destination-address:: {target} protocol:: {} destination-port:: S{service} action:: {verdict} }}",
            rule.protocol
        );
    }
    let networks: String = networks.iter().map(|(net, name)| format!("N{name} = {net}\n")).collect();
    let services = services.iter().map(|(((first, last), protocol), name)| match first == last {
        true => format!("S{name} = {first}/{protocol}\n"),
        false => format!("S{name} = {first}-{last}/{protocol}\n"),
    });
    fs::create_dir_all(definitions).unwrap();
    fs::write(definitions.join("networks.net"), networks).unwrap();
    fs::write(definitions.join("services.svc"), services.collect::<String>()).unwrap();
    fs::write(policy, text).unwrap();
}
