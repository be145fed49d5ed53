//! Requests of the policy's tests.

use std::time::Duration;

use super::names::is_token_byte;
use crate::codes;
use crate::duration;
use crate::expectation::TEST_REQUESTS_MAX;
use crate::findings::Problem;
use crate::raw::section::text_value;

/// A method and a target, as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestParts {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

/// Requests spread over a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SendParts {
    pub(crate) count: u32,
    pub(crate) request: RequestParts,
    pub(crate) over: Duration,
}

text_value! {
    /// `METHOD /path`.
    RequestLine(RequestParts), "a request", ["POST /items", "GET /orders/1?x=1"], request
}

text_value! {
    /// `[<count> x] METHOD /path [in <duration>]`.
    SendLine(SendParts), "requests", ["11 x POST /items in 0s", "60 x GET /orders/1 in 1min", "GET /"], send
}

const SEND_HELP: &str =
    "write `<count> x METHOD /path in <duration>`, for example `11 x POST /items in 0s`";

fn wrong(message: String, help: &str) -> Problem {
    Problem::new(codes::TEST_REQUEST, message, help)
}

fn request(text: &str) -> Result<RequestParts, Problem> {
    let help = "write a method and a path as they are sent: `POST /items`";
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(method), Some(target), None) => request_parts(method, target),
        _ => Err(wrong(format!("`{text}` is not a request"), help)),
    }
}

fn request_parts(method: &str, target: &str) -> Result<RequestParts, Problem> {
    if !method.bytes().all(is_token_byte) {
        return Err(wrong(
            format!("`{method}` is not a method"),
            "write one word, for example `GET`",
        ));
    }
    if !target.starts_with('/') {
        return Err(wrong(
            format!("path `{target}` does not begin with a slash"),
            "write the path as it is sent",
        ));
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    Ok(RequestParts {
        method: method.to_owned(),
        path: path.to_owned(),
        query,
    })
}

fn send(text: &str) -> Result<SendParts, Problem> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (count, rest) = match words.as_slice() {
        [count, "x", rest @ ..] => {
            let parsed = count
                .parse::<u32>()
                .ok()
                .filter(|count| (1..=TEST_REQUESTS_MAX).contains(count));
            let help = format!("write a whole number from 1 to {TEST_REQUESTS_MAX}");
            (
                parsed.ok_or_else(|| {
                    wrong(format!("`{count}` is not a number of requests"), &help)
                })?,
                rest,
            )
        }
        rest => (1, rest),
    };
    let (method, target, over) = match rest {
        [method, target] => (method, target, Duration::ZERO),
        [method, target, "in", over] => {
            let over =
                duration::parse(over).map_err(|error| wrong(error.to_string(), SEND_HELP))?;
            (method, target, over)
        }
        _ => {
            return Err(wrong(
                format!("`{text}` says no requests to send"),
                SEND_HELP,
            ));
        }
    };
    Ok(SendParts {
        count,
        request: request_parts(method, target)?,
        over,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_in_all_forms() {
        let parts = send("11 x POST /items?a=1 in 250ms").unwrap();
        assert_eq!((parts.count, parts.over), (11, Duration::from_millis(250)));
        assert_eq!(
            (parts.request.path.as_str(), parts.request.query.as_deref()),
            ("/items", Some("a=1"))
        );
        assert_eq!(send("GET /").unwrap().count, 1);
        assert_eq!(send("3 x GET /").unwrap().over, Duration::ZERO);
        for text in [
            "",
            "GET",
            "0 x GET /",
            "x GET /",
            "3 GET /",
            "3 x GET items",
            "3 x GET / in",
            "3 x GET / in 5",
            "999999999 x GET /",
        ] {
            assert_eq!(send(text).unwrap_err().code, codes::TEST_REQUEST, "{text}");
        }
        assert!(request("GET / HTTP/1.1").is_err());
    }
}
