//! The key file beside the snapshots: 32 random bytes in hex, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::error::{KeyFault, StoreError, io_error, write_error};
use crate::os;

const NAME: &str = "redaction.key";
const TEMPORARY: &str = ".redaction.key.new";
const LOCK: &str = ".redaction.key.lock";

/// Bytes of a well-formed key file, its newline included.
const LENGTH: u64 = 65;

pub(super) fn read_or_make(
    root: &Path,
    random: impl FnOnce() -> io::Result<[u8; 32]>,
) -> Result<[u8; 32], StoreError> {
    let path = root.join(NAME);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    fs::create_dir_all(root).map_err(|e| write_error(root, e))?;
    // Two first runs at once must end with one key.
    let lock_path = root.join(LOCK);
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
    let lock = lock.map_err(|e| write_error(&lock_path, e))?;
    lock.lock().map_err(|e| write_error(&lock_path, e))?;
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let key = random().map_err(|e| io_error(&path, e))?;
    make(root, &key).map_err(|e| write_error(&path, e))?;
    Ok(key)
}

fn make(root: &Path, key: &[u8; 32]) -> io::Result<()> {
    let temporary = root.join(TEMPORARY);
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = os::create_private(&temporary)?;
    writeln!(file, "{}", HEXLOWER_PERMISSIVE.encode(key))?;
    file.sync_all()?;
    fs::rename(&temporary, root.join(NAME))?;
    os::sync_dir(root)
}

fn read(path: &Path) -> Result<Option<[u8; 32]>, StoreError> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| io_error(path, e))?,
    };
    let bad = |problem| StoreError::Key { path: path.to_path_buf(), problem };
    let metadata = file.metadata().map_err(|e| io_error(path, e))?;
    if !os::is_private(&metadata) {
        return Err(bad(KeyFault::Readable));
    }
    let mut text = String::new();
    file.take(LENGTH + 1).read_to_string(&mut text).map_err(|e| io_error(path, e))?;
    let key = HEXLOWER_PERMISSIVE.decode(text.trim_end().as_bytes()).ok().and_then(|k| k.try_into().ok());
    key.map(Some).ok_or_else(|| bad(KeyFault::Damaged))
}
