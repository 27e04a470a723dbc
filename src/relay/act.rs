//! What rules do once they apply: actions, table rows, answers from outside.

use super::attempt::ServiceAnswer;
use super::rules::{Action, Lookup, Rule, Subject};
use super::run::{Broken, Flow, Run};
use super::table::Found;
use crate::finding::Location;
use crate::reason::Reason;

impl Run<'_> {
    pub(super) fn act(&mut self, action: &Action, depth: usize) -> Flow {
        match action {
            Action::Permit => Flow::Permit,
            Action::Refuse(code) => self.refuse(*code),
            Action::Continue => Flow::Continue,
            Action::Discard => {
                self.discarded = true;
                Flow::Permit
            }
            Action::DeferIfPermit => {
                self.defer_if_permit |= self.noting == 0;
                Flow::Continue
            }
            Action::DeferIfReject => {
                self.defer_if_reject = true;
                Flow::Continue
            }
            Action::Hold | Action::Redirect => {
                self.kept_back = true;
                Flow::Continue
            }
            Action::List(id) => self.list(*id, depth + 1),
            Action::Broken => Flow::Refuse(451),
            Action::Unknown(reason) => self.outside(reason),
        }
    }

    /// A refusal is only noted under a note-only rule.
    pub(super) fn refuse(&self, code: u16) -> Flow {
        if self.noting > 0 {
            return Flow::Continue;
        }
        Flow::Refuse(if self.defer_if_reject && code >= 500 { 450 } else { code })
    }

    pub(super) fn soften(&self, code: u16) -> u16 {
        if self.listener.soft_bounce && code >= 500 { code - 100 } else { code }
    }

    /// An answer from outside. Its refusals are not counted on to keep a relay closed; those of a word that is not
    /// understood are, since the server may know it as little.
    fn outside(&mut self, reason: &Reason) -> Flow {
        let known = matches!(reason, Reason::OutsideService { .. }).then_some(self.facts.service).flatten();
        if let Some(answer) = known {
            let action = match answer {
                ServiceAnswer::Pass => Action::Continue,
                ServiceAnswer::Permit => Action::Permit,
                ServiceAnswer::Refuse(code) => Action::Refuse(code),
                ServiceAnswer::DeferIfPermit => Action::DeferIfPermit,
                ServiceAnswer::DeferIfReject => Action::DeferIfReject,
                ServiceAnswer::Discard => Action::Discard,
            };
            return self.act(&action, 0);
        }
        let arranged = self.facts.client_arranges && !matches!(reason, Reason::Unread { .. });
        let options = if arranged { 2 } else { 3 };
        // the server may know a word or table as little, and then it puts the mail off even where it only notes
        let unusable = self.noting > 0 && !matches!(reason, Reason::OutsideService { .. });
        match self.chooser.choose(&format!("action {reason:?}"), options, || reason.clone()) {
            0 => Flow::Continue,
            1 => Flow::Permit,
            _ if unusable => Flow::Refuse(451),
            _ => self.refuse(554),
        }
    }

    pub(super) fn lookup(&mut self, lookup: &Lookup, rule: &Rule, depth: usize) -> Flow {
        let found = match self.find_subject(lookup) {
            Ok(Some(found)) => found,
            Ok(None) => return Flow::Continue,
            Err(Broken) => return self.broken(rule, None),
        };
        let row = match &found {
            Found::Nothing => return Flow::Continue,
            Found::Broken => return self.broken(rule, None),
            Found::Unknown(reason) => {
                self.lines = vec![rule.at.clone()];
                let reason = reason.clone();
                let flow = self.outside(&reason);
                return self.confined(lookup, flow, rule, None);
            }
            Found::Joined(_) => None,
            Found::Row(row, _) => Some((*row).clone()),
        };
        self.lines = std::iter::once(&rule.at).chain(row.as_ref().map(|r| &r.at)).cloned().collect();
        let unread = || Action::Unknown(Reason::Unread { text: rule.at.text.to_string() });
        let action = row.as_ref().and_then(|r| lookup.actions.get(&r.value)).cloned().unwrap_or_else(unread);
        let flow = self.act(&action, depth);
        self.confined(lookup, flow, rule, row.as_ref().map(|r| &r.at))
    }

    /// Some tables may not permit; and a routed recipient is permitted by no table.
    fn confined(&mut self, lookup: &Lookup, flow: Flow, rule: &Rule, row: Option<&Location>) -> Flow {
        if flow != Flow::Permit {
            return flow;
        }
        if lookup.may_not_permit && !self.discarded {
            return self.broken(rule, row);
        }
        let routed = lookup.subject == Subject::Recipient
            && !self.routing.untrusted_routes
            && self.mailbox(Subject::Recipient).is_ok_and(|m| m.routed);
        if routed { Flow::Continue } else { flow }
    }
}
