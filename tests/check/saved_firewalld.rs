//! What firewalld runs against what it has saved.

use super::check;

/// A zone with these services.
fn zones(services: &str) -> String {
    format!(
        "public (active)\n  target: default\n  interfaces: eth0\n  services: {}\n  ports: \n  rich rules: \n\n",
        services.replace(',', "")
    )
}

/// Rules and confidences of findings; each state is what runs and what is saved.
fn found(before: [&str; 2], after: [&str; 2]) -> (i32, Vec<(String, String)>) {
    let rules = |services: &str| {
        format!(
            "table inet firewalld {{\n chain filter_INPUT {{\n  type filter hook input priority 10; policy drop;\n  \
             tcp dport {{ {services} }} accept\n }}\n}}\n"
        )
    };
    let [before, after] = [before, after].map(|[running, saved]| {
        [
            ("nft.txt", rules(running)),
            ("firewalld-zones.txt", zones(running)),
            ("firewalld-zones-permanent.txt", zones(saved)),
        ]
    });
    let borrowed = |files: &'static [(&'static str, String)]| -> Vec<(&'static str, &'static str)> {
        files.iter().map(|(name, text)| (*name, text.as_str())).collect()
    };
    let answer = check(&borrowed(Vec::from(before).leak()), &borrowed(Vec::from(after).leak()));
    let findings = answer.result["findings"].as_array().unwrap();
    let word = |f: &serde_json::Value, key: &str| f[key].as_str().unwrap().to_owned();
    (answer.code, findings.iter().map(|f| (word(f, "rule"), word(f, "confidence"))).collect())
}

#[test]
fn a_part_that_is_only_saved_may_open_at_the_next_reload() {
    let (code, findings) = found(["ssh", "ssh"], ["ssh", "ssh telnet"]);
    assert_eq!(findings, [("reload-would-open".to_owned(), "possible".to_owned())]);
    assert_eq!(code, 3);
    // it was so before the work
    assert!(found(["ssh", "ssh telnet"], ["ssh", "ssh telnet"]).1.is_empty());
    // saved and running alike
    let (_, findings) = found(["ssh, http", "ssh, http"], ["ssh", "ssh"]);
    assert!(findings.iter().all(|(rule, _)| !rule.starts_with("reload")), "{findings:?}");
}

#[test]
fn a_part_that_only_runs_is_undone_by_a_reload() {
    let (_, findings) = found(["ssh", "ssh"], ["ssh, http", "ssh"]);
    assert!(findings.contains(&("reload-would-change".to_owned(), "certain".to_owned())), "{findings:?}");
}
