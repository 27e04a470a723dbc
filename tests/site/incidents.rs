//! The incident fixtures are whole: their declarations are accepted, every device folder holds what `capture`
//! writes, host keys are the ones of their seeds, and the programs still say what is committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::ssh_key::{HashAlg, PrivateKey};
use sekisho::site::{Change, Known, Site};
use sha2::{Digest, Sha256};

use crate::common::needs;

const STORIES: [&str; 7] =
    ["akita", "clean", "firewall-only", "first-server", "ishikura", "load-balancer", "tokushima"];

const HOST: [&str; 5] = ["ip-addr.json", "ip-route.json", "ip-rule.json", "ss.txt", "sysctl.txt"];
const NETFILTER: [&str; 7] = [
    "ip6tables-legacy-save.txt",
    "ip6tables-save.txt",
    "ipset-save.txt",
    "iptables-legacy-save.txt",
    "iptables-save.txt",
    "nft.json",
    "nft.txt",
];
const POSTFIX: [&str; 10] = [
    "files/etc/aliases",
    "files/etc/passwd",
    "files/etc/postfix/main.cf",
    "files/etc/postfix/master.cf",
    "postconf-M.txt",
    "postconf-P.txt",
    "postconf-effective.txt",
    "postconf-n.txt",
    "postconf-warnings.txt",
    "postmap-s.txt",
];

fn folder(story: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/incidents").join(story)
}

fn site(story: &str) -> Site {
    let known = Known { platforms: &["iptables", "nftables", "postfix"], packs: &["default"], home: None };
    Site::load(&folder(story).join("site.toml"), &known).unwrap_or_else(|e| panic!("{e}"))
}

fn toml(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Every device folder of a story: phase, device, path.
fn devices(story: &str) -> Vec<(String, String, PathBuf)> {
    let phases = toml(&folder(story).join("story.toml"))["phase"].as_array().unwrap().clone();
    let phases = phases.iter().map(|phase| phase["name"].as_str().unwrap().to_owned());
    let mut found = Vec::new();
    for phase in phases {
        for entry in fs::read_dir(folder(story).join(&phase)).unwrap() {
            let entry = entry.unwrap();
            found.push((phase.clone(), entry.file_name().into_string().unwrap(), entry.path()));
        }
    }
    found
}

#[test]
fn declarations_are_accepted_and_fit_the_phases() {
    for story in STORIES {
        let site = site(story);
        let change = Change::load(&folder(story).join("change.toml"), Some(&site)).unwrap();
        let inside = |at: &toml::Value| {
            let at = sekisho::site::value::read_moment(at.as_datetime().unwrap()).unwrap();
            change.start <= at && at <= change.end
        };
        for phase in toml(&folder(story).join("story.toml"))["phase"].as_array().unwrap() {
            let during = phase["name"].as_str().unwrap().starts_with("during-");
            assert!(!during || inside(&phase["at"]), "{story}: {phase:?}");
        }
        for (phase, _, _) in devices(story) {
            let declared: BTreeSet<String> = site.devices.keys().map(ToString::to_string).collect();
            let there =
                devices(story).into_iter().filter(|(p, _, _)| *p == phase).map(|(_, d, _)| d).collect();
            assert_eq!(declared, there, "{story} {phase}");
        }
    }
}

#[test]
fn every_device_folder_holds_what_capture_writes() {
    for story in STORIES {
        let site = site(story);
        for (phase, device, path) in devices(story) {
            let mut artifacts: Vec<&str> = HOST.to_vec();
            for platform in &site.devices[device.as_str()].platforms {
                match platform.as_str() {
                    "postfix" => artifacts.extend(POSTFIX),
                    "nftables" => artifacts.extend(NETFILTER.iter().chain(&["files/etc/nftables.conf"])),
                    _ => artifacts.extend(NETFILTER),
                }
            }
            for artifact in artifacts {
                let bytes = fs::read(path.join(artifact))
                    .unwrap_or_else(|e| panic!("{story} {phase} {device}: {artifact}: {e}"));
                if artifact.ends_with(".json") {
                    serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
                }
            }
        }
    }
}

#[test]
fn tables_named_by_postfix_are_there() {
    let table = regex::Regex::new(r"\b(?:hash|cidr):/(etc/[\w./-]+)").unwrap();
    for story in STORIES {
        for (phase, device, path) in devices(story) {
            let Ok(settings) = fs::read_to_string(path.join("postconf-n.txt")) else { continue };
            let compiled = fs::read_to_string(path.join("postmap-s.txt")).unwrap();
            let overrides = fs::read_to_string(path.join("postconf-P.txt")).unwrap();
            for named in table.captures_iter(&format!("{settings}{overrides}")) {
                assert!(
                    path.join("files").join(&named[1]).is_file(),
                    "{story} {phase} {device}: {}",
                    &named[1]
                );
                let section = format!("== postmap -s {}\n", &named[0]);
                assert!(
                    named[0].starts_with("cidr:") || compiled.contains(&section),
                    "{story} {phase}: {section}"
                );
            }
        }
    }
}

#[test]
fn host_keys_are_the_ones_of_their_seeds() {
    let mut keys = BTreeSet::new();
    for story in STORIES {
        for (_, _, path) in devices(story) {
            let identity = toml(&path.join("device.toml"));
            let seed = identity["host_key_seed"].as_str().unwrap();
            let private: [u8; 32] = Sha256::digest(seed.as_bytes()).into();
            let key = PrivateKey::from(Ed25519Keypair::from_seed(&private));
            let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
            assert_eq!(identity["host_key"].as_str(), Some(fingerprint.as_str()), "{}", path.display());
            keys.insert((story, fingerprint));
        }
    }
    assert_eq!(keys.iter().filter(|(story, _)| *story == "ishikura").count(), 2, "the router was replaced");
    assert_eq!(
        keys.iter().filter(|(story, _)| *story == "clean").count(),
        2,
        "two devices, and none replaced"
    );
}

#[test]
fn nothing_of_the_machine_that_made_them_is_left() {
    let odd = regex::bytes::Regex::new(r"/tmp/|/work/|/root/|/home/[a-z]|config_directory = /[^e]").unwrap();
    for story in STORIES {
        for (_, _, path) in devices(story) {
            for entry in fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()) {
                let found = odd.find(&fs::read(&entry).unwrap()).map(|m| m.start());
                assert_eq!(found, None, "{}", entry.display());
            }
        }
    }
}

/// Name of the test below that runs them.
const COMMITTED: &str = "the_programs_still_say_what_is_committed";

/// The versions whose output is committed; others word things differently.
fn same_programs() -> bool {
    let version = |program, arguments: &[&str]| needs::output(program, arguments).unwrap_or_default();
    let same = version("nft", &["--version"]).contains("v1.0.6 ")
        && version("postconf", &["-h", "mail_version"]).trim() == "3.7.11"
        && version("iptables", &["--version"]).contains("v1.8.9 ");
    if !same {
        needs::skip(COMMITTED, "nft 1.0.6, iptables 1.8.9, Postfix 3.7.11");
    }
    same
}

#[test]
fn the_programs_still_say_what_is_committed() {
    let programs =
        ["python3", "nft", "iptables", "ipset", "ip", "ss", "postconf", "postmap", "openssl", "unshare"];
    if !needs::met(COMMITTED, &[&[needs::ROOT][..], &programs].concat()) || !same_programs() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/incidents/generate.py");
    let done =
        Command::new("python3").arg(script).args(["--check", "clean", "first-server"]).output().unwrap();
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}
