//! Bodies: JSON of a bounded size that came in time, with the place of whatever is wrong with it.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};
use tokio::time::timeout;

use crate::problem::{Kind, Problem};
use crate::state::Admin;

/// The longest body that is no policy, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// The longest body with a policy: its 4 MiB, in JSON at most twice as long unless it is made to be.
pub(crate) const POLICY_BODY_BYTES_MAX: usize = 8 * 1024 * 1024 + BODY_BYTES_MAX;
/// A body has this long to come.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// A JSON body of at most `MAX` bytes.
pub(crate) struct Body<T, const MAX: usize = BODY_BYTES_MAX>(pub(crate) T);

impl<T: DeserializeOwned, const MAX: usize> FromRequest<Admin> for Body<T, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Admin) -> Result<Self, Problem> {
        let body = read(request, Media::Json, MAX).await?;
        parsed(&body).map(Self)
    }
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Form,
}

impl Media {
    fn as_str(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// A body of this type and of at most `max` bytes, if it comes in time.
pub(crate) async fn read(request: Request, media: Media, max: usize) -> Result<Bytes, Problem> {
    if !is_of(media, &request) {
        let detail = format!("send `Content-Type: {}`", media.as_str());
        return Err(Problem::new(Kind::MediaType, detail));
    }
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > max) {
        return Err(too_large(max));
    }
    match timeout(BODY_WAIT_MAX, to_bytes(request.into_body(), max)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_over_limit(&error) => Err(too_large(max)),
        Ok(Err(_)) => Err(Problem::malformed("the body broke off")),
        Err(_) => {
            let detail = format!("it has {} s to come", BODY_WAIT_MAX.as_secs());
            Err(Problem::new(Kind::SlowBody, detail))
        }
    }
}

fn is_of(media: Media, request: &Request) -> bool {
    let mut types = request.headers().get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = kind.to_str().unwrap_or_default().split(';').next();
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media.as_str()))
}

fn too_large(max: usize) -> Problem {
    let detail = format!("it may have {max} bytes");
    Problem::new(Kind::TooLarge, detail)
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// What the body says: 400 for what is no JSON, 422 with the place for what says something else.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let no_json = |error: &serde_json::Error| Problem::malformed(format!("not JSON: {error}"));
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let inner = error.inner();
        // Where one of several forms is expected, serde_json takes a number for no JSON at all.
        let is_json = || serde_json::from_slice::<serde_json::Value>(body).is_ok();
        match inner.classify() {
            Category::Data => Problem::invalid(&pointer(error.path()), words(inner)),
            _ if is_json() => Problem::invalid(&pointer(error.path()), words(inner)),
            Category::Syntax | Category::Eof | Category::Io => no_json(inner),
        }
    })?;
    reader.end().map_err(|error| no_json(&error))?;
    Ok(value)
}

/// Without the line and column, which the pointer makes superfluous.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let end = words.rfind(" at line ").unwrap_or(words.len());
    words[..end].to_owned()
}

/// As a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http_body_util::channel::Channel;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "snake_case")]
    enum Edit {
        Assign {
            #[serde(rename = "a/b")]
            _plans: Vec<u8>,
        },
    }

    async fn refused(body: &str) -> (u16, Value) {
        let problem = parsed::<Edit>(body.as_bytes()).unwrap_err();
        let response = problem.into_response();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn what_is_wrong_has_a_place() {
        for (body, pointer) in [
            ("{\"assign\": {\"a/b\": [1, -2]}}", "#/assign/a~1b/1"),
            ("{\"assign\": {\"a/b\": [], \"c\": 1}}", "#/assign/c"),
            ("{\"assign\": {}}", "#/assign"),
            ("{\"other\": {}}", "#"),
            ("7", "#"),
        ] {
            let (status, problem) = refused(body).await;
            let found = problem["errors"][0]["pointer"].as_str().unwrap();
            assert_eq!((status, found), (422, pointer), "{body}");
            assert!(!problem["detail"].as_str().unwrap().contains("line"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = Channel::<Bytes>::new(1);
        let (_open, never) = never;
        let request = http::Request::post("/").header(CONTENT_TYPE, "application/json");
        let request = request.body(axum::body::Body::new(never)).unwrap();
        let start = tokio::time::Instant::now();
        let problem = read(request, Media::Json, 10).await.unwrap_err();
        assert_eq!(
            (problem.status().as_u16(), start.elapsed()),
            (408, BODY_WAIT_MAX)
        );
    }

    #[tokio::test]
    async fn what_is_no_json_is_malformed() {
        for body in [
            "",
            "{",
            "{\"assign\": {\"a/b\": []}} x",
            "nul",
            "\"\\ud800\"",
        ] {
            let (status, problem) = refused(body).await;
            assert_eq!(status, 400, "{body}: {problem}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(refused(&deep).await.0, 400);
        assert!(parsed::<Value>(deep.as_bytes()).is_err());
    }
}
