//! `trace`: what happens to one packet or relay attempt, and by which lines.

mod relay;

use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use serde_json::Value;

use super::CliError;
use super::exit::Exit;
use crate::evidence::{StateError, folder};
use crate::firewall::query;
use crate::host::HostFacts;
use crate::packet::Interfaces;
use crate::platform::{self, DeviceModel};
use crate::report::words::errors;
use crate::report::{Lang, words};

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
pub(super) fn run(args: &Args, lang: Lang) -> Result<Exit, CliError> {
    if platform::by_id(&args.platform).is_none() {
        return Err(super::unknown_platform(&args.platform, lang));
    }
    let mut evidence =
        folder::read_device(&args.input, "device", vec![args.platform.clone()]).map_err(StateError::from)?;
    // the question is about the files as given
    evidence.whole = true;
    let queries = fs::read_to_string(&args.queries).map_err(|e| CliError::Read(args.queries.clone(), e))?;
    let model = platform::read(&evidence);
    let wrong = |number: usize, error: String| {
        CliError::Usage(format!("{}:{number}: {error}", args.queries.display()))
    };
    let asked = questions(&queries).map_err(|(line, error)| wrong(line, error))?;
    let names = asked.iter().filter_map(|(_, question)| match question {
        Question::Packet(query) => Some([query.iif.as_deref(), query.oif.as_deref()]),
        Question::Relay(_) => None,
    });
    let names = names.flatten().flatten();
    let interfaces = model.firewall.as_ref().and_then(|f| query::interfaces(f, &model.host, names));
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (line, question) in asked {
        let answer = match question {
            Question::Relay(query) => relay::answer(&model, query).map_err(|e| wrong(line, e.to_string()))?,
            Question::Packet(query) => {
                packet(&model, interfaces.as_ref(), &query, lang).map_err(|e| wrong(line, e))?
            }
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()?;
    Ok(Exit::Allow)
}

/// A query with a recipient is a relay attempt, any other a packet.
enum Question {
    Packet(query::Query),
    Relay(Value),
}

fn questions(text: &str) -> Result<Vec<(usize, Question)>, (usize, String)> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| {
            let bad = |e: serde_json::Error| (number, e.to_string());
            let value: Value = serde_json::from_str(line).map_err(bad)?;
            if value.get("rcpt_to").is_some() {
                return Ok((number, Question::Relay(value)));
            }
            Ok((number, Question::Packet(serde_json::from_value(value).map_err(bad)?)))
        })
        .collect()
}

fn packet(
    model: &DeviceModel,
    interfaces: Option<&Interfaces>,
    query: &query::Query,
    lang: Lang,
) -> Result<Value, String> {
    let firewall = model.firewall.as_ref().ok_or_else(|| errors::filters_nothing(lang))?;
    let interfaces = interfaces.ok_or_else(|| errors::too_many_interfaces(lang))?;
    let answer = match &query.filter {
        Some(filter) => {
            let list = firewall.alone(filter).ok_or_else(|| errors::no_such_list(filter, None, lang))?;
            query::answer(&list, &HostFacts::forwarding_only(), interfaces, query)?
        }
        None => query::answer(firewall, &model.host, interfaces, query)?,
    };
    let why = answer.why.iter().map(|reason| words::reason(reason, Lang::En)).collect::<Vec<_>>().join("; ");
    let mut value = serde_json::to_value(answer).map_err(|e| e.to_string())?;
    if let (Some(fields), false) = (value.as_object_mut(), why.is_empty()) {
        fields.insert("why".to_owned(), why.into());
    }
    Ok(value)
}
