//! The events of API Gateway for one request, of every kind. The shapes are those of the fixtures of
//! `aws_lambda_events`, which `fixtures.rs` reads.

use serde_json::{Map, Value, json};
use tollgate_aws::authorizer::AuthorizerApi;

pub(crate) const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";

/// One request as it comes to API Gateway, and the route that it has for it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The route's method: that of the request, or `ANY`.
    pub(crate) route_method: String,
    pub(crate) template: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str, template: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            route_method: method.to_owned(),
            template: template.to_owned(),
            headers: Vec::new(),
        }
    }

    /// `GET /orders/7` of the route `GET /orders/{id}`.
    pub(crate) fn order() -> Self {
        Self::new("GET", "/orders/7", "/orders/{id}")
    }

    pub(crate) fn any_method(mut self) -> Self {
        "ANY".clone_into(&mut self.route_method);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn id(self, id: &str) -> Self {
        self.header("X-RateLimit-User-Id", id)
    }

    pub(crate) fn arn(&self) -> String {
        format!("{ARN}/{}{}", self.method, self.path)
    }

    pub(crate) fn route_key(&self) -> String {
        match self.template.as_str() {
            "$default" => "$default".to_owned(),
            template => format!("{} {template}", self.route_method),
        }
    }

    /// The last value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().rev();
        let found = named.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn event(&self, api: AuthorizerApi) -> Value {
        match api {
            AuthorizerApi::RestToken => json!({
                "type": "TOKEN",
                "authorizationToken": self.value("authorization").unwrap_or_default(),
                "methodArn": self.arn(),
            }),
            AuthorizerApi::RestRequest => self.payload_1(None),
            AuthorizerApi::HttpV1 => self.payload_1(Some("1.0")),
            AuthorizerApi::HttpV2 => self.payload_2(),
        }
    }

    fn payload_1(&self, version: Option<&str>) -> Value {
        let mut single = Map::new();
        let mut multiple = Map::new();
        for (name, value) in &self.headers {
            single.insert(name.clone(), json!(value));
            let values = multiple.entry(name.clone()).or_insert(json!([]));
            values.as_array_mut().unwrap().push(json!(value));
        }
        let mut event = json!({
            "type": "REQUEST",
            "methodArn": self.arn(),
            "resource": self.template,
            "path": self.path,
            "httpMethod": self.method,
            "headers": single,
            "multiValueHeaders": multiple,
            "queryStringParameters": null,
            "requestContext": {
                "resourcePath": self.template,
                "httpMethod": self.method,
                "apiId": "abc123",
                "stage": "prod",
                "identity": { "sourceIp": "192.0.2.1" },
            },
        });
        if let Some(version) = version {
            event["version"] = json!(version);
            event["requestContext"]["routeKey"] = json!(self.route_key());
        }
        event
    }

    fn payload_2(&self) -> Value {
        let mut headers = Map::new();
        let mut cookies = Vec::new();
        for (name, value) in &self.headers {
            let name = name.to_ascii_lowercase();
            if name == "cookie" {
                cookies.extend(value.split("; ").map(str::to_owned));
                continue;
            }
            // Fields of one name come joined.
            let joined = match headers.get(&name).and_then(Value::as_str) {
                Some(before) => format!("{before},{value}"),
                None => value.clone(),
            };
            headers.insert(name, json!(joined));
        }
        json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": self.arn(),
            "identitySource": null,
            "routeKey": self.route_key(),
            "rawPath": format!("/prod{}", self.path),
            "rawQueryString": "",
            "cookies": cookies,
            "headers": headers,
            "requestContext": {
                "apiId": "abc123",
                "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
                "domainPrefix": "abc123",
                "http": {
                    "method": self.method,
                    "path": format!("/prod{}", self.path),
                    "sourceIp": "192.0.2.1",
                },
                "routeKey": self.route_key(),
                "stage": "prod",
            },
        })
    }
}
