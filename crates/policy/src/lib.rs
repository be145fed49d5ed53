//! The policy of Tollgate: one file that says who may call what, and how often.
//!
//! Text becomes a [`Policy`] in three steps: YAML with positions, raw sections as written, and a
//! checked model. Everything that is wrong is reported at once, as [`Diagnostics`] with a code,
//! the place, the cause and what to write instead. Nothing else in Tollgate knows YAML.
//!
//! - [`Policy`]: the checked policy and what it answers
//! - [`RouteTable`], [`Template`], [`normalize`]: which route a request is for
//! - [`PolicyTest`]: the policy's own tests, run by the engine
//! - [`Diagnostics`]: findings, rendered as a compiler would
//! - [`yaml_value()`]: any other YAML document as JSON, for imports

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod answers;
mod check;
mod classes;
pub mod codes;
mod diagnostics;
mod duration;
mod edge;
mod expectation;
mod findings;
mod grpc;
mod identity;
mod limit;
mod network;
mod node;
mod notices;
mod openapi;
mod operation;
mod paths;
mod plan;
mod policy;
mod ratelimit_file;
mod raw;
mod route;
mod routes;
mod schema;
mod single;
mod suggest;
mod template;
mod yaml_value;

pub use answers::{ForwardedStyle, ForwardingConfig, HeaderStyle, ResetStyle, ResponseConfig};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use duration::{
    DURATION_MAX, DurationError, humane as humane_duration, parse as parse_duration,
};
pub use edge::{CountBy, EdgeBefore, EdgeConfig, EdgePass};
pub use expectation::{
    ExpectedVerdict, PolicyTest, TEST_REQUESTS_MAX, TestCaller, TestExpect, TestStep, Totals,
};
pub use grpc::{
    AskedIdentity, DESCRIPTOR_RULES_MAX, DescriptorAmount, DescriptorDomain, DescriptorLimit,
    DescriptorMode, DescriptorRule, DomainKind, GrpcConfig, RuleValue, WindowUnit,
};
pub use identity::{
    API_KEY_ISSUER, Algorithm, Anonymous, ApiKeysConfig, BucketKeys, CERTIFICATE_ISSUER,
    CertificateSubject, ClaimMap, ClientCertificates, IdentityConfig, InvalidToken, IssuerConfig,
    KeySource, RESERVED_ISSUERS, RefusalPace,
};
pub use limit::{
    Across, Amount, BURST_MAX, Limit, Mode, OnChange, OnExceed, Per, QuotaPeriod, QuotaRules,
    RATE_PER_SECOND_MAX, RATE_PERIOD_SECONDS_MAX, REFILL_MAX, Rate, Throttle, WINDOW_MAX,
    percent_of,
};
pub use network::{
    AdminApi, CheckEndpoint, ClientAuth, ClientAuthority, Endpoint, HealthCheck, Listener,
    OriginConfig, OriginProtocol, Scheme, Tls,
};
pub use notices::{EmailConfig, MailLogin, MailServer, MailTls, NoticesConfig, WebhookConfig};
pub use openapi::{OPENAPI_BYTES_MAX, import_openapi};
pub use operation::{
    AccessLog, CountingConfig, FailMode, ObservabilityConfig, OnFailure, Otlp, SizeLimits,
    StoreConfig, StorePlace, Timeouts,
};
pub use paths::{
    PATH_BYTES_MAX, PATH_SEGMENTS_MAX, PathError, PathRules, TrailingSlash, normalize,
};
pub use plan::{Plan, PlanId};
pub use policy::{LIMITS_PER_ROUTE_MAX, PLANS_MAX, POLICY_BYTES_MAX, Policy};
pub use ratelimit_file::import_ratelimit_file;
pub use route::{Route, RouteId, RouteMethod};
pub use routes::{ROUTES_MAX, RouteNode, RouteTable};
pub use schema::json_schema;
pub use single::LIMIT_BYTES_MAX;
pub use template::{
    TEMPLATE_BYTES_MAX, TEMPLATE_SEGMENTS_MAX, Template, TemplateError, TemplateNote,
};
pub use yaml_value::{YAML_BYTES_MAX, YamlError, yaml_value};
