//! Where connections go out: from here, or from a declared device over SSH (direct-tcpip, RFC 4254 section 7.2), so that
//! nothing needs to be installed there.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::record::Met;
use crate::capture::ssh::Tunnels;

/// A connection's two directions.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that stands.
pub struct Opened {
    /// The connection.
    pub stream: Box<dyn Stream>,
    /// Its address on our side, where that is known.
    pub local: Option<IpAddr>,
}

/// A connection that does not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed(pub Met);

/// Something that makes connections. Time limits are the caller's.
pub trait Dial: Sync {
    /// Connects.
    fn dial(&self, to: SocketAddr) -> impl Future<Output = Result<Opened, Closed>> + Send;
}

/// From here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl Dial for Direct {
    async fn dial(&self, to: SocketAddr) -> Result<Opened, Closed> {
        let stream = TcpStream::connect(to).await.map_err(|error| {
            Closed(match error.kind() {
                io::ErrorKind::ConnectionRefused => Met::Refused,
                io::ErrorKind::TimedOut => Met::TimedOut,
                _ => Met::Failed { problem: error.to_string() },
            })
        })?;
        let local = stream.local_addr().ok().map(|address| address.ip());
        Ok(Opened { stream: Box::new(stream), local })
    }
}

/// From the far end of an SSH connection.
pub struct Tunnelled {
    /// The connection.
    pub tunnels: Tunnels,
    /// The address of that host, where it is declared as one.
    pub address: Option<IpAddr>,
}

impl Dial for Tunnelled {
    async fn dial(&self, to: SocketAddr) -> Result<Opened, Closed> {
        let failed = |problem: String| Closed(Met::Failed { problem });
        let stream = self.tunnels.to(to).await.map_err(|error| failed(error.to_string()))?;
        // whether that host's other family has the same way out is not known
        let local = self.address.filter(|address| address.is_ipv4() == to.is_ipv4());
        Ok(Opened { stream: Box::new(stream), local })
    }
}
