//! A command line whose prompt is known: a command goes in, exactly its output comes out.
//!
//! Nothing that a device prints can end an answer. What looks like the prompt is only a reason to ask: a comment with a
//! random word, where the platform has comments, must be echoed right behind the very prompt that was learned, and be
//! followed by nothing but another one; elsewhere an empty line must be answered by exactly what it was answered by when
//! nothing was printed.

use std::ops::Range;
use std::time::Duration;

use super::patterns::Patterns;
use super::terminal::{Stop, Terminal, last_line, tail};

/// Silence behind what looks like a prompt before it is put to the test.
const QUIET: Duration = Duration::from_millis(250);

/// Silence behind what looks like a pager before it is answered; that it was one shows in what follows.
const PAGE: Duration = Duration::from_millis(100);

/// How often the prompt is asked for until it stays the same.
const TRIES: usize = 5;

/// Most questions between login and prompt.
const GREETINGS: usize = 4;

/// Why a command gave no answer.
#[derive(Debug)]
pub(super) enum Fail {
    /// The terminal is of no more use.
    Stop(Stop),
    /// Something stands where nothing may.
    Stray,
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// A command line.
pub(super) struct Session<'a> {
    terminal: Terminal<'a>,
    patterns: &'a Patterns,
    /// The prompt.
    prompt: Vec<u8>,
    /// What an empty line is answered by, the prompt at its end.
    reply: Vec<u8>,
    /// Words for comments.
    nonce: u64,
}

impl<'a> Session<'a> {
    /// Waits for the device's first words and learns its prompt. `nonce` is random.
    pub(super) async fn learn(
        mut terminal: Terminal<'a>,
        patterns: &'a Patterns,
        nonce: u64,
    ) -> Result<Self, Stop> {
        for _ in 0..GREETINGS {
            let known = |text: &[u8]| {
                let line = last_line(text)?;
                (patterns.is_prompt(line) || patterns.greeting(tail(text)).is_some()).then_some(QUIET)
            };
            match terminal.until(known).await {
                Ok(()) => {}
                // some devices say nothing until they are spoken to
                Err(Stop::Hung) => break,
                Err(stop) => return Err(stop),
            }
            let Some(keys) = patterns.greeting(tail(terminal.text())) else { break };
            terminal.clear();
            terminal.keys(keys.as_bytes()).await?;
        }
        let mut session = Self { terminal, patterns, prompt: Vec::new(), reply: Vec::new(), nonce };
        session.learn_prompt(1).await?;
        Ok(session)
    }

    /// Learns the prompt: what two empty lines in a row are answered by.
    async fn learn_prompt(&mut self, patience: u32) -> Result<(), Stop> {
        let mut earlier = Vec::new();
        for _ in 0..TRIES {
            self.terminal.clear();
            self.terminal.line("").await?;
            let patterns = self.patterns;
            let looks = |text: &[u8]| {
                let begun = text.contains(&b'\n');
                (begun && patterns.is_prompt(last_line(text)?)).then_some(QUIET * patience)
            };
            self.terminal.until(looks).await?;
            if self.terminal.text() == earlier {
                self.prompt = last_line(&earlier).unwrap_or_default().to_vec();
                self.reply = earlier;
                return Ok(());
            }
            earlier = self.terminal.text().to_vec();
        }
        Err(Stop::Hung)
    }

    /// Whether the login, as it is, may read the configuration.
    pub(super) fn is_privileged(&self) -> bool {
        self.patterns.is_privileged(&self.prompt)
    }

    /// Asks for more rights. False if they were refused: nothing is tried again.
    pub(super) async fn escalate(&mut self, command: &str, password: &str) -> Result<bool, Stop> {
        let patterns = self.patterns;
        self.terminal.clear();
        self.terminal.line(command).await?;
        let asked = |text: &[u8]| {
            let line = last_line(text)?;
            let prompt = text.contains(&b'\n') && patterns.is_prompt(line);
            (prompt || patterns.asks_password(line)).then_some(QUIET)
        };
        self.terminal.until(asked).await?;
        if last_line(self.terminal.text()).is_some_and(|line| patterns.asks_password(line)) {
            self.terminal.clear();
            self.terminal.line(password).await?;
            self.terminal.until(asked).await?;
            if last_line(self.terminal.text()).is_some_and(|line| patterns.asks_password(line)) {
                return Ok(false);
            }
        }
        self.learn_prompt(1).await?;
        Ok(self.is_privileged())
    }

    /// What a command prints, line ends as `\n`. `patience` stretches every wait for silence.
    pub(super) async fn ask(&mut self, command: &str, patience: u32) -> Result<Vec<u8>, Fail> {
        let mut pages: Vec<Range<usize>> = Vec::new();
        self.terminal.clear();
        self.terminal.line(command).await?;
        loop {
            let begin = pages.last().map_or(command.len(), |page| page.end);
            let (prompt, patterns) = (&self.prompt, self.patterns);
            let look = |text: &[u8]| {
                if ends_in_prompt(text, prompt) {
                    return Some(QUIET * patience);
                }
                let (length, _) = patterns.pager(tail(text))?;
                (text.len() - length >= begin).then_some(PAGE * patience)
            };
            match self.terminal.until(look).await {
                Ok(()) => {}
                Err(Stop::Hung) if !pages.is_empty() => return Err(Fail::Stray),
                Err(stop) => return Err(stop.into()),
            }
            let text = self.terminal.text();
            if ends_in_prompt(text, prompt) {
                break;
            }
            let Some((length, keys)) = patterns.pager(tail(text)) else { return Err(Fail::Stray) };
            pages.push(text.len() - length..text.len());
            self.terminal.keys(keys.as_bytes()).await?;
        }
        let end = self.confirm(patience).await?;
        let text = self.terminal.text().get(..end).unwrap_or_default();
        without_pages(text, &pages).and_then(|text| without_echo(&text, command)).ok_or(Fail::Stray)
    }

    /// Where the answer ends, once it is shown that it does.
    async fn confirm(&mut self, patience: u32) -> Result<usize, Fail> {
        let mark = self.terminal.text().len();
        let line = match self.patterns.dialogue.comment {
            Some(comment) => {
                self.nonce = self.nonce.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{comment}sekisho-{:08x}", self.nonce >> 32)
            }
            None => String::new(),
        };
        self.terminal.line(&line).await?;
        let prompt = &self.prompt;
        // what was looked through is not looked through again
        let (mut looked, mut echoed) = (mark, None);
        let answered = |text: &[u8]| {
            let found = || find(text.get(looked..)?, line.as_bytes()).map(|at| looked + at + line.len());
            echoed = echoed.or_else(found);
            looked = text.len().saturating_sub(line.len()).max(mark);
            let rest = text.get(echoed?..)?;
            (rest.contains(&b'\n') && ends_in_prompt(rest, prompt)).then_some(QUIET * patience)
        };
        match self.terminal.until(answered).await {
            Ok(()) => {}
            Err(Stop::Hung) => return Err(Fail::Stray),
            Err(stop) => return Err(stop.into()),
        }
        let text = self.terminal.text();
        let new = text.get(mark..).unwrap_or_default();
        let at = if line.is_empty() { Some(0) } else { find(new, line.as_bytes()) };
        let echo = mark + at.ok_or(Fail::Stray)?;
        let (before, behind) = text.split_at_checked(echo).ok_or(Fail::Stray)?;
        let exact = ends_in_prompt(before, prompt) && behind.get(line.len()..) == Some(self.reply.as_slice());
        if exact { Ok(before.len() - prompt.len()) } else { Err(Fail::Stray) }
    }

    /// Finds back to the prompt after an answer that was not understood.
    pub(super) async fn recover(&mut self) -> Result<(), Stop> {
        let prompt = self.prompt.clone();
        self.terminal.until(|text| ends_in_prompt(text, &prompt).then_some(QUIET * 4)).await?;
        self.learn_prompt(4).await?;
        if self.prompt == prompt { Ok(()) } else { Err(Stop::Hung) }
    }

    /// Hangs up.
    pub(super) async fn close(self) -> u64 {
        self.terminal.close().await
    }
}

fn ends_in_prompt(text: &[u8], prompt: &[u8]) -> bool {
    last_line(text).is_some_and(|line| line == prompt)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    if word.is_empty() {
        return Some(0);
    }
    text.windows(word.len()).position(|window| window == word)
}

/// The text without pagers and what wiped them out. `None` if one was not wiped out: then it was none.
fn without_pages(text: &[u8], pages: &[Range<usize>]) -> Option<Vec<u8>> {
    let (mut out, mut from) = (Vec::with_capacity(text.len()), 0);
    for page in pages {
        let before = text.get(from..page.start)?;
        out.extend_from_slice(before);
        let alone = out.last().is_none_or(|b| matches!(b, b'\n' | b'\r'));
        from = page.end + wiped(text.get(page.end..)?, page.len(), alone)?;
    }
    out.extend_from_slice(text.get(from..)?);
    Some(out)
}

/// Length of what wipes out a pager: backspaces over it, or a return to the beginning of a line on which it stood alone.
fn wiped(text: &[u8], length: usize, alone: bool) -> Option<usize> {
    let run = |from: usize, byte: u8| {
        text.get(from..).unwrap_or_default().iter().take_while(|b| **b == byte).count()
    };
    let back = run(0, 8);
    if back > 0 {
        let blanks = run(back, b' ');
        let again = run(back + blanks, 8);
        let whole = alone || back == length;
        return match (whole, blanks) {
            (false, _) => None,
            (true, 0) => Some(back),
            // blanks without a way back are the next line's own
            (true, _) if again < blanks => Some(back),
            (true, _) => Some(back + 2 * blanks),
        };
    }
    if !alone || run(0, b'\r') == 0 || text.get(run(0, b'\r')) == Some(&b'\n') {
        return None;
    }
    let returned = run(0, b'\r');
    let blanks = run(returned, b' ');
    let again = run(returned + blanks, b'\r');
    Some(if blanks > 0 && again > 0 { returned + blanks + 1 } else { returned })
}

/// The answer without the command's echo, line ends as `\n`. `None` if the echo is not exactly the command.
fn without_echo(text: &[u8], command: &str) -> Option<Vec<u8>> {
    let rest = text.strip_prefix(command.as_bytes())?;
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\r')).count();
    let rest = rest.get(blanks..)?.strip_prefix(b"\n")?;
    let mut out = Vec::with_capacity(rest.len());
    for line in rest.split_inclusive(|b| *b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                let kept = line.iter().rposition(|b| *b != b'\r').map_or(0, |at| at + 1);
                let skipped = line.iter().take(kept).take_while(|b| **b == b'\r').count();
                out.extend_from_slice(line.get(skipped..kept).unwrap_or_default());
                out.push(b'\n');
            }
            // what stands before the prompt on its line
            None => out.extend(line.iter().filter(|b| **b != b'\r')),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pager_goes_with_what_wiped_it_out() {
        let without = |text: &str, pager: &str| {
            let at = text.find(pager).unwrap();
            let page = at..at + pager.len();
            without_pages(text.as_bytes(), &[page]).map(|t| String::from_utf8(t).unwrap())
        };
        let kept = Some("a\r\n b\r\n".to_owned());
        assert_eq!(without("a\r\n--More--\r        \r b\r\n", "--More--"), kept);
        assert_eq!(
            without(
                "a\r\n--More--\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08 b\r\n",
                "--More--"
            ),
            kept
        );
        assert_eq!(without("a\r\n--More--\r b\r\n", "--More--"), kept);
        // in the middle of a line only what stands exactly over it
        let over = "\x08".repeat(8);
        let text = format!("a\r\n --More--{over}        {over}b\r\n");
        assert_eq!(without(&text, "--More--"), kept);
        assert_eq!(without("a\r\n x--More--\r        \rb\r\n", "--More--"), None);
        assert_eq!(without("a\r\n x--More--y\r\n", "--More--"), None);
        assert_eq!(without("a\r\n--More--\r\nb\r\n", "--More--"), None);
    }

    #[test]
    fn only_an_exact_echo_is_one() {
        assert_eq!(without_echo(b"show run\r\na\r\r\nb\r\n", "show run").unwrap(), b"a\nb\n");
        assert_eq!(without_echo(b"show run\r\n", "show run").unwrap(), b"");
        assert_eq!(without_echo(b"show ru\r\na\r\n", "show run"), None);
        assert_eq!(without_echo(b"show run2\r\na\r\n", "show run"), None);
        assert_eq!(without_echo(b"a\r\n", "show run"), None);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic_and_add_nothing(
            text in "[a\r\n\x08 #-]{0,80}",
            at in 0_usize..80,
            length in 0_usize..20,
        ) {
            let page = at..at + length;
            if let Some(kept) = without_pages(text.as_bytes(), &[page]) {
                prop_assert!(kept.len() + length <= text.len());
            }
            if let Some(kept) = without_echo(text.as_bytes(), "a") {
                prop_assert!(kept.len() < text.len());
            }
            prop_assert!(wiped(text.as_bytes(), length, true).is_none_or(|n| n <= text.len()));
        }
    }
}
