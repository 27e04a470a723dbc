//! Cisco IOS configurations through the commands, and those that others wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::platform;
use serde_json::{Value, json};

use crate::common::needs;

const BEFORE: &str = "version 15.2\nhostname edge\n!\ninterface GigabitEthernet0/0\n ip address 203.0.113.2 255.255.255.252\n ip access-group OUTSIDE_IN in\n\
    !\ninterface GigabitEthernet0/1\n ip address 192.168.1.1 255.255.255.0\n!\nip access-list extended OUTSIDE_IN\n permit tcp any host 192.168.1.25 eq smtp\n\
    !\nno ip http server\nline vty 0 4\n access-class 10 in\n transport input ssh\naccess-list 10 permit 192.168.1.0 0.0.0.255\nend\n";

fn run(root: &Path, after: &str, args: &[&str]) -> Output {
    for (state, text) in [("before", BEFORE), ("after", after)] {
        fs::create_dir_all(root.join(state)).unwrap();
        fs::write(root.join(state).join("running-config.txt"), text).unwrap();
    }
    Command::new(env!("CARGO_BIN_EXE_sekisho")).current_dir(root).args(args).output().unwrap()
}

/// Exit code of the gate, and the rules that found something certain.
fn gate(after: &str) -> (Option<i32>, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    let args = ["check", "--platform", "ios", "--before", "before", "--after", "after", "--output", "json=-"];
    let done = run(root.path(), after, &args);
    let result: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("{e}: {done:?}"));
    let findings = result["findings"].as_array().unwrap().iter().filter(|f| f["confidence"] == "certain");
    (done.status.code(), findings.map(|f| f["rule"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn the_gate_tells_what_opens_and_lets_pass_what_does_not() {
    let rdp = BEFORE
        .replace(" permit tcp any host", " permit tcp any host 192.168.1.20 eq 3389\n permit tcp any host");
    let (code, rules) = gate(&rdp);
    assert_eq!(code, Some(1));
    assert!(rules.contains(&"port-exposed".to_owned()), "{rules:?}");
    for open in [
        BEFORE.replace(" ip access-group OUTSIDE_IN in\n", ""),
        BEFORE.replace("OUTSIDE_IN in", "OUTSIDE_LN in"),
    ] {
        assert_eq!(gate(&open).0, Some(1), "{open}");
    }
    let harmless = BEFORE
        .replace("hostname edge", "hostname edge\n! Last configuration change at 12:00:00 JST")
        .replace("OUTSIDE_IN", "FROM_WAN");
    assert_eq!(gate(&harmless).0, Some(0));
    let unknown = BEFORE.replace("hostname edge", "hostname edge\nfrobnicate everything");
    assert_eq!(gate(&unknown).0, Some(3));
}

#[test]
fn one_list_is_judged_alone() {
    let root = tempfile::tempdir().unwrap();
    let after = BEFORE.replace("access-list 10", "access-list 10 permit host 198.51.100.9\naccess-list 10");
    let diff = |name: &str| {
        run(
            root.path(),
            &after,
            &["diff", "before", "after", "--platform", "ios", "--filter", name, "--output", "json=-"],
        )
    };
    let result: Value = serde_json::from_slice(&diff("10").stdout).unwrap();
    let flows = &result["devices"][0]["flows"];
    assert_eq!(flows["opened"][0]["src"], json!(["198.51.100.9"]));
    assert_eq!(
        (flows["opened"].as_array().unwrap().len(), flows["closed"].as_array().unwrap().len()),
        (1, 0)
    );
    assert_eq!(diff("11").status.code(), Some(2), "no such list");
}

/// Files below a folder of `corpus`.
fn corpus(folder: &str) -> Option<Vec<PathBuf>> {
    let root = std::env::var_os("SEKISHO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let files = fs::read_dir(root.join("corpus").join(folder)).ok()?;
    Some(files.filter_map(|file| Some(file.ok()?.path())).filter(|path| path.is_file()).collect())
}

/// Every configuration that others wrote is read, and its lists are there.
#[test]
fn what_others_wrote_is_read() {
    let name = "what_others_wrote_is_read";
    for folder in ["ios", "nxos", "xr", "batfish_change"] {
        let Some(files) = corpus(folder) else {
            return needs::skip(name, "corpus below SEKISHO_SHARED or ../shared");
        };
        for file in files {
            let mut evidence = DeviceEvidence::new("r1", vec!["ios".to_owned()], Source::Bare);
            let artifact = Artifact { bytes: fs::read(&file).unwrap().into(), proof: Proof::Given };
            evidence.artifacts.insert("running-config.txt".to_owned(), artifact);
            let model = platform::read(&evidence);
            assert!(model.firewall.is_some(), "{}", file.display());
        }
    }
}
