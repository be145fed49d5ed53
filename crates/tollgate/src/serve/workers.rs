//! The data plane's threads: one a core, each with its own runtime, listeners and upstream pool.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tollgate_policy::Listener;
use tollgate_proxy::{Offers, ServerTls, Shared, Worker, WorkerListener, bind_reuseport};

use super::fronts::{Services, Share};
use crate::failure::Failure;

/// The running workers.
pub(super) struct Workers {
    addresses: Vec<SocketAddr>,
    asked_at: Vec<(&'static str, SocketAddr)>,
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
        services: &Services,
        count: usize,
        drain: &CancellationToken,
    ) -> Result<Self, Failure> {
        let mut addresses = Vec::new();
        let mut certificates = Vec::new();
        let mut listeners: Vec<Vec<WorkerListener>> = (0..count).map(|_| Vec::new()).collect();
        let snapshot = shared.engine().snapshot();
        for listener in snapshot.policy().listeners() {
            let (sockets, tls) = bind(listener, Offers::Http, count)?;
            addresses.extend(sockets.first().and_then(|socket| socket.local_addr().ok()));
            for (own, socket) in listeners.iter_mut().zip(sockets) {
                own.push(WorkerListener {
                    socket,
                    tls: tls.clone(),
                });
            }
            certificates.extend(tls);
        }
        let fronts = services.bind(snapshot.policy(), count)?;
        certificates.extend(fronts.certificates);
        let (alive, ended) = mpsc::channel(1);
        for (number, (listeners, share)) in listeners.into_iter().zip(fronts.shares).enumerate() {
            let worker = Worker::new(shared.clone(), listeners);
            spawn(number, worker, share, drain.clone(), alive.clone())?;
        }
        Ok(Self {
            addresses,
            asked_at: fronts.addresses,
            certificates,
            count,
            ended,
        })
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where other proxies ask, and what for.
    pub(super) fn asked_at(&self) -> &[(&'static str, SocketAddr)] {
        &self.asked_at
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

/// A socket for each worker, and the certificate of all.
pub(super) fn bind(
    listener: &Listener,
    offers: Offers,
    count: usize,
) -> Result<(Vec<StdListener>, Option<Arc<ServerTls>>), Failure> {
    let tls = listener.tls.as_ref();
    let tls = tls
        .map(|files| ServerTls::load(files, offers))
        .transpose()?;
    Ok((bind_reuseport(listener.address, count)?, tls))
}

fn spawn(
    number: usize,
    worker: Worker,
    share: Share,
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
            let fronts = share.run(drain.clone());
            let (ended, ()) = runtime.block_on(async { tokio::join!(worker.run(drain), fronts) });
            if let Err(error) = ended {
                tracing::error!(%error, "a worker ended");
            }
            drop(alive);
        })
        .map_err(Failure::system("start a worker's thread"))?;
    Ok(())
}
