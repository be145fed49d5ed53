//! Loopback addresses for child processes.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::TestkitError;
use crate::held_port::HeldPort;

/// Pause between two tries to connect.
const POLL_PAUSE: Duration = Duration::from_millis(5);
/// Longest wait for one try.
const CONNECT_WAIT: Duration = Duration::from_millis(250);

/// What was given out: a few dozen ports in the longest tests.
static GIVEN_OUT: Mutex<Vec<HeldPort>> = Mutex::new(Vec::new());

/// An address of 127.0.0.1 that nothing listens on, and that nobody else is given while this process runs, also when
/// the peer that was told to listen there has ended and is to start again.
///
/// # Errors
/// When no port is free.
pub fn free_address() -> Result<SocketAddr, TestkitError> {
    let held = HeldPort::take((Ipv4Addr::LOCALHOST, 0).into())
        .map_err(TestkitError::io("find a free port"))?;
    let address = held.address();
    GIVEN_OUT.lock().push(held);
    Ok(address)
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
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_is_seen_and_a_free_port_is_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        wait_accepting(listener.local_addr().unwrap(), Duration::from_secs(60)).unwrap();
        let free = free_address().unwrap();
        let error = wait_accepting(free, Duration::ZERO).unwrap_err();
        assert!(matches!(error, TestkitError::NotAccepting { .. }));
    }
}
