//! The steps that decide a relay attempt, before and after: devices on the way, then the entries of the server's lists up
//! to the one that permits or refuses.

use std::fmt::Write;

use super::Lang;
use super::text::{escape, width};
use super::words::steps as words;
use crate::finding::{ProofStep, RelayWitness};

/// Most entries of one list that are shown.
const SHOWN: usize = 8;

/// Both sides, one line each; nothing where no step is known.
pub fn render(relay: &RelayWitness, lang: Lang) -> String {
    let before = relay.before.as_ref().map(|decided| decided.steps.as_slice()).unwrap_or_default();
    let sides = [(words::before(lang), before), (words::after(lang), relay.after.steps.as_slice())];
    let mut out = String::new();
    let label = words::label(lang);
    for (side, steps) in sides.into_iter().filter(|(_, steps)| !steps.is_empty()) {
        let label = if out.is_empty() { label.to_owned() } else { " ".repeat(width(label)) };
        let _ = writeln!(out, "  {label} {side} {}", row(steps, lang));
    }
    out
}

fn row(steps: &[ProofStep], lang: Lang) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|step| step.stage == first.stage && step.device == first.device);
        let (stage, others) = rest.split_at(same.count().max(1));
        rest = others;
        parts.push(if words::is_of_packets(first.stage) { device(first, lang) } else { list(stage, lang) });
    }
    parts.join(" > ")
}

/// A device that the connection passes or ends at.
fn device(step: &ProofStep, lang: Lang) -> String {
    let who = step.device.as_deref().map_or_else(|| words::own_filter(lang).to_owned(), escape);
    let lines: Vec<String> = step.lines.iter().map(|line| escape(&line.to_string())).collect();
    let becomes = step.translated.as_ref().map_or_else(String::new, |t| {
        let port = t.dport.map_or_else(String::new, |port| format!(":{port}"));
        let to = t.dst.map_or(port.clone(), |dst| format!("{dst}{port}"));
        words::translated(t.src.map(|src| src.to_string()).as_deref(), &to, lang)
    });
    format!("{who}: {}{becomes} [{}]", words::result(step.result, lang), lines.join(" + "))
}

/// The entries of one list.
fn list(steps: &[ProofStep], lang: Lang) -> String {
    let skipped = steps.len().saturating_sub(SHOWN);
    let shown = steps.iter().skip(skipped).map(|step| {
        let lines: Vec<String> = step.lines.iter().map(|line| escape(&line.text)).collect();
        let entry = lines.join(" ← ");
        match step.result {
            "pass" => entry,
            result => format!("{entry} = {}", words::result(result, lang)),
        }
    });
    let more = (skipped > 0).then(|| words::more(skipped, lang));
    let entries: Vec<String> = more.into_iter().chain(shown).collect();
    let stage = steps.first().map_or("", |step| step.stage);
    format!("{}: {}", words::stage(stage, lang), entries.join(", "))
}
