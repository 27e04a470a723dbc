//! A real Postfix on a host of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::generate::Host;
use super::network::{Network, Serving};

/// What a Postfix keeps, laid over the host's own.
const MOUNTS: &str = "
mount --bind etc-postfix /etc/postfix
mount --bind spool /var/spool/postfix
mount --bind lib /var/lib/postfix
for file in resolv.conf hosts passwd; do mount --bind $file /etc/$file; done
";

/// A host with Postfix.
pub(super) struct Server(Network);

impl Server {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path());
        Self(Network::start(folder, MOUNTS, "192.0.2.25/24", "/var/spool/postfix/private/logins"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    /// A shell command on the host.
    pub(super) fn run(&self, shell: &str) -> Output {
        self.0.run(shell)
    }

    /// Puts a configuration in place and starts Postfix with it; `None` when it does not even start.
    pub(super) fn serve(&self, host: &Host) -> Option<Serving> {
        let folder = self.path("etc-postfix");
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !["dynamicmaps.cf", "tls.pem"].iter().any(|name| path.ends_with(name)) {
                fs::remove_file(path).unwrap();
            }
        }
        for (name, text) in &host.files {
            fs::write(folder.join(name), text).unwrap();
        }
        fs::write(self.path("spool/mail.log"), "").unwrap();
        for table in &host.compiled {
            let tool = if table.ends_with("/aliases") { "postalias" } else { "postmap" };
            let made = self.run(&format!("{tool} {table}"));
            assert!(made.status.success(), "{table}: {}", String::from_utf8_lossy(&made.stderr));
        }
        self.0.serve("/usr/lib/postfix/sbin/master -c /etc/postfix", &host.ports)
    }

    /// What Postfix wrote to its log.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("spool/mail.log")).unwrap_or_default() + &self.0.said()
    }

    /// Reply codes of a session; `None` where the login or TLS that it wants is not taken.
    pub(super) fn talk(&mut self, session: &Value) -> Option<Vec<u16>> {
        self.0.talk(session)
    }
}

fn lay_out(at: &Path) {
    fs::create_dir(at.join("etc-postfix")).unwrap();
    fs::write(at.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    fs::write(at.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n192.0.2.25 mx.city.example\n").unwrap();
    let account = "soumu:x:6001:6001::/nonexistent:/usr/sbin/nologin\n";
    fs::write(at.join("passwd"), fs::read_to_string("/etc/passwd").unwrap() + account).unwrap();
    let steps = "cp -a /etc/postfix/dynamicmaps.cf* etc-postfix; cp -a /var/spool/postfix spool; \
        cp -a /var/lib/postfix lib; chown postfix lib; \
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mx.city.example -keyout key -out cert 2>/dev/null; \
        cat key cert > etc-postfix/tls.pem";
    let done = Command::new("sh").args(["-ec", steps]).current_dir(at).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
