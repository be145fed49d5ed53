//! The address at the other end of a connection, as whoever serves it says.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

/// Who is at the other end of the connection that a request came by. Whoever serves the connection puts it
/// into each request's extensions; nothing that a client writes does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

// === impl Peer ===

impl Peer {
    /// The peer of a request; with the feature `axum`, also by axum's `ConnectInfo<SocketAddr>`.
    pub(crate) fn of(extensions: &Extensions) -> Option<IpAddr> {
        let peer = extensions.get::<Self>().map(|Self(address)| address.ip());
        #[cfg(feature = "axum")]
        let peer = peer.or_else(|| {
            let info = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>();
            info.map(|info| info.0.ip())
        });
        peer.map(|address| address.to_canonical())
    }
}
