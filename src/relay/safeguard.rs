//! What makes abuse harder without deciding a single attempt: limits, encryption of logins, filters (RFC 2505 section
//! 2.7, RFC 8314, postconf(5)).

use std::sync::Arc;

use super::exposure::{ListenerRef, reference};
use super::policy::Listener;
use crate::finding::Location;

/// One safeguard of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safeguard {
    /// How the configuration names it.
    pub name: Arc<str>,
    /// How much it holds back.
    pub level: Level,
    /// Its value as written.
    pub value: String,
    /// Where it is set.
    pub at: Location,
}

/// How much a safeguard holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// At most so many; `None` is no limit.
    Limit(Option<u64>),
    /// The higher the stricter; 0 is nothing.
    Grade(u32),
}

impl Level {
    /// Whether this holds back clearly less than `earlier`: a limit that is gone or ten times as high, a lower grade.
    fn is_weaker_than(self, earlier: Self) -> bool {
        match (earlier, self) {
            (Self::Limit(Some(_)), Self::Limit(None)) => true,
            (Self::Limit(Some(old)), Self::Limit(Some(new))) => new >= old.saturating_mul(10),
            (Self::Grade(old), Self::Grade(new)) => new < old,
            _ => false,
        }
    }
}

/// A safeguard that holds back less than it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakened {
    /// Where.
    pub listener: ListenerRef,
    /// As it was.
    pub before: Safeguard,
    /// As it is.
    pub after: Safeguard,
}

/// The safeguards of a listener that hold back less than those of the same listener before.
pub(super) fn weakened(before: &Listener, after: &Listener) -> Vec<Weakened> {
    let pairs = after.safeguards.iter().filter_map(|now| {
        let then = before.safeguards.iter().find(|then| then.name == now.name)?;
        now.level.is_weaker_than(then.level).then(|| (then.clone(), now.clone()))
    });
    pairs.map(|(before, now)| Weakened { listener: reference(after), before, after: now }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clearly_less_is_weaker() {
        use Level::{Grade, Limit};
        assert!(Limit(None).is_weaker_than(Limit(Some(100))));
        assert!(Limit(Some(1000)).is_weaker_than(Limit(Some(100))));
        assert!(!Limit(Some(999)).is_weaker_than(Limit(Some(100))));
        assert!(!Limit(Some(1)).is_weaker_than(Limit(None)));
        assert!(Grade(1).is_weaker_than(Grade(2)) && !Grade(2).is_weaker_than(Grade(2)));
    }
}
