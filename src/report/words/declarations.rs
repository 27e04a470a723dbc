//! What is wrong with a declaration file, in words: one sentence on what is wrong, one on what to write instead.

mod en;
mod ja;

use crate::report::Lang;
use crate::site::problem::Problem;

/// A problem in words. Text of the file stands inside unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub mend: String,
}

/// A problem in words of one language.
pub fn say(problem: &Problem, lang: Lang) -> Said {
    match lang {
        Lang::En => Said { what: en::what(problem), mend: en::mend(problem) },
        Lang::Ja => Said { what: ja::what(problem), mend: ja::mend(problem) },
    }
}

/// At most this many names are listed.
const MOST_NAMES: usize = 12;

/// The first names of a list.
fn names(list: &[String], quoted: impl Fn(&str) -> String, separator: &str) -> String {
    let shown: Vec<String> = list.iter().take(MOST_NAMES).map(|name| quoted(name)).collect();
    let more = if list.len() > MOST_NAMES { " ..." } else { "" };
    format!("{}{more}", shown.join(separator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::problem::{FlowFault, ValueFault};

    /// Problems of every kind with a fault, so that both languages speak of all of them.
    fn problems() -> Vec<Problem> {
        use ValueFault as V;
        let values = [
            V::NameCharacters,
            V::NameReserved,
            V::Prefix,
            V::PrefixLength,
            V::HostBits,
            V::Host,
            V::Port,
            V::Brackets,
            V::UserInAddress,
            V::User,
            V::Domain,
            V::Duration,
            V::DurationRange,
            V::NoOffset,
            V::HalfTime,
            V::NoSuchTime,
            V::Fingerprint,
            V::Artifact,
            V::Variable,
            V::Path,
            V::NoHome,
            V::Interface,
            V::Listener,
            V::Endpoint,
        ];
        use FlowFault as F;
        let flows = [
            F::Shape,
            F::Protocol,
            F::Endpoint,
            F::Prefix,
            F::SourcePorts,
            F::Ports,
            F::PortOrder,
            F::PortsWithoutProtocol,
            F::Family,
        ];
        let value = "x".to_owned();
        let values = values.map(|fault| Problem::BadValue { value: value.clone(), fault, near: None });
        let flows = flows.map(|fault| Problem::BadFlow { value: value.clone(), fault, near: None });
        values.into_iter().chain(flows).collect()
    }

    #[test]
    fn every_fault_has_words_of_its_own() {
        for lang in [Lang::En, Lang::Ja] {
            let said: Vec<Said> = problems().iter().map(|problem| say(problem, lang)).collect();
            for (i, one) in said.iter().enumerate() {
                assert!(!one.what.is_empty() && !one.mend.is_empty());
                assert!(!said.iter().take(i).any(|other| other.what == one.what), "{one:?}");
                let japanese = one.mend.chars().any(|c| ('\u{3041}'..='\u{30ff}').contains(&c));
                assert_eq!(japanese, lang == Lang::Ja, "{one:?}");
            }
        }
    }
}
