//! `GET /ratelimit-user-id`: a user gets its root, from which it can make all of its bucket ids,
//! and on request the id of one route.

use http::HeaderMap;
use http::header::HeaderValue;
use serde_json::{Value, json};
use tollgate_identity::bucket_id;

use super::{asked_route, is_asked};
use crate::decision::{Decision, Principal};
use crate::edge::set_cookie;
use crate::head::RequestHead;

/// The document, and the fields that say the same.
///
/// `?method=POST&path=/orders/1` asks for that request's id; `cookie=1` for a cookie with the root,
/// since browsers send it on every route.
pub(super) fn answer(decision: &Decision, head: &RequestHead<'_>) -> Option<(Value, HeaderMap)> {
    let snapshot = &decision.snapshot;
    let edge = snapshot.edge.as_ref()?;
    let (Principal::User(user), Some(plan)) = (&decision.principal, decision.plan) else {
        return None;
    };
    let plan_class = snapshot.class_of(plan);
    let ring = &snapshot.ring;
    let root = ring.root(&user.issuer, &user.subject, user.account.as_deref());
    let expires = Some(ring.current_expiry()).filter(|expires| *expires < u64::MAX);
    let mut body = json!({
        "root": root.expose(),
        "kid": root.kid().as_str(),
        "class": plan_class.as_str(),
        "expires": expires,
    });
    let mut headers = HeaderMap::new();
    let routes = snapshot.policy().routes();
    let asked = head.query.and_then(|query| asked_route(query, routes));
    if let Some((id, route)) = asked.map(|id| (id, routes.get(id))) {
        let class = snapshot.class_on(plan, id);
        let id = bucket_id(&root, &class, route.method.as_str(), &route.template);
        body["class"] = class.as_str().into();
        body["route"] = route.to_string().into();
        body["id"] = id.as_str().into();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(edge.id_header.clone(), value);
        }
    }
    let now_s = decision.now.unix_s();
    let cookie = edge
        .before
        .as_ref()
        .and_then(|before| before.cookie.as_ref());
    if let Some(name) = cookie.filter(|_| is_asked(head.query, "cookie") && !is_cross_site(head)) {
        let seconds = expires.map(|expires| expires.saturating_sub(now_s));
        set_cookie(&mut headers, name, &root.presentable(plan_class), seconds);
    }
    if let Some((rules, pass)) = snapshot.new_pass(user, plan_class, now_s) {
        body["pass"] = pass.token.as_str().into();
        body["pass_expires"] = pass.expires_unix_s.into();
        rules.write(&pass, now_s, &mut headers);
    }
    Some((body, headers))
}

/// Whether another site made a browser ask, say by a link: a cookie would be set against the user's
/// will.
fn is_cross_site(head: &RequestHead<'_>) -> bool {
    head.headers
        .get("sec-fetch-site")
        .is_some_and(|site| site.as_bytes() == b"cross-site")
}
