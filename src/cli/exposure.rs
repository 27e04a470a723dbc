//! `exposure`: everything that devices let in, whatever was there before.

use std::fmt::Write;

use super::CliError;
use super::exit::Exit;
use super::global::{Format, Global, write_output};
use crate::platform;
use crate::report::{changes, json};
use crate::rules::device::DeviceResult;
use crate::rules::exposed::expose;

/// Options of `exposure`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A snapshot, a folder, git:REV, or CHANGE:PHASE
    state: String,
    /// Platform of a folder that holds a single device
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

/// Prints what every device of a state lets in.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    if let Some(platform) = args.platform.as_deref().filter(|p| platform::by_id(p).is_none()) {
        return Err(super::unknown_platform(platform, global.lang()));
    }
    let declared = global.approved(None, Some(&args.state))?;
    let state = global.state(&args.state, &declared, args.platform.as_deref())?;
    let devices: Vec<DeviceResult> =
        state.devices.iter().map(|(name, device)| expose(name, device, &state, &declared.site)).collect();
    let outputs = global.outputs()?;
    let style = global.style(None, &[]);
    let mut words = String::new();
    for device in &devices {
        let _ = write!(words, "{}", changes::render_exposure(device, style));
    }
    for output in &outputs {
        let text = match output.format {
            Format::Json => {
                let mut text =
                    serde_json::to_string_pretty(&json::exposure(&devices)).map_err(std::io::Error::from)?;
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
    let known = !devices.is_empty() && devices.iter().all(|device| device.complete);
    Ok(if known { Exit::Allow } else { Exit::Undecided })
}
