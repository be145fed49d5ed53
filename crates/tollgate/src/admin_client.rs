//! A command that asks the admin API of a running gateway.

use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::ApiArgs;
use crate::environment;
use crate::failure::Failure;

/// For a whole request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Hosts that are this machine.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// A gateway's admin API, with a key.
pub(crate) struct AdminClient {
    client: Client,
    base: Url,
    key: Zeroizing<String>,
}

// === impl AdminClient ===

impl AdminClient {
    /// `None` where no gateway is named.
    pub(crate) fn of(args: &ApiArgs) -> Result<Option<Self>, Failure> {
        let Some(url) = &args.api else {
            return Ok(None);
        };
        let misused = |what: String| Failure::Misused(what);
        let base = Url::parse(url).ok().filter(|url| url.has_host());
        let base = base.ok_or_else(|| {
            misused(format!(
                "`{url}` is no URL of an admin API (write `http://127.0.0.1:9902`)"
            ))
        })?;
        let key = match &args.key_file {
            Some(file) => read(file)?,
            None => environment::admin_key().ok_or_else(|| {
                misused("a key is needed: `--key-file FILE`, or TOLLGATE_ADMIN_KEY".to_owned())
            })?,
        };
        // The server listens so on loopback only.
        let is_here = base.host_str().is_some_and(|host| LOOPBACK.contains(&host));
        if base.scheme() != "https" && !is_here {
            return Err(misused(format!(
                "the key would cross a network in the clear: write `https://`, not `{url}`"
            )));
        }
        let mut client = Client::builder()
            // A proxy between would see the key.
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(file) = &args.ca {
            let pem =
                std::fs::read(file).map_err(Failure::system(format!("read {}", file.display())))?;
            let authorities = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|_| misused(format!("{} has no certificates", file.display())))?;
            client = client.tls_certs_only(authorities);
        }
        let client = client.build().map_err(unreachable)?;
        Ok(Some(Self { client, base, key }))
    }

    /// As [`AdminClient::of`], for commands that have nobody else to ask.
    pub(crate) fn of_gateway(args: &ApiArgs) -> Result<Self, Failure> {
        let what = "say which gateway: `--api http://127.0.0.1:9902`, or TOLLGATE_ADMIN_URL";
        Self::of(args)?.ok_or_else(|| Failure::Misused(what.to_owned()))
    }

    /// What is known of a holder: kind, issuer and name.
    pub(crate) async fn get_of(
        &self,
        holder: &[String; 3],
        what: &str,
        asked: &[(&str, Option<&str>)],
    ) -> Result<Value, Failure> {
        let mut url = self.holder(holder, &[what])?;
        for (name, value) in asked {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let request = self.client.get(url).bearer_auth(&*self.key);
        self.answer(request).await
    }

    /// Fills buckets of a holder up, or gives back.
    pub(crate) async fn change_buckets(
        &self,
        holder: &[String; 3],
        body: &Value,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let url = self.holder(holder, &["buckets", "changes"])?;
        let mut request = self.client.post(url).bearer_auth(&*self.key);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.header("content-type", "application/json");
        self.answer(request.body(body.to_string())).await
    }

    fn holder(&self, holder: &[String; 3], rest: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        let known = ["v1", "holders"].into_iter();
        let segments = known.chain(holder.iter().map(String::as_str));
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.clear().extend(segments.chain(rest.iter().copied()));
            }
            Err(()) => return Err(Failure::Misused(format!("`{}` has no paths", self.base))),
        }
        Ok(url)
    }

    /// What a path answers.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(self.request(Method::GET, path)?).await
    }

    /// What a path answers to a body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path)?;
        let request = request.header("content-type", "application/json");
        self.answer(request.body(body.to_string())).await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = self.base.join(path);
        let url = url.map_err(|error| Failure::Misused(error.to_string()))?;
        Ok(self.client.request(method, url).bearer_auth(&*self.key))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().or_else(|| body["title"].as_str());
        let detail = detail.unwrap_or("no reason given");
        Err(Failure::Admin(format!(
            "the gateway says {status}: {detail}"
        )))
    }
}

/// The key stands alone in its file.
fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(Failure::system(format!("read {}", file.display())))?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        let source = io::Error::new(io::ErrorKind::InvalidData, "it is no key");
        return Err(Failure::system(format!(
            "take the key in {}",
            file.display()
        ))(source));
    }
    Ok(Zeroizing::new(key.to_owned()))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that `map_err` asks for"
)]
fn unreachable(error: reqwest::Error) -> Failure {
    let mut reason = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    Failure::Admin(format!("the gateway cannot be asked: {reason}"))
}
