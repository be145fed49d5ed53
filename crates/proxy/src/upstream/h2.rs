//! HTTP/2 towards an endpoint: one connection a worker, opened by one request at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::connect::{OriginIo, connect};
use super::origin::OriginEndpoint;
use crate::request_body::RequestBody;

/// Pings find a dead path, also between requests: without them a connection to a vanished peer
/// is used until TCP gives up, a quarter of an hour later (hyper #4186).
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long a ping may go unanswered.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Credit for one stream's answer in flight.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Credit for all streams' answers in flight.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Header bytes of an answer.
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;

/// The handle of an HTTP/2 connection.
pub(crate) type H2Handle = SendRequest<RequestBody>;

/// A worker's HTTP/2 connection to one endpoint.
#[derive(Debug)]
pub(crate) struct H2Slot {
    current: Mutex<Option<H2Handle>>,
    /// Held while connecting, so that a burst of requests opens one connection, not hundreds.
    connecting: Arc<Semaphore>,
}

impl Default for H2Slot {
    fn default() -> Self {
        H2Slot {
            current: Mutex::new(None),
            connecting: Arc::new(Semaphore::new(1)),
        }
    }
}

impl H2Slot {
    /// The standing connection, if one stands.
    pub(crate) fn current(&self) -> Option<H2Handle> {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(SendRequest::is_closed) {
            *current = None;
        }
        current.clone()
    }

    /// The standing connection, or a new one; true if it stood already.
    pub(crate) async fn get(
        &self,
        endpoint: &OriginEndpoint,
        limit: Duration,
    ) -> io::Result<(H2Handle, bool)> {
        if let Some(handle) = self.current() {
            return Ok((handle, true));
        }
        let _alone = tokio::time::timeout(limit, self.connecting.acquire())
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
            .map_err(io::Error::other)?;
        if let Some(handle) = self.current() {
            return Ok((handle, true));
        }
        let handle = open(connect(endpoint, limit).await?).await?;
        *self.current.lock() = Some(handle.clone());
        Ok((handle, false))
    }
}

async fn open(io: OriginIo) -> io::Result<H2Handle> {
    let (handle, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .handshake(TokioIo::new(io))
        .await
        .map_err(io::Error::other)?;
    // The connection serves many requests, so none of them can drive it; it ends when the last
    // handle is gone.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the origin ended");
        }
    });
    Ok(handle)
}
