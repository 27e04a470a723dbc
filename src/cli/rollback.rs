//! `rollback CHANGE --device NAME`: prints what restores the state before. It never runs anything.

use std::fmt::Write;
use std::path::Path;

use super::CliError;
use super::exit::Exit;
use super::global::Global;
use crate::evidence::store::{Entry, Snapshot};
use crate::evidence::{DeviceEvidence, Phase, Selector, StoreError};
use crate::platform::Normaliser;
use crate::platform::{self, Restore};
use crate::report::Lang;
use crate::report::text::{escape, quoted};
use crate::report::words::{errors, rollback as words};
use crate::site::Site;

/// Options of `rollback`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The change
    #[arg(id = "of", value_name = "CHANGE")]
    change: String,
    /// Only this device (repeatable); else every device that differs
    #[arg(long, value_name = "NAME")]
    device: Vec<String>,
}

/// Prints the commands, device by device.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let declared = global.declared(Path::new("."))?;
    let lang = global.lang();
    let before = last(args, global, Phase::Before)?;
    let missing = || StoreError::NoSnapshot { change: args.change.clone(), phase: Phase::Before };
    let before = before.ok_or_else(missing)?;
    // what stands now is what the last look saw
    let looks = [last(args, global, Phase::During)?, last(args, global, Phase::After)?];
    let now = looks.into_iter().flatten().max_by_key(|entry| entry.sequence);
    let before = before.load()?;
    let now = now.map(|entry| entry.load()).transpose()?;
    let plan = Plan { before: &before, now: now.as_ref(), site: &declared.site, lang };
    let text = plan.text(&args.device)?;
    super::colour::to_stdout(&text, global.color)?;
    Ok(Exit::Allow)
}

fn last(args: &Args, global: &Global, phase: Phase) -> Result<Option<Entry>, CliError> {
    match global.store().find(&Selector { change: args.change.clone(), phase }) {
        Err(StoreError::NoSnapshot { .. }) => Ok(None),
        Err(error @ StoreError::NoChange { .. }) => {
            Err(CliError::Usage(errors::store(&error, global.lang())))
        }
        other => Ok(other?.pop()),
    }
}

/// What is restored from what.
struct Plan<'a> {
    before: &'a Snapshot,
    now: Option<&'a Snapshot>,
    site: &'a Site,
    lang: Lang,
}

impl Plan<'_> {
    fn text(&self, wanted: &[String]) -> Result<String, CliError> {
        let names: Vec<&str> = self.before.devices.iter().map(|d| d.name.as_str()).collect();
        if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(CliError::Usage(words::no_device(&escape(unknown), &names.join(", "), self.lang)));
        }
        let mut out = format!("{}\n", words::head(self.lang));
        for device in self.before.devices.iter().filter(|d| wanted.is_empty() || wanted.contains(&d.name)) {
            out.push_str(&self.device(device));
        }
        Ok(out)
    }

    fn device(&self, before: &DeviceEvidence) -> String {
        let lang = self.lang;
        let mut out = format!("# {}\n", escape(&before.name));
        let now = self.now.and_then(|now| now.devices.iter().find(|d| d.name == before.name));
        let changed: Vec<String> = match now {
            Some(now) => {
                let drift = Normaliser::of(&before.platforms).compare(before, now);
                drift.into_iter().map(|d| d.artifact).collect()
            }
            // nobody has looked since: everything is put back
            None => before.artifacts.keys().cloned().collect(),
        };
        let platforms = || before.platforms.iter().filter_map(|id| platform::by_id(id));
        let mut restored: Vec<&str> = Vec::new();
        for artifact in &changed {
            let Some(restore) = platforms().find_map(|p| p.restore(artifact, before)) else {
                let _ = writeln!(out, "{}", words::by_hand(&escape(artifact), lang));
                continue;
            };
            if let Some(command) = self.command(before, artifact, restore) {
                let _ = writeln!(out, "{command}");
                restored.push(artifact);
            }
        }
        let mut reloads: Vec<String> = platforms().flat_map(|p| p.reload(&restored)).collect();
        reloads.dedup();
        for command in reloads {
            let _ = writeln!(out, "{} {}", self.ssh(before), quoted(&command));
        }
        if restored.is_empty() {
            let _ = writeln!(out, "{}", words::nothing(lang));
        }
        out
    }

    fn command(&self, before: &DeviceEvidence, artifact: &str, restore: Restore) -> Option<String> {
        let ssh = self.ssh(before);
        let record = self.before.manifest.devices.iter().find(|d| d.name == before.name)?;
        let stored = record.artifacts.get(artifact)?.file.as_ref();
        let Some(file) = stored else {
            let path = artifact.strip_prefix("files").filter(|_| restore == Restore::File)?;
            return Some(format!("{ssh} {}", quoted(&format!("rm {}", quoted(path)))));
        };
        let file = quoted(&self.before.folder.join(file).display().to_string());
        if before.get(artifact).is_some_and(|a| a.text().contains("{{secret:")) && restore != Restore::Covered
        {
            return Some(words::hidden(&escape(artifact), &escape(&file), self.lang));
        }
        match restore {
            Restore::Covered => None,
            Restore::Input { first: "", command } => Some(format!("{ssh} {} < {file}", quoted(command))),
            Restore::Input { first, command } => {
                Some(format!("{{ echo {}; cat {file}; }} | {ssh} {}", quoted(first), quoted(command)))
            }
            Restore::File => {
                let path = artifact.strip_prefix("files")?;
                Some(format!("{ssh} {} < {file}", quoted(&format!("cat > {}", quoted(path)))))
            }
        }
    }

    /// How the device is reached.
    fn ssh(&self, device: &DeviceEvidence) -> String {
        let declared = self.site.devices.get(device.name.as_str());
        let user = declared.and_then(|d| d.user.as_ref()).map_or_else(String::new, |user| format!("{user}@"));
        let address = device.identity.address.as_deref().unwrap_or(&device.name);
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "22"));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let to = quoted(&format!("{user}{host}"));
        if port == "22" { format!("ssh {to}") } else { format!("ssh -p {port} {to}") }
    }
}
