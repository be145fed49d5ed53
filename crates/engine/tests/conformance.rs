//! The engine itself, in the suite of all front doors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::sync::Arc;

use http::HeaderMap;
use tollgate_conformance::{Abilities, Answer, Frontend, Request, Session, Stage, Verdict, run};
use tollgate_engine::{AnswerContext, Engine, PathRewrite, RequestHead};
use tollgate_limiter::{Clock, FakeClock};

struct InProcess;

struct Opened {
    engine: Arc<Engine>,
    clock: Arc<FakeClock>,
}

impl Frontend for InProcess {
    fn name(&self) -> &'static str {
        "engine, in process"
    }

    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    fn open(&self, stage: &Stage) -> Box<dyn Session> {
        Box::new(Opened {
            engine: stage.engine(""),
            clock: Arc::clone(&stage.clock),
        })
    }
}

impl Session for Opened {
    fn ask(&mut self, request: &Request) -> Answer {
        let head = RequestHead {
            method: &request.method,
            path: request.path(),
            query: request.query(),
            headers: &request.headers,
            peer: request.peer,
            certificate: None,
        };
        let decision = self.engine.decide_final(&head, self.clock.now());
        let bucket = decision.snapshot.bucket_id(&decision);
        let bucket = bucket.map(|id| id.to_string());
        let context = AnswerContext::default();
        if let Some(answer) = decision.answer(&context) {
            return Answer {
                fields: answer.headers().clone(),
                body: answer.body().to_vec(),
                bucket,
                ..Answer::of(Verdict::of_status(answer.status().as_u16()))
            };
        }
        let mut forwarded = request.headers.clone();
        decision.forward_headers(&mut forwarded);
        let mut fields = HeaderMap::new();
        decision.response_headers(&mut fields);
        let path = match &decision.path {
            PathRewrite::Canonical(path) => path,
            _ => request.path(),
        };
        let query = request.query().map(|query| format!("?{query}"));
        Answer {
            fields,
            forwarded,
            target: Some(format!("{path}{}", query.unwrap_or_default())),
            bucket,
            ..Answer::of(Verdict::Allow)
        }
    }
}

#[test]
fn the_engine_decides_as_the_cases_say() {
    run(&InProcess);
}
