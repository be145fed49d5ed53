//! Listening sockets, and an accept loop that outlives what accept can throw at it.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::error::ProxyError;

/// Connections that the kernel holds for us while we are busy.
const BACKLOG: i32 = 4096;
/// The first pause after accept failed for want of something.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Opens `count` sockets on one address, so that each worker accepts for itself and the kernel
/// spreads the connections (SO_REUSEPORT). With port 0 all share the port that the first got.
///
/// # Errors
/// The address cannot be listened on.
pub fn bind_reuseport(address: SocketAddr, count: usize) -> Result<Vec<StdListener>, ProxyError> {
    let mut address = address;
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..count {
        let listener = bind(address).map_err(|source| ProxyError::Bind { address, source })?;
        if let Ok(bound) = listener.local_addr() {
            address = bound;
        }
        listeners.push(listener);
    }
    Ok(listeners)
}

fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` means IPv6 and IPv4 alike, whatever the system's default.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Where connections come from.
pub trait Accept {
    /// The next connection.
    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
    }
}

/// The next connection, however often accept fails before it.
///
/// A client that gave up in the queue (ECONNABORTED) is skipped. Running out of file
/// descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) passes when connections end, so the
/// loop pauses and goes on; spinning would burn the very core that has to close them
/// (RUSTSEC-2024-0376).
pub async fn accept(listener: &impl Accept) -> (TcpStream, SocketAddr) {
    let mut pause = PAUSE_FIRST;
    loop {
        match listener.accept().await {
            // Answers are written whole: waiting to fill a segment, until the other end has acknowledged
            // the one before, adds its 40 ms of delay to them.
            Ok(accepted) if accepted.0.set_nodelay(true).is_ok() => return accepted,
            // It is gone already.
            Ok(_) => {}
            Err(error) if is_clients_doing(&error) => {}
            Err(error) => {
                tracing::warn!(%error, ?pause, "accept failed; pausing");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

fn is_clients_doing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    /// Fails as scripted, then accepts for real.
    struct Scripted {
        errors: Mutex<Vec<io::Error>>,
        listener: TcpListener,
    }

    impl Accept for Scripted {
        async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
            let error = self.errors.lock().unwrap().pop();
            match error {
                Some(error) => Err(error),
                None => self.listener.accept().await,
            }
        }
    }

    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    const ECONNABORTED: i32 = 103;

    #[tokio::test]
    async fn case_114_accept_outlives_exhaustion_and_aborted_clients() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let errors = [EMFILE, ECONNABORTED, ENFILE, ECONNABORTED];
        let scripted = Scripted {
            errors: Mutex::new(errors.map(io::Error::from_raw_os_error).into()),
            listener,
        };
        let client = tokio::spawn(TcpStream::connect(address));
        let start = Instant::now();
        let (stream, peer) = accept(&scripted).await;
        assert!(stream.nodelay().unwrap());
        assert_eq!(peer, client.await.unwrap().unwrap().local_addr().unwrap());
        // Two exhaustions, two pauses: 5 ms and 10 ms.
        assert!(start.elapsed() >= Duration::from_millis(15));
    }

    #[tokio::test]
    async fn several_sockets_share_one_port() {
        let sockets = bind_reuseport("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let ports: Vec<_> = sockets
            .iter()
            .map(|socket| socket.local_addr().unwrap().port())
            .collect();
        assert_eq!(ports, [ports[0]; 3]);
    }
}
