//! One line of a known_hosts file: marker, host patterns, key (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::PublicKey;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Place, Recorded};
use crate::evidence::KeyId;

/// What a line's first word says about its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    None,
    Revoked,
    CertAuthority,
}

/// A line that is neither empty nor a comment and yet no entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) place: Place,
    pub(super) marker: Marker,
    pub(super) key: KeyId,
    /// The key as it goes over the wire (RFC 4253 section 6.6); equal keys have equal blobs, whatever the
    /// comment.
    pub(super) blob: Vec<u8>,
    hosts: Hosts,
}

#[derive(Debug)]
enum Hosts {
    /// Patterns in lower case; `true` marks a negated one.
    Patterns(Vec<(bool, String)>),
    /// `|1|salt|hash`: HMAC-SHA1 of the name, keyed with the salt.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

impl Line {
    /// Reads a line; `None` for an empty one or a comment.
    pub(super) fn parse(text: &str, place: &Place) -> Result<Option<Self>, Broken> {
        let mut words = text.split([' ', '\t', '\r']).filter(|w| !w.is_empty());
        let Some(first) = words.next() else { return Ok(None) };
        if first.starts_with('#') {
            return Ok(None);
        }
        let marker = match first {
            "@revoked" => Marker::Revoked,
            "@cert-authority" => Marker::CertAuthority,
            other if other.starts_with('@') => return Err(Broken),
            _ => Marker::None,
        };
        let hosts = if marker == Marker::None { first } else { words.next().ok_or(Broken)? };
        let kind = words.next().ok_or(Broken)?;
        let blob = BASE64.decode(words.next().ok_or(Broken)?.as_bytes()).map_err(|_| Broken)?;
        if blob_kind(&blob) != Some(kind) {
            return Err(Broken);
        }
        let blob = canonical(kind, blob);
        let hosts = Hosts::parse(hosts)?;
        Ok(Some(Self { place: place.clone(), marker, key: id_of(kind, &blob), blob, hosts }))
    }

    /// Whether the line speaks about this lookup name.
    pub(super) fn matches(&self, name: &str) -> bool {
        match &self.hosts {
            Hosts::Patterns(patterns) => {
                let hit = |negated: bool| {
                    patterns.iter().any(|(n, p)| *n == negated && wildcard(p.as_bytes(), name.as_bytes()))
                };
                !hit(true) && hit(false)
            }
            Hosts::Hashed { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(name.as_bytes()).verify_slice(hash).is_ok()),
        }
    }

    pub(super) fn recorded(&self) -> Recorded {
        Recorded { key: self.key.clone(), place: self.place.clone() }
    }
}

impl Hosts {
    fn parse(text: &str) -> Result<Self, Broken> {
        if let Some(hashed) = text.strip_prefix("|1|") {
            let (salt, hash) = hashed.split_once('|').ok_or(Broken)?;
            let decode = |s: &str| BASE64.decode(s.as_bytes()).map_err(|_| Broken);
            return Ok(Self::Hashed { salt: decode(salt)?, hash: decode(hash)? });
        }
        if text.starts_with('|') {
            return Err(Broken);
        }
        let pattern = |p: &str| match p.strip_prefix('!') {
            Some(rest) => (true, rest.to_lowercase()),
            None => (false, p.to_lowercase()),
        };
        Ok(Self::Patterns(text.split(',').filter(|p| !p.is_empty()).map(pattern).collect()))
    }
}

/// A key's wire form and its name, or nothing if it has no wire form.
pub(super) fn blob_and_id(key: &PublicKey) -> Option<(Vec<u8>, KeyId)> {
    let blob = key.to_bytes().ok()?;
    let id = id_of(blob_kind(&blob)?, &blob);
    Some((blob, id))
}

fn id_of(kind: &str, blob: &[u8]) -> KeyId {
    let digest = BASE64_NOPAD.encode(&Sha256::digest(blob));
    KeyId { kind: kind.to_owned(), fingerprint: format!("SHA256:{digest}") }
}

/// The type that a key blob names itself: its first string (RFC 4253 section 6.6).
fn blob_kind(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let name = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    std::str::from_utf8(name).ok()
}

/// The one encoding of a key, so that blobs can be compared; types that the library does not know stay as
/// they are, and so do certificates, which nest.
fn canonical(kind: &str, blob: Vec<u8>) -> Vec<u8> {
    if kind.contains("-cert-") {
        return blob;
    }
    PublicKey::from_bytes(&blob).and_then(|key| key.to_bytes()).unwrap_or(blob)
}

/// `*` stands for any run of bytes, `?` for one (PATTERNS in ssh_config(5)). Backtracks to the last star
/// only, so a hostile pattern costs pattern times name and no more.
fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(b'?'), Some(_)) => {
                p += 1;
                n += 1;
            }
            (Some(a), Some(b)) if a == b => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) if from < name.len() => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                _ => return false,
            },
        }
    }
}
