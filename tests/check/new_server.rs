//! A mail server that was not there before.

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::finding::{Confidence, Status};
use sekisho::rules;
use sekisho::rules::device::{Pair, judge_device};
use sekisho::site::Site;

const NFT: &str = "table inet f {\n chain input {\n  type filter hook input priority 0; policy drop;\n  tcp dport 25 accept\n }\n}\n";
const MAIN: &str = "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = $myhostname\n\
                    mynetworks = 127.0.0.0/8\nsmtpd_sasl_auth_enable = yes\n\
                    smtpd_relay_restrictions = permit_mx_backup, check_policy_service unix:private/policy,\n \
                    reject_unauth_destination\n";
const MASTER: &str = "smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n";
const SIGNS: [&str; 4] =
    ["postconf-n.txt", "postconf-M.txt", "postconf-effective.txt", "files/etc/postfix/main.cf"];

fn host(platforms: &[&str], files: &[(&str, &str, Proof)]) -> DeviceEvidence {
    let platforms = platforms.iter().map(|p| (*p).to_owned()).collect();
    let mut device = DeviceEvidence::new("mx1", platforms, Source::Bare);
    for (name, text, proof) in files {
        let artifact = Artifact { bytes: text.as_bytes().into(), proof: proof.clone() };
        device.artifacts.insert((*name).to_owned(), artifact);
    }
    device
}

fn with_postfix() -> DeviceEvidence {
    let files =
        [("nft.txt", NFT), ("files/etc/postfix/main.cf", MAIN), ("files/etc/postfix/master.cf", MASTER)];
    host(&["nftables", "postfix"], &files.map(|(name, text)| (name, text, Proof::Given)))
}

/// Rule, confidence and whether it is new, of what the default rules find about mail.
fn found(before: &DeviceEvidence) -> Vec<(String, Confidence, Status)> {
    let after = with_postfix();
    let rules = rules::load(&[], |_| unreachable!("the rules that come with the program")).unwrap();
    let pair = Pair { name: "mx1", before: Some(Some(before)), after: Some(&after), ..Pair::default() };
    let (_, findings) = judge_device(&pair, &Site::default(), None, &rules);
    let mail = ["open-relay", "relay-limited", "smtp-auth-exposed"];
    let mut found: Vec<_> = findings
        .into_iter()
        .filter(|f| mail.contains(&&*f.rule))
        .map(|f| (f.rule.to_string(), f.confidence, f.status))
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_server_that_was_not_there_has_nothing_from_before() {
    let absent = SIGNS.map(|sign| (sign, "", Proof::Absent));
    let before = host(&["nftables"], &[[("nft.txt", NFT, Proof::Given)].as_slice(), &absent].concat());
    let is_new = |rule: &str, confidence| (rule.to_owned(), confidence, Status::New);
    assert_eq!(
        found(&before),
        [
            is_new("open-relay", Confidence::Possible),
            is_new("relay-limited", Confidence::Certain),
            is_new("smtp-auth-exposed", Confidence::Certain),
        ]
    );
}

#[test]
fn a_server_of_which_nothing_is_known_is_not_compared() {
    let before = host(&["nftables"], &[("nft.txt", NFT, Proof::Given)]);
    assert_eq!(found(&before), [("open-relay".to_owned(), Confidence::Possible, Status::New)]);
    let standing = found(&with_postfix());
    assert_eq!(standing, [("open-relay".to_owned(), Confidence::Possible, Status::Standing)]);
}
