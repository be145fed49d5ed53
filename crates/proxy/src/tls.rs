//! All that touches rustls: the server's certificate, replaced without a drop, and the
//! client's trust towards the origin. The provider is aws-lc, always named, never the process
//! default.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper_rustls::ConfigBuilderExt;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tollgate_engine::policy::OriginProtocol;

use crate::error::ProxyError;

const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP_11: &[u8] = b"http/1.1";

/// A server certificate in files, and the configuration that serves it.
#[derive(Debug)]
pub struct ServerTls {
    cert: PathBuf,
    key: PathBuf,
    current: Arc<CurrentCert>,
    config: Arc<ServerConfig>,
}

/// The certificate in force. Written by [`ServerTls::reload`], read by every handshake.
#[derive(Debug)]
struct CurrentCert(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for CurrentCert {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

// === impl ServerTls ===

impl ServerTls {
    /// Reads the PEM files: `cert` the chain, leaf first, `key` its private key. Offers TLS 1.2
    /// and 1.3, and by ALPN HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// Files that cannot be read or do not belong together.
    pub fn load(cert: &Path, key: &Path) -> Result<Arc<ServerTls>, ProxyError> {
        let provider = Arc::new(default_provider());
        let certified = certified_key(cert, key, &provider)?;
        let current = Arc::new(CurrentCert(ArcSwap::from_pointee(certified)));
        let unusable = |source| ProxyError::Certificate {
            path: cert.to_owned(),
            source,
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN_H2.to_vec(), ALPN_HTTP_11.to_vec()];
        Ok(Arc::new(ServerTls {
            cert: cert.to_owned(),
            key: key.to_owned(),
            current,
            config: Arc::new(config),
        }))
    }

    /// Reads the files again; connections stay, the next handshake gets the new certificate.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; the certificate in force then stays.
    pub fn reload(&self) -> Result<(), ProxyError> {
        let provider = self.config.crypto_provider();
        let certified = certified_key(&self.cert, &self.key, provider)?;
        self.current.0.store(Arc::new(certified));
        Ok(())
    }

    /// The certificate's file, for messages and for watching.
    #[must_use]
    pub fn cert_path(&self) -> &Path {
        &self.cert
    }

    /// The key's file, for watching.
    #[must_use]
    pub fn key_path(&self) -> &Path {
        &self.key
    }

    pub(crate) fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }
}

fn certified_key(
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ProxyError> {
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|source| ProxyError::Certificate {
        path: cert.to_owned(),
        source,
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ProxyError> {
    let read = |error: rustls::pki_types::pem::Error| unreadable(path, &error);
    let chain = CertificateDer::pem_file_iter(path)
        .map_err(read)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(read)?;
    if chain.is_empty() {
        return Err(ProxyError::TlsFile {
            path: path.to_owned(),
            reason: "it holds no certificate".to_owned(),
        });
    }
    Ok(chain)
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> ProxyError {
    ProxyError::TlsFile {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// TLS towards the origin: trust in the authorities of the PEM file `ca`, or the platform's.
pub(crate) fn origin_tls(
    protocol: OriginProtocol,
    ca: Option<&Path>,
) -> Result<Arc<ClientConfig>, ProxyError> {
    let failed = |error: &dyn std::fmt::Display| ProxyError::OriginTls(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let builder = match ca {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| failed(&error))?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder
            .try_with_platform_verifier()
            .map_err(|error| failed(&error))?,
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = match protocol {
        OriginProtocol::Http1 => vec![ALPN_HTTP_11.to_vec()],
        OriginProtocol::Http2 => vec![ALPN_H2.to_vec()],
    };
    Ok(Arc::new(config))
}

/// Whether the client chose HTTP/2 by ALPN.
pub(crate) fn chose_h2(alpn: Option<&[u8]>) -> bool {
    alpn == Some(ALPN_H2)
}
