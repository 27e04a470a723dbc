//! What goes wrong around a real host: hostile text, a full disk, two at once.

use std::fs;
use std::process::Stdio;

use super::Done;
use crate::common::lab::{Filter, Lab};

fn sekisho(lab: &Lab, arguments: &[&str]) -> Done {
    Done::of(&mut lab.program(arguments))
}

/// Whether a terminal could take some of this for a command, or show it in another order.
fn is_harmless(text: &str) -> bool {
    let harmful = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    !text.contains(harmful)
}

#[test]
fn what_a_device_says_never_reaches_the_terminal_as_it_is() {
    let Some(lab) = Lab::start("what_a_device_says_never_reaches_the_terminal_as_it_is", Filter::Nftables)
    else {
        return;
    };
    sekisho(&lab, &["capture", "--id", "C", "--phase", "before"]).exits(0);
    // a window title, a clear screen, C1 control, right-to-left override, invalid UTF-8
    let hostile = "\\033]0;owned\\007\\033[2J\\302\\233\\342\\200\\256\\377";
    lab.run(&format!(
        "printf 'add rule inet filter input tcp dport 3389 accept comment \"x{hostile}\"\\n' > evil.nft && nft -f evil.nft
         printf 'smtpd_banner = x{hostile}\\nmynetworks = 0.0.0.0/0 {hostile}\\n' >> /etc/postfix/main.cf"
    ));
    sekisho(&lab, &["capture", "--id", "C", "--phase", "after"]);
    for lang in ["en", "ja"] {
        let states = ["--before", "C:before", "--after", "C:after", "--lang", lang];
        for words in [&["check", "--table"][..], &["diff", "--text"], &["diff"]] {
            let done = if words[0] == "diff" {
                sekisho(&lab, &[words, &["C:before", "C:after", "--lang", lang]].concat())
            } else {
                sekisho(&lab, &[words, &states].concat())
            };
            assert!(done.out.contains("3389"), "{}", done.out);
            assert!(is_harmless(&done.out) && is_harmless(&done.err), "{words:?}: {:?}", done.out);
        }
    }
    let watch = ["guard", "root@10.1.0.1", "--interval", "1s", "--", "sh", "-c"];
    let comment = "\\033[2J";
    lab.run(&format!(
        "printf 'add rule inet filter input tcp dport 3390 accept comment \"{comment}\"\\n' > ../bare/more.nft"
    ));
    let change = "nft -f more.nft; sleep 3";
    let done = Done::of(&mut lab.unprepared(&[&watch[..], &[change]].concat()));
    assert!(done.err.contains("OPENED") && is_harmless(&done.err), "{:?}", done.err);
}

#[test]
fn a_prompt_within_an_answer_ends_nothing() {
    let Some(lab) = Lab::start("a_prompt_within_an_answer_ends_nothing", Filter::Nftables) else { return };
    let lines = "# root@gate:~# exit\\n# gate>\\n# --More--\\n# Password:\\n# $ \\n";
    lab.run(&format!(
        "printf '{lines}' >> /etc/postfix/main.cf; printf 'mail_name = last\\n' >> /etc/postfix/main.cf"
    ));
    sekisho(&lab, &["capture", "--id", "C", "--phase", "before"]).exits(0);
    let kept = lab.run("cat .sekisho/C/before-*/gate/files/etc/postfix/main.cf");
    assert_eq!(kept.as_bytes(), fs::read(lab.path("etc-postfix/main.cf")).unwrap());
}

#[test]
fn a_full_disk_is_said_and_keeps_what_was_there() {
    let Some(lab) = Lab::start("a_full_disk_is_said_and_keeps_what_was_there", Filter::Nftables) else {
        return;
    };
    lab.run("mkdir small && mount -t tmpfs -o size=2m tmpfs small");
    let capture = |phase: &str| {
        sekisho(&lab, &["capture", "--store", "small", "--id", "C", "--phase", phase, "--lang", "en"])
    };
    capture("before").exits(0);
    lab.run("dd if=/dev/zero of=small/rest bs=1k count=4096 2>/dev/null || :");
    let done = capture("after");
    assert!(done.code == 3 && done.err.contains("no space left"), "{} {}", done.code, done.err);
    assert_eq!(lab.run("ls small/C | grep -c '^after-' || :").trim(), "0");
    let check = ["check", "--store", "small", "--before", "C:before", "--after", "C:after"];
    sekisho(&lab, &check).exits(3);
    let guarded = ["guard", "root@10.1.0.1", "--store", "small", "--", "echo", "ran"];
    let done = sekisho(&lab, &guarded).exits(3);
    assert_eq!(done.out, "ran\n");
    lab.run("rm small/rest");
    capture("after").exits(0);
    sekisho(&lab, &check).exits(0);
}

#[test]
fn of_two_at_once_none_is_lost_in_silence() {
    let Some(lab) = Lab::start("of_two_at_once_none_is_lost_in_silence", Filter::Nftables) else { return };
    sekisho(&lab, &["capture", "--id", "C", "--phase", "before"]).exits(0);
    let start = || {
        let mut command = lab.program(&["capture", "--id", "C", "--phase", "during", "--lang", "en"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running = [start(), start(), start()];
    let mut kept = 0;
    for one in running {
        let done = Done::read(one.wait_with_output().unwrap());
        if done.code == 0 {
            kept += 1;
        } else {
            assert!(done.code == 3 && done.err.contains("another run is writing"), "{}", done.err);
        }
    }
    assert!(kept > 0);
    sekisho(&lab, &["capture", "--id", "C", "--phase", "after"]).exits(0);
    let done = sekisho(&lab, &["check", "--before", "C:before", "--after", "C:after", "--output", "json=-"]);
    assert_eq!(done.exits(0).json()["watched"]["samples"], kept);
}
