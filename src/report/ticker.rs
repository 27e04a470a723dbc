//! One line for each thing that happens while a window is open.

use time::OffsetDateTime;
use time::macros::format_description;

use super::card::{example, title};
use super::text::escape;
use super::words::phrases::{Style, span};
use super::words::reason;
use super::words::verdict::When;
use super::words::window as words;
use crate::finding::Finding;
use crate::watch::{Closed, News};

/// Everything that one look brought to light, a line each; ends with a line feed where there is anything.
pub fn news(news: &News, at: OffsetDateTime, style: Style<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(news.opened.iter().map(|finding| opened(finding, style)));
    lines.extend(news.closed.iter().map(|gone| closed(gone, style)));
    for (device, why) in &news.blind {
        let why = why.first().map_or_else(String::new, |why| escape(&reason(why, style.lang)));
        lines.push(words::blind(&escape(device), &why, style.lang));
    }
    lines.extend(news.back.iter().map(|device| words::back(&escape(device), style.lang)));
    lines.into_iter().map(|line| format!("{} {line}\n", clock(at, style))).collect()
}

/// A time of day.
pub fn clock(at: OffsetDateTime, style: Style<'_>) -> String {
    let local = at.to_offset(style.offset);
    local.format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default()
}

fn opened(finding: &Finding, style: Style<'_>) -> String {
    let example =
        finding.witness.as_ref().and_then(|w| example(w, finding, When::Now, style.lang)).unwrap_or_default();
    let cause =
        finding.location.as_ref().map_or_else(String::new, |l| format!("; {}", escape(&l.to_string())));
    words::opened(&title(finding, style), &format!("{example}{cause}"), style.lang)
}

fn closed(gone: &Closed, style: Style<'_>) -> String {
    let (least, most) = (gone.least.whole_seconds(), gone.most.whole_seconds());
    let bounds = (span(least, style.lang), span(most, style.lang), clock(gone.earliest, style));
    words::closed(&title(&gone.finding, style), &bounds.0, &bounds.1, &bounds.2, style.lang)
}
