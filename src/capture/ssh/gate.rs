//! The host key check: what happens between a server's key and the first credential.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, Names};

use super::super::known_hosts::{KnownHosts, Verdict, key_id};
use crate::evidence::{Algorithms, Identity, KeyId};

/// What a connection has shown so far. Shared between russh's task and ours.
#[derive(Debug, Default)]
pub(super) struct Seen {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default, Clone)]
struct Inner {
    banner: Option<String>,
    key: Option<PublicKey>,
    verdict: Option<Verdict>,
    algorithms: Option<Algorithms>,
    end: Option<String>,
}

impl Seen {
    pub(super) fn set_banner(&self, banner: String) {
        self.lock().banner = Some(banner);
    }

    /// The presented key and what the record says about it.
    pub(super) fn host_key(&self) -> Option<(KeyId, Verdict)> {
        let inner = self.lock();
        Some((key_id(inner.key.as_ref()?), inner.verdict.clone()?))
    }

    pub(super) fn public_key(&self) -> Option<PublicKey> {
        self.lock().key.clone()
    }

    /// How the connection ended, if it has.
    pub(super) fn end(&self) -> Option<String> {
        self.lock().end.clone()
    }

    pub(super) fn identity(&self, address: String) -> Identity {
        let inner = self.lock().clone();
        Identity {
            address: Some(address),
            host_key: inner.key.as_ref().map(key_id),
            banner: inner.banner,
            algorithms: inner.algorithms,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// russh's callbacks. Everything that a server may ask for besides answering is refused.
pub(super) struct Gate {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) known_hosts: Arc<KnownHosts>,
    pub(super) seen: Arc<Seen>,
}

impl client::Handler for Gate {
    type Error = russh::Error;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let key = presented.public_key();
        // No certificate algorithm is offered, so a certificate here is a server that does not listen.
        let verdict = match presented.certificate() {
            Some(_) => Verdict::Unknown { authority: None },
            None => self.known_hosts.check(&self.host, self.port, &key),
        };
        let accepted = matches!(verdict, Verdict::Same(_));
        let mut inner = self.seen.lock();
        inner.key = Some(key);
        inner.verdict = Some(verdict);
        Ok(accepted)
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &Names,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.seen.lock().algorithms = Some(Algorithms {
            kex: names.kex.as_ref().to_owned(),
            host_key: names.key.as_str().to_owned(),
            cipher: names.cipher.as_ref().to_owned(),
            mac: names.client_mac.as_ref().to_owned(),
        });
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let (text, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                (format!("the other side hung up: {}", info.message), Ok(()))
            }
            DisconnectReason::Error(error) => (error.to_string(), Err(error)),
        };
        self.seen.lock().end = Some(text);
        result
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _address: &str,
        _port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host: &str,
        _port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }
}

async fn refuse(reply: ChannelOpenHandle) -> Result<(), russh::Error> {
    reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}
