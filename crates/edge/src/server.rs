//! The local edge's listeners: CloudFront's address, and that of what stands behind it.

mod connections;

use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tollgate_limiter::Clock;

use self::connections::serve;
use crate::EdgeError;
use crate::folder::Folder;
use crate::manifest::Variant;
use crate::meter::Summary;
use crate::pipeline::{Pipeline, Way};
use crate::record::Entry;
use crate::upstream::{Body, Upstream, full};
use crate::waf::Waf;

/// Where to listen, and which origin to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// CloudFront's address.
    pub listen: SocketAddr,
    /// The address of what stands behind CloudFront, in the variants that have it.
    pub origin_listen: SocketAddr,
    /// `http://HOST:PORT`; the built-in origin if not given.
    pub origin: Option<String>,
}

/// A local edge whose addresses are bound.
pub struct Edge {
    shared: Arc<Shared>,
    viewer: StdListener,
    behind: Option<StdListener>,
    addresses: (SocketAddr, Option<SocketAddr>),
}

/// What every connection uses.
struct Shared {
    pipeline: Mutex<Pipeline>,
    upstream: Upstream,
    lines: Mutex<Box<dyn Write + Send>>,
}

// === impl Edge ===

impl Edge {
    /// Binds the addresses; `lines` gets a JSON line for each request.
    ///
    /// # Errors
    /// When an address is not of this machine alone or cannot be had, or the origin is none.
    pub fn bind(
        folder: Folder,
        waf: Box<dyn Waf>,
        options: &Options,
        clock: Arc<dyn Clock>,
        lines: Box<dyn Write + Send>,
    ) -> Result<Self, EdgeError> {
        let upstream = match &options.origin {
            Some(url) => Upstream::at(url)?,
            None => Upstream::BuiltIn,
        };
        let viewer = bind("--listen", options.listen)?;
        let behind = match folder.manifest.variant {
            Variant::Before => None,
            Variant::After | Variant::Chained => {
                Some(bind("--origin-listen", options.origin_listen)?)
            }
        };
        let addresses = (viewer.1, behind.as_ref().map(|behind| behind.1));
        let pipeline = Pipeline::new(folder.manifest, folder.function, waf, clock);
        Ok(Self {
            shared: Arc::new(Shared {
                pipeline: Mutex::new(pipeline),
                upstream,
                lines: Mutex::new(lines),
            }),
            viewer: viewer.0,
            behind: behind.map(|behind| behind.0),
            addresses,
        })
    }

    /// CloudFront's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.0
    }

    /// The address of what stands behind CloudFront, in the variants that have it.
    #[must_use]
    pub fn behind_address(&self) -> Option<SocketAddr> {
        self.addresses.1
    }

    /// Serves until `stop`, lets open requests end, and says what happened. Needs a Tokio runtime,
    /// of one thread.
    pub async fn run(self, stop: CancellationToken) -> Summary {
        let viewer = serve(
            self.viewer,
            Entry::Viewer,
            Arc::clone(&self.shared),
            stop.clone(),
        );
        let behind = async {
            if let Some(listener) = self.behind {
                serve(listener, Entry::Behind, Arc::clone(&self.shared), stop).await;
            }
        };
        tokio::join!(viewer, behind);
        self.shared.pipeline.lock().summary()
    }
}

fn bind(option: &'static str, address: SocketAddr) -> Result<(StdListener, SocketAddr), EdgeError> {
    if !address.ip().is_loopback() {
        return Err(EdgeError::NotLoopback { option, address });
    }
    let bound = StdListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| EdgeError::Bind {
        option,
        address,
        source,
    })
}

// === impl Shared ===

impl Shared {
    async fn answer(
        &self,
        entry: Entry,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let (way, mut record) = self.pipeline.lock().pass(entry, head, client);
        let response = match way {
            Way::Answer(answer) => answer.map(full),
            Way::Origin(head) => {
                let (response, error) = self.upstream.answer(head, body).await;
                record.error = error;
                response
            }
        };
        let line = record.line(response.status());
        // Whoever read the lines may have gone; the requests go on.
        let _unread = writeln!(self.lines.lock(), "{line}");
        response
    }
}
