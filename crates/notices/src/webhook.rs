//! Notices as requests to somebody's server, signed so that it knows whose they are.

mod signature;

use std::fmt;
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url, redirect};
use tollgate_policy::WebhookConfig;

use self::signature::Secrets;
use crate::authorities;
use crate::channels::Sent;
use crate::error::{NoticesError, chain};
use crate::event::Event;

/// For one request, from the look-up of the name to the end of the answer.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(15);
/// For opening the connection.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// As much of an answer is read, so that its connection can be used again; what it says is not looked at.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// For that, once the head of the answer is there.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(1);

/// Structured mode of CloudEvents (HTTP protocol binding 1.0.2, 3.2).
const EVENT: &str = "application/cloudevents+json; charset=utf-8";
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// One receiver.
pub(crate) struct Webhook {
    client: reqwest::Client,
    url: Url,
    secrets: Secrets,
}

impl Webhook {
    pub(crate) fn load(config: &WebhookConfig) -> Result<Self, NoticesError> {
        let failed = |error: &dyn std::error::Error| NoticesError::client("webhooks", error);
        let url: Url = config.url.parse().map_err(|error| failed(&error))?;
        let is_https = url.scheme() == "https";
        let mut builder = reqwest::Client::builder()
            .timeout(REQUEST_WAIT_MAX)
            .connect_timeout(CONNECT_WAIT_MAX)
            .https_only(is_https)
            // A notice says who somebody's customers are: it goes where the policy says, or nowhere.
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        if !is_https {
            // This machine, which the policy's reader has seen to; nobody's proxy is to see it in the clear.
            builder = builder.no_proxy();
        }
        if let Some(file) = &config.ca {
            let pem = authorities::read(file)?;
            let wrong = |reason: String| NoticesError::file(file, reason);
            let authorities = reqwest::Certificate::from_pem_bundle(&pem);
            let authorities = authorities.map_err(|error| wrong(chain(&error)))?;
            if authorities.is_empty() {
                return Err(wrong("has no certificate".to_owned()));
            }
            builder = builder.tls_certs_only(authorities);
        }
        Ok(Self {
            client: builder.build().map_err(|error| failed(&error))?,
            url,
            secrets: Secrets::load(&config.secrets_file)?,
        })
    }

    /// The receiver's answer decides; `now_s` is what the signature is dated with.
    pub(crate) async fn send(&self, event: &Event, now_s: u64) -> Sent {
        let signature = self.secrets.sign(event.id(), now_s, event.json());
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, EVENT)
            .header(ID, event.id())
            .header(TIMESTAMP, now_s)
            .header(SIGNATURE, signature)
            .body(event.json().to_owned());
        match request.send().await {
            Ok(response) => {
                let sent = judged(&response, now_s);
                let _read_or_not = tokio::time::timeout(ANSWER_WAIT_MAX, drain(response)).await;
                sent
            }
            // The URL may hold a token.
            Err(error) => Sent::failed(chain(&error.without_url())),
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

/// Only 2xx is a receipt. 410 says that the receiver wants no more; whatever else it says may be mended.
fn judged(response: &Response, now_s: u64) -> Sent {
    let status = response.status();
    if status.is_success() {
        return Sent::Delivered;
    }
    let mut why = format!("status {}", status.as_u16());
    if status == StatusCode::GONE {
        return Sent::refused(why);
    }
    if status.is_redirection() {
        why.push_str(", and redirects are not followed");
    }
    let may_wait = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let value = response.headers().get(RETRY_AFTER);
    let value = value.filter(|_| may_wait.contains(&status));
    let retry_after = value.and_then(|value| retry_after(value.to_str().ok()?, now_s));
    Sent::Failed { why, retry_after }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(value: &str, now_s: u64) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let at_s = rfc2822::parse(value).ok()?.timestamp().as_second();
    let at_s = u64::try_from(at_s).ok()?;
    Some(Duration::from_secs(at_s.saturating_sub(now_s)))
}

async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now_s = 784_111_770;
        for (value, seconds) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("99999999999999999999999", None),
            ("-1", None),
            ("soon", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(value, now_s), expected, "{value}");
        }
    }
}
