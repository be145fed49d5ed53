//! A client that sends bytes as they are and reads answers by their framing.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::within;

/// An answer read off the wire.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Trailer lines of a chunked answer.
    pub(crate) trailers: String,
}

impl Answer {
    /// The first field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        Client {
            stream: TcpStream::connect(address).await.unwrap(),
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The gateway may have closed already; the answer tells.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads more; false at the end of the stream.
    async fn fill(&mut self) -> bool {
        let read = within("bytes", self.stream.read_buf(&mut self.buffer)).await;
        matches!(read, Ok(1..))
    }

    /// The next answer; panics at the end of the stream.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.next_answer(false)
            .await
            .expect("an answer before the end")
    }

    /// The next answer's head alone.
    pub(crate) async fn head(&mut self) -> Answer {
        let head = self.take_head().await.expect("a head before the end");
        Answer {
            status: status(&head),
            head,
            body: Vec::new(),
            trailers: String::new(),
        }
    }

    /// The answer to a HEAD request.
    pub(crate) async fn answer_to_head(&mut self) -> Answer {
        self.next_answer(true)
            .await
            .expect("an answer before the end")
    }

    /// The next answer, or `None` at the end of the stream.
    pub(crate) async fn next_answer(&mut self, to_head: bool) -> Option<Answer> {
        let head = self.take_head().await?;
        let status = status(&head);
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
            trailers: String::new(),
        };
        if to_head || status == 204 || status == 304 || status < 200 {
            return Some(answer);
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            self.take_chunks(&mut answer).await;
        } else if let Some(length) = answer.field("content-length") {
            let length: usize = length.parse().unwrap();
            answer.body = self.take(length).await;
        } else {
            while self.fill().await {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        Some(answer)
    }

    async fn take_head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.drain(..end + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if !self.fill().await {
                assert!(self.buffer.is_empty(), "half a head: {:?}", self.buffer);
                return None;
            }
        }
    }

    async fn take_chunks(&mut self, answer: &mut Answer) {
        loop {
            let line = self.take_line().await;
            let size = usize::from_str_radix(&line, 16).unwrap();
            if size == 0 {
                loop {
                    let line = self.take_line().await;
                    if line.is_empty() {
                        return;
                    }
                    answer.trailers.push_str(&line);
                    answer.trailers.push('\n');
                }
            }
            answer.body.extend(self.take(size).await);
            assert_eq!(self.take_line().await, "");
        }
    }

    pub(crate) async fn take_line(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            assert!(self.fill().await, "the stream ends within a line");
        }
    }

    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill().await, "the stream ends within a body");
        }
        self.buffer.drain(..length).collect()
    }

    /// Reads to the end of the stream: what else came, and true if it was a clean close.
    pub(crate) async fn end(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads to the end of the stream, which must be an orderly one: a reset could have taken
    /// the answer with it.
    pub(crate) async fn orderly_end(&mut self) -> Vec<u8> {
        loop {
            let read = within("the end", self.stream.read_buf(&mut self.buffer)).await;
            if read.expect("an end without a reset") == 0 {
                return std::mem::take(&mut self.buffer);
            }
        }
    }

    /// Whether the connection still serves requests.
    pub(crate) async fn is_open(&mut self) -> bool {
        self.send("GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n")
            .await;
        self.next_answer(false)
            .await
            .is_some_and(|answer| answer.status == 200)
    }
}

/// One request, one answer, on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut client = Client::connect(address).await;
    client.send(request).await;
    let to_head = request.starts_with("HEAD ");
    client
        .next_answer(to_head)
        .await
        .expect("an answer before the end")
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
