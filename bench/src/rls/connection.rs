//! One connection of the load: so many calls under way, and for each that is answered another.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frames::{self, Content, WINDOW_BYTES};

/// Longest wait for any answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// After so many bytes the server's window is renewed.
const RENEW_BYTES: u32 = 1 << 24;
/// An answer's message up to its code, which is the first field of it: five bytes of gRPC's, a tag, a number.
const CODE_AT: usize = 6;
/// `envoy.service.ratelimit.v3.RateLimitResponse.Code`.
const OK: u8 = 1;
const OVER_LIMIT: u8 = 2;

/// What came of a connection's calls.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How long each call took that was answered, in µs.
    pub(super) took_us: Vec<u32>,
    /// Answers with OVER_LIMIT.
    pub(super) over_limit: u64,
    /// Calls that ended without an answer.
    pub(super) failed: u64,
}

/// A call under way.
struct Call {
    began: Instant,
    code: Option<u8>,
}

/// A connection and its state.
pub(super) struct Connection<'a> {
    stream: TcpStream,
    authority: String,
    messages: &'a [Vec<u8>],
    /// State of the walk over the messages.
    walk: u64,
    out: Vec<u8>,
    next_stream: u32,
    /// Bytes of messages that the server takes, and calls that wait for more.
    window: u32,
    waiting: u32,
    received: u32,
    calls: HashMap<u32, Call>,
    tally: Tally,
}

// === impl Connection ===

impl<'a> Connection<'a> {
    /// Connects; `number` tells the connections' walks apart.
    pub(super) async fn open(
        address: SocketAddr,
        messages: &'a [Vec<u8>],
        number: u32,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut out = Vec::new();
        frames::begin(&mut out);
        Ok(Self {
            stream,
            authority: address.to_string(),
            messages,
            walk: u64::from(number) + 1,
            out,
            next_stream: 1,
            window: WINDOW_BYTES,
            waiting: 0,
            received: 0,
            calls: HashMap::new(),
            tally: Tally::default(),
        })
    }

    /// Keeps `at_once` calls under way until then.
    pub(super) async fn load(mut self, at_once: u32, until: Instant) -> io::Result<Tally> {
        self.waiting = at_once;
        let mut bytes = Vec::with_capacity(2 * READ_BYTES);
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(self.tally);
            }
            self.ask(now);
            self.stream.write_all(&self.out).await?;
            self.out.clear();
            bytes.reserve(READ_BYTES);
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut bytes)).await;
            if read?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let now = Instant::now();
            let mut done = 0;
            while let Some((frame, length)) = frames::read(&bytes[done..]) {
                self.take(&frame, now)?;
                done += length;
            }
            bytes.drain(..done);
        }
    }

    /// Begins the calls that wait, as far as the window goes.
    fn ask(&mut self, now: Instant) {
        while self.waiting > 0 {
            let message = &self.messages[self.next()];
            let size = u32::try_from(message.len()).unwrap_or(u32::MAX);
            if size > self.window {
                return;
            }
            self.window -= size;
            self.waiting -= 1;
            let stream = self.next_stream;
            self.next_stream += 2;
            frames::call(&mut self.out, stream, &self.authority, message);
            self.calls.insert(
                stream,
                Call {
                    began: now,
                    code: None,
                },
            );
        }
    }

    /// The place of the next message: at random, and the same for every contender (Knuth's MMIX).
    fn next(&mut self) -> usize {
        self.walk = self
            .walk
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.walk >> 33).unwrap_or(0) % self.messages.len()
    }

    fn take(&mut self, frame: &frames::Frame<'_>, now: Instant) -> io::Result<()> {
        match frame.content {
            Content::Data(data) => {
                self.received += u32::try_from(data.len()).unwrap_or(0);
                if self.received >= RENEW_BYTES {
                    frames::renew_window(&mut self.out, self.received);
                    self.received = 0;
                }
                if let Some(call) = self.calls.get_mut(&frame.stream) {
                    call.code = call.code.or(data.get(CODE_AT).copied());
                }
            }
            Content::Settings => frames::acknowledge_settings(&mut self.out),
            Content::Ping(payload) => frames::answer_ping(&mut self.out, payload),
            Content::Window(bytes) if frame.stream == 0 => {
                self.window = self.window.saturating_add(bytes);
            }
            Content::GoAway => return Err(io::ErrorKind::ConnectionAborted.into()),
            Content::Window(_) | Content::Reset | Content::Other => {}
        }
        if frame.ends_stream || frame.content == Content::Reset {
            self.end(frame.stream, now);
        }
        Ok(())
    }

    fn end(&mut self, stream: u32, now: Instant) {
        let Some(call) = self.calls.remove(&stream) else {
            return;
        };
        self.waiting += 1;
        match call.code {
            Some(OK | OVER_LIMIT) => {
                let took = now.duration_since(call.began).as_micros();
                self.tally
                    .took_us
                    .push(u32::try_from(took).unwrap_or(u32::MAX));
                self.tally.over_limit += u64::from(call.code == Some(OVER_LIMIT));
            }
            _ => self.tally.failed += 1,
        }
    }
}
