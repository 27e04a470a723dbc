//! `capture`: the devices of a change into a snapshot.

use std::collections::BTreeSet;
use std::path::Path;

use super::CliError;
use super::declared::Declared;
use super::exit::Exit;
use super::global::{Format, Global, write_output};
use super::snapshot::{Camera, Taken, block_on};
use super::targets::{Connect, Targets};
use crate::capture::Target;
use crate::evidence::{Phase, StoreError};
use crate::report::captured;
use crate::report::words::connect as words;

/// Options of `capture`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// When this is: before the work, during it, or after it
    #[arg(long, value_name = "PHASE", value_parser = phase)]
    phase: Phase,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    connect: Connect,
}

/// Reads a phase. Tests from outside are `probe`'s to record.
fn phase(text: &str) -> Result<Phase, String> {
    let known = text.parse().ok().filter(|phase| *phase != Phase::Probe);
    known.ok_or_else(|| format!("{text:?} is no phase; say before, during or after"))
}

/// Which devices, of which change.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Which {
    /// Name of the change in the store; else the id in change.toml
    #[arg(long, value_name = "CHANGE")]
    pub(super) id: Option<String>,
    /// Only this device (repeatable); else every device of site.toml that has an address
    #[arg(long, value_name = "NAME")]
    pub(super) device: Vec<String>,
}

impl Which {
    /// The change's id.
    ///
    /// # Errors
    /// None is declared and none is given.
    pub(super) fn change(&self, declared: &Declared, global: &Global) -> Result<String, CliError> {
        let id = self.id.clone().or_else(|| declared.change.as_ref().map(|c| c.id.to_string()));
        id.ok_or_else(|| CliError::Usage(words::no_change(global.lang()).to_owned()))
    }

    /// The devices as targets. Devices outside of the declared scope are captured too: what was not meant to change is
    /// where nobody looks.
    ///
    /// # Errors
    /// A name that is not declared, or nothing to capture.
    pub(super) fn targets(
        &self,
        declared: &Declared,
        connect: &Connect,
        global: &Global,
    ) -> Result<Vec<Target>, CliError> {
        let lang = global.lang();
        let site = &declared.site;
        let wanted: BTreeSet<&str> = self.device.iter().map(String::as_str).collect();
        for name in &wanted {
            if !site.devices.contains_key(*name) {
                let near = crate::site::near::nearest(name, site.devices.keys().map(|n| n.as_str()));
                return Err(CliError::Usage(words::no_device(name, near, lang)));
            }
        }
        let mut targets = Targets::new(declared, connect, lang)?;
        let chosen = site.devices.values().filter(|d| match wanted.is_empty() {
            // what nobody can read is only tested
            true => d.address.is_some() && !d.platforms.is_empty(),
            false => wanted.contains(d.name.as_str()),
        });
        let targets: Vec<Target> =
            chosen.map(|device| targets.of_device(device)).collect::<Result<_, _>>()?;
        if targets.is_empty() {
            return Err(CliError::Usage(words::no_devices(declared.path.is_some(), lang).to_owned()));
        }
        Ok(targets)
    }
}

/// Captures, and says what came of each device.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let declared = global.declared(Path::new("."))?;
    let change = args.which.change(&declared, global)?;
    let outputs = global.outputs()?;
    let targets = args.which.targets(&declared, &args.connect, global)?;
    let camera = Camera::new(global, &change, args.connect.concurrency)?;
    let taken = block_on(camera.take(args.phase, &targets, None))?;
    for output in &outputs {
        let text = match output.format {
            Format::Json => manifest(&taken)?,
            Format::Table => captured::table(&taken.devices, global.lang()),
        };
        write_output(output, &text)?;
    }
    if !global.quiet && outputs.iter().all(|o| o.path.is_some()) {
        let text = captured::render(&taken.devices, &taken.entry, global.lang());
        super::colour::to_stdout(&text, global.color)?;
    }
    let complete = taken.devices.iter().all(|d| d.failures.is_empty());
    Ok(if complete { Exit::Allow } else { Exit::Undecided })
}

/// What the store holds of it: `manifest.json`.
fn manifest(taken: &Taken) -> Result<String, CliError> {
    let path = taken.entry.folder.join(crate::evidence::store::MANIFEST);
    let read = std::fs::read_to_string(&path);
    read.map_err(|source| CliError::from(StoreError::Io { path, source }))
}
