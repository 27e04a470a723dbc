//! A real Postfix behind a real packet filter, tested by somebody outside: what is concluded, recorded, and said by the
//! gate afterwards.

use std::process::Command;

use serde_json::{Value, json};

use crate::common::lab::{Filter, Lab, OUTSIDE, STRANGER};

/// Exit code, standard output, standard error.
struct Done(i32, String, String);

fn run(mut command: Command) -> Done {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done(output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

impl Done {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.0, code, "\n{}\n{}", self.1, self.2);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|e| panic!("{e}:\n{}\n{}", self.1, self.2))
    }
}

fn capture(lab: &Lab, phase: &str) {
    run(lab.program(&["capture", "--id", "CHG-1", "--device", "gate", "--phase", phase])).exits(0);
}

/// A test by somebody outside.
fn probe(lab: &Lab, more: &[&str]) -> Done {
    run(lab.program_outside(&[&["probe", "--here", "--id", "CHG-1"], more].concat()))
}

fn probed(lab: &Lab) -> (i32, Value) {
    let done = probe(lab, &["--output", "json=-"]);
    let result = done.json();
    (done.0, result["tests"][0].clone())
}

/// The gate; the rules that found something, and the card.
fn check(lab: &Lab) -> (Vec<String>, Value) {
    let states = ["check", "--before", "CHG-1:before", "--after", "CHG-1:after", "--output", "json=-"];
    let result = run(lab.program(&states)).json();
    let rules = result["findings"].as_array().unwrap().iter();
    (rules.map(|f| f["rule"].as_str().unwrap().to_owned()).collect(), result)
}

fn card(lab: &Lab) -> String {
    run(lab.program(&["check", "--before", "CHG-1:before", "--after", "CHG-1:after"])).1
}

/// Changes settings of Postfix, and waits until it runs them.
fn postfix(lab: &Lab, settings: &str) {
    lab.run(&format!("postconf -e {settings}; postfix reload 2>/dev/null; sleep 4"));
}

const FORGED: &str = "'smtpd_relay_restrictions = permit_mynetworks, \
    check_sender_access inline:{city.example.jp=OK}, reject_unauth_destination'";

/// What is said of the attempts at one place: form, reality, accord.
fn attempts(place: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attempts = place["attempts"].as_array().unwrap().iter();
    attempts.map(|a| (text(&a["form"]), text(&a["reality"]), text(&a["accord"]))).collect()
}

#[test]
fn a_closed_relay_passes_on_both_families() {
    let Some(lab) = Lab::start("a_closed_relay_passes_on_both_families", Filter::Nftables) else { return };
    capture(&lab, "before");
    let done = probe(&lab, &[]).exits(0);
    assert!(done.1.starts_with("PASSED  gate: refused everything"), "{}", done.1);
    assert!(done.1.contains("no mail was sent"), "{}", done.1);
    let (code, test) = probed(&lab);
    assert_eq!((code, &test["conclusion"]), (0, &json!("passed")), "{test}");
    let places = test["mail"].as_array().unwrap();
    let at: Vec<&Value> = places.iter().map(|place| &place["at"]).collect();
    assert_eq!(at, ["203.0.113.10:25", "[2001:db8:a::10]:25"]);
    for place in places {
        assert_eq!(place["standing"], "outside");
        let attempts = attempts(place);
        assert_eq!(attempts.len(), 9);
        for (form, reality, accord) in attempts {
            assert_eq!((reality.as_str(), accord.as_str()), ("refused", "agrees"), "{form}");
        }
    }
    // the packet filter lets nobody outside in to SSH, and nobody gets in
    assert_eq!(test["ports"][0]["expected"], "stops");
    assert_eq!(test["ports"][0]["accord"], "agrees", "{}", test["ports"]);
    let queue = lab.run("postqueue -p");
    assert!(queue.contains("Mail queue is empty"), "{queue}");
}

#[test]
fn a_forged_sender_is_found_and_the_gate_knows() {
    let Some(lab) = Lab::start("a_forged_sender_is_found_and_the_gate_knows", Filter::Nftables) else {
        return;
    };
    capture(&lab, "before");
    postfix(&lab, FORGED);
    capture(&lab, "after");
    let (rules, _) = check(&lab);
    assert!(rules.contains(&"relay-test-missing".to_owned()), "{rules:?}");
    assert!(card(&lab).contains("not tested from outside"), "{}", card(&lab));
    let done = probe(&lab, &[]).exits(1);
    assert!(done.1.starts_with("FAILED  gate: a stranger's mail"), "{}", done.1);
    let (code, test) = probed(&lab);
    assert_eq!(code, 1);
    for place in test["mail"].as_array().unwrap() {
        for (form, reality, accord) in attempts(place) {
            let relayed = form.starts_with("forged");
            assert_eq!(reality == "accepted", relayed, "{form} {reality}");
            assert_eq!(accord, "agrees", "{form}");
        }
    }
    // the configuration says so too: that is the finding, and the test still did not pass
    let (rules, result) = check(&lab);
    assert_eq!(result["verdict"], "DENY");
    assert!(rules.contains(&"relay-test-missing".to_owned()), "{rules:?}");
    assert!(!rules.iter().any(|r| r == "relay-test-failed" || r == "model-disagrees"), "{rules:?}");
    assert!(card(&lab).contains("tested from outside: it relayed"), "{}", card(&lab));
    assert!(lab.run("postqueue -p").contains("Mail queue is empty"));
}

#[test]
fn an_open_relay_fails_although_we_are_in_its_networks() {
    let Some(lab) = Lab::start("an_open_relay_fails_although_we_are_in_its_networks", Filter::Nftables)
    else {
        return;
    };
    postfix(&lab, "'mynetworks = 0.0.0.0/1 128.0.0.0/1'");
    capture(&lab, "after");
    let (code, test) = probed(&lab);
    assert_eq!((code, &test["conclusion"]), (1, &json!("failed")), "{test}");
    let of =
        |family: usize| attempts(&test["mail"][family]).into_iter().find(|(f, ..)| f == "foreign").unwrap();
    assert_eq!((of(0).1.as_str(), of(1).1.as_str()), ("accepted", "refused"), "open on IPv4 only");
}

#[test]
fn a_test_from_where_the_relay_trusts_concludes_nothing() {
    let Some(lab) = Lab::start("a_test_from_where_the_relay_trusts_concludes_nothing", Filter::Nftables)
    else {
        return;
    };
    postfix(&lab, "'mynetworks = 127.0.0.0/8 203.0.113.0/29'");
    capture(&lab, "after");
    let done = probe(&lab, &[&format!("{OUTSIDE}:25")]).exits(3);
    let words = format!("{STRANGER} is trusted by the server's configuration");
    assert!(done.1.starts_with("NO CONCLUSION  gate") && done.1.contains(&words), "{}", done.1);
    // and from the host itself
    postfix(&lab, "'mynetworks = 127.0.0.0/8'");
    capture(&lab, "after");
    let done = run(lab.program(&["probe", "--here", "--id", "CHG-1", &format!("{OUTSIDE}:25")])).exits(3);
    assert!(done.1.contains(&format!("{OUTSIDE} is an inside address")), "{}", done.1);
    let done = run(lab.program(&["probe", "--here", "--id", "CHG-1", "--lang", "ja", "gate"])).exits(3);
    assert!(done.1.starts_with("結論なし NO CONCLUSION  gate"), "{}", done.1);
}

#[test]
fn a_server_that_does_not_run_what_was_captured_disagrees() {
    let Some(lab) = Lab::start("a_server_that_does_not_run_what_was_captured_disagrees", Filter::Nftables)
    else {
        return;
    };
    capture(&lab, "before");
    capture(&lab, "after");
    // nobody captures this
    postfix(&lab, FORGED);
    let done = probe(&lab, &[]).exits(1);
    assert!(done.1.contains("! model-disagrees: gate does not do what its configuration says"), "{}", done.1);
    let (rules, result) = check(&lab);
    assert_eq!((&result["verdict"], rules[0].as_str()), (&json!("DENY"), "model-disagrees"), "{result}");
    let finding = &result["findings"][0];
    assert_eq!((&finding["severity"], &finding["confidence"]), (&json!("high"), &json!("certain")));
    assert_eq!(finding["witness"]["after"]["code"], 250, "{finding}");
    // the other way round: stricter than what was captured
    capture(&lab, "after");
    postfix(&lab, "'smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination'");
    let (code, test) = probed(&lab);
    assert_eq!((code, &test["findings"][0]["severity"]), (0, &json!("medium")), "{test}");
}

#[test]
fn the_gate_asks_for_a_test_after_the_last_edit() {
    let Some(lab) = Lab::start("the_gate_asks_for_a_test_after_the_last_edit", Filter::Nftables) else {
        return;
    };
    let missing = |lab: &Lab| check(lab).0.contains(&"relay-test-missing".to_owned());
    capture(&lab, "before");
    probe(&lab, &[]).exits(0);
    postfix(&lab, "'smtpd_helo_required = yes'");
    capture(&lab, "after");
    assert!(missing(&lab), "a test before the edit proves nothing");
    probe(&lab, &[]).exits(0);
    assert!(!missing(&lab), "{:?}", check(&lab).0);
    // an edit of which only a comment is left is an edit
    lab.run("echo '# by night' >> /etc/postfix/main.cf");
    capture(&lab, "after");
    assert!(missing(&lab));
    // a look during the window that saw the last edit makes tests count from then on
    capture(&lab, "during");
    probe(&lab, &[]).exits(0);
    capture(&lab, "after");
    assert!(!missing(&lab), "{:?}", check(&lab).0);
    // what is no relay's configuration asks for no test
    lab.run("nft add rule inet filter input tcp dport 8080 accept");
    capture(&lab, "after");
    assert!(!missing(&lab), "{:?}", check(&lab).0);
}

#[test]
fn a_port_that_the_change_opened_is_tried() {
    let Some(lab) = Lab::start("a_port_that_the_change_opened_is_tried", Filter::Nftables) else { return };
    capture(&lab, "before");
    lab.run(&format!("nft add rule inet filter input ip daddr {OUTSIDE} tcp dport 3389 accept"));
    capture(&lab, "after");
    let (_, test) = probed(&lab);
    let ports = test["ports"].as_array().unwrap();
    let opened = ports.iter().find(|port| port["at"] == format!("{OUTSIDE}:3389")).unwrap();
    assert_eq!((&opened["opened"], &opened["expected"]), (&json!(true), &json!("passes")), "{opened}");
    assert_eq!(opened["met"]["met"], "refused", "the filter lets it through, and nobody listens");
}

#[test]
fn a_test_goes_out_from_a_host_that_only_lets_connections_through() {
    let test = "a_test_goes_out_from_a_host_that_only_lets_connections_through";
    let Some(lab) = Lab::start(test, Filter::Nftables) else { return };
    let _vantage = lab.sshd_outside();
    capture(&lab, "before");
    let done = run(lab.program(&["probe", "--id", "CHG-1", &format!("{OUTSIDE}:25"), "--output", "json=-"]))
        .exits(0);
    let test = &done.json()["tests"][0];
    assert_eq!(
        (&test["vantage"], &test["mail"][0]["client"]),
        (&json!("outside"), &json!(STRANGER)),
        "{test}"
    );
    assert_eq!((&test["mail"][0]["standing"], &test["conclusion"]), (&json!("outside"), &json!("passed")));
    let done = run(lab.program(&["probe", "--id", "CHG-1", "--from", "gat"])).exits(2);
    assert!(done.2.contains("did you mean gate?"), "{}", done.2);
}

#[test]
fn only_what_is_declared_is_connected_to() {
    let Some(lab) = Lab::start("only_what_is_declared_is_connected_to", Filter::Nftables) else { return };
    for target in ["203.0.113.99:25", "203.0.113.10:26", "outside", "nobody", "mx.example:25"] {
        let done = probe(&lab, &[target]).exits(2);
        assert!(done.2.contains("is not declared as a target of tests"), "{target}: {}", done.2);
    }
    let done = run(lab.program(&["capture", "--id", "CHG-1", "--phase", "probe"])).exits(2);
    assert!(done.2.contains("is no phase"), "{}", done.2);
}

#[test]
fn a_server_that_demands_tls_is_tested_under_it() {
    let name = "a_server_that_demands_tls_is_tested_under_it";
    let Some(lab) = Lab::start(name, Filter::Nftables) else { return };
    lab.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=gate -keyout /etc/postfix/k.pem \
         -out /etc/postfix/c.pem 2>/dev/null; chmod 600 /etc/postfix/k.pem",
    );
    lab.run("postconf -M 'tlsmgr/unix=tlsmgr unix - - n 1000? 1 tlsmgr'");
    let certificate = "smtpd_tls_cert_file=/etc/postfix/c.pem smtpd_tls_key_file=/etc/postfix/k.pem";
    postfix(&lab, &format!("smtpd_tls_security_level=encrypt {certificate}"));
    capture(&lab, "before");
    let under = |begun: &str, conclusion: &str| {
        let (_, test) = probed(&lab);
        assert_eq!(test["conclusion"], conclusion, "{test}");
        for place in test["mail"].as_array().unwrap() {
            assert_eq!(place["tls"]["begun"], begun, "{place}");
            assert_eq!(place["tls"]["verified"], false);
            for (form, reality, accord) in attempts(place) {
                let refused = if conclusion == "passed" { "refused" } else { "accepted" };
                let wanted = if form.starts_with("forged") { refused } else { "refused" };
                assert_eq!((reality.as_str(), accord.as_str()), (wanted, "agrees"), "{form}");
            }
        }
    };
    under("starttls", "passed");
    postfix(&lab, &format!("smtpd_tls_wrappermode=yes {FORGED}"));
    capture(&lab, "after");
    under("implicit", "failed");
    assert!(lab.run("postqueue -p").contains("Mail queue is empty"));
}
