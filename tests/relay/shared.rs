//! Exposures against the truth that a live Postfix gave: open relay or not, on which ports, for which clients.
//!
//! The cases lie outside this repository. Set `SEKISHO_SHARED` to the folder that holds `cases/relay`, or have it
//! beside the repository as `shared`; without it the test says so and passes.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::finding::Confidence;
use sekisho::platform;
use sekisho::relay::{Everybody, Kind, Side, Trust, exposures};
use serde_json::{Value, json};

use crate::common::needs;

#[test]
fn open_relays_are_found_and_closed_ones_are_not() {
    let Some(cases) = cases() else {
        let needs = "cases/relay below SEKISHO_SHARED or ../shared";
        return needs::skip("open_relays_are_found_and_closed_ones_are_not", needs);
    };
    let mut wrong = Vec::new();
    for case in cases {
        wrong.extend(judge(&case));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases() -> Option<Vec<PathBuf>> {
    let root = std::env::var_os("SEKISHO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let mut cases: Vec<PathBuf> = fs::read_dir(root.join("cases/relay"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("postfix").is_dir() && path.join("truth.json").is_file())
        .collect();
    cases.sort();
    Some(cases)
}

fn judge(case: &Path) -> Vec<String> {
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    let (meta, truth) = (read(&case.join("case.json")), read(&case.join("truth.json")));
    let model = platform::read(&evidence(case, &meta));
    let policy = model.relay.expect("a policy");
    let everybody = Everybody::new(&policy);
    let found = exposures(Side { policy: &policy, reaching: &everybody });
    let open: Vec<_> = found.iter().filter(|c| c.kind == Kind::Open && c.trust == Trust::Untrusted).collect();
    let certain = open.iter().any(|c| c.certainty == Confidence::Certain);
    let answers: Vec<bool> =
        truth["open_by_policy_answer"].as_object().unwrap().values().filter_map(Value::as_bool).collect();
    let depends = answers.contains(&true) && answers.contains(&false);
    let shown = || {
        let one = |c: &&sekisho::relay::Change| {
            format!("{:?} {:?} {} {:?}", c.certainty, c.listener.port, c.clients, c.needs)
        };
        open.iter().map(one).collect::<Vec<_>>().join("\n    ")
    };
    let mut wrong = Vec::new();
    let is_open = truth["open_relay"].as_bool().unwrap();
    if depends {
        if certain || open.is_empty() {
            wrong.push(format!("{name}: depends on a policy service, found {}", shown()));
        }
        return wrong;
    }
    if certain != is_open || (!is_open && !open.is_empty()) {
        wrong.push(format!("{name}: truth {is_open}, found {}", shown()));
    }
    let ports: Vec<u64> = truth["ports"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    let mut ours: Vec<u64> = open.iter().filter_map(|c| c.listener.port.map(u64::from)).collect();
    ours.sort_unstable();
    ours.dedup();
    if is_open && ports != ours {
        wrong.push(format!("{name}: truth ports {ports:?}, found {ours:?}"));
    }
    let truth_limited = !truth["limited_recipients"].as_array().unwrap().is_empty();
    let ours_limited = found.iter().any(|c| c.kind == Kind::Limited && c.trust == Trust::Untrusted);
    if !is_open && truth_limited && !ours_limited {
        wrong.push(format!("{name}: limited relaying was not found"));
    }
    if is_open {
        wrong.extend(clients(&name, &meta, &truth, &open));
    }
    if std::env::var_os("SEKISHO_VERBOSE").is_some() {
        println!("{name} ({}): open={is_open} {}\n    {}", meta["title"], truth["conditions"], shown());
    }
    wrong
}

/// Every client that the truth names as an abuser must be among ours, and every other untrusted one must not.
fn clients(name: &str, meta: &Value, truth: &Value, open: &[&sekisho::relay::Change]) -> Vec<String> {
    let mut all = vec![("out4", "198.51.100.10"), ("far4", "203.0.113.200"), ("neigh", "192.0.2.200")];
    let more: Vec<(&str, &str)> = meta["clients"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|c| c["trust"] != "trusted")
        .filter_map(|c| Some((c["id"].as_str()?, c["addr"].as_str()?)))
        .collect();
    all.retain(|(id, _)| !more.iter().any(|(other, _)| other == id));
    all.extend(more);
    let named: Vec<&str> = truth["clients"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut wrong = Vec::new();
    for (id, address) in all {
        let address: IpAddr = address.parse().unwrap();
        let ours = open.iter().any(|c| c.clients.contains(address));
        if ours != named.contains(&id) {
            wrong.push(format!("{name}: client {id} {address}: truth {}, found {ours}", named.contains(&id)));
        }
    }
    wrong
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The device folder that the case stands for, with the host's addresses beside it.
fn evidence(case: &Path, meta: &Value) -> DeviceEvidence {
    let mut device = DeviceEvidence::new("device", vec!["postfix".into()], Source::Bare);
    let mut put = |name: String, bytes: Vec<u8>| {
        device.artifacts.insert(name, Artifact { bytes: bytes.into(), proof: Proof::Given });
    };
    for (folder, prefix) in [("captured", ""), ("postfix", "files/etc/postfix/")] {
        for entry in fs::read_dir(case.join(folder)).into_iter().flatten().flatten() {
            if entry.path().is_file() {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                put(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    let addresses = meta["myaddrs"].as_array().cloned().unwrap_or_else(|| vec![json!("192.0.2.25/24")]);
    let infos: Vec<Value> = addresses
        .iter()
        .filter_map(|a| a.as_str()?.split_once('/'))
        .map(|(local, len)| json!({"local": local, "prefixlen": len.parse::<u8>().unwrap()}))
        .collect();
    let links = json!([
        {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}, {"local": "::1", "prefixlen": 128}]},
        {"ifname": "eth0", "addr_info": infos},
    ]);
    put("ip-addr.json".into(), links.to_string().into_bytes());
    let users = ["root", "daemon", "mail", "nobody", meta["local_user"].as_str().unwrap_or("soumu")];
    put("files/etc/passwd".into(), users.join("\n").into_bytes());
    device
        .artifacts
        .entry("files/etc/aliases".into())
        .or_insert_with(|| Artifact { bytes: b"postmaster: root\n".as_slice().into(), proof: Proof::Given });
    device
}
