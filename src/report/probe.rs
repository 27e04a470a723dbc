//! A test from outside: prediction beside reality, and what it proves.

use std::fmt::Write;

use serde_json::{Value, json};
use tabled::builder::Builder;
use tabled::settings::{Style as Border, Width, object::Columns};

use super::card::title;
use super::text::escape;
use super::words::phrases::{Style, outcome_of};
use super::words::probe as words;
use super::words::verdict::outcome;
use crate::finding::{Confidence, Finding};
use crate::probe::{End, Gate, Judged, Place, Port, Told};
use crate::relay::{Answer, Verdict};

/// Widest column of addresses and of replies.
const WIDEST: usize = 56;

/// A judged test with everything that formats need.
#[derive(Debug, Clone, Copy)]
pub struct Tested<'a> {
    /// The test.
    pub judged: &'a Judged<'a>,
    /// The snapshot that predictions rest on.
    pub basis: Option<&'a str>,
    /// What rules say of it.
    pub findings: &'a [Finding],
}

/// One device's test for people; ends with a line feed.
pub fn render(tested: Tested<'_>, style: Style<'_>) -> String {
    let (judged, lang) = (tested.judged, style.lang);
    let relays = judged.places.iter().flat_map(|p| &p.told).any(is_relayed);
    let mut out = format!(
        "{}  {}: {}\n",
        words::name(judged.conclusion, lang),
        escape(&judged.record.device),
        words::conclusion(judged.conclusion, relays, judged.tested, lang)
    );
    let _ = writeln!(out, "  {}", words::basis(tested.basis.map(escape).as_deref(), lang));
    for place in &judged.places {
        out.push_str(&one_place(place, style));
    }
    for port in &judged.ports {
        let _ = writeln!(out, "  {}", one_port(port, style));
    }
    if judged.record.untried > 0 {
        let _ = writeln!(out, "  {}", words::untried(judged.record.untried, lang));
    }
    for doubt in &judged.doubts {
        let at = doubt.at.map_or_else(String::new, |at| format!("{at}: "));
        let _ = writeln!(out, "  ? {at}{}", words::doubt(doubt.why, lang));
    }
    for finding in tested.findings {
        let _ = writeln!(out, "  ! {}: {}", finding.rule, title(finding, style));
    }
    out
}

fn one_place(place: &Place<'_>, style: Style<'_>) -> String {
    let (dialogue, lang) = (place.dialogue, style.lang);
    let client = dialogue.client().map(|client| client.to_string());
    let mut out = format!(
        "  {}\n",
        words::target(dialogue.at, client.as_deref(), words::standing(place.standing, lang), lang)
    );
    if let End::Closed(met) = &dialogue.end {
        return format!("  {}  {}\n", dialogue.at, escape(&words::met(met, lang)));
    }
    if dialogue.end != End::Talked {
        return out;
    }
    if let Some(tls) = &dialogue.tls {
        let _ = writeln!(out, "    {}", words::under_tls(&escape(&tls.version), lang));
    }
    let mut builder = Builder::default();
    builder.push_record(words::heads(lang));
    for told in &place.told {
        let tried = told.tried;
        let reply = tried.reply.as_ref();
        let met = reply.map_or_else(
            || outcome("unavailable", lang).to_owned(),
            |reply| format!("{} {}", reply.code, escape(reply.text.lines().next().unwrap_or_default())),
        );
        let mark = words::mark(told.accord, is_relayed(told), lang);
        builder.push_record([
            words::form(tried.form, lang).to_owned(),
            escape(&format!("<{}> <{}>", tried.mail_from, tried.rcpt_to)),
            told.expected.as_ref().map_or_else(|| "-".to_owned(), |answer| predicted(answer, style)),
            met,
            mark.to_owned(),
        ]);
    }
    let mut table = builder.build();
    table.with(Border::psql());
    for column in [1, 3] {
        table.modify(Columns::one(column), Width::wrap(WIDEST).keep_words(true));
    }
    let _ = writeln!(out, "{table}");
    out
}

fn one_port(port: &Port<'_>, style: Style<'_>) -> String {
    let lang = style.lang;
    let expected = match port.expected {
        Gate::Passes => outcome("accept", lang),
        Gate::Stops => outcome("drop", lang),
        Gate::Unknown => "-",
    };
    let [_, _, predicted, met, _] = words::heads(lang);
    let mark = words::mark(port.accord, false, lang);
    let seen = escape(&words::met(&port.knock.met, lang));
    format!("tcp {}  {predicted}: {expected}  {met}: {seen}  {mark}", port.knock.at).trim_end().to_owned()
}

fn is_relayed(told: &Told<'_>) -> bool {
    told.relays == Some(Confidence::Certain)
}

fn predicted(answer: &Answer, style: Style<'_>) -> String {
    if answer.confidence == Confidence::Possible {
        return outcome("undecided", style.lang).to_owned();
    }
    outcome_of(verdict(answer.verdict), answer.code, style.lang)
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Permit => "permit",
        Verdict::Defer => "defer",
        Verdict::Reject => "reject",
        Verdict::Unavailable => "unavailable",
        Verdict::Undecided => "undecided",
    }
}

/// All tests as one JSON object.
pub fn json(tests: &[Tested<'_>], exit: u8, digest: &str) -> Value {
    json!({
        "schema_version": super::json::SCHEMA_VERSION,
        "tool": concat!("sekisho ", env!("CARGO_PKG_VERSION")),
        "exit": exit,
        "evidence": digest,
        "tests": tests.iter().map(test).collect::<Vec<_>>(),
    })
}

fn test(tested: &Tested<'_>) -> Value {
    let judged = tested.judged;
    json!({
        "device": judged.record.device,
        "vantage": judged.record.vantage,
        "conclusion": judged.conclusion,
        "basis": tested.basis,
        "doubts": judged.doubts,
        "mail": judged.places.iter().map(place).collect::<Vec<_>>(),
        "untried": judged.record.untried,
        "ports": judged.ports.iter().map(port).collect::<Vec<_>>(),
        "findings": tested.findings,
    })
}

fn place(place: &Place<'_>) -> Value {
    let dialogue = place.dialogue;
    let told = place.told.iter().map(|told| {
        json!({
            "form": told.tried.form,
            "mail_from": told.tried.mail_from,
            "rcpt_to": told.tried.rcpt_to,
            "step": told.tried.step,
            "reply": told.tried.reply,
            "reality": told.reality,
            "expected": told.expected.as_ref().map(|answer| json!({
                "verdict": answer.verdict,
                "confidence": answer.confidence,
                "code": answer.code,
                "line": answer.lines.first().map(ToString::to_string),
            })),
            "accord": told.accord,
            "relays": told.relays,
        })
    });
    json!({
        "at": dialogue.at,
        "client": dialogue.client(),
        "standing": place.standing,
        "end": dialogue.end,
        "tls": dialogue.tls,
        "offers": dialogue.offers,
        "attempts": told.collect::<Vec<_>>(),
    })
}

fn port(port: &Port<'_>) -> Value {
    json!({
        "at": port.knock.at,
        "opened": port.knock.opened,
        "met": port.knock.met,
        "expected": port.expected,
        "accord": port.accord,
    })
}
