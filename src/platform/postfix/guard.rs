//! The start-up guard of smtpd(8): it will not serve unless something in the relay or recipient list refuses.

use std::collections::BTreeSet;

use super::config::{Scope, Word};
use crate::relay::{Refusal, RefusalKind};

/// Deepest nesting of classes that is followed.
const MAX_DEPTH: usize = 30;

/// Restrictions of which smtpd wants at least one.
const WANTED: &[&str] = &[
    "reject_unauth_destination",
    "defer_unauth_destination",
    "reject",
    "defer",
    "defer_if_permit",
    "check_relay_domains",
];

/// Why the service would stop at start-up.
pub(super) fn refusal(scope: &Scope<'_, '_>) -> Option<Refusal> {
    let lists = ["smtpd_recipient_restrictions", "smtpd_relay_restrictions"];
    if lists.iter().any(|list| guarded(scope, &scope.words(list), 0, &mut BTreeSet::new())) {
        return None;
    }
    let shown = lists.iter().rev().find(|list| scope.is_set(list)).unwrap_or(&"smtpd_relay_restrictions");
    Some(Refusal { kind: RefusalKind::NoRelayGuard, at: scope.at(shown) })
}

/// Whether a wanted restriction works in this list: not behind `warn_if_reject`, not after a bare `permit`. Classes
/// are searched too, but a `permit` inside one does not stop the search outside.
fn guarded(scope: &Scope<'_, '_>, words: &[Word], depth: usize, seen: &mut BTreeSet<String>) -> bool {
    let permit_stops = scope.config.version.is_none_or(|version| version >= (2, 8));
    let classes: Vec<Word> = scope.words("smtpd_restriction_classes");
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let name = word.text.to_ascii_lowercase();
        if name == "warn_if_reject" && words.peek().is_some() {
            words.next();
        } else if name == "permit" && permit_stops {
            return false;
        } else {
            let mut inside = || {
                depth < MAX_DEPTH
                    && classes.iter().any(|class| class.text == word.text)
                    && seen.insert(word.text.clone())
                    && guarded(scope, &scope.words(&word.text), depth + 1, seen)
            };
            if WANTED.contains(&name.as_str()) || inside() {
                return true;
            }
        }
    }
    false
}
