//! A wire between two processes that can be cut without either of them knowing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a wire is looked at whether it was cut.
const LOOK: Duration = Duration::from_millis(20);
/// More than a message of the quota service.
const BUFFER_BYTES: usize = 64 * 1024;

/// Hands bytes on, until it is cut: then it takes them and says nothing.
pub(crate) struct Relay {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&cut);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Where nobody listens, nobody is there.
                let Ok(far) = TcpStream::connect(target) else {
                    continue;
                };
                let pair = |from: &TcpStream, to: &TcpStream| {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let cut = Arc::clone(&seen);
                    std::thread::spawn(move || copy(from, to, &cut));
                };
                pair(&near, &far);
                pair(&far, &near);
            }
        });
        Self { address, cut }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing arrives, and nobody is told.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    from.set_read_timeout(Some(LOOK)).unwrap();
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) if cut.load(Ordering::Relaxed) => {}
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    if !cut.load(Ordering::Relaxed) {
        let _ = to.shutdown(Shutdown::Both);
    }
}
