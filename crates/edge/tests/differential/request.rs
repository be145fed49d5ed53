//! A request as both sides see it: an event for the function, a head for the engine.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tollgate_edge::event::{Viewer, viewer_request};

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) ip: IpAddr,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: Vec::new(),
            ip: IpAddr::from([192, 0, 2, 7]),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.add(name, value);
        self
    }

    /// What no HTTP server lets through is left out.
    pub(crate) fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref().to_owned();
        if HeaderValue::from_bytes(&value).is_ok() {
            self.headers.push((name.to_owned(), value));
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| known != name);
    }

    pub(crate) fn method(&self) -> Method {
        Method::from_bytes(self.method.as_bytes()).unwrap()
    }

    pub(crate) fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        headers
    }

    /// CloudFront's event. The path goes in as it is: what CloudFront itself would refuse is to be
    /// refused here as well.
    pub(crate) fn event(&self) -> Value {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = self.method();
        head.uri = format!("/?{}", self.query).parse().unwrap();
        head.headers = self.header_map();
        let viewer = Viewer {
            ip: self.ip,
            request_id: "a-request",
        };
        let mut event = viewer_request(&head, &viewer);
        event["request"]["uri"] = self.path.as_str().into();
        event
    }
}
