//! The data plane's threads: one a core, each with its own runtime, listeners and upstream pool.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tollgate_policy::Listener;
use tollgate_proxy::{ServerTls, Shared, Worker, WorkerListener, bind_reuseport};

use crate::failure::Failure;

/// The running workers.
pub(super) struct Workers {
    addresses: Vec<SocketAddr>,
    certificates: Vec<Arc<ServerTls>>,
    count: usize,
    /// Every worker holds a sender: none left means that all have ended.
    ended: mpsc::Receiver<()>,
}

// === impl Workers ===

impl Workers {
    /// Binds every listener of the policy for every worker, then starts them: either all
    /// addresses are there or nothing runs.
    pub(super) fn start(
        shared: &Arc<Shared>,
        count: usize,
        drain: &CancellationToken,
    ) -> Result<Self, Failure> {
        let mut addresses = Vec::new();
        let mut certificates = Vec::new();
        let mut listeners: Vec<Vec<WorkerListener>> = (0..count).map(|_| Vec::new()).collect();
        let snapshot = shared.engine().snapshot();
        for listener in snapshot.policy().listeners() {
            let tls = certificate(listener)?;
            let sockets = bind_reuseport(listener.address, count)?;
            addresses.extend(sockets.first().and_then(|socket| socket.local_addr().ok()));
            for (own, socket) in listeners.iter_mut().zip(sockets) {
                own.push(WorkerListener {
                    socket,
                    tls: tls.clone(),
                });
            }
            certificates.extend(tls);
        }
        let (alive, ended) = mpsc::channel(1);
        for (number, listeners) in listeners.into_iter().enumerate() {
            let worker = Worker::new(shared.clone(), listeners);
            spawn(number, worker, drain.clone(), alive.clone())?;
        }
        Ok(Self {
            addresses,
            certificates,
            count,
            ended,
        })
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Reads the certificates again; one that cannot be read leaves the old one in use.
    pub(super) fn reload_certificates(&self) {
        self.certificates
            .iter()
            .for_each(|tls| reload_certificate(tls));
    }

    /// Returns when every worker has drained and ended.
    pub(super) async fn ended(&mut self) {
        while self.ended.recv().await.is_some() {}
    }
}

pub(super) fn reload_certificate(certificate: &ServerTls) {
    if let Err(error) = certificate.reload() {
        tracing::error!(%error, "certificate not reloaded, the old one stays in use");
    }
}

fn certificate(listener: &Listener) -> Result<Option<Arc<ServerTls>>, Failure> {
    let load = |tls| ServerTls::load(tls);
    Ok(listener.tls.as_ref().map(load).transpose()?)
}

fn spawn(
    number: usize,
    worker: Worker,
    drain: CancellationToken,
    alive: mpsc::Sender<()>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start a worker's runtime"))?;
    std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || {
            if let Err(error) = runtime.block_on(worker.run(drain)) {
                tracing::error!(%error, "a worker ended");
            }
            drop(alive);
        })
        .map_err(Failure::system("start a worker's thread"))?;
    Ok(())
}
