//! What a simulated command line is like: data, so that one simulator speaks for every platform.

use std::collections::BTreeMap;

use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_8};
use serde::Deserialize;

use super::SimulateError;

/// A command line.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terminal {
    /// What it says after the login, before anything else.
    pub banner: String,
    /// A question between banner and prompt, and the key that answers it.
    pub greeting: Option<Greeting>,
    /// The prompt of somebody who may read the configuration.
    pub prompt: String,
    /// The prompt after the login, where it takes more to read the configuration.
    pub user_prompt: Option<String>,
    /// What it takes.
    pub escalation: Option<Escalation>,
    /// What stands below a full page.
    pub pager: String,
    /// What wipes it out.
    pub wipe: String,
    /// Lines of a page; 0 is no pager.
    pub rows: usize,
    /// Columns at which lines are broken; 0 is never.
    pub columns: usize,
    /// Whether the terminal that the client asks for decides on rows and columns.
    pub obeys_terminal: bool,
    /// Commands without output that count for the session: `rows` and `columns` switch pager and breaking off.
    pub session: BTreeMap<String, String>,
    /// What begins a comment.
    pub comment: Option<String>,
    /// Command to artifact of the device.
    pub commands: BTreeMap<String, String>,
    /// What it says to any other command.
    pub unknown: String,
    /// What it says where the device has no such artifact.
    pub absent: String,
    /// Encoding of everything it says: `utf-8`, `shift_jis`, `euc-jp`.
    pub encoding: String,
    /// Whether it does not show what is typed.
    pub silent: bool,
    /// Whether it knows only algorithms of 2012.
    pub old_algorithms: bool,
}

/// A question before the first prompt.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Greeting {
    /// The question.
    pub ask: String,
    /// The key.
    pub key: String,
}

/// A command that gives more rights.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// The command.
    pub command: String,
    /// How it asks for the password.
    pub ask: String,
    /// The password.
    pub password: String,
    /// What it says to another one.
    pub refused: String,
    /// How often it asks.
    pub tries: usize,
}

impl Terminal {
    /// Reads a data file.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, SimulateError> {
        let terminal: Self = toml::from_str(text).map_err(|e| SimulateError::Terminal(e.to_string()))?;
        match terminal.encoder() {
            Some(_) => Ok(terminal),
            None => Err(SimulateError::Terminal(format!("unknown encoding {:?}", terminal.encoding))),
        }
    }

    fn encoder(&self) -> Option<&'static Encoding> {
        match self.encoding.as_str() {
            "" | "utf-8" => Some(UTF_8),
            "shift_jis" => Some(SHIFT_JIS),
            "euc-jp" => Some(EUC_JP),
            _ => None,
        }
    }

    /// A text in the command line's encoding.
    pub(super) fn encode(&self, text: &str) -> Vec<u8> {
        self.encoder().unwrap_or(UTF_8).encode(text).0.into_owned()
    }

    /// A text's lines as they stand on the screen.
    pub(super) fn lines(&self, text: &str, columns: usize) -> Vec<String> {
        let mut out = Vec::new();
        for line in text.lines() {
            let (mut row, mut used) = (String::new(), 0);
            for c in line.chars() {
                let width = if c.is_ascii() || matches!(c, '\u{ff61}'..='\u{ff9f}') { 1 } else { 2 };
                if columns > 0 && used + width > columns {
                    out.push(std::mem::take(&mut row));
                    used = 0;
                }
                row.push(c);
                used += width;
            }
            out.push(row);
        }
        out
    }
}
