//! What a listener's rules make of one dimension of an attempt. Texts with the same profile are one class.

use std::fmt::Write;

use super::attempt::{Attempt, Facts};
use super::candidates::View;
use super::chooser::Chooser;
use super::policy::{Policy, StageKind};
use super::rules::{Condition, DnsQuestion, Subject};
use super::run::{Broken, Run};
use super::table::Found;

/// A dimension of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    Client,
    Name,
    Helo,
    Tls,
    Certificate,
    Login,
    Sender,
    Recipient,
}

/// Everything that the rules, and what comes after them, make of one dimension.
pub(super) fn profile(
    policy: &Policy,
    view: &View<'_, '_>,
    attempt: &Attempt,
    facts: &Facts,
    dimension: Dimension,
) -> String {
    let mut out = String::new();
    let mut chooser = Chooser::default();
    let mut run = Run::new(policy, view.listener, attempt, facts, &mut chooser);
    run.rewrite_greeting();
    let early = run.before_stages();
    if dimension != Dimension::Client && dimension != Dimension::Name {
        let _ = write!(out, "{early:?}");
    }
    if dimension == Dimension::Helo {
        // a server asks nothing about a greeting that was not given
        let asks = view.listener.stages.iter().any(|stage| stage.kind == StageKind::Helo);
        let _ = write!(out, "{}", asks && attempt.helo.is_none());
    }
    for condition in view.words.conditions.iter().filter(|c| depends(c, dimension)) {
        let asked = run.chooser.asked();
        mark(&mut out, run.holds(condition));
        unsure(&mut out, &run, asked);
    }
    if matches!(dimension, Dimension::Client | Dimension::Name) {
        for list in &view.words.client_lists {
            let asked = run.chooser.asked();
            mark(&mut out, run.client_in(list));
            unsure(&mut out, &run, asked);
        }
    }
    for lookup in view.words.lookups.iter().filter(|l| of_subject(l.subject, dimension)) {
        let found = match run.find_subject(lookup) {
            Ok(Some(Found::Row(row, _))) => format!("{:?}", lookup.actions.get(&row.value)),
            Ok(Some(Found::Nothing) | None) => "-".to_owned(),
            Ok(Some(_)) => "?".to_owned(),
            Err(Broken) => "!".to_owned(),
        };
        out.push_str(&found);
    }
    match dimension {
        Dimension::Sender => {
            let listed = if run.sender.is_empty() { Ok(None) } else { run.sender_unlisted() };
            let _ = write!(out, "{:?}{:?}", listed.map(|code| code.is_some()), run.sender_transport());
        }
        Dimension::Recipient => recipient(&mut out, &mut run),
        _ => {}
    }
    out
}

fn recipient(out: &mut String, run: &mut Run<'_>) {
    let routed = run.mailbox(Subject::Recipient).map(|m| (m.class, m.routed));
    let _ = write!(out, "{routed:?}{:?}", run.recipient_unlisted());
    let (policy, listener, attempt, facts) = (run.policy, run.listener, run.attempt, run.facts);
    let mut chooser = Chooser::default();
    let mut ends = std::collections::BTreeSet::new();
    loop {
        let mut run = Run::new(policy, listener, attempt, facts, &mut chooser);
        let _ = run.before_stages();
        ends.insert(run.destination().ok());
        if !chooser.next_pass() || chooser.exhausted() {
            break;
        }
    }
    let _ = write!(out, "{ends:?}");
}

fn mark(out: &mut String, holds: Result<bool, Broken>) {
    out.push(match holds {
        Ok(true) => 't',
        Ok(false) => 'f',
        Err(Broken) => '!',
    });
}

fn unsure(out: &mut String, run: &Run<'_>, asked: usize) {
    if run.chooser.asked() > asked {
        out.push('?');
    }
}

fn of_subject(subject: Subject, dimension: Dimension) -> bool {
    match dimension {
        Dimension::Client | Dimension::Name => matches!(subject, Subject::Client | Subject::ReverseName),
        Dimension::Helo => subject == Subject::Helo,
        Dimension::Certificate | Dimension::Tls => subject == Subject::Certificate,
        Dimension::Login => subject == Subject::Login,
        Dimension::Sender => subject == Subject::Sender,
        Dimension::Recipient => subject == Subject::Recipient,
    }
}

/// Whether a condition looks at a dimension.
pub(super) fn depends(condition: &Condition, dimension: Dimension) -> bool {
    use Condition as C;
    match dimension {
        Dimension::Client => matches!(condition, C::ClientIsOwn),
        Dimension::Name => {
            matches!(condition, C::ClientNameUnverified | C::ClientNameMissing | C::ClientNameInRelayDomains)
        }
        Dimension::Helo => {
            matches!(condition, C::Greeted | C::HeloMalformed | C::HeloUnqualified | C::HeloIsNumber)
        }
        Dimension::Tls => {
            matches!(condition, C::Encrypted | C::CertificateTrusted | C::CertificateIn(_) | C::LoggedIn)
        }
        Dimension::Certificate => matches!(condition, C::CertificateTrusted | C::CertificateIn(_)),
        Dimension::Login => matches!(condition, C::LoggedIn | C::SenderOwnedByLogin(_)),
        Dimension::Sender => matches!(
            condition,
            C::SenderIsNull
                | C::SenderUnqualified
                | C::SenderUnlisted
                | C::SenderOwned(_)
                | C::SenderOwnedByLogin(_)
                | C::Routable(Subject::Sender)
        ),
        Dimension::Recipient => match condition {
            C::RecipientHere | C::RecipientUnqualified | C::RecipientUnlisted => true,
            C::Routable(Subject::Recipient) => true,
            C::Dns(dns) => dns.asks == DnsQuestion::BackupMx,
            _ => false,
        },
    }
}
