//! Writing, finding, reading, and finding out about tampering.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sekisho::evidence::store::{Tampering, load, looks_like_snapshot};
use sekisho::evidence::{Artifact, Phase, Proof, Selector, Store, StoreError};
use time::OffsetDateTime;

use super::{NOW, device, tree};

fn snapshot(store: &Store, phase: Phase, now: OffsetDateTime, names: &[&str]) -> PathBuf {
    let writer = store.begin("CHG-1", phase, now).unwrap();
    for name in names {
        writer.add(&device(name)).unwrap();
    }
    writer.finish(now + Duration::from_secs(5)).unwrap().folder
}

fn select(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let folder = snapshot(&store, Phase::Before, NOW, &["mx1", "fw1"]);
    assert_eq!(folder.file_name().unwrap(), "before-20261122T010203Z");
    let expected =
        ["fw1", "fw1/files", "fw1/files/etc", "fw1/files/etc/nftables.conf", "fw1/nft.json", "fw1/ss.txt"];
    let mut files: Vec<String> = expected.map(str::to_owned).to_vec();
    files.extend(expected.map(|f| f.replace("fw1", "mx1")));
    files.insert(6, "manifest.json".to_owned());
    assert_eq!(tree(&folder), files);
    let read = load(&folder).unwrap();
    assert_eq!(read.devices, [device("fw1"), device("mx1")]);
    assert_eq!((read.manifest.started, read.manifest.ended), (NOW, NOW + Duration::from_secs(5)));
    assert_eq!((read.manifest.sequence, read.manifest.previous.as_deref()), (1, None));
    assert_eq!(read.manifest.tool, concat!("sekisho ", env!("CARGO_PKG_VERSION")));
    assert_eq!(store.find(&select("CHG-1:before")).unwrap()[0].load().unwrap(), read);
}

#[test]
fn the_manifest_is_a_contract() {
    let root = tempfile::tempdir().unwrap();
    let folder = snapshot(&Store::open(root.path()), Phase::Before, NOW, &["fw1"]);
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["schema_version"], 1);
    assert_eq!(manifest["change"], "CHG-1");
    assert_eq!(manifest["phase"], "before");
    assert_eq!(manifest["started"], "2026-11-22T01:02:03Z");
    let device = &manifest["devices"][0];
    assert_eq!(device["identity"]["host_key"]["type"], "ssh-ed25519");
    let artifact = &device["artifacts"]["nft.json"];
    assert_eq!(artifact["file"], "fw1/nft.json");
    assert_eq!(artifact["bytes"], 5);
    assert_eq!(artifact["command"], "nft -j list ruleset");
    assert_eq!(artifact["proof"], "complete");
    assert_eq!(artifact["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(device["artifacts"]["ipset-save.txt"]["file"], serde_json::Value::Null);
    assert_eq!(device["failures"][0]["code"], "artifact-unproven");
}

#[test]
fn phases_are_found_in_order_and_a_second_holds_several() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    // The clock stands still, and even goes back: the order is that of the chain.
    let earlier = NOW - Duration::from_secs(3600);
    let all = [
        snapshot(&store, Phase::Before, NOW, &["a"]),
        snapshot(&store, Phase::Before, NOW, &["b"]),
        snapshot(&store, Phase::During, NOW, &["a"]),
        snapshot(&store, Phase::During, NOW, &["a"]),
        snapshot(&store, Phase::During, earlier, &["a"]),
    ];
    assert_eq!(all[1].file_name().unwrap(), "before-20261122T010203Z-2");
    let folders = |text: &str| -> Vec<PathBuf> {
        store.find(&select(text)).unwrap().into_iter().map(|e| e.folder).collect()
    };
    assert_eq!(folders("CHG-1:before"), all[1..2]);
    assert_eq!(folders("CHG-1:during"), all[2..]);
    assert!(matches!(
        store.find(&select("CHG-1:after")),
        Err(StoreError::NoSnapshot { phase: Phase::After, .. })
    ));
    assert!(matches!(store.find(&select("CHG-2:before")), Err(StoreError::NoChange { .. })));
    assert_eq!(store.changes().unwrap(), ["CHG-1"]);
    assert_eq!(
        store.snapshots("CHG-1").unwrap().iter().map(|e| e.sequence).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
}

#[test]
fn selectors() {
    assert_eq!(Selector::parse("CHG-1:before").map(|s| s.change), Some("CHG-1".to_owned()));
    for text in ["CHG-1", "CHG-1:", ":before", "CHG-1:later", "C:\\x", "../x:before", "a/b:after"] {
        assert_eq!(Selector::parse(text), None, "{text}");
    }
}

/// Does something to a good snapshot, and says what comes of it.
fn tamper(with: impl Fn(&Path)) -> (String, Tampering) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let folder = snapshot(&store, Phase::Before, NOW, &["fw1"]);
    with(&folder);
    match load(&folder) {
        Err(StoreError::Tampered { file, problem, .. }) => (file, problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_of_tampering_is_found() {
    let content = |t: &Tampering| matches!(t, Tampering::Content { .. });
    let (file, problem) = tamper(|f| fs::write(f.join("fw1/nft.json"), b"{}\n\0\xfe").unwrap());
    assert!(file == "fw1/nft.json" && content(&problem), "{file} {problem:?}");
    let (file, problem) = tamper(|f| fs::write(f.join("fw1/nft.json"), b"{}").unwrap());
    assert!(file == "fw1/nft.json" && content(&problem));
    let (file, problem) = tamper(|f| fs::write(f.join("fw1/files/etc/nftables.conf"), b"x").unwrap());
    assert!(file == "fw1/files/etc/nftables.conf" && content(&problem));
    let gone = |file: &'static str| tamper(move |f| fs::remove_file(f.join(file)).unwrap());
    assert_eq!(gone("fw1/ss.txt"), ("fw1/ss.txt".to_owned(), Tampering::Missing));
    assert_eq!(gone("manifest.json"), ("manifest.json".to_owned(), Tampering::Missing));
    let (file, problem) = tamper(|f| fs::remove_dir_all(f.join("fw1")).unwrap());
    assert_eq!((file.starts_with("fw1/"), problem), (true, Tampering::Missing));
    let extra = |file: &'static str| tamper(move |f| fs::write(f.join(file), b"x").unwrap());
    for file in ["fw1/ipset-save.txt", "fw1/files/x", "x", ".tmp"] {
        assert_eq!(extra(file), (file.to_owned(), Tampering::Extra));
    }
    let (file, problem) = tamper(|f| fs::create_dir(f.join("fw2")).unwrap());
    assert_eq!((file.as_str(), problem), ("fw2", Tampering::Extra));
    let (_, problem) = extra("manifest.json");
    assert!(matches!(problem, Tampering::Manifest(_)));
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let link = |f: &Path| {
        fs::copy(f.join("fw1/nft.json"), f.parent().unwrap().join("same")).unwrap();
        fs::remove_file(f.join("fw1/nft.json")).unwrap();
        symlink("../../same", f.join("fw1/nft.json")).unwrap();
    };
    assert_eq!(tamper(link), ("fw1/nft.json".to_owned(), Tampering::Kind));
    let folder = |f: &Path| {
        fs::rename(f.join("fw1"), f.parent().unwrap().join("fw1")).unwrap();
        symlink("../fw1", f.join("fw1")).unwrap();
    };
    assert_eq!(tamper(folder), ("fw1".to_owned(), Tampering::Kind));
    let fifo = |f: &Path| {
        fs::remove_file(f.join("fw1/ss.txt")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(f.join("fw1/ss.txt")).status().unwrap().success());
    };
    assert_eq!(tamper(fifo), ("fw1/ss.txt".to_owned(), Tampering::Kind));
}

/// Rewrites one value of the manifest.
fn edit(folder: &Path, path: &str, value: serde_json::Value) {
    let file = folder.join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    *manifest.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    fs::write(file, manifest.to_string()).unwrap();
}

#[test]
fn a_manifest_that_lies_is_found_out() {
    let artifact = "/devices/0/artifacts/nft.json";
    for (pointer, value) in [
        (format!("{artifact}/file"), "../../etc/passwd".into()),
        (format!("{artifact}/file"), "/etc/passwd".into()),
        (format!("{artifact}/file"), "fw1/ss.txt".into()),
        (format!("{artifact}/file"), "manifest.json".into()),
        (format!("{artifact}/file"), serde_json::Value::Null),
        (format!("{artifact}/bytes"), 6.into()),
        (format!("{artifact}/bytes"), u64::MAX.into()),
        (format!("{artifact}/sha256"), "00".into()),
        (format!("{artifact}/proof"), "certain".into()),
        ("/devices/0/failures".to_owned(), serde_json::json!([{"code": "no-such-code"}])),
        ("/schema_version".to_owned(), "1".into()),
        ("/phase".to_owned(), "later".into()),
        ("/started".to_owned(), "yesterday".into()),
    ] {
        tamper(|f| edit(f, &pointer, value.clone()));
    }
    tamper(|f| {
        let file = f.join("manifest.json");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replacen('{', "{\"surprise\": 1,", 1)).unwrap();
    });
}

#[test]
fn a_newer_schema_is_not_tampering() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let folder = snapshot(&store, Phase::Before, NOW, &["fw1"]);
    edit(&folder, "/schema_version", 2.into());
    assert!(matches!(load(&folder), Err(StoreError::Schema { found: 2, known: 1, .. })));
}

#[test]
fn the_chain_misses_no_snapshot() {
    let chain = |with: &dyn Fn(&[PathBuf])| {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path());
        let all: Vec<PathBuf> = [Phase::Before, Phase::During, Phase::After]
            .map(|phase| snapshot(&store, phase, NOW, &["fw1"]))
            .to_vec();
        with(&all);
        store.find(&select("CHG-1:after")).map(|e| e.len()).map_err(|e| e.to_string())
    };
    assert_eq!(chain(&|_| {}), Ok(1));
    assert!(chain(&|all| fs::remove_dir_all(&all[0]).unwrap()).unwrap_err().contains("chain"));
    assert!(chain(&|all| fs::remove_dir_all(&all[1]).unwrap()).unwrap_err().contains("chain"));
    assert!(chain(&|all| edit(&all[1], "/tool", "x".into())).unwrap_err().contains("chain"));
    assert!(
        chain(&|all| fs::remove_file(all[1].join("manifest.json")).unwrap()).unwrap_err().contains("missing")
    );
    let renamed =
        |all: &[PathBuf]| fs::rename(&all[1], all[1].with_file_name("after-20261122T010204Z")).unwrap();
    assert!(chain(&renamed).unwrap_err().contains("belongs to during"));
    // Files that are no snapshots are nobody's business.
    assert_eq!(chain(&|all| fs::write(all[0].with_file_name("notes.txt"), "x").unwrap()), Ok(1));
}

#[test]
fn a_wrong_hint_about_the_last_snapshot_misleads_nobody() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let hint = root.path().join("CHG-1/.last");
    let take = || drop(snapshot(&store, Phase::During, NOW, &["fw1"]));
    take();
    let first = fs::read(&hint).unwrap();
    take();
    // Stale, as after a crash between the rename and the note.
    fs::write(&hint, &first).unwrap();
    take();
    for text in ["during-20261122T010203Z-2", "before-20261122T010203Z", "../CHG-1", ""] {
        fs::write(&hint, text).unwrap();
        take();
    }
    fs::remove_file(&hint).unwrap();
    take();
    assert_eq!(store.snapshots("CHG-1").unwrap().len(), 8);
}

#[test]
fn a_damaged_store_does_not_keep_an_engineer_from_capturing() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let before = snapshot(&store, Phase::Before, NOW, &["fw1"]);
    fs::write(before.join("manifest.json"), "{").unwrap();
    snapshot(&store, Phase::After, NOW, &["fw1"]);
    assert!(matches!(store.snapshots("CHG-1"), Err(StoreError::Tampered { .. })));
}

#[test]
fn hostile_names_stay_inside_and_apart() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path().join("store"));
    let writer = store.begin("CHG-1", Phase::Before, NOW).unwrap();
    let names = [
        "../../x",
        "/etc/passwd",
        "Manifest.json",
        "manifest.json",
        "a",
        "A",
        "..",
        "",
        "con",
        &"long".repeat(100),
    ];
    let mut evidence = Vec::new();
    for name in names {
        let mut device = device(name);
        for artifact in
            ["../../../x", "files/etc/Map", "files/etc/map", "files/etc/map/below", "a\\b", "nul", "b\0c"]
        {
            let bytes = artifact.as_bytes().to_vec();
            device
                .artifacts
                .insert(artifact.to_owned(), Artifact { bytes: bytes.into(), proof: Proof::Complete });
        }
        writer.add(&device).unwrap();
        evidence.push(device);
    }
    assert!(matches!(writer.add(&device("a")), Err(StoreError::DuplicateDevice(_))));
    let folder = writer.finish(NOW).unwrap().folder;
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    evidence.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(load(&folder).unwrap().devices, evidence);
    for id in ["", "..", "a/b", "NUL", ".hidden", "redaction.key"] {
        assert!(matches!(store.begin(id, Phase::Before, NOW), Err(StoreError::ChangeId { .. })), "{id:?}");
        assert!(matches!(store.snapshots(id), Err(StoreError::ChangeId { .. })), "{id:?}");
    }
}

#[test]
fn a_second_writer_waits_or_is_told() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let first = store.begin("CHG-1", Phase::Before, NOW).unwrap();
    assert!(matches!(store.begin("CHG-1", Phase::After, NOW), Err(StoreError::Busy { .. })));
    // Another change is not concerned.
    drop(store.begin("CHG-2", Phase::Before, NOW).unwrap());
    let waiting = {
        let store = store.clone();
        thread::spawn(move || snapshot(&store, Phase::After, NOW, &["b"]))
    };
    thread::sleep(Duration::from_millis(300));
    first.add(&device("a")).unwrap();
    first.finish(NOW).unwrap();
    drop(first);
    waiting.join().unwrap();
    assert_eq!(store.snapshots("CHG-1").unwrap().len(), 2);
}

#[test]
fn devices_are_added_from_many_threads() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let writer = Arc::new(store.begin("CHG-1", Phase::Before, NOW).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let writer = Arc::clone(&writer);
            thread::spawn(move || (0..5).for_each(|m| writer.add(&device(&format!("d{n}{m}"))).unwrap()))
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let entry = writer.finish(NOW).unwrap();
    assert_eq!(entry.load().unwrap().devices.len(), 40);
    assert!(matches!(writer.finish(NOW), Err(StoreError::Finished)));
    assert!(matches!(writer.add(&device("late")), Err(StoreError::Finished)));
}

#[test]
fn an_unfinished_snapshot_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let writer = store.begin("CHG-1", Phase::Before, NOW).unwrap();
    writer.add(&device("a")).unwrap();
    assert!(store.snapshots("CHG-1").unwrap().is_empty());
    drop(writer);
    assert_eq!(tree(root.path()), ["CHG-1", "CHG-1/.lock"]);
}

#[test]
fn one_key_per_store_for_its_owner_only() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path().join("new"));
    let key = store.redaction_key(|| Ok([7; 32])).unwrap();
    assert_eq!(store.redaction_key(|| panic!("made twice")).unwrap(), key);
    let path = store.root().join("redaction.key");
    fs::write(&path, "short").unwrap();
    assert!(matches!(store.redaction_key(|| Ok([8; 32])), Err(StoreError::Key { .. })));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::remove_file(&path).unwrap();
        store.redaction_key(|| Ok([9; 32])).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(store.redaction_key(|| Ok([8; 32])), Err(StoreError::Key { .. })));
    }
}

#[test]
fn a_snapshot_without_its_manifest_is_no_plain_folder() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let folder = snapshot(&store, Phase::Before, NOW, &["fw1"]);
    assert!(looks_like_snapshot(&folder));
    fs::remove_file(folder.join("manifest.json")).unwrap();
    assert!(looks_like_snapshot(&folder));
    assert!(!looks_like_snapshot(root.path()));
    assert!(matches!(load(&root.path().join("none")), Err(StoreError::Io { .. })));
}
