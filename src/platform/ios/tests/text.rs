//! Text as such: proof of completeness, secrets, noise, garbage.

use proptest::prelude::*;

use super::device;
use crate::evidence::{Artifact, DeviceEvidence, Proof, Source};
use crate::platform::ios::{Ios, NOISE};
use crate::platform::{Assumption, Platform, read};

fn redacted(text: &str) -> String {
    let patterns = Ios.secrets().iter();
    let mut hidden: Vec<std::ops::Range<usize>> = patterns
        .flat_map(|secret| {
            let regex = regex::RegexBuilder::new(secret.pattern).multi_line(true).build().unwrap();
            regex.captures_iter(text).map(|c| c.name("secret").unwrap().range()).collect::<Vec<_>>()
        })
        .collect();
    hidden.sort_by_key(|range| std::cmp::Reverse(range.start));
    let mut out = text.to_owned();
    let mut last = usize::MAX;
    for range in hidden {
        if range.end <= last {
            last = range.start;
            out.replace_range(range, "#");
        }
    }
    out
}

#[test]
fn secrets_go_and_nothing_else() {
    for (line, hidden) in [
        ("enable secret 9 $9$abc$def", "enable secret 9 #"),
        ("enable password level 15 7 0822455D0A16", "enable password level 15 7 #"),
        ("username bob privilege 15 secret 5 $1$x$y", "username bob privilege 15 secret 5 #"),
        ("username bob password 0 my pass word", "username bob password 0 #"),
        (" password 7 094F471A1A0A", " password 7 #"),
        (" password hunter2", " password #"),
        ("snmp-server community s3cret RO 23", "snmp-server community # RO 23"),
        ("snmp-server host 192.0.2.1 version 2c s3cret", "snmp-server host 192.0.2.1 version 2c #"),
        (
            "snmp-server host 192.0.2.1 vrf M informs version 3 priv bob",
            "snmp-server host 192.0.2.1 vrf M informs version 3 priv #",
        ),
        ("snmp-server host 192.0.2.1 s3cret", "snmp-server host 192.0.2.1 #"),
        (
            "snmp-server user u g v3 auth sha s3cret priv aes 128 s4cret",
            "snmp-server user u g v3 auth sha # priv aes 128 #",
        ),
        ("tacacs-server host 192.0.2.1 key 7 0822455D0A16", "tacacs-server host 192.0.2.1 key 7 #"),
        ("radius-server key s3cret", "radius-server key #"),
        (
            " server-private 192.0.2.1 auth-port 1812 key 7 08224",
            " server-private 192.0.2.1 auth-port 1812 key 7 #",
        ),
        (" key 7 0822455D0A16", " key 7 #"),
        (" key s3cret", " key #"),
        (" key 1", " key 1"),
        ("key chain EIGRP", "key chain EIGRP"),
        ("  key-string 7 0822455D0A16", "  key-string 7 #"),
        ("crypto isakmp key 6 s3cret address 203.0.113.9", "crypto isakmp key 6 # address 203.0.113.9"),
        (
            " pre-shared-key address 0.0.0.0 0.0.0.0 key s3cret",
            " pre-shared-key address 0.0.0.0 0.0.0.0 key #",
        ),
        (" pre-shared-key local 6 s3cret", " pre-shared-key local 6 #"),
        (" ip ospf message-digest-key 1 md5 7 08224", " ip ospf message-digest-key 1 md5 7 #"),
        (" ip ospf authentication-key 7 08224", " ip ospf authentication-key 7 #"),
        ("ntp authentication-key 1 md5 08224 7", "ntp authentication-key 1 md5 # 7"),
        (" neighbor 192.0.2.1 password 7 08224", " neighbor 192.0.2.1 password 7 #"),
        (" ppp chap password 0 s3cret", " ppp chap password 0 #"),
        (" ppp pap sent-username u password 0 s3cret", " ppp pap sent-username u password 0 #"),
        (" standby 1 authentication s3cret", " standby 1 authentication #"),
        (" standby 1 authentication md5 key-string 7 08224", " standby 1 authentication md5 key-string 7 #"),
        (" ip nhrp authentication s3cret", " ip nhrp authentication #"),
        (" path ftp://user:s3cret@192.0.2.1/x", " path ftp://user:#@192.0.2.1/x"),
        ("service password-encryption", "service password-encryption"),
        ("ip access-list extended password-hosts", "ip access-list extended password-hosts"),
        (" permit tcp any any eq 22", " permit tcp any any eq 22"),
    ] {
        assert_eq!(redacted(line), hidden);
    }
}

#[test]
fn a_configuration_is_whole_when_it_ends() {
    let proof = |text: &str| Ios.prove("running-config.txt", text.as_bytes()).is_ok();
    assert!(proof("hostname r1\nend\n") && proof("hostname r1\r\nend\r\n\r\n"));
    assert!(!proof("hostname r1\n") && !proof("") && !proof("hostname r1\nend\nr1#"));
    assert_eq!(device("hostname r1\n").assumptions, [Assumption::ConfigurationWhole]);
    assert!(device("hostname r1\nend\n").assumptions.is_empty());
}

#[test]
fn a_snapshot_without_a_whole_configuration_proves_nothing() {
    let gaps = |proof: Option<Proof>| {
        let mut evidence = DeviceEvidence::new("r1", vec!["ios".to_owned()], Source::Snapshot);
        if let Some(proof) = proof {
            let artifact = Artifact { bytes: b"hostname r1\n".as_slice().into(), proof };
            evidence.artifacts.insert("running-config.txt".to_owned(), artifact);
        }
        read(&evidence).gaps.len()
    };
    assert_eq!([gaps(None), gaps(Some(Proof::Unproven)), gaps(Some(Proof::Complete))], [1, 1, 0]);
}

#[test]
fn what_changes_by_itself_is_noise() {
    let text = "Building configuration...\n\nCurrent configuration : 1234 bytes\n!\n! Last configuration change at 1:00 by x\nhostname r1\nntp clock-period 123\n";
    let clean = NOISE.iter().fold(text.to_owned(), |text, noise| {
        regex::Regex::new(noise.pattern).unwrap().replace_all(&text, noise.replacement).into_owned()
    });
    assert_eq!(clean, "\n!\nhostname r1\n");
}

#[test]
fn the_device_is_known_by_its_text() {
    let is = |text: &str| {
        let mut evidence = DeviceEvidence::new("r1", Vec::new(), Source::Bare);
        let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
        evidence.artifacts.insert("running-config.txt".to_owned(), artifact);
        Ios.is_of(&evidence)
    };
    assert!(is("!\nversion 15.2\nhostname r1\nend\n"));
    assert!(
        !is(": Saved\n:\nASA Version 9.9\nhostname a\n")
            && !is("config system global\n    set hostname \"x\"\nend\n")
    );
}

/// Words that readers look for, and some that they do not.
fn word() -> impl Strategy<Value = String> {
    let known = "ip ipv6 access-list extended standard permit deny tcp udp icmp any host 10.0.0.0 0.0.0.255 255.255.255.255 eq range lt gt neq 0 65535 \
        99999999999 object-group network service group-object A B log established fragments dscp time-range interface E0 access-group in out nat inside \
        outside source static list pool overload line vty access-class transport input all zone-pair security destination service-policy type inspect \
        class-map policy-map match class class-default drop ^C banner motd no 10 2001:db8::/32 remark sequence evaluate reflect option match-all +syn -ack \
        é あ \u{0} /33 -1";
    let known: Vec<String> = known.split_whitespace().map(str::to_owned).collect();
    prop_oneof![8 => prop::sample::select(known), 1 => "[ -~]{0,8}"]
}

fn text() -> impl Strategy<Value = String> {
    let line = (0usize..3, prop::collection::vec(word(), 0..8));
    let lines = prop::collection::vec(line, 0..30);
    lines.prop_map(|lines| {
        let lines =
            lines.into_iter().map(|(indent, words)| format!("{}{}", " ".repeat(indent), words.join(" ")));
        lines.collect::<Vec<_>>().join("\n")
    })
}

proptest! {
    #[test]
    fn garbage_is_read_without_a_panic(text in text()) {
        let _ = device(&text);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = device(&text);
        let _ = Ios.prove("running-config.txt", &bytes);
    }
}
