//! The emitted CloudFront Function, in the suite of all front doors: who passes, and with which id.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::sync::Arc;

use serde_json::Value;
use tollgate_aws::function;
use tollgate_aws::store::{Secrets, entries};
use tollgate_aws::target::{Target, Trust, Variant};
use tollgate_conformance::{Abilities, Answer, Frontend, Request, Session, Stage, Verdict, run};
use tollgate_edge::event::{Viewer, viewer_request};
use tollgate_edge::function::{Function, Kvs};
use tollgate_policy::Policy;
use zeroize::Zeroizing;

const ID: &str = "x-ratelimit-user-id";

struct Compiled;

struct Opened {
    function: Function,
    variant: Variant,
}

/// The variant that a policy is for, if it has ids at all.
fn variant(policy: &Policy) -> Option<Variant> {
    let edge = policy.edge()?;
    Some(match edge.before {
        Some(_) => Variant::Before,
        None => Variant::After,
    })
}

impl Frontend for Compiled {
    fn name(&self) -> &'static str {
        "CloudFront Function, compiled"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            no_counting: Some("WAF counts behind it, in its own way"),
            no_fields: Some("the origin answers"),
            no_forwarded: Some("it sets the bucket id only"),
            ..Abilities::default()
        }
    }

    fn refuses(&self, stage: &Stage) -> Option<&'static str> {
        let none = variant(&stage.policy("")).is_none();
        none.then_some("the policy has no bucket ids outside the gateway")
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        let policy = stage.policy("");
        let variant = variant(&policy).unwrap();
        let target = Target::new(variant, Trust::Hs256);
        target.check(&policy, false).unwrap();
        let compiled = function::compile(&policy, &target).unwrap();
        let secrets = Secrets {
            ring: Zeroizing::new(stage.ring().to_owned()),
            issuers: vec![Zeroizing::new(stage.secret().to_vec())],
        };
        let mut kvs = Kvs::new();
        for (key, value) in entries(&compiled, &secrets).unwrap() {
            kvs.insert(&key, &value).unwrap();
        }
        let function = Function::new(&compiled.source, kvs).unwrap();
        Box::new(Opened {
            function: function.with_clock(Arc::clone(&stage.clock) as _),
            variant,
        })
    }
}

impl Session for Opened {
    fn ask(&mut self, request: &Request) -> Answer {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = request.method.clone();
        head.uri = format!("/?{}", request.query().unwrap_or_default())
            .parse()
            .unwrap();
        head.headers = request.headers.clone();
        let viewer = Viewer {
            ip: request.client,
            request_id: "a-request",
        };
        let mut event = viewer_request(&head, &viewer);
        // As it is sent: what CloudFront itself would refuse is to be refused here as well.
        event["request"]["uri"] = request.path().into();
        let returned = self.function.call(&event).unwrap();
        let status = returned["statusCode"].as_u64().unwrap_or(200);
        let bucket = match self.variant {
            Variant::Before => &Value::Null,
            _ => &returned["headers"][ID]["value"],
        };
        Answer {
            bucket: bucket.as_str().map(str::to_owned),
            ..Answer::of(Verdict::of_status(u16::try_from(status).unwrap()))
        }
    }
}

#[test]
fn the_compiled_function_decides_as_the_cases_say() {
    run(&Compiled);
}
