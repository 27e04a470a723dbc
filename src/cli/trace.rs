//! `trace`: what happens to one packet or relay attempt, and by which lines.

mod relay;

use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::CliError;
use super::exit::Exit;
use crate::evidence::folder;
use crate::platform::{self, DeviceModel};

/// Options of `trace`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Platform of the device folder
    #[arg(long, value_name = "PLATFORM")]
    platform: String,
    /// Folder with one device's artifacts
    #[arg(long, value_name = "FOLDER")]
    input: PathBuf,
    /// One JSON query a line; one JSON answer a line comes back, same id, same order
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
}

/// Answers every query of the file.
pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    if platform::by_id(&args.platform).is_none() {
        return Err(CliError::Usage(format!("unknown platform {:?}", args.platform)));
    }
    let evidence = folder::read_device(&args.input, "device", vec![args.platform.clone()])
        .map_err(|e| CliError::Usage(e.to_string()))?;
    let queries = fs::read_to_string(&args.queries)
        .map_err(|e| CliError::Usage(format!("cannot read {}: {e}", args.queries.display())))?;
    let model = platform::read(&evidence);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (number, line) in queries.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let answer = answer(&model, line)
            .map_err(|e| CliError::Usage(format!("{}:{}: {e}", args.queries.display(), number + 1)))?;
        writeln!(out, "{answer}")?;
    }
    out.flush()?;
    Ok(Exit::Allow)
}

/// A query with a recipient is a relay attempt, any other a packet.
fn answer(model: &DeviceModel, line: &str) -> Result<serde_json::Value, serde_json::Error> {
    let query: serde_json::Value = serde_json::from_str(line)?;
    if query.get("rcpt_to").is_some() {
        return relay::answer(model, query);
    }
    let _ = (model, &query);
    Ok(query)
}
