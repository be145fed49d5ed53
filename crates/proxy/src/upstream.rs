//! The way to the origin: endpoints, connections, and one request's attempts.

pub(crate) mod address;
pub(crate) mod balance;
pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod fault;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod health;
pub(crate) mod origin;
pub(crate) mod send;
pub(crate) mod worker_endpoint;

use std::sync::Arc;

use self::balance::{Draws, Tried, choose};
use self::origin::Origin;
use self::worker_endpoint::WorkerEndpoint;

/// One worker's connections to all endpoints.
#[derive(Debug)]
pub(crate) struct Upstreams {
    origin: Arc<Origin>,
    endpoints: Vec<Arc<WorkerEndpoint>>,
    draws: Draws,
}

impl Upstreams {
    pub(crate) fn new(origin: Arc<Origin>) -> Arc<Upstreams> {
        let idle_max = origin.config().max_idle_per_endpoint;
        let endpoints = origin
            .endpoints()
            .iter()
            .enumerate()
            .map(|(index, endpoint)| {
                Arc::new(WorkerEndpoint::new(Arc::clone(endpoint), index, idle_max))
            })
            .collect();
        Arc::new(Upstreams {
            origin,
            endpoints,
            draws: Draws::default(),
        })
    }

    pub(crate) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// An endpoint for a request that is tried once only.
    pub(crate) fn choose_once(&self) -> Option<&Arc<WorkerEndpoint>> {
        choose(&self.endpoints, Tried::default(), &self.draws)
    }

    /// Closes connections that are idle for too long; counts on being called every few seconds.
    pub(crate) fn sweep(&self) {
        for endpoint in &self.endpoints {
            endpoint.sweep();
        }
    }
}
