//! The one place for calls that exist on one operating system only.
//!
//! Everything else compiles on Windows and macOS too; here each function has a branch for both kinds.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens `path` for writing, new, readable by its owner only (mode 0600 on Unix; inherited rights elsewhere).
///
/// # Errors
/// Whatever the file system answers; `AlreadyExists` when the file is there.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes a renamed or created directory entry durable (Unix: fsync of the directory; elsewhere nothing to do).
///
/// # Errors
/// Whatever the file system answers.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        File::open(path)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
