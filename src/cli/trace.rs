//! `trace`: what happens to one packet or relay attempt, and by which lines.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::CliError;
use super::exit::Exit;
use crate::evidence::folder;
use crate::firewall::query;
use crate::packet::Interfaces;
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
    let wrong = |number: usize, error: String| {
        CliError::Usage(format!("{}:{}: {error}", args.queries.display(), number + 1))
    };
    let mut packets = PacketQueries::new(&model);
    let mut asked = Vec::new();
    for (number, line) in queries.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let query: query::Query = serde_json::from_str(line).map_err(|e| wrong(number, e.to_string()))?;
        packets.names.extend([query.iif.clone(), query.oif.clone()].into_iter().flatten());
        asked.push((number, query));
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let interfaces = packets.interfaces();
    for (number, query) in &asked {
        let answer = packets.answer(interfaces.as_ref(), query).map_err(|error| wrong(*number, error))?;
        writeln!(out, "{}", serde_json::to_string(&answer).map_err(std::io::Error::from)?)?;
    }
    out.flush()?;
    Ok(Exit::Allow)
}

/// Packets against one device.
struct PacketQueries<'a> {
    model: &'a DeviceModel,
    names: Vec<String>,
}

impl<'a> PacketQueries<'a> {
    const fn new(model: &'a DeviceModel) -> Self {
        Self { model, names: Vec::new() }
    }

    fn interfaces(&self) -> Option<Interfaces> {
        let firewall = self.model.firewall.as_ref()?;
        query::interfaces(firewall, &self.model.host, self.names.iter().map(String::as_str))
    }

    fn answer(&self, interfaces: Option<&Interfaces>, query: &query::Query) -> Result<query::Answer, String> {
        let firewall = self.model.firewall.as_ref().ok_or("this platform filters no packets")?;
        let interfaces = interfaces.ok_or("too many interfaces")?;
        query::answer(firewall, &self.model.host, interfaces, query)
    }
}
