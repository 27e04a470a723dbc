//! What ufw's files would load against what runs.

use super::check;

/// A host with ufw on which these ports are open; `enabled` is what its configuration says.
fn files(enabled: &str, ports: &[&str]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut hold = |name: &str, text: String| out.push((format!("files/etc/{name}"), text));
    hold("ufw/ufw.conf", format!("ENABLED={enabled}\nLOGLEVEL=low\n"));
    let policies =
        "DEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_OUTPUT_POLICY=\"ACCEPT\"\nDEFAULT_FORWARD_POLICY=\"DROP\"\n";
    hold("default/ufw", format!("IPV6=yes\n{policies}"));
    for six in ["", "6"] {
        let chain = |name: &str| format!("ufw{six}-{name}");
        let (before, user, deny) = (chain("before-input"), chain("user-input"), chain("logging-deny"));
        hold(
            &format!("ufw/before{six}.rules"),
            format!(
                "*filter\n:{before} - [0:0]\n-A {before} -i lo -j ACCEPT\n\
                 -A {before} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                 -A {before} -m conntrack --ctstate INVALID -j {deny}\nCOMMIT\n"
            ),
        );
        hold(&format!("ufw/after{six}.rules"), "*filter\nCOMMIT\n".to_owned());
        let rules: String =
            ports.iter().map(|p| format!("-A {user} -p tcp --dport {p} -j ACCEPT\n")).collect();
        hold(
            &format!("ufw/user{six}.rules"),
            format!(
                "*filter\n:{user} - [0:0]\n:{deny} - [0:0]\n{rules}\
                 -A {user} -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --set\n\
                 -A {user} -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j DROP\n\
                 -A {user} -p tcp --dport 22 -j ACCEPT\n\
                 -I {deny} -m conntrack --ctstate INVALID -j RETURN -m limit --limit 3/min --limit-burst 10\nCOMMIT\n"
            ),
        );
    }
    out
}

/// The same host as it runs, with docker's and fail2ban's rules beside; no ufw where `ports` is none.
fn running(ports: Option<&[&str]>, banned: &str) -> Vec<(String, String)> {
    let family = |six: &str| {
        let (start, host, mask) = if six.is_empty() {
            ("ufw-", "172.17.0.2/32", "255.255.255.255")
        } else {
            ("ufw6-", "fd00::2/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        };
        let policy = if ports.is_some() { "DROP" } else { "ACCEPT" };
        let others = "-A FORWARD -j DOCKER\n-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd\n";
        let docker = format!("-A DOCKER -d {host} -i eth0 -p tcp -m tcp --dport 8080 -j ACCEPT\n");
        let ban = if six.is_empty() { banned } else { "" };
        let head = format!(
            "*filter\n:INPUT {policy} [0:0]\n:FORWARD {policy} [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER - [0:0]\n:f2b-sshd - [0:0]\n"
        );
        let Some(ports) = ports else { return format!("{head}{others}{docker}{ban}COMMIT\n") };
        let recent = format!("--name DEFAULT --mask {mask} --rsource");
        let open: String = ports
            .iter()
            .map(|p| format!("-A {start}user-input -p tcp -m tcp --dport {p} -j ACCEPT\n"))
            .collect();
        format!(
            "{head}:{start}before-input - [0:0]\n:{start}user-input - [0:0]\n:{start}logging-deny - [0:0]\n{others}\
             -A INPUT -j {start}before-input\n-A {start}before-input -i lo -j ACCEPT\n\
             -A {start}before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A {start}before-input -m conntrack --ctstate INVALID -j {start}logging-deny\n\
             -A {start}before-input -j {start}user-input\n{open}\
             -A {start}user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --set {recent}\n\
             -A {start}user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 {recent} -j DROP\n\
             -A {start}user-input -p tcp -m tcp --dport 22 -j ACCEPT\n\
             -A {start}logging-deny -m conntrack --ctstate INVALID -m limit --limit 3/min --limit-burst 10 -j RETURN\n\
             {docker}{ban}COMMIT\n"
        )
    };
    [("iptables-save.txt", ""), ("ip6tables-save.txt", "6")]
        .map(|(name, six)| (name.to_owned(), family(six)))
        .to_vec()
}

/// Rules of findings between two states, each what runs and what the files say.
fn found(before: [Vec<(String, String)>; 2], after: [Vec<(String, String)>; 2]) -> Vec<String> {
    let [before, after] = [before, after].map(|state| state.concat());
    let borrowed = |files: &'static [(String, String)]| -> Vec<(&'static str, &'static str)> {
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    };
    let answer = check(&borrowed(before.leak()), &borrowed(after.leak()));
    let findings = answer.result["findings"].as_array().unwrap().clone();
    findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
}

const BAN: &str = "-A f2b-sshd -s 198.51.100.9/32 -j REJECT --reject-with icmp-port-unreachable\n";

#[test]
fn what_a_reload_of_ufw_opens_is_told() {
    let same = || [running(Some(&["25", "3389"]), ""), files("yes", &["25", "3389"])];
    // taken out of what runs, and still in the file
    let edited = [running(Some(&["25"]), ""), files("yes", &["25", "3389"])];
    assert_eq!(found(same(), edited), ["reboot-would-open"]);
    // opened by hand
    let opened = [running(Some(&["25", "3389", "23"]), ""), files("yes", &["25", "3389"])];
    assert!(found(same(), opened).contains(&"running-not-saved".to_owned()));
    // ufw switched off in its configuration while it still runs
    let off = [running(Some(&["25", "3389"]), ""), files("no", &["25", "3389"])];
    assert!(found(same(), off).contains(&"reboot-would-open".to_owned()));
}

#[test]
fn bans_and_containers_are_not_ufws_to_save() {
    let state = |ban: &str, ports: &[&str]| [running(Some(ports), ban), files("yes", ports)];
    assert!(found(state("", &["25"]), state(BAN, &["25"])).is_empty());
    assert!(found(state(BAN, &["25", "443"]), state("", &["25"])).iter().all(|rule| !rule.contains("saved")));
    // a host on which ufw is there and not in use
    let unused = || [running(None, ""), files("no", &["25"])];
    assert!(found(unused(), [running(None, BAN), files("no", &["25"])]).is_empty());
}
