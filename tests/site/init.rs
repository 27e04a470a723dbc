//! `sekisho init` as a user runs it.

use std::fs;
use std::process::Command;

fn init(folder: &std::path::Path, lang: &str) -> (i32, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["init", "city"])
        .current_dir(folder)
        .env_clear()
        .env("LC_ALL", lang)
        .output()
        .unwrap();
    let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    (done.status.code().unwrap(), text)
}

#[test]
fn it_says_what_it_wrote_and_what_it_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = init(folder.path(), "C");
    assert_eq!(code, 0);
    assert_eq!(said.lines().next(), Some("wrote  city/site.toml"));
    assert!(folder.path().join("city/rules/local.toml").is_file());
    fs::write(folder.path().join("city/site.toml"), "[site]\nname = \"ours\"\n").unwrap();
    let (code, said) = init(folder.path(), "ja_JP.UTF-8");
    assert_eq!(code, 0);
    assert_eq!(said.lines().next(), Some("変更なし  city/site.toml（すでにあります）"));
    assert_eq!(
        fs::read_to_string(folder.path().join("city/site.toml")).unwrap(),
        "[site]\nname = \"ours\"\n"
    );
}

#[test]
fn what_it_cannot_write_is_an_error_of_use() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("city"), "a file in the way").unwrap();
    let (code, said) = init(folder.path(), "C");
    assert_eq!(code, 2);
    assert!(said.contains("cannot write city"), "{said}");
}
