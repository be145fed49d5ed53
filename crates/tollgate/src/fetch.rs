//! Fetching key sets over HTTP: the only place where the gateway calls out on its own account.

use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use tollgate_identity::jwks::{FETCH_DEADLINE, FetchFuture, JWKS_BYTES_MAX};
use tollgate_identity::{Fetch, FetchError, Fetched};

/// Fetches with the platform's certificate store, without following redirects: a key set comes
/// from where the policy says, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct HttpFetch {
    client: reqwest::Client,
}

// === impl HttpFetch ===

impl HttpFetch {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(FETCH_DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    async fn fetch(&self, url: &str, etag: Option<&str>) -> Result<Fetched, FetchError> {
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
    use super::max_age;

    #[test]
    fn max_age_is_found_among_directives() {
        assert_eq!(max_age("public, max-age=600, must-revalidate"), Some(600));
        assert_eq!(max_age("MAX-AGE=\"5\""), Some(5));
        assert_eq!(max_age("no-store"), None);
        assert_eq!(max_age("max-age=soon"), None);
    }
}
