//! `change.toml`: the example of the design reads; times carry offsets and follow each other; names are declared.

use super::*;
use crate::site::diagnostic::Diagnostic;

const SITE: &str = r#"
zone = [
    { name = "internet", trust = "untrusted" },
    { name = "line", trust = "partner" },
]
device = [
    { name = "fw-edge", platforms = ["nftables"], interfaces = { ppp0 = "line" } },
    { name = "mx1", platforms = ["postfix"] },
]
"#;

const CHANGE: &str = r#"
[change]
id = "CHG-2026-0412"
title = "Mail relay migration, step 2"
start = 2026-11-22T01:00:00+09:00
end   = 2026-11-22T05:00:00+09:00
operator = "..."
[scope]
devices = ["mx1", "fw-edge"]
[[expect.open]]
device = "fw-edge"
flows = ["tcp internet -> 203.0.113.10:587"]
until = 2026-11-23T05:00:00+09:00
[[expect.close]]
device = "fw-edge"
flows = ["udp any -> mx1"]
[[expect.relay]]
device = "mx1"
clients = ["10.1.0.0/16", "[2001:db8::]/32", "internet"]
recipients = ["any", "Partner.example.jp"]
listener = "203.0.113.10:587"
[[expect.host_key]]
device = "fw-edge"
fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
"#;

fn site() -> Site {
    let known = Known { platforms: &["nftables", "postfix"], ..Known::default() };
    Site::parse(&Source::new("site.toml", SITE), &known).unwrap()
}

fn parse(text: &str) -> Result<Change, Rejected> {
    Change::parse(&Source::new("change.toml", text), Some(&site()))
}

/// Every complaint as `line text code`.
fn complaints(text: &str) -> Vec<String> {
    let rejected = parse(text).expect_err(text);
    let at = |d: &Diagnostic| {
        let span = d.span.clone().unwrap();
        format!("{} {} {}", rejected.source.place(span.start).line, text.get(span).unwrap(), d.problem.code())
    };
    rejected.diagnostics.iter().map(at).collect()
}

#[test]
fn the_example_of_the_design_reads() {
    let text = CHANGE.replace("\"[2001:db8::]/32\"", "\"[2001:db8::/32]\"");
    let change = parse(&text).unwrap_or_else(|rejected| panic!("{rejected}"));
    assert_eq!(change.id.as_str(), "CHG-2026-0412");
    assert_eq!((change.end - change.start).whole_hours(), 4);
    assert_eq!(change.start.offset().whole_hours(), 9);
    assert_eq!(change.scope.unwrap().len(), 2);
    let open = &change.expect.open[0];
    assert_eq!(open.flows[0].get_ref().to_string(), "tcp internet -> 203.0.113.10:587");
    assert!(*open.until.as_ref().unwrap().get_ref() > change.end);
    assert_eq!(change.expect.close[0].until, None);
    let relay = &change.expect.relay[0];
    assert_eq!(relay.clients.len(), 3);
    assert_eq!(relay.recipients, [Recipients::Any, Recipients::Domain("partner.example.jp".into())]);
    assert_eq!(relay.listener.unwrap().port, 587);
    assert_eq!(change.expect.host_key[0].device.as_str(), "fw-edge");
}

#[test]
fn slips_of_every_table_are_told() {
    let text = CHANGE
        .replace("id =", "ids =")
        .replace("05:00:00+09:00\noperator", "00:59:00+09:00\noperator")
        .replace("\"mx1\", \"fw-edge\"", "\"mx2\"")
        .replace("2026-11-23T05", "2026-11-21T05")
        .replace("udp any -> mx1", "udp line -> mx1")
        .replace("203.0.113.10:587\"\n[[", "submission\"\n[[")
        .replace("hSuFU", "hSuFV");
    assert_eq!(
        complaints(&text),
        [
            "2 [change] missing-key",
            "3 ids unknown-key",
            "6 2026-11-22T00:59:00+09:00 not-after",
            "9 \"mx2\" undeclared",
            "16 line zone-without-networks",
            "19 \"[2001:db8::]/32\" bad-value",
            "21 \"submission\" bad-value",
            "24 \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV\" bad-value",
        ]
    );
}

#[test]
fn times_need_an_offset_and_their_order() {
    let change = |start: &str, rest: &str| {
        format!("[change]\nid = \"A\"\nstart = {start}\nend = 2026-11-22T05:00:00+09:00\n{rest}")
    };
    let code = |start: &str| complaints(&change(start, ""))[0].rsplit(' ').next().unwrap().to_owned();
    assert_eq!(code("2026-11-22T01:00:00"), "bad-value");
    assert_eq!(code("2026-11-22"), "bad-value");
    assert_eq!(code("\"2026-11-22T01:00:00+09:00\""), "wrong-kind");
    assert_eq!(code("2026-11-22T05:00:00+09:00"), "not-after");
    assert_eq!(code("2026-02-30T05:00:00+09:00"), "syntax");
    let until =
        "[[expect.open]]\ndevice = \"mx1\"\nflows = [\"any any -> any\"]\nuntil = 2026-11-21T16:00:00Z\n";
    let told = complaints(&change("2026-11-22T01:00:00+09:00", until));
    assert_eq!(told, ["8 2026-11-21T16:00:00Z not-after"], "the same moment in another time zone");
}

#[test]
fn no_scope_is_not_an_empty_scope() {
    let head = "[change]\nid = \"A\"\nstart = 2026-11-22T01:00:00Z\nend = 2026-11-22T05:00:00Z\n";
    assert_eq!(parse(head).unwrap().scope, None);
    assert!(parse(&format!("{head}[scope]\ndevices = []\n")).unwrap().scope.unwrap().is_empty());
    assert_eq!(complaints(&format!("{head}[scope]\n")), ["5 [scope] missing-key"]);
}

#[test]
fn without_a_site_devices_are_taken_as_they_stand() {
    let text = |client: &str| {
        format!(
            "[change]\nid = \"A\"\nstart = 2026-11-22T01:00:00Z\nend = 2026-11-22T05:00:00Z\n[[expect.open]]\n\
             device = \"anything\"\nflows = [\"tcp {client} -> 203.0.113.10:25\"]\n"
        )
    };
    let parse = |text: &str| Change::parse(&Source::new("change.toml", text), None);
    assert!(parse(&text("any")).is_ok());
    let rejected = parse(&text("internet")).unwrap_err();
    assert_eq!(rejected.diagnostics[0].problem.code(), "undeclared");
}

#[test]
fn an_empty_change_is_none() {
    assert_eq!(parse("").unwrap_err().diagnostics[0].problem.code(), "missing-key");
    assert_eq!(parse("change = 1").unwrap_err().diagnostics[0].problem.code(), "wrong-kind");
}
