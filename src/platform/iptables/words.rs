//! Lines of `iptables-save` as words and options.
//!
//! iptables-save quotes a word in double quotes, with `\` before `"` and `\` inside.

/// One option with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opt {
    /// `!` stood before it, or before its values (the old "intrapositioned" form).
    pub negated: bool,
    /// The option as written, with its dashes.
    pub name: String,
    /// What follows it.
    pub values: Vec<String>,
}

impl Opt {
    /// The first value.
    pub(super) fn value(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }

    /// The same values under another name.
    pub(super) fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// As the device would write it, for atoms.
    pub(super) fn text(&self) -> String {
        let bang = if self.negated { "! " } else { "" };
        std::iter::once(format!("{bang}{}", self.name))
            .chain(self.values.iter().cloned())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A word, and whether it was quoted (a quoted word is never an option).
struct Word {
    text: String,
    quoted: bool,
}

fn words(line: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&next) = chars.peek() {
        if next.is_whitespace() {
            chars.next();
            continue;
        }
        let mut word = Word { text: String::new(), quoted: false };
        let mut inside: Option<char> = None;
        while let Some(&c) = chars.peek() {
            if inside.is_none() && c.is_whitespace() {
                break;
            }
            chars.next();
            match c {
                '\\' if inside != Some('\'') => word.text.extend(chars.next()),
                '"' | '\'' if inside == Some(c) => inside = None,
                '"' | '\'' if inside.is_none() => {
                    inside = Some(c);
                    word.quoted = true;
                }
                c => word.text.push(c),
            }
        }
        out.push(word);
    }
    out
}

/// The options of a rule line.
pub(super) fn options(line: &str) -> Vec<Opt> {
    let mut out: Vec<Opt> = Vec::new();
    let mut negated = false;
    let all = words(line);
    for (i, word) in all.iter().enumerate() {
        if !word.quoted && word.text == "!" {
            let before_value = all.get(i + 1).is_some_and(|next| next.quoted || !next.text.starts_with('-'));
            match out.last_mut().filter(|_| before_value) {
                Some(option) => option.negated = !option.negated,
                None => negated = true,
            }
        } else if !word.quoted && word.text.len() > 1 && word.text.starts_with('-') {
            out.push(Opt {
                negated: std::mem::take(&mut negated),
                name: word.text.clone(),
                values: Vec::new(),
            });
        } else if let Some(option) = out.last_mut() {
            option.values.push(word.text.clone());
        } else {
            out.push(Opt { negated: false, name: word.text.clone(), values: Vec::new() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        options(line).iter().map(Opt::text).collect()
    }

    #[test]
    fn negation_before_the_option_and_before_its_value() {
        assert_eq!(texts("-A IN ! -s 10.0.0.0/8 -j DROP"), ["-A IN", "! -s 10.0.0.0/8", "-j DROP"]);
        assert_eq!(
            texts("-s ! 10.0.0.0/8 -p tcp --dport ! 22"),
            ["! -s 10.0.0.0/8", "-p tcp", "! --dport 22"]
        );
        assert_eq!(texts("--tcp-flags ! SYN,ACK SYN"), ["! --tcp-flags SYN,ACK SYN"]);
    }

    #[test]
    fn quoted_words_are_values() {
        assert_eq!(texts(r#"--comment "a \"-j DROP\" b" -j X"#), [r#"--comment a "-j DROP" b"#, "-j X"]);
        assert_eq!(texts(r#"--log-prefix "-x ! ""#), ["--log-prefix -x ! "]);
        assert_eq!(texts("\\"), [""]);
    }
}
