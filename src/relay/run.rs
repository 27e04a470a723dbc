//! One pass of one attempt through a listener's stages: the only place where rules get their meaning.

use std::sync::Arc;

use super::address;
use super::attempt::{Attempt, ClaimBy, Facts};
use super::chooser::Chooser;
use super::policy::CertificateDemand;
use super::policy::{ListId, Listener, Policy, Sees, Stage, StageKind, Tls};
use super::proof::{Asked, MAX_ASKED};
use super::recipient::Mailbox;
use super::routing::{Leaves, Routing};
use super::rules::Condition;
use super::rules::{Rule, Step, Subject};
use super::table::{Found, Table};
use crate::finding::Location;
use crate::reason::Reason;

/// Deepest nesting of lists; servers give up there too.
pub(super) const MAX_DEPTH: usize = 100;

/// Most rules asked in one pass.
const MAX_STEPS: usize = 100_000;

/// How one pass ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Accepted; the mail goes there.
    Accepted(Leaves),
    /// Refused with this code.
    Refused(u16),
    /// The service does not serve.
    Unavailable,
}

/// A lookup failed on the device: temporary refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// What a rule or list made of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    Permit,
    Refuse(u16),
}

/// One pass.
pub(super) struct Run<'a> {
    pub(super) policy: &'a Policy,
    pub(super) listener: &'a Listener,
    pub(super) routing: Arc<Routing>,
    pub(super) attempt: &'a Attempt,
    pub(super) facts: &'a Facts,
    pub(super) chooser: &'a mut Chooser,
    /// Greeting, sender and recipient after commands were rewritten; internal form.
    pub(super) helo: Option<String>,
    pub(super) sender: String,
    pub(super) recipient: String,
    pub(super) sender_mailbox: Option<Mailbox>,
    pub(super) recipient_mailbox: Option<Mailbox>,
    /// Lines that decided.
    pub(super) lines: Vec<Location>,
    permits: Vec<(StageKind, Vec<Location>)>,
    passed: Vec<Location>,
    sees: Sees,
    in_recipient_lists: bool,
    pub(super) noting: usize,
    steps: usize,
    /// How deep lists are asked inside conditions.
    pub(super) nested: usize,
    pub(super) defer_if_permit: bool,
    pub(super) defer_if_reject: bool,
    /// Whether the mail is accepted and thrown away.
    pub(super) discarded: bool,
    pub(super) kept_back: bool,
    /// Whether a gate outside the evidence could still refuse.
    pub(super) gated: bool,
    /// Whether the pass was cut short.
    pub(super) cut: bool,
    /// Every entry that was asked, where somebody wants to follow.
    pub(super) asked: Option<Vec<Asked>>,
    stage: StageKind,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        listener: &'a Listener,
        attempt: &'a Attempt,
        facts: &'a Facts,
        chooser: &'a mut Chooser,
    ) -> Self {
        Self {
            policy,
            listener,
            routing: Arc::clone(&listener.routing),
            attempt,
            facts,
            chooser,
            helo: attempt.helo.clone(),
            sender: String::new(),
            recipient: String::new(),
            sender_mailbox: None,
            recipient_mailbox: None,
            lines: Vec::new(),
            permits: Vec::new(),
            passed: Vec::new(),
            sees: Sees::Recipient,
            in_recipient_lists: false,
            noting: 0,
            steps: 0,
            nested: 0,
            defer_if_permit: false,
            defer_if_reject: false,
            discarded: false,
            kept_back: false,
            gated: false,
            cut: false,
            asked: None,
            stage: StageKind::Client,
        }
    }

    /// Plays the dialogue up to the reply to RCPT TO, and follows the mail.
    pub(super) fn end(&mut self) -> End {
        if let Some(refusal) = &self.listener.refuses {
            self.lines = vec![refusal.at.clone()];
            return End::Unavailable;
        }
        match self.dialogue() {
            Ok(Flow::Refuse(code)) => End::Refused(self.soften(code)),
            Err(Broken) => End::Refused(451),
            Ok(Flow::Continue | Flow::Permit) => match self.destination() {
                Ok(leaves) => End::Accepted(leaves),
                Err(Broken) => End::Accepted(Leaves::No),
            },
        }
    }

    fn dialogue(&mut self) -> Result<Flow, Broken> {
        // what is asked before MAIL FROM is answered before anything else can be wrong
        let early = self.listener.stages.iter().take_while(|stage| stage.sees <= Sees::Helo).count();
        let (early, late) = self.listener.stages.split_at_checked(early).unwrap_or_default();
        self.rewrite_greeting();
        for stage in early {
            if let Flow::Refuse(code) = self.stage(stage) {
                return Ok(Flow::Refuse(code));
            }
        }
        if self.attempt.helo.is_some() {
            // what a greeting finds out about a mail that has not begun is forgotten with it
            (self.discarded, self.kept_back) = (false, false);
        }
        self.sees = Sees::Recipient;
        if let Some(code) = self.before_stages() {
            return Ok(Flow::Refuse(code));
        }
        for stage in late {
            if stage.sees == Sees::Recipient && self.is_taken_postmaster() {
                return Ok(Flow::Permit);
            }
            let flow = self.stage(stage);
            if let Flow::Refuse(_) = flow {
                return Ok(flow);
            }
            if self.discarded {
                let held = self.defer_if_permit;
                return Ok(if held { Flow::Refuse(450) } else { Flow::Permit });
            }
            if stage.kind == StageKind::Sender
                && self.listener.refuses_unlisted_sender
                && !self.sender.is_empty()
                && let Some(code) = self.sender_unlisted()?
            {
                return Ok(self.refuse(code));
            }
        }
        self.sees = Sees::Recipient;
        if self.defer_if_permit {
            return Ok(Flow::Refuse(450));
        }
        if self.listener.refuses_unlisted_recipient
            && let Some(code) = self.recipient_unlisted()?
        {
            return Ok(self.refuse(code));
        }
        self.gated = !self.listener.gates.is_empty();
        self.explain_permit();
        Ok(Flow::Permit)
    }

    /// One stage, with what it permitted kept for the explanation.
    fn stage(&mut self, stage: &Stage) -> Flow {
        // without a greeting nothing is asked about it
        if stage.kind == StageKind::Helo && self.attempt.helo.is_none() {
            return Flow::Continue;
        }
        (self.sees, self.stage) = (stage.sees, stage.kind);
        // the two lists about the recipient share what they put off, in either order
        let about_recipient = matches!(stage.kind, StageKind::Relay | StageKind::Recipient);
        if !about_recipient || !std::mem::replace(&mut self.in_recipient_lists, true) {
            self.defer_if_reject = false;
        }
        let flow = self.list(stage.list, 0);
        if !matches!(flow, Flow::Refuse(_)) {
            let lines = std::mem::take(&mut self.lines);
            if flow == Flow::Permit {
                self.permits.push((stage.kind, lines));
            }
        }
        flow
    }

    /// What the server checks before any list: encryption, certificate, greeting, syntax.
    pub(super) fn before_stages(&mut self) -> Option<u16> {
        let tls = self.encrypted();
        if self.listener.tls == Tls::Required && !tls {
            return Some(530);
        }
        if self.listener.certificate == CertificateDemand::Required && tls && !self.certificate_trusted() {
            return Some(554);
        }
        if self.listener.helo_required && self.attempt.helo.is_none() {
            return Some(503);
        }
        let Some((sender, recipient)) = self.commands() else { return Some(501) };
        (self.sender, self.recipient) = (sender, recipient);
        if self.recipient.is_empty() {
            return Some(501);
        }
        let bad_sender = !self.sender.is_empty() && self.mailbox(Subject::Sender).is_ok_and(|m| m.invalid);
        let bad_recipient =
            !self.is_taken_postmaster() && self.mailbox(Subject::Recipient).is_ok_and(|m| m.invalid);
        let ascii = |address: &str| address.rsplit('@').next().is_none_or(str::is_ascii);
        let bad = bad_sender
            || bad_recipient
            || self.is_refused_form()
            || !ascii(&self.sender)
            || !ascii(&self.recipient);
        bad.then_some(501)
    }

    fn is_taken_postmaster(&self) -> bool {
        self.routing.forms.takes_postmaster && self.recipient.eq_ignore_ascii_case("postmaster")
    }

    /// The greeting as the server reads it.
    pub(super) fn rewrite_greeting(&mut self) {
        if let (Some(table), Some(helo)) = (self.listener.rewrites_commands.clone(), &self.attempt.helo) {
            self.helo = self.rewritten(&table, "EHLO ", helo);
        }
    }

    /// The argument of a command, after the command was rewritten.
    fn rewritten(&mut self, table: &Table, verb: &str, argument: &str) -> Option<String> {
        let command = format!("{verb}{argument}");
        let found = self.look(table, &command, &command);
        let text = found.value().unwrap_or(&command).to_owned();
        let (_, argument) = text.split_once(':').or_else(|| text.split_once(' '))?;
        let argument = argument.trim();
        let inner = argument.strip_prefix('<').and_then(|a| a.rsplit_once('>')).map(|(inner, _)| inner);
        Some(inner.unwrap_or(argument).to_owned())
    }

    /// Sender and recipient as the server reads them, after commands were rewritten.
    fn commands(&mut self) -> Option<(String, String)> {
        let attempt = self.attempt;
        if let Some(table) = self.listener.rewrites_commands.clone() {
            let sender = self.rewritten(&table, "MAIL FROM:", &format!("<{}>", attempt.mail_from))?;
            let recipient = self.rewritten(&table, "RCPT TO:", &format!("<{}>", attempt.rcpt_to))?;
            return Some((address::from_argument(&sender)?, address::from_argument(&recipient)?));
        }
        Some((address::from_argument(&attempt.mail_from)?, address::from_argument(&attempt.rcpt_to)?))
    }

    pub(super) fn list(&mut self, id: ListId, depth: usize) -> Flow {
        let policy = self.policy;
        let Some(list) = policy.list(id) else { return Flow::Refuse(451) };
        if depth > MAX_DEPTH {
            return Flow::Refuse(451);
        }
        for rule in &list.rules {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                self.cut = true;
                return Flow::Refuse(451);
            }
            let flow = self.step(&rule.step, rule, depth);
            if depth == 0 {
                self.keep(rule, flow);
            }
            if flow != Flow::Continue {
                return flow;
            }
            if self.discarded || (self.defer_if_permit && self.defer_if_reject) {
                break;
            }
        }
        Flow::Continue
    }

    /// Keeps an entry of a stage's own list for the proof.
    fn keep(&mut self, rule: &Rule, flow: Flow) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.len() < MAX_ASKED && self.nested == 0)
        else {
            return;
        };
        let entry = std::iter::once(&rule.at);
        let decided = self.lines.iter().filter(|line| flow != Flow::Continue && **line != rule.at);
        let lines = entry.chain(decided).cloned().collect();
        asked.push(Asked { stage: self.stage, lines, outcome: flow.into() });
    }

    fn step(&mut self, step: &Step, rule: &Rule, depth: usize) -> Flow {
        match step {
            Step::If(condition, action) => match self.holds(condition) {
                Ok(true) => {
                    self.lines = vec![rule.at.clone()];
                    self.act(action, depth)
                }
                Ok(false) => {
                    if matches!(condition, Condition::Not(inner) if matches!(**inner, Condition::RecipientHere))
                    {
                        self.passed = vec![rule.at.clone()];
                    }
                    Flow::Continue
                }
                Err(Broken) => self.broken(rule, None),
            },
            Step::Lookup(lookup) => self.lookup(lookup, rule, depth),
            Step::List(id) => self.list(*id, depth + 1),
            Step::NoteOnly(inner) => {
                self.noting += 1;
                let flow = self.step(inner, rule, depth);
                self.noting -= 1;
                flow
            }
        }
    }

    pub(super) fn broken(&mut self, rule: &Rule, row: Option<&Location>) -> Flow {
        self.lines = std::iter::once(&rule.at).chain(row).cloned().collect();
        Flow::Refuse(451)
    }

    pub(super) fn sees(&self, needs: Sees) -> bool {
        self.sees >= needs
    }

    /// Whether the connection is encrypted by now: STARTTLS comes after the first reply (RFC 3207 section 4), and a
    /// claim after that.
    pub(super) fn encrypted(&self) -> bool {
        let begun = self.sees(Sees::Helo) || self.claims_by_command();
        self.listener.tls == Tls::Implicit || (self.attempt.tls && self.listener.tls != Tls::No && begun)
    }

    /// Whether the client claims its identity by a command, after which the dialogue begins anew.
    pub(super) fn claims_by_command(&self) -> bool {
        self.attempt.claim.as_ref().is_some_and(|claim| claim.by == ClaimBy::Xclient)
    }

    pub(super) fn certificate_trusted(&mut self) -> bool {
        let Some(certificate) = self.attempt.certificate.as_ref().filter(|_| self.encrypted()) else {
            return false;
        };
        certificate.trusted.unwrap_or_else(|| {
            let reason = || Reason::ContentsUnknown { name: "certificate authorities".into() };
            self.chooser.choose("certificate trusted", 2, reason) == 1
        })
    }

    /// The lines that a person must see for an accepted recipient: what permitted it where relaying is refused,
    /// else what let its domain pass.
    fn explain_permit(&mut self) {
        let explicit = [StageKind::Relay, StageKind::Recipient]
            .into_iter()
            .find_map(|kind| self.permits.iter().find(|(k, _)| *k == kind).map(|(_, lines)| lines.clone()));
        let domain = self.recipient_mailbox.as_ref().and_then(|m| m.at.clone());
        self.lines = explicit.unwrap_or_else(|| self.passed.iter().cloned().chain(domain).collect());
    }

    pub(super) fn destination(&mut self) -> Result<Leaves, Broken> {
        if self.discarded || self.kept_back || self.is_taken_postmaster() {
            return Ok(Leaves::No);
        }
        let completed = self.routing.forms.complete(&self.recipient);
        self.follow(&completed)
    }

    /// Looks a key up in one table, guessing what cannot be evaluated here.
    pub(super) fn look<'t>(&mut self, table: &'t Table, key: &str, subject: &str) -> Found<'t> {
        let chooser = &mut *self.chooser;
        table.find(key, &mut |reason| {
            let question = format!("match {} {subject} {reason:?}", table.name);
            chooser.choose(&question, 2, || reason.clone()) == 1
        })
    }
}
