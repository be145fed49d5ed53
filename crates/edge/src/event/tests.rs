use std::net::{IpAddr, Ipv4Addr};

use http::{Request, header, request};
use serde_json::{Value, json};

use super::*;

fn head(target: &str, fields: &[(&str, &str)]) -> request::Parts {
    let mut builder = Request::get(target);
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn event(head: &request::Parts) -> Value {
    let viewer = Viewer {
        ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
        request_id: "r1",
    };
    viewer_request(head, &viewer)
}

/// What comes of a request that a function changed with `change`.
fn sent_on(
    head: &request::Parts,
    change: impl FnOnce(&mut Value),
) -> Result<request::Parts, EventError> {
    let mut request = event(head)["request"].clone();
    change(&mut request);
    match returned(&request, head)? {
        Returned::Request(parts) => Ok(parts),
        Returned::Response(response) => panic!("a response: {response:?}"),
    }
}

fn answer(value: &Value) -> Result<http::Response<bytes::Bytes>, EventError> {
    match returned(value, &head("/", &[]))? {
        Returned::Response(response) => Ok(response),
        Returned::Request(parts) => panic!("a request: {parts:?}"),
    }
}

#[test]
fn the_event_is_that_of_cloudfronts_documentation() {
    let head = head(
        "/orders/1?a=1&b=%20&a=2&flag",
        &[
            ("Host", "api.example.com"),
            ("X-Twice", "one"),
            ("X-Twice", "two"),
            ("Cookie", "id=7; id=8"),
            ("Cookie", "theme=dark"),
            ("Connection", "close"),
        ],
    );
    let expected = json!({
        "version": "1.0",
        "context": {
            "distributionDomainName": "local.cloudfront.test",
            "distributionId": "ELOCAL",
            "eventType": "viewer-request",
            "requestId": "r1",
        },
        "viewer": { "ip": "198.51.100.7" },
        "request": {
            "method": "GET",
            "uri": "/orders/1",
            "querystring": {
                "a": { "value": "1", "multiValue": [{ "value": "1" }, { "value": "2" }] },
                "b": { "value": "%20" },
                "flag": { "value": "" },
            },
            "headers": {
                "host": { "value": "api.example.com" },
                "x-twice": { "value": "one", "multiValue": [{ "value": "one" }, { "value": "two" }] },
            },
            "cookies": {
                "id": { "value": "7", "multiValue": [{ "value": "7" }, { "value": "8" }] },
                "theme": { "value": "dark" },
            },
        },
    });
    assert_eq!(event(&head), expected);
}

#[test]
fn an_unchanged_request_goes_on_as_it_came() {
    let head = head(
        "/a?x=1&&y&x=2",
        &[
            ("host", "h"),
            ("b", "1"),
            ("b", "2"),
            ("cookie", "a=1;b=2"),
            ("te", "trailers"),
        ],
    );
    let on = sent_on(&head, |_| ()).unwrap();
    assert_eq!(on.uri, "/a?x=1&&y&x=2");
    assert_eq!(on.headers.get_all("b").iter().count(), 2);
    assert_eq!(on.headers[header::COOKIE], "a=1;b=2");
    assert!(!on.headers.contains_key("te"));
}

#[test]
fn a_changed_request_goes_on_changed() {
    let head = head("/a?x=1", &[("host", "h"), ("gone", "1"), ("cookie", "a=1")]);
    let on = sent_on(&head, |request| {
        request["uri"] = json!("/b");
        request["querystring"] =
            json!({ "x": { "multiValue": [{ "value": "2" }, { "value": "3" }] } });
        request["headers"]["x-new"] = json!({ "value": "v" });
        request["headers"].as_object_mut().unwrap().remove("gone");
        request["cookies"]["b"] = json!({ "value": "2" });
    })
    .unwrap();
    assert_eq!(on.uri, "/b?x=2&x=3");
    assert_eq!(on.headers["x-new"], "v");
    assert!(!on.headers.contains_key("gone"));
    assert_eq!(on.headers[header::COOKIE], "a=1; b=2");
}

#[test]
fn a_value_set_beside_an_old_multi_value_does_not_hold() {
    let head = head("/", &[("x-id", "forged"), ("x-id", "forged too")]);
    let kept = sent_on(&head, |request| {
        request["headers"]["x-id"]["value"] = json!("mine")
    });
    assert_eq!(kept.unwrap().headers.get_all("x-id").iter().count(), 2);
    let replaced = sent_on(&head, |request| {
        request["headers"]["x-id"] = json!({ "value": "mine" })
    });
    let replaced = replaced.unwrap();
    let values: Vec<_> = replaced.headers.get_all("x-id").iter().collect();
    assert_eq!(values, ["mine"]);
}

#[test]
fn what_cloudfront_forbids_is_refused() {
    let head = head("/", &[("host", "h"), ("content-length", "3")]);
    let set = |name: &'static str, value: Value| {
        sent_on(&head, |request| request["headers"][name] = value).unwrap_err()
    };
    let value = || json!({ "value": "v" });
    for name in [
        "x-edge-location",
        "x-amz-cf-id",
        "proxy-authorization",
        "expect",
        "x-real-ip",
        "x-cache",
        "x-amzn-cf-x",
        "x-accel-redirect",
        "upgrade",
        "x-forwarded-proto",
    ] {
        assert_eq!(
            set(name, value()),
            EventError::Forbidden {
                name: name.to_owned()
            }
        );
    }
    for name in ["host", "content-length", "via", "transfer-encoding"] {
        assert_eq!(
            set(name, value()),
            EventError::ReadOnly {
                name: name.to_owned()
            }
        );
    }
    let removed = sent_on(&head, |request| {
        request["headers"].as_object_mut().unwrap().remove("host");
    });
    assert_eq!(
        removed.unwrap_err(),
        EventError::ReadOnly {
            name: "host".to_owned()
        }
    );
    assert_eq!(
        set("cookie", value()),
        EventError::Cookie {
            name: "cookie".to_owned()
        }
    );
    let method = sent_on(&head, |request| request["method"] = json!("POST"));
    assert_eq!(method.unwrap_err(), EventError::Method);
}

#[test]
fn what_has_another_shape_is_refused_with_its_place() {
    let head = head("/", &[]);
    let wrong = |change: fn(&mut Value)| sent_on(&head, change).unwrap_err().to_string();
    assert_eq!(
        wrong(|request| request["headers"]["x-id"] = json!("text")),
        "the function returned `headers.x-id` as \"text\", not as {value: text}"
    );
    assert!(
        wrong(|request| request["headers"]["X-Id"] = json!({ "value": "v" }))
            .contains("lower case")
    );
    assert!(
        wrong(|request| request["headers"]["x"] = json!({ "value": "a\nb" })).contains("text that")
    );
    assert!(wrong(|request| request["uri"] = json!("b")).contains("`uri`"));
    assert!(wrong(|request| request["headers"] = Value::Null).contains("`headers`"));
}

#[test]
fn a_response_has_status_fields_cookies_and_a_body() {
    let response = answer(&json!({
        "statusCode": 401,
        "statusDescription": "Unauthorized",
        "headers": { "www-authenticate": { "value": "Bearer" } },
        "cookies": { "a": { "value": "1", "attributes": "Secure; HttpOnly" }, "b": { "value": "2" } },
        "body": { "encoding": "base64", "data": "aGk=" },
    }))
    .unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let cookies: Vec<_> = response
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .collect();
    assert_eq!(cookies, ["a=1; Secure; HttpOnly", "b=2"]);
    assert_eq!(response.body(), "hi");
    assert_eq!(
        answer(&json!({ "statusCode": 200, "body": "text" }))
            .unwrap()
            .body(),
        "text"
    );
    assert!(
        answer(&json!({ "statusCode": 204 }))
            .unwrap()
            .body()
            .is_empty()
    );
}

#[test]
fn a_response_that_cloudfront_does_not_take_is_refused() {
    let wrong = |value: Value| answer(&value).unwrap_err();
    assert!(matches!(
        wrong(json!({ "statusCode": "429" })),
        EventError::Shape { .. }
    ));
    assert!(matches!(
        wrong(json!({ "statusCode": 101 })),
        EventError::Shape { .. }
    ));
    assert!(matches!(
        wrong(json!({ "statusCode": 200, "body": 1 })),
        EventError::Shape { .. }
    ));
    let cookie = json!({ "statusCode": 200, "headers": { "set-cookie": { "value": "a=1" } } });
    assert_eq!(
        wrong(cookie),
        EventError::Cookie {
            name: "set-cookie".to_owned()
        }
    );
}
