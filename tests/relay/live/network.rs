//! A network with one host in it and the world outside, in namespaces of their own (namespaces(7)).
//!
//! Nothing of it outlives the test: a shell holds the namespaces and ends with its standard input.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Programs that are needed.
pub(super) const NEEDS: &[&str] =
    &[crate::common::needs::ROOT, "python3", "ip", "ss", "unshare", "nsenter", "openssl"];

/// How long a server may take to listen: the machine may be busy with something else.
const PATIENCE: Duration = Duration::from_secs(90);

/// Puts `$mounts` over the host's files, and gives the host a network; says which process is outside once both stand.
const HOLD: &str = r#"
set -e
mount --make-rprivate /
eval "$mounts"
hostname mx.city.example
ip link set lo up
exec 3<&0
unshare --net sh -c 'ip link set lo up; read forever' <&3 >/dev/null 2>&1 &
outside=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(readlink /proc/$outside/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || break
    sleep 0.1
done
ip link add eth0 type veth peer name eth0 netns $outside
for address in $addresses; do ip addr add $address dev eth0; done
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

/// One host, and somebody to talk to it.
pub(super) struct Network {
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

impl Network {
    /// With the files of a folder laid over the host's by a shell script, and these IPv4 addresses. `logins` is where
    /// the server asks about them.
    pub(super) fn start(folder: tempfile::TempDir, mounts: &str, addresses: &str, logins: &str) -> Self {
        fs::write(folder.path().join("zone.json"), "{}").unwrap();
        fs::write(folder.path().join("policy"), "DUNNO").unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--uts", "sh", "-c", HOLD]).current_dir(folder.path());
        command.env("mounts", mounts).env("addresses", addresses);
        command.env("PATH", path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(folder.path().join("hold.log")).unwrap());
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = fs::read_to_string(folder.path().join("hold.log")).unwrap();
        let outside: u32 = line.trim().parse().unwrap_or_else(|_| panic!("no namespaces: {said}"));
        let world = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/relay/live/world.py");
        let mut services = entered(holder.id(), true);
        services.args(["python3", world, "services"]);
        services.arg(folder.path().join("zone.json")).arg(folder.path().join("policy")).arg(logins);
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

    /// A shell command on the host that is given a text.
    pub(super) fn feed(&self, shell: &str, text: &str) {
        let mut command = entered(self.holder.id(), true);
        command.args(["sh", "-ec", shell]).stdin(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(process.wait().unwrap().success(), "{shell}");
    }

    /// Starts a server on the host; `None` when it ends before it listens on all of these ports.
    pub(super) fn serve(&self, shell: &str, ports: &[u16]) -> Option<Serving> {
        let mut command = entered(self.holder.id(), true);
        let log = fs::File::create(self.path("server.log")).unwrap();
        command.args(["sh", "-c", &format!("exec {shell}")]).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut serving = Serving(command.spawn().unwrap());
        let start = Instant::now();
        loop {
            let listening = self.run("ss -Hltn");
            let text = String::from_utf8_lossy(&listening.stdout).into_owned();
            if ports.iter().all(|port| text.contains(&format!(":{port} "))) {
                return Some(serving);
            }
            let ended = serving.0.try_wait().unwrap().is_some();
            if ended || start.elapsed() > PATIENCE {
                assert!(ended, "neither ends nor listens: {text}{}", self.said());
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the server printed.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// Reply codes of a session; `None` where the login or TLS that it wants is not taken.
    pub(super) fn talk(&mut self, session: &Value) -> Option<Vec<u16>> {
        let own = ["127.", "192.0.2.25", "192.0.2.30"];
        let client = session["client"].as_str().unwrap();
        let local = own.iter().any(|address| client.starts_with(address));
        let talker = if local { &mut self.inside } else { &mut self.outside };
        writeln!(talker.to, "{session}").unwrap();
        let mut line = String::new();
        talker.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line} for {session}"))
    }
}

/// A running server; it ends when dropped.
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

impl Drop for Network {
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
    command.args(["-t", &process.to_string(), "-n"]);
    command.args(files.then_some(["-m", "-u"]).into_iter().flatten()).arg("--");
    command.env("LC_ALL", "C.UTF-8").env("PATH", path());
    command
}

fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}
