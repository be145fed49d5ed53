//! Clients that want so much a second, whatever they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;

/// Runs until it is dropped.
pub(crate) struct Load {
    end: Arc<AtomicBool>,
    passed: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(url: &str, token: &str, per_second: u32) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let [passed, refused] = [(), ()].map(|()| Arc::new(AtomicU64::new(0)));
        let (ended, counted, denied) = (end.clone(), passed.clone(), refused.clone());
        let (url, token) = (url.to_owned(), token.to_owned());
        let thread = std::thread::spawn(move || {
            let client = Client::builder().no_proxy().build().unwrap();
            let begun = Instant::now();
            for sent in 0_u32.. {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // By the beginning, so that a late one is made up for.
                let due = begun + Duration::from_secs(1) * sent / per_second;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let answer = client.get(&url).bearer_auth(&token).send();
                match answer.map(|answer| answer.status().as_u16()) {
                    Ok(200) => counted.fetch_add(1, Ordering::Relaxed),
                    Ok(429) => denied.fetch_add(1, Ordering::Relaxed),
                    _ => 0,
                };
            }
        });
        Self {
            end,
            passed,
            refused,
            thread: Some(thread),
        }
    }

    /// How many were refused for a limit.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many were served.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
