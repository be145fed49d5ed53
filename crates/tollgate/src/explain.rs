//! `tollgate explain`: what would become of a request, and why; consumes nothing.

mod offline;
mod shown;

use std::io::{self, Read};

use serde_json::{Value, json};
use tollgate_identity::TokenVerdict;
use tollgate_identity::token::TOKEN_BYTES_MAX;
use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_limiter::{Clock, SystemClock};
use tollgate_policy::Policy;
use zeroize::Zeroizing;

use crate::admin_client::AdminClient;
use crate::cli::ExplainArgs;
use crate::failure::Failure;
use crate::token::PolicyKeys;
use crate::{stores, usage};

/// A caller by the names that its credential has.
struct Caller {
    issuer: String,
    subject: String,
    account: Option<String>,
    plan_claim: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let caller = caller(args)?;
    let at = args.at.as_deref();
    let at_ms = at.map(|at| usage::span::instant(at, &TimeZone::UTC));
    let at_ms = at_ms.transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the runtime"))?;
    let _entered = runtime.enter();
    let answer = match AdminClient::of(&args.api)? {
        Some(gateway) => {
            let question = question(args, caller.as_ref(), at_ms);
            runtime.block_on(gateway.post("/v1/explain", &question))?
        }
        None => {
            let explained = runtime.block_on(offline::explain(args, caller.as_ref(), at_ms))?;
            serde_json::to_value(explained).unwrap_or_default()
        }
    };
    if args.json {
        anstream::println!("{answer:#}");
    } else {
        shown::print(args, &answer);
    }
    match answer["outcome"].as_str() {
        Some("admitted" | "own") => Ok(()),
        _ => Err(Failure::NotHeld("the request would not pass".to_owned())),
    }
}

fn question(args: &ExplainArgs, caller: Option<&Caller>, at_ms: Option<u64>) -> Value {
    let mut question = json!({ "method": args.method, "path": args.path });
    if let Some(caller) = caller {
        question["caller"] = json!({ "issuer": caller.issuer, "subject": caller.subject });
        let more = [
            ("account", &caller.account),
            ("plan_claim", &caller.plan_claim),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                question["caller"][name] = json!(value);
            }
        }
    }
    if let Some(peer) = args.from {
        question["peer"] = json!(peer);
    }
    if let Some(at_ms) = at_ms {
        question["at_ms"] = json!(at_ms);
    }
    question
}

fn caller(args: &ExplainArgs) -> Result<Option<Caller>, Failure> {
    let who = &args.who;
    if let Some(token) = &who.token {
        return by_token(args, token).map(Some);
    }
    let Some(subject) = &who.subject else {
        return Ok(None);
    };
    let issuer = match &who.issuer {
        Some(issuer) => issuer.clone(),
        None => {
            let policy = Policy::load(&args.policy.config).map_err(Failure::Policy)?;
            stores::issuer(None, &policy)?.to_owned()
        }
    };
    Ok(Some(Caller {
        issuer,
        subject: subject.clone(),
        account: who.account.clone(),
        plan_claim: who.plan_claim.clone(),
    }))
}

/// Whom a token names, if it verifies.
fn by_token(args: &ExplainArgs, token: &str) -> Result<Caller, Failure> {
    let mut piped = Zeroizing::new(String::new());
    let token = if token == "-" {
        let longest = TOKEN_BYTES_MAX as u64 + 2;
        let read = io::stdin().lock().take(longest).read_to_string(&mut piped);
        read.map_err(Failure::system("read a token from standard input"))?;
        piped.trim()
    } else {
        token
    };
    let keys = PolicyKeys::load(&args.policy.config)?;
    let not_held = |why: String| Failure::NotHeld(format!("the token is not accepted: {why}"));
    match keys.verdict(token, SystemClock::new().now().unix_s()) {
        TokenVerdict::Valid(user) => Ok(Caller {
            issuer: user.issuer.to_string(),
            subject: user.subject.to_string(),
            account: user.account.as_deref().map(str::to_owned),
            plan_claim: user.plan.as_deref().map(str::to_owned),
        }),
        TokenVerdict::Invalid(reason) => Err(not_held(reason.description().to_owned())),
        _ => Err(not_held(
            "its issuer's keys could not be fetched".to_owned(),
        )),
    }
}
