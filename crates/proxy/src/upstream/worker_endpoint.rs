//! One endpoint as one worker sees it: its own idle connections and requests in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use parking_lot::Mutex;

use super::h1::H1Conn;
use super::h2::H2Slot;
use super::origin::OriginEndpoint;

/// Requests in flight at one endpoint from one worker: each may hold a connection, and clients
/// with many streams could otherwise ask for a million.
pub(crate) const IN_FLIGHT_MAX: u32 = 16 * 1024;
/// Sweeps that a connection may lie idle for, one every five seconds: a minute, shorter than
/// common origins' own limit (nginx: 75 s), so that we close first and no request runs into
/// their close. Counting sweeps spares every request a look at the clock.
const IDLE_SWEEPS_MAX: u32 = 12;

/// An endpoint's connections in one worker.
#[derive(Debug)]
pub(crate) struct WorkerEndpoint {
    pub(crate) origin: Arc<OriginEndpoint>,
    pub(crate) index: usize,
    idle_max: usize,
    #[expect(
        clippy::vec_box,
        reason = "a connection is moved in and out for every request; the box makes that a word"
    )]
    idle: Mutex<Vec<Box<H1Conn>>>,
    pub(crate) h2: H2Slot,
    in_flight: AtomicU32,
    sweeps: AtomicU32,
}

/// One request's hold on an endpoint, and on a connection of it while it has one.
#[derive(Debug)]
pub(crate) struct Lease {
    endpoint: Arc<WorkerEndpoint>,
    conn: Option<Box<H1Conn>>,
}

// === impl WorkerEndpoint ===

impl WorkerEndpoint {
    pub(crate) fn new(origin: Arc<OriginEndpoint>, index: usize, idle_max: usize) -> Self {
        WorkerEndpoint {
            origin,
            index,
            idle_max,
            idle: Mutex::new(Vec::new()),
            h2: H2Slot::default(),
            in_flight: AtomicU32::new(0),
            sweeps: AtomicU32::new(0),
        }
    }

    /// Requests in flight from this worker.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// The most recently used idle connection that still stands.
    pub(crate) fn take_idle(&self) -> Option<Box<H1Conn>> {
        loop {
            let mut conn = self.idle.lock().pop()?;
            // Sees a close that has arrived meanwhile; costs no system call if none has.
            conn.drive_quietly();
            if conn.is_ready() {
                return Some(conn);
            }
        }
    }

    fn put_idle(&self, mut conn: Box<H1Conn>) {
        conn.idle_since_sweep = self.sweeps.load(Relaxed);
        let mut idle = self.idle.lock();
        if idle.len() < self.idle_max {
            idle.push(conn);
        }
    }

    /// Closes connections that have lain idle for long, or that the endpoint has closed.
    pub(crate) fn sweep(&self) {
        let sweep = self.sweeps.fetch_add(1, Relaxed).wrapping_add(1);
        self.idle.lock().retain_mut(|conn| {
            conn.drive_quietly();
            let idle_for = sweep.wrapping_sub(conn.idle_since_sweep);
            conn.is_ready() && idle_for <= IDLE_SWEEPS_MAX
        });
    }
}

// === impl Lease ===

impl Lease {
    pub(crate) fn new(endpoint: &Arc<WorkerEndpoint>) -> Lease {
        endpoint.in_flight.fetch_add(1, Relaxed);
        Lease {
            endpoint: Arc::clone(endpoint),
            conn: None,
        }
    }

    pub(crate) fn endpoint(&self) -> &Arc<WorkerEndpoint> {
        &self.endpoint
    }

    /// Binds a connection to the request.
    pub(crate) fn hold(&mut self, conn: Box<H1Conn>) -> &mut H1Conn {
        self.conn.insert(conn)
    }

    pub(crate) fn conn(&mut self) -> Option<&mut H1Conn> {
        self.conn.as_deref_mut()
    }

    /// Puts the connection aside if the exchange on it is over; says whether it is.
    pub(crate) fn put_back(&mut self) -> bool {
        match self.conn.take_if(|conn| conn.is_ready()) {
            Some(conn) => {
                self.endpoint.put_idle(conn);
                true
            }
            None => false,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Relaxed);
    }
}
