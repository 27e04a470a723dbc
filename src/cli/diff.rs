//! `diff`: what changed between two states, in text and in meaning.

use std::fmt::Write;

use super::CliError;
use super::exit::Exit;
use super::global::{Format, Global, write_output};
use crate::platform;
use crate::report::words::errors as words;
use crate::report::{changes, json};
use crate::rules::device::{DeviceResult, Pair, judge_device};

/// Options of `diff`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The earlier state: a snapshot, a folder, git:REV, or CHANGE:PHASE
    before: String,
    /// The later state
    after: String,
    /// Platform of folders that hold a single device
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Judge one access list alone (platforms that have named ones)
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Exit 1 when something differs in meaning
    #[arg(long)]
    exit_code: bool,
    /// Show differences of text too
    #[arg(long)]
    text: bool,
}

/// Compares two states.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    if let Some(platform) = args.platform.as_deref().filter(|p| platform::by_id(p).is_none()) {
        return Err(super::unknown_platform(platform, global.lang()));
    }
    let declared = global.approved(Some(&args.before), Some(&args.after))?;
    let before = global.state(&args.before, &declared, args.platform.as_deref())?;
    let after = global.state(&args.after, &declared, args.platform.as_deref())?;
    if let Some(filter) = &args.filter {
        for (state, devices) in [(&args.before, &before.devices), (&args.after, &after.devices)] {
            if !devices.values().all(|device| platform::read(device).alone(filter).is_some()) {
                return Err(CliError::Usage(words::no_such_list(filter, Some(state), global.lang())));
            }
        }
    }
    let names: std::collections::BTreeSet<&String> =
        before.devices.keys().chain(after.devices.keys()).collect();
    let devices: Vec<DeviceResult> = names
        .into_iter()
        .map(|name| {
            let pair = Pair {
                filter: args.filter.as_deref(),
                ..Pair::of(name, Some(&before), &after, &declared.site)
            };
            judge_device(&pair, &declared.site, None, &[]).0
        })
        .collect();
    print(&devices, args, global)?;
    let differs = devices.iter().any(|d| d.facts.changed_meaning.is_some() || !d.facts.compared);
    Ok(if args.exit_code && differs { Exit::Deny } else { Exit::Allow })
}

fn print(devices: &[DeviceResult], args: &Args, global: &Global) -> Result<(), CliError> {
    let outputs = global.outputs()?;
    let style = global.style(None, &[]);
    let mut words = String::new();
    for device in devices {
        let _ = write!(words, "{}", changes::render(device, args.text, style));
    }
    for output in &outputs {
        let text = match output.format {
            Format::Json => {
                let mut text =
                    serde_json::to_string_pretty(&json::diff(devices)).map_err(std::io::Error::from)?;
                text.push('\n');
                text
            }
            Format::Table => words.clone(),
        };
        write_output(output, &text)?;
    }
    if outputs.iter().all(|o| o.path.is_some()) && !global.quiet {
        super::colour::to_stdout(&words, global.color)?;
    }
    Ok(())
}
