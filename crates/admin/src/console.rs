//! The console: pages for people, made on the server, over the same policy, store and memory as the API.
//!
//! What a page writes it writes by the function that the endpoint of the API has for it. Pages and forms stand in
//! one table with the least role that reaches each, as endpoints do.

mod assets;
mod cookie;
mod door;
mod form;
mod links;
mod origin;
mod pages;
mod session;
mod view;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::Method;

use crate::problem::Problem;
use crate::role::Role;
use crate::state::Admin;
use crate::table::{Endpoint, method_not_allowed};
use form::{FORM_BYTES_MAX, POLICY_FORM_BYTES_MAX};

pub(crate) use session::Sessions;
pub use session::{SESSION_AGE_MAX, SESSIONS_MAX};

/// A page, or what a form of one does.
#[derive(Debug, Clone)]
struct Page {
    least: Role,
    method: Method,
    path: &'static str,
    form_bytes_max: usize,
}

type Row = (Page, MethodRouter<Admin>);

/// All that needs a session.
fn rows() -> Vec<Row> {
    use Role::{Admin as A, Operate, Read};
    use pages::{audit, holder, holders, keys, limited, notices, overview, plans, policy};
    let page = |least, path, handler| (Page::new(least, Method::GET, path), handler);
    let form = |least, path, handler| (Page::new(least, Method::POST, path), handler);
    let long = |(page, handler)| {
        let form_bytes_max = POLICY_FORM_BYTES_MAX;
        (
            Page {
                form_bytes_max,
                ..page
            },
            handler,
        )
    };
    vec![
        page(Read, "/", get(overview::show)),
        page(Read, "/limited", get(limited::show)),
        page(Read, "/holders", get(holders::list)),
        page(Read, "/holder", get(holder::show)),
        form(Operate, "/holder/assign", post(holder::writes::assign)),
        form(Operate, "/holder/withdraw", post(holder::writes::withdraw)),
        form(
            Operate,
            "/holder/override",
            post(holder::writes::overriding),
        ),
        form(Operate, "/holder/lift", post(holder::writes::lift)),
        form(Operate, "/holder/undo", post(holder::writes::undo)),
        form(Operate, "/holder/grant", post(holder::writes::grant)),
        form(Operate, "/holder/reset", post(holder::writes::reset)),
        page(Read, "/plans", get(plans::list)),
        page(Read, "/plan", get(plans::one)),
        page(Read, "/notices", get(notices::list)),
        form(Operate, "/notices/retry", post(notices::retry)),
        page(Read, "/policy", get(policy::show)),
        long(form(A, "/policy/check", post(policy::check))),
        long(form(A, "/policy/apply", post(policy::apply))),
        form(A, "/policy/roll-back", post(policy::roll_back)),
        page(Read, "/audit", get(audit::show)),
        page(A, "/keys", get(keys::list)),
    ]
}

/// All pages of the console that need a session, and what their forms do, sorted by path and method.
#[must_use]
pub fn pages() -> Vec<Endpoint> {
    let endpoint = |(page, _): Row| Endpoint {
        path: page.path.to_owned(),
        method: page.method.to_string(),
        least: page.least,
    };
    let mut all: Vec<Endpoint> = rows().into_iter().map(endpoint).collect();
    all.sort();
    all
}

/// The console as a service.
pub(crate) fn router(admin: &Admin) -> Router {
    let mut router = Router::new();
    for (page, handler) in rows() {
        let (state, path) = (admin.clone(), page.path);
        let allowed = match page.method {
            Method::GET => "GET, HEAD",
            _ => "POST",
        };
        let guard = move |request: Request, next: Next| {
            door::guard(page.clone(), state.clone(), request, next)
        };
        let other_method = move |request: Request| async move {
            known_only(&request, || method_not_allowed(allowed))
        };
        let handler = handler.route_layer(from_fn(guard)).fallback(other_method);
        router = router.route(path, handler);
    }
    router
        .route(
            "/sign-in",
            get(pages::sign_in::show).post(pages::sign_in::open),
        )
        .route("/sign-out", post(pages::sign_in::close))
        .route("/assets/{name}", get(assets::give))
        .fallback(nowhere)
        .layer(from_fn_with_state(admin.clone(), door::around))
        .with_state(admin.clone())
}

async fn nowhere(request: Request) -> Response {
    known_only(&request, || Problem::not_found("page").into_response())
}

/// Nobody who has not signed in learns which pages there are.
fn known_only(request: &Request, answer: impl FnOnce() -> Response) -> Response {
    match request.extensions().get::<door::Visitor>() {
        Some(_) => answer(),
        None => door::to_sign_in(request),
    }
}

impl Page {
    fn new(least: Role, method: Method, path: &'static str) -> Self {
        Self {
            least,
            method,
            path,
            form_bytes_max: FORM_BYTES_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_path_stands_once_and_what_writes_is_a_form() {
        let mut methods: BTreeMap<&str, Method> = BTreeMap::new();
        for (page, _) in rows() {
            assert!(methods.insert(page.path, page.method.clone()).is_none());
            assert_eq!(
                page.method == Method::POST,
                page.path.matches('/').count() == 2
            );
            assert!(page.method == Method::GET || page.least >= Role::Operate);
        }
    }
}
