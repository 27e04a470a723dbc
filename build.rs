//! Puts the incident fixtures into the program, each content once, so that the demo needs no file beside it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const FOLDER: &str = "fixtures/incidents";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join(FOLDER);
    let mut files = Vec::new();
    list(&root, &mut files)?;
    files.sort();
    let mut contents: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let (mut statics, mut table) = (String::new(), String::new());
    for path in &files {
        let bytes = fs::read(path)?;
        let next = contents.len();
        let number = *contents.entry(bytes).or_insert(next);
        if number == next {
            let _ = writeln!(statics, "static F{number}: &[u8] = include_bytes!({path:?});");
        }
        let inside = path.strip_prefix(&root).map_err(io::Error::other)?;
        let name = inside.to_string_lossy().replace('\\', "/");
        let _ = writeln!(table, "    ({name:?}, F{number}),");
    }
    let text = format!(
        "{statics}/// Path below the folder of incidents, and content.\nstatic FILES: &[(&str, &[u8])] = &[\n{table}];\n"
    );
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("incidents.rs"), text)
}

/// Every file of the stories; what lies beside them (the generator, its page) is not part of any.
fn list(folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, out)?;
        } else if folder.file_name().is_some_and(|name| name != "incidents") {
            out.push(path);
        }
    }
    Ok(())
}
