//! One answer of a server beside the one that its configuration gives.

use serde::Serialize;

use super::matrix::Form;
use super::record::Tried;
use super::reply::Step;
use crate::finding::Confidence;
use crate::relay::{Answer, Leaves, Verdict};

/// What a server did with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reality {
    /// The recipient was accepted.
    Accepted,
    /// Refused for good.
    Refused,
    /// Refused for now.
    PutOff,
    /// Refused because of a domain that the server does not know, which says nothing about relaying.
    DomainRefused,
    /// No answer, or the server hung up.
    Unanswered,
}

/// Whether the two agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accord {
    /// They do.
    Agrees,
    /// The server lets through what its configuration refuses.
    Looser,
    /// The server refuses what its configuration lets through.
    Stricter,
    /// One of them does not say.
    Open,
}

/// What an answer means.
pub(super) fn reality(tried: &Tried) -> Reality {
    let Some(reply) = &tried.reply else { return Reality::Unanswered };
    match reply.code {
        421 => Reality::Unanswered,
        200..300 if tried.step == Step::Rcpt => Reality::Accepted,
        400..600 if names_domain(reply.enhanced()) => Reality::DomainRefused,
        400..500 => Reality::PutOff,
        500..600 => Reality::Refused,
        _ => Reality::Unanswered,
    }
}

/// Whether an enhanced status code blames a domain: bad destination or sender system (RFC 3463 section 3.2), no mail
/// there (RFC 7505 section 4).
const fn names_domain(enhanced: Option<(u16, u16, u16)>) -> bool {
    matches!(enhanced, Some((_, 1, 2 | 8 | 10) | (_, 7, 27)))
}

/// Holds them against each other.
pub(super) fn accord(reality: Reality, expected: Option<&Answer>) -> Accord {
    let Some(expected) = expected.filter(|e| e.confidence == Confidence::Certain) else {
        return Accord::Open;
    };
    match (expected.verdict, reality) {
        (Verdict::Undecided, _) | (_, Reality::Unanswered | Reality::DomainRefused) => Accord::Open,
        (Verdict::Permit, Reality::Accepted) => Accord::Agrees,
        (Verdict::Permit, Reality::Refused) => Accord::Stricter,
        (Verdict::Permit, Reality::PutOff) => Accord::Open,
        (_, Reality::Accepted) => Accord::Looser,
        (Verdict::Reject | Verdict::Defer, Reality::Refused | Reality::PutOff) => Accord::Agrees,
        // a service that is not there according to its configuration, and answers
        (Verdict::Unavailable, Reality::Refused | Reality::PutOff) => Accord::Open,
    }
}

/// Whether an accepted attempt means relaying; `None` when it does not.
pub(super) fn relays(form: Form, reality: Reality, expected: Option<&Answer>) -> Option<Confidence> {
    if form == Form::Ordinary || reality != Reality::Accepted {
        return None;
    }
    match expected.and_then(|answer| answer.leaves) {
        Some((_, most)) if most < Leaves::Limited => None,
        Some((Leaves::Limited | Leaves::Anywhere, _)) => Some(Confidence::Certain),
        // a server may take the whole of `user%foreign` for a mailbox
        _ if form.is_routed() => Some(Confidence::Possible),
        _ if expected.is_some_and(|answer| answer.leaves.is_some()) => Some(Confidence::Possible),
        _ => Some(Confidence::Certain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Reply;

    fn tried(step: Step, reply: Option<(u16, &str)>) -> Tried {
        let reply = reply.map(|(code, text)| Reply { code, text: text.to_owned() });
        Tried { form: Form::Foreign, mail_from: "a@b.jp".into(), rcpt_to: "c@d.jp".into(), step, reply }
    }

    #[test]
    fn what_answers_mean() {
        for (step, reply, expected) in [
            (Step::Rcpt, Some((250, "2.1.5 Ok")), Reality::Accepted),
            (Step::Rcpt, Some((252, "will try")), Reality::Accepted),
            (Step::Mail, Some((250, "2.1.0 Ok")), Reality::Unanswered),
            (Step::Rcpt, Some((554, "5.7.1 <x@y>: Relay access denied")), Reality::Refused),
            (Step::Rcpt, Some((454, "4.7.1 <x@y>: Relay access denied")), Reality::PutOff),
            (
                Step::Mail,
                Some((450, "4.1.8 <a@b>: Sender address rejected: Domain not found")),
                Reality::DomainRefused,
            ),
            (Step::Rcpt, Some((556, "5.1.10 null MX")), Reality::DomainRefused),
            (Step::Rcpt, Some((550, "5.1.1 no such user")), Reality::Refused),
            (Step::Rcpt, Some((421, "4.7.0 too many errors")), Reality::Unanswered),
            (Step::Rcpt, None, Reality::Unanswered),
        ] {
            assert_eq!(reality(&tried(step, reply)), expected, "{reply:?}");
        }
    }

    fn answer(verdict: Verdict, confidence: Confidence, leaves: Option<(Leaves, Leaves)>) -> Answer {
        Answer { verdict, confidence, code: None, lines: Vec::new(), why: Vec::new(), leaves }
    }

    #[test]
    fn only_what_is_certain_can_be_wrong() {
        use Confidence::{Certain, Possible};
        let of = |verdict, confidence, reality| accord(reality, Some(&answer(verdict, confidence, None)));
        assert_eq!(of(Verdict::Reject, Certain, Reality::Accepted), Accord::Looser);
        assert_eq!(of(Verdict::Unavailable, Certain, Reality::Accepted), Accord::Looser);
        assert_eq!(of(Verdict::Permit, Certain, Reality::Refused), Accord::Stricter);
        assert_eq!(of(Verdict::Permit, Certain, Reality::PutOff), Accord::Open);
        assert_eq!(of(Verdict::Reject, Certain, Reality::PutOff), Accord::Agrees);
        assert_eq!(of(Verdict::Reject, Certain, Reality::DomainRefused), Accord::Open);
        assert_eq!(of(Verdict::Permit, Possible, Reality::Refused), Accord::Open);
        assert_eq!(of(Verdict::Undecided, Possible, Reality::Accepted), Accord::Open);
        assert_eq!(accord(Reality::Accepted, None), Accord::Open);
    }

    #[test]
    fn what_is_accepted_and_kept_is_no_relay() {
        use Confidence::{Certain, Possible};
        let permit = |least, most| answer(Verdict::Permit, Certain, Some((least, most)));
        let of = |form, answer: Option<&Answer>| relays(form, Reality::Accepted, answer);
        assert_eq!(of(Form::Foreign, Some(&permit(Leaves::KeptForeign, Leaves::KeptForeign))), None);
        assert_eq!(of(Form::Foreign, Some(&permit(Leaves::Anywhere, Leaves::Anywhere))), Some(Certain));
        assert_eq!(of(Form::Foreign, Some(&permit(Leaves::No, Leaves::Anywhere))), Some(Possible));
        assert_eq!(of(Form::Foreign, Some(&answer(Verdict::Reject, Certain, None))), Some(Certain));
        assert_eq!((of(Form::NullSender, None), of(Form::Percent, None)), (Some(Certain), Some(Possible)));
        assert_eq!(of(Form::Ordinary, None), None);
    }
}
