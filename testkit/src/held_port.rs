//! A port that stays ours while nobody listens on it.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// An address that the system gives to nobody else who asks for any port, be it to listen or to connect; who is
/// told of it can listen on it, as servers do (`SO_REUSEADDR`, as Linux has it). Until that, connections to it are refused.
#[derive(Debug)]
pub struct HeldPort {
    address: SocketAddr,
    // Bound, and never listening: two such sockets may share an address, as only one of them ever listens.
    _socket: TcpSocket,
}

impl HeldPort {
    /// Holds `address` (port 0: any free one).
    ///
    /// # Errors
    /// When somebody listens there, or no port is free.
    pub fn take(address: SocketAddr) -> io::Result<HeldPort> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(HeldPort {
            address: socket.local_addr()?,
            _socket: socket,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_held_port_refuses_until_somebody_listens_there_and_is_held_again_afterwards() {
        let held = HeldPort::take((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        for _ in 0..2 {
            assert!(TcpStream::connect(held.address()).is_err());
            let listener = TcpListener::bind(held.address()).unwrap();
            TcpStream::connect(held.address()).unwrap();
            assert!(TcpListener::bind(held.address()).is_err(), "one listens");
            drop(listener);
        }
    }
}
