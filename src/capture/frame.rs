//! Reads the answers of a [`Script`](super::script::Script) out of its output, byte-exact.
//!
//! ```text
//! noise of start-up files
//! \nMARK B 0 -\n     bytes of answer 0     \nMARK E 0 STATUS\n
//! \nMARK B 1 SIZE\n  bytes of answer 1     \nMARK E 1 STATUS\n
//! \nMARK D\n
//! ```
//! Noise is expected before the first mark and after the last, nowhere else: output that imitates a frame leaves
//! bytes where none may stand. So an answer counts only once the mark that must follow it has followed.

use std::mem;
use std::ops::Range;

use super::script::Mark;

/// Most bytes of noise before the first mark.
const MAX_NOISE: usize = 1 << 20;

/// Longest rest of a mark's line after the mark itself.
const MAX_LINE: usize = 64;

/// First bytes of an answer's standard error that are kept, for messages.
const MAX_STDERR: usize = 1 << 10;

/// One framed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Number of the question.
    pub(crate) number: usize,
    /// Standard output.
    pub(crate) bytes: Vec<u8>,
    /// Size that the device announced for a file.
    pub(crate) size: Option<u64>,
    /// Exit status.
    pub(crate) status: u32,
}

/// Why the output is no sequence of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// More noise than any start-up file makes.
    Noise,
    /// Bytes where none may stand, or a frame out of order: output that imitates frames, or a second writer.
    Stray,
    /// An answer beyond the limit.
    TooLarge,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Noise before the first mark.
    Before,
    /// A mark must come next.
    Between,
    /// Inside the answer to the next question.
    Inside { size: Option<u64> },
    /// The last mark was there.
    Over,
}

/// Cuts a stream of output into answers.
#[derive(Debug)]
pub(crate) struct FrameReader {
    /// Newline, mark, blank.
    mark: Vec<u8>,
    /// Questions that are still to be answered.
    open: Range<usize>,
    state: State,
    buffer: Vec<u8>,
    /// Bytes of the buffer in which no mark begins.
    scanned: usize,
    noise: usize,
    limit: usize,
    held: Option<Answer>,
    answers: Vec<Answer>,
}

enum Step {
    Again,
    NeedMore,
}

impl FrameReader {
    /// A reader for these questions; no answer may be larger than `limit` bytes.
    pub(crate) fn new(mark: &Mark, questions: Range<usize>, limit: usize) -> Self {
        Self {
            mark: format!("\n{} ", mark.text()).into_bytes(),
            open: questions,
            state: State::Before,
            buffer: Vec::new(),
            scanned: 0,
            noise: 0,
            limit,
            held: None,
            answers: Vec::new(),
        }
    }

    /// Takes in more output.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<(), FrameError> {
        self.buffer.extend_from_slice(data);
        while let Step::Again = self.step()? {}
        Ok(())
    }

    /// The answers that are certain so far.
    pub(crate) fn take_answers(&mut self) -> Vec<Answer> {
        mem::take(&mut self.answers)
    }

    /// Whether the last mark was there.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether any mark was there: the shell has started the script.
    pub(crate) fn has_begun(&self) -> bool {
        self.state != State::Before
    }

    /// Whether an answer was whole, but the frame that proves it has not come.
    pub(crate) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    fn step(&mut self) -> Result<Step, FrameError> {
        match self.state {
            State::Before => self.skip_noise(),
            State::Between => self.mark_between(),
            State::Inside { size } => self.answer(size),
            State::Over => self.nothing_more(),
        }
    }

    fn skip_noise(&mut self) -> Result<Step, FrameError> {
        let found = self.find_mark();
        let end = found.unwrap_or(self.scanned);
        self.noise += end;
        self.buffer.drain(..end);
        self.scanned = 0;
        if self.noise > MAX_NOISE {
            return Err(FrameError::Noise);
        }
        if found.is_none() {
            return Ok(Step::NeedMore);
        }
        self.state = State::Between;
        Ok(Step::Again)
    }

    fn mark_between(&mut self) -> Result<Step, FrameError> {
        let common = self.buffer.len().min(self.mark.len());
        if self.buffer.get(..common) != self.mark.get(..common) {
            return Err(FrameError::Stray);
        }
        let Some((line, end)) = self.line_after(0)? else { return Ok(Step::NeedMore) };
        let words: Vec<&str> = line.split(' ').collect();
        let state = match words.as_slice() {
            ["B", number, size] if self.is_next(number) => {
                let size =
                    if *size == "-" { None } else { Some(size.parse().map_err(|_| FrameError::Stray)?) };
                State::Inside { size }
            }
            ["D"] if self.open.is_empty() => State::Over,
            _ => return Err(FrameError::Stray),
        };
        self.answers.extend(self.held.take());
        self.buffer.drain(..end);
        self.scanned = 0;
        self.state = state;
        Ok(Step::Again)
    }

    fn answer(&mut self, size: Option<u64>) -> Result<Step, FrameError> {
        let found = self.find_mark();
        if found.unwrap_or(self.scanned) > self.limit {
            return Err(FrameError::TooLarge);
        }
        let Some(at) = found else { return Ok(Step::NeedMore) };
        let Some((line, end)) = self.line_after(at)? else { return Ok(Step::NeedMore) };
        let words: Vec<&str> = line.split(' ').collect();
        let status = match words.as_slice() {
            ["E", number, status] if self.is_next(number) => status.parse().map_err(|_| FrameError::Stray)?,
            _ => return Err(FrameError::Stray),
        };
        let rest = self.buffer.split_off(end);
        self.buffer.truncate(at);
        self.buffer.shrink_to_fit();
        let bytes = mem::replace(&mut self.buffer, rest);
        self.scanned = 0;
        self.held = Some(Answer { number: self.open.start, bytes, size, status });
        self.open.start += 1;
        self.state = State::Between;
        Ok(Step::Again)
    }

    /// After the last mark anything may come but another mark: that would mean that the last one was not
    /// ours.
    fn nothing_more(&mut self) -> Result<Step, FrameError> {
        if self.find_mark().is_some() {
            return Err(FrameError::Stray);
        }
        self.buffer.drain(..self.scanned);
        self.scanned = 0;
        Ok(Step::NeedMore)
    }

    fn is_next(&self, number: &str) -> bool {
        !self.open.is_empty() && number.parse() == Ok(self.open.start)
    }

    /// Where the first mark begins; else remembers how far the buffer needs no second look.
    fn find_mark(&mut self) -> Option<usize> {
        let found = find(&self.buffer, &self.mark, self.scanned);
        self.scanned = found.unwrap_or_else(|| (self.buffer.len() + 1).saturating_sub(self.mark.len()));
        found
    }

    /// The rest of the line after the mark at `at`, and where the line after it begins; `None` while it is
    /// not whole.
    fn line_after(&self, at: usize) -> Result<Option<(&str, usize)>, FrameError> {
        let start = at + self.mark.len();
        let Some(rest) = self.buffer.get(start..) else { return Ok(None) };
        let Some(length) = rest.iter().take(MAX_LINE).position(|b| *b == b'\n') else {
            return if rest.len() < MAX_LINE { Ok(None) } else { Err(FrameError::Stray) };
        };
        let line = rest.get(..length).and_then(|l| std::str::from_utf8(l).ok()).ok_or(FrameError::Stray)?;
        Ok(Some((line, start + length + 1)))
    }
}

/// The frames as a shell writes them, for [`crate::simulate`].
pub(crate) mod write {
    use super::Mark;

    /// Before an answer; files announce their size.
    pub(crate) fn begin(mark: &Mark, number: usize, size: Option<u64>) -> String {
        let size = size.map_or_else(|| "-".to_owned(), |s| s.to_string());
        format!("\n{} B {number} {size}\n", mark.text())
    }

    /// After an answer.
    pub(crate) fn end(mark: &Mark, number: usize, status: u32) -> String {
        format!("\n{} E {number} {status}\n", mark.text())
    }

    /// On standard error, before what a question writes there.
    pub(crate) fn stderr(mark: &Mark, number: usize) -> String {
        format!("\n{} S {number}\n", mark.text())
    }

    /// After the last answer.
    pub(crate) fn over(mark: &Mark) -> String {
        format!("\n{} D\n", mark.text())
    }
}

/// Where `needle` begins in `hay` at or after `from`.
fn find(hay: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = needle.first()?;
    let mut at = from;
    loop {
        at += hay.get(at..)?.iter().position(|b| b == first)?;
        if hay.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// Collects the beginning of each question's standard error.
#[derive(Debug)]
pub(crate) struct StderrReader {
    mark: Vec<u8>,
    buffer: Vec<u8>,
    current: Option<usize>,
    kept: Vec<(usize, Vec<u8>)>,
}

impl StderrReader {
    /// A reader for the frames of `mark`.
    pub(crate) fn new(mark: &Mark) -> Self {
        let mark = format!("\n{} S ", mark.text()).into_bytes();
        Self { mark, buffer: Vec::new(), current: None, kept: Vec::new() }
    }

    /// Takes in more of the standard error.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
        while let Some(at) = find(&self.buffer, &self.mark, 0) {
            let start = at + self.mark.len();
            let rest = self.buffer.get(start..).unwrap_or_default();
            let Some(length) = rest.iter().position(|b| *b == b'\n') else { break };
            let number = rest.get(..length).and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
            self.keep(at);
            self.buffer.drain(..self.mark.len() + length + 1);
            self.current = number;
        }
        let pending = self.mark.len() + MAX_LINE;
        self.keep(self.buffer.len().saturating_sub(pending));
    }

    /// What each question wrote there, at most [`MAX_STDERR`] bytes, as text.
    pub(crate) fn finish(mut self) -> Vec<(usize, String)> {
        self.keep(self.buffer.len());
        self.kept.into_iter().map(|(n, text)| (n, String::from_utf8_lossy(&text).trim().to_owned())).collect()
    }

    /// Moves the first bytes of the buffer to the current question.
    fn keep(&mut self, count: usize) {
        let moved = self.buffer.drain(..count);
        let Some(number) = self.current else { return };
        if self.kept.last().is_none_or(|(n, _)| *n != number) {
            self.kept.push((number, Vec::new()));
        }
        if let Some((_, text)) = self.kept.last_mut() {
            let room = MAX_STDERR.saturating_sub(text.len());
            text.extend(moved.take(room));
        }
    }
}

#[cfg(test)]
mod tests;
