//! The access log: one JSON object a line, written by a thread of its own so that a slow disk
//! never delays a request.
//!
//! It names a user by bucket id, never by subject, and holds neither token nor query.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tollgate_policy::AccessLog as Destination;

use crate::failure::Failure;

/// Lines that may wait for the disk; beyond it lines are dropped and counted.
const LINES_WAITING_MAX: usize = 16 * 1024;

/// Where lines go, from any thread.
#[derive(Clone, Debug)]
pub(super) struct AccessLog {
    lines: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

/// The writing side: waits for the last line when the log's senders are gone.
#[derive(Debug)]
pub(super) struct Writer(JoinHandle<()>);

// === impl AccessLog ===

impl AccessLog {
    /// Opens the destination; `None` when the policy wants no log.
    pub(super) fn open(destination: &Destination) -> Result<Option<(Self, Writer)>, Failure> {
        let out: Box<dyn Write + Send> = match destination {
            Destination::Off => return Ok(None),
            Destination::Stdout => Box::new(io::stdout()),
            Destination::File(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                let doing = format!("open the access log {}", path.display());
                Box::new(file.map_err(Failure::system(doing))?)
            }
        };
        let (lines, waiting) = sync_channel(LINES_WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&waiting, out))
            .map_err(Failure::system("start the access log's thread"))?;
        let log = Self {
            lines,
            dropped: Arc::new(AtomicU64::new(0)),
        };
        Ok(Some((log, Writer(thread))))
    }

    /// Hands a line over, or drops and counts it when the disk is too slow.
    pub(super) fn write(&self, line: String) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.lines.try_send(line)
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

// === impl Writer ===

impl Writer {
    /// Waits until every line is written. All [`AccessLog`]s must be gone by then.
    pub(super) fn finish(self) {
        let _ = self.0.join();
    }
}

fn write_all(lines: &Receiver<String>, out: Box<dyn Write + Send>) {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    let mut failing = false;
    while let Ok(line) = lines.recv() {
        let mut result = writeln!(out, "{line}");
        // Whatever waits goes out in one write; then nothing stays in the buffer.
        for line in lines.try_iter() {
            result = result.and_then(|()| writeln!(out, "{line}"));
        }
        match result.and_then(|()| out.flush()) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "failed to write the access log");
            }
            Err(_) => {}
        }
    }
}
