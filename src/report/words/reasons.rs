//! Why something is not known, in words.

mod en;
mod ja;

use crate::reason::Reason;
use crate::report::Lang;

/// A reason in words. Text of devices inside is not escaped yet.
pub fn reason(reason: &Reason, lang: Lang) -> String {
    match lang {
        Lang::En => en::reason(reason),
        Lang::Ja => ja::reason(reason),
    }
}
