//! The table of endpoints: each with the least role that reaches it. The router and the description are made
//! of it and of nothing else, so that no endpoint can be without a role.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{Extension, Router};
use http::header::ALLOW;
use http::{HeaderValue, Method};
use tower::ServiceExt as _;
use utoipa::openapi::path::Paths;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::console;
use crate::door::{authenticate, require};
use crate::openapi;
use crate::problem::{Kind, Problem};
use crate::role::Role;
use crate::state::Admin;
use crate::v1;

/// One endpoint.
pub(crate) struct Row {
    pub(crate) least: Role,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) routes: UtoipaMethodRouter<Admin>,
}

/// An endpoint and who reaches it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The path, with its parameters in braces.
    pub path: String,
    /// The method; `HEAD` goes where `GET` does.
    pub method: String,
    /// The least role.
    pub least: Role,
}

/// All endpoints.
pub(crate) fn rows() -> Vec<Row> {
    use Role::{Admin as A, Operate, Read};
    [
        (Read, routes!(v1::openapi::document)),
        (Read, routes!(v1::plans::list)),
        (Read, routes!(v1::routes::list)),
        (Read, routes!(v1::holders::list)),
        (Read, routes!(v1::holders::one)),
        (Read, routes!(v1::holders::counts)),
        (Read, routes!(v1::usage::look)),
        (Read, routes!(v1::changes::history)),
        (Operate, routes!(v1::changes::make)),
        (Read, routes!(v1::buckets::look)),
        (Operate, routes!(v1::buckets::change)),
        (Read, routes!(v1::changes::all)),
        (Read, routes!(v1::operations::list)),
        (Read, routes!(v1::notices::list)),
        (Operate, routes!(v1::notices::retry)),
        (Read, routes!(v1::explain::explain)),
        (Read, routes!(v1::traffic::look)),
        (A, routes!(v1::policy::read)),
        (Read, routes!(v1::policy::versions)),
        (A, routes!(v1::policy::validate)),
        (A, routes!(v1::policy::diff)),
        (A, routes!(v1::policy::apply)),
        (A, routes!(v1::policy::roll_back)),
        (A, routes!(v1::keys::list)),
    ]
    .into_iter()
    .map(|(least, routes)| Row::new(least, routes))
    .collect()
}

/// All endpoints, sorted by path and method.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    let endpoint = |row: Row| Endpoint {
        path: row.path,
        method: row.method.to_string(),
        least: row.least,
    };
    let mut all: Vec<Endpoint> = rows().into_iter().map(endpoint).collect();
    all.sort();
    all
}

/// API and console as one service: the API is what is under `/v1`.
///
/// Whoever serves it puts a [`crate::Peer`] among the extensions of each request, by which failed attempts are
/// bounded; without it they are bounded for all together. Over TLS it puts [`crate::OverTls`] there too.
pub fn router(admin: &Admin) -> Router {
    let api = api(admin);
    let by_path = move |request: Request, next: Next| {
        let api = api.clone();
        async move {
            match is_of_api(request.uri().path()) {
                // A router has an answer to everything.
                true => api
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {}),
                false => next.run(request).await,
            }
        }
    };
    console::router(admin).layer(from_fn(by_path))
}

fn is_of_api(path: &str) -> bool {
    let under = path.strip_prefix("/v1");
    under.is_some_and(|under| under.is_empty() || under.starts_with('/'))
}

fn api(admin: &Admin) -> Router {
    let document = v1::openapi::Document(openapi::text().into());
    let mut by_path: BTreeMap<String, (MethodRouter<Admin>, Vec<&'static str>)> = BTreeMap::new();
    for row in rows() {
        let (_, _, methods) = row.routes;
        let (least, state) = (row.least, admin.clone());
        let door = move |request: Request, next: Next| require(least, state.clone(), request, next);
        let (on_path, allowed) = by_path.entry(row.path).or_default();
        *on_path = std::mem::take(on_path).merge(methods.route_layer(from_fn(door)));
        allowed.extend(allowed_with(&row.method));
    }
    let mut router = Router::new();
    for (path, (methods, allowed)) in by_path {
        let allowed = allowed.join(", ");
        let other_method = move || {
            let answer = method_not_allowed(&allowed);
            async move { answer }
        };
        router = router.route(&path, methods.fallback(other_method));
    }
    router
        .fallback(|| async { Problem::not_found("path").into_response() })
        .layer(Extension(document))
        .layer(from_fn_with_state(admin.clone(), authenticate))
        .with_state(admin.clone())
}

/// The methods that a handler of one takes: `HEAD` goes where `GET` does.
fn allowed_with(method: &Method) -> Vec<&'static str> {
    match *method {
        Method::GET => vec!["GET", "HEAD"],
        Method::PUT => vec!["PUT"],
        Method::DELETE => vec!["DELETE"],
        _ => vec!["POST"],
    }
}

pub(crate) fn method_not_allowed(allowed: &str) -> Response {
    let problem = Problem::new(Kind::MethodNotAllowed, format!("allowed: {allowed}"));
    // Names of methods are tokens.
    let allow = HeaderValue::try_from(allowed).unwrap_or(HeaderValue::from_static(""));
    problem.with(ALLOW, allow).into_response()
}

impl Row {
    fn new(least: Role, routes: UtoipaMethodRouter<Admin>) -> Self {
        let (path, method) = named(&routes.1);
        Self {
            least,
            method,
            path,
            routes,
        }
    }
}

/// The one path and the one method that a handler says of itself.
fn named(paths: &Paths) -> (String, Method) {
    let found = paths.paths.iter().find_map(|(path, item)| {
        let method = [
            (item.get.is_some(), Method::GET),
            (item.put.is_some(), Method::PUT),
            (item.post.is_some(), Method::POST),
            (item.delete.is_some(), Method::DELETE),
        ];
        let method = method.into_iter().find(|(is_it, _)| *is_it);
        method.map(|(_, method)| (path.clone(), method))
    });
    found.unwrap_or_default()
}
