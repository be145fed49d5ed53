//! A receiver of webhooks on loopback: which ids it got of each threshold.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A threshold of a counter: holder, limit, percent.
pub(crate) type Threshold = (String, String, u64);

/// Threads that receive until the test is over.
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    arrived: AtomicU64,
    ids: Mutex<BTreeMap<Threshold, BTreeSet<String>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || while receive(&stream, &state).is_some() {});
            }
        });
        Self { url, state }
    }

    /// Requests that came whole, also those of one id.
    pub(crate) fn arrived(&self) -> u64 {
        self.state.arrived.load(Ordering::SeqCst)
    }

    /// All ids of each threshold.
    pub(crate) fn ids(&self) -> BTreeMap<Threshold, BTreeSet<String>> {
        self.state.ids.lock().unwrap().clone()
    }
}

/// One request of a connection; `None` when there is none any more.
fn receive(stream: &TcpStream, state: &State) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("webhook-id") => {
                value.clone_into(&mut id)
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let told: Value = serde_json::from_slice(&body).unwrap();
    let data = &told["data"];
    let threshold = (
        data["holder"]["name"].as_str().unwrap().to_owned(),
        data["limit"].as_str().unwrap().to_owned(),
        data["threshold_percent"].as_u64().unwrap(),
    );
    state
        .ids
        .lock()
        .unwrap()
        .entry(threshold)
        .or_default()
        .insert(id);
    state.arrived.fetch_add(1, Ordering::SeqCst);
    let mut writer = stream;
    writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()
}
