use super::*;
use proptest::prelude::*;

fn set(texts: &[&str]) -> AddressSet {
    texts.iter().map(|t| t.parse::<Prefix>().unwrap()).collect()
}

#[test]
fn halves_make_the_whole() {
    assert_eq!(set(&["0.0.0.0/1", "128.0.0.0/1"]), set(&["0.0.0.0/0"]));
    assert_eq!(set(&["::/1", "8000::/1"]).to_string(), "::/0");
    assert_eq!(AddressSet::all().complement(), AddressSet::none());
    assert_eq!(AddressSet::none().complement(), AddressSet::all());
}

#[test]
fn strict_prefixes() {
    assert_eq!("192.0.2.25/0".parse::<Prefix>(), Err(PrefixError::HostBits));
    assert_eq!("192.0.2.0/33".parse::<Prefix>(), Err(PrefixError::Length));
    assert_eq!("192.0.2.0/+3".parse::<Prefix>(), Err(PrefixError::Length));
    assert_eq!("192.0.2".parse::<Prefix>(), Err(PrefixError::Address));
}

fn small_set() -> impl Strategy<Value = AddressSet> {
    prop::collection::vec((0u128..64, 0u128..16, any::<bool>()), 0..6).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(first, len, v4)| {
                let family = if v4 { Family::Ipv4 } else { Family::Ipv6 };
                // the top of the space, so that every operation meets its end
                let base = family.highest() - 63;
                AddressRange { family, first: base + first, last: base + (first + len).min(63) }
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn algebra_agrees_with_membership(a in small_set(), b in small_set()) {
        for family in Family::BOTH {
            for n in 0..64u128 {
                let at = family.address(family.highest() - n);
                let (x, y) = (a.contains(at), b.contains(at));
                prop_assert_eq!(a.union(&b).contains(at), x || y);
                prop_assert_eq!(a.intersection(&b).contains(at), x && y);
                prop_assert_eq!(a.difference(&b).contains(at), x && !y);
                prop_assert_eq!(a.complement().contains(at), !x);
            }
        }
        prop_assert_eq!(a.prefixes().into_iter().collect::<AddressSet>(), a.clone());
        prop_assert_eq!(a.complement().complement(), a);
    }
}
