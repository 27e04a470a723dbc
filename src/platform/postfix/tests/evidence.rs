//! What the evidence lacks, contradicts or hides.

use proptest::prelude::*;

use super::Host;
use crate::evidence::{Artifact, Proof, Source};
use crate::platform::{Ask, How, Platform};
use crate::reason::Reason;
use crate::relay::{Everybody, NoteKind, Side, Verdict, exposures};

const SENDER_OK: &str = "smtpd_relay_restrictions = permit_mynetworks, check_sender_access hash:/etc/postfix/ok, reject_unauth_destination";

fn reasons(host: &Host) -> Vec<Reason> {
    host.model().gaps.into_iter().map(|gap| gap.reason).collect()
}

#[test]
fn what_a_snapshot_lacks_is_a_gap_and_what_a_folder_lacks_is_not() {
    let mut host = Host::new("");
    assert!(reasons(&host).is_empty());
    host.source = Source::Snapshot;
    let missing = |artifact: &str| Reason::ArtifactMissing { artifact: artifact.into() };
    for artifact in ["postconf-effective.txt", "postconf-n.txt", "postconf-M.txt"] {
        assert!(reasons(&host).contains(&missing(artifact)), "{artifact}");
    }
    assert!(!reasons(&host).contains(&missing("files/etc/postfix/main.cf")));
}

#[test]
fn nothing_at_all_is_a_gap() {
    let mut evidence = Host::new("").evidence();
    evidence.artifacts.clear();
    let mut model = crate::platform::DeviceModel::default();
    super::super::Postfix.read(&evidence, &mut model);
    assert!(model.relay.is_none() && model.gaps.len() == 1);
}

#[test]
fn the_running_program_is_believed_and_the_contradiction_noted() {
    let printed: String = super::BASE.replace("10.1.0.0/16", "0.0.0.0/0");
    let host = Host::new("").file("postconf-n.txt", &printed);
    assert_eq!(host.ext(), Verdict::Permit);
    let expected = |r: &Reason| matches!(r, Reason::Contradiction { what, .. } if what == "mynetworks");
    assert!(reasons(&host).iter().any(expected), "{:?}", reasons(&host));
    let same = Host::new("").file("postconf-n.txt", &super::BASE.replace("10.1", "  10.1"));
    assert!(reasons(&same).is_empty());
    let services = "smtp inet n - y - - smtpd -o smtpd_relay_restrictions=permit";
    let expected = |r: &Reason| matches!(r, Reason::Contradiction { what, .. } if what == "smtp/inet");
    assert!(reasons(&Host::new("").file("postconf-M.txt", services)).iter().any(expected));
}

#[test]
fn every_form_of_the_configuration_says_the_same() {
    let contradicts = |file: &str, text: &str, about: &str| {
        let all = reasons(&Host::new("").file(file, text));
        let expected = |r: &Reason| matches!(r, Reason::Contradiction { what, .. } if what == about);
        (all.iter().any(expected), all.is_empty())
    };
    let effective = format!("{}\nmail_name = Postfix\n", super::BASE);
    assert_eq!(contradicts("postconf-effective.txt", &effective, "mynetworks"), (false, true));
    let other = effective.replace("10.1.0.0/16", "0.0.0.0/0");
    assert!(contradicts("postconf-effective.txt", &other, "mynetworks").0);
    let one = "smtp/inet/mynetworks = 0.0.0.0/0\n";
    assert!(contradicts("postconf-P.txt", one, "smtp/inet/mynetworks").0);
    let service = "smtp inet n - y - - smtpd\n  -o { mynetworks = 10.0.0.0/8,\n  10.1.0.0/16 } -o syslog_name=a -o syslog_name=b\n";
    let with =
        |printed: &str| reasons(&Host::new("").file("master.cf", service).file("postconf-P.txt", printed));
    let printed = "smtp/inet/mynetworks = 10.0.0.0/8, 10.1.0.0/16\nsmtp/inet/syslog_name = b\n";
    assert_eq!(with(printed), []);
    assert!(!with("smtp/inet/syslog_name = b\n").is_empty());
    assert!(!with(&printed.replace("10.1", "10.2")).is_empty());
}

#[test]
fn a_row_that_is_no_row_makes_the_table_unknown() {
    let dump = "== postmap -s hash:/etc/postfix/ok\noutside.example\tOK\nforeign.example OK\n== end\n";
    let host = Host::new(SENDER_OK).file("ok", "outside.example OK\n").file("postmap-s.txt", dump);
    assert_eq!(host.ext(), Verdict::Undecided);
}

#[test]
fn the_compiled_table_is_what_runs() {
    let source = "outside.example OK\nforeign.example OK\n";
    let dump = "== postmap -s hash:/etc/postfix/ok\noutside.example\tOK\n== end\n";
    let host = Host::new(SENDER_OK).file("ok", source).file("postmap-s.txt", dump);
    assert_eq!(host.ext(), Verdict::Reject);
    assert_eq!(host.verdict(|a| a.mail_from = "a@outside.example".into()), Verdict::Permit);
    let mut notes = host.model().relay.unwrap().notes;
    notes.retain(|note| note.kind == NoteKind::TableNotCompiled);
    let [note] = notes.as_slice() else { panic!("{notes:?}") };
    assert_eq!(note.at.line, Some(2));
    let not_there = "!! postmap -s hash:/etc/postfix/ok open database: No such file or directory\n== end\n";
    assert_eq!(
        Host::new(SENDER_OK).file("ok", source).file("postmap-s.txt", not_there).ext(),
        Verdict::Defer
    );
    assert_eq!(Host::new(SENDER_OK).ext(), Verdict::Undecided);
}

#[test]
fn whatever_the_reader_looks_for_is_asked_for() {
    let host = Host::new(&format!(
        "{SENDER_OK}\nmynetworks = 127.0.0.0/8 cidr:/etc/postfix/nets /etc/postfix/more\n\
         local_recipient_maps = proxy:unix:passwd.byname $alias_maps\nalias_maps = hash:/etc/aliases\n\
         smtp_sasl_password_maps = hash:/etc/postfix/relay_login\n\
         virtual_alias_maps = hash:/etc/postfix/relay_login mysql:/etc/postfix/sql.cf"
    ));
    let mut evidence = host.evidence();
    evidence.artifacts.remove("files/etc/passwd");
    evidence.artifacts.remove("files/etc/aliases");
    let asked = super::super::Postfix.follow(&evidence);
    let of = |ask: &Ask| match &ask.how {
        How::File(path) => path.clone(),
        How::Command(command) => command.clone(),
    };
    let texts: Vec<String> = asked.iter().map(of).collect();
    let wanted = ["/etc/aliases", "/etc/postfix/more", "/etc/postfix/nets", "/etc/postfix/ok"];
    assert_eq!(texts, [wanted.as_slice(), &["cut -d: -f1 /etc/passwd"]].concat());
    for artifact in asked.iter().map(|ask| ask.artifact.clone()) {
        let given = Artifact { bytes: b"\n".as_slice().into(), proof: Proof::Complete };
        evidence.artifacts.insert(artifact, given);
    }
    let second = super::super::Postfix.follow(&evidence);
    let [Ask { artifact, how: How::Command(command) }] = second.as_slice() else { panic!("{second:?}") };
    assert_eq!(artifact, "postmap-s.txt");
    assert!(command.contains("'hash:/etc/aliases' 'hash:/etc/postfix/ok';"), "{command}");
}

/// Pieces that configurations are made of, and some that break them.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "mynetworks =",
        "smtpd_relay_restrictions =",
        "virtual_alias_maps =",
        "relay_domains =",
        "mydestination =",
        "permit_mynetworks",
        "reject_unauth_destination",
        "check_sender_access",
        "check_client_access",
        "permit",
        "hash:/etc/postfix/t",
        "regexp:/etc/postfix/t",
        "pcre:{{/(.*)@x/ $1@y}}",
        "inline:{{a=OK}}",
        "unionmap:{",
        "static:OK",
        "cidr:/etc/postfix/t",
        "$mynetworks",
        "${mynetworks?{a}:{b}}",
        "$relay_domains",
        "0.0.0.0/0",
        "10.0.0.0/8",
        "[::1]/128",
        "!",
        "!/etc/postfix/t",
        "{",
        "}",
        "${",
        "\n",
        "\n ",
        ",",
        "#",
        "=",
        "/(((a*)*)*)*$/ OK",
        "if /x/",
        "endif",
        "smtp inet n - y - - smtpd",
        "-o",
        "-o {a = b}",
        "x@y",
        "@y",
        ".y",
        "\u{0}",
        "é",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => ".{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_fail(
        main in prop::collection::vec(piece(), 0..40),
        master in prop::collection::vec(piece(), 0..20),
        table in prop::collection::vec(piece(), 0..20),
    ) {
        let host = Host::new(&main.join(" ")).master(&master.join(" ")).file("t", &table.join(" "));
        let policy = host.model().relay.unwrap();
        let everybody = Everybody::new(&policy);
        exposures(Side { policy: &policy, reaching: &everybody });
        host.ext();
    }

    #[test]
    fn no_bytes_make_the_reader_fail(bytes in prop::collection::vec(any::<u8>(), 0..400), which in 0..8_usize) {
        let names = [
            "files/etc/postfix/main.cf", "files/etc/postfix/master.cf", "postconf-n.txt", "postconf-M.txt",
            "postconf-effective.txt", "postmap-s.txt", "ip-addr.json", "files/etc/aliases",
        ];
        let mut evidence = Host::new(SENDER_OK).evidence();
        let artifact = Artifact { bytes: bytes.into(), proof: Proof::Given };
        evidence.artifacts.insert(names[which].to_owned(), artifact);
        let mut model = crate::platform::DeviceModel::default();
        super::super::Postfix.read(&evidence, &mut model);
        super::super::Postfix.follow(&evidence);
    }
}
