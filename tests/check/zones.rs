//! Zones that are kept apart.

use std::fs;

use super::run;

const SITE: &str = r#"
[site]
name = "t"
isolate = [["office", "guests"]]
[[zone]]
name = "internet"
trust = "untrusted"
[[zone]]
name = "office"
trust = "trusted"
networks = ["10.1.0.0/16"]
[[zone]]
name = "guests"
trust = "partner"
networks = ["10.9.0.0/16"]
[[zone]]
name = "dmz"
trust = "trusted"
networks = ["203.0.113.0/28"]
[[device]]
name = "host"
platforms = ["nftables"]
interfaces = { wan0 = "internet", office0 = "office", guests0 = "guests", dmz0 = "dmz" }
"#;

#[test]
fn a_destination_belongs_to_the_zone_whose_networks_hold_it() {
    let crossing = |rule: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("site.toml"), SITE).unwrap();
        for (state, rule) in [("before", ""), ("after", rule)] {
            let device = folder.path().join(state).join("host");
            fs::create_dir_all(&device).unwrap();
            let text = format!(
                "table inet filter {{\n chain forward {{\n  type filter hook forward priority 0; policy drop;\n  {rule}\n }}\n}}\n"
            );
            fs::write(device.join("nft.txt"), text).unwrap();
        }
        let answer = run(folder.path());
        let findings = answer.result["findings"].as_array().unwrap().clone();
        findings.iter().filter(|f| f["rule"] == "isolate-crossed").count()
    };
    // no routes are known: the packet might leave by office0, but its address is the DMZ's
    assert_eq!(crossing("ip daddr 203.0.113.11 tcp dport 443 accept"), 0);
    assert_eq!(crossing("iifname \"guests0\" ip daddr 10.1.2.3 tcp dport 443 accept"), 1);
    assert_eq!(crossing("iifname \"guests0\" oifname \"office0\" tcp dport 443 accept"), 1);
}
