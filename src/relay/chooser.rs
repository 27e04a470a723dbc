//! Every way the unknown could turn out, one at a time.
//!
//! The rules are interpreted two-valued. Whatever the evidence does not decide is asked here, and the interpretation
//! is repeated for every combination of answers: certain is what all of them agree on. The same question gets the
//! same answer within one pass.

use crate::reason::Reason;

/// Most passes for one attempt; beyond that the answer is unknown.
const MAX_PASSES: usize = 256;

/// The answers of one pass, and what was asked in it.
#[derive(Debug, Default)]
pub(super) struct Chooser {
    script: Vec<u8>,
    asked: Vec<Asked>,
    passes: usize,
}

#[derive(Debug)]
struct Asked {
    question: String,
    reason: Reason,
    choice: u8,
    options: u8,
}

impl Chooser {
    /// One of `options` answers to a question. Answer 0 comes first.
    pub(super) fn choose(&mut self, question: &str, options: u8, reason: impl FnOnce() -> Reason) -> u8 {
        if let Some(asked) = self.asked.iter().find(|a| a.question == question) {
            return asked.choice.min(options.saturating_sub(1));
        }
        let choice = self.script.get(self.asked.len()).copied().unwrap_or(0).min(options.saturating_sub(1));
        self.asked.push(Asked { question: question.to_owned(), reason: reason(), choice, options });
        choice
    }

    /// What was asked in this pass.
    pub(super) fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.asked.iter().map(|a| &a.reason)
    }

    /// How many questions were asked in this pass.
    pub(super) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// Prepares the next pass; `false` when every combination was seen.
    pub(super) fn next_pass(&mut self) -> bool {
        self.passes += 1;
        let mut asked = std::mem::take(&mut self.asked);
        while asked.last().is_some_and(|a| a.choice + 1 >= a.options) {
            asked.pop();
        }
        self.script = asked.iter().map(|a| a.choice).collect();
        match self.script.last_mut() {
            Some(last) => *last += 1,
            None => return false,
        }
        true
    }

    /// Whether there were more combinations than are looked at.
    pub(super) fn exhausted(&self) -> bool {
        self.passes >= MAX_PASSES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason() -> Reason {
        Reason::OutsideService { name: "x".into() }
    }

    #[test]
    fn every_combination_once() {
        let mut chooser = Chooser::default();
        let mut seen = Vec::new();
        loop {
            let a = chooser.choose("a", 2, reason);
            let b = if a == 1 { chooser.choose("b", 3, reason) } else { 9 };
            assert_eq!(chooser.choose("a", 2, reason), a);
            seen.push((a, b));
            if !chooser.next_pass() {
                break;
            }
        }
        assert_eq!(seen, [(0, 9), (1, 0), (1, 1), (1, 2)]);
    }
}
