//! Answers of Tollgate's own. `GET /rate_limit`: callers see their own limits, and looking is free.

mod bucket_ids;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response};
use serde_json::{Value, json};
use tollgate_policy::{RouteId, normalize};

use crate::answer::AnswerContext;
use crate::consult::Consult;
use crate::consulted::LimitState;
use crate::decision::{Decision, OwnAnswer, Principal, Verdict};
use crate::engine::Engine;
use crate::head::RequestHead;
use crate::snapshot::Snapshot;

/// Routes shown at most in one answer; a caller asks for one route with `?method=…&path=…`.
const ROUTES_MAX: usize = 100;

impl Snapshot {
    /// Which answer of Tollgate's own a path asks for.
    pub(crate) fn own_path(&self, method: &Method, path: &str) -> Option<OwnAnswer> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        if self.policy().responses().rate_limit_path.as_deref() == Some(path) {
            return Some(OwnAnswer::RateLimit);
        }
        let before = self.edge.as_ref()?.before.as_ref()?;
        (before.path == path).then_some(OwnAnswer::BucketIds)
    }
}

impl Engine {
    /// The answer to a request for one of Tollgate's own paths; `None` for other verdicts.
    #[must_use]
    pub fn own_answer(
        &self,
        decision: &Decision,
        head: &RequestHead<'_>,
        context: &AnswerContext<'_>,
    ) -> Option<Response<Bytes>> {
        let Verdict::Own(own) = decision.verdict else {
            return None;
        };
        let (body, fields) = match own {
            OwnAnswer::RateLimit => (self.rate_limit(decision, head), HeaderMap::new()),
            OwnAnswer::BucketIds => bucket_ids::answer(decision, head)?,
        };
        let body = Bytes::from(body.to_string());
        let length = HeaderValue::from(body.len());
        let mut response = Response::new(if context.head_only {
            Bytes::new()
        } else {
            body
        });
        let headers = response.headers_mut();
        *headers = fields;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_LENGTH, length);
        Some(response)
    }

    fn rate_limit(&self, decision: &Decision, head: &RequestHead<'_>) -> Value {
        let snapshot = &decision.snapshot;
        let routes = snapshot.policy().routes();
        let Some(plan) = decision.plan else {
            return json!({});
        };
        let keys = self.network_keys(decision, head, true);
        let asked = head.query.and_then(|query| asked_route(query, routes));
        let shown: Vec<RouteId> = match asked {
            Some(route) => vec![route],
            None => routes.iter().map(|(id, _)| id).take(ROUTES_MAX).collect(),
        };
        let look = Consult::Look(Some(0));
        let show = |route: RouteId| {
            let principal = &decision.principal;
            let standing = snapshot.standing(self.standings(), principal, route, decision.now);
            let list = self.limits_of(snapshot, plan, route, &standing.limits);
            let (states, _) = self.consult(snapshot, list, route, &keys, look, decision.now);
            let limits: Vec<Value> = states
                .iter()
                .map(|state| shown_limit(state, decision))
                .collect();
            json!({
                "route": routes.get(route).to_string(),
                "never_block": routes.get(route).never_block,
                "limits": limits,
            })
        };
        json!({
            "plan": decision.plan_name(),
            "anonymous": matches!(decision.principal, Principal::Anonymous(_)),
            "routes_total": routes.len(),
            "routes": shown.into_iter().map(show).collect::<Vec<_>>(),
        })
    }
}

fn shown_limit(state: LimitState<'_>, decision: &Decision) -> Value {
    let full_s = state.reading.full.as_secs_ceil();
    json!({
        "name": &*state.limit.name,
        "quota": state.limit.quota,
        "window_s": state.limit.window_s,
        "burst": state.limit.capacity(),
        "remaining": state.reading.remaining,
        "reset_s": full_s,
        "reset": decision.now.unix_s().saturating_add(full_s),
    })
}

/// Whether a query has this key, with a value that is not `0`.
fn is_asked(query: Option<&str>, key: &str) -> bool {
    let mut pairs = query.into_iter().flat_map(|query| query.split('&'));
    pairs.any(|pair| {
        let value = pair
            .strip_prefix(key)
            .and_then(|rest| rest.strip_prefix('='));
        value.is_some_and(|value| value != "0")
    })
}

/// `method=POST&path=/orders/1`: which route that request would be.
fn asked_route(query: &str, routes: &tollgate_policy::RouteTable) -> Option<RouteId> {
    let value = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let path = value("path")?.replace("%2F", "/").replace("%2f", "/");
    let path = normalize(&path).ok()?;
    Some(routes.classify(value("method").unwrap_or(Method::GET.as_str()), &path))
}
