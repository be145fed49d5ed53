//! The events and answers that `aws_lambda_events` (MIT) has on file: recorded shapes, read from the
//! registry's copy of its source.

use std::path::PathBuf;
use std::process::Command;

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequest, ApiGatewayCustomAuthorizerRequestTypeRequest,
    ApiGatewayV2CustomAuthorizerV1Request, ApiGatewayV2CustomAuthorizerV2Request,
};
use serde_json::{Value, json};
use tollgate_aws::authorizer::AuthorizerApi;
use tollgate_testkit::lambda::Invoked;

use crate::events::Call;
use crate::support::{Setup, said, unauthorized};

/// Each fixture, and what kind of event it is.
const FIXTURES: [(&str, AuthorizerApi); 6] = [
    ("custom-auth-request", AuthorizerApi::RestToken),
    (
        "custom-auth-request-type-request",
        AuthorizerApi::RestRequest,
    ),
    ("v2-custom-authorizer-v1-request", AuthorizerApi::HttpV1),
    ("v2-custom-authorizer-v2-request", AuthorizerApi::HttpV2),
    (
        "v2-custom-authorizer-v2-request-null-maps",
        AuthorizerApi::HttpV2,
    ),
    (
        "v2-custom-authorizer-v2-request-without-identity-source",
        AuthorizerApi::HttpV2,
    ),
];

fn fixture(name: &str) -> Value {
    let path = folder().join(format!("example-apigw-{name}.json"));
    let text = std::fs::read_to_string(&path);
    serde_json::from_str(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

/// Where cargo has the crate's source.
fn folder() -> PathBuf {
    let described = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&described.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == "aws_lambda_events");
    let manifest = PathBuf::from(package.unwrap()["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("src/fixtures")
}

#[test]
fn every_recorded_event_is_understood_and_answered_for_its_token() {
    let bench = Setup::default().bench();
    let bearer = format!("Bearer {}", bench.token("alice"));
    for (name, api) in FIXTURES {
        let mut event = fixture(name);
        let outcome = bench.invoke(&event);
        assert_eq!(said(&outcome), unauthorized(api), "{name}");
        match api {
            AuthorizerApi::RestToken => event["authorizationToken"] = json!(bearer),
            _ => event["headers"]["authorization"] = json!(bearer),
        }
        let outcome = bench.invoke(&event);
        assert_eq!(said(&outcome), "Allow", "{name}");
        let Invoked::Answered(document) = outcome else {
            unreachable!()
        };
        if api != AuthorizerApi::HttpV2 {
            let resource = &document["policyDocument"]["Statement"][0]["Resource"];
            assert_eq!(*resource, event["methodArn"], "{name}");
        }
    }
    // One of a WebSocket API is another's.
    let outcome = bench.invoke(&fixture("v2-custom-authorizer-websocket-request"));
    assert!(
        said(&outcome).starts_with("the event has neither"),
        "{outcome:?}"
    );
}

#[test]
fn the_events_of_these_tests_have_the_recorded_shapes() {
    let call = Call::order().bearer("x").header("Cookie", "a=b");
    let read = |api| call.event(api).to_string();
    let token: ApiGatewayCustomAuthorizerRequest =
        serde_json::from_str(&read(AuthorizerApi::RestToken)).unwrap();
    assert_eq!(token.authorization_token.as_deref(), Some("Bearer x"));
    let request: ApiGatewayCustomAuthorizerRequestTypeRequest =
        serde_json::from_str(&read(AuthorizerApi::RestRequest)).unwrap();
    assert_eq!(request.resource.as_deref(), Some("/orders/{id}"));
    let v1: ApiGatewayV2CustomAuthorizerV1Request =
        serde_json::from_str(&read(AuthorizerApi::HttpV1)).unwrap();
    assert_eq!(v1.version.as_deref(), Some("1.0"));
    let v2: ApiGatewayV2CustomAuthorizerV2Request =
        serde_json::from_str(&read(AuthorizerApi::HttpV2)).unwrap();
    assert_eq!(v2.route_key.as_deref(), Some("GET /orders/{id}"));
    assert_eq!(v2.cookies, ["a=b"]);
}

#[test]
fn an_answer_has_the_members_of_the_recorded_answer() {
    let variables = [("TOLLGATE_USAGE_KEY", "user")];
    let bench = Setup {
        variables: &variables,
        ..Setup::default()
    }
    .bench();
    let call = Call::order().bearer(&bench.token("alice"));
    let document = bench.document(&call.event(AuthorizerApi::RestRequest));
    let recorded = fixture("custom-auth-response");
    let members = |value: &Value| {
        let members = value.as_object().unwrap().keys().cloned();
        members.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(members(&document), members(&recorded));
    let (ours, theirs) = (&document["policyDocument"], &recorded["policyDocument"]);
    assert_eq!(members(ours), members(theirs));
    assert_eq!(
        members(&ours["Statement"][0]),
        members(&theirs["Statement"][0])
    );
    assert_eq!(ours["Version"], theirs["Version"]);
}
