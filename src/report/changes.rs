//! What changed on a device, as readable lines.

use std::fmt::Write;

use super::text::escape;
use super::words::verdict as words;
use super::{Lang, Style};
use crate::drift::relay::{RelayLine, line};
use crate::drift::{Certainty, FlowLine};
use crate::rules::device::DeviceResult;

/// The changes of one device; ends with a line feed.
pub fn render(device: &DeviceResult, text: bool, style: Style<'_>) -> String {
    let mut out = String::new();
    let lang = style.lang;
    let name = escape(&device.name);
    let head = match lang {
        Lang::En => format!(
            "{name}: {} flows opened, {} closed, {} redirected; relay: {} opened, {} closed; {} artifacts differ in text",
            device.opened.len(),
            device.closed.len(),
            device.redirected.len(),
            device.relay.opened.len(),
            device.relay.closed.len(),
            device.text.len()
        ),
        Lang::Ja => format!(
            "{name}: 通信 許可 {}、遮断 {}、転送先変更 {}。中継 可能に {}、不可に {}。文面の違い {} 件",
            device.opened.len(),
            device.closed.len(),
            device.redirected.len(),
            device.relay.opened.len(),
            device.relay.closed.len(),
            device.text.len()
        ),
    };
    let _ = writeln!(out, "{head}");
    let flows = device.opened.iter().map(|l| ("+", l)).chain(device.closed.iter().map(|l| ("-", l)));
    for (sign, flow) in flows.chain(device.redirected.iter().map(|l| ("~", l))) {
        let _ = writeln!(out, "  {sign} {}", flow_line(flow, style));
    }
    let relay =
        device.relay.opened.iter().map(|c| ("+", c)).chain(device.relay.closed.iter().map(|c| ("-", c)));
    for (sign, change) in relay {
        let _ = writeln!(out, "  {sign} {}", relay_line(&line(change), style));
    }
    for drift in device.text.iter().filter(|_| text) {
        for line in drift.unified.lines() {
            let _ = writeln!(out, "  {}", escape(line));
        }
        if drift.shortened {
            let _ = writeln!(out, "  {}", words::shortened(lang));
        }
    }
    out
}

/// Everything that one device lets in; ends with a line feed.
pub fn render_exposure(device: &DeviceResult, style: Style<'_>) -> String {
    let (name, flows, relay) = (escape(&device.name), device.opened.len(), device.relay.opened.len());
    let mut out = match style.lang {
        Lang::En => format!("{name}: {flows} flows let in; relay: {relay} possible"),
        Lang::Ja => format!("{name}: 許可している通信 {flows}、可能な中継 {relay}"),
    };
    if !device.complete {
        out.push_str(words::incomplete(style.lang));
    }
    out.push('\n');
    for flow in &device.opened {
        let _ = writeln!(out, "  {}", flow_line(flow, style));
    }
    for change in &device.relay.opened {
        let _ = writeln!(out, "  {}", relay_line(&line(change), style));
    }
    out
}

/// A flow in the grammar that declarations use, with its deciding line.
pub fn flow_line(flow: &FlowLine, style: Style<'_>) -> String {
    let list = |values: &Option<Vec<String>>| values.as_ref().map(|v| v.join(","));
    let any = || "any".to_owned();
    let mut out = String::new();
    if flow.certainty == Certainty::Possible {
        out.push_str(words::possibly(style.lang));
    }
    let _ = write!(out, "{} {}", flow.proto.clone().unwrap_or_else(any), list(&flow.src).unwrap_or_else(any));
    if let Some(ports) = list(&flow.sport) {
        let _ = write!(out, " sport {ports}");
    }
    let _ = write!(out, " -> {}", list(&flow.dst).unwrap_or_else(any));
    if let Some(ports) = list(&flow.dport).or_else(|| list(&flow.icmp)) {
        let _ = write!(out, ":{ports}");
    }
    if let Some(names) = list(&flow.iif) {
        let _ = write!(out, " iif {names}");
    }
    if let Some(other) = &flow.other {
        let _ = write!(out, " ({other})");
    }
    if let Some(to) = &flow.translated {
        let address = to.dst.map_or_else(String::new, |a| a.to_string());
        let port = to.dport.map_or_else(String::new, |p| format!(":{p}"));
        let _ = write!(out, " => {address}{port}");
    }
    let family = if flow.family == crate::packet::Family::Ipv6 { "v6" } else { "v4" };
    let _ = write!(out, "  [{} {family}]", flow.hook);
    if let Some(programs) = &flow.listening {
        let _ = write!(out, " ({})", words::listening(programs, style.lang));
    }
    let line = flow.line.as_ref().map_or_else(String::new, |l| format!("  {l}"));
    escape(&format!("{out}{line}"))
}

fn relay_line(relay: &RelayLine, style: Style<'_>) -> String {
    let witness = &relay.witness;
    let unsure = if relay.confidence == crate::finding::Confidence::Possible {
        words::possibly(style.lang)
    } else {
        ""
    };
    let code = |d: &crate::finding::Decided| d.code.map_or_else(|| d.verdict.clone(), |c| c.to_string());
    let before = witness.before.as_ref().map_or_else(|| "-".to_owned(), code);
    let line = witness.after.line.as_ref().map_or_else(String::new, |l| format!("  {l}"));
    escape(&format!(
        "{unsure}relay {} -> {}:{} MAIL FROM:<{}> RCPT TO:<{}>  {before} -> {}{line}",
        witness.client,
        relay.listener,
        witness.port,
        witness.mail_from,
        witness.rcpt_to,
        code(&witness.after)
    ))
}
