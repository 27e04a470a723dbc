//! `relay`: what a mail server relays, for whom (cases R01 to R09), or that it refuses to serve (R02).

use std::collections::BTreeSet;

use super::{Entry, Kind};
use crate::drift::relay::{RelayDrift, witness};
use crate::finding::{Arg, Confidence, Finding, Phrase, Severity, Status, Witness};
use crate::packet::AddressSet;
use crate::reach::clients::{is_anybody, networks};
use crate::relay::{
    ANY_SENDER, Change, ClaimBy, ClientName, Kind as Result, ListenerRef, Needs, SenderKind, Trust, Weakened,
    own_domains,
};
use crate::rules::view::{DeviceView, addresses};
use crate::rules::{Over, Rule};
use crate::site::Change as Plan;
use crate::site::change::{ExpectRelay, Recipients};
use crate::site::name::Name;
use crate::site::table::Table;

pub(super) const ENTRY: Entry =
    Entry { name: "relay", args: &["who", "needs", "rcpt", "listener", "guard", "from", "to", "what"], read };

/// What a rule of this kind looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Open,
    Limited,
    Refuses,
    Logins,
    Weakened,
    Diverted,
}

#[derive(Debug)]
struct Relay {
    looks: Looks,
}

fn read(table: &Table<'_>) -> Option<Box<dyn Kind>> {
    let words = [
        ("open", Looks::Open),
        ("limited", Looks::Limited),
        ("refuses", Looks::Refuses),
        ("logins", Looks::Logins),
        ("weakened", Looks::Weakened),
        ("diverted", Looks::Diverted),
    ];
    let looks = table.need("result", "result = \"open\"").and_then(|v| v.one_of(&words))?;
    Some(Box::new(Relay { looks }))
}

impl Kind for Relay {
    /// That passwords can be tried has no attempt that shows it, and is an opening all the same.
    fn lets_in(&self, finding: &Finding) -> bool {
        let attempt = finding.witness.as_ref().is_some_and(|witness| match witness {
            Witness::Relay(attempt) => matches!(attempt.after.verdict.as_str(), "permit" | "undecided"),
            _ => false,
        });
        attempt || self.looks == Looks::Logins
    }

    fn device(&self, rule: &Rule, view: &mut DeviceView<'_>) -> Vec<Finding> {
        let name = view.name;
        // a mail server that was not there, or of which nothing is known, is new with all that it does
        let was_there = view.before.is_some_and(|before| before.relay.is_some());
        let Some(drift) = &view.relay else { return Vec::new() };
        let wanted = match self.looks {
            Looks::Refuses => return refusing(rule, name, drift),
            Looks::Logins => return logins(rule, name, drift),
            Looks::Weakened => return weakened(rule, name, drift),
            Looks::Diverted => return diverted(rule, view, drift),
            Looks::Open => Result::Open,
            Looks::Limited => Result::Limited,
        };
        let changes = if rule.over == Over::State { &drift.standing } else { &drift.opened };
        let of_kind = || changes.iter().filter(|c| c.kind == wanted);
        // what strangers can do, partners can do too: told once
        let told = |change: &Change| {
            let strangers =
                |c: &Change| c.trust == Trust::Untrusted && is_anybody(&c.clients) && c.needs == change.needs;
            change.trust == Trust::Partner && of_kind().any(|c| strangers(c) && c.listener == change.listener)
        };
        let planned = |change: &Change| view.change.is_some_and(|plan| planned(plan, view, change));
        let found = of_kind().filter(|change| !told(change) && !planned(change)).map(|change| {
            let opened = drift.opened.iter().find(|o| same(o, change));
            let fresh = !was_there || opened.is_some();
            let status = if fresh { Status::New } else { Status::Standing };
            Finding { status, ..finding(rule, name, opened.unwrap_or(change)) }
        });
        fewest(found.collect())
    }
}

/// Whether the plan permits it: all of its clients, its recipients, its listener, and not any longer than it says. A
/// relay that is open to the whole internet cannot be planned.
fn planned(plan: &Plan, view: &DeviceView<'_>, change: &Change) -> bool {
    let holds = |expected: &&ExpectRelay| {
        let over =
            expected.until.as_ref().zip(view.taken).is_some_and(|(until, taken)| *until.get_ref() <= taken);
        let here = expected.listener.as_ref().is_none_or(|listener| {
            change.listener.port == Some(listener.port)
                && listener.address.is_none_or(|address| address == change.witness.server)
        });
        let domain = change.witness.rcpt_to.rsplit_once('@').map(|(_, domain)| domain);
        let to = expected.recipients.iter().any(|recipients| match recipients {
            Recipients::Any => true,
            Recipients::Domain(name) => {
                change.kind == Result::Limited && domain.is_some_and(|d| d.eq_ignore_ascii_case(name))
            }
        });
        expected.device.as_str() == view.name && !over && here && to
    };
    let of = |name: &Name| addresses(view.site, name.as_str());
    let clients = plan.expect.relay.iter().filter(holds).flat_map(|expected| &expected.clients);
    let clients: AddressSet = clients
        .filter_map(|client| view.site.endpoint(client, &of).ok())
        .fold(AddressSet::none(), |all, set| all.union(&set));
    !is_anybody(&change.clients) && change.clients.difference(&clients).is_empty()
}

/// The same class of attempts.
fn same(a: &Change, b: &Change) -> bool {
    a.listener.name == b.listener.name
        && a.listener.port == b.listener.port
        && a.trust == b.trust
        && a.needs == b.needs
}

fn finding(rule: &Rule, device: &str, change: &Change) -> Finding {
    let wide = change.trust == Trust::Untrusted && is_anybody(&change.clients);
    // neighbours and partners are few, and known
    let severity = if wide { rule.severity } else { rule.severity.min(Severity::High) };
    let mut finding = Finding::new(&rule.id, severity, change.certainty, Some(device));
    let proof = witness(change);
    finding.location = proof.after.line.clone();
    finding.before = proof.before.as_ref().and_then(|b| b.line.clone());
    if change.certainty == Confidence::Possible {
        finding.reasons = change.after.iter().flat_map(|a| a.why.iter().cloned()).collect();
    }
    let who = match change.trust {
        Trust::Partner if !wide => Phrase::Partners,
        _ => strangers(&change.clients),
    };
    finding.args.insert("who", Arg::Phrase(who));
    finding
        .args
        .insert("needs", Arg::List(needs(&change.needs, change).into_iter().map(Arg::Phrase).collect()));
    finding.args.insert("rcpt", Arg::Text(change.witness.rcpt_to.clone()));
    finding.args.insert("listener", Arg::Text(listener_name(&change.listener)));
    let meaning =
        format!("{} {:?} {:?} {:?}", change.listener.name, change.listener.port, change.trust, change.needs);
    finding.witness = Some(Witness::Relay(proof));
    finding.named(&meaning)
}

/// What the client must do or say.
fn needs(needs: &Needs, change: &Change) -> Vec<Phrase> {
    let mut out = Vec::new();
    let claims = change.witness.client.to_string();
    match needs.claim {
        Some(ClaimBy::ProxyHeader) => out.push(Phrase::ProxyHeader { claims }),
        Some(ClaimBy::Xclient) => out.push(Phrase::Xclient { claims }),
        Some(ClaimBy::Translation) => {
            let through = change.entry.as_ref().map(|entry| entry.through.join(", ")).unwrap_or_default();
            out.push(Phrase::Translated { through, seen: claims });
        }
        None => {}
    }
    if let Some(ClientName::Verified(name) | ClientName::Unverified(name)) = &needs.name {
        out.push(Phrase::ClientName { name: name.clone() });
    }
    if let Some(Some(name)) = &needs.helo {
        out.push(Phrase::Helo { name: name.clone() });
    }
    if let Some((kind, address)) = &needs.sender {
        out.push(match (kind, address.rsplit_once('@')) {
            (SenderKind::Bare, _) => Phrase::BareSender,
            (SenderKind::Null, _) => Phrase::NullSender,
            (_, Some((ANY_SENDER, domain))) => Phrase::SenderIn { domain: domain.to_owned() },
            (SenderKind::Own | SenderKind::Foreign | SenderKind::Matching, _) => {
                Phrase::Sender { address: address.clone() }
            }
        });
    }
    if let Some((_, example)) = &needs.recipient {
        out.push(Phrase::RecipientForm { example: example.clone() });
    }
    if needs.tls || needs.certificate {
        out.push(Phrase::Tls);
    }
    out
}

/// A listener by name and port.
fn listener_name(listener: &ListenerRef) -> String {
    let port = listener.port.map_or_else(String::new, |port| format!(" ({port})"));
    format!("{}{port}", listener.name)
}

fn strangers(clients: &AddressSet) -> Phrase {
    if is_anybody(clients) { Phrase::Anybody } else { Phrase::Networks { networks: networks(clients) } }
}

fn logins(rule: &Rule, device: &str, drift: &RelayDrift) -> Vec<Finding> {
    let found = drift.logins.iter().map(|(logins, confidence)| {
        let mut finding = Finding::new(&rule.id, rule.severity, *confidence, Some(device));
        finding.args.insert("who", Arg::Phrase(strangers(&logins.clients)));
        finding.args.insert("listener", Arg::Text(listener_name(&logins.listener)));
        finding.location = Some(logins.at.clone());
        finding.named(&format!("{} {:?}", logins.listener.name, logins.listener.port))
    });
    found.collect()
}

fn weakened(rule: &Rule, device: &str, drift: &RelayDrift) -> Vec<Finding> {
    // a setting of the whole server weakens every listener by one line
    let mut settings: Vec<(&Weakened, Vec<String>)> = Vec::new();
    for weakened in &drift.weakened {
        let listener = listener_name(&weakened.listener);
        let same = |w: &Weakened| w.before == weakened.before && w.after == weakened.after;
        match settings.iter_mut().find(|(w, _)| same(w)) {
            Some((_, listeners)) => listeners.push(listener),
            None => settings.push((weakened, vec![listener])),
        }
    }
    let found = settings.into_iter().map(|(weakened, listeners)| {
        let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(device));
        let shown = |value: &str| Arg::Text(if value.is_empty() { "-".to_owned() } else { value.to_owned() });
        finding.args.insert("listener", Arg::Text(listeners.join(", ")));
        finding.args.insert("guard", Arg::Text(weakened.after.name.to_string()));
        finding.args.insert("from", shown(&weakened.before.value));
        finding.args.insert("to", shown(&weakened.after.value));
        finding.location = Some(weakened.after.at.clone());
        finding.before = Some(weakened.before.at.clone());
        finding.named(&format!("{} {}", listeners.join(" "), weakened.after.name))
    });
    found.collect()
}

/// Mail that goes where it did not go, and where nothing declared as one's own is.
fn diverted(rule: &Rule, view: &DeviceView<'_>, drift: &RelayDrift) -> Vec<Finding> {
    let policy = view.after.relay.iter();
    let mut own: BTreeSet<String> = policy.flat_map(|p| &p.listeners).flat_map(own_domains).collect();
    own.extend(view.site.devices.values().flat_map(|device| device.mail_domains.iter().cloned()));
    let hosts =
        view.site.devices.values().filter_map(|device| Some(device.address.as_ref()?.host.to_string()));
    own.extend(hosts);
    let zones = view.site.zones.iter().filter(|zone| zone.trust == crate::site::Trust::Trusted);
    let inside = zones.filter_map(|zone| view.site.zones.addresses(zone.name.as_str()));
    let inside = inside.fold(crate::host::private(), |all, zone| all.union(&zone));
    let is_own = |to: &str| match to.parse() {
        Ok(address) => inside.contains(address) || own.contains(to),
        Err(_) => {
            let below =
                |domain: &String| to.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
            own.contains(to) || own.iter().any(below)
        }
    };
    let found = drift.diverted.iter().filter(|onward| !is_own(&onward.to)).map(|onward| {
        let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(view.name));
        let what = onward
            .key
            .as_ref()
            .map_or_else(|| onward.setting.to_string(), |key| format!("{}: {key}", onward.setting));
        finding.args.insert("what", Arg::Text(what));
        finding.args.insert("to", Arg::Text(onward.to.to_string()));
        finding.location = Some(onward.at.clone());
        finding.named(&format!("{} {}", onward.setting, onward.to))
    });
    found.collect()
}

fn refusing(rule: &Rule, device: &str, drift: &RelayDrift) -> Vec<Finding> {
    let found = drift.refusing.iter().map(|(listener, refusal)| {
        let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(device));
        finding.args.insert("listener", Arg::Text(listener_name(listener)));
        finding.location = Some(refusal.at.clone());
        finding.named(&format!("{} {:?}", listener.name, listener.port))
    });
    found.collect()
}

/// Of several ways to the same listener that differ only in what must be said, the easiest stand first; further ones are
/// kept, up to a handful, since each must be closed.
fn fewest(mut found: Vec<Finding>) -> Vec<Finding> {
    let effort = |finding: &Finding| match finding.args.get("needs") {
        Some(Arg::List(needs)) => needs.len(),
        _ => 0,
    };
    found.sort_by_key(|f| (std::cmp::Reverse((f.severity, f.confidence)), effort(f)));
    found
}
