//! The verdict as a tired engineer must see it: what matters first, then an example, its cause, what to do, and what it
//! rests on.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

use super::text::{escape, quoted};
use super::words::phrases::{Style, between, fill, span};
use super::words::reason;
use super::words::verdict::{self as words, When};
use super::{Lang, Report};
use crate::evidence::STORE;
use crate::finding::{Confidence, Decided, Finding, Status, Witness};
use crate::reason::Reason;
use crate::rules::verdict::{EVIDENCE, UNWATCHED, weight};
use crate::rules::{self, Rule, Verdict};
use crate::site::find::SITE_FILE;
use crate::site::load::load;
use crate::watch::TRANSIENT;

/// Most reasons why a finding is only possible that are told; JSON has all of them.
const MAX_REASONS: usize = 3;

/// Most further findings that are told one by one; the table has all of them.
const MAX_FURTHER: usize = 8;

/// The whole text; ends with a line feed.
pub fn render(report: &Report<'_>) -> String {
    let mut out = String::new();
    let lang = report.style.lang;
    let blocking = blocking(report);
    let name = words::name(report.judged.verdict, lang);
    let change = report.change.map_or_else(String::new, |c| format!("{}, ", escape(c)));
    let tail = format!("{change}{}", exit(report, lang));
    let lighter = lighter(report);
    match blocking.first() {
        None => {
            let plan = report.planned.is_some();
            let opens = |f: &&&Finding| matches!(f.witness, Some(Witness::Packet(_) | Witness::Relay(_)));
            let opens = lighter.iter().filter(opens).count();
            let head = match report.before {
                Some(_) if opens > 0 => words::nothing_grave(opens, lang),
                before => words::nothing_new(plan, before.is_some(), lang).to_owned(),
            };
            let _ = writeln!(out, "{name}  {head}   {tail}");
            also(&mut out, &lighter, report);
            let mut parts = vec![words::summary(&counts(report), lang)];
            parts.push(watched(report));
            parts.extend(report.judged.tested.map(|t| words::tested(Some(t), lang).to_owned()));
            if report.notes() > lighter.len() {
                parts.push(words::notes(report.notes() - lighter.len(), lang));
            }
            parts.push(words::site(report.site, lang));
            let _ = writeln!(out, "  {}", parts.join(words::stop(lang)));
        }
        Some(first) => {
            let (first_title, rule) = (title(first, report.style), escape(&first.rule));
            let _ = writeln!(out, "{name}  {first_title}   {rule}, {tail}");
            details(&mut out, first, report);
            also(&mut out, blocking.get(1..).unwrap_or_default(), report);
            also(&mut out, &lighter, report);
            let mut parts = vec![words::proof(&counts(report), lang), watched(report)];
            parts.extend(report.digest.map(|d| format!("sha256 {}", d.get(..16).unwrap_or(d))));
            if report.notes() > lighter.len() {
                parts.push(words::notes(report.notes() - lighter.len(), lang));
            }
            parts.push(words::site(report.site, lang));
            let _ = writeln!(out, "  {} {}", words::labels(lang).proof, parts.join(words::stop(lang)));
        }
    }
    out
}

/// How many findings decide the verdict.
pub fn blocking_count(report: &Report<'_>) -> usize {
    blocking(report).len()
}

/// New findings that weigh too little to block.
fn lighter<'a>(report: &Report<'a>) -> Vec<&'a Finding> {
    let new = report.judged.findings.iter().filter(|f| f.status != Status::Standing);
    // the line about the watch tells its gaps
    let told = |f: &&Finding| weight(f, report.fail_on) == Verdict::Allow && f.rule != UNWATCHED;
    new.filter(told).collect()
}

/// Further findings, a line each, with their rules.
fn also(out: &mut String, findings: &[&Finding], report: &Report<'_>) {
    let lang = report.style.lang;
    let label = words::labels(lang).further;
    for finding in findings.iter().take(MAX_FURTHER) {
        let _ = writeln!(out, "  {label} {}   {}", title(finding, report.style), escape(&finding.rule));
    }
    if let Some(more) = findings.len().checked_sub(MAX_FURTHER).filter(|more| *more > 0) {
        let _ = writeln!(out, "  {label} {}", words::more(more, lang));
    }
}

fn exit(report: &Report<'_>, lang: Lang) -> String {
    match lang {
        Lang::En => format!("exit {}", report.exit),
        Lang::Ja => format!("終了コード {}", report.exit),
    }
}

/// The findings that decide the verdict.
fn blocking<'a>(report: &Report<'a>) -> Vec<&'a Finding> {
    let verdict = report.judged.verdict;
    let of = |wanted: Verdict| {
        report.judged.findings.iter().filter(move |f| weight(f, report.fail_on) == wanted).collect::<Vec<_>>()
    };
    if verdict == Verdict::Allow { Vec::new() } else { of(verdict) }
}

/// A finding's title in words.
pub(super) fn title(finding: &Finding, style: Style<'_>) -> String {
    let lang = style.lang;
    let text = match known(&finding.rule, style) {
        Some(rule) => fill(&texts(rule, lang).title, |name| finding.args.get(name).cloned(), style),
        None => finding.rule.clone(),
    };
    let text = if finding.status == Status::Passed { format!("{}{text}", words::during(lang)) } else { text };
    // what is missing is said as it is; only what could be harmful is "possible"
    let unsure = finding.confidence == Confidence::Possible && finding.rule != EVIDENCE;
    if unsure { format!("{}{text}", words::possibly(lang)) } else { text }
}

/// A rule by its id; what the program itself may find has texts also where the site's packs leave the rule out.
fn known<'a>(id: &str, style: Style<'a>) -> Option<&'a Rule> {
    static SHIPPED: OnceLock<Vec<Rule>> = OnceLock::new();
    let shipped = || SHIPPED.get_or_init(|| rules::load(&[], load).unwrap_or_default());
    style.rules.iter().find(|rule| rule.id == id).or_else(|| shipped().iter().find(|rule| rule.id == id))
}

/// A rule's texts in a language.
pub(super) const fn texts(rule: &Rule, lang: Lang) -> &crate::rules::Texts {
    match lang {
        Lang::En => &rule.en,
        Lang::Ja => &rule.ja,
    }
}

fn details(out: &mut String, finding: &Finding, report: &Report<'_>) {
    let lang = report.style.lang;
    let labels = words::labels(lang);
    let when = if finding.status == Status::Passed || finding.rule == TRANSIENT {
        When::During
    } else {
        When::After
    };
    if let Some(example) = finding.witness.as_ref().and_then(|w| example(w, finding, when, lang)) {
        let _ = writeln!(out, "  {} {example}", labels.attempt);
    }
    if finding.rule != EVIDENCE {
        let reasons: BTreeSet<String> = finding.reasons.iter().map(|r| escape(&reason(r, lang))).collect();
        for why in reasons.iter().take(MAX_REASONS) {
            let _ = writeln!(out, "  {} {why}", labels.reason);
        }
    }
    let new = finding.location.as_ref().map(|l| format!("+ {}", escape(&l.to_string())));
    let old = finding.before.as_ref().filter(|old| finding.location.as_ref() != Some(old));
    let old = old.map(|l| format!("- {}", escape(&l.to_string())));
    for (i, line) in new.into_iter().chain(old).enumerate() {
        let label =
            if i == 0 { labels.cause.to_owned() } else { " ".repeat(super::text::width(labels.cause)) };
        let _ = writeln!(out, "  {label} {line}");
    }
    if let Some(Witness::Relay(relay)) = &finding.witness {
        out.push_str(&super::steps::render(relay, lang));
    }
    let by_rule = || {
        let rule = known(&finding.rule, report.style)?;
        Some(fill(&texts(rule, lang).fix, |n| finding.args.get(n).cloned(), report.style))
    };
    let nothing = finding.reasons.contains(&Reason::NothingToCheck);
    let fix = if nothing { Some(words::begin(lang).to_owned()) } else { by_rule() };
    let undo = undo(finding, report);
    for (i, line) in undo.into_iter().chain(fix).enumerate() {
        let label = if i == 0 { labels.fix.to_owned() } else { " ".repeat(super::text::width(labels.fix)) };
        let _ = writeln!(out, "  {label} {line}");
    }
}

/// The command that prints the way back: where something stands that was not there before, and both states are kept.
fn undo(finding: &Finding, report: &Report<'_>) -> Option<String> {
    let over = finding.status == Status::Passed || finding.rule == TRANSIENT;
    let (change, device) = report.change.zip(finding.device.as_deref())?;
    let store = report.store.filter(|_| !over && finding.rule != EVIDENCE)?;
    let mut command = format!("sekisho rollback {} --device {}", quoted(change), quoted(device));
    if store != Path::new(STORE) {
        let _ = write!(command, " --store {}", quoted(&store.display().to_string()));
    }
    // the site knows the login names
    if let Some(site) = report.site.filter(|site| *site != SITE_FILE) {
        let _ = write!(command, " --site {}", quoted(site));
    }
    Some(words::rollback(&command, report.style.lang))
}

/// The witness in one line.
pub(super) fn example(witness: &Witness, finding: &Finding, when: When, lang: Lang) -> Option<String> {
    let outcome = |d: &Decided| {
        let code = d.code.map_or_else(String::new, |c| format!("{c} "));
        format!("{code}{}", words::outcome(&d.verdict, lang))
    };
    let both = |before: Option<&Decided>, after: &Decided| {
        words::before_after(before.map(outcome).as_deref(), &outcome(after), when, lang)
    };
    let device = finding.device.as_deref().unwrap_or("");
    match witness {
        Witness::Relay(relay) => {
            let (client, from, to) =
                (escape(&relay.client), escape(&relay.mail_from), escape(&relay.rcpt_to));
            let (device, port, seen) =
                (escape(device), relay.port, both(relay.before.as_ref(), &relay.after));
            Some(match lang {
                Lang::En => {
                    format!("{client} -> {device}:{port}   MAIL FROM:<{from}>  RCPT TO:<{to}>   {seen}")
                }
                Lang::Ja => format!("{client} → {device}:{port}   差出人 <{from}>  宛先 <{to}>   {seen}"),
            })
        }
        Witness::Packet(packet) => {
            let port = packet.dport.map_or_else(String::new, |p| format!(":{p}"));
            let kind = packet.icmp_type.map_or_else(String::new, |t| format!(" type {t}"));
            let by = packet
                .iif
                .as_deref()
                .filter(|i| *i != "*")
                .map_or_else(String::new, |i| format!(" ({})", escape(i)));
            let inside = packet.translated.as_ref().and_then(|t| t.dst).map_or_else(String::new, |dst| {
                let port = packet.translated.as_ref().and_then(|t| t.dport);
                format!(" => {dst}{}", port.map_or_else(String::new, |p| format!(":{p}")))
            });
            let seen = both(packet.before.as_ref(), &packet.after);
            let arrow = if lang == Lang::En { "->" } else { "→" };
            let waits = packet.listening.as_ref().map_or_else(String::new, |programs| {
                format!("   ({})", escape(&words::listening(programs, lang)))
            });
            Some(format!(
                "{}{kind} {}{by} {arrow} {}{port}{inside}   {seen}{waits}",
                packet.proto, packet.src, packet.dst
            ))
        }
        Witness::Fact { before, after } => {
            let after = escape(after);
            Some(
                before
                    .as_ref()
                    .map_or_else(|| after.clone(), |before| format!("{} → {after}", escape(before))),
            )
        }
    }
}

/// The numbers behind the verdict.
fn counts(report: &Report<'_>) -> words::Counts {
    let devices = &report.judged.devices;
    // devices of which nothing is there are not among those that were judged
    let judged = |name: &str| devices.iter().any(|d| d.name == name);
    let missing =
        report.judged.findings.iter().filter(|f| f.rule == EVIDENCE).filter_map(|f| f.device.as_deref());
    let missing: BTreeSet<&str> = missing.filter(|name| !judged(name)).collect();
    let sum = |of: fn(&crate::rules::device::DeviceResult) -> usize| devices.iter().map(of).sum();
    words::Counts {
        planned: report.planned,
        flows: (sum(|d| d.opened.len()), sum(|d| d.closed.len())),
        complete: (devices.iter().filter(|d| d.complete).count(), devices.len() + missing.len()),
        unread: sum(|d| d.unread.len()),
        tested: report.judged.tested,
        notes: report.notes(),
    }
}

fn watched(report: &Report<'_>) -> String {
    let style: Style<'_> = report.style;
    let lang = style.lang;
    let Some(watch) = &report.judged.watched else { return words::not_watched(lang).to_owned() };
    let between = between(watch.from, watch.to, style);
    let mut parts = vec![words::watched(&between, &span(watch.longest_gap, lang), lang)];
    if watch.incomplete > 0 {
        parts.push(words::looks_incomplete(watch.incomplete, watch.samples, lang));
    }
    if !watch.unwatched.is_empty() {
        let devices: Vec<String> = watch.unwatched.iter().map(|device| escape(device)).collect();
        parts.push(words::unwatched(&devices, lang));
    }
    parts.join(if lang == Lang::Ja { "、" } else { ", " })
}
