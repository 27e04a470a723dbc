//! Configurations as devices write them, and what they mean.

mod lists;
mod nat;
mod near;
mod services;
mod text;
mod zones;

use std::net::IpAddr;

use crate::drift::lines::FlowLine;
use crate::drift::{Certainty, FlowDrift, Moment};
use crate::evidence::{Artifact, DeviceEvidence, Proof, Source};
use crate::firewall::query::{self, Query};
use crate::platform::{self, DeviceModel};

/// A device with this running configuration.
fn device(text: &str) -> DeviceModel {
    let mut evidence = DeviceEvidence::new("r1", vec!["ios".to_owned()], Source::Bare);
    let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
    evidence.artifacts.insert("running-config.txt".to_owned(), artifact);
    platform::read(&evidence)
}

/// The answer to a packet: `VERDICT LINE`, or `undecided`.
fn answer(text: &str, packet: &str) -> String {
    let model = device(text);
    let mut words = packet.split_whitespace();
    let (dir, proto) = (words.next().unwrap(), words.next().unwrap());
    let (src, dst) = (words.next().unwrap(), words.next().unwrap());
    let mut value =
        serde_json::json!({ "id": 1, "dir": dir, "proto": proto, "src": src, "dst": dst, "sport": 40000 });
    for word in words {
        let (key, given) = word.split_once('=').unwrap();
        let number = given.parse::<u16>().ok().filter(|_| key != "filter");
        value[key] = number.map_or_else(|| given.into(), Into::into);
    }
    let query: Query = serde_json::from_value(value).unwrap();
    let _: IpAddr = query.src;
    let firewall = model.firewall.unwrap();
    let names = [query.iif.as_deref(), query.oif.as_deref()].into_iter().flatten();
    let interfaces = query::interfaces(&firewall, &model.host, names).unwrap();
    let answer = match &query.filter {
        Some(name) => {
            let list = firewall.alone(name).unwrap();
            query::answer(&list, &crate::host::HostFacts::forwarding_only(), &interfaces, &query).unwrap()
        }
        None => query::answer(&firewall, &model.host, &interfaces, &query).unwrap(),
    };
    let translated = answer.translated.filter(|t| t.dst.is_some()).map(|t| {
        let port = t.dport.map(|p| format!(":{p}")).unwrap_or_default();
        format!(" -> {}{port}", t.dst.map(|a| a.to_string()).unwrap_or_default())
    });
    format!("{}{}", answer.verdict, translated.unwrap_or_default())
}

/// What opened and what closed: protocol, source, destination and ports of each box, possible ones marked.
fn drift(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let (before, after) = (device(before), device(after));
    let moment = |m: &'_ DeviceModel| (m.firewall.clone().unwrap(), m.host.clone());
    let ((old, old_host), (new, new_host)) = (moment(&before), moment(&after));
    let (old, new) = (Moment { firewall: &old, host: &old_host }, Moment { firewall: &new, host: &new_host });
    let mut drift = FlowDrift::between(old, new).unwrap();
    let say = |line: &FlowLine| {
        let list = |list: &Option<Vec<String>>| list.as_ref().map_or("any".to_owned(), |l| l.join(","));
        let mark = if line.certainty == Certainty::Possible { "possible " } else { "" };
        let proto = line.proto.as_deref().unwrap_or("any");
        format!(
            "{mark}{} {proto} {} -> {} {}",
            line.hook,
            list(&line.src),
            list(&line.dst),
            list(&line.dport)
        )
    };
    let (opened, closed) = (drift.opened.clone(), drift.closed.clone());
    let opened = drift.lines(&opened, new).iter().map(say).collect();
    let closed = drift.lines(&closed, old).iter().map(say).collect();
    (opened, closed)
}

/// Nothing differs in meaning.
fn same(before: &str, after: &str) {
    let nothing: (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    assert_eq!(drift(before, after), nothing, "{before}\n---\n{after}");
}

/// An outer and an inner interface, and a list on the outer one.
fn edge(list: &str) -> String {
    format!(
        "hostname r1\n!\ninterface GigabitEthernet0/0\n ip address 198.51.100.2 255.255.255.252\n ip access-group OUTSIDE_IN in\n!\n\
         interface GigabitEthernet0/1\n ip address 192.168.1.1 255.255.255.0\n!\n{list}\nline vty 0 4\n transport input ssh\n!\nend\n"
    )
}
