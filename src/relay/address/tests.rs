//! Address forms, held against what a live Postfix 3.7.11 made of them.

use proptest::prelude::*;

use super::*;

fn resolve(address: &str) -> Resolved {
    let forms = Forms {
        origin: Some("city.example".into()),
        host_name: "mail.city.example".into(),
        ..Forms::default()
    };
    let own = ["city.example", "mail.city.example", "[192.0.2.25]"];
    let address = from_argument(address).unwrap();
    let completed = forms.complete(&address);
    forms.resolve(&completed, &mut |d| own.contains(&d))
}

#[test]
fn every_disguise_of_a_foreign_recipient_is_seen() {
    for form in [
        "victim@outside.example",
        "victim%outside.example@city.example",
        "victim%outside.example@[192.0.2.25]",
        "victim%outside.example",
        "victim%outside.example@mail.city.example",
        "outside.example!victim",
        "outside.example!victim@city.example",
        "\"victim@outside.example\"",
        "\"victim@outside.example\"@city.example",
        "\"victim%outside.example\"",
        "\"victim@outside.example\"@[192.0.2.25]",
        "victim@outside.example@city.example",
        "victim@outside.example@[192.0.2.25]",
        "@city.example:victim@outside.example",
        "@a.example,@mail.city.example:victim@outside.example",
        "victim@outside.example.",
        "VICTIM@OUTSIDE.EXAMPLE",
        "victim%outside.example%city.example@mail.city.example",
    ] {
        let r = resolve(form);
        assert_eq!(
            (r.mailbox.as_str(), r.local, r.routed, r.invalid),
            ("victim@outside.example", false, false, false),
            "{form}"
        );
    }
}

#[test]
fn routing_left_behind_a_foreign_domain_is_reported() {
    for form in [
        "victim%outside.example@partner.example",
        "outside.example!victim@partner.example",
        "\"victim@outside.example\"@partner.example",
    ] {
        let r = resolve(form);
        assert!(r.routed && !r.local, "{form}: {r:?}");
        assert_eq!(r.domain(), "partner.example");
    }
}

#[test]
fn own_addresses_stay_own() {
    assert_eq!(resolve("soumu").mailbox, "soumu@city.example");
    assert!(resolve("Soumu@City.Example").local);
    assert_eq!(resolve("soumu+tag@city.example").mailbox, "soumu+tag@city.example");
    assert_eq!(resolve("\"\"@city.example").mailbox, "mailer-daemon@city.example");
}

#[test]
fn what_is_no_domain_is_invalid() {
    for form in [
        "victim@192.0.2.1",
        "victim@-bad.example",
        "victim@a..b",
        "victim@[300.1.1.1]",
        "victim@",
        "-rf@outside.example",
    ] {
        assert!(resolve(form).invalid, "{form}");
    }
    assert!(!resolve("victim@[203.0.113.99]").invalid);
    assert!(!resolve("victim@[IPv6:2001:db8::1]").invalid);
}

#[test]
fn without_the_hacks_the_forms_stay_as_they_are() {
    let forms = Forms { percent_hack: false, bang_path: false, dequote: false, ..Forms::default() };
    let mut own = |d: &str| d == "city.example";
    for form in [
        "victim%outside.example@city.example",
        "outside.example!victim@city.example",
        "victim@outside.example@city.example",
    ] {
        assert!(forms.resolve(form, &mut own).local, "{form}");
    }
}

proptest! {
    #[test]
    fn any_text_ends_and_quoting_turns_back(text in "[a-c@%!:.\"\\\\\\[\\]( ),<>é]{0,24}") {
        if let Some(address) = from_argument(&text) {
            let r = Forms { origin: Some("o.example".into()), ..Forms::default() }.resolve(&address, &mut |d| d == "a");
            prop_assert!(r.mailbox.len() <= text.len() + 64);
        }
        prop_assert_eq!(unquote(&quote(&text.replace(['@', ':', '"', '\\'], ""))), text.replace(['@', ':', '"', '\\'], ""));
    }
}
