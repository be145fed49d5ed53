//! The demo's HTTP client: one connection pool, and what of an answer is worth showing.

use std::time::Duration;

use http::HeaderMap;
use tollgate_limiter::{Clock, SystemClock};

use super::scenes::{Door, Request};
use crate::failure::Failure;

/// Sends the demo's requests over real sockets.
pub(super) struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    clock: SystemClock,
    customers: String,
    operators: String,
}

/// When to give up on a change. It is promised within a second, and the scene says how long it took: a machine that
/// is busy elsewhere is no failure.
const UNTIL_MAX: Duration = Duration::from_secs(60);

const NANOS_PER_MS: u64 = 1_000_000;

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// From when its request was sent first, in whole milliseconds.
    pub(super) took: Duration,
}

// === impl Client ===

impl Client {
    /// With the URLs where customers and operators come in.
    pub(super) fn new(customers: String, operators: String) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::system("start the demo's client"))?;
        Ok(Self {
            runtime,
            // The machine's proxy settings are not for loopback.
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .map_err(failed)?,
            clock: SystemClock::new(),
            customers,
            operators,
        })
    }

    /// The answer to a request; of one that is sent until it is answered so, the last.
    pub(super) fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let answered = async {
            loop {
                let answer = self.send_once(request).await?;
                if !request.until || answer.status == request.expect {
                    return Ok(answer);
                }
            }
        };
        let begun = self.clock.now().mono;
        let mut answer = self.runtime.block_on(async {
            match tokio::time::timeout(UNTIL_MAX, answered).await {
                Ok(answer) => answer,
                Err(_) => self.send_once(request).await,
            }
        })?;
        let took_ns = self.clock.now().mono.0.saturating_sub(begun.0);
        answer.took = Duration::from_millis(took_ns / NANOS_PER_MS);
        Ok(answer)
    }

    async fn send_once(&self, request: &Request) -> Result<Answer, Failure> {
        let base = match request.door {
            Door::Customers => &self.customers,
            Door::Operators => &self.operators,
        };
        let url = format!("{base}{}", request.path);
        let mut builder = self.http.request(request.method.clone(), url);
        if let Some(token) = &request.token {
            builder = builder.bearer_auth(token);
        }
        if let Some(body) = &request.body {
            builder = builder
                .header("content-type", "application/json")
                // Whatever version it is: this is the only operator.
                .header("if-match", "*")
                .body(body.clone());
        }
        let response = builder.send().await.map_err(failed)?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.map_err(failed)?,
            took: Duration::ZERO,
        })
    }
}

impl Answer {
    /// A header as text; empty when it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// `r` of the first item of `RateLimit`.
    pub(super) fn remaining(&self) -> Option<u64> {
        let (_, rest) = self.header("ratelimit").split_once(";r=")?;
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..digits].parse().ok()
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that `map_err` asks for"
)]
fn failed(error: reqwest::Error) -> Failure {
    Failure::NotHeld(format!("a request of the demo got no answer: {error}"))
}
