//! What is right: what the engine decides, and for passes what `crates/identity` reads in them.
//!
//! Not compared: the engine's own path for limits (`rate_limit_path`), which the edge leaves to the
//! gateway; what a limit refuses, since only the gateway counts; gRPC and API keys, which are not at
//! the edge.

use tollgate_aws::function::NOT_PLAIN_BYTES_MAX;
use tollgate_aws::target::Trust;
use tollgate_engine::limiter::{Nanos, Now};
use tollgate_engine::{
    AnswerContext, Decision, Forbidden, Outcome as Decided, OwnAnswer, RequestHead,
    Unauthenticated, Verdict,
};
use tollgate_identity::{HeldPass, LimitClass, NetworkRules, bucket_id, client_network, cookie};
use tollgate_policy::{EdgeBefore, RouteId, normalize};

use crate::outcome::{INVALID, MISMATCH, MISSING, Minted, Outcome};
use crate::request::Request;
use crate::setup::{NOW_S, Setup};
use crate::tokens::{self, Person};

/// The class of callers for whom nobody vouches: preflights, and who shows no pass.
const NOBODY: &str = "nobody";

pub(crate) fn expected(setup: &Setup, request: &Request) -> Outcome {
    // `OPTIONS *` asks a server about itself. The gateway lets the origin answer; at the edge the
    // server is CloudFront.
    if request.path == "*" || costs_too_much(request) || mints_by_another_name(setup, request) {
        return Outcome::refused(400, "");
    }
    let outcome = match setup.target.trust {
        Trust::Hs256 => by_engine(setup, request),
        Trust::Unverified => by_engine(setup, &tokens::with_true_signatures(setup, request)),
        Trust::Pass => by_pass(setup, request),
    };
    match outcome {
        // The gateway lets a preflight through uncounted; a WAF behind needs an id for it.
        Outcome::Passed { id: None } if is_preflight(request) && !setup.is_before() => {
            Outcome::Passed {
                id: Some(network_id(setup, request)),
            }
        }
        outcome => outcome,
    }
}

/// The edge's own bound for what it has to read byte by byte.
fn costs_too_much(request: &Request) -> bool {
    let is_plain = |segment: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.~!$&'()*+,;=:@-".contains(&byte);
        !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain)
    };
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let path = path.strip_suffix('/').unwrap_or(path);
    request.path.len() > NOT_PLAIN_BYTES_MAX && !path.split('/').all(is_plain)
}

/// WAF counts minting by the one spelling of its path.
fn mints_by_another_name(setup: &Setup, request: &Request) -> bool {
    let Some(before) = before(setup).filter(|_| setup.is_before()) else {
        return false;
    };
    let is_asked = ["GET", "HEAD"].contains(&request.method.as_str());
    is_asked
        && request.path != before.path
        && normalize(&request.path).is_ok_and(|path| path == before.path)
}

fn is_preflight(request: &Request) -> bool {
    let has = |name: &&str| request.headers.iter().any(|(known, _)| known == name);
    request.method == "OPTIONS" && ["origin", "access-control-request-method"].iter().all(has)
}

fn by_engine(setup: &Setup, request: &Request) -> Outcome {
    let method = request.method();
    let headers = request.header_map();
    let head = RequestHead {
        method: &method,
        path: &request.path,
        query: Some(request.query.as_str()).filter(|query| !query.is_empty()),
        headers: &headers,
        peer: request.ip,
        certificate: None,
    };
    let now = Now {
        mono: Nanos(0),
        unix_ms: NOW_S * 1000,
    };
    let Decided::Decided(decision) = setup.engine.decide(&head, now) else {
        panic!("keys are in files");
    };
    match decision.verdict {
        Verdict::Allow | Verdict::Limit { .. } => Outcome::Passed {
            id: forwarded_id(setup, &decision),
        },
        Verdict::Unauthenticated(Unauthenticated::MissingToken) => Outcome::refused(401, ""),
        Verdict::Unauthenticated(_) => Outcome::refused(401, INVALID),
        Verdict::Forbidden(Forbidden::BucketIdMissing) => Outcome::refused(403, MISSING),
        Verdict::Forbidden(_) => {
            let answer = decision.answer(&AnswerContext::default()).unwrap();
            Outcome::Refused {
                status: 403,
                kind: MISMATCH.to_owned(),
                cookie: id_cookie(setup, answer.headers()),
            }
        }
        Verdict::BadRequest(_) => Outcome::refused(400, ""),
        Verdict::Unavailable => Outcome::refused(503, ""),
        Verdict::Own(OwnAnswer::BucketIds) => minted(setup, &decision, &head),
        ref other => panic!("{other:?}"),
    }
}

fn forwarded_id(setup: &Setup, decision: &Decision) -> Option<String> {
    let mut headers = http::HeaderMap::new();
    decision.forward_headers(&mut headers);
    let id = headers.get(setup.id_header());
    id.map(|id| id.to_str().unwrap().to_owned())
}

fn minted(setup: &Setup, decision: &Decision, head: &RequestHead<'_>) -> Outcome {
    let answer = setup
        .engine
        .own_answer(decision, head, &AnswerContext::default());
    let answer = answer.unwrap();
    let body = serde_json::from_slice(answer.body()).unwrap();
    Outcome::Minted(Box::new(Minted::of(
        &body,
        id_cookie(setup, answer.headers()),
    )))
}

/// What an answer of the gateway does to the id's cookie.
fn id_cookie(setup: &Setup, headers: &http::HeaderMap) -> Option<String> {
    let prefix = format!("{}=", before(setup)?.cookie.as_ref()?);
    let mut cookies = headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap());
    cookies
        .find(|cookie| cookie.starts_with(&prefix))
        .map(str::to_owned)
}

fn before(setup: &Setup) -> Option<&EdgeBefore> {
    setup.policy.edge()?.before.as_ref()
}

/// A request with a pass is the holder's: what the engine decides of a token that says the same.
fn by_pass(setup: &Setup, request: &Request) -> Outcome {
    let Ok(path) = normalize(&request.path) else {
        return Outcome::refused(400, "");
    };
    let mut bare = request.clone();
    let is_bare = without_credentials(setup, &mut bare);
    if let Some((held, person)) = holder(setup, request) {
        let token = tokens::token_of(setup, &person);
        bare.add("authorization", format!("Bearer {token}"));
        let outcome = by_engine(setup, &bare);
        if let Outcome::Passed { id: Some(id) } = &outcome {
            assert_eq!(*id, id_of(setup, &held, &person, &request.method, &path));
        }
        return outcome;
    }
    if setup.is_before() {
        return if shows_an_id(setup, request) {
            taken_for_nobodys(setup)
        } else {
            Outcome::Passed { id: None }
        };
    }
    if is_preflight(request) {
        return Outcome::Passed { id: None };
    }
    if is_bare && setup.policy.identity().anonymous.is_some() {
        return by_engine(setup, &bare);
    }
    Outcome::Passed {
        id: Some(network_id(setup, request)),
    }
}

/// Takes all credentials off; whether there were none.
fn without_credentials(setup: &Setup, request: &mut Request) -> bool {
    let had = |request: &Request| {
        request
            .headers
            .iter()
            .any(|(name, _)| name == "authorization")
    };
    let mut any = had(request);
    request.remove("authorization");
    if let Some(name) = &setup.policy.identity().token_cookie {
        let headers = &mut request.headers;
        for (_, value) in headers.iter_mut().filter(|(name, _)| name == "cookie") {
            let text = String::from_utf8_lossy(value).into_owned();
            let mine = |part: &&str| part.trim().split('=').next() == Some(name.as_str());
            any |= text.split(';').any(|part| mine(&part));
            let rest: Vec<&str> = text.split(';').filter(|part| !mine(part)).collect();
            *value = rest.join(";").into_bytes();
        }
    }
    !any
}

/// Whom a pass in the field names, or one in the cookie.
fn holder(setup: &Setup, request: &Request) -> Option<(HeldPass, Person)> {
    let rules = setup.policy.edge()?.pass.as_ref()?;
    let headers = request.header_map();
    let in_field = rules.header.as_ref().and_then(|name| {
        let mut fields = headers.get_all(name.as_str()).iter();
        let field = fields.next()?.to_str().ok();
        field.filter(|_| fields.next().is_none())
    });
    let in_cookie = rules.cookie.as_ref().and_then(|name| {
        let value = cookie(&headers, name).ok().flatten()?;
        str::from_utf8(value).ok()
    });
    let passes = [in_field, in_cookie].into_iter().flatten();
    passes.filter_map(|pass| held(setup, pass)).next()
}

fn held(setup: &Setup, pass: &str) -> Option<(HeldPass, Person)> {
    let held = setup.ring.read_pass(pass, NOW_S)?;
    let plan = setup
        .policy
        .plans()
        .iter()
        .find(|plan| *plan.class == *held.class.as_str())?;
    let issuers = setup.issuers.iter();
    let issuer = issuers
        .clone()
        .position(|issuer| issuer.config.issuer == held.issuer);
    let person = Person {
        issuer: issuer?,
        subject: held.subject.clone(),
        account: held.account.clone().unwrap_or_default(),
        plan: plan.name.to_string(),
    };
    Some((held, person))
}

/// The id of a pass's holder, by the pass and without the engine.
fn id_of(setup: &Setup, held: &HeldPass, person: &Person, method: &str, path: &str) -> String {
    let routes = setup.policy.routes();
    let route = routes.classify(method, path);
    let plan = setup.policy.plan_named(&person.plan).unwrap();
    let class = setup.policy.limit_class(plan, route);
    let root = setup
        .ring
        .root(&held.issuer, &held.subject, held.account.as_deref());
    let route = routes.get(route);
    let class = LimitClass::new(class).unwrap();
    bucket_id(&root, &class, route.method.as_str(), &route.template).to_string()
}

fn network_id(setup: &Setup, request: &Request) -> String {
    let anonymous = setup.policy.identity().anonymous.as_ref();
    let rules = NetworkRules {
        ipv4_prefix: anonymous.map_or(32, |anonymous| anonymous.ipv4_prefix),
        ipv6_prefix: anonymous.map_or(64, |anonymous| anonymous.ipv6_prefix),
        ..NetworkRules::default()
    };
    let network = client_network(request.ip, &http::HeaderMap::new(), &rules);
    let root = setup.ring.network_root(&network);
    let class = LimitClass::new(NOBODY).unwrap();
    let unmatched = setup.policy.routes().get(RouteId::UNMATCHED);
    bucket_id(
        &root,
        &class,
        unmatched.method.as_str(),
        &unmatched.template,
    )
    .to_string()
}

fn shows_an_id(setup: &Setup, request: &Request) -> bool {
    let headers = request.header_map();
    let in_cookie = |name: &String| !matches!(cookie(&headers, name), Ok(None));
    let name = before(setup).and_then(|before| before.cookie.as_ref());
    headers.contains_key(setup.id_header()) || name.is_some_and(in_cookie)
}

/// An id without a caller; its cookie is taken back.
fn taken_for_nobodys(setup: &Setup) -> Outcome {
    let name = before(setup).and_then(|before| before.cookie.as_ref());
    let gone = |name| format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    Outcome::Refused {
        status: 403,
        kind: MISMATCH.to_owned(),
        cookie: name.map(gone),
    }
}
