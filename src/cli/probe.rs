//! `probe`: the owner's live test, from here or from a declared device, recorded beside the snapshots of the change.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::CliError;
use super::declared::Declared;
use super::exit::Exit;
use super::global::{Format, Global, write_output};
use super::snapshot::block_on;
use super::targets::{Connect, Targets};
use crate::capture::ssh::Tunnels;
use crate::drift::FlowLine;
use crate::evidence::store::Entry;
use crate::evidence::{DeviceEvidence, Phase, State, StoreError};
use crate::finding::Finding;
use crate::platform::{self, DeviceModel};
use crate::probe::{self, Conclusion, Dial, Direct, Limits, Plan, Record, Tester, Tunnelled};
use crate::report::probe::{Tested, json, render};
use crate::report::words::connect;
use crate::report::words::probe as words;
use crate::rules::device::{Pair, judge_device};
use crate::site::probe::read_address;
use crate::site::{Device, near};

/// Options of `probe`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to test: a device, or ADDRESS:PORT of one; else everything that site.toml declares with `probe`
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Test from this device of site.toml, over SSH (nothing is installed there); else from [probe] from, else from here
    #[arg(long, value_name = "DEVICE")]
    from: Option<String>,
    /// Test from here, whatever site.toml says
    #[arg(long, conflicts_with = "from")]
    here: bool,
    /// The address that servers see of the test, where the network translates it (repeatable: one a family)
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    source: Vec<IpAddr>,
    /// Name of the change in the store; else the id in change.toml
    #[arg(long, value_name = "CHANGE")]
    id: Option<String>,
    /// Most relay attempts in all, 200 at the utmost
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=200))]
    max_attempts: u16,
    #[command(flatten)]
    connect: Connect,
}

fn address(text: &str) -> Result<IpAddr, String> {
    read_address(text).map_err(|_| format!("{text:?} is no address"))
}

/// What is known of a device before it is tested.
struct Known {
    plan: Plan,
    model: Option<DeviceModel>,
    basis: Option<String>,
}

/// Tests, records, and says what it proves.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let declared = global.declared(Path::new("."))?;
    let id = args.id.clone().or_else(|| declared.change.as_ref().map(|c| c.id.to_string()));
    let change = id.ok_or_else(|| CliError::Usage(connect::no_change(global.lang()).to_owned()))?;
    let outputs = global.outputs()?;
    let chosen = chosen(args, &declared, global)?;
    let snapshots = snapshots(global, &change)?;
    let known: Vec<Known> =
        chosen.iter().map(|(device, only)| known(device, only.as_deref(), &declared, &snapshots)).collect();
    let records = block_on(test(args, &known, &declared, global))?;
    let entry = record(&records, &change, global)?;
    let judged: Vec<probe::Judged<'_>> = records
        .iter()
        .zip(&known)
        .map(|(record, known)| probe::judge(record, known.model.as_ref(), &declared.site))
        .collect();
    let findings: Vec<Vec<Finding>> = judged
        .iter()
        .map(|test| declared.rules.iter().flat_map(|rule| rule.kind.tested(rule, test)).collect())
        .collect();
    let tests: Vec<Tested<'_>> = judged
        .iter()
        .zip(&known)
        .zip(&findings)
        .map(|((judged, known), findings)| Tested { judged, basis: known.basis.as_deref(), findings })
        .collect();
    let exit = judged.iter().map(|test| exit(test.conclusion, global)).fold(Exit::Allow, Exit::or);
    let style = global.style(declared.change.as_ref(), &declared.rules);
    let words: String = tests.iter().map(|test| render(*test, style)).collect();
    for output in &outputs {
        let text = match output.format {
            Format::Json => format!("{:#}\n", json(&tests, exit.code(), &entry.digest)),
            Format::Table => words.clone(),
        };
        write_output(output, &text)?;
    }
    if !global.quiet && outputs.iter().all(|o| o.path.is_some()) {
        let folder = crate::report::text::escape(&entry.folder.display().to_string());
        let digest = entry.digest.get(..16).unwrap_or(&entry.digest);
        let text = format!("{words}{}\n", words::stored(&folder, digest, global.lang()));
        super::colour::to_stdout(&text, global.color)?;
    }
    Ok(exit)
}

/// The exit code that a conclusion means.
const fn exit(conclusion: Conclusion, global: &Global) -> Exit {
    match conclusion {
        Conclusion::Passed => Exit::Allow,
        Conclusion::Failed if global.report_only => Exit::Allow,
        Conclusion::Failed => Exit::Deny,
        Conclusion::Open => Exit::Undecided,
    }
}

/// A device, and the places to which the test of it is narrowed.
type Chosen<'d> = (&'d Device, Option<Vec<SocketAddr>>);

/// What is to be tested: declared devices, and declared places of theirs.
fn chosen<'d>(args: &Args, declared: &'d Declared, global: &Global) -> Result<Vec<Chosen<'d>>, CliError> {
    let lang = global.lang();
    let devices = || declared.site.devices.values().filter(|device| !device.probe.is_empty());
    if args.targets.is_empty() {
        let all: Vec<Chosen<'d>> = devices().map(|device| (device, None)).collect();
        let none = || CliError::Usage(words::nothing_declared(lang).to_owned());
        return if all.is_empty() { Err(none()) } else { Ok(all) };
    }
    let mut chosen: BTreeMap<&str, Chosen<'d>> = BTreeMap::new();
    for text in &args.targets {
        let undeclared = || CliError::Usage(words::not_declared(text, lang));
        if let Ok(at) = text.parse::<SocketAddr>() {
            let holds =
                |device: &&Device| device.probe.iter().any(|t| t.sockets().any(|socket| socket == at));
            let device = devices().find(holds).ok_or_else(undeclared)?;
            if let (_, Some(places)) =
                chosen.entry(device.name.as_str()).or_insert((device, Some(Vec::new())))
            {
                places.push(at);
            }
            continue;
        }
        let device = declared.site.devices.get(text.as_str());
        let device = device.filter(|device| !device.probe.is_empty()).ok_or_else(undeclared)?;
        chosen.insert(device.name.as_str(), (device, None));
    }
    Ok(chosen.into_values().collect())
}

/// The last state before the work that the store holds of the change, and the last of all, in order.
fn snapshots(global: &Global, change: &str) -> Result<Vec<State>, CliError> {
    let mut entries = match global.store().snapshots(change) {
        Err(StoreError::NoChange { .. }) => Vec::new(),
        other => other?,
    };
    entries.retain(|entry| entry.phase != Phase::Probe);
    let before = entries.iter().rposition(|entry| entry.phase == Phase::Before);
    let last = entries.len().checked_sub(1);
    let wanted = before.into_iter().chain(last.filter(|last| Some(*last) != before));
    let wanted = wanted.filter_map(|at| entries.get(at));
    wanted.map(|entry| Ok(State::of(entry.load()?))).collect()
}

/// What the evidence says of a device, and what to try there. Predictions rest on its newest snapshot; what the change
/// opened is the difference to its oldest one before.
fn known(device: &Device, only: Option<&[SocketAddr]>, declared: &Declared, snapshots: &[State]) -> Known {
    let name = device.name.as_str();
    let holds = |state: &&State| state.devices.get(name).is_some_and(|d| !d.platforms.is_empty());
    let newest = snapshots.iter().rev().find(holds);
    let evidence = newest.and_then(|state| state.devices.get(name));
    let before = snapshots.iter().rev().find(|s| s.phase.as_ref().is_some_and(|(_, p)| *p == Phase::Before));
    let before = before.and_then(|state| state.devices.get(name));
    let opened = match (before, evidence) {
        (Some(before), Some(after)) if !std::ptr::eq(before, after) => opened(name, before, after, declared),
        _ => Vec::new(),
    };
    let model = evidence.map(platform::read);
    let policy = model.as_ref().and_then(|model| model.relay.as_ref());
    let plan = probe::plan(device, &declared.site.probing, policy, &opened, only);
    Known { plan, model, basis: newest.map(|state| state.label.clone()) }
}

fn opened(name: &str, before: &DeviceEvidence, after: &DeviceEvidence, declared: &Declared) -> Vec<FlowLine> {
    let pair = Pair { name, before: Some(Some(before)), after: Some(after), ..Pair::default() };
    judge_device(&pair, &declared.site, None, &[]).0.opened
}

/// Makes the tests, from where it was asked for.
async fn test(
    args: &Args,
    known: &[Known],
    declared: &Declared,
    global: &Global,
) -> Result<Vec<Record>, CliError> {
    let limits = Limits { attempts: args.max_attempts.into(), ..Limits::default() };
    let plans: Vec<&Plan> = known.iter().map(|known| &known.plan).collect();
    let probing = &declared.site.probing;
    let source = if args.source.is_empty() { &probing.source } else { &args.source };
    let from = args.from.as_deref().or(probing.from.as_ref().map(|name| name.as_str()));
    let Some(from) = from.filter(|_| !args.here) else {
        let tester = Tester::new(&Direct, None, source, limits);
        return Ok(all(tester, &plans, global).await);
    };
    let lang = global.lang();
    let device = declared.site.devices.get(from).ok_or_else(|| {
        let near = near::nearest(from, declared.site.devices.keys().map(|n| n.as_str()));
        CliError::Usage(connect::no_device(from, near, lang))
    })?;
    let target = Targets::new(declared, &args.connect, lang)?.of_device(device)?;
    // the connection lives as long as the tests that go through it
    let ssh = crate::capture::Limits { total: limits.total + Duration::from_secs(60), ..Default::default() };
    let tunnels = Tunnels::open(&target, &ssh).await;
    let tunnels = tunnels.map_err(|e| CliError::Exit(Exit::Undecided, e.to_string()))?;
    let dial = Tunnelled { tunnels, address: device.literal_address() };
    let records = all(Tester::new(&dial, Some(from), source, limits), &plans, global).await;
    dial.tunnels.close().await;
    Ok(records)
}

async fn all<D: Dial>(mut tester: Tester<'_, D>, plans: &[&Plan], global: &Global) -> Vec<Record> {
    let mut records = Vec::with_capacity(plans.len());
    for plan in plans {
        records.push(tester.test(plan, || global.now()).await);
    }
    records
}

/// Writes the records as one snapshot of the phase `probe`, whole or not at all.
fn record(records: &[Record], change: &str, global: &Global) -> Result<Entry, CliError> {
    let started = records.iter().map(|r| r.started).min().unwrap_or_else(|| global.now());
    let writer = global.store().begin(change, Phase::Probe, started)?;
    for record in records {
        let evidence = record.evidence().map_err(std::io::Error::from)?;
        writer.add(&evidence)?;
    }
    writer.finish(global.now()).map_err(CliError::from)
}
