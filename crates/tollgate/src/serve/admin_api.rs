//! The listener of the admin API and the console, on the control plane's runtime so that neither can hold up
//! a request.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tollgate_admin::{Admin, AdminKeys, OverTls, Peer, REQUEST_WAIT_MAX, router};
use tollgate_policy::AdminApi;
use tollgate_proxy::{Offers, ServerTls, shake_hands};

use super::bind_admin;
use super::reload::{Stamp, stamp};
use super::workers::reload_certificate;
use crate::failure::Failure;

/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 64;
/// A client has this long to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// And this long for the handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// After this long a connection ends, once its requests are answered.
const LIFE_MAX: Duration = Duration::from_secs(600);
/// Streams of one HTTP/2 connection.
const STREAMS_MAX: u32 = 32;
/// Between two attempts to accept, after one that failed.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What is bound and read before anything is served.
pub(super) struct Bound {
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    keys: KeysFile,
}

/// An admin API that is served.
pub(super) struct Serving {
    admin: Admin,
    tls: Option<Arc<ServerTls>>,
    keys: KeysFile,
}

/// The file of keys, looked at from time to time.
struct KeysFile {
    path: PathBuf,
    /// What was taken over; nothing while the file as it is now cannot be read.
    taken: Option<Stamp>,
    failing: bool,
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
            taken: None,
            failing: false,
        };
        let found = keys.load()?;
        let tls = config.listener.tls.as_ref();
        let bound = Self {
            listener: bind_admin(control, config.listener.address)?,
            tls: tls
                .map(|files| ServerTls::load(files, Offers::Http))
                .transpose()?,
            keys,
        };
        Ok((bound, found))
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves on this runtime.
    pub(super) fn serve(self, admin: Admin) -> Serving {
        let tls = self.tls.clone();
        tokio::spawn(serve(self.listener, self.tls, admin.clone()));
        Serving {
            admin,
            tls,
            keys: self.keys,
        }
    }
}

// === impl Serving ===

impl Serving {
    /// Takes other keys over, if their file has changed.
    pub(super) fn look(&mut self) {
        self.keys.look(&self.admin);
    }

    pub(super) fn reload_certificate(&self) {
        if let Some(tls) = &self.tls {
            reload_certificate(tls);
        }
    }
}

// === impl KeysFile ===

impl KeysFile {
    fn load(&mut self) -> Result<AdminKeys, Failure> {
        // Before it is read: a change in between is seen at the next look.
        let seen = stamp(&self.path);
        self.taken = None;
        let keys = AdminKeys::load(&self.path).map_err(|source| Failure::AdminKeys {
            file: self.path.clone(),
            source,
        })?;
        self.taken = Some(seen);
        Ok(keys)
    }

    /// Takes other keys over where the file has changed. One that cannot be read changes nothing, and is tried
    /// again at each look.
    fn look(&mut self, admin: &Admin) {
        if self.taken == Some(stamp(&self.path)) {
            return;
        }
        match self.load() {
            Ok(keys) => {
                let count = keys.notes().len();
                admin.replace_keys(keys);
                self.failing = false;
                tracing::info!(keys = count, "keys of the admin API reloaded");
            }
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!(%error, "keys of the admin API not reloaded, the old ones stay in use");
            }
            Err(_) => {}
        }
    }
}

/// Serves until dropped.
async fn serve(listener: TcpListener, tls: Option<Arc<ServerTls>>, admin: Admin) {
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
            let asked = Arc::new(AtomicBool::new(false));
            let mark = Arc::clone(&asked);
            let service = service_fn(move |mut request: Request<Incoming>| {
                mark.store(true, Ordering::Relaxed);
                request.extensions_mut().insert(Peer(peer));
                if over_tls {
                    request.extensions_mut().insert(OverTls);
                }
                service.call(request)
            });
            match tls {
                None => converse(stream, service, &asked).await,
                Some(tls) => {
                    if let Ok(stream) = shake_hands(stream, &tls, HANDSHAKE_TIMEOUT).await {
                        converse(stream, service, &asked).await;
                    }
                }
            }
            drop(permit);
        });
    }
}

/// Until the client is done; without a request in time, or after its longest life, it has to come again.
async fn converse<S>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S,
    asked: &AtomicBool,
) where
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
    let conversation = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(conversation);
    // What goes wrong is the client's own: it hung up, or spoke no HTTP.
    tokio::select! {
        _ = conversation.as_mut() => return,
        () = tokio::time::sleep(HEAD_TIMEOUT) => {}
    }
    if !asked.load(Ordering::Relaxed) {
        return;
    }
    tokio::select! {
        _ = conversation.as_mut() => return,
        () = tokio::time::sleep(LIFE_MAX) => conversation.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(REQUEST_WAIT_MAX, conversation).await;
}
