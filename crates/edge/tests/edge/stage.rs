//! A local edge on a thread of its own, with a clock that the test moves.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;
use tollgate_edge::waf::Waf;
use tollgate_edge::{Edge, Folder, Options, Summary};
use tollgate_limiter::FakeClock;

pub(crate) struct Stage {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) address: SocketAddr,
    pub(crate) behind: Option<SocketAddr>,
    lines: Lines,
    stop: CancellationToken,
    thread: JoinHandle<Summary>,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn fixture(variant: &str) -> Folder {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    Folder::read(&folder.join(variant)).unwrap()
}

impl Stage {
    /// Serves a folder with the built-in origin, or with the one at `origin`.
    pub(crate) fn set(folder: Folder, waf: Box<dyn Waf>, origin: Option<String>) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = Options {
            listen: free,
            origin_listen: free,
            origin,
        };
        let clock = Arc::new(FakeClock::at_unix_ms(1_700_000_000_000));
        let lines = Lines::default();
        let edge = Edge::bind(
            folder,
            waf,
            &options,
            clock.clone(),
            Box::new(lines.clone()),
        );
        let edge = edge.unwrap();
        let (address, behind) = (edge.address(), edge.behind_address());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(edge.run(stopped))
        });
        Self {
            clock,
            address,
            behind,
            lines,
            stop,
            thread,
        }
    }

    /// What was written for the requests so far.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let bytes = self.lines.0.lock().unwrap();
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// Ends it.
    pub(crate) fn end(self) -> Summary {
        self.stop.cancel();
        self.thread.join().unwrap()
    }
}
