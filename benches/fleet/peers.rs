//! What others do: asyncssh (PyPI) and OpenSSH's `ssh` under `xargs -P`, with the same questions on one connection a device.

use std::fs;
use std::process::Command;
use std::time::Duration;

use sekisho::platform::{How, by_id, with_hosts};

use super::common::{self, must};
use super::lab::Lab;
use super::{LIMIT, Result};

/// The questions that sekisho asks an nftables host, as one command.
fn questions() -> String {
    let platform = by_id("nftables").unwrap();
    let asks: Vec<String> = with_hosts([platform])
        .iter()
        .flat_map(|p| p.ask())
        .map(|ask| match ask.how {
            How::Command(command) => format!("({command})"),
            How::File(path) => format!("cat {path}"),
        })
        .collect();
    let path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH";
    format!("{path}; {{ {}; }} 2>/dev/null; true", asks.join("; "))
}

/// The others.
pub(crate) struct Peers {
    /// Why asyncssh is not among them.
    pub(crate) no_asyncssh: Option<String>,
}

const DRIVER: &str = r#"
import asyncio, os, sys, asyncssh
folder, out, limit, command = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
async def one(gate, address):
    async with gate:
        async with asyncssh.connect(address, username="root", known_hosts=folder + "/known_hosts",
                                    client_keys=[folder + "/client"], config=None) as connection:
            done = await connection.run(command, encoding=None)
            if done.exit_status == 0:
                with open(os.path.join(out, address), "wb") as file:
                    file.write(done.stdout)
async def main():
    gate = asyncio.Semaphore(limit)
    addresses = open(folder + "/addresses").read().split()
    await asyncio.gather(*(one(gate, address) for address in addresses), return_exceptions=True)
asyncio.run(main())
"#;

impl Peers {
    /// Fetches asyncssh, and lays down what the others need.
    pub(crate) fn prepare(lab: &Lab) -> Self {
        fs::write(lab.path("addresses"), lab.addresses().join("\n") + "\n").unwrap();
        fs::write(lab.path("driver.py"), DRIVER).unwrap();
        fs::write(lab.path("questions"), questions()).unwrap();
        let venv = lab.path("venv");
        let steps = format!(
            "python3 -m venv {venv} && timeout 180 {venv}/bin/pip install -q --disable-pip-version-check asyncssh"
        );
        let done = Command::new("sh").args(["-c", &steps]).output().unwrap();
        let no_asyncssh = (!done.status.success()).then(|| {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            said.lines().last().unwrap_or("it cannot be installed").to_owned()
        });
        Self { no_asyncssh }
    }

    /// Runs them one after the other.
    pub(crate) fn run(&self, lab: &Lab, at_once: usize) -> Vec<(&'static str, Result)> {
        let command = questions();
        let at_once = at_once.to_string();
        let reference = reference(lab, &command);
        let mut out = Vec::new();
        if self.no_asyncssh.is_none() {
            let (python, driver, folder) = (lab.path("venv/bin/python"), lab.path("driver.py"), lab.path(""));
            let words = |to: &str| {
                let words = [&python, &driver, folder.trim_end_matches('/'), to, &at_once, &command];
                words.map(str::to_owned).to_vec()
            };
            out.push(("asyncssh", captured(lab, &reference, words)));
        }
        let words = |to: &str| {
            let ssh = format!(
                "ssh -n -F none -i {} -o UserKnownHostsFile={} -o StrictHostKeyChecking=yes -o BatchMode=yes -o IdentitiesOnly=yes root@{{}} \
                 \"$(cat {})\" >{to}/{{}}.part && mv {to}/{{}}.part {to}/{{}}",
                lab.path("client"),
                lab.path("known_hosts"),
                lab.path("questions")
            );
            let all = format!("xargs -P {at_once} -I{{}} sh -c '{ssh}' <{}", lab.path("addresses"));
            vec!["sh".to_owned(), "-c".to_owned(), all]
        };
        out.push(("ssh", captured(lab, &reference, words)));
        out
    }
}

/// What a device answers, so that what is missing can be told.
fn reference(lab: &Lab, command: &str) -> Vec<u8> {
    let key = lab.path("client");
    let hosts = format!("UserKnownHostsFile={}", lab.path("known_hosts"));
    let mut ssh = Command::new("ip");
    ssh.args(["netns", "exec", lab.namespace(), "ssh", "-n", "-F", "none", "-i", &key, "-o", &hosts]);
    let done = ssh.args(["-o", "BatchMode=yes", "root@127.0.1.1", command]).output().unwrap();
    assert!(done.status.success() && done.stdout.len() > 20_000, "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

fn captured(lab: &Lab, reference: &[u8], words: impl Fn(&str) -> Vec<String>) -> Result {
    let to = tempfile::tempdir().unwrap();
    let mut all: Vec<String> = ["ip", "netns", "exec", lab.namespace()].map(str::to_owned).to_vec();
    all.extend(words(&to.path().display().to_string()));
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    let cost = common::measure(&words, LIMIT);
    let whole =
        |address: &String| fs::read(to.path().join(address)).is_ok_and(|got| got.len() == reference.len());
    let short = lab.addresses().iter().filter(|address| !whole(address)).count();
    must("sleep", &[&Duration::from_secs(1).as_secs().to_string()]);
    Result { cost, short }
}
