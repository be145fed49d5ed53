//! Notices as lines of JSON on the standard output.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::channels::Sent;
use crate::event::Event;

type Out = Box<dyn Fn() -> Box<dyn Write> + Send + Sync>;

/// Writes lines, one at a time, on tokio's blocking threads: whoever reads may have stopped to, and a write that
/// waits must not hold up the thread that everything else runs on, nor others like it pile up behind it.
pub(crate) struct Lines {
    out: Arc<Out>,
    /// One, which the write has until its end, however long whoever asked for it waits.
    turn: Arc<Semaphore>,
}

impl Lines {
    pub(crate) fn of_stdout() -> Self {
        Self::of(|| Box::new(io::stdout().lock()))
    }

    fn of(out: impl Fn() -> Box<dyn Write> + Send + Sync + 'static) -> Self {
        Self {
            out: Arc::new(Box::new(out)),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    pub(crate) async fn send(&self, event: &Event) -> Sent {
        let turn = match self.turn.clone().acquire_owned().await {
            Ok(turn) => turn,
            Err(error) => return Sent::failed(error.to_string()),
        };
        let out = self.out.clone();
        // In one piece: up to the pipe's own unit (4 KiB on Linux) nobody else's line comes in between.
        let line = format!("{}\n", event.json());
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut out = out();
            out.write_all(line.as_bytes())?;
            out.flush()
        });
        match written.await {
            Ok(Ok(())) => Sent::Delivered,
            Ok(Err(error)) => Sent::failed(error.to_string()),
            Err(error) => Sent::failed(error.to_string()),
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::event::tests::event;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_notice_is_one_line() {
        let written = Written::default();
        let out = written.clone();
        let lines = Lines::of(move || Box::new(out.clone()));
        let event = event();
        let both = tokio::join!(lines.send(&event), lines.send(&event));
        assert_eq!(both, (Sent::Delivered, Sent::Delivered));
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, format!("{0}\n{0}\n", event.json()));
    }

    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0.recv().unwrap();
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn one_write_that_waits_is_all_that_waits() {
        let (release, gate) = channel();
        let gate = Mutex::new(Some(gate));
        let lines = Lines::of(move || {
            let gate = gate.lock().unwrap().take();
            Box::new(Stuck(gate.expect("only one write")))
        });
        let event = event();
        // Whoever waits for it gives up; it goes on, and nobody else writes meanwhile.
        for _ in 0..3 {
            let waited = tokio::time::timeout(Duration::ZERO, lines.send(&event)).await;
            assert!(waited.is_err());
        }
        release.send(()).unwrap();
        let turn = lines.turn.acquire().await;
        assert!(turn.is_ok(), "free again");
    }
}
