//! Loopback addresses for child processes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::error::TestkitError;

/// Pause between two tries to connect.
const POLL_PAUSE: Duration = Duration::from_millis(5);
/// Longest wait for one try.
const CONNECT_WAIT: Duration = Duration::from_millis(250);

/// An address of 127.0.0.1 that nothing listens on now.
///
/// Another process may take it before it is used; callers start their peer at once.
///
/// # Errors
/// When no port is free.
pub fn free_address() -> Result<SocketAddr, TestkitError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .map_err(TestkitError::io("find a free port"))?;
    listener
        .local_addr()
        .map_err(TestkitError::io("find a free port"))
}

/// Blocks until something accepts connections on `address`, at most for `limit`.
///
/// # Errors
/// [`TestkitError::NotAccepting`] after `limit`.
pub fn wait_accepting(address: SocketAddr, limit: Duration) -> Result<(), TestkitError> {
    wait_accepting_while(address, limit, || Ok(()))
}

/// As [`wait_accepting`], asking before each try whether it is worth waiting on.
pub(crate) fn wait_accepting_while(
    address: SocketAddr,
    limit: Duration,
    mut alive: impl FnMut() -> Result<(), TestkitError>,
) -> Result<(), TestkitError> {
    let start = Instant::now();
    loop {
        alive()?;
        if TcpStream::connect_timeout(&address, CONNECT_WAIT).is_ok() {
            return Ok(());
        }
        if start.elapsed() >= limit {
            return Err(TestkitError::NotAccepting {
                address,
                waited_ms: limit.as_millis(),
            });
        }
        std::thread::sleep(POLL_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_seen_and_a_free_port_is_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        wait_accepting(listener.local_addr().unwrap(), Duration::from_secs(5)).unwrap();
        let free = free_address().unwrap();
        let error = wait_accepting(free, Duration::ZERO).unwrap_err();
        assert!(matches!(error, TestkitError::NotAccepting { .. }));
    }
}
