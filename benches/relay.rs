//! The relay question about mail servers, after reading: one ordinary host (aim: under 5 ms), one with tables of 10,000
//! entries (under 50 ms), and 1,000 hosts; each beside a unit of the same run, `sha256` over the same files.
//!
//!   cargo bench --bench relay

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints figures, and says what went wrong by panicking"
)]

use std::fmt::Write;
use std::time::{Duration, Instant};

use sekisho::drift::relay::{Earlier, Place, between};
use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::platform::{self, DeviceModel};
use sekisho::reach::ways::Station;
use sekisho::site::Site;
use sha2::{Digest, Sha256};

const HOSTS: usize = 1_000;
const ROWS: usize = 10_000;
const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n  \
                      -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n";

fn main() {
    let one = [host(1, false), host(1, true)];
    let large = [large(false), large(true)];
    figure("one host, before and after", &one, Duration::from_millis(5), 20);
    figure("three tables of 10,000 entries each", &large, Duration::from_millis(50), 5);
    let start = Instant::now();
    let fleet: Vec<[DeviceEvidence; 2]> =
        (0..HOSTS).map(|n| [host(n, false), host(n, n.is_multiple_of(10))]).collect();
    let models: Vec<[DeviceModel; 2]> =
        fleet.iter().map(|pair| pair.each_ref().map(platform::read)).collect();
    let read = start.elapsed();
    let start = Instant::now();
    let open = models.iter().filter(|pair| compare(pair) > 0).count();
    let took = start.elapsed();
    let unit: Duration = fleet.iter().map(sums).sum();
    println!(
        "{HOSTS} hosts: {:.0} ms to judge ({:.2} ms each), {:.0} ms to read, {open} open; {:.1} times sha256",
        millis(took),
        millis(took) / 1_000.0,
        millis(read),
        took.as_secs_f64() / unit.as_secs_f64()
    );
}

fn figure(name: &str, pair: &[DeviceEvidence; 2], aim: Duration, runs: usize) {
    let models = pair.each_ref().map(platform::read);
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            assert!(compare(&models) > 0, "the change opens it");
            start.elapsed()
        })
        .collect();
    times.sort();
    let median = times.get(runs / 2).copied().unwrap_or_default();
    let unit = (0..runs).map(|_| sums(pair)).min().unwrap_or_default();
    println!(
        "{name}: {:.2} ms (aim {:.0} ms: {}), {:.0} times sha256 over the same files",
        millis(median),
        millis(aim),
        if median <= aim { "met" } else { "missed" },
        median.as_secs_f64() / unit.as_secs_f64()
    );
}

/// How many openings the change makes.
fn compare([before, after]: &[DeviceModel; 2]) -> usize {
    let place = |model| Place { host: Station { name: "mx", model }, fronts: Vec::new(), blind: false };
    let drift = between(Earlier::There(place(before)), place(after), &Site::default());
    drift.map_or(0, |drift| drift.opened.len())
}

fn sums(pair: &[DeviceEvidence; 2]) -> Duration {
    let start = Instant::now();
    for artifact in pair.iter().flat_map(|device| device.artifacts.values()) {
        std::hint::black_box(Sha256::digest(&artifact.bytes));
    }
    start.elapsed()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn device(files: &[(&str, String)]) -> DeviceEvidence {
    let mut device = DeviceEvidence::new("mx", vec!["postfix".to_owned()], Source::Bare);
    for (name, text) in files {
        let artifact = Artifact { bytes: text.as_bytes().into(), proof: Proof::Given };
        device.artifacts.insert(format!("files/etc/postfix/{name}"), artifact);
    }
    device
}

fn host(number: usize, open: bool) -> DeviceEvidence {
    let forged = if open { "check_sender_access hash:/etc/postfix/senders, " } else { "" };
    let main = format!(
        "compatibility_level = 3.6\nmyhostname = mx{number}.city.example.jp\nmydestination = city.example.jp, $myhostname\n\
         mynetworks = 127.0.0.0/8 10.{}.0.0/16\nrelay_domains = school.example.jp\n\
         smtpd_client_restrictions = permit_mynetworks, check_client_access cidr:/etc/postfix/clients\n\
         smtpd_relay_restrictions = permit_mynetworks, {forged}reject_unauth_destination\n",
        number % 200
    );
    device(&[
        ("main.cf", main),
        ("master.cf", MASTER.to_owned()),
        ("clients", "198.51.100.0/24 REJECT\n".to_owned()),
        ("senders", "city.example.jp OK\n".to_owned()),
    ])
}

/// A host whose client, sender and recipient tables have many rows; in the open one a single row permits.
fn large(open: bool) -> DeviceEvidence {
    let (mut clients, mut senders, mut recipients) = (String::new(), String::new(), String::new());
    for row in 0..ROWS {
        let (a, b) = (row / 250, row % 250);
        let _ = writeln!(clients, "100.{}.{b}.0/24 REJECT", 64 + a % 64);
        let _ = writeln!(senders, "user{row}@partner{a}.example REJECT");
        let _ = writeln!(recipients, "box{row}@city.example.jp OK");
    }
    if open {
        let _ = writeln!(senders, "city.example.jp OK");
    }
    let main = "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = city.example.jp\n\
                mynetworks = 127.0.0.0/8\nlocal_recipient_maps = hash:/etc/postfix/recipients\n\
                smtpd_client_restrictions = check_client_access cidr:/etc/postfix/clients\n\
                smtpd_relay_restrictions = permit_mynetworks, check_sender_access hash:/etc/postfix/senders, reject_unauth_destination\n";
    device(&[
        ("main.cf", main.to_owned()),
        ("master.cf", MASTER.to_owned()),
        ("clients", clients),
        ("senders", senders),
        ("recipients", recipients),
    ])
}
