//! The demo's HTTP client: one connection pool, and what of an answer is worth showing.

use http::HeaderMap;

use super::scenes::Request;
use crate::failure::Failure;

/// Sends the demo's requests over real sockets.
pub(super) struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    base: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

// === impl Client ===

impl Client {
    pub(super) fn new(base: String) -> Result<Self, Failure> {
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
            base,
        })
    }

    pub(super) fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = self.http.request(request.method.clone(), url);
        if let Some(token) = &request.token {
            builder = builder.bearer_auth(token);
        }
        self.runtime.block_on(async {
            let response = builder.send().await.map_err(failed)?;
            Ok(Answer {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: response.text().await.map_err(failed)?,
            })
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
