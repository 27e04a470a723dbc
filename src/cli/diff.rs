//! `diff`: what changed between two states, in text and in meaning.

use std::path::PathBuf;

use serde::Serialize;

use super::CliError;
use super::exit::Exit;
use crate::drift::{FlowDrift, FlowLine, Moment};
use crate::evidence::folder;
use crate::packet::Limits;
use crate::platform;

/// Options of `diff`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The earlier state
    before: PathBuf,
    /// The later state
    after: PathBuf,
    /// Platform of the two device folders
    #[arg(long, value_name = "PLATFORM")]
    platform: String,
    /// Where answers go: FORMAT=PATH, `-` is standard output
    #[arg(long, value_name = "FORMAT=PATH")]
    output: Vec<String>,
}

#[derive(Serialize)]
struct Document {
    schema_version: u32,
    devices: Vec<Device>,
}

#[derive(Serialize)]
struct Device {
    name: String,
    flows: Flows,
}

#[derive(Serialize)]
struct Flows {
    opened: Vec<FlowLine>,
    closed: Vec<FlowLine>,
    redirected: Vec<FlowLine>,
}

/// Compares two device folders.
pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    if platform::by_id(&args.platform).is_none() {
        return Err(CliError::Usage(format!("unknown platform {:?}", args.platform)));
    }
    let read = |path| {
        folder::read_device(path, "device", vec![args.platform.clone()])
            .map_err(|e| CliError::Usage(e.to_string()))
    };
    let (before, after) = (platform::read(&read(&args.before)?), platform::read(&read(&args.after)?));
    let (Some(old), Some(new)) = (&before.firewall, &after.firewall) else {
        return Err(CliError::Usage("no packet filter".to_owned()));
    };
    let old = Moment { firewall: old, host: &before.host };
    let new = Moment { firewall: new, host: &after.host };
    let mut drift =
        FlowDrift::between(Some(old), new, Limits::default()).map_err(|e| CliError::Usage(e.to_string()))?;
    let (opened, closed, redirected) = (drift.opened.clone(), drift.closed.clone(), drift.redirected.clone());
    let flows = Flows {
        opened: drift.lines(&opened, new),
        closed: drift.lines(&closed, old),
        redirected: drift.lines(&redirected, new),
    };
    let document = Document { schema_version: 1, devices: vec![Device { name: "device".into(), flows }] };
    let text = serde_json::to_string_pretty(&document).map_err(std::io::Error::from)?;
    std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes())?;
    Ok(Exit::Allow)
}
