//! Listening sockets as `ss -H -lntup` prints them.

use std::net::IpAddr;

use crate::host::Socket;
use crate::packet::Family;

/// Reads every line; a line of another shape is an error that names it.
pub(super) fn read(text: &str) -> Result<Vec<Socket>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.filter_map(|line| socket(line).transpose()).collect()
}

/// Fields: netid, state, receive queue, send queue, local address:port, peer, process.
fn socket(line: &str) -> Result<Option<Socket>, String> {
    let mut words = line.split_whitespace();
    let protocol = match words.next() {
        Some("tcp") => "tcp",
        Some("udp") => "udp",
        // raw, packet and unix sockets wait for no port
        _ => return Ok(None),
    };
    let local = words.nth(3).ok_or_else(|| format!("no address in {line:?}"))?;
    let (address, port) = local.rsplit_once(':').ok_or_else(|| format!("no port in {line:?}"))?;
    let port = port.parse().map_err(|_| format!("no port in {line:?}"))?;
    // "%eth0" binds to an interface as well
    let bare = address.split_once('%').map_or(address, |(a, _)| a).trim_matches(['[', ']']);
    let (address, family) = match bare {
        "*" => (None, None),
        "0.0.0.0" => (None, Some(Family::Ipv4)),
        // the kernel's default is that such a socket serves both families; `ss` prints `*` only where it knows
        "::" => (None, None),
        text => (Some(text.parse::<IpAddr>().map_err(|_| format!("no address in {line:?}"))?), None),
    };
    let process =
        line.split_once("((\"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name.to_owned());
    Ok(Some(Socket { protocol, address, family, port, process }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_ss() {
        let text = "tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:((\"sshd\",pid=1,fd=3))\n\
                    udp   UNCONN 0      0      127.0.0.53%lo:53        0.0.0.0:*\n\
                    tcp   LISTEN 0      128             [::]:25           [::]:*\n\
                    tcp   LISTEN 0      128                *:443             *:*\n";
        let sockets = read(text).unwrap();
        assert_eq!(sockets.len(), 4);
        assert_eq!((sockets[0].family, sockets[0].port), (Some(Family::Ipv4), 22));
        assert_eq!(sockets[0].process.as_deref(), Some("sshd"));
        assert_eq!(sockets[1].address, Some("127.0.0.53".parse().unwrap()));
        assert_eq!((sockets[2].address, sockets[2].family), (None, None));
        assert!(read("tcp LISTEN 0 128 nonsense x").is_err());
    }
}
