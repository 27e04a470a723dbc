//! The one place for calls that exist on one operating system only.
//!
//! Everything else compiles on Windows and macOS too; here each function has a branch for both kinds.

pub mod signals;

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use russh::keys::agent::client::{AgentClient, AgentStream};

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

/// Makes a renamed or created directory entry durable (Unix: fsync of the directory; elsewhere nothing to
/// do).
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

/// Whether only its owner may read a file (Unix: mode 0600 or less; elsewhere not known, and taken for
/// granted).
pub fn is_private(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o077 == 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        true
    }
}

/// An SSH agent, whatever carries the connection to it.
pub type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// Connects to an SSH agent: at `socket`, else where the system keeps it (Unix: `SSH_AUTH_SOCK`; Windows: the
/// named pipe of OpenSSH's agent).
///
/// # Errors
/// No agent is there.
pub async fn ssh_agent(socket: Option<&Path>) -> Result<Agent, russh::keys::Error> {
    #[cfg(unix)]
    {
        let client = match socket {
            Some(path) => AgentClient::connect_uds(path).await,
            None => AgentClient::connect_env().await,
        };
        client.map(AgentClient::dynamic)
    }
    #[cfg(windows)]
    {
        let pipe = socket.unwrap_or(Path::new(r"\\.\pipe\openssh-ssh-agent"));
        AgentClient::connect_named_pipe(pipe).await.map(AgentClient::dynamic)
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = socket;
        Err(russh::keys::Error::AgentFailure)
    }
}
