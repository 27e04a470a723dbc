//! One sshd in a network namespace, which is as many devices as there are addresses on loopback.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::common::must;

/// The devices; gone when dropped.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
    namespace: String,
    sshd: Child,
    /// How many devices there are.
    pub(crate) devices: usize,
}

/// Why there can be no lab here.
pub(crate) fn missing() -> Option<String> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    if !root {
        return Some("needs root".to_owned());
    }
    let needed =
        ["/usr/sbin/sshd", "/usr/bin/ssh-keygen", "/usr/sbin/nft", "/usr/bin/unshare", "/usr/bin/xargs"];
    let absent: Vec<&str> = needed.into_iter().filter(|path| !Path::new(path).exists()).collect();
    (!absent.is_empty()).then(|| format!("needs {}", absent.join(", ")))
}

impl Lab {
    /// Starts it.
    pub(crate) fn start(devices: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let namespace = format!("sekisho-bench-{}", std::process::id());
        must("ip", &["netns", "add", &namespace]);
        must("ip", &["-n", &namespace, "link", "set", "lo", "up"]);
        let at = |name: &str| folder.path().join(name).display().to_string();
        for name in ["host", "client"] {
            must("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", &at(name)]);
        }
        fs::write(at("rules.nft"), rules()).unwrap();
        must("ip", &["netns", "exec", &namespace, "nft", "-f", &at("rules.nft")]);
        fs::write(
            at("passwd"),
            format!("root:x:0:0::{}:/bin/sh\nsshd:x:105:65534::/run/sshd:/usr/sbin/nologin\n", at("home")),
        )
        .unwrap();
        fs::create_dir(at("home")).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        let config = format!(
            "Port 22\nListenAddress 0.0.0.0\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 2000\nLogLevel ERROR\n",
            at("host"),
            at("client.pub")
        );
        fs::write(at("sshd_config"), config).unwrap();
        // a login shell without start-up files, for this sshd alone
        let inside = format!(
            "mount --bind {} /etc/passwd && exec /usr/sbin/sshd -D -f {}",
            at("passwd"),
            at("sshd_config")
        );
        let mut command = Command::new("ip");
        command.args([
            "netns",
            "exec",
            &namespace,
            "unshare",
            "-m",
            "--propagation",
            "private",
            "sh",
            "-c",
            &inside,
        ]);
        let sshd = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let lab = Self { folder, namespace, sshd, devices };
        lab.declare();
        lab
    }

    fn declare(&self) {
        let public = fs::read_to_string(self.path("host.pub")).unwrap();
        let key: Vec<&str> = public.split(' ').take(2).collect();
        let mut hosts = String::new();
        let mut sites = String::from("[site]\nname = \"bench\"\n");
        for address in self.addresses() {
            let _ = writeln!(hosts, "{address} {}", key.join(" "));
            let _ = writeln!(
                sites,
                "[[device]]\nname = \"d{}\"\naddress = \"{address}:22\"\nuser = \"root\"\nauth = [\"key\"]\nplatforms = [\"nftables\"]",
                address.replace('.', "-")
            );
        }
        fs::write(self.path("known_hosts"), hosts).unwrap();
        fs::write(self.path("site.toml"), sites).unwrap();
    }

    /// A file of the lab.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The namespace's name.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The devices' addresses.
    pub(crate) fn addresses(&self) -> Vec<String> {
        (1..=self.devices).map(|n| format!("127.0.1.{n}")).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
        let pids = Command::new("ip").args(["netns", "pids", &self.namespace]).output();
        for pid in pids.iter().flat_map(|o| {
            String::from_utf8_lossy(&o.stdout).into_owned().lines().map(str::to_owned).collect::<Vec<_>>()
        }) {
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
        let _ = Command::new("ip").args(["netns", "del", &self.namespace]).status();
    }
}

/// A ruleset of the size that edges have: about 30 kB.
fn rules() -> String {
    let mut text = String::from(
        "table inet filter {\n chain input {\n  type filter hook input priority 0; policy accept;\n  iif lo accept\n }\n \
         chain forward {\n  type filter hook forward priority 0; policy drop;\n  ct state established,related accept\n",
    );
    for n in 0..400 {
        let _ = writeln!(
            text,
            "  ip saddr 10.{}.{}.0/24 ip daddr 203.0.113.{} tcp dport {} accept",
            n / 250,
            n % 250,
            n % 254 + 1,
            1000 + n
        );
    }
    text.push_str(" }\n}\n");
    text
}
