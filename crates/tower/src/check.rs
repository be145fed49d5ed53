//! The check endpoint: other proxies ask about requests that they forward themselves.
//!
//! A question carries the original request's method, target and client's address in fields that the asking
//! proxy writes, and the client's own fields beside them. Each proxy has its dialect:
//!
//! | path | original request | answer |
//! |---|---|---|
//! | `/check` | `X-Forwarded-Method`, `-Uri`, `-For` (Traefik, Caddy, HAProxy), or as nginx says it | 200, or the refusal itself |
//! | `/check/nginx` | `X-Original-Method`, `X-Original-URI` or `-URL`, `X-Real-IP` | 200, 401, or 403 with the refusal in fields |
//! | `/check/envoy/…` | method and path of the question itself, `X-Forwarded-For` | 200, or the refusal itself |
//! | `/own` | as `/check` | what Tollgate answers itself, such as `/rate_limit` |
//!
//! Rules: what is said is believed of trusted peers only (403 for others). What is not said, said twice or
//! said differently is 400: a question without an original request is about no route at all, and
//! must not pass as one about an unknown route. A path that the origin could read otherwise than it was
//! classified is 400, since a check cannot rewrite it.

mod decode;
mod encode;
mod original;
mod serve;
mod stats;
#[cfg(test)]
mod tests;

pub use serve::{CheckBody, CheckService};
pub use stats::{CheckStats, Dialect};
