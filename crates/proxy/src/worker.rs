//! One core's share of the data plane: its listeners, its connections, its drain.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::{Shared, WorkerContext};
use crate::error::ProxyError;
use crate::listener::accept;
use crate::serve::{Listening, serve};
use crate::tls::ServerTls;

/// How often idle connections to the origin are looked at; they count their age in it.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How long what was cut may take to report its end.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// A listening socket of one worker.
#[derive(Debug)]
pub struct WorkerListener {
    /// From [`crate::bind_reuseport`].
    pub socket: StdListener,
    /// With it the listener speaks TLS, else HTTP/1.1 and HTTP/2 in the clear.
    pub tls: Option<Arc<ServerTls>>,
}

/// The data plane's share of one core.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    listeners: Vec<WorkerListener>,
}

impl Worker {
    /// A worker on `listeners`.
    #[must_use]
    pub fn new(shared: Arc<Shared>, listeners: Vec<WorkerListener>) -> Worker {
        Worker { shared, listeners }
    }

    /// Serves until `drain` is cancelled, then stops accepting, lets requests in flight finish,
    /// and cuts what is left when the policy's drain time is up.
    ///
    /// Made for a current-thread runtime of its own; every connection is a task there, so a
    /// panic in one ends that one only.
    ///
    /// # Errors
    /// A socket that the runtime cannot take over.
    pub async fn run(self, drain: CancellationToken) -> Result<(), ProxyError> {
        let cut = CancellationToken::new();
        let worker = WorkerContext::new(&self.shared, drain.clone(), cut.clone());
        let (draining, watch) = watch::channel(false);
        let mut loops = JoinSet::new();
        for listener in self.listeners {
            let address = listener.socket.local_addr();
            let socket =
                TcpListener::from_std(listener.socket).map_err(|source| ProxyError::Bind {
                    address: address.unwrap_or_else(|_| ([0, 0, 0, 0], 0).into()),
                    source,
                })?;
            let listening = Listening {
                shared: Arc::clone(&self.shared),
                worker: Arc::clone(&worker),
                tls: listener.tls,
                draining: watch.clone(),
            };
            loops.spawn(listen(socket, listening));
        }
        drop(watch);
        tokio::select! {
            () = drain.cancelled() => {}
            never = sweep(&worker) => match never {},
        }
        let _ = draining.send(true);
        let limit = self.shared.engine.snapshot().policy().timeouts().drain;
        let ended = async {
            while loops.join_next().await.is_some() {}
            worker.tasks.close();
            worker.tasks.wait().await;
        };
        let drained = tokio::time::timeout(limit, ended);
        if drained.await.is_err() {
            tracing::warn!(?limit, "the drain's time is up; cutting what is left");
        }
        cut.cancel();
        // Dropping the loops drops their connections; tunnels see the cut and say their last.
        loops.shutdown().await;
        let _ = tokio::time::timeout(LAST_WORDS_MAX, worker.tasks.wait()).await;
        Ok(())
    }
}

/// Closes idle connections to the origin now and then.
async fn sweep(worker: &WorkerContext) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let upstreams = Arc::clone(&worker.upstreams.lock());
        upstreams.sweep();
    }
}

/// Accepts until the drain begins, then waits for the connections' ends.
async fn listen(socket: TcpListener, listening: Listening) {
    let mut connections = JoinSet::new();
    let mut draining = listening.draining.clone();
    let cap = Arc::clone(&listening.shared.connections);
    loop {
        let next = async {
            // Room first, connection then: one that waits in the kernel costs us nothing.
            let room = Arc::clone(&cap).acquire_owned().await;
            (room, accept(&socket).await)
        };
        tokio::select! {
            (room, (stream, peer)) = next => {
                let Ok(room) = room else { break };
                let served = serve(stream, peer, listening.clone());
                connections.spawn(async move {
                    served.await;
                    drop(room);
                });
            }
            Some(ended) = connections.join_next() => report(ended),
            _ = draining.wait_for(|draining| *draining) => break,
        }
    }
    drop(socket);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked; the others go on");
    }
}
