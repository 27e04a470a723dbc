//! Which part of a domain its owner has registered, by the public suffix list (publicsuffix.org).
//!
//! Whoever may relay to every domain below a public suffix relays anywhere; below a registered domain, only to its
//! owner.

/// The registrable domain that `domain` belongs to; `None` for a public suffix or a single label, below which
/// anybody can register.
pub fn registrable(domain: &str) -> Option<&str> {
    let domain = domain.trim_start_matches('.').trim_end_matches('.');
    if domain.starts_with('[') || !domain.contains('.') {
        return None;
    }
    psl::domain_str(domain)
}

/// Names that are never delegated in the public DNS (RFC 6761, RFC 6762, RFC 9476 and ICANN's reserved strings): mail
/// for what lies below goes nowhere outside.
const NEVER_PUBLIC: [&str; 10] =
    ["localhost", "localdomain", "local", "invalid", "internal", "intranet", "lan", "home", "corp", "alt"];

/// Whether anybody can get a domain below this one.
pub fn is_open(domain: &str) -> bool {
    !domain.starts_with('[') && registrable(domain).is_none() && is_public(domain)
}

/// Whether the public suffix list names this suffix.
pub(super) fn is_public_suffix(name: &str) -> bool {
    let below = format!("x.{name}");
    psl::suffix(below.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix == name.as_bytes())
}

/// Whether anybody could register what `domain` belongs to, with `label` in its name.
pub(super) fn is_free(domain: &str, label: &str) -> bool {
    let own = registrable(domain).filter(|own| is_public(own));
    own.and_then(|own| own.split('.').next()).is_some_and(|first| first.contains(label))
}

/// Whether the domain can exist in the public DNS.
pub(super) fn is_public(domain: &str) -> bool {
    let last = domain.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    !NEVER_PUBLIC.iter().any(|name| last.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrable_parts() {
        assert_eq!(registrable("x.sub.branch.example"), Some("branch.example"));
        assert_eq!(registrable("www.city.chiyoda.tokyo.jp"), Some("city.chiyoda.tokyo.jp"));
        assert_eq!(registrable("a.co.jp"), Some("a.co.jp"));
        for open in ["example", "jp", "co.jp", ".jp", "github.io"] {
            assert!(is_open(open), "{open}");
        }
        assert!(!is_open("[192.0.2.1]") && !is_open("localhost"));
        assert!(is_public("far.example") && !is_public("far.localhost"));
        assert!(is_free("x.far.example", "far") && is_free("farpartner.example", "far"));
        assert!(!is_free("far.partner.example", "far") && !is_free("far.localhost", "far"));
    }
}
