//! The policy as written: every key with its documentation, each value checked by itself.
//!
//! The documentation of the keys is the reference, and feeds the JSON Schema. What only makes sense
//! across keys is checked in [`crate::check`].

mod admin_api;
mod api_keys;
mod check_endpoint;
mod edge;
mod grpc;
mod identity;
mod notices;
mod operation;
mod plans;
mod ratelimit_file;
mod routes;
pub(crate) mod section;
mod serving;
mod store;
mod tests;
mod values;

use section::section;

use crate::limit::Mode;
use crate::node::{At, Named, OneOrMany, Required};
pub(crate) use admin_api::RawAdminApi;
pub(crate) use api_keys::RawApiKeys;
pub(crate) use check_endpoint::RawCheckEndpoint;
pub(crate) use edge::{RawBefore, RawEdge, RawPass};
pub(crate) use grpc::{RawDescriptor, RawDomain, RawGrpc, RawRateLimit};
pub(crate) use identity::{
    AlgorithmName, RawAnonymous, RawBudget, RawClaims, RawClientCertificates, RawIdentity,
    RawIssuer, RawKeys, WebUrlOrText,
};
pub(crate) use notices::{RawEmail, RawNotices, RawWebhook};
pub(crate) use operation::{RawCounting, RawOnFailure, RawSizes, RawTelemetry, RawTimeouts};
pub(crate) use plans::{RawLimit, RawPlan, RouteLimits};
pub(crate) use ratelimit_file::RawRateLimitFile;
pub(crate) use routes::{RawBasePath, RawOpenApi, RawRoutes};
pub(crate) use serving::{
    RawForward, RawHealth, RawListen, RawOrigin, RawOriginSection, RawResponses, RawTls,
};
pub(crate) use store::{RawStore, RawStoreSection, StoreUrl};
pub(crate) use tests::{RawCaller, RawExpect, RawStep, RawTest};
pub(crate) use values::*;

section! {
    /// The policy of one Tollgate gateway.
    RawPolicy("a policy") {
        /// Version of the policy format: `1`.
        tollgate: RawVersion,
        /// The mode of the whole policy: `enforce` refuses what is above a limit, `shadow` only counts, `off` does
        /// neither. A plan or limit can be less strict, never stricter. Default: `enforce`.
        mode: Option<Word<Mode>>,
        /// Where requests come in: an address, or a list of addresses and listeners with TLS.
        /// Default: `127.0.0.1:8080`.
        listen: Option<OneOrMany<RawListen>>,
        /// Where metrics and health are served, or `off`. Default: `127.0.0.1:9901`.
        admin: Option<At<OffOr<Address>>>,
        /// Where the admin API and the console are served. Default: nowhere.
        admin_api: Option<RawAdminApi>,
        /// Where other proxies ask about requests that they forward themselves: nginx, Traefik, Caddy, HAProxy, Envoy.
        /// Default: nowhere.
        check: Option<RawCheckEndpoint>,
        /// Where Envoy asks, over gRPC: authorization, rate limits and quotas. Default: nowhere.
        grpc: Option<RawGrpc>,
        /// The service behind the gateway: a URL, a list of URLs, or a section.
        origin: Required<RawOrigin>,
        /// Who may call.
        identity: Option<RawIdentity>,
        /// Which routes there are: a list of `METHOD /template`, or a section. Without it, the routes that plans and
        /// `never_block` name.
        routes: Option<RawRoutes>,
        /// Plans by their names: 1 to 64 visible ASCII characters, at most 10,000 plans.
        plans: Required<At<Named<RawPlan>>>,
        /// The plan of a user for whom nothing else is said. Default: the only plan, if there is one only.
        default_plan: Option<At<PlanName>>,
        /// Routes on which nobody is ever refused for a limit: what a blocked customer needs in order to pay.
        never_block: Option<Vec<At<RouteName>>>,
        /// What happens to requests that cannot be decided.
        on_failure: Option<RawOnFailure>,
        /// What callers are told.
        responses: Option<RawResponses>,
        /// What the origin is told.
        forward: Option<RawForward>,
        /// What limiters outside the process are given. Default: nothing.
        edge: Option<RawEdge>,
        /// Where notices go: that a caller has reached a threshold of its quota. Default: nowhere.
        notices: Option<RawNotices>,
        /// How long anything may take.
        timeouts: Option<RawTimeouts>,
        /// How large anything may be.
        sizes: Option<RawSizes>,
        /// How many buckets are kept.
        counting: Option<RawCounting>,
        /// Where assigned plans, overrides, usage and notices are kept: a URL, or a section. Default: nowhere.
        store: Option<RawStore>,
        /// Where the access log goes: `off`, `stdout` (one JSON object a line), or a file's name. Default: `off`.
        access_log: Option<OffOr<FilePath>>,
        /// OpenTelemetry traces. Default: none.
        telemetry: Option<RawTelemetry>,
        /// Requests at given times and what must come of them, run by `tollgate check`.
        tests: Option<Vec<RawTest>>,
    }
}

/// The version of the format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawVersion;

impl crate::node::FromNode for RawVersion {
    fn from_node(
        node: &crate::node::Node,
        findings: &mut crate::findings::Findings<'_>,
    ) -> Option<Self> {
        if node.value != crate::node::Value::Int(1) {
            findings.push(
                crate::findings::Finding::error(
                    crate::codes::VERSION,
                    node.span,
                    "unknown version of the policy format",
                )
                .label("this version reads format 1")
                .help("write `tollgate: 1`"),
            );
        }
        // Whatever the number, the rest is read as format 1, to find all else that is wrong.
        Some(RawVersion)
    }

    fn misfit() -> Option<Self> {
        Some(RawVersion)
    }
}

impl schemars::JsonSchema for RawVersion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": 1 })
    }
}
