//! The reverse proxy, in the suite of all front doors: over loopback, before an origin that tells what it got.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;
use tollgate_conformance::{Abilities, Answer, Frontend, Request, Session, Stage, Verdict, run};
use tollgate_engine::{Engine, EngineOptions};
use tollgate_proxy::{Shared, SharedOptions, Unobserved, Worker, WorkerListener, bind_reuseport};

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Proxy;

/// What an origin got last: its target, and the fields.
#[derive(Clone, Default)]
struct Received {
    target: Option<String>,
    fields: HeaderMap,
}

/// A gateway, and what its origin got last.
struct Opened {
    gateway: SocketAddr,
    forwarded: Arc<Mutex<Received>>,
    drain: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Frontend for Proxy {
    fn name(&self) -> &'static str {
        "reverse proxy"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            no_clock: Some("its clock is the machine's"),
            ..Abilities::default()
        }
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        let forwarded = Arc::new(Mutex::new(Received::default()));
        let origin = origin(Arc::clone(&forwarded));
        let policy = stage.policy_before(origin);
        let engine = Engine::new(policy, EngineOptions::default()).unwrap();
        let shared = Shared::new(engine, Arc::new(Unobserved), SharedOptions::default()).unwrap();
        let socket = bind_reuseport(([127, 0, 0, 1], 0).into(), 1)
            .unwrap()
            .remove(0);
        let gateway = socket.local_addr().unwrap();
        let worker = Worker::new(shared, vec![WorkerListener { socket, tls: None }]);
        let drain = CancellationToken::new();
        let token = drain.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(worker.run(token)).unwrap();
        });
        Box::new(Opened {
            gateway,
            forwarded,
            drain,
            thread: Some(thread),
        })
    }
}

impl Session for Opened {
    fn ask(&mut self, request: &Request) -> Answer {
        *self.forwarded.lock().unwrap() = Received::default();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: api\r\nconnection: close\r\n",
            request.method, request.target
        )
        .into_bytes();
        for (name, value) in &request.headers {
            head.extend(format!("{name}: ").bytes());
            head.extend(value.as_bytes());
            head.extend(b"\r\n");
        }
        head.extend(b"\r\n");
        let mut stream = TcpStream::connect(self.gateway).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&head).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let (line, fields) = head_of(&answer);
        let status: u16 = line[9..12].parse().unwrap();
        let received = self.forwarded.lock().unwrap().clone();
        let bucket = received.fields.get("x-ratelimit-user-id");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        Answer {
            fields,
            body: answer[end.unwrap() + 4..].to_vec(),
            bucket: bucket.map(|id| id.to_str().unwrap().to_owned()),
            forwarded: received.fields,
            target: received.target,
            ..Answer::of(Verdict::of_status(status))
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.drain.cancel();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// An origin that answers everything with 200.
fn origin(forwarded: Arc<Mutex<Received>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    // It goes, and another may come.
                    _ => break,
                }
            }
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let (line, fields) = head_of(&head);
            let target = line.split(' ').nth(1).map(str::to_owned);
            *forwarded.lock().unwrap() = Received { target, fields };
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer);
        }
    });
    address
}

/// The first line of a message, and its fields.
fn head_of(message: &[u8]) -> (String, HeaderMap) {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    let mut lines = message[..end.unwrap()].split(|byte| *byte == b'\n');
    let line = String::from_utf8_lossy(lines.next().unwrap())
        .trim()
        .to_owned();
    let mut fields = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').unwrap();
        let value = line[colon + 1..].trim_ascii();
        fields.append(
            HeaderName::from_bytes(&line[..colon]).unwrap(),
            HeaderValue::from_bytes(value).unwrap(),
        );
    }
    (line, fields)
}

#[test]
fn the_proxy_decides_as_the_cases_say() {
    run(&Proxy);
}
