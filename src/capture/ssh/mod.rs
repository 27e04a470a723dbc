//! One SSH connection: TCP, version and key exchange, host key check, login; each with a time limit of ours.
//!
//! The order is the guarantee: no credential leaves before the host key of that very host is found on record
//! (RFC 4251 section 4.1). Nothing is tried twice.

mod age;
mod error;
mod gate;
mod hops;
mod login;
mod wire;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle, Msg};
use russh::keys::{Algorithm, PublicKey};
use russh::{Channel, ChannelStream, Disconnect, SshId};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::known_hosts::{KnownHosts, Verdict};
use super::target::{Endpoint, Limits, Target};
use crate::evidence::Identity;
pub use error::{Phase, SshError};
use gate::{Gate, Seen};
pub(super) use hops::Hops;
use wire::{Budget, Wire};

/// Most bytes that a server may send before the login has succeeded: key exchange, banners, prompts.
const BEFORE_LOGIN: u64 = 1 << 20;

/// Bytes of a channel that may be under way at once (RFC 4254 section 5.2). Large enough for 5 MB/s at 100
/// ms; every connection may have to hold this much.
const WINDOW: u32 = 512 << 10;

/// Time for saying goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection whose host key is on record and whose login succeeded.
pub(super) struct Connection {
    handle: Handle<Gate>,
    address: String,
    seen: Arc<Seen>,
    budget: Arc<Budget>,
    limit: u64,
    /// Cuts the stream when dropped.
    _alive: oneshot::Sender<()>,
    /// The connection that carries this one.
    via: Option<Box<Connection>>,
}

/// A failed connection, with what it showed of the device itself until then.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: SshError,
    pub(super) identity: Identity,
}

impl Connection {
    /// Connects to a device, through the hosts on the way.
    pub(super) async fn open(target: &Target, limits: &Limits, hops: &Hops) -> Result<Self, Box<Failure>> {
        let mut hop: Option<Self> = None;
        for endpoint in &target.via {
            let seen = Arc::new(Seen::default());
            let _turn = hops.turn(endpoint).await;
            let opened = Self::open_one(hop, endpoint, &target.known_hosts, limits, &seen).await;
            // What a hop showed of itself is not the device's identity.
            hop = Some(opened.map_err(|error| Box::new(Failure { error, identity: Identity::default() }))?);
        }
        let seen = Arc::new(Seen::default());
        let opened = Self::open_one(hop, &target.endpoint, &target.known_hosts, limits, &seen).await;
        let identity = || seen.identity(target.endpoint.to_string());
        opened.map_err(|error| Box::new(Failure { error, identity: identity() }))
    }

    async fn open_one(
        via: Option<Self>,
        to: &Endpoint,
        known_hosts: &Arc<KnownHosts>,
        limits: &Limits,
        seen: &Arc<Seen>,
    ) -> Result<Self, SshError> {
        let address = to.to_string();
        let budget = Arc::new(Budget::new(BEFORE_LOGIN));
        let late = |phase, limit: Duration| {
            let address = address.clone();
            move |_| SshError::TimedOut { address, phase, seconds: limit.as_secs() }
        };
        let dialing = dial(via.as_ref(), to);
        let stream =
            timeout(limits.connect, dialing).await.map_err(late(Phase::Connect, limits.connect))??;
        let (wire, alive) = Wire::new(stream, Arc::clone(&budget), Arc::clone(seen));
        let gate = Gate {
            host: to.host.clone(),
            port: to.port,
            known_hosts: Arc::clone(known_hosts),
            seen: Arc::clone(seen),
        };
        let config = Arc::new(config(known_hosts, to, limits));
        let shaking = client::connect_stream(config, wire, gate);
        let mut handle = timeout(limits.handshake, shaking)
            .await
            .map_err(late(Phase::Handshake, limits.handshake))?
            .map_err(|e| handshake_error(&address, e, seen, &budget))?;
        timeout(limits.login, login::login(&mut handle, to, seen))
            .await
            .map_err(late(Phase::Login, limits.login))??;
        let limit = limits.device;
        budget.set(limit.saturating_add(limit / 4).saturating_add(BEFORE_LOGIN));
        let via = via.map(Box::new);
        Ok(Self { handle, address, seen: Arc::clone(seen), budget, limit, _alive: alive, via })
    }

    /// Who the device is.
    pub(super) fn identity(&self) -> Identity {
        self.seen.identity(self.address.clone())
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Opens a session channel (RFC 4254 section 6.1).
    pub(super) async fn session(&self, limit: Duration) -> Result<Channel<Msg>, SshError> {
        match timeout(limit, self.handle.channel_open_session()).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(self.lost(&error.to_string())),
            Err(_) => Err(SshError::TimedOut {
                address: self.address.clone(),
                phase: Phase::Session,
                seconds: limit.as_secs(),
            }),
        }
    }

    /// The error for a connection that ended by itself.
    pub(super) fn lost(&self, otherwise: &str) -> SshError {
        if self.budget.is_spent() {
            return SshError::Flood { address: self.address.clone(), limit: self.limit };
        }
        let problem = self.seen.end().unwrap_or_else(|| otherwise.to_owned());
        SshError::Lost { address: self.address.clone(), phase: Phase::Session, problem }
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye, innermost connection first, and does not wait for long.
    pub(super) async fn close(self) {
        let mut next = Some(Box::new(self));
        while let Some(connection) = next {
            let Self { handle, via, .. } = *connection;
            let _ = timeout(FAREWELL, async {
                let _ = handle.disconnect(Disconnect::ByApplication, "", "en").await;
                let _ = handle.await;
            })
            .await;
            next = via;
        }
    }
}

/// A connection that is only a way to elsewhere.
pub struct Tunnels {
    connection: Connection,
}

impl Tunnels {
    /// Connects to the host at the other end, through the hosts on the way.
    ///
    /// # Errors
    /// [`SshError`]
    pub async fn open(target: &Target, limits: &Limits) -> Result<Self, SshError> {
        let opened = Connection::open(target, limits, &Hops::default()).await;
        opened.map(|connection| Self { connection }).map_err(|failure| failure.error)
    }

    /// A stream to somewhere, as that host reaches it (RFC 4254 section 7.2). Time limits are the caller's.
    ///
    /// # Errors
    /// The host does not open the way, or nobody answers there.
    pub async fn to(
        &self,
        at: SocketAddr,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, SshError> {
        tunnel(&self.connection, &at.ip().to_string(), at.port()).await
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.connection.close().await;
    }
}

/// The key that a server presents, for a person to compare: connects, offers no credential, and hangs up.
///
/// # Errors
/// The server cannot be reached or does not complete a key exchange.
pub async fn host_key(to: &Endpoint, limits: &Limits) -> Result<PublicKey, SshError> {
    let seen = Arc::new(Seen::default());
    // Nothing is on record, so the check refuses, which is what we want: the key was seen, nothing was given.
    let known_hosts = Arc::new(KnownHosts::new());
    let refused = Connection::open_one(None, to, &known_hosts, limits, &seen).await.err();
    match (seen.public_key(), refused) {
        (Some(key), _) => Ok(key),
        (None, Some(error)) => Err(error),
        (None, None) => Err(SshError::Protocol {
            address: to.to_string(),
            phase: Phase::Handshake,
            problem: "no host key was presented".to_owned(),
        }),
    }
}

/// Either kind of stream below SSH.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn dial(via: Option<&Connection>, to: &Endpoint) -> Result<Box<dyn Stream>, SshError> {
    let Some(hop) = via else {
        let connected = TcpStream::connect((to.host.as_str(), to.port)).await;
        let stream = connected.map_err(|source| SshError::Connect { address: to.to_string(), source })?;
        let _ = stream.set_nodelay(true);
        return Ok(Box::new(stream));
    };
    Ok(Box::new(tunnel(hop, &to.host, to.port).await?))
}

async fn tunnel(hop: &Connection, host: &str, port: u16) -> Result<ChannelStream<Msg>, SshError> {
    let channel = hop.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
    let channel = channel.await.map_err(|error| SshError::Tunnel {
        via: hop.address.clone(),
        address: if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") },
        problem: error.to_string(),
    })?;
    Ok(channel.into_stream())
}

fn config(known_hosts: &KnownHosts, to: &Endpoint, limits: &Limits) -> client::Config {
    let mut preferred = age::preferred(to.algorithms);
    preferred.key = Cow::Owned(key_order(preferred.key.into_owned(), &known_hosts.types(&to.host, to.port)));
    let id = concat!("SSH-2.0-sekisho_", env!("CARGO_PKG_VERSION"));
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(id)),
        window_size: WINDOW,
        channel_buffer_size: 16,
        preferred,
        // Only a backstop for russh's own task; the limits that count are set around each call.
        inactivity_timeout: Some(limits.total),
        gex: age::groups(to.algorithms),
        nodelay: true,
        ..client::Config::default()
    }
}

/// Host key algorithms with the types on record first: a server with several keys presents the first type
/// that the client names, and a key of another type would look like a stranger's.
fn key_order(mut order: Vec<Algorithm>, recorded: &[String]) -> Vec<Algorithm> {
    let rank = |algorithm: &Algorithm| {
        let kind = if matches!(algorithm, Algorithm::Rsa { .. }) { "ssh-rsa" } else { algorithm.as_str() };
        recorded.iter().position(|r| r == kind).unwrap_or(recorded.len())
    };
    order.sort_by_key(rank);
    order
}

fn handshake_error(address: &str, error: russh::Error, seen: &Seen, budget: &Budget) -> SshError {
    let address = address.to_owned();
    if budget.is_spent() {
        return SshError::Flood { address, limit: BEFORE_LOGIN };
    }
    match (error, seen.host_key()) {
        (russh::Error::UnknownKey, Some((presented, verdict))) if !matches!(verdict, Verdict::Same(_)) => {
            SshError::HostKey { address, presented, verdict }
        }
        (russh::Error::NoCommonAlgo { kind, theirs, .. }, _) => {
            SshError::NoCommonAlgorithm { address, kind: format!("{kind:?}").to_lowercase(), theirs }
        }
        (other, _) => SshError::Protocol { address, phase: Phase::Handshake, problem: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use russh::Preferred;

    use super::*;

    #[test]
    fn recorded_types_come_first_and_no_type_is_lost() {
        let names = |recorded: &[&str]| {
            let recorded: Vec<String> = recorded.iter().map(|s| (*s).to_owned()).collect();
            key_order(Preferred::DEFAULT.key.into_owned(), &recorded)
                .iter()
                .map(|a| a.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        let default = names(&[]);
        let rsa = names(&["ssh-rsa"]);
        assert_eq!(rsa[..3], ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
        assert_eq!(
            names(&["ecdsa-sha2-nistp384", "ssh-ed25519"])[..2],
            ["ecdsa-sha2-nistp384", "ssh-ed25519"]
        );
        assert_eq!(rsa.len(), default.len());
    }
}
