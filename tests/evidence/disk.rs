//! Disks that refuse: full, read-only, failing at any step.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sekisho::evidence::{Artifact, Phase, Proof, Store, StoreError};

use super::{NOW, device, tree};
use crate::common::needs;

#[test]
fn a_disk_that_fails_at_any_step_leaves_the_snapshots_before_it() {
    for step in 0..17 {
        let root = tempfile::tempdir().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let fail = move |_| {
            let now = counter.fetch_add(1, Ordering::SeqCst);
            if now == step { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        };
        let store = Store::open(root.path()).with_faults(Arc::new(fail));
        let write = || {
            let writer = store.begin("CHG-1", Phase::Before, NOW)?;
            writer.add(&device("a"))?;
            writer.add(&device("b"))?;
            writer.finish(NOW)
        };
        assert!(matches!(write(), Err(StoreError::Full { .. })), "step {step}");
        assert!(!tree(root.path()).iter().any(|f| f.contains(".tmp-")), "step {step}");
        let whole = Store::open(root.path()).snapshots("CHG-1").map_or(0, |s| s.len());
        assert_eq!(whole, usize::from(step == 16), "step {step}");
        write().unwrap();
    }
}

#[test]
fn a_device_that_was_not_written_is_never_left_out_in_silence() {
    let root = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    let fail = move |_| match count.fetch_add(1, Ordering::SeqCst) {
        3 => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    };
    let store = Store::open(root.path()).with_faults(Arc::new(fail));
    let writer = store.begin("CHG-1", Phase::Before, NOW).unwrap();
    assert!(writer.add(&device("a")).is_err());
    writer.add(&device("b")).unwrap();
    assert!(matches!(writer.finish(NOW), Err(StoreError::Incomplete(name)) if name == "a"));
}

/// A small disk in memory, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(test: &str, options: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let mount =
            || Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(disk.0.path()).output();
        if !needs::is_there(needs::ROOT) || !mount().is_ok_and(|o| o.status.success()) {
            needs::skip(test, "root, and the right to mount a tmpfs");
            return None;
        }
        Some(disk)
    }

    fn remount(&self, options: &str) {
        let remounted =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()).status();
        assert!(remounted.unwrap().success());
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_gives_its_space_back() {
    let Some(disk) = SmallDisk::mount("a_full_disk", "size=1m") else { return };
    let store = Store::open(disk.path());
    let writer = store.begin("CHG-1", Phase::Before, NOW).unwrap();
    writer.add(&device("small")).unwrap();
    let mut big = device("big");
    big.artifacts
        .insert("big".to_owned(), Artifact { bytes: vec![b'x'; 2 << 20].into(), proof: Proof::Complete });
    let error = writer.add(&big).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("--store"));
    drop(writer);
    assert_eq!(tree(disk.path()), ["CHG-1", "CHG-1/.lock"]);
    let writer = store.begin("CHG-1", Phase::Before, NOW).unwrap();
    writer.add(&device("small")).unwrap();
    writer.finish(NOW).unwrap().load().unwrap();
}

#[test]
fn a_read_only_store_can_be_read_and_says_why_it_is_not_written() {
    let Some(disk) = SmallDisk::mount("a_read_only_store", "size=1m") else { return };
    let store = Store::open(disk.path());
    let key = store.redaction_key(|| Ok([7; 32])).unwrap();
    let writer = store.begin("CHG-1", Phase::Before, NOW).unwrap();
    writer.add(&device("a")).unwrap();
    writer.finish(NOW).unwrap();
    drop(writer);
    disk.remount("ro");
    let snapshots = store.snapshots("CHG-1").unwrap();
    assert_eq!(snapshots[0].load().unwrap().devices, [device("a")]);
    assert_eq!(store.redaction_key(|| Ok([8; 32])).unwrap(), key);
    for change in ["CHG-1", "CHG-2"] {
        let error = store.begin(change, Phase::After, NOW).unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("--store"));
    }
}

#[test]
fn a_store_below_a_file_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "x").unwrap();
    let store = Store::open(root.path().join("file/store"));
    assert!(store.begin("CHG-1", Phase::Before, NOW).is_err());
    assert!(store.redaction_key(|| Ok([1; 32])).is_err());
}
