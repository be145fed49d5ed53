//! The Lambda authorizer's binary, in the suite of all front doors: events of a REST API, one instance that counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::Path;

use serde_json::{Map, Value, json};
use tollgate_conformance::{Abilities, Answer, Frontend, Request, Session, Stage, Verdict, run};
use tollgate_testkit::lambda::{Function, FunctionLaunch, Invoked};

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";
/// A route of API Gateway that takes every path: the policy tells routes apart.
const RESOURCE: &str = "/{proxy+}";

struct Authorizer;

struct Opened {
    function: Function,
}

impl Frontend for Authorizer {
    fn name(&self) -> &'static str {
        "Lambda authorizer"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            no_clock: Some("its clock is the machine's"),
            no_fields: Some("API Gateway answers"),
            no_forwarded: Some("it names the caller in its context"),
            not_these: &[(
                "preflights",
                "API Gateway answers preflights before it asks",
            )],
            ..Abilities::default()
        }
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        let policy = stage.policy_file("");
        let function = FunctionLaunch {
            binary: Path::new(env!("CARGO_BIN_EXE_tollgate-lambda")),
            files: &[],
            variables: &[
                ("TOLLGATE_CONFIG", policy.to_str().unwrap()),
                ("TOLLGATE_COUNT", "instance"),
            ],
        };
        Box::new(Opened {
            function: function.launch().unwrap(),
        })
    }
}

impl Session for Opened {
    fn ask(&mut self, request: &Request) -> Answer {
        let mut headers = Map::new();
        for (name, value) in &request.headers {
            let value = value.to_str().unwrap();
            headers.insert(name.to_string(), json!([value]));
        }
        let event = json!({
            "type": "REQUEST",
            "methodArn": format!("{ARN}/{}{}", request.method, request.path()),
            "resource": RESOURCE,
            "path": request.path(),
            "httpMethod": request.method.as_str(),
            "headers": {},
            "multiValueHeaders": headers,
            "queryStringParameters": null,
            "requestContext": {
                "resourcePath": RESOURCE,
                "httpMethod": request.method.as_str(),
                "apiId": "abc123",
                "stage": "prod",
                "identity": { "sourceIp": request.client.to_string() },
            },
        });
        let (verdict, bucket) = match self.function.invoke(&event) {
            Invoked::Answered(document) => said(&document),
            Invoked::Failed(message) if message == "Unauthorized" => {
                (Verdict::Unauthenticated, None)
            }
            other => panic!("{other:?}"),
        };
        Answer {
            bucket,
            ..Answer::of(verdict)
        }
    }
}

/// What a document says, and the bucket id in its context.
fn said(document: &Value) -> (Verdict, Option<String>) {
    let effect = &document["policyDocument"]["Statement"][0]["Effect"];
    let context = &document["context"];
    let verdict = match (effect.as_str().unwrap(), context["reason"].as_str()) {
        ("Allow", _) => Verdict::Allow,
        (_, Some("limit")) => Verdict::Limit,
        (_, Some("bad-request")) => Verdict::BadRequest,
        (_, Some("unavailable")) => Verdict::Unavailable,
        _ => Verdict::Forbidden,
    };
    let bucket = context["bucketId"].as_str().map(str::to_owned);
    (verdict, bucket)
}

#[test]
fn the_authorizer_decides_as_the_cases_say() {
    run(&Authorizer);
}
