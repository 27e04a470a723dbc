//! The patterns of a dialogue, compiled.

use regex::bytes::{Regex, RegexBuilder};

use super::decode::Possible;
use super::wrap::Breaking;
use crate::platform::dialogue::{Dialogue, Reply};

/// Everything that is looked for in what a device sends.
#[derive(Debug)]
pub(in crate::capture) struct Patterns {
    pub(super) dialogue: &'static Dialogue,
    prompt: Regex,
    greetings: Vec<(Regex, &'static str)>,
    pagers: Vec<(Regex, &'static str)>,
    ask: Option<Regex>,
    errors: Vec<Regex>,
    absent: Vec<Regex>,
    pub(super) encodings: Vec<Possible>,
    pub(super) breaking: Option<Breaking>,
}

/// What a command line says of a command instead of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// It did not work; the line that says so.
    Error(Vec<u8>),
    /// What it asks for does not exist.
    Absent,
}

/// Lines at either end of an answer that are looked at for complaints.
const LINES: usize = 3;

impl Patterns {
    /// # Errors
    /// A pattern does not compile: a fault of the platform that brought it.
    pub(super) fn of(dialogue: &'static Dialogue) -> Result<Self, regex::Error> {
        let at_end = |pattern: &str| compile(&format!("(?:{pattern})\\z"));
        let replies = |all: &'static [Reply]| {
            all.iter().map(|r| Ok((at_end(r.to)?, r.keys))).collect::<Result<Vec<_>, regex::Error>>()
        };
        let at_line = |all: &[&str]| {
            all.iter().map(|p| compile(&format!("\\A[ \\t]*(?:{p})"))).collect::<Result<Vec<_>, _>>()
        };
        let possible = |encoding: &crate::platform::dialogue::Encoding| {
            Ok((encoding.charset, encoding.setting.map(compile).transpose()?))
        };
        let breaking = |wrap: &crate::platform::dialogue::Wrap| {
            Ok::<_, regex::Error>(Breaking {
                columns: wrap.columns,
                most: wrap.most,
                setting: regex::Regex::new(&format!("(?m){}", wrap.setting))?,
                rest: regex::Regex::new(&format!("\\A(?:{})", wrap.rest))?,
            })
        };
        Ok(Self {
            dialogue,
            prompt: compile(&format!("\\A(?:{})\\z", dialogue.prompt))?,
            greetings: replies(dialogue.greetings)?,
            pagers: replies(dialogue.pagers)?,
            ask: dialogue.escalation.as_ref().map(|e| at_end(e.ask)).transpose()?,
            errors: at_line(dialogue.errors)?,
            absent: at_line(dialogue.absent)?,
            encodings: dialogue.encodings.iter().map(possible).collect::<Result<_, regex::Error>>()?,
            breaking: dialogue.wrap.as_ref().map(breaking).transpose()?,
        })
    }

    /// Whether a line may be a prompt.
    pub(super) fn is_prompt(&self, line: &[u8]) -> bool {
        !line.is_empty() && self.prompt.is_match(line)
    }

    /// Whether a prompt is that of somebody who may read the configuration.
    pub(super) fn is_privileged(&self, prompt: &[u8]) -> bool {
        prompt.trim_ascii_end().ends_with(self.dialogue.privileged.as_bytes())
    }

    /// The answer to a question that stands at the end of a text.
    pub(super) fn greeting(&self, tail: &[u8]) -> Option<&'static str> {
        self.greetings.iter().find(|(to, _)| to.is_match(tail)).map(|(_, keys)| *keys)
    }

    /// Length of a pager at the end of a text, and the key that goes on.
    pub(super) fn pager(&self, tail: &[u8]) -> Option<(usize, &'static str)> {
        self.pagers.iter().find_map(|(to, keys)| Some((to.find(tail)?.len(), *keys)))
    }

    /// Whether a text ends in the question for the password that gives more rights.
    pub(super) fn asks_password(&self, tail: &[u8]) -> bool {
        self.ask.as_ref().is_some_and(|ask| ask.is_match(tail))
    }

    /// Whether an answer is none, but a complaint about the command.
    pub(super) fn complaint(&self, answer: &[u8]) -> Option<Complaint> {
        let said = |line: &&[u8]| !line.trim_ascii().is_empty();
        let first = answer.split(|b| *b == b'\n').filter(said).take(LINES);
        let last = answer.rsplit(|b| *b == b'\n').filter(said).take(LINES);
        let is = |all: &[Regex], line: &[u8]| all.iter().any(|pattern| pattern.is_match(line));
        first.chain(last).find_map(|line| {
            if is(&self.absent, line) {
                return Some(Complaint::Absent);
            }
            is(&self.errors, line).then(|| Complaint::Error(line.trim_ascii().to_vec()))
        })
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).multi_line(true).unicode(false).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::REGISTRY;

    #[test]
    fn every_pattern_of_every_platform_compiles() {
        let dialogues: Vec<_> = REGISTRY.iter().filter_map(|p| p.dialogue()).collect();
        assert!(dialogues.len() >= 2);
        for dialogue in dialogues {
            Patterns::of(dialogue).unwrap();
        }
    }

    #[test]
    fn a_complaint_is_no_configuration() {
        let dialogue = |id: &str| {
            let platform = crate::platform::by_id(id).unwrap();
            Patterns::of(platform.dialogue().unwrap()).unwrap()
        };
        let (ios, rtx) = (dialogue("ios"), dialogue("rtx"));
        let refused = ios.complaint(b"          ^\n% Invalid input detected at '^' marker.\n\n");
        assert!(matches!(refused, Some(Complaint::Error(text)) if text.starts_with(b"% Invalid")));
        assert_eq!(ios.complaint(b"startup-config is not present\n"), Some(Complaint::Absent));
        assert_eq!(
            ios.complaint(b"version 15.1\nhostname r\nbanner motd ^C\n% Invalid\n^C\n!\n!\nend\n"),
            None
        );
        for text in ["エラー: コマンド名を確認してください\n", "Error: Invalid command name\n"]
        {
            for encoding in [encoding_rs::UTF_8, encoding_rs::SHIFT_JIS, encoding_rs::EUC_JP] {
                let said = rtx.complaint(&encoding.encode(text).0);
                assert!(matches!(said, Some(Complaint::Error(_))), "{text} {}", encoding.name());
            }
        }
    }
}
