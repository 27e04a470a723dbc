//! A real Postfix in namespaces of its own, a network beside it, and somebody to talk to it.
//!
//! Nothing of it outlives the test: a shell holds the namespaces and ends with its standard input (namespaces(7)).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::generate::Host;

/// Programs that are needed.
pub(super) const NEEDS: &[&str] =
    &[crate::common::needs::ROOT, "postfix", "python3", "ip", "ss", "unshare", "nsenter", "openssl"];

/// Holds the namespaces; says which process is outside once they stand.
const HOLD: &str = r#"
set -e
mount --make-rprivate /
mount --bind etc-postfix /etc/postfix
mount --bind spool /var/spool/postfix
mount --bind lib /var/lib/postfix
for file in resolv.conf hosts passwd; do mount --bind $file /etc/$file; done
ip link set lo up
exec 3<&0
unshare --net sh -c 'ip link set lo up; read forever' <&3 >/dev/null 2>&1 &
outside=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(readlink /proc/$outside/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || break
    sleep 0.1
done
ip link add eth0 type veth peer name eth0 netns $outside
ip addr add 192.0.2.25/24 dev eth0
ip addr add 2001:db8:d::25/64 dev eth0 nodad
ip link set eth0 up
nsenter -t $outside -n ip link set eth0 up
for family in -4 -6; do
    ip $family route add default dev eth0
    nsenter -t $outside -n ip $family route add default dev eth0
done
echo $outside
read forever || :
"#;

/// Where everything is.
pub(super) struct Server {
    folder: tempfile::TempDir,
    holder: Child,
    outside: Talker,
    inside: Talker,
    services: Child,
}

struct Talker {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Server {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path());
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-c", HOLD]).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(folder.path().join("hold.log")).unwrap());
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = fs::read_to_string(folder.path().join("hold.log")).unwrap();
        let outside: u32 = line.trim().parse().unwrap_or_else(|_| panic!("no namespaces: {said}"));
        let world = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/relay/live/world.py");
        let mut services = entered(holder.id(), true);
        services.args(["python3", world, "services"]);
        services.arg(folder.path().join("zone.json")).arg(folder.path().join("policy"));
        let mut services = services.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(services.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "names, logins and policy");
        let outside = Talker::start(entered(outside, false), world, "eth0");
        let inside = Talker::start(entered(holder.id(), false), world, "lo");
        Self { folder, holder, outside, inside, services }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A shell command on the host.
    pub(super) fn run(&self, shell: &str) -> Output {
        let mut command = entered(self.holder.id(), true);
        command.args(["timeout", "60", "sh", "-c", shell]).stdin(Stdio::null()).output().unwrap()
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
        let mut master = entered(self.holder.id(), true);
        master.args(["/usr/lib/postfix/sbin/master", "-c", "/etc/postfix"]).stdin(Stdio::null());
        let serving = Serving(master.stdout(Stdio::null()).spawn().unwrap());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            let listening = self.run("ss -Hltn");
            let text = String::from_utf8_lossy(&listening.stdout).into_owned();
            if host.ports.iter().all(|port| text.contains(&format!(":{port} "))) {
                return Some(serving);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// What Postfix wrote to its log.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("spool/mail.log")).unwrap_or_default()
    }

    /// Reply codes of a session; `None` where the login or TLS that it wants is not taken.
    pub(super) fn talk(&mut self, session: &Value) -> Option<Vec<u16>> {
        let local = session["client"].as_str().unwrap().starts_with("127.");
        let talker = if local { &mut self.inside } else { &mut self.outside };
        writeln!(talker.to, "{session}").unwrap();
        let mut line = String::new();
        talker.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line} for {session}"))
    }
}

/// A running Postfix; it ends when dropped.
pub(super) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if self.0.try_wait().is_ok_and(|done| done.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Talker {
    fn start(mut command: Command, world: &str, device: &str) -> Self {
        command.args(["python3", world, "talk", device]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, to, from: BufReader::new(from) }
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.outside.end();
        self.inside.end();
        let _ = self.services.kill();
        let _ = self.services.wait();
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A command in the network (and files) of a process.
fn entered(process: u32, files: bool) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["-t", &process.to_string(), "-n"]).args(files.then_some("-m")).arg("--");
    command
        .env("LC_ALL", "C.UTF-8")
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    command
}

fn lay_out(at: &Path) {
    fs::create_dir(at.join("etc-postfix")).unwrap();
    fs::write(at.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    fs::write(at.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n192.0.2.25 mx.city.example\n").unwrap();
    fs::write(at.join("zone.json"), "{}").unwrap();
    fs::write(at.join("policy"), "DUNNO").unwrap();
    let account = "soumu:x:6001:6001::/nonexistent:/usr/sbin/nologin\n";
    fs::write(at.join("passwd"), fs::read_to_string("/etc/passwd").unwrap() + account).unwrap();
    let steps = "cp -a /etc/postfix/dynamicmaps.cf* etc-postfix; cp -a /var/spool/postfix spool; \
        cp -a /var/lib/postfix lib; chown postfix lib; \
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mx.city.example -keyout key -out cert 2>/dev/null; \
        cat key cert > etc-postfix/tls.pem";
    let done = Command::new("sh").args(["-ec", steps]).current_dir(at).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
