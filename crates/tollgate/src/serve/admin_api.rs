//! The listener of the admin API and the console, on the control plane's runtime so that neither can hold up
//! a request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tollgate_admin::{Admin, AdminKeys, OverTls, Peer, router};
use tollgate_policy::AdminApi;
use tollgate_proxy::{ServerTls, shake_hands};

use super::bind_admin;
use crate::failure::Failure;

/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 64;
/// A client has this long to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// And this long for the handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams of one HTTP/2 connection.
const STREAMS_MAX: u32 = 32;
/// Between two attempts to accept, after one that failed.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What is bound and read before anything is served.
pub(super) struct Bound {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<Arc<ServerTls>>,
    pub(super) keys: KeysFile,
}

/// The file of keys, looked at from time to time.
pub(super) struct KeysFile {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

// === impl Bound ===

impl Bound {
    /// Binds, and reads certificate and keys: all of it is there before the gateway starts.
    pub(super) fn new(
        config: &AdminApi,
        control: &tokio::runtime::Runtime,
    ) -> Result<(Self, AdminKeys), Failure> {
        let mut keys = KeysFile {
            path: config.keys.clone(),
            seen: None,
        };
        let found = keys.load()?;
        let tls = config.listener.tls.as_ref();
        let bound = Self {
            listener: bind_admin(control, config.listener.address)?,
            tls: tls.map(ServerTls::load).transpose()?,
            keys,
        };
        Ok((bound, found))
    }
}

// === impl KeysFile ===

impl KeysFile {
    fn load(&mut self) -> Result<AdminKeys, Failure> {
        // Before it is read: a change in between is seen at the next look.
        self.seen = stamp(&self.path);
        AdminKeys::load(&self.path).map_err(|source| Failure::AdminKeys {
            file: self.path.clone(),
            source,
        })
    }

    /// Takes other keys over where the file has changed; what cannot be read changes nothing.
    pub(super) fn look(&mut self, admin: &Admin) {
        if stamp(&self.path) == self.seen {
            return;
        }
        match self.load() {
            Ok(keys) => {
                let count = keys.notes().len();
                admin.replace_keys(keys);
                tracing::info!(keys = count, "keys of the admin API reloaded");
            }
            Err(error) => {
                tracing::error!(%error, "keys of the admin API not reloaded, the old ones stay in use");
            }
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, tls: Option<Arc<ServerTls>>, admin: Admin) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let service = TowerToHyperService::new(router(&admin));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "admin API failed to accept");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (service, tls) = (service.clone(), tls.clone());
        let over_tls = tls.is_some();
        tokio::spawn(async move {
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                if over_tls {
                    request.extensions_mut().insert(OverTls);
                }
                service.call(request)
            });
            // What goes wrong here is the client's own: it hung up, or spoke no HTTP.
            match tls {
                None => converse(stream, service).await,
                Some(tls) => {
                    if let Ok(stream) = shake_hands(stream, &tls, HANDSHAKE_TIMEOUT).await {
                        converse(stream, service).await;
                    }
                }
            }
            drop(permit);
        });
    }
}

async fn converse<S>(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, service: S)
where
    S: Service<Request<Incoming>, Response = http::Response<tollgate_admin::Body>> + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(HEAD_TIMEOUT);
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}
