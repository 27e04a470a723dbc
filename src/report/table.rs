//! All findings as a table.

use tabled::builder::Builder;
use tabled::settings::{Style as Border, Width, object::Columns};

use super::Report;
use super::card::title;
use super::text::escape;
use super::words::verdict as words;
use crate::finding::Finding;

/// Widest column of a finding's words.
const WIDEST: usize = 72;

/// The table; ends with a line feed. Nothing for no findings.
pub fn render(report: &Report<'_>) -> String {
    let findings = &report.judged.findings;
    if findings.is_empty() {
        return String::new();
    }
    let lang = report.style.lang;
    let mut builder = Builder::default();
    builder.push_record(words::heads(lang));
    for finding in findings {
        builder.push_record([
            words::severity(finding.severity, lang).to_owned(),
            escape(finding.device.as_deref().unwrap_or("-")),
            escape(&finding.rule),
            title(finding, report.style),
            line(finding),
        ]);
    }
    let mut table = builder.build();
    table
        .with(Border::psql())
        .modify(Columns::one(3), Width::wrap(WIDEST).keep_words(true))
        .modify(Columns::one(4), Width::wrap(40).keep_words(true));
    format!("{table}\n")
}

fn line(finding: &Finding) -> String {
    finding.location.as_ref().map_or_else(|| "-".to_owned(), |l| escape(&l.to_string()))
}
