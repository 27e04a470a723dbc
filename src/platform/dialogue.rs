//! How a device's own command line is spoken to, where it runs no commands over SSH (RFC 4254 section 6.5): data that
//! a platform brings, and that one engine works through for all of them.
//!
//! Patterns are regular expressions (multi-line mode, bytes) and see what the device sent, without terminal escapes.

/// A command line.
#[derive(Debug)]
pub struct Dialogue {
    /// What the whole line of a prompt looks like. It only finds the line to learn; from then on nothing but exactly that
    /// line is a prompt.
    pub prompt: &'static str,
    /// What the prompt of somebody who may read the configuration ends with, blanks aside.
    pub privileged: &'static str,
    /// What begins a line that the device takes for a comment and does nothing about. `None` where it knows none: then an
    /// empty line shows that the device waits for a command.
    pub comment: Option<&'static str>,
    /// Questions that stand between login and prompt.
    pub greetings: &'static [Reply],
    /// What the device shows when a page is full, at the end of what it has sent, and the key for the next page. A key
    /// changes nothing, so this is right everywhere.
    pub pagers: &'static [Reply],
    /// Commands that change how this session shows things, and nothing that outlives it. Where paging or width are
    /// configuration, none of them belongs here.
    pub session: &'static [&'static str],
    /// How to get the rights to read the configuration, where the login alone does not give them.
    pub escalation: Option<Escalation>,
    /// What begins a line by which the device says that a command did not work.
    pub errors: &'static [&'static str],
    /// What begins a line by which the device says that what was asked for does not exist.
    pub absent: &'static [&'static str],
    /// Artifacts without any mark of their end: they count as whole once two reads in a row are equal, noise aside.
    pub twice: &'static [&'static str],
    /// How the device breaks long lines, where no setting of a session stops it.
    pub wrap: Option<Wrap>,
    /// Encodings other than UTF-8 that its texts may have, the likelier one first.
    pub encodings: &'static [Encoding],
}

/// An answer to something that the device shows.
#[derive(Debug)]
pub struct Reply {
    /// What it shows; matched at the end of what it has sent.
    pub to: &'static str,
    /// What is sent, without a line end.
    pub keys: &'static str,
}

/// A command that asks for a password and gives more rights.
#[derive(Debug)]
pub struct Escalation {
    /// The command.
    pub command: &'static str,
    /// How it asks, at the end of what the device has sent.
    pub ask: &'static str,
}

/// How a device breaks long lines: hard, wherever the column is reached, inside words and numbers too.
#[derive(Debug)]
pub struct Wrap {
    /// Artifacts that are configurations, line by line.
    pub artifacts: &'static [&'static str],
    /// Columns of the screen unless set otherwise; lines may fill all of them but one.
    pub columns: usize,
    /// The most columns that the screen can have.
    pub most: usize,
    /// How the configuration itself sets another number: a pattern with a group `columns`.
    pub setting: &'static str,
    /// What no line of the configuration begins with, so that such a line can only be the rest of the one above.
    pub rest: &'static str,
}

/// An encoding of texts, and how the configuration itself says that it is used.
#[derive(Debug)]
pub struct Encoding {
    /// Which one.
    pub charset: Charset,
    /// A pattern that the configuration matches if it says so, where it can.
    pub setting: Option<&'static str>,
}

/// Encodings of Japanese text besides UTF-8, as <https://encoding.spec.whatwg.org/> defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Shift_JIS with the extensions of Windows (code page 932).
    ShiftJis,
    /// EUC-JP.
    EucJp,
}
