//! Devices whose configuration is captured and not read yet.

use std::fs;

use super::run;

/// Exit code of a router whose configuration is this before and that after.
fn exit(before: &str, after: &str) -> i32 {
    let folder = tempfile::tempdir().unwrap();
    let site = "[site]\nname = \"t\"\n[[device]]\nname = \"rt1\"\nplatforms = [\"rtx\"]\n";
    fs::write(folder.path().join("site.toml"), site).unwrap();
    for (state, config) in [("before", before), ("after", after)] {
        let device = folder.path().join(state).join("rt1");
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("running-config.txt"), config).unwrap();
    }
    run(folder.path()).code
}

#[test]
fn a_change_is_undecided_and_no_change_is_none() {
    let config = "# Reporting Date: Nov 22 2026 01:00:00\nip filter 1 reject * * tcp * 23\n";
    let later = config.replace("01:00:00", "05:00:00");
    assert_eq!(exit(config, config), 0);
    assert_eq!(exit(config, &later), 0, "the date of a report is no change");
    assert_eq!(exit(config, &config.replace("reject", "pass")), 3);
    assert_eq!(exit(config, &format!("{config}description lan1 x\n")), 3, "nobody has read what was added");
}
