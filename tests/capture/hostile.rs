//! Peers that are no SSH servers, or stop being one: quick, typed, and without memory.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sekisho::capture::known_hosts::KnownHosts;
use sekisho::capture::{Endpoint, Limits, Target};
use sekisho::evidence::Age;
use sekisho::platform::Ask;
use sekisho::reason::Reason;

use crate::common::{block_on, gather_one, limits, platform};

/// Captures from a peer that does this with its connection.
fn against(peer: impl FnOnce(TcpStream) + Send + 'static) -> (Reason, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.accept().map(|(stream, _)| peer(stream)));
    let target = Target {
        name: "peer".to_owned(),
        endpoint: Endpoint {
            host: "127.0.0.1".to_owned(),
            port,
            user: "audit".to_owned(),
            auth: Vec::new(),
            algorithms: Age::Modern,
        },
        via: Vec::new(),
        platforms: vec![platform(vec![Ask::command("a", "a")])],
        known_hosts: Arc::new(KnownHosts::new()),
        privilege: None,
        timeout: None,
    };
    let quick = Limits { handshake: Duration::from_secs(1), ..limits() };
    let start = Instant::now();
    let mut evidence = block_on(gather_one(target, quick));
    assert_eq!(evidence.failures.len(), 1, "{:?}", evidence.failures);
    assert!(evidence.artifacts.is_empty());
    (evidence.failures.remove(0), start.elapsed())
}

fn pour(mut stream: TcpStream, bytes: &[u8]) {
    while stream.write_all(bytes).is_ok() {}
}

fn hold(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
}

#[test]
fn endless_noise_instead_of_a_name() {
    for bytes in [&[b'x'; 4096][..], b"line\r\n", b"\n", &[0; 4096], b"\xff\xfe"] {
        let (reason, took) = against(move |s| pour(s, bytes));
        assert!(matches!(reason, Reason::NotSsh { .. }), "{reason:?}");
        assert!(took < Duration::from_secs(3));
    }
}

#[test]
fn endless_noise_after_the_name() {
    for bytes in [&[b'x'; 4096][..], &[0; 4096], &[0xff; 4096]] {
        let (reason, took) = against(move |mut s| {
            let _ = s.write_all(b"SSH-2.0-peer\r\n");
            pour(s, bytes);
        });
        assert!(
            matches!(reason, Reason::NotSsh { .. } | Reason::Flooded { .. } | Reason::TimedOut { .. }),
            "{reason:?}"
        );
        assert!(took < Duration::from_secs(3));
    }
}

#[test]
fn a_name_and_then_silence() {
    let (reason, took) = against(|mut s| {
        let _ = s.write_all(b"SSH-2.0-peer\r\n");
        hold(s);
    });
    assert!(
        matches!(&reason, Reason::TimedOut { phase, seconds: 1, .. } if phase == "handshake"),
        "{reason:?}"
    );
    assert!(took < Duration::from_secs(3));
}

#[test]
fn a_name_that_drips() {
    let (reason, took) = against(|mut s| {
        for byte in b"SSH-2.0-peer\r\n".iter().cycle() {
            thread::sleep(Duration::from_millis(150));
            if s.write_all(&[*byte]).is_err() {
                break;
            }
        }
    });
    assert!(matches!(reason, Reason::TimedOut { .. }), "{reason:?}");
    assert!(took < Duration::from_secs(3));
}

#[test]
fn a_door_that_closes_at_once() {
    let (reason, _) = against(drop);
    assert!(matches!(reason, Reason::NotSsh { .. }), "{reason:?}");
    let (reason, _) = against(|mut s| {
        let _ = s.write_all(b"SSH-2.0-peer\r\n");
    });
    assert!(matches!(reason, Reason::NotSsh { .. }), "{reason:?}");
}
