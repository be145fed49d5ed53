//! All that touches rustls: the server's certificate and its clients' authorities, replaced
//! without a drop, and the client's trust towards the origin. The provider is aws-lc, always named, never the process
//! default.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper_rustls::ConfigBuilderExt;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use tollgate_engine::policy::{ClientAuth, ClientAuthority, OriginProtocol, Tls};

use crate::error::ProxyError;

const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP_11: &[u8] = b"http/1.1";

/// A server's certificate and the authorities of its clients, in files, and the configuration that
/// serves them.
#[derive(Debug)]
pub struct ServerTls {
    files: Tls,
    offers: Offers,
    /// Written by [`ServerTls::reload`], read by every handshake.
    current: ArcSwap<ServerConfig>,
}

/// What a server offers by ALPN. A client that wants none of it is refused in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offers {
    /// HTTP/2 and HTTP/1.1.
    Http,
    /// HTTP/2 alone, as gRPC needs it.
    Http2,
}

// === impl ServerTls ===

impl ServerTls {
    /// Reads the PEM files. Offers TLS 1.2 and 1.3; asks for a client certificate where the policy names the
    /// authorities of some.
    ///
    /// # Errors
    /// Files that cannot be read or do not belong together.
    pub fn load(files: &Tls, offers: Offers) -> Result<Arc<ServerTls>, ProxyError> {
        Ok(Arc::new(ServerTls {
            current: ArcSwap::from_pointee(server_config(files, offers)?),
            files: files.clone(),
            offers,
        }))
    }

    /// Reads the files again; connections stay, the next handshake goes by what is in them now.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; what is in force then stays.
    pub fn reload(&self) -> Result<(), ProxyError> {
        let mut config = server_config(&self.files, self.offers)?;
        if self.files.clients.is_none() {
            config.session_storage = Arc::clone(&self.current.load().session_storage);
        }
        self.current.store(Arc::new(config));
        Ok(())
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

fn server_config(files: &Tls, offers: Offers) -> Result<ServerConfig, ProxyError> {
    let provider = Arc::new(default_provider());
    let certified = certified_key(&files.cert, &files.key, &provider)?;
    let verifier = match &files.clients {
        Some(clients) => client_verifier(clients, &provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| ProxyError::Certificate {
            path: files.cert.clone(),
            source,
        })?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = match offers {
        Offers::Http => vec![ALPN_H2.to_vec(), ALPN_HTTP_11.to_vec()],
        Offers::Http2 => vec![ALPN_H2.to_vec()],
    };
    if files.clients.is_some() {
        // A resumed session takes the client's certificate from memory and verifies nothing: who
        // was let in once would come in again after the certificate's end, or its authority's.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn client_verifier(
    clients: &ClientAuthority,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ProxyError> {
    let unusable = |error: &dyn std::fmt::Display| ProxyError::TlsFile {
        path: clients.ca.clone(),
        reason: error.to_string(),
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&clients.ca)? {
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match clients.auth {
        ClientAuth::Required => builder,
        ClientAuth::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| unusable(&error))
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
pub(crate) fn chose_h2(session: &ServerConnection) -> bool {
    session.alpn_protocol() == Some(ALPN_H2)
}

/// The client's own certificate, in DER, where it showed one: the handshake has verified it.
pub(crate) fn client_leaf(session: &ServerConnection) -> Option<&[u8]> {
    session.peer_certificates()?.first().map(|leaf| &**leaf)
}
