//! A writer that is killed at every single step: a reader sees the whole snapshot or none, and the next
//! writer goes on.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sekisho::evidence::{Phase, Store};

use super::{NOW, device, tree};

const STEP: &str = "SEKISHO_TEST_DIE_AT_STEP";
const ROOT: &str = "SEKISHO_TEST_STORE";

/// Not a test by itself: the process that the test below kills. It dies like `kill -9`, without any clean-up.
#[test]
#[ignore = "started by a_killed_writer_leaves_a_whole_snapshot_or_none"]
fn writer_that_dies() {
    let (Ok(step), Ok(root)) = (std::env::var(STEP), std::env::var(ROOT)) else { return };
    let (step, count): (usize, _) = (step.parse().unwrap(), AtomicUsize::new(0));
    let die = move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == step {
            std::process::abort();
        }
        Ok(())
    };
    let store = Store::open(root).with_faults(Arc::new(die));
    let writer = store.begin("CHG-1", Phase::After, NOW).unwrap();
    writer.add(&device("a")).unwrap();
    writer.add(&device("b")).unwrap();
    writer.finish(NOW).unwrap();
}

#[test]
fn a_killed_writer_leaves_a_whole_snapshot_or_none() {
    let mut faults = 0;
    for step in 0.. {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path());
        let first = store.begin("CHG-1", Phase::Before, NOW).unwrap();
        first.add(&device("a")).unwrap();
        first.finish(NOW).unwrap();
        drop(first);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "evidence::crash::writer_that_dies", "--ignored"])
            .env(STEP, step.to_string())
            .env(ROOT, root.path())
            .output()
            .unwrap();
        let seen = store.snapshots("CHG-1").unwrap();
        if child.status.success() {
            assert_eq!(seen.len(), 2);
            break;
        }
        faults += 1;
        assert!((1..=2).contains(&seen.len()), "step {step}");
        for entry in &seen {
            entry.load().unwrap_or_else(|e| panic!("step {step}: {e}"));
        }
        let next = store.begin("CHG-1", Phase::After, NOW).unwrap();
        next.add(&device("a")).unwrap();
        next.finish(NOW).unwrap();
        assert_eq!(store.snapshots("CHG-1").unwrap().len(), seen.len() + 1, "step {step}");
        assert!(!tree(root.path()).iter().any(|f| f.contains(".tmp-")), "step {step}");
    }
    println!("{faults} faults injected");
    // Begin, two devices of three files with two steps each, manifest, folders, rename, finish.
    assert_eq!(faults, 1 + 2 * 3 * 2 + 4);
}
