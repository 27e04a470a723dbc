//! TLS towards a mail server (RFC 3207, RFC 8314). Nobody's certificate is checked: a test asks what the server accepts,
//! not who it is, and it says and learns nothing that is secret.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsConnector;

use super::dial::Stream;

/// How TLS was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begun {
    /// With the first byte.
    Implicit,
    /// By STARTTLS.
    Starttls,
}

/// The TLS under which attempts were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encrypted {
    /// How it was begun.
    pub begun: Begun,
    /// Its version: `TLSv1.3`.
    pub version: String,
    /// Whether the server's certificate was checked; it never is.
    pub verified: bool,
}

/// A connection under TLS, and its version; `None` where no handshake comes about.
pub(super) async fn handshake(stream: Box<dyn Stream>, server: IpAddr) -> Option<(Box<dyn Stream>, String)> {
    let provider = Arc::new(ring::default_provider());
    let anyone = Arc::new(Anyone(provider.signature_verification_algorithms));
    let config = config(provider, anyone)?;
    let name = ServerName::IpAddress(server.into());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    let version = stream.get_ref().1.protocol_version().and_then(|v| v.as_str()).unwrap_or("TLS");
    let version = version.replace("TLSv1_", "TLSv1.");
    Some((Box::new(stream), version))
}

fn config(provider: Arc<CryptoProvider>, anyone: Arc<Anyone>) -> Option<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth())
}

/// Takes any certificate for whom it says it is.
#[derive(Debug)]
struct Anyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
