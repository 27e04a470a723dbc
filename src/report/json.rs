//! The result as one JSON object, `schema_version` 1: keys are only ever added to this version.

use serde_json::{Map, Value, json};

use super::Report;
use super::card::{texts, title};
use super::words::phrases::fill;
use crate::drift::FlowLine;
use crate::drift::relay::line;
use crate::finding::Finding;
use crate::rules::device::DeviceResult;

/// Version of this form.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of a check.
pub fn check(report: &Report<'_>) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "tool": concat!("sekisho ", env!("CARGO_PKG_VERSION")),
        "verdict": report.judged.verdict,
        "exit": report.exit,
        "change": report.change,
        "before": report.before,
        "after": report.after,
        "site": report.site,
        "lang": if report.style.lang == super::Lang::Ja { "ja" } else { "en" },
        "evidence": report.digest,
        "watched": report.judged.watched,
        "tested": report.judged.tested,
        "assumptions": assumptions(report),
        "findings": report.judged.findings.iter().map(|f| finding(f, report)).collect::<Vec<_>>(),
        "devices": report.judged.devices.iter().map(device).collect::<Vec<_>>(),
    })
}

/// What changed on some devices.
pub fn diff<'a>(devices: impl IntoIterator<Item = &'a DeviceResult>) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "tool": concat!("sekisho ", env!("CARGO_PKG_VERSION")),
        "devices": devices.into_iter().map(device).collect::<Vec<_>>(),
    })
}

/// What some devices let in.
pub fn exposure<'a>(devices: impl IntoIterator<Item = &'a DeviceResult>) -> Value {
    let device = |device: &DeviceResult| {
        let mut fields = who(device);
        let relay = device.relay.opened.iter().map(line).collect::<Vec<_>>();
        fields.insert("flows".into(), json!({ "open": device.opened }));
        fields.insert("relay".into(), json!({ "open": relay }));
        Value::Object(fields)
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "tool": concat!("sekisho ", env!("CARGO_PKG_VERSION")),
        "devices": devices.into_iter().map(device).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding, report: &Report<'_>) -> Value {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        let text = report.rule(&finding.rule).map(|rule| {
            let words = texts(rule, report.style.lang);
            let put = |template: &str| fill(template, |name| finding.args.get(name).cloned(), report.style);
            json!({ "title": title(finding, report.style), "why": put(&words.why), "fix": put(&words.fix) })
        });
        fields.insert("text".to_owned(), text.unwrap_or_default());
        if let Some(rule) = report.rule(&finding.rule) {
            fields.insert("cases".to_owned(), json!(rule.cases));
            fields.insert("controls".to_owned(), json!(rule.controls));
        }
    }
    value
}

/// Who a device is, and how well it is known.
fn who(device: &DeviceResult) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("name".into(), json!(device.name));
    fields.insert("platforms".into(), json!(device.platforms));
    fields.insert("complete".into(), json!(device.complete));
    fields.insert(
        "unread".into(),
        device.unread.iter().map(|g| json!({ "reason": g.reason, "location": g.location })).collect(),
    );
    fields.insert("assumptions".into(), json!(device.assumptions));
    fields.insert("host_key".into(), json!(device.identity.host_key));
    fields.insert("address".into(), json!(device.identity.address));
    fields
}

fn device(device: &DeviceResult) -> Value {
    let flows = |lines: &[FlowLine]| json!(lines);
    let mut fields = who(device);
    fields.insert(
        "flows".into(),
        json!({
            "opened": flows(&device.opened),
            "closed": flows(&device.closed),
            "redirected": flows(&device.redirected),
        }),
    );
    fields.insert(
        "relay".into(),
        json!({
            "opened": device.relay.opened.iter().map(line).collect::<Vec<_>>(),
            "closed": device.relay.closed.iter().map(line).collect::<Vec<_>>(),
        }),
    );
    fields.insert("text".into(), json!(device.text));
    Value::Object(fields)
}

fn assumptions(report: &Report<'_>) -> Vec<Value> {
    let all = report.judged.devices.iter();
    all.flat_map(|d| d.assumptions.iter().map(|a| json!({ "device": d.name, "assumption": a }))).collect()
}
