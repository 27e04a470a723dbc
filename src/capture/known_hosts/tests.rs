//! What sshd(8) says of known_hosts lines, one by one, and what OpenSSH does beyond it. Keys and hashes are from
//! ssh-keygen.

use std::path::Path;

use proptest::prelude::*;
use russh::keys::PublicKey;
use russh::keys::ssh_key::private::Ed25519Keypair;

use super::*;

const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDjkgw2oBff8sMSSHA5XjxTrxMwTZIs+I2t4W0NwpW6/";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLsRmREaryPMBVMoPyRB73/Yus/q071w6hF3e/2Onh3KdZdbaIPS6jcUNM79aLNJYsRLzm0JhGcJR+4hYxujFI0=";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC5tzcHuniOpZfviRhPbkR8miibCMKlvR44Wc9ptDE1StWxZbr8Wkn1jeYek74fhmj9w2PR+a2MiQvCebi6Yod4Ec0BG5rFJSSC8O92+Y77bnQd4S7fwUbSeBUp6Sza9/CvPOATovbRICvJ+gp2WZu5BET25FuI2PxqYK/U176A2Q555PHzpjh66Rh6dE0nO33EIAlpwiWZQVtecUs1OaENNRy6VHkmG0iXhaqaVlQ4InN/4UrR6TGczbTEFZmH6g2YI8/E7XNhDdnYz04mOLdpxfED2g94tEDkOVKMtPcsRRXWd+pwDBLKNbin39ijEWqYHAI+eUfdNAEIc/CC8vW2H6/ZZbc+3QriIJ3AxNNniCSDoiHwNwLMLiDE+oEssjJV4MzrJ6/EFDDGpHsxuvUCmJwKG2OJ1j4zt+nZ/0Kp/2rLahRh9uyRX0ZhVqLIxwtNY80GQKOzW7V0FsG3gdGiUpzON0Zbr3hYdeI2GxMZerCXOW6Zqj7tNj7kVrdMs7E=";
/// `ssh-keygen -H` of `fw1.example.jp` and of `[192.0.2.1]:2222`.
const HASHED: [&str; 2] = [
    "|1|v63JwsgL4d9wWNbXKnz/5U+r2Wo=|iR7jG1YvhSW2bZYDRRfcYFzED4A=",
    "|1|Wb/5xXMen64eYYJrcS9enJCNsls=|tRYhP3gdwSZkG/H5FoHxBR6BzfY=",
];

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn other() -> PublicKey {
    PublicKey::from(Ed25519Keypair::from_seed(&[7; 32]).public)
}

fn record(text: &str) -> KnownHosts {
    let mut known = KnownHosts::new();
    known.add(Path::new("known_hosts"), text.as_bytes());
    known
}

/// The verdict for `fw1` on port 22, in one word and the line that decides.
fn ask(text: &str, presented: &PublicKey) -> String {
    show(&record(text).check("fw1", 22, presented))
}

fn show(verdict: &Verdict) -> String {
    let lines = |all: &[Recorded]| all.iter().map(|r| r.place.line.to_string()).collect::<Vec<_>>().join(",");
    match verdict {
        Verdict::Same(place) => format!("same {}", place.line),
        Verdict::NewType { recorded } => format!("new-type {}", lines(recorded)),
        Verdict::Changed { expected } => format!("changed {}", lines(expected)),
        Verdict::Revoked(place) => format!("revoked {}", place.line),
        Verdict::Unknown { authority: None } => "unknown".to_owned(),
        Verdict::Unknown { authority: Some(place) } => format!("authority {}", place.line),
    }
}

#[test]
fn plain_lines_in_every_shape() {
    for line in [
        format!("fw1 {ED}"),
        format!("fw1 {ED} a comment"),
        format!("fw1 {ED}\r"),
        format!("fw1\t{}", ED.replace(' ', "\t")),
        format!("  \tfw1   {}  comment", ED.replace(' ', "  ")),
        format!("FW1 {ED}"),
        format!("192.0.2.1,fw1,::1 {ED}"),
        format!("f?1 {ED}"),
        format!("*,!mx1 {ED}"),
    ] {
        assert_eq!(ask(&line, &key(ED)), "same 1", "{line:?}");
        assert!(ask(&line, &other()).starts_with("changed"), "{line:?}");
    }
    assert_eq!(show(&record(&format!("fw1 {ED}")).check("FW1", 22, &key(ED))), "same 1");
}

#[test]
fn what_does_not_match_is_unknown() {
    for line in [
        String::new(),
        format!("# fw1 {ED}"),
        format!("fw2 {ED}"),
        format!("fw {ED}"),
        format!("*,!fw1 {ED}"),
        format!("*,!f* {ED}"),
        format!("!fw1 {ED}"),
        format!("[fw1]:2222 {ED}"),
        format!("@strange fw1 {ED}"),
        "fw1".to_owned(),
        "fw1 ssh-ed25519".to_owned(),
        "fw1 ssh-ed25519 @@@".to_owned(),
        format!("fw1 {}", ED.replace("ssh-ed25519", "ssh-rsa")),
        format!("|2|abc|def {ED}"),
    ] {
        assert_eq!(ask(&line, &key(ED)), "unknown", "{line:?}");
    }
}

#[test]
fn hashed_names() {
    let known = record(&HASHED.map(|name| format!("{name} {ED}")).join("\n"));
    assert_eq!(show(&known.check("fw1.example.jp", 22, &key(ED))), "same 1");
    assert_eq!(show(&known.check("FW1.example.jp", 22, &key(ED))), "same 1");
    assert_eq!(show(&known.check("192.0.2.1", 2222, &key(ED))), "same 2");
    assert_eq!(show(&known.check("192.0.2.1", 22, &key(ED))), "unknown");
    assert_eq!(show(&known.check("fw1.example.jp", 22, &other())), "changed 1");
    assert_eq!(show(&known.check("fw2.example.jp", 22, &key(ED))), "unknown");
}

#[test]
fn ports_and_brackets() {
    let known = record(&format!("[fw1]:2222,[2001:db8::1]:2222 {ED}\nmx1 {ED}"));
    assert_eq!(show(&known.check("fw1", 2222, &key(ED))), "same 1");
    assert_eq!(show(&known.check("2001:DB8::1", 2222, &key(ED))), "same 1");
    assert_eq!(show(&known.check("fw1", 22, &key(ED))), "unknown");
    // OpenSSH accepts the key of the plain name on another port, but takes a different one for unknown, not
    // changed.
    assert_eq!(show(&known.check("mx1", 2222, &key(ED))), "same 2");
    assert_eq!(show(&known.check("mx1", 2222, &other())), "unknown");
    let both = record(&format!("[mx1]:2222 {RSA}\nmx1 {ED}"));
    assert_eq!(show(&both.check("mx1", 2222, &key(ED))), "new-type 1");
}

#[test]
fn a_stale_line_beside_a_valid_one_is_no_change() {
    let stale = line_for("fw1", 22, &other()).unwrap();
    assert_eq!(ask(&format!("{stale}\nfw1 {ED}"), &key(ED)), "same 2");
    assert_eq!(ask(&format!("{stale}\nfw1 {RSA}"), &key(ED)), "changed 1,2");
}

#[test]
fn a_broken_line_hides_nothing() {
    let known = record(&format!("fw1 ssh-ed25519 AAAA\n\u{0}\u{1}\nfw1 {ED}\n"));
    assert_eq!(show(&known.check("fw1", 22, &key(ED))), "same 3");
    assert_eq!(known.broken().iter().map(|p| p.line).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn another_type_is_not_a_change() {
    assert_eq!(ask(&format!("fw1 {RSA}\nfw1 {ECDSA}"), &key(ED)), "new-type 1,2");
    assert_eq!(ask(&format!("fw1 {RSA}\nfw1 {ECDSA}"), &key(ECDSA)), "same 2");
}

#[test]
fn revoked_wins_over_everything() {
    for revoked in ["@revoked fw1", "@revoked *", "@revoked\tfw1,mx1"] {
        assert_eq!(ask(&format!("fw1 {ED}\n{revoked} {ED}"), &key(ED)), "revoked 2");
    }
    assert_eq!(ask(&format!("fw1 {ED}\n@revoked mx1 {ED}"), &key(ED)), "same 1");
    // A revoked line is no record of a key in use.
    assert_eq!(ask(&format!("@revoked fw1 {ED}"), &other()), "unknown");
    let known = record(&format!("[fw1]:2222 {ED}\n@revoked fw1 {ED}"));
    assert_eq!(show(&known.check("fw1", 2222, &key(ED))), "revoked 2");
}

#[test]
fn a_certificate_authority_vouches_for_nothing() {
    assert_eq!(ask(&format!("@cert-authority *.example.jp,fw1 {ED}"), &key(ED)), "authority 1");
    assert_eq!(ask(&format!("@cert-authority mx1 {ED}"), &key(ED)), "unknown");
}

#[test]
fn types_in_the_order_of_the_lines() {
    let known = record(&format!("fw1 {RSA}\nfw1 {ED}\nfw1 {RSA}\n@revoked fw1 {ECDSA}"));
    assert_eq!(known.types("fw1", 22), ["ssh-rsa", "ssh-ed25519"]);
    assert_eq!(known.types("fw1", 2222), ["ssh-rsa", "ssh-ed25519"]);
    assert!(known.types("mx1", 22).is_empty());
}

#[test]
fn the_fingerprint_is_the_one_of_ssh_keygen() {
    let id = key_id(&key(&format!("{ED} with a comment")));
    assert_eq!(id.to_string(), "ssh-ed25519 SHA256:K/MNzrOsK8mjYBQ07iY0PgquwLNXHvz/G2gpvRH4TWE");
}

#[test]
fn files_add_up_and_a_missing_one_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (site, user) = (folder.path().join("site"), folder.path().join("user"));
    fs::write(&site, format!("fw1 {ED}\n")).unwrap();
    fs::write(&user, format!("mx1 {RSA}\n")).unwrap();
    let mut known = KnownHosts::new();
    known.read(&site).unwrap();
    known.read_if_exists(&user).unwrap();
    known.read_if_exists(&folder.path().join("none")).unwrap();
    assert!(matches!(known.read(&folder.path().join("none")), Err(KnownHostsError::Io { .. })));
    assert!(matches!(known.read_if_exists(folder.path()), Err(KnownHostsError::Io { .. })));
    assert!(matches!(known.check("fw1", 22, &key(ED)), Verdict::Same(_)));
    assert!(matches!(known.check("mx1", 22, &key(RSA)), Verdict::Same(_)));
}

#[test]
fn trust_appends_one_line_even_after_an_unended_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    trust(&path, "FW1", 22, &key(&format!("{ED} comment"))).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("fw1 {ED}\n"));
    fs::write(&path, format!("mx1 {RSA}")).unwrap();
    trust(&path, "fw1", 2222, &key(ED)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("mx1 {RSA}\n[fw1]:2222 {ED}\n"));
}

proptest! {
    #[test]
    fn no_line_panics_and_none_without_our_key_accepts(text in "[ -~\t\r\n]{0,200}", host in "[a-z0-9.:*!]{0,20}") {
        let verdict = record(&text).check(&host, 22, &key(ED));
        prop_assert!(!matches!(verdict, Verdict::Same(_)));
    }

    #[test]
    fn bytes_of_any_kind_are_tolerated(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut known = KnownHosts::new();
        known.add(Path::new("k"), &bytes);
        known.add(Path::new("k2"), format!("\nfw1 {ED}").as_bytes());
        prop_assert!(matches!(known.check("fw1", 22, &key(ED)), Verdict::Same(_)));
    }

    #[test]
    fn wildcards_agree_with_a_regular_expression(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
        let regex = format!("^{}$", pattern.replace('*', ".*").replace('?', "."));
        let expected = regex::Regex::new(&regex).unwrap().is_match(&name);
        let got = record(&format!("x,{pattern} {ED}")).check(&name, 22, &key(ED));
        if !name.is_empty() && !pattern.is_empty() {
            prop_assert_eq!(matches!(got, Verdict::Same(_)), expected);
        }
    }
}
