//! What came of a capture, device by device.

use std::fmt::Write;

use tabled::builder::Builder;
use tabled::settings::{Style as Border, Width, object::Columns};

use super::Lang;
use super::text::escape;
use super::words::connect as words;
use super::words::reason;
use crate::capture::Captured;
use crate::evidence::store::Entry;

/// Failures of one device that are told each; the rest is counted.
const TOLD: usize = 8;

/// A line per device, the failures below it, and where the evidence lies.
pub fn render(devices: &[Captured], entry: &Entry, lang: Lang) -> String {
    let mut out = String::new();
    for device in devices {
        let _ = writeln!(out, "{}", line(device, lang));
        out.push_str(&failures(device, lang));
    }
    let complete = devices.iter().filter(|d| d.failures.is_empty()).count();
    let folder = escape(&entry.folder.display().to_string());
    let digest = entry.digest.get(..16).unwrap_or(&entry.digest);
    let _ = writeln!(out, "{}", words::stored(complete, devices.len(), &folder, digest, lang));
    out
}

/// What failed at a device, one reason a line.
pub fn failures(device: &Captured, lang: Lang) -> String {
    let told = device.failures.iter().take(TOLD);
    let mut out: String = told.map(|failure| format!("  {}\n", escape(&reason(failure, lang)))).collect();
    let more = device.failures.len().saturating_sub(TOLD);
    if more > 0 {
        let _ = writeln!(out, "  {}", words::more(more, lang));
    }
    out
}

fn line(device: &Captured, lang: Lang) -> String {
    let name = escape(&device.name);
    let complete = device.failures.is_empty();
    let key = device.identity.host_key.as_ref().map(|k| escape(&k.fingerprint));
    words::device(&name, complete, device.artifacts, device.bytes, key.as_deref(), lang)
}

/// The same as a table.
pub fn table(devices: &[Captured], lang: Lang) -> String {
    let mut builder = Builder::default();
    builder.push_record(words::columns(lang));
    for device in devices {
        let failed: Vec<String> = device.failures.iter().map(|f| escape(&reason(f, lang))).collect();
        builder.push_record([
            escape(&device.name),
            words::state(device.failures.is_empty(), lang).to_owned(),
            device.artifacts.to_string(),
            failed.join("; "),
        ]);
    }
    let mut table = builder.build();
    table.with(Border::psql()).modify(Columns::one(3), Width::wrap(72).keep_words(true));
    format!("{table}\n")
}
