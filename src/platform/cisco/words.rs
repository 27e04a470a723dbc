//! The words of a line, one after the other.

/// A place in a line.
#[derive(Debug, Clone)]
pub(in crate::platform) struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    /// The words of a text.
    pub(in crate::platform) fn of(text: &'a str) -> Self {
        Self { words: text.split_whitespace().collect(), at: 0 }
    }

    /// The next word, without taking it.
    pub(in crate::platform) fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    /// Takes the next word.
    pub(in crate::platform) fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Takes the next word if it is this one.
    pub(in crate::platform) fn eat(&mut self, word: &str) -> bool {
        let here = self.peek() == Some(word);
        self.at += usize::from(here);
        here
    }

    /// Takes the next words if they are these.
    pub(in crate::platform) fn eat_all(&mut self, words: &[&str]) -> bool {
        let here = self.rest().starts_with(words);
        if here {
            self.at += words.len();
        }
        here
    }

    /// Takes the next word if it reads as a value.
    pub(in crate::platform) fn parse<T: std::str::FromStr>(&mut self) -> Option<T> {
        let value = self.peek()?.parse().ok()?;
        self.at += 1;
        Some(value)
    }

    /// What is left.
    pub(in crate::platform) fn rest(&self) -> &[&'a str] {
        self.words.get(self.at..).unwrap_or_default()
    }

    /// Whether nothing is left.
    pub(in crate::platform) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }
}
