//! A real OpenSSH server on loopback, with keys, configuration and home folder of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho::capture::known_hosts::KnownHosts;
use sekisho::capture::{Auth, Endpoint, KeyFile, Target};
use sekisho::evidence::Age;
use sekisho::platform::Platform;

use super::needs;

const SSHD: &str = "/usr/sbin/sshd";

/// A running sshd; it ends when dropped.
pub struct Sshd {
    folder: tempfile::TempDir,
    child: Child,
    pub port: u16,
}

impl Sshd {
    /// Starts an sshd with further lines of configuration; `None`, aloud, where there is no OpenSSH.
    pub fn start(test: &str, lines: &str) -> Option<Self> {
        if !needs::met(test, &["sshd", "ssh-keygen"]) {
            return None;
        }
        if needs::is_there(needs::ROOT) {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path());
        // Somebody else may take the port in between; then the next one will do.
        (0..5)
            .find_map(|_| launch(&folder, lines))
            .map(|(child, port)| Self { folder, child, port })
            .or_else(|| panic!("{test}: sshd does not start"))
    }

    /// A file in the server's folder: `home/...` is the login's home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it is, with a login by key file.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: user(),
            auth: vec![Auth::Key(KeyFile::new(self.path("client"), None))],
            algorithms: Age::Modern,
        }
    }

    /// The host key of a type, as a known_hosts line.
    pub fn known_line(&self, kind: &str) -> String {
        let public = fs::read_to_string(self.path(&format!("host_{kind}.pub"))).unwrap();
        let words: Vec<&str> = public.split(' ').take(2).collect();
        format!("[127.0.0.1]:{} {}\n", self.port, words.join(" "))
    }

    /// A target with its ed25519 host key on record.
    pub fn target(&self, platform: &'static dyn Platform) -> Target {
        Target {
            timeout: None,
            privilege: None,
            name: "sshd".to_owned(),
            endpoint: self.endpoint(),
            via: Vec::new(),
            platforms: vec![platform],
            known_hosts: known(&self.known_line("ed25519")),
        }
    }

    /// Kills the listener and the servers of its connections.
    pub fn kill(&mut self) {
        let mut processes = vec![self.child.id()];
        let mut at = 0;
        while let Some(parent) = processes.get(at) {
            let children =
                Command::new("pgrep").args(["-x", "-P", &parent.to_string(), "sshd"]).output().unwrap();
            processes.extend(
                String::from_utf8_lossy(&children.stdout).lines().filter_map(|l| l.parse::<u32>().ok()),
            );
            at += 1;
        }
        for process in processes {
            let _ = Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Host keys, a client's key and a home, in a folder.
pub fn lay_out(at: &Path) {
    for name in ["host_ed25519", "client"] {
        keygen(&at.join(name), "ed25519");
    }
    keygen(&at.join("host_rsa"), "rsa");
    fs::create_dir_all(at.join("home")).unwrap();
    fs::copy(at.join("client.pub"), at.join("authorized")).unwrap();
}

/// A configuration that uses them: further lines, of which the first of a kind counts, and where to listen.
pub fn config(at: &Path, lines: &str) -> String {
    let at = at.display();
    format!(
        "{lines}\nHostKey {at}/host_ed25519\nHostKey {at}/host_rsa\n\
         PidFile none\nAuthorizedKeysFile {at}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 200\nSetEnv HOME={at}/home\nLogLevel ERROR\n"
    )
}

/// A record of these lines.
pub fn known(lines: &str) -> Arc<KnownHosts> {
    let mut known = KnownHosts::new();
    known.add(Path::new("known_hosts"), lines.as_bytes());
    Arc::new(known)
}

/// Makes a key without a passphrase.
pub fn keygen(path: &Path, kind: &str) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", "test", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
}

/// Who runs the tests.
pub fn user() -> String {
    let name = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(name).unwrap().trim().to_owned()
}

fn launch(folder: &tempfile::TempDir, lines: &str) -> Option<(Child, u16)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.path().join("sshd_config");
    let listen = format!("{lines}\nPort {port}\nListenAddress 127.0.0.1");
    fs::write(&config, self::config(folder.path(), &listen)).unwrap();
    let mut command = Command::new(SSHD);
    command.args(["-D", "-f"]).arg(&config).arg("-E").arg(folder.path().join("log"));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some((child, port));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
