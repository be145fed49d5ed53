//! One fetch: which addresses may be asked, how long, how much.

use std::net::IpAddr;
use std::sync::Arc;

use ::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use ::http::{HeaderValue, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tollgate_identity::jwks::{FETCH_DEADLINE, FetchFuture, JWKS_BYTES_MAX};
use tollgate_identity::{Fetch, FetchError, Fetched};

use crate::ClientError;

/// Fetches with the platform's certificate store, without following redirects: a key set comes
/// from where the policy says, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct HttpFetch {
    client: reqwest::Client,
    allow_private: bool,
}

/// Resolves names to addresses that the public can reach, so that a name in a policy or in an
/// issuer's discovery document cannot make the gateway ask a neighbour or a metadata service.
struct PublicOnly;

// === impl HttpFetch ===

impl HttpFetch {
    /// With `allow_private`, private and loopback addresses and plain HTTP are asked too.
    pub(crate) fn new(allow_private: bool) -> Result<Self, ClientError> {
        let mut builder = reqwest::Client::builder()
            .timeout(FETCH_DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        if !allow_private {
            builder = builder.https_only(true).dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self {
            client: builder.build()?,
            allow_private,
        })
    }

    /// An address written as such is not resolved, so it is looked at here.
    fn refused(&self, url: &str) -> bool {
        let host = reqwest::Url::parse(url).ok();
        let host = host
            .as_ref()
            .and_then(reqwest::Url::host_str)
            .unwrap_or_default();
        let literal: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
        !self.allow_private && literal.is_ok_and(is_private)
    }

    async fn fetch(&self, url: &str, etag: Option<&str>) -> Result<Fetched, FetchError> {
        if self.refused(url) {
            return Err(FetchError {
                message: PRIVATE.to_owned(),
            });
        }
        let mut request = self.client.get(url);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let text = |name| {
            let value = response.headers().get(name);
            value.and_then(|value: &HeaderValue| Some(value.to_str().ok()?.to_owned()))
        };
        let max_age_s = text(CACHE_CONTROL).as_deref().and_then(max_age);
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => {
                return Ok(Fetched::NotModified { max_age_s });
            }
            status => {
                return Err(FetchError {
                    message: format!("status {status} instead of 200"),
                });
            }
        }
        let etag = text(ETAG);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > JWKS_BYTES_MAX {
                return Err(FetchError {
                    message: format!("more than {JWKS_BYTES_MAX} bytes"),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched::Document {
            body,
            max_age_s,
            etag,
        })
    }
}

impl Fetch for HttpFetch {
    fn get<'a>(&'a self, url: &'a str, etag: Option<&'a str>) -> FetchFuture<'a> {
        Box::pin(self.fetch(url, etag))
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|found| !is_private(found.ip())).collect();
            if public.is_empty() {
                return Err(PRIVATE.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

const PRIVATE: &str = "the address is private; `allow_private_addresses: true` allows it";

/// Not reachable from the public internet, or not a single host.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            // 100.64.0.0/10: shared address space (RFC 6598).
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || shared
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}

/// The chain of causes; the first of reqwest's alone says little.
fn failed(error: &dyn std::error::Error) -> FetchError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    FetchError { message: text }
}

/// `max-age` of a Cache-Control field (RFC 9111, 5.2.2.1), in seconds.
fn max_age(value: &str) -> Option<u64> {
    value.split(',').find_map(|directive| {
        let (name, seconds) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age")
            .then(|| seconds.trim_matches('"').parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_037_private_addresses_are_not_asked_unless_allowed() {
        let fetch = HttpFetch::new(false).unwrap();
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.64.0.1",
            "[::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(
                fetch.refused(&format!("https://{host}/jwks.json")),
                "{host}"
            );
        }
        assert!(!fetch.refused("https://192.0.2.1/jwks.json"));
        assert!(
            !HttpFetch::new(true)
                .unwrap()
                .refused("http://127.0.0.1/jwks.json")
        );
    }

    #[tokio::test]
    async fn case_037_a_name_that_resolves_to_loopback_is_refused() {
        let fetch = HttpFetch::new(false).unwrap();
        let error = fetch
            .fetch("https://localhost:1/jwks.json", None)
            .await
            .unwrap_err();
        assert!(error.message.contains(PRIVATE), "{error}");
    }

    #[test]
    fn max_age_is_found_among_directives() {
        assert_eq!(max_age("public, max-age=600, must-revalidate"), Some(600));
        assert_eq!(max_age("MAX-AGE=\"5\""), Some(5));
        assert_eq!(max_age("no-store"), None);
        assert_eq!(max_age("max-age=soon"), None);
    }
}
