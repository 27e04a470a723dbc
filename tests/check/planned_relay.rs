//! Relaying that the plan permits.

use std::fs;

use super::run;

const SITE: &str = r#"
[site]
name = "t"
[[zone]]
name = "internet"
trust = "untrusted"
[[zone]]
name = "branch"
trust = "partner"
networks = ["192.0.2.0/24"]
[[device]]
name = "host"
platforms = ["postfix"]
"#;

/// What `check` answers where `networks` become trusted, with this end of a plan.
fn answer(networks: &str, plan: &str) -> (i32, bool) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.toml"), SITE).unwrap();
    let change = format!(
        "[change]\nid = \"CHG-1\"\nstart = 2026-01-01T00:00:00Z\nend = 2026-01-01T04:00:00Z\n[scope]\ndevices = [\"host\"]\n{plan}"
    );
    fs::write(folder.path().join("change.toml"), change).unwrap();
    for (state, networks) in [("before", "127.0.0.0/8"), ("after", networks)] {
        let device = folder.path().join(state).join("host");
        fs::create_dir_all(device.join("files/etc/postfix")).unwrap();
        let main = format!(
            "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = $myhostname\nmynetworks = {networks}\n"
        );
        fs::write(device.join("files/etc/postfix/main.cf"), main).unwrap();
        fs::write(
            device.join("files/etc/postfix/master.cf"),
            "smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n",
        )
        .unwrap();
    }
    let answer = run(folder.path());
    let open = answer.result["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "open-relay");
    (answer.code, open)
}

#[test]
fn relaying_for_planned_clients_is_no_finding() {
    let branch = "127.0.0.0/8 192.0.2.0/24";
    let plan = |clients: &str, recipients: &str| {
        format!("[[expect.relay]]\ndevice = \"host\"\nclients = [{clients}]\nrecipients = [{recipients}]\n")
    };
    assert_eq!(answer(branch, ""), (1, true));
    assert_eq!(answer(branch, &plan("\"branch\"", "\"any\"")), (0, false));
    assert_eq!(
        answer(branch, &plan("\"192.0.2.0/25\"", "\"any\"")),
        (1, true),
        "only half of them is planned"
    );
    assert_eq!(answer(branch, &plan("\"branch\"", "\"far.example\"")), (1, true), "for one domain only");
    assert_eq!(answer("0.0.0.0/0", &plan("\"any\"", "\"any\"")), (1, true), "everybody cannot be planned");
}
