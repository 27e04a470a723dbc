//! A mail server is judged with the device in front of it: what that lets through, and under which address.

use std::fs;

use super::{Answer, run};

const SITE: &str = r#"
[[zone]]
name = "internet"
trust = "untrusted"
[[zone]]
name = "dmz"
trust = "trusted"
networks = ["10.2.0.0/24"]
[[zone]]
name = "office"
trust = "trusted"
networks = ["10.1.0.0/16"]
[[device]]
name = "fw"
platforms = ["nftables"]
interfaces = { wan0 = "internet", dmz0 = "dmz", lan0 = "office" }
[[device]]
name = "mx"
platforms = ["postfix", "nftables"]
interfaces = { eth0 = "dmz" }
behind = "fw"
"#;

const FORWARD: &str = "oifname dmz0 ip daddr 10.2.0.25 tcp dport 25 accept";
const TO_MX: &str = "iifname wan0 ip daddr 192.0.2.2 tcp dport 25 dnat to 10.2.0.25";
const OUTWARD: &str = "oifname wan0 snat to 192.0.2.2";
const MASQUERADE: &str = "oifname dmz0 masquerade";
const NEIGHBOURS: &str = "127.0.0.0/8 10.2.0.0/24";
const EVERYBODY: &str = "0.0.0.0/0";
const MASTER: &str = "smtp inet n - y - - smtpd\n";

/// A front device and a mail server.
#[derive(Clone, Copy)]
struct State<'a> {
    forward: &'a str,
    dnat: &'a str,
    snat: &'a str,
    trusted: &'a str,
    master: &'a str,
    /// The mail server's own input chain.
    input: &'a str,
}

const CLOSED: State<'_> = State {
    forward: FORWARD,
    dnat: TO_MX,
    snat: OUTWARD,
    trusted: NEIGHBOURS,
    master: MASTER,
    input: "accept",
};

fn address(interface: &str, address: &str, prefix: u8) -> String {
    format!(
        r#"{{"ifname":"{interface}","flags":["UP"],"link_type":"ether","addr_info":[{{"family":"inet","local":"{address}","prefixlen":{prefix},"scope":"global"}}]}}"#
    )
}

fn route(destination: &str, interface: &str, gateway: Option<&str>) -> String {
    let gateway = gateway.map_or_else(String::new, |gateway| format!(r#""gateway":"{gateway}","#));
    format!(r#"{{"dst":"{destination}",{gateway}"dev":"{interface}","table":"main","flags":[]}}"#)
}

impl State<'_> {
    fn files(&self) -> Vec<(&'static str, String)> {
        let chain = |hook: &str, rules: &str| {
            format!("chain {hook} {{ type filter hook {hook} priority 0; policy drop; {rules}; }}")
        };
        let fw = format!(
            "table inet filter {{ {} }}\ntable ip nat {{\n chain pre {{ type nat hook prerouting priority -100; {}; }}\n \
             chain post {{ type nat hook postrouting priority 100; {}; }}\n}}\n",
            chain("forward", self.forward),
            self.dnat,
            self.snat
        );
        let list = |all: &[String]| format!("[{}]", all.join(","));
        let fw_addresses = [
            address("wan0", "192.0.2.2", 30),
            address("dmz0", "10.2.0.1", 24),
            address("lan0", "10.1.0.1", 16),
        ];
        let fw_routes = [
            route("default", "wan0", Some("192.0.2.1")),
            route("192.0.2.0/30", "wan0", None),
            route("10.2.0.0/24", "dmz0", None),
            route("10.1.0.0/16", "lan0", None),
        ];
        let mx_routes = [route("default", "eth0", Some("10.2.0.1")), route("10.2.0.0/24", "eth0", None)];
        let main = format!(
            "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = city.example.jp\n\
             inet_interfaces = all\nmynetworks = {}\n",
            self.trusted
        );
        vec![
            ("fw/nft.txt", fw),
            ("fw/ip-addr.json", list(&fw_addresses)),
            ("fw/ip-route.json", list(&fw_routes)),
            ("fw/sysctl.txt", "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 0\n".to_owned()),
            ("mx/nft.txt", format!("table inet filter {{ {} }}\n", chain("input", self.input))),
            ("mx/ip-addr.json", list(&[address("eth0", "10.2.0.25", 24)])),
            ("mx/ip-route.json", list(&mx_routes)),
            ("mx/files/etc/postfix/main.cf", main),
            ("mx/files/etc/postfix/master.cf", self.master.to_owned()),
        ]
    }
}

fn check_with(site: &str, before: State<'_>, after: State<'_>) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.toml"), site).unwrap();
    for (phase, state) in [("before", before), ("after", after)] {
        for (name, text) in state.files() {
            let path = folder.path().join(phase).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    run(folder.path())
}

/// The open relays that are found: confidence, whether new, and the address that the server sees.
fn open(before: State<'_>, after: State<'_>) -> Vec<(String, String, Option<String>)> {
    relays(&check_with(SITE, before, after))
}

fn relays(answer: &Answer) -> Vec<(String, String, Option<String>)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = answer.result["findings"].as_array().unwrap().iter();
    let open = findings.filter(|f| f["rule"] == "open-relay");
    open.map(|f| {
        assert_eq!(f["device"], "mx");
        let seen = f["witness"]["translated"]["src"].as_str().map(str::to_owned);
        (text(&f["confidence"]), text(&f["status"]), seen)
    })
    .collect()
}

fn found(confidence: &str, status: &str, seen: Option<&str>) -> Vec<(String, String, Option<String>)> {
    vec![(confidence.to_owned(), status.to_owned(), seen.map(str::to_owned))]
}

#[test]
fn translation_to_a_trusted_address_opens_a_relay_whose_files_never_changed() {
    let translating = State { snat: MASQUERADE, ..CLOSED };
    let answer = check_with(SITE, CLOSED, translating);
    assert_eq!(relays(&answer), found("certain", "new", Some("10.2.0.1")));
    let finding =
        answer.result["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "open-relay").unwrap();
    let witness = &finding["witness"];
    assert_eq!((&witness["server"], &witness["port"]), (&"192.0.2.2".into(), &25.into()));
    assert_eq!(witness["translated"]["dst"], "10.2.0.25");
    // the same attempt was refused before, under the client's own address
    assert_eq!((&witness["before"]["verdict"], &witness["before"]["code"]), (&"defer".into(), &454.into()));
    let steps = witness["after"]["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["device"], &steps[0]["result"]), (&"fw".into(), &"accept".into()));
    assert_eq!(steps.last().unwrap()["result"], "permit");
    assert_eq!(witness["before"]["steps"].as_array().unwrap().last().unwrap()["result"], "refuse");
    let rules: Vec<&str> =
        answer.result["findings"].as_array().unwrap().iter().filter_map(|f| f["rule"].as_str()).collect();
    assert!(!rules.contains(&"out-of-scope"), "{rules:?}");
    // back again: closed
    assert!(open(translating, CLOSED).is_empty());
}

#[test]
fn translation_that_gives_nobody_a_trusted_address_opens_nothing() {
    assert!(open(CLOSED, State { snat: "oifname dmz0 snat to 192.0.2.2", ..CLOSED }).is_empty());
    assert!(open(CLOSED, State { snat: "oifname wan0 masquerade", ..CLOSED }).is_empty(), "outward only");
    // an own list for the port that the device in front leads to
    let apart =
        State { snat: MASQUERADE, master: "smtp inet n - y - - smtpd -o mynetworks=127.0.0.0/8\n", ..CLOSED };
    assert!(open(CLOSED, apart).is_empty());
}

#[test]
fn a_relay_that_only_the_firewall_protects_opens_with_it() {
    let office = "iifname lan0 oifname dmz0 ip daddr 10.2.0.25 tcp dport 25 accept";
    let kept = State { forward: office, trusted: EVERYBODY, ..CLOSED };
    assert!(open(kept, kept).is_empty(), "only the office gets there");
    let answer = check_with(SITE, kept, State { forward: FORWARD, ..kept });
    assert_eq!(relays(&answer), found("certain", "new", None));
    assert_eq!(answer.code, 1);
    // without the declaration nobody knows of the firewall
    let alone = SITE.replace("behind = \"fw\"\n", "");
    assert_eq!(relays(&check_with(&alone, kept, kept)), found("certain", "standing", None));
}

#[test]
fn a_packet_must_pass_both_the_device_in_front_and_the_host() {
    let open_front = State { trusted: EVERYBODY, ..CLOSED };
    assert!(open(open_front, State { input: "ip saddr 10.1.0.0/16 accept", ..open_front }).is_empty());
    assert!(open(open_front, State { input: "tcp dport 22 accept", ..open_front }).is_empty());
    // the host lets in only the device in front, and that is whom it sees
    let behind_it = State { input: "ip saddr 10.2.0.1 accept", trusted: "10.2.0.1", ..CLOSED };
    assert!(open(behind_it, behind_it).is_empty());
    let seen = State { snat: MASQUERADE, ..behind_it };
    assert_eq!(open(behind_it, seen), found("certain", "new", Some("10.2.0.1")));
}

#[test]
fn ports_are_followed_through_translation() {
    let elsewhere = State {
        master: "smtp inet n - y - - smtpd\n2525 inet n - y - - smtpd -o mynetworks=0.0.0.0/0\n",
        forward: "oifname dmz0 ip daddr 10.2.0.25 tcp dport { 25, 2525 } accept",
        ..CLOSED
    };
    // nobody outside is led to that port; only a neighbour at the provider could address it as it is
    assert!(open(CLOSED, elsewhere).iter().all(|(confidence, ..)| confidence == "possible"));
    let led =
        State { dnat: "iifname wan0 ip daddr 192.0.2.2 tcp dport 25 dnat to 10.2.0.25:2525", ..elsewhere };
    let answer = check_with(SITE, elsewhere, led);
    let findings = answer.result["findings"].as_array().unwrap();
    let certain = |f: &&serde_json::Value| f["rule"] == "open-relay" && f["confidence"] == "certain";
    let finding = findings.iter().find(certain).unwrap();
    assert_eq!(finding["witness"]["port"], 25, "as the client addresses it");
    assert_eq!(finding["witness"]["translated"]["dport"], 2525);
}

#[test]
fn what_is_not_read_in_front_leaves_the_answer_open() {
    let office = "iifname lan0 oifname dmz0 ip daddr 10.2.0.25 tcp dport 25 accept";
    let kept = State { forward: office, trusted: EVERYBODY, ..CLOSED };
    let unread = format!("meta frobnicate 7 accept; {office}");
    let answer = check_with(SITE, kept, State { forward: &unread, ..kept });
    assert_eq!(relays(&answer), found("possible", "new", None));
    assert_eq!(answer.code, 3);
}
