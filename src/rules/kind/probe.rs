//! `probe`: what a test from outside met, or that there was none (the cause that was named for the incident of March
//! 2022: no relay test after the change). Tests themselves are judged in [`crate::probe`].

use super::{Entry, Kind};
use crate::finding::{Arg, Confidence, Decided, Finding, Phrase, RelayWitness, Severity, Witness};
use crate::platform::configures_relay;
use crate::probe::{Accord, Gate, Judged, Met, Place, Port, Reality, Standing, Told};
use crate::relay::Verdict;
use crate::rules::Rule;
use crate::rules::view::{ChangeView, DeviceView};
use crate::site::probe::Spoken;
use crate::site::table::Table;

pub(super) const ENTRY: Entry =
    Entry { name: "probe", args: &["what", "listener", "expected", "met", "since"], read };

/// What a rule of this kind looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Missing,
    Failed,
    Disagrees,
}

#[derive(Debug)]
struct Probe {
    looks: Looks,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let words = [("missing", Looks::Missing), ("failed", Looks::Failed), ("disagrees", Looks::Disagrees)];
    let looks = table.need("result", "result = \"missing\"").and_then(|v| v.one_of(&words))?;
    Some(Box::new(Probe { looks }))
}

impl Kind for Probe {
    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        if self.looks != Looks::Missing {
            return view.tests.iter().flat_map(|test| self.tested(rule, test)).collect();
        }
        let tested = view.tests.iter().any(Judged::proves_relay);
        let Some(since) = view.unchanged_since.filter(|_| !tested && is_changed(view)) else {
            return Vec::new();
        };
        vec![missing(rule, view.name, since)]
    }

    fn change(&self, rule: &Rule, view: &ChangeView<'_>) -> Vec<Finding> {
        if self.looks != Looks::Missing {
            return view.tests.iter().flat_map(|test| self.tested(rule, test)).collect();
        }
        // whether a relay changed that nobody can read is for the plan to say
        let Some((scope, captured)) = view.change.and_then(|c| c.scope.as_ref()).zip(view.captured) else {
            return Vec::new();
        };
        let devices = scope.iter().filter_map(|name| view.site.devices.get(name));
        let unread = devices.filter(|device| device.platforms.is_empty());
        let relays = unread.filter(|device| device.probe.iter().any(|target| target.spoken == Spoken::Smtp));
        let proven = |name: &str| view.tests.iter().any(|t| t.record.device == name && t.proves_relay());
        let untested = relays.map(|device| device.name.as_str()).filter(|name| !proven(name));
        untested.map(|name| missing(rule, name, captured)).collect()
    }

    fn tested(&self, rule: &Rule, test: &Judged<'_>) -> Vec<Finding> {
        let device = test.record.device.as_str();
        let first = |place: &Place<'_>, severity: &dyn Fn(&Place<'_>, &Told<'_>) -> Option<Severity>| {
            // the attempts of one listener that went wrong alike are one finding
            place.told.iter().find_map(|t| Some(of_attempt(rule, device, place, t, severity(place, t)?)))
        };
        let severity = |accord: Accord, wanted: Accord| match accord == wanted {
            true if wanted == Accord::Looser => Some(rule.severity),
            // stricter than its configuration harms nobody, but what else was concluded from that is wrong too
            true => Some(rule.severity.min(Severity::Medium)),
            false => None,
        };
        match self.looks {
            Looks::Missing => Vec::new(),
            Looks::Failed => {
                let relayed =
                    |p: &Place<'_>, t: &Told<'_>| is_new_to_the_model(p, t).then_some(rule.severity);
                test.places.iter().filter_map(|place| first(place, &relayed)).collect()
            }
            Looks::Disagrees => {
                let mut found = Vec::new();
                for wanted in [Accord::Looser, Accord::Stricter] {
                    let attempt = |_: &Place<'_>, told: &Told<'_>| severity(told.accord, wanted);
                    found.extend(test.places.iter().filter_map(|place| first(place, &attempt)));
                    let ports = test.ports.iter();
                    found.extend(
                        ports.filter_map(|p| Some(of_port(rule, device, p, severity(p.accord, wanted)?))),
                    );
                }
                found
            }
        }
    }
}

/// Whether the relay's configuration differs in text or in meaning.
fn is_changed(view: &DeviceView<'_>) -> bool {
    let (Some(before), Some(_)) = (view.before, &view.after.relay) else { return false };
    let meaning =
        before.relay.is_none() || view.relay.as_ref().is_some_and(|drift| drift.changed().is_some());
    meaning || view.text.iter().any(|text| configures_relay(&text.artifact, view.platforms))
}

fn missing(rule: &Rule, device: &str, since: time::OffsetDateTime) -> Finding {
    let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(device));
    finding.args.insert("since", Arg::Moment(since));
    finding.named("missing")
}

/// Relayed for a stranger, and the configuration does not say either that it would be (then that is the finding) or that
/// it would not (then the two disagree).
fn is_new_to_the_model(place: &Place<'_>, told: &Told<'_>) -> bool {
    let relayed = told.relays == Some(Confidence::Certain) && place.standing == Standing::Outside;
    relayed && told.accord == Accord::Open
}

fn of_attempt(rule: &Rule, device: &str, place: &Place<'_>, told: &Told<'_>, severity: Severity) -> Finding {
    let (dialogue, tried) = (place.dialogue, told.tried);
    let mut finding = Finding::new(&rule.id, severity, Confidence::Certain, Some(device));
    let what = format!("MAIL FROM:<{}> RCPT TO:<{}>", tried.mail_from, tried.rcpt_to);
    let code = tried.reply.as_ref().map(|reply| reply.code);
    let expected = told.expected.as_ref().map(|answer| outcome(answer.verdict, answer.code));
    let met = Phrase::Outcome { verdict: reality(told.reality).to_owned(), code };
    finding.args.insert("what", Arg::Text(what));
    finding.args.insert("listener", Arg::Text(dialogue.at.to_string()));
    finding.args.insert("expected", expected.map_or_else(|| Arg::Text("-".to_owned()), Arg::Phrase));
    finding.args.insert("met", Arg::Phrase(met));
    finding.location = told.expected.as_ref().and_then(|answer| answer.lines.first().cloned());
    let (verdict, by_default) = (reality(told.reality).to_owned(), false);
    finding.witness = Some(Witness::Relay(RelayWitness {
        client: dialogue.client().map_or_else(String::new, |client| client.to_string()),
        server: dialogue.at.ip().to_string(),
        port: dialogue.at.port(),
        helo: dialogue.helo.clone(),
        tls: dialogue.tls.is_some(),
        mail_from: tried.mail_from.clone(),
        rcpt_to: tried.rcpt_to.clone(),
        translated: None,
        before: None,
        after: Decided { verdict, code, line: None, by_default, steps: Vec::new() },
    }));
    finding.named(&format!("{} {:?}", dialogue.at, told.accord))
}

fn of_port(rule: &Rule, device: &str, port: &Port<'_>, severity: Severity) -> Finding {
    let mut finding = Finding::new(&rule.id, severity, Confidence::Certain, Some(device));
    let word = |verdict: &str| Arg::Phrase(Phrase::Outcome { verdict: verdict.to_owned(), code: None });
    finding.args.insert("what", Arg::Text("TCP".to_owned()));
    finding.args.insert("listener", Arg::Text(port.knock.at.to_string()));
    finding.args.insert("expected", word(if port.expected == Gate::Stops { "drop" } else { "accept" }));
    finding.args.insert("met", word(if port.knock.met == Met::Connected { "accept" } else { "drop" }));
    finding.named(&format!("{} tcp", port.knock.at))
}

fn outcome(verdict: Verdict, code: Option<u16>) -> Phrase {
    let verdict = match verdict {
        Verdict::Permit => "permit",
        Verdict::Defer => "defer",
        Verdict::Reject => "reject",
        Verdict::Unavailable => "unavailable",
        Verdict::Undecided => "undecided",
    };
    Phrase::Outcome { verdict: verdict.to_owned(), code }
}

/// What a server did, in the words of verdicts.
const fn reality(reality: Reality) -> &'static str {
    match reality {
        Reality::Accepted => "permit",
        Reality::Refused | Reality::DomainRefused => "reject",
        Reality::PutOff => "defer",
        Reality::Unanswered => "unavailable",
    }
}
