//! The language of what people read.

/// Language of findings, summaries, errors and prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Lang {
    /// The language of a locale, by the order of POSIX 8.2: `LC_ALL`, `LC_MESSAGES`, `LANG`; the first that is set
    /// and not empty decides. `variable` looks one up.
    pub fn from_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| variable(name).filter(|v| !v.is_empty()));
        match set {
            Some(locale) if locale == "ja" || locale.starts_with("ja_") || locale.starts_with("ja.") => {
                Self::Ja
            }
            _ => Self::En,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Lang {
        Lang::from_locale(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        assert_eq!(with(&[("LANG", "ja_JP.UTF-8")]), Lang::Ja);
        assert_eq!(with(&[("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")]), Lang::En);
        assert_eq!(with(&[("LC_ALL", ""), ("LC_MESSAGES", "ja"), ("LANG", "C")]), Lang::Ja);
        assert_eq!(with(&[("LANG", "jam")]), Lang::En);
        assert_eq!(with(&[]), Lang::En);
    }
}
