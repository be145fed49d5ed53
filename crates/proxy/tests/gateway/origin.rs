//! An origin that records what it gets, byte by byte, and answers as told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::find;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Which connection it came by, and which request of it it was.
    pub(crate) connection: usize,
    pub(crate) number: usize,
}

impl Received {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// All fields of this name.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).first().copied()
    }
}

/// What to do about a request.
pub(crate) enum Reply {
    /// These bytes.
    Send(Vec<u8>),
    /// These bytes, then the connection closes.
    SendAndClose(Vec<u8>),
    /// Nothing, and the connection stays.
    Nothing,
}

impl Reply {
    pub(crate) fn ok() -> Reply {
        Reply::send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    }

    pub(crate) fn send(text: &str) -> Reply {
        Reply::Send(text.as_bytes().to_vec())
    }
}

pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    /// Answers every request with 200 and `ok`.
    pub(crate) async fn start() -> Origin {
        Origin::answering(|_| Reply::ok()).await
    }

    /// Answers as `reply` says.
    pub(crate) async fn answering(
        reply: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Origin {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            connections: Arc::default(),
        };
        let (received, connections) = (
            Arc::clone(&origin.received),
            Arc::clone(&origin.connections),
        );
        let reply = Arc::new(reply);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = connections.fetch_add(1, Relaxed);
                let (received, reply) = (Arc::clone(&received), Arc::clone(&reply));
                tokio::spawn(serve(stream, connection, received, reply));
            }
        });
        origin
    }

    /// Everything received so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    received: Arc<Mutex<Vec<Received>>>,
    reply: Arc<impl Fn(&Received) -> Reply>,
) {
    let mut buffer = Vec::new();
    for number in 0.. {
        let Some(mut request) = read_request(&mut stream, &mut buffer).await else {
            return;
        };
        (request.connection, request.number) = (connection, number);
        received.lock().unwrap().push(request.clone());
        match reply(&request) {
            Reply::Send(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Reply::SendAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Nothing => {}
        }
    }
}

/// Reads one request by its framing; `None` at the end of the stream.
pub(crate) async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let head_end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..head_end).collect()).unwrap();
    let mut request = Received {
        head,
        body: Vec::new(),
        connection: 0,
        number: 0,
    };
    if request.field("transfer-encoding").is_some() {
        // The raw chunks are what a test wants to see.
        let end = loop {
            if let Some(end) = last_chunk(buffer) {
                break end;
            }
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        };
        request.body = buffer.drain(..end).collect();
    } else if let Some(length) = request.field("content-length") {
        let length: usize = length.parse().unwrap();
        while buffer.len() < length {
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
        request.body = buffer.drain(..length).collect();
    }
    Some(request)
}

/// Where the chunked body at the start of `bytes` ends, trailers included.
fn last_chunk(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = at + find(&bytes[at..], b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&bytes[at..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return Some(line + find(&bytes[line..], b"\r\n\r\n")? + 4);
        }
        at = line + 2 + size + 2;
        if at > bytes.len() {
            return None;
        }
    }
}
