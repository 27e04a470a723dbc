//! `site.toml`: the example of the design reads; every slip is told, at its place, together with all others.

use std::path::Path;

use proptest::prelude::*;

use super::device::{Auth, Jump};
use super::*;

fn known() -> Known<'static> {
    Known {
        platforms: &["iptables", "nftables", "postfix"],
        packs: &["default"],
        home: Some(Path::new("/home/kanri")),
    }
}

fn parse(text: &str) -> Result<Site, Rejected> {
    Site::parse(&Source::new("city/site.toml", text), &known())
}

/// Every complaint as `line:column code`.
fn complaints(text: &str) -> Vec<String> {
    let rejected = parse(text).expect_err(text);
    let at = |d: &Diagnostic| {
        let place = rejected.source.place(d.span.as_ref().unwrap().start);
        format!("{}:{} {}", place.line, place.column, d.problem.code())
    };
    rejected.diagnostics.iter().map(at).collect()
}

/// The text that the only complaint points at, its code, and its proposal.
fn complaint(text: &str) -> (String, String, Option<String>) {
    let rejected = parse(text).expect_err(text);
    let [only] = rejected.diagnostics.as_slice() else { panic!("{text}: {rejected}") };
    let value = serde_json::to_value(&only.problem).unwrap();
    let near = value.get("near").and_then(|near| near.as_str()).map(str::to_owned);
    (text.get(only.span.clone().unwrap()).unwrap().to_owned(), only.problem.code(), near)
}

const CITY: &str = r#"
[site]
name = "Example city"
isolate = [["mynumber", "lgwan", "internet-side"]]
require = ["tcp internet -> 203.0.113.10:25"]
never_together = [["production", "backup"]]
soak = "24h"
known-hosts = "keys/known_hosts"

[[zone]]
name = "internet"
trust = "untrusted"

[[zone]]
name = "dmz"
trust = "trusted"
networks = ["203.0.113.0/28", "2001:db8:d::/64"]

[[zone]]
name = "mynumber"
trust = "trusted"
networks = ["10.1.0.0/16"]

[[zone]]
name = "lgwan"
trust = "partner"
networks = ["10.2.0.0/16"]

[[zone]]
name = "internet-side"
trust = "trusted"
networks = ["10.3.0.0/16"]

[[device]]
name = "fw-edge"
address = "192.0.2.1:22"
user = "audit"
platforms = ["nftables"]
groups = ["production"]
interfaces = { wan0 = "internet", dmz0 = "dmz" }
jump = "audit@192.0.2.9:22"
key = "~/.ssh/audit"
auth = ["agent", "key"]
timeout = "1m30s"

[[device]]
name = "mx1"
address = "203.0.113.10:22"
platforms = ["iptables", "postfix"]
groups = ["backup"]
behind = "fw-edge"
jump = "fw-edge"
mail_domains = ["city.example.jp"]
password-env = "MX1_PASSWORD"
files = { "files/etc/postfix/main.cf" = "mx1/main.cf" }

[rules]
packs = ["default", "rules/local.toml"]
"#;

#[test]
fn the_example_of_the_design_reads() {
    let site = parse(CITY).unwrap_or_else(|rejected| panic!("{rejected}"));
    assert_eq!(site.name.as_deref(), Some("Example city"));
    assert_eq!(site.soak, Some(Duration::from_secs(86_400)));
    assert_eq!(site.known_hosts.as_deref(), Some(Path::new("city/keys/known_hosts")));
    assert_eq!(site.isolate[0].get_ref().len(), 3);
    assert_eq!(CITY.get(site.isolate[0].span()), Some(r#"["mynumber", "lgwan", "internet-side"]"#));
    assert_eq!(site.require[0].get_ref().to_string(), "tcp internet -> 203.0.113.10:25");
    assert_eq!(site.packs, [Pack::Shipped("default".into()), Pack::File("city/rules/local.toml".into())]);

    let edge = &site.devices["fw-edge"];
    assert_eq!(edge.address.as_ref().unwrap().to_string(), "192.0.2.1:22");
    assert_eq!(edge.auth.as_deref(), Some([Auth::Agent, Auth::Key].as_slice()));
    assert_eq!(edge.key.as_deref(), Some(Path::new("/home/kanri/.ssh/audit")));
    assert_eq!(edge.timeout, Some(Duration::from_secs(90)));
    let Some(Jump::Account(jump)) = &edge.jump else { panic!("{:?}", edge.jump) };
    assert_eq!(jump.to_string(), "audit@192.0.2.9:22");

    let mx1 = &site.devices["mx1"];
    assert_eq!(mx1.jump, Some(Jump::Device(Name::new("fw-edge").unwrap())));
    assert_eq!(mx1.password_env.as_deref(), Some("MX1_PASSWORD"));
    assert_eq!(mx1.files["files/etc/postfix/main.cf"], Path::new("city/mx1/main.cf"));
    assert!(mx1.mail_domains.contains("city.example.jp"));
    assert_eq!(site.group("backup").map(|d| d.name.as_str()).collect::<Vec<_>>(), ["mx1"]);
    let stranger = "8.8.8.8".parse().unwrap();
    let wan = site.zone_of("fw-edge", Some("wan0"), stranger).map(|zone| zone.name.as_str());
    assert_eq!(wan, Some("internet"));
    let own = AddressSet::none();
    assert!(site.trust("fw-edge", Some("wan0"), &own, InterfaceRole::Other).untrusted.contains(stranger));
}

#[test]
fn an_empty_file_declares_nothing() {
    for text in ["", "# nothing\n", "[site]\n", "[rules]\n"] {
        let site = parse(text).unwrap();
        assert!(site.zones.is_empty() && site.devices.is_empty());
        assert_eq!(site.zones.addresses("internet"), None::<AddressSet>);
    }
}

#[test]
fn every_slip_of_a_file_is_told_at_once() {
    let text = r#"
[site]
nam = "x"
soak = "1 day"
[[zone]]
name = "dmz"
trust = "turst"
[[zone]]
name = "lan"
trust = "trusted"
networks = ["10.0.0.1/8", "x"]
[[device]]
name = "fw"
platforms = ["nftable"]
behind = "fv"
interfaces = { eth0 = "lann" }
"#;
    assert_eq!(
        complaints(text),
        [
            "3:1 unknown-key",
            "4:8 bad-value",
            "7:9 not-one-of",
            "11:13 bad-value",
            "11:27 bad-value",
            "14:14 undeclared",
            "15:10 undeclared",
            "16:23 undeclared",
        ]
    );
}

#[test]
fn slips_point_at_what_is_wrong_and_propose_what_was_meant() {
    let some = |s: &str| Some(s.to_owned());
    let zone = "zone = [{ name = \"dmz\", trust = \"trusted\", networks = [\"10.0.0.0/8\"] }]\n";
    let device =
        |rest: &str| format!("{zone}[[device]]\nname = \"fw\"\nplatforms = [\"nftables\"]\n{rest}\n");
    for (text, at, code, near) in [
        ("[sit]\n".to_owned(), "sit", "unknown-key", some("site")),
        (device("adress = \"x\""), "adress", "unknown-key", some("address")),
        (device("password = \"x\""), "password", "secret-in-file", None),
        (device("password_env = \"a b\""), "\"a b\"", "bad-value", None),
        (
            device("mail_domains = [\"@City.example.jp\"]"),
            "\"@City.example.jp\"",
            "bad-value",
            some("city.example.jp"),
        ),
        (
            device("files = { \"etc/nftables.conf\" = \"x\" }"),
            "\"etc/nftables.conf\"",
            "bad-value",
            some("files/etc/nftables.conf"),
        ),
        (device("timeout = 20"), "20", "bad-value", None),
        (device("groups = \"production\""), "\"production\"", "wrong-kind", None),
        (device("auth = []"), "[]", "empty", None),
        (device("auth = [\"keys\"]"), "\"keys\"", "not-one-of", some("key")),
        (device("jump = \"fw-egde\""), "\"fw-egde\"", "undeclared", None),
        (device("jump = \"fw\""), "[[device]]", "cycle", None),
        (device("[site]\nrequire = [\"tcp dnz -> fw:22\"]"), "dnz", "undeclared", some("dmz")),
        (device("[site]\nrequire = [\"tcp dmz -> fw:ssh\"]"), "ssh", "bad-flow", None),
        (device("[site]\nisolate = [[\"dmz\"]]"), "[\"dmz\"]", "too-few", None),
        (
            device(
                "[site]\nnever_together = [[\"a\", \"a\"]]\n[[device]]\nname=\"b\"\nplatforms=[\"postfix\"]\ngroups=[\"a\"]",
            ),
            "[\"a\", \"a\"]",
            "too-few",
            None,
        ),
        (device("[rules]\npacks = [\"defualt\"]"), "\"defualt\"", "undeclared", some("default")),
        (device("known-hosts = \"x\""), "known-hosts", "unknown-key", None),
        (device("[site]\nknown_hosts = \"a\"\nknown-hosts = \"b\""), "known_hosts", "duplicate-key", None),
        ("[[device]]\nname = \"fw\"\n".to_owned(), "[[device]]", "missing-key", None),
        ("[[device]]\nname = \"fw\"\nplatforms = []\n".to_owned(), "[[device]]", "empty", None),
        ("[device]\nname = \"fw\"\n".to_owned(), "[device]", "wrong-kind", None),
        ("[[zone]]\nname = \"any\"\ntrust = \"untrusted\"\n".to_owned(), "\"any\"", "bad-value", None),
        ("[[zone]]\nname = \"a\"\ntrust = \"partner\"\n".to_owned(), "\"a\"", "zone-nowhere", None),
        ("[[zone]]\nname = \"a\"\ntrust = \"untrusted\"\nnetworks = []\n".to_owned(), "[]", "empty", None),
    ] {
        assert_eq!(complaint(&text), (at.to_owned(), code.to_owned(), near), "{text}");
    }
}

#[test]
fn names_are_declared_once() {
    let zone = |name: &str| format!("[[zone]]\nname = \"{name}\"\ntrust = \"untrusted\"\n");
    let device = |name: &str| format!("[[device]]\nname = \"{name}\"\nplatforms = [\"postfix\"]\n");
    assert_eq!(complaints(&(device("mx") + &device("MX"))), ["5:8 declared-twice"]);
    assert_eq!(complaints(&(zone("a") + &device("b") + &zone("A"))), ["8:8 declared-twice"]);
    assert_eq!(complaints(&(zone("a") + &device("a"))), ["5:8 ambiguous"]);
}

#[test]
fn networks_belong_to_one_zone_and_never_make_the_internet_trusted() {
    let zone = |name: &str, trust: &str, networks: &str| {
        format!("[[zone]]\nname = \"{name}\"\ntrust = \"{trust}\"\nnetworks = [{networks}]\n")
    };
    let text =
        zone("a", "trusted", "\"10.0.0.0/8\"") + &zone("b", "partner", "\"10.1.0.0/16\", \"10.0.0.0/8\"");
    assert_eq!(complaints(&text), ["8:28 shared-network"]);
    for networks in ["\"0.0.0.0/1\"", "\"0.0.0.0/2\", \"128.0.0.0/2\"", "\"2000::/4\""] {
        let (_, code, _) = complaint(&zone("a", "trusted", networks));
        assert_eq!(code, "trusts-the-internet");
        assert!(parse(&zone("a", "untrusted", networks)).is_ok());
    }
}

#[test]
fn a_zone_known_by_interfaces_cannot_stand_in_a_flow() {
    let text = |flow: &str| {
        format!(
            "[site]\nrequire = [\"{flow}\"]\n[[zone]]\nname = \"line\"\ntrust = \"partner\"\n[[device]]\nname = \
             \"fw\"\nplatforms = [\"nftables\"]\ninterfaces = {{ ppp0 = \"line\" }}\n"
        )
    };
    assert_eq!(complaint(&text("tcp any -> line:22")), ("line".into(), "zone-without-networks".into(), None));
    assert!(parse(&text("tcp any -> fw:22")).is_ok());
}

#[test]
fn rings_are_told_once() {
    let device = |name: &str, rest: &str| {
        format!("[[device]]\nname = \"{name}\"\nplatforms = [\"nftables\"]\n{rest}\n")
    };
    let ring =
        device("c", "behind = \"a\"") + &device("a", "behind = \"b\"") + &device("b", "behind = \"c\"");
    let rejected = parse(&(ring + &device("0", "behind = \"c\""))).unwrap_err();
    let [only] = rejected.diagnostics.as_slice() else { panic!("{rejected}") };
    let path = ["a", "b", "c", "a"].map(str::to_owned).to_vec();
    assert_eq!(only.problem, problem::Problem::Cycle { key: "behind".into(), path });
}

#[test]
fn an_interface_with_a_dot_takes_quotes() {
    let text = |key: &str| {
        format!(
            "zone = [{{ name = \"lan\", trust = \"trusted\" }}]\n[[device]]\nname = \"fw\"\nplatforms = \
             [\"nftables\"]\ninterfaces = {{ {key} = \"lan\" }}\n"
        )
    };
    assert!(parse(&text("\"eth0.10\"")).is_ok());
    assert!(complaints(&text("eth0.10")).iter().any(|c| c.ends_with("wrong-kind")));
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    use problem::SyntaxFault::{Duplicate, Moment, NoComma, NoValue, Other, Unclosed, Unquoted};
    for (text, at, expected) in [
        ("[site]\nname = Example\n", (2, 8), Unquoted),
        ("[site]\nsoak = 24h\n", (2, 8), Unquoted),
        ("[site]\nname = \"Example\nsoak = \"24h\"\n", (2, 16), Unclosed),
        ("[site\nname = \"a\"\n", (1, 6), Unclosed),
        ("name = \"\"\"a", (1, 12), Unclosed),
        ("[site]\nname =\n", (2, 7), NoValue),
        ("[site]\nname 'a'\n", (2, 6), NoValue),
        ("[site]\nname = \"a\"\nname = \"b\"\n", (3, 1), Duplicate),
        ("[site]\nisolate = [[\"a\" \"b\"]]\n", (2, 17), NoComma),
        ("start = 2026-02-30T01:00:00Z\n", (1, 9), Moment),
        ("start = 2026-11-22 01:00:00 +09:00\n", (1, 9), Moment),
        ("a = 01\n", (1, 5), Other),
    ] {
        let rejected = parse(text).unwrap_err();
        let first = &rejected.diagnostics[0];
        let place = rejected.source.place(first.span.clone().unwrap().start);
        let problem::Problem::Syntax { fault, .. } = first.problem else { panic!("{text}: {first:?}") };
        assert_eq!(((place.line, place.column), fault), (at, expected), "{text}");
    }
}

#[test]
fn the_same_slip_a_thousand_times_is_told_in_bounds() {
    let text = "[[zone]]\n".repeat(1000);
    assert_eq!(parse(&text).unwrap_err().diagnostics.len(), diagnostic::MAX_DIAGNOSTICS);
    let deep = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&deep).is_err());
}

/// Sizes that a file of the largest size can reach; anything quadratic would take minutes here.
#[test]
fn a_file_full_of_names_is_read_in_no_time() {
    let many = 10_000u32;
    let zone =
        |i| format!("{{name=\"z{i}\",trust=\"partner\",networks=[\"10.{}.{}.0/24\"]}},\n", i / 256, i % 256);
    let device = |i: u32| {
        format!(
            "{{name=\"d{i}\",platforms=[\"postfix\"],behind=\"d{}\",interfaces={{a=\"no-zone-has-a-name-that-is-anything-like-this-{i}\"}}}},\n",
            (i + 1) % many
        )
    };
    let zones = format!("zone = [{}]\n", (0..many).map(zone).collect::<String>());
    assert_eq!(parse(&zones).unwrap().zones.networks().len(), 10_000);
    let devices = format!("device = [{}]\n", (0..many).map(device).collect::<String>());
    let rejected = parse(&(zones + &devices)).unwrap_err();
    assert_eq!(rejected.diagnostics.len(), diagnostic::MAX_DIAGNOSTICS);
}

proptest! {
    /// Any text, and any mangled site: never a panic, never a rejection without a reason and a place.
    #[test]
    fn no_text_panics(at in 0..CITY.len(), len in 0usize..40, with in "\\PC{0,6}", text in "\\PC{0,60}") {
        let mut mangled = CITY.to_owned();
        mangled.replace_range(at..(at + len).min(CITY.len()), &with);
        for text in [text, mangled] {
            if let Err(rejected) = parse(&text) {
                prop_assert!(!rejected.diagnostics.is_empty());
                for diagnostic in rejected.diagnostics {
                    let span = diagnostic.span.unwrap();
                    prop_assert!(text.get(span).is_some());
                }
            }
        }
    }
}

#[test]
fn what_may_be_tested_and_how() {
    let text = "[site]\n[probe]\nfrom = \"outside\"\nsource = [\"198.51.100.77\"]\nforeign = \"Example.net\"\n\
        [[device]]\nname = \"outside\"\naddress = \"198.51.100.77\"\nplatforms = []\n\
        [[device]]\nname = \"appliance\"\nplatforms = []\nprobe = [\"smtp 203.0.113.10:25,587\", \"tcp [2001:db8::10]:443\"]\n";
    let site = parse(text).unwrap();
    assert_eq!(site.probing.from.as_ref().map(Name::as_str), Some("outside"));
    assert_eq!(site.probing.foreign.as_deref(), Some("example.net"));
    assert_eq!(site.devices["appliance"].probe.len(), 2);
    assert_eq!(complaints(&text.replace("smtp 203", "smtp mx")), ["13:10 bad-value"]);
    assert_eq!(
        complaints(&text.replace("from = \"outside\"", "from = \"inside\"")),
        ["3:8 undeclared", "6:1 empty"]
    );
}
