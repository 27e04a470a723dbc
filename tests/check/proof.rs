//! Every open relay carries its proof: the entries that were asked, up to the one that permits the attempt.

use std::path::Path;
use std::process::Command;

use super::check;

fn steps(value: &serde_json::Value) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let steps = value["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|s| (text(&s["stage"]), text(&s["lines"][0]["text"]), text(&s["result"]))).collect()
}

#[test]
fn the_list_before_and_after() {
    let config = |relay: &str| {
        format!(
            "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = city.example.jp\n\
             mynetworks = 127.0.0.0/8\nsmtpd_relay_restrictions = {relay}\n"
        )
    };
    let services = ("files/etc/postfix/master.cf", "smtp inet n - y - - smtpd\n");
    let cf = "files/etc/postfix/main.cf";
    let closed = config("permit_mynetworks, reject_unauth_destination");
    let open = config(
        "permit_mynetworks, check_sender_access inline:{city.example.jp=OK}, reject_unauth_destination",
    );
    let answer = check(&[(cf, &closed), services], &[(cf, &open), services]);
    let finding = &answer.result["findings"][0];
    assert_eq!(finding["rule"], "open-relay");
    let shown = |side: &str| -> Vec<String> {
        let steps = steps(&finding["witness"][side]).into_iter();
        steps.map(|(stage, _, result)| format!("{stage} {result}")).collect()
    };
    assert_eq!(shown("before"), ["relay pass", "relay refuse"]);
    assert_eq!(shown("after"), ["relay pass", "relay permit"]);
}

#[test]
fn every_mail_server_shows_what_permits() {
    for (platform, case) in [
        ("exim", "forged-local-sender"),
        ("exim", "debian-relay-nets-open"),
        ("opensmtpd", "forged-sender"),
        ("sendmail", "promiscuous"),
    ] {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(platform).join(case).join("device");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["check", "--platform", platform, "--output", "json=-", "--after"]).arg(folder);
        let result: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let findings = result["findings"].as_array().unwrap();
        let open = findings
            .iter()
            .find(|f| f["rule"] == "open-relay")
            .unwrap_or_else(|| panic!("{platform} {case}"));
        let steps = steps(&open["witness"]["after"]);
        // where no list permits, it ends without a refusal
        let refused = steps.iter().any(|(.., result)| result == "refuse");
        let said = steps.iter().all(|(_, text, _)| !text.is_empty());
        assert!(!steps.is_empty() && !refused && said, "{platform} {case}: {steps:?}");
        assert!(open["location"]["text"].is_string(), "{platform} {case}");
    }
}
