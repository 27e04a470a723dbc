//! A host to work on: network and mount namespaces of its own, with a real sshd, real packet filters and a real Postfix
//! in them, a network namespace for what is outside, and declarations beside. Nothing of it outlives the test.
//!
//! The namespaces have no name; they end with their last process (namespaces(7)). A shell holds them and ends itself
//! when its standard input does, so that not even a killed test leaves anything behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::{needs, sshd};

/// Address of the host in its office network; sshd listens there.
pub const ADDRESS: &str = "10.1.0.1";

/// Its address on the outside.
pub const OUTSIDE: &str = "203.0.113.10";

/// Its other address there.
pub const OUTSIDE_V6: &str = "2001:db8:a::10";

/// Address of somebody outside.
pub const STRANGER: &str = "203.0.113.1";

/// The packet filter of a lab: mail and ping from everywhere, SSH from the office, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    Nftables,
    Iptables,
    /// A table of each.
    Both,
}

impl Filter {
    const fn platforms(self) -> &'static str {
        match self {
            Self::Nftables => r#""nftables", "postfix""#,
            Self::Iptables => r#""iptables", "postfix""#,
            Self::Both => r#""nftables", "iptables", "postfix""#,
        }
    }

    const fn load(self) -> &'static str {
        match self {
            Self::Nftables => "nft -f nft.conf",
            Self::Iptables => "iptables-restore < rules && ip6tables-restore < rules",
            Self::Both => "nft -f nft.conf && iptables-restore < rules",
        }
    }
}

const NFT: &str = r#"
table inet filter {
	set office { type ipv4_addr; flags interval; elements = { 10.1.0.0/16 }; }
	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname "lo" accept
		ip protocol icmp accept
		meta l4proto ipv6-icmp accept
		tcp dport 25 accept
		iifname "lan0" ip saddr @office tcp dport 22 accept
	}
	chain forward { type filter hook forward priority filter; policy drop; }
}
"#;

const RULES: &str = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n\
    -A INPUT -p tcp -m tcp --dport 25 -j ACCEPT\n-A INPUT -i lan0 -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n";

const MAIN_CF: &str = "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = $myhostname, localhost\n\
    smtpd_peername_lookup = no\nmynetworks = 127.0.0.0/8 [::1]/128\nrelay_domains =\nalias_maps =\nalias_database =\ninet_interfaces = all\n\
    smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n";

/// Networks, files and sshd; says so when they stand, and ends when nobody holds its standard input.
const HOLD: &str = r#"
set -e
mount --make-rprivate /
mount --bind etc-postfix /etc/postfix
mount --bind spool /var/spool/postfix
mount --bind lib /var/lib/postfix
ip link set lo up
# what the cables lead to; it ends as this shell does
exec 3<&0
unshare --net sh -c 'ip link set lo up; read forever' <&3 >/dev/null 2>&1 &
outside=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(readlink /proc/$outside/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || break
    sleep 0.1
done
for name in wan0 lan0; do
    ip link add $name type veth peer name $name netns $outside
    ip link set $name addrgenmode none
    ip link set $name up
    nsenter -t $outside -n ip link set $name up
done
nsenter -t $outside -n ip addr add 203.0.113.1/24 dev wan0
nsenter -t $outside -n ip -6 addr add 2001:db8:a::1/64 dev wan0 nodad
ip addr add 203.0.113.10/24 dev wan0
ip addr add 10.1.0.1/16 dev lan0
ip -6 addr add 2001:db8:a::10/64 dev wan0 nodad
ip route add default via 203.0.113.1
ip -6 route add default via 2001:db8:a::1
LOAD
postfix start
/usr/sbin/sshd -D -f sshd_config -E log &
sshd=$!
for port in 22 25; do
    for i in 1 2 3 4 5 6 7 8 9 10; do
        ss -Hltn | grep -q ":$port " && break
        sleep 0.2
    done
done
echo $outside
read forever || :
kill $sshd
postfix stop
"#;

/// A running lab; gone when dropped.
pub struct Lab {
    folder: tempfile::TempDir,
    holder: Child,
    /// A process that is outside.
    outside: u32,
}

impl Lab {
    /// Builds one; `None`, aloud, where something is missing.
    pub fn start(test: &str, filter: Filter) -> Option<Self> {
        let programs = [
            needs::ROOT,
            "sshd",
            "ssh-keygen",
            "nft",
            "iptables-restore",
            "ip",
            "ss",
            "postfix",
            "bash",
            "unshare",
            "nsenter",
        ];
        if !needs::met(test, &programs) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path(), filter);
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-c", &HOLD.replace("LOAD", filter.load())]);
        command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(folder.path().join("hold.log")).unwrap());
        let holder = command.spawn().unwrap();
        let mut lab = Self { folder, holder, outside: 0 };
        let mut line = String::new();
        BufReader::new(lab.holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = || fs::read_to_string(lab.path("hold.log")).unwrap_or_default();
        lab.outside = line.trim().parse().unwrap_or_else(|_| panic!("{test}: {}", said()));
        Some(lab)
    }

    /// A file of the lab: `work` is where commands run and `site.toml` lies, `bare` is a folder without any declaration,
    /// `etc-postfix` is `/etc/postfix`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program on the host, not started yet.
    pub fn command(&self, program: &str) -> Command {
        self.command_in("work", program)
    }

    fn command_in(&self, folder: &str, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        // nsenter(1) leaves the working folder behind
        let enter = r#"cd "$0"; exec "$@""#;
        command.args(["-t", &self.holder.id().to_string(), "-n", "-m", "--", "sh", "-ec", enter]);
        command.arg(self.path(folder)).arg(program).stdin(Stdio::null());
        command.env("USER", sshd::user()).env("HOME", self.path("home")).env_remove("SSH_AUTH_SOCK");
        command.env("LC_ALL", "C.UTF-8").env("PATH", self.search());
        command
    }

    /// The search path, with the lab's own `ssh` first: ssh(1) takes the home folder from passwd, not from `HOME`.
    fn search(&self) -> String {
        format!(
            "{}:{}:/usr/sbin:/sbin",
            self.path("bin").display(),
            std::env::var("PATH").unwrap_or_default()
        )
    }

    /// Runs a shell command on the host, which must do.
    pub fn run(&self, shell: &str) -> String {
        let done = self.command("sh").args(["-ec", shell]).output().unwrap();
        let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{shell}: {err}");
        out
    }

    /// The built program, not started yet.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_sekisho"));
        command.args(arguments);
        command
    }

    /// Whether the host answers on a TCP port when somebody outside knocks, be it with a refusal.
    pub fn answers_outside(&self, port: u16) -> bool {
        let knock = format!("timeout 1 bash -c 'exec 3<>/dev/tcp/{OUTSIDE}/{port}'; test $? != 124");
        self.run_outside(&knock).status.success()
    }

    /// The host's reply to RCPT TO when somebody outside offers mail that it would have to send on.
    pub fn relays_outside(&self) -> String {
        let say = r#"say() { printf '%s\r\n' "$1" >&3; read -t 2 -r answer <&3; };"#;
        let talk = "read -t 2 -r answer <&3; say 'HELO outside.example'; say 'MAIL FROM:<a@outside.example>'; \
             say 'RCPT TO:<x@far.example>'; echo ${answer%% *}";
        let text = format!("exec 3<>/dev/tcp/{OUTSIDE}/25; {say} {talk}");
        // Postfix may be about to read its configuration again
        let start = Instant::now();
        loop {
            let reply = String::from_utf8(self.run_outside(&text).stdout).unwrap().trim().to_owned();
            if !reply.is_empty() || start.elapsed() > Duration::from_secs(5) {
                return reply;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The built program where strangers are, with the same declarations and the same store.
    pub fn program_outside(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let enter = r#"cd "$0"; exec "$@""#;
        command.args(["-t", &self.outside.to_string(), "-n", "--", "sh", "-ec", enter]);
        command.arg(self.path("work")).arg(env!("CARGO_BIN_EXE_sekisho")).args(arguments);
        command.stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Starts an sshd where strangers are; it ends with the lab.
    pub fn sshd_outside(&self) -> Vantage {
        let lines = format!("Port 22\nListenAddress {STRANGER}");
        let config = self.path("sshd_outside");
        fs::write(&config, sshd::config(self.folder.path(), &lines)).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.outside.to_string(), "-n", "--", "/usr/sbin/sshd", "-D", "-f"]).arg(config);
        command.arg("-E").arg(self.path("sshd_outside.log")).stdin(Stdio::null());
        let vantage = Vantage(command.spawn().unwrap());
        let start = Instant::now();
        let listens = "ss -Hltn | grep -q ':22 '";
        while !self.run_outside(listens).status.success() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
        vantage
    }

    fn run_outside(&self, text: &str) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.outside.to_string(), "-n", "--", "bash", "-c", text]);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// The built program in a folder without any declaration.
    pub fn unprepared(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_in("bare", env!("CARGO_BIN_EXE_sekisho"));
        command.args(arguments);
        command
    }

    /// Processes on the host, the holder left out.
    fn processes(&self) -> Vec<u32> {
        let space = |process: u32| fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let Some(own) = space(self.holder.id()) else { return Vec::new() };
        let all = fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
        all.filter(|id| *id != self.holder.id() && space(*id).as_ref() == Some(&own)).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            let left = left.iter().map(u32::to_string);
            let _ = Command::new("kill").arg("-KILL").args(left).stderr(Stdio::null()).status();
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// An sshd where strangers are; gone when dropped.
pub struct Vantage(Child);

impl Drop for Vantage {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Files that the host needs before it stands.
fn lay_out(at: &Path, filter: Filter) {
    for folder in ["work", "bare", "bin", "home/.ssh", "etc-postfix", "spool", "lib"] {
        fs::create_dir_all(at.join(folder)).unwrap();
    }
    fs::create_dir_all("/run/sshd").unwrap();
    sshd::lay_out(at);
    fs::copy(at.join("client"), at.join("home/.ssh/id_ed25519")).unwrap();
    let config = sshd::config(at, &format!("Port 22\nListenAddress {ADDRESS}\nListenAddress 127.0.0.1"));
    fs::write(at.join("sshd_config"), config).unwrap();
    fs::write(at.join("nft.conf"), NFT).unwrap();
    fs::write(at.join("rules"), RULES).unwrap();
    for (packaged, own) in
        [("/etc/postfix/.", "etc-postfix"), ("/var/spool/postfix/.", "spool"), ("/var/lib/postfix/.", "lib")]
    {
        shell(at, &format!("cp -a {packaged} {own}"));
    }
    fs::write(at.join("etc-postfix/main.cf"), MAIN_CF).unwrap();
    // Postfix waits before it reads a file that is being written
    shell(at, "touch -d '1 minute ago' etc-postfix/main.cf; chown postfix lib");
    let key = fs::read_to_string(at.join("host_ed25519.pub")).unwrap();
    let lines: String = [ADDRESS, "127.0.0.1", STRANGER].iter().map(|host| format!("{host} {key}")).collect();
    fs::write(at.join("known_hosts"), &lines).unwrap();
    fs::write(at.join("home/.ssh/known_hosts"), &lines).unwrap();
    fs::write(at.join("work/site.toml"), site(filter)).unwrap();
    let shown = at.display();
    let ssh = format!(
        "#!/bin/sh\nexec /usr/bin/ssh -F none -i {shown}/client -o UserKnownHostsFile={shown}/known_hosts \"$@\"\n"
    );
    fs::write(at.join("bin/ssh"), ssh).unwrap();
    fs::set_permissions(at.join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn shell(at: &Path, text: &str) {
    let done = Command::new("sh").args(["-ec", text]).current_dir(at).output().unwrap();
    assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
}

fn site(filter: Filter) -> String {
    let platforms = filter.platforms();
    format!(
        r#"[site]
name = "Lab"
known_hosts = "../known_hosts"
require = ["tcp internet -> {OUTSIDE}:25"]

[[zone]]
name = "internet"
trust = "untrusted"

[[zone]]
name = "office"
trust = "trusted"
networks = ["10.1.0.0/16"]

[[device]]
name = "gate"
address = "{ADDRESS}:22"
user = "root"
platforms = [{platforms}]
interfaces = {{ wan0 = "internet", lan0 = "office" }}
mail_domains = ["city.example.jp"]
probe = ["smtp {OUTSIDE}:25", "smtp [{OUTSIDE_V6}]:25", "tcp {OUTSIDE}:22"]

[[device]]
name = "outside"
address = "{STRANGER}:22"
user = "root"
platforms = []

[probe]
from = "outside"
foreign = "far.example"
"#
    )
}
