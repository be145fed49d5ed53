//! Errors of starting and configuring the data plane; faults of single requests are values of
//! [`crate::respond`].

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate_engine::EngineError;

/// What keeps a policy from being put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Its origin cannot be spoken to.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The engine cannot decide by it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What keeps the data plane from starting or from taking a new configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the server's certificate cannot be read or holds no PEM of the wanted kind.
    #[error("cannot read {path}: {reason}")]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Certificate and key were read but cannot be used.
    #[error("cannot use the certificate {path}: {source}")]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// TLS towards the origin cannot be set up.
    #[error("cannot set up TLS towards the origin: {0}")]
    OriginTls(String),
    /// An endpoint's host is no valid name.
    #[error("`{0}` is no host name")]
    OriginHost(String),
}
