//! What the documentation says of the program, held against the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use sekisho::rules::{kind, load};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// First cells of a page's table rows: what stands between the first pair of backquotes.
fn first_cells(page: &str) -> Vec<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

#[test]
fn the_page_of_rules_names_every_rule_and_every_kind() {
    let page = read("docs/rules.md");
    let (kinds, pack) = page.split_once("## The default pack").unwrap();
    let kinds = kinds.split_once("## Kinds").unwrap().1;
    let mut named = first_cells(kinds);
    let mut known: Vec<String> = kind::ENTRIES.iter().map(|entry| entry.name.to_owned()).collect();
    named.sort();
    known.sort();
    assert_eq!(named, known);
    let rows: Vec<Vec<String>> = pack
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
        .collect();
    let rules = load(&[], |_| unreachable!()).unwrap();
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(rows.iter().map(|row| row[1].as_str()).collect::<Vec<_>>(), ids);
    for (row, rule) in rows.iter().zip(&rules) {
        assert_eq!(row[2], format!("{:?}", rule.severity).to_lowercase(), "{}", rule.id);
        assert_eq!(row[3], format!("{:?}", rule.over).to_lowercase(), "{}", rule.id);
    }
}

#[test]
fn the_page_of_the_result_names_every_key() {
    let page = read("docs/result.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/incidents/ishikura");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.args(["check", "--output", "json=-", "--before"]).arg(root.join("before"));
    let done = command.arg("--after").arg(root.join("after")).output().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let parts =
        [&result, &result["findings"][0], &result["devices"][0], &result["devices"][0]["flows"]["opened"][0]];
    for key in parts.iter().flat_map(|part| part.as_object().unwrap().keys()) {
        assert!(page.contains(&format!("`{key}`")) || page.contains(&format!("`{key}[]`")), "{key}");
    }
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    for page in [
        "README.md",
        "README.ja.md",
        "examples/README.md",
        "docs/rules.md",
        "docs/result.md",
        "docs/declarations.md",
        "docs/ios.md",
        "docs/probe.md",
        "docs/shell.md",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let folder = folder.parent().unwrap();
        for link in read(page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(link.starts_with("https://") || folder.join(link).exists(), "{page}: {link}");
        }
    }
}
