//! `check`: the gate. Rules over state and drift, verdict, exit code.

use std::path::{Path, PathBuf};

use super::CliError;
use super::declared::Declared;
use super::exit::Exit;
use super::global::{Format, Global, write_output};
use crate::evidence::store::{Entry, beside};
use crate::evidence::{Phase, State};
use crate::finding::{Arg, Finding};
use crate::platform;
use crate::probe::Record;
use crate::report::words::errors as words;
use crate::report::{Report, card, json, table};
use crate::rules::{Case, Judged, Verdict, judge};

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The state before the work: a snapshot, a folder, git:REV, or CHANGE:before
    #[arg(long, value_name = "STATE")]
    before: Option<String>,
    /// The state after the work; without it, what the store holds of the declared change
    #[arg(long, value_name = "STATE")]
    after: Option<String>,
    /// Platform of a folder that holds a single device
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Show all findings as a table, also those that do not block
    #[arg(long)]
    table: bool,
}

/// The states that are judged together.
pub(super) struct States {
    /// Before the work.
    pub(super) before: Option<State>,
    /// During it, in order.
    pub(super) samples: Vec<State>,
    /// After it.
    pub(super) after: State,
    /// The store that holds both, and will still be there when somebody wants to go back.
    pub(super) store: Option<PathBuf>,
}

/// Where words for people go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Console {
    /// Standard output.
    Out,
    /// Standard error, because standard output belongs to somebody else: a result in another format, or a command.
    Err,
}

impl Console {
    /// Standard output, unless a result goes there.
    ///
    /// # Errors
    /// The options contradict each other.
    pub(super) fn of(global: &Global) -> Result<Self, CliError> {
        Ok(if global.outputs()?.iter().any(|o| o.path.is_none()) { Self::Err } else { Self::Out })
    }

    /// Writes.
    ///
    /// # Errors
    /// The other end refuses.
    pub(super) fn write(self, text: &str, colour: super::global::Colour) -> Result<(), CliError> {
        Ok(match self {
            Self::Out => super::colour::to_stdout(text, colour),
            Self::Err => super::colour::to_stderr(text, colour),
        }?)
    }
}

/// Judges, prints, and says what the process ends with.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    if let Some(platform) = args.platform.as_deref().filter(|p| platform::by_id(p).is_none()) {
        return Err(super::unknown_platform(platform, global.lang()));
    }
    let declared = global.approved(args.before.as_deref(), args.after.as_deref())?;
    let states = states(args, global, &declared)?;
    conclude(&states, &declared, global, args.table, Console::of(global)?)
}

fn states(args: &Args, global: &Global, declared: &Declared) -> Result<States, CliError> {
    let named = |text: &str| global.state(text, declared, args.platform.as_deref());
    let (before, after) = match (&args.before, &args.after) {
        (before, Some(after)) => (before.as_deref().map(named).transpose()?, named(after)?),
        (Some(_), None) => return Err(CliError::Usage(words::only_before(global.lang()).to_owned())),
        (None, None) => {
            // what the store holds of the declared change
            let change = declared.change.as_ref().map(|c| c.id.to_string());
            let held = change.filter(|change| global.store().root().join(change).is_dir());
            let Some(change) = held else {
                let after = State { label: "after".to_owned(), ..State::default() };
                return Ok(States { before: None, samples: Vec::new(), after, store: None });
            };
            let before = named(&format!("{change}:before")).map(Some).or_else(|e| match e {
                missing if missing.exit() == Exit::Undecided => Ok(None),
                other => Err(other),
            })?;
            (before, named(&format!("{change}:after"))?)
        }
    };
    let samples = samples(&after)?;
    let store = before.as_ref().and_then(|before| common_store(before, &after));
    Ok(States { before, samples, after, store })
}

/// The store that holds two snapshots of one change.
fn common_store(before: &State, after: &State) -> Option<PathBuf> {
    let of = |state: &State| {
        let change = state.folder.as_deref()?.parent()?;
        let named = state.phase.as_ref().is_some_and(|(id, _)| change.ends_with(id));
        named.then(|| change.to_path_buf())
    };
    let change = of(before).filter(|change| of(after).as_ref() == Some(change))?;
    change.parent().map(Path::to_path_buf)
}

/// Snapshots of a phase of the change that a state belongs to, in order, from where that state lies.
fn of_phase(state: &State, phase: Phase) -> Result<Vec<Entry>, CliError> {
    let Some(((change, _), folder)) = state.phase.as_ref().zip(state.folder.as_ref()) else {
        return Ok(Vec::new());
    };
    Ok(beside(folder, change)?.into_iter().filter(|entry| entry.phase == phase).collect())
}

/// What was seen during the window whose end this is.
fn samples(after: &State) -> Result<Vec<State>, CliError> {
    let mut samples: Vec<State> = Vec::new();
    if !matches!(after.phase, Some((_, Phase::After))) {
        return Ok(samples);
    }
    for entry in of_phase(after, Phase::During)? {
        let mut sample = State::of(entry.load()?);
        if let Some(last) = samples.last() {
            sample.share(last);
        }
        samples.push(sample);
    }
    Ok(samples)
}

/// Tests from outside.
fn tests(after: &State) -> Result<Vec<Record>, CliError> {
    let mut records = Vec::new();
    for entry in of_phase(after, Phase::Probe)? {
        for device in &entry.load()?.devices {
            let record = Record::of(device).map_err(|e| CliError::Exit(Exit::Undecided, e.to_string()))?;
            records.push(record);
        }
    }
    Ok(records)
}

/// Judges states, writes every result, and says what the process ends with.
pub(super) fn conclude(
    states: &States,
    declared: &Declared,
    global: &Global,
    whole_table: bool,
    console: Console,
) -> Result<Exit, CliError> {
    let States { before, samples, after, store } = states;
    let tests = tests(after)?;
    let case = Case {
        before: before.as_ref(),
        samples,
        after,
        site: &declared.site,
        change: declared.change.as_ref(),
        tests: &tests,
        rules: &declared.rules,
        fail_on: global.fail_on,
    };
    let judged = judge(&case);
    let exit = match judged.verdict {
        Verdict::Allow => Exit::Allow,
        Verdict::Deny if global.report_only => Exit::Allow,
        Verdict::Deny => Exit::Deny,
        Verdict::Undecided => Exit::Undecided,
    };
    let change_id = declared
        .change
        .as_ref()
        .map(|c| c.id.to_string())
        .or_else(|| after.phase.as_ref().map(|(c, _)| c.clone()));
    let site = declared.path.as_deref().map(shown);
    let report = Report {
        judged: &judged,
        style: global.style(declared.change.as_ref(), &declared.rules),
        fail_on: global.fail_on,
        exit: exit.code(),
        change: change_id.as_deref(),
        before: before.as_ref().map(|b| b.label.as_str()),
        after: &after.label,
        site: site.as_deref(),
        planned: planned(declared, &judged),
        store: store.as_deref(),
        digest: after.digest.as_deref(),
    };
    print(&report, global, whole_table, console)?;
    Ok(exit)
}

/// A path relative to where the user stands, where that is shorter.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// How many planned openings are there, and how many were planned.
fn planned(declared: &Declared, judged: &Judged) -> Option<(usize, usize)> {
    let change = declared.change.as_ref()?;
    let all: usize = change.expect.open.iter().map(|e| e.flows.len()).sum();
    let named =
        |finding: &Finding, flow: &str| matches!(finding.args.get("flow"), Some(Arg::Text(t)) if t == flow);
    let opens = change.expect.open.iter().flat_map(|e| e.flows.iter().map(move |flow| (e, flow)));
    let absent = opens.filter(|(e, flow)| {
        let flow = flow.get_ref().to_string();
        let of_device = |f: &&Finding| f.device.as_deref() == Some(e.device.as_str());
        judged.findings.iter().filter(of_device).any(|f| f.rule == "expected-absent" && named(f, &flow))
    });
    Some((all.saturating_sub(absent.count()), all))
}

fn print(report: &Report<'_>, global: &Global, whole_table: bool, console: Console) -> Result<(), CliError> {
    let outputs = global.outputs()?;
    let mut written = Ok(());
    for output in &outputs {
        let text = match output.format {
            Format::Json => {
                let mut text =
                    serde_json::to_string_pretty(&json::check(report)).map_err(std::io::Error::from)?;
                text.push('\n');
                text
            }
            Format::Table => table::render(report),
        };
        // one that cannot be written keeps nobody from the answer
        written = written.and(write_output(output, &text));
    }
    if global.quiet {
        return written;
    }
    let mut text = card::render(report);
    if whole_table || report.judged.findings.len() > 1 && card::blocking_count(report) > 1 {
        text.push_str(&table::render(report));
    }
    console.write(&super::colour::paint(&text, report.judged.verdict), global.color)?;
    written
}
